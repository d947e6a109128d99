"""A search: every candidate on every fold, in as many processes as are wanted.

Place on the road: the top of ``tuning``. What is to be done is plain values, which are
kept as JSON; what is done is a line in the journal. So a search that was killed goes on
where it was, with the answer that it would have had.

==================  ==============================================================
tuning.json         what is searched, and how
folds.jsonl         a line for every finished fold
growth/             the weights of growing networks, until the search is finished
choice.json         every candidate with its errors, and the one that was chosen
candidates.csv      the same as a table
==================  ==============================================================
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ChainruleError, FileError, StateError
from ..runs.folder import UPGRADE, RunFolder
from ..runs.settings import NewerFormat, Settings, check_format
from ..saving import replace_file
from .choice import Score
from .folds import Fold, Folds
from .journal import Journal
from .space import Candidate, Space
from .trials import Outcome, Task, task_for, train_fold
from .workers import results

FORMAT = "chainrule.tuning/1"

#: (finished folds, all folds, the last outcome)
Watcher = Callable[[int, int, Outcome | None], None]


@dataclass(frozen=True)
class Plan:
    """What is searched.

    Arguments:
        settings: of the run in the end; candidates differ from it.
        space: the candidates.
        folds: how many.
        rule: how one is chosen, of ``choice.RULES``.
        members: how many networks of the chosen kind are trained in the end.
        method: ``"grid"``, ``"grow"`` or ``"trials"``.
        trials: how many candidates are tried, by ``"trials"``.
        storage: the address of the database of the trials; None for one in the folder.
        study: the name of the study in it.
    """

    settings: Settings
    space: Space
    folds: int
    rule: str
    members: int
    method: str = "grid"
    trials: int = 0
    storage: str | None = None
    study: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **vars(self),
            "format": FORMAT,
            "settings": self.settings.to_json(),
            "space": self.space.to_json(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Plan:
        """The inverse of ``to_json``.

        Raises:
            KeyError, TypeError, ValueError: they are no plan.
        """
        check_format(values["format"], FORMAT, "a search")
        rest = {name: value for name, value in values.items() if name != "format"}
        settings = Settings.from_json(rest["settings"])
        space = Space.from_json(rest["space"])
        return cls(**{**rest, "settings": settings, "space": space})

    @property
    def network_sizes(self) -> tuple[int, int]:
        """How many numbers go in and come out."""
        return self.settings.network.inputs, self.settings.network.outputs


@dataclass(frozen=True)
class SearchFolder:
    """The files of a search, in the folder of the run that it ends with.

    Arguments:
        run: the folder.
    """

    run: RunFolder

    @property
    def path(self) -> Path:
        """Of the folder."""
        return self.run.path

    @property
    def plan(self) -> Path:
        """What is searched."""
        return self.path / "tuning.json"

    @property
    def journal(self) -> Path:
        """What is finished."""
        return self.path / "folds.jsonl"

    @property
    def growth(self) -> Path:
        """The weights of growing networks."""
        return self.path / "growth"

    @property
    def choice(self) -> Path:
        """What came out."""
        return self.path / "choice.json"

    @classmethod
    def find(cls, path: str) -> SearchFolder:
        """The folder of a search that was begun.

        Raises:
            FileError: there is none.
        """
        found = cls(RunFolder(Path(path)))
        if not found.plan.is_file():
            why = "no such folder" if not found.path.is_dir() else "it holds no search"
            raise FileError(
                f"{path}: {why}", fix="the folder that chainrule tune made and named"
            )
        return found

    def read_plan(self) -> Plan:
        """What is searched.

        Raises:
            FileError: the file is damaged, or a newer version has written it.
        """
        try:
            return Plan.from_json(json.loads(self.plan.read_text(encoding="utf-8")))
        except NewerFormat as error:
            raise FileError(f"{self.plan}: {error}", fix=UPGRADE) from error
        except (OSError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise FileError(f"{self.plan}: damaged: {reason}") from error


def known_outcomes(folder: SearchFolder) -> list[Outcome]:
    """The outcomes in the journal.

    Raises:
        FileError: it is damaged.
    """
    entries = Journal(folder.journal).read()
    try:
        return [Outcome.from_json(entry) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{folder.journal}: damaged: {error!r}") from error


def evaluate(
    plan: Plan,
    folder: SearchFolder,
    folds: Folds,
    processes: int,
    watch: Watcher,
) -> list[Score]:
    """Every candidate of the grid on every fold, those in the journal not again.

    Arguments:
        plan, folder, folds: of the search.
        processes: how many folds are trained at a time.
        watch: is told of every finished fold.

    Returns:
        A score for every candidate, in their order.
    """
    candidates = plan.space.candidates()
    known = {(each.candidate, each.fold): each for each in known_outcomes(folder)}
    everything = [(each, fold) for each in candidates for fold in range(len(folds))]
    known = {pair: known[pair] for pair in everything if pair in known}
    tasks = [
        task_for(plan.settings, each, fold, folds.largest)
        for each, fold in everything
        if (each, fold) not in known
    ]
    watch(len(known), len(everything), None)
    journal = Journal(folder.journal)
    for outcome in outcomes(tasks, folds, processes):
        journal.append(outcome.to_json())
        known[outcome.candidate, outcome.fold] = outcome
        watch(len(known), len(everything), outcome)
    return [
        scored(plan, each, [known[each, fold] for fold in range(len(folds))])
        for each in candidates
    ]


def scored(plan: Plan, candidate: Candidate, found: Sequence[Outcome]) -> Score:
    """The score of a candidate, from its outcomes in the order of the folds."""
    errors = tuple(outcome.error for outcome in found)
    return Score(candidate, candidate.parameters(*plan.network_sizes), errors)


def outcomes(tasks: Sequence[Task], folds: Folds, processes: int) -> Iterator[Outcome]:
    """The outcomes of tasks, as they are finished.

    Arguments:
        tasks: what is trained.
        folds: on what.
        processes: how many at a time; in this process where it is one.

    Raises:
        StateError: a process was killed.
    """
    if processes == 1 or len(tasks) < 2:
        for task in tasks:
            yield train_fold(task, folds[task.fold])
        return
    parts = [folds[number] for number in range(len(folds))]
    yield from results(_train, list(tasks), parts, min(processes, len(tasks)))


def _train(task: Task, parts: Sequence[Fold]) -> Outcome:
    return train_fold(task, parts[task.fold])


def keep_choice(
    folder: SearchFolder, scores: Sequence[Score], chosen: Score, **more: Any
) -> None:
    """Writes ``choice.json`` and ``candidates.csv``."""
    ordered = sorted(scores, key=lambda score: (score.mean, score.parameters))
    values = {
        "chosen": chosen.to_json(),
        "candidates": [score.to_json() for score in ordered],
        **more,
    }
    folder.run.write(folder.choice, values)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("hidden", "lr", "weight_decay", "dropout", "parameters", "error")
    count = len(chosen.errors)
    writer.writerow(
        [*names, "standard_error", *(f"fold {n + 1}" for n in range(count)), "chosen"]
    )
    for score in ordered:
        row = score.to_json()
        hidden = " ".join(map(str, row["hidden"]))
        cells = [hidden, *(row[name] for name in names[1:]), row["standard_error"]]
        writer.writerow([*cells, *score.errors, score is chosen])
    replace_file(folder.path / "candidates.csv", text.getvalue().encode())


def all_diverged(scores: Sequence[Score]) -> ChainruleError | None:
    """An error where no candidate could be trained on every fold."""
    if any(np.isfinite(score.mean) for score in scores):
        return None
    return StateError(
        "tune: no candidate was trained on every fold: the loss became NaN or infinite",
        fix="a smaller --lr",
    )
