"""The folder of a run: its files, how it is created, how it is found.

Place on the road: below what opens a run. It must not know what the files mean.

====================  ============================================================
settings.json         everything the run was made with; ``transform`` holds what is
                      known of a table's columns (``data.tables.rules``)
model.safetensors     the trained network
refitted.safetensors  the network trained again on all data, of a run that forecasts
history.json          the numbers of every epoch
metrics.json          results on the test data
checkpoints/          to resume a stopped run; removed when it is finished
*.png                 pictures
====================  ============================================================
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, ChainruleError, FileError, nearest
from ..saving import replace_file
from ..training import History
from .plain_json import as_json
from .settings import NewerFormat, Settings

#: Where runs go unless ``--out`` says otherwise.
RUNS = Path("runs")

#: The files that say what is to be done.
PLANS = frozenset({"settings.json", "tuning.json"})

#: The picture of ``--find-lr``, drawn before there is anything else.
RATES = "learning_rates.png"

#: What helps where a newer version has written a file.
UPGRADE = "pip install --upgrade chainrule"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Arguments:
        path: of the folder.
    """

    path: Path

    @property
    def model(self) -> Path:
        """The trained network."""
        return self.path / "model.safetensors"

    @property
    def refitted(self) -> Path:
        """The network that was trained again on all data, where a run has one."""
        return self.path / "refitted.safetensors"

    @property
    def predicting(self) -> Path:
        """The network that predictions are made by."""
        return self.refitted if self.refitted.is_file() else self.model

    @property
    def history(self) -> Path:
        """The numbers of every epoch."""
        return self.path / "history.json"

    @property
    def metrics(self) -> Path:
        """What came out on the test data; written last, so it marks a finished run."""
        return self.path / "metrics.json"

    @property
    def settings(self) -> Path:
        """Everything the run was made with."""
        return self.path / "settings.json"

    @property
    def checkpoints(self) -> Path:
        """The checkpoints of a stopped run."""
        return self.path / "checkpoints"

    @property
    def unfinished(self) -> str:
        """A sentence on a model whose training was stopped; "" of a finished run."""
        if self.metrics.is_file():
            return ""
        return (
            f"the training of {self} was stopped before its end; "
            f"chainrule train --resume {self} goes on"
        )

    @classmethod
    def create(cls, title: str, out: str | None) -> RunFolder:
        """A new folder: ``out``, or ``runs/<title>-<date>-<time>``.

        Raises:
            ArgumentError: ``out`` holds something already.
            FileError: it cannot be made.
        """
        if out is not None:
            path = Path(out)
            if path.exists() and not (path.is_dir() and not any(path.iterdir())):
                fix = "another folder"
                if cls(path).metrics.is_file():
                    fix += ": what is in it is finished"
                elif any((path / name).is_file() for name in PLANS):
                    fix += ", or --resume to resume the run in it"
                raise ArgumentError(
                    f"--out {out!r}: it exists already: a run is never overwritten",
                    fix=fix,
                )
        else:
            stem = RUNS / f"{title}-{time.strftime('%Y%m%d-%H%M%S')}"
            path, number = stem, 2
            while path.exists():
                path, number = Path(f"{stem}-{number}"), number + 1
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{path}: cannot be made: {error.strerror}") from error
        return cls(path)

    @classmethod
    def find(cls, run: str, *, trained: bool = True) -> RunFolder:
        """The folder that a user means.

        Arguments:
            run: its path; or ``latest``, for the newest one in ``runs``.
            trained: whether it must hold a model.

        Raises:
            FileError: there is no such run.
        """
        path = Path(run)
        if run == "latest" and not path.exists():
            runs = [each.parent for each in RUNS.glob("*/settings.json")]
            if trained:
                runs = [each for each in runs if cls(each).model.is_file()]
            if not runs:
                what = "trained run" if trained else "run"
                raise FileError(f"latest: there is no {what} in the folder 'runs'")
            path = max(runs, key=lambda each: each.stat().st_mtime)
        folder = cls(path)
        if not path.is_dir():
            raise _no_run(path)
        if not folder.settings.is_file():
            raise FileError(
                f"{path}: not the folder of a run: it holds no settings.json",
                fix=_similar(path) or "chainrule train makes one",
            )
        if trained and not folder.model.is_file():
            if folder.metrics.is_file():
                raise _no_model(path)
            begun = folder.checkpoints.is_dir() and any(folder.checkpoints.iterdir())
            when = "its training" if begun else "the first epoch"
            raise FileError(
                f"{path}: this run has no model yet: it was stopped before {when} "
                "ended",
                fix=f"chainrule train --resume {path}",
            )
        return folder

    @contextlib.contextmanager
    def removed_unless_begun(self) -> Iterator[None]:
        """Where something fails before anything is learned, the new folder is removed:
        there is nothing in it to resume, and its name can be used again.
        """
        try:
            yield
        except ChainruleError:
            files = {each.name for each in self.path.rglob("*") if each.is_file()}
            learned = self.history.is_file() and len(History.from_json(self.history))
            if not learned and files <= PLANS | {self.history.name, RATES}:
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    def read_settings(self) -> Settings:
        """The settings of the run.

        Raises:
            FileError: the file is damaged, or a newer version has written it.
        """
        try:
            text = self.settings.read_text(encoding="utf-8")
            return Settings.from_json(json.loads(text))
        except NewerFormat as error:
            raise FileError(f"{self.settings}: {error}", fix=UPGRADE) from error
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise FileError(f"{self.settings}: damaged settings: {reason}") from error

    def read_metrics(self) -> dict[str, Any]:
        """The scores of a finished run; nothing of one that is not.

        Raises:
            FileError: the file is damaged.
        """
        if not self.metrics.is_file():
            return {}
        try:
            values = json.loads(self.metrics.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise FileError(f"{self.metrics}: damaged metrics: {reason}") from error
        if not isinstance(values, dict) or not isinstance(values.get("test"), dict):
            raise FileError(f"{self.metrics}: damaged metrics: no test scores")
        return values

    def write(self, file: Path, values: Any) -> None:
        """Writes a JSON file, whole or not at all.

        Raises:
            FileError: it cannot be written.
        """
        replace_file(file, (as_json(values) + "\n").encode())

    def __str__(self) -> str:
        return str(self.path)


def _no_run(path: Path) -> FileError:
    if path.exists():
        return FileError(
            f"{path}: a file, not the folder of a run",
            fix=f"did you mean {str(path.parent)!r}?"
            if (path.parent / "settings.json").is_file()
            else "name the folder that chainrule train made",
        )
    return FileError(f"{path}: no such run", fix=_similar(path))


def _no_model(path: Path) -> FileError:
    """The error for a finished run whose network somebody has removed."""
    return FileError(
        f"{path}: this run is finished, but its file model.safetensors is missing",
        fix="restore the file, or train anew: chainrule train",
    )


def _similar(path: Path) -> str | None:
    """The run with the name most like this path, in a sentence."""
    here = [str(each.parent) for each in RUNS.glob("*/settings.json")]
    names = {Path(each).name: each for each in here} | {each: each for each in here}
    close = nearest(path.name, names)
    if close:
        return f"did you mean {names[close]!r}?"
    return f"the newest run is {max(here)!r}" if here else None
