"""How many steps of training are made in one call of machine code.

Place on the road: between the loop, which says what happens around a step, and the
compiled step, which is called for many batches by ``for_rows``. A call lasts a moment:
so Ctrl-C, the time limit and the progress bar need not wait, and a long step is a call
by itself. What is computed is the same, to the bit, however many steps a call makes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tree
from ..compiler.compile import Compiled
from ..config import config
from ..data import Dataset
from ..data.batching import rows_of_batches
from ..graph import Array
from .events import Callback, Dispatcher
from .examples import Examples
from .objective import unweighted
from .run import Run

#: How long a call of many steps takes, in seconds.
MOMENT = 0.02
#: A call makes no more steps than this: a NaN is looked for among them one by one.
MOST = 4096
#: Fewer steps than this are made one by one: each takes so long that Python between
#: them does not matter.
FEWEST = 8


@dataclass(frozen=True)
class Stride:
    """The batches of several steps.

    Attributes:
        rows: ``(steps, B)``, which examples each has.
        inputs, targets: those of all examples.
        last: inputs and targets of the last batch.
    """

    rows: Array
    inputs: Any
    targets: Any
    last: tuple[Any, Any]

    def masses(self) -> list[float]:
        """What each batch counts for, as ``step.mass`` says it."""
        weights = unweighted(self.targets)[1]
        if weights is None:
            return [float(self.rows.shape[1])] * len(self.rows)
        return [float(weights[rows].sum()) for rows in self.rows]


class Strides:
    """The batches of an epoch: one by one or, where steps are short, many at a time.

    Arguments:
        examples, run: what is trained on, and the run.
        shuffle: whether every epoch has an order of its own.
        announce: the callbacks; those that hear of batches say how many may pass.
        step: the training step.
        batches: (epoch, first batch) ↦ the batches from there on, one by one.
    """

    def __init__(
        self,
        examples: Examples,
        run: Run,
        shuffle: bool,
        announce: Dispatcher,
        step: Any,
        batches: Callable[[int, int], Iterator[tuple[Any, Any]]],
    ) -> None:
        self.examples, self.run, self.shuffle = examples, run, shuffle
        self.batches = batches
        self.possible = (
            isinstance(step, Compiled)
            and examples.in_memory
            and not announce.listeners["on_batch_start"]
            and not any(hasattr(each, "measured") for each in announce.callbacks)
        )
        self.hearing = announce.hearing("on_batch_end")
        self.data: tuple[Any, Any] | None = None
        #: the least time that a step has taken so far
        self.seconds = math.inf

    def __call__(self, epoch: int, start: int) -> Iterator[Any]:
        """The batches from one of them on: (inputs, targets), or a ``Stride``."""
        if not self.possible:
            yield from self.batches(epoch, start)
            return
        run, source = self.run, self.examples.source
        assert isinstance(source, Dataset)
        parts = rows_of_batches(
            source, run.batch_size, self.shuffle, run.seed, epoch - 1, run.drop_last
        )
        done = start
        while done < len(parts):
            count = self._count(parts, done)
            last = self.examples.at(parts[done + count - 1])
            began = time.perf_counter()
            yield last if count == 1 else self._stride(parts[done : done + count], last)
            seconds = (time.perf_counter() - began) / count
            self.seconds = min(self.seconds, seconds)
            done += count

    def _most(self) -> int:
        """The steps that callbacks let pass."""
        said = [
            each.steps_at_once(self.run) if isinstance(each, Callback) else 1
            for each in self.hearing
        ]
        return min(said, default=MOST)

    def _count(self, parts: list[Array], done: int) -> int:
        """How many steps are made next: those of equal batches."""
        if config.check_numerics:
            return 1
        most = min(self._most(), MOST, int(MOMENT / self.seconds), len(parts) - done)
        size = len(parts[done])
        count = 0
        while count < most and len(parts[done + count]) == size:
            count += 1
        return count if count >= FEWEST else 1

    def _stride(self, parts: list[Array], last: tuple[Any, Any]) -> Stride:
        if self.data is None:
            inputs, targets = self.examples.at(slice(None))
            self.data = contiguous(inputs), contiguous(targets)
        return Stride(np.stack(parts), *self.data, last)


def contiguous(part: Any) -> Any:
    """Arrays whose rows lie one after the other; copied where they do not."""
    leaves, structure = tree.flatten(part)
    copied = [a if a is None else np.ascontiguousarray(a) for a in leaves]
    return tree.unflatten(structure, copied)
