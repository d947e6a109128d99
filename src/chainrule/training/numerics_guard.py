"""``NumericsGuard``: finds the step and the operation that made a NaN.

Place on the road: part of the loop. All values are copied at least every
``STEPS_BETWEEN_COPIES`` steps. When a loss is NaN or infinite, training is repeated
from the last copy, bit by bit the same, up to the first step that makes a NaN. That
step is undone and evaluated again, operation by operation, under ``check_numerics``.
Other steps cost nothing extra.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..checks import first_fault
from ..errors import NumericsError
from ..graph import Array
from .run import Run
from .snapshot import capture, restore

#: The most steps between two copies, which are repeated to find a NaN.
STEPS_BETWEEN_COPIES = 256

#: (epoch, first batch) → the batches from there on.
Batches = Callable[[int, int], Iterator[tuple[Any, Any]]]


@dataclass
class Copy:
    """All values at one step, and the position of that step."""

    arrays: dict[str, Array]
    epoch: int
    batch: int
    step: int


class NumericsGuard:
    """Copies values regularly, and finds the step and operation that made a NaN.

    Arguments:
        run: what is guarded.
        step: the compiled step.
        batches: yields the batches of an epoch again.
        steady: whether only steps change values, so that a copy stays useful beyond the
            end of its epoch.
    """

    def __init__(self, run: Run, step: Any, batches: Batches, steady: bool) -> None:
        self.run = run
        self.step = step
        self.batches = batches
        self.steady = steady
        self.last = self._copy()
        self.spoilt_before = spoilt(self.last.arrays)

    def _copy(self) -> Copy:
        run = self.run
        arrays = capture(run.model, run.optimizer)
        return Copy(arrays, run.epoch, run.batch, run.step)

    def begin_epoch(self) -> None:
        """Copies the values, which callbacks may have changed between epochs."""
        if not self.steady:
            self.last = self._copy()

    def end_epoch(self) -> None:
        """Checks the values before callbacks can use them."""
        if not self.steady:
            self.check_values()

    def look(self, loss: float) -> None:
        """Checks the loss after a step, and now and then all values.

        Raises:
            NumericsError: when the loss, or a value, is NaN or infinite.
        """
        if not math.isfinite(loss):
            self.explain()
        if self.run.step - self.last.step >= STEPS_BETWEEN_COPIES:
            self.check_values()

    def check_values(self) -> None:
        """Checks that all values are finite, and keeps them as the new copy."""
        copy = self._copy()
        if spoilt(copy.arrays) - self.spoilt_before:
            self.explain()
        self.last = copy

    def explain(self) -> NoReturn:
        """Repeats the steps since the last copy up to the one that went wrong.

        Raises:
            NumericsError: always; the model is left as it was before that step.
        """
        run, start = self.run, self.last
        restore(run.model, run.optimizer, start.arrays)
        repeated = zip(range(start.step + 1, run.step + 1), self._again(), strict=False)
        for number, (epoch, where, batch) in repeated:
            before = capture(run.model, run.optimizer)
            loss = float(self.step(*batch)[0].value)
            after = capture(run.model, run.optimizer)
            wrong = spoilt(after) - self.spoilt_before
            if not math.isfinite(loss) or wrong:
                restore(run.model, run.optimizer, before)
                place = f"step {number} (epoch {epoch}, batch {where})"
                self._raise(batch, before, number, f"{place}: {_what(loss, wrong)}")
        restore(run.model, run.optimizer, start.arrays)
        raise NumericsError(
            f"fit: step {run.step}: a value became NaN or infinite, but not again when "
            f"the steps since step {start.step} were repeated; the model is as it was "
            f"after step {start.step}",
            fix="whatever draws numbers or changes values must do so inside the model "
            "and the data's order",
        )

    def _again(self) -> Iterator[tuple[int, int, tuple[Any, Any]]]:
        """The batches since the last copy: (epoch, number from 1, batch)."""
        first = self.last.batch
        for epoch in range(self.last.epoch, self.run.epoch + 1):
            for number, batch in enumerate(self.batches(epoch, first), first + 1):
                yield epoch, number, batch
            first = 0

    def _raise(
        self,
        batch: tuple[Any, Any],
        before: dict[str, Array],
        number: int,
        what: str,
    ) -> NoReturn:
        """Evaluates the failing step operation by operation, and raises its error."""
        run = self.run
        head = f"fit: {what}"
        good = f"the model is as it was after step {number - 1}, the last good one"
        try:
            error = first_fault(self.step.function, *batch)
        finally:
            restore(run.model, run.optimizer, before)
        if error is not None:
            raise NumericsError(
                f"{head}: {error.what}; {good}",
                at=error.at,
                layer=error.layer,
                fix=error.fix,
            )
        raise NumericsError(f"{head}; {good}", fix="a smaller learning rate")


def spoilt(arrays: dict[str, Array]) -> set[str]:
    """The names of the arrays with a NaN or an infinity."""
    return {
        name
        for name, array in arrays.items()
        if array.dtype.kind == "f" and not np.isfinite(array).all()
    }


def _what(loss: float, wrong: set[str]) -> str:
    if not math.isfinite(loss):
        return f"the loss is {'NaN' if math.isnan(loss) else 'infinite'}"
    name = min(wrong).split(".", 1)[-1]
    return f"the loss is finite, but {name} became NaN or infinite"
