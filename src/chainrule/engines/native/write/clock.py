"""The processor's counter around kernels: how long each takes.

Place on the road: below ``program``, for ``explain``; else nothing of it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import ir
from .emit import I64, POINTER, index, intrinsic, smaller


class Clock:
    """Writes down ticks in a table of 64-bit integers.

    Arguments:
        b: where the kernels are called.
        counter: the intrinsic that reads the counter.
        table: its address; 0 where nothing is to be measured.
    """

    def __init__(self, b: ir.IRBuilder, counter: str, table: int) -> None:
        self.b, self.counter, self.table = b, counter, table

    @contextmanager
    def watching(self, number: int) -> Iterator[None]:
        """The least count of what is called meanwhile, at this place of the table."""
        if not self.table:
            yield
            return
        before = self._now()
        yield
        count, place = self.b.sub(self._now(), before), self._place(number)
        least = smaller(self.b, count, self.b.load(place, I64, align=8))
        self.b.store(least, place, align=8)

    def stop(self, number: int) -> None:
        """The counter itself, at this place of the table."""
        if self.table:
            self.b.store(self._now(), self._place(number), align=8)

    def _now(self) -> ir.Value:
        return intrinsic(self.b, self.counter, I64, [])

    def _place(self, number: int) -> ir.Value:
        return self.b.inttoptr(index(self.table + 8 * number), POINTER)
