"""The runs of a folder side by side: what each was made with, and how it did.

Place on the road: above the folder of a run and its scores, below the command that
lists them. Runs are compared by their scores on *validation* data: choosing the best of
many by its test score would leave nothing to measure the choice with.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ChainruleError, FileError, OptionError, nearest
from ..training import History
from ..wording import counted
from .folder import RUNS, RunFolder
from .report import MAIN_SCORES
from .settings import CODED, Settings
from .tasks.names import TASKS, task_named

#: Settings that say where things are and how they are read, not how a run was made.
NOT_COMPARED = (
    "transform", "version", "source.name", "source.file", "source.folder",
    "source.class_folders", "title", "network.mean", "network.std", "network.visible",
    "network.labels", "baselines", "watch",
)  # fmt: skip

STATES = ("finished", "unfinished", "unreadable")


@dataclass(frozen=True)
class RunSummary:
    """A run in a line.

    Arguments:
        path: its folder.
        state: ``"finished"``; ``"unfinished"``: still training, or stopped; or
            ``"unreadable"``.
        reason: why it is not finished or not readable.
        data, task, target: what it learned.
        settings: everything it was made with, by name: ``{"training.lr": 0.003, …}``.
        validation, test: its scores; empty where there are none. Validation scores of a
            network that was chosen by cross-validation are means over ``folds``, with
            a ``standard_error``.
        kept: the epoch whose weights are kept.
        changed: when its folder was last written to, in seconds.
    """

    path: Path
    state: str
    reason: str = ""
    data: str = ""
    task: str = ""
    target: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] = field(default_factory=dict)
    test: Mapping[str, Any] = field(default_factory=dict)
    kept: int | None = None
    changed: float = 0.0

    @property
    def score_name(self) -> str:
        """Which score runs of this task are compared by: accuracy or RMSE."""
        return _main_score(self.task)[0]

    @property
    def score(self) -> float | None:
        """The validation score of the kept weights, or that of the network in
        cross-validation, by which it was chosen; None where there is neither.
        """
        value = self.validation.get(self.score_name)
        return float(value) if isinstance(value, (int, float)) else None

    @property
    def rank(self) -> tuple[float, float]:
        """Smaller is better; runs without a score come last. Of equal accuracies, the
        one with the smaller cross-entropy is better.
        """
        if self.score is None:
            return math.inf, math.inf
        second = self.validation.get("cross_entropy")
        loss = float(second) if isinstance(second, (int, float)) else math.inf
        return (self.score if _main_score(self.task)[1] else -self.score), loss

    @property
    def group(self) -> tuple[str, str, str]:
        """Runs of one group learned the same from the same data."""
        return self.data, self.target, self.task

    def to_dict(self) -> dict[str, Any]:
        """A row of a table, without the test scores."""
        return {
            "run": str(self.path),
            "state": self.state,
            "reason": self.reason,
            "data": self.data,
            "task": self.task,
            "target": self.target,
            "score": self.score_name,
            "validation": self.score,
            "standard_error": self.validation.get("standard_error"),
            "kept": self.kept,
            **self.settings,
        }


def _main_score(task: str) -> tuple[str, bool]:
    """The score by which runs of a task are compared, and whether less is better."""
    if task in TASKS:
        return task_named(task).score
    return MAIN_SCORES.get(task, ("", True))


def list_runs(folder: str | os.PathLike[str] = RUNS) -> list[RunSummary]:
    """The runs in a folder, the newest first.

    ``pandas.DataFrame([run.to_dict() for run in cr.runs.list_runs()])`` is a table of
    them. Folders that hold no run are passed over; a damaged run is listed as
    ``"unreadable"`` with the reason.

    Arguments:
        folder: the folder whose folders are runs.

    Raises:
        FileError: there is no such folder.

    Example:
        >>> import tempfile
        >>> list_runs(tempfile.mkdtemp())
        []
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileError(
            f"{root}: no such folder: there are no runs yet"
            if root == RUNS
            else f"{root}: no such folder",
            fix="chainrule train makes a run",
        )
    found = [each.parent for each in root.glob("*/settings.json")]
    return sorted(map(summary, found), key=lambda each: -each.changed)


