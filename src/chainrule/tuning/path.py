"""A network that grows while cross-validation gains from it.

Place on the road: beside the grid of ``search``, whose folder and journal it shares. It
starts with one layer, doubles its units while that gains more than one standard error,
and then adds layers in the same way. Each network starts from the last one that was
kept, fold by fold, and finally on all training data.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ..errors import FileError
from ..saving import replace_file
from .choice import Score, standard_error
from .folds import Fold, Folds
from .journal import Journal
from .search import Plan, SearchFolder, Watcher, known_outcomes, outcomes, scored
from .space import Candidate
from .trials import Start, task_for, train_fold


@dataclass(frozen=True)
class Step:
    """One network of the path.

    Arguments:
        score: its errors.
        gain: how much smaller its mean error is than that of the network that it grew
            from; None for the first.
        gain_error: the standard error of the gain, over the folds.
        kept: whether the next one grows from it.
    """

    score: Score
    gain: float | None
    gain_error: float | None
    kept: bool

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **self.score.to_json(),
            "gain": self.gain,
            "gain_error": self.gain_error,
            "kept": self.kept,
        }


def grow(
    plan: Plan, folder: SearchFolder, folds: Folds, processes: int, watch: Watcher
) -> list[Step]:
    """The networks of the path, in their order; those that are kept lead to the last.

    Arguments:
        plan, folder, folds, processes, watch: as for ``search.evaluate``.
    """
    space = plan.space
    widest, deepest = int(max(space.hidden.values)), int(max(space.layers.values))
    first = replace(space.candidates()[0], hidden=(int(min(space.hidden.values)),))
    walk = _Walk(plan, folder, folds, processes, watch, most_steps(plan))
    steps = [Step(walk.score(first, None), None, None, kept=True)]
    kept = first
    while 2 * kept.hidden[0] <= widest:
        step = walk.step(steps, kept, (2 * kept.hidden[0],))
        steps.append(step)
        if not step.kept:
            break
        kept = step.score.candidate
    while len(kept.hidden) < deepest:
        step = walk.step(steps, kept, (*kept.hidden, kept.hidden[-1]))
        steps.append(step)
        if not step.kept:
            break
        kept = step.score.candidate
    return steps


def most_steps(plan: Plan) -> int:
    """How many networks there are on the path at most."""
    space = plan.space
    doublings = int(math.log2(max(space.hidden.values) / min(space.hidden.values)))
    return 1 + doublings + max(0, int(max(space.layers.values)) - 1)


def last_kept(steps: Sequence[Step]) -> Score:
    """The network at which growth ended."""
    return [step for step in steps if step.kept][-1].score


class _Walk:
    """What the steps of a path have in common."""

    def __init__(
        self,
        plan: Plan,
        folder: SearchFolder,
        folds: Folds,
        processes: int,
        watch: Watcher,
        most: int,
    ) -> None:
        self.plan, self.folder, self.folds = plan, folder, folds
        self.processes, self.watch = processes, watch
        self.total = most * len(folds)
        self.known = {(o.candidate, o.fold): o for o in known_outcomes(folder)}
        watch(len(self.known), self.total, None)

    def step(
        self, steps: Sequence[Step], kept: Candidate, hidden: tuple[int, ...]
    ) -> Step:
        """A network that grows from the kept one, and whether that is gained from."""
        score = self.score(replace(kept, hidden=hidden), kept)
        before = next(s.score for s in steps if s.score.candidate == kept)
        gains = np.subtract(before.errors, score.errors)
        if not np.isfinite(gains).all():
            return Step(score, None, None, kept=False)
        gain = float(np.mean(gains))
        spread = standard_error(gains)
        return Step(score, gain, spread, kept=gain > spread)

    def score(self, candidate: Candidate, before: Candidate | None) -> Score:
        """Its errors, each fold started from the weights of an earlier network."""
        numbers = range(len(self.folds))
        tasks = []
        for fold in numbers:
            weights = weights_file(self.folder, candidate, str(fold))
            outcome = self.known.get((candidate, fold))
            if outcome is not None and (weights.is_file() or outcome.error == math.inf):
                continue
            start = None if before is None else self._start(before, fold)
            more = {"start": start, "keeps": True}
            rows = self.folds.largest
            tasks.append(task_for(self.plan.settings, candidate, fold, rows, **more))
        journal = Journal(self.folder.journal)
        for outcome in outcomes(tasks, self.folds, self.processes):
            if outcome.weights is not None:
                file = weights_file(self.folder, candidate, str(outcome.fold))
                _write(file, outcome.weights)
            if (candidate, outcome.fold) not in self.known:
                journal.append(outcome.to_json())
            self.known[candidate, outcome.fold] = replace(outcome, weights=None)
            self.watch(len(self.known), self.total, outcome)
        return scored(self.plan, candidate, [self.known[candidate, n] for n in numbers])

    def _start(self, before: Candidate, fold: int) -> Start:
        return Start(before.hidden, _read(weights_file(self.folder, before, str(fold))))


def grown_start(
    plan: Plan, folder: SearchFolder, steps: Sequence[Step], whole: Fold
) -> Start | None:
    """The path again, on all training data, up to the network before the last.

    Arguments:
        plan, folder: of the search.
        steps: those of ``grow``.
        whole: all training data; of what is held out nothing is looked at.

    Returns:
        What the network in the end starts from; None where it is the first.
    """
    start: Start | None = None
    for step in [step for step in steps if step.kept][:-1]:
        candidate = step.score.candidate
        file = weights_file(folder, candidate, "all")
        if not file.is_file():
            rows = len(whole.held_inputs)
            more = {"start": start, "keeps": True}
            outcome = train_fold(
                task_for(plan.settings, candidate, 0, rows, **more), whole
            )
            if outcome.weights is None:
                return start
            _write(file, outcome.weights)
        start = Start(candidate.hidden, _read(file))
    return start


def forget_weights(folder: SearchFolder) -> None:
    """Removes what is needed only while a network grows."""
    shutil.rmtree(folder.growth, ignore_errors=True)


def weights_file(folder: SearchFolder, candidate: Candidate, part: str) -> Path:
    """Where the weights of a network, trained on a part of the data, are kept."""
    sizes = "-".join(map(str, candidate.hidden))
    return folder.growth / f"{sizes}-fold-{part}.safetensors"


def _write(file: Path, weights: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    replace_file(file, save_tensors(dict(weights)))


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(load_tensors(file.read_bytes()))
    except Exception as error:
        raise FileError(
            f"{file}: damaged: {error}",
            fix="remove it: what it held is trained again",
        ) from error
