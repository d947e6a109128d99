"""Where a NaN came from: the failing step is found, undone and looked at.

Place on the road: the loop's safety net. Every so many steps everything is copied;
when a loss is NaN or infinite, training is repeated from the last copy, to the bit,
until the first step that spoils a value. That step is undone and evaluated once more,
operation by operation, under ``check_numerics``. Good steps pay nothing for this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..checks import check_numerics
from ..errors import NumericsError
from ..graph import Array
from .run import Run
from .snapshot import capture, restore

#: Steps between two copies, at most: what must be repeated to find a NaN.
STEPS_BETWEEN_COPIES = 256

#: (epoch, first batch) → the batches from there on.
Batches = Callable[[int, int], Iterator[tuple[Any, Any]]]


@dataclass
class Copy:
    """All values at one moment, and the moment."""

    arrays: dict[str, Array]
    epoch: int
    batch: int
    step: int


class NumericsGuard:
    """Copies values now and then, and finds the step and operation that spoilt them.

    Arguments:
        run: what is guarded.
        step: the compiled step.
        batches: where to get the batches again.
        steady: whether nothing but steps changes values, so that a copy serves beyond
            the end of its epoch.
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
        """What callbacks have changed between epochs counts from here."""
        if not self.steady:
            self.last = self._copy()

    def end_epoch(self) -> None:
        """Callbacks may look at the values now, so they must be sound."""
        if not self.steady:
            self.check_values()

    def look(self, loss: float) -> None:
        """After every step.

        Raises:
            NumericsError: when the loss, or a value, is NaN or infinite.
        """
        if not math.isfinite(loss):
            self.explain()
        if self.run.step - self.last.step >= STEPS_BETWEEN_COPIES:
            self.check_values()

    def check_values(self) -> None:
        """Now and then: whether all values are sound; then they are the new copy."""
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
        """The failing step, one operation after the other."""
        run = self.run
        head = f"fit: {what}"
        good = f"the model is as it was after step {number - 1}, the last good one"
        try:
            with check_numerics():
                self.step.function(*batch)
        except NumericsError as error:
            raise NumericsError(
                f"{head}: {error.what}; {good}",
                at=error.at,
                layer=error.layer,
                fix=error.fix,
            ) from None
        finally:
            restore(run.model, run.optimizer, before)
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