def summary(path: Path) -> RunSummary:
    """A run in a line, whatever state its folder is in."""
    folder = RunFolder(path)
    changed = folder.settings.stat().st_mtime if folder.settings.exists() else 0.0
    try:
        settings = folder.read_settings()
        metrics = folder.read_metrics()
    except ChainruleError as error:
        reason = error.what.removeprefix(f"{path}{os.sep}")
        return RunSummary(path, "unreadable", reason, changed=changed)
    start: dict[str, Any] = {
        "data": settings.title,
        "task": settings.task,
        "target": settings.target,
        "settings": _compared_settings(settings),
        "changed": changed,
    }
    if not metrics:
        return RunSummary(path, "unfinished", _progress(folder, settings), **start)
    kept = metrics.get("kept") or {}
    return RunSummary(
        path,
        "finished",
        validation=metrics.get("validation") or metrics.get("cross_validation") or {},
        test=metrics["test"],
        kept=kept.get("epoch") if isinstance(kept, dict) else None,
        **start,
    )


def _progress(folder: RunFolder, settings: Any) -> str:
    network = settings.network
    layers = len(network.hidden) if network.model == "dbn" else 1
    of = settings.training.epochs * layers
    try:
        done = len(History.from_json(folder.history))
    except FileError:
        return f"still training, or stopped before all {of} epochs were done"
    where = ""
    if layers > 1:
        layer = min(done // settings.training.epochs + 1, layers)
        where = f", in layer {layer} of {layers}"
    return f"stopped after {done} of {counted(of, 'epoch')}{where}"


def _compared_settings(settings: Settings) -> dict[str, Any]:
    """All settings by dotted names. The outputs of a model that learns features are its
    code; a machine has units of its own, and no activation.
    """
    flat = flattened(asdict(settings))
    if not settings.network.learns_features:
        return flat
    if settings.network.model not in CODED:
        del flat["network.activation"]
    return {n.replace("network.outputs", "network.code"): v for n, v in flat.items()}


def flattened(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings by dotted names, without what is not compared."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        whole = f"{before}{name}"
        if whole in NOT_COMPARED:
            continue
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{whole}.")
        else:
            flat[whole] = list(value) if isinstance(value, tuple) else value
    return flat


def differing(runs: Sequence[RunSummary]) -> list[str]:
    """The names of the settings that are not the same in all of some runs."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    return [
        name
        for name in names
        if any(run.settings.get(name) != runs[0].settings.get(name) for run in runs)
    ]


def short(name: str) -> str:
    """``training.lr`` → ``lr``"""
    return name.rpartition(".")[2]


def same_validation(runs: Iterable[RunSummary]) -> bool:
    """Whether runs were validated on the same rows, so that scores can be compared."""
    asked = ("source.sha256", "source.test", "training.validation", "training.seed")
    rows = {
        (*(run.settings.get(name) for name in asked), run.validation.get("folds"))
        for run in runs
    }
    return len(rows) <= 1


@dataclass(frozen=True)
class Condition:
    """``lr>0.001``, ``optimizer=adam``: which runs are wanted.

    Arguments:
        name: of a setting, in short or in full; or ``data``, ``task``, ``target``,
            ``state``, ``run``, ``score``.
        sign: ``=``, ``<`` or ``>``.
        value: as it was typed.
    """

    name: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition that a word stands for.

        Raises:
            OptionError: no sign, or nothing on a side of it.

        Example:
            >>> Condition.parse("lr>0.001")
            Condition(name='lr', sign='>', value='0.001')
        """
        found = re.fullmatch(r"\s*([\w.]+)\s*([=<>])\s*(.+?)\s*", text)
        if found is None:
            raise OptionError(
                f"{text!r} is not a condition: expected a name, one of = < >, and a "
                "value",
                fix="optimizer=adam, lr>0.001 or data=houses.csv",
            )
        return cls(*found.groups())

    def holds(self, run: RunSummary) -> bool:
        """Whether a run fulfils it.

        Raises:
            OptionError: runs have nothing of this name.
        """
        value = self._value(run)
        if isinstance(value, list):
            value = ",".join(map(str, value))
        left, right = _number(value), _number(self.value)
        if self.sign == "=":
            return str(value) == self.value or (left is not None and left == right)
        if left is None or right is None:
            return False
        return left < right if self.sign == "<" else left > right

    def _value(self, run: RunSummary) -> Any:
        own = {
            "run": run.path.name, "data": run.data, "task": run.task,
            "target": run.target, "state": run.state, "score": run.score,
        }  # fmt: skip
        if self.name in own:
            return own[self.name]
        names = {short(name): name for name in reversed(list(run.settings))}
        if self.name in run.settings or self.name in names:
            return run.settings.get(names.get(self.name, self.name))
        if not run.settings:  # unreadable: nothing is known of it
            return None
        known = sorted({*own, *names})
        close = nearest(self.name, known)
        raise OptionError(
            f"{self.name!r}: runs have no setting of this name",
            fix=f"did you mean {close!r}?" if close else f"one of {', '.join(known)}",
        )


def _number(value: Any) -> float | None:
    """A value as a number; None where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
