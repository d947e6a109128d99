"""Doubts that arithmetic leaves about a processor, and what a trial says of them.

Place on the road: asked where tiles are chosen; ``run.trials`` makes the trials. Some
ways to cut a product pay on one maker's processors and cost on another's. Which they
are is not written down: one product is computed in both ways, once on a machine.

The order of every sum is the same both ways, so results do not depend on the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

#: Copies have to save a twentieth of the time: machines are noisy, and copies take
#: memory. Tiles of another width cost nothing.
MARGIN = 0.95


class Doubt(Enum):
    """A way to cut products that may pay: wider tiles, or which factor is copied, and
    how it lies.

    Numbers that are a multiple of a large power of two apart compete for the same lines
    of a cache.
    """

    WIDE = "tiles of four vectors of columns, not of two"
    ROWS = "copies of rows of A, their numbers far apart along the sum"
    ALIGNED_ROWS = "copies of rows of A, a multiple of 1 kB apart"
    PANELS = "copies of panels of a large B for 96 to 128 rows of A"
    CROWDED_PANELS = "copies of panels that crowd a cache, for 64 to 128 rows of A"

    @property
    def short(self) -> str:
        """In one word."""
        if self is Doubt.WIDE:
            return "wide"
        return "rows" if self in (Doubt.ROWS, Doubt.ALIGNED_ROWS) else "panels"

    @property
    def margin(self) -> float:
        """It pays in less than this share of the plain way's time."""
        return 1.0 if self is Doubt.WIDE else MARGIN


#: Says whether a way pays on this processor; None where that was not tried.
Pays: TypeAlias = Callable[[Doubt], bool | None]


def untried(_: Doubt) -> None:
    """Where nothing is tried, plain ways are taken."""


@dataclass(frozen=True)
class Trial:
    """What was measured: seconds of the example, plain and in the other way; and in
    less than which share of the former the latter pays."""

    plain: float
    other: float
    margin: float = MARGIN

    @property
    def pays(self) -> bool:
        """Whether the other way is worth taking."""
        return self.other < self.margin * self.plain

    def __str__(self) -> str:
        milliseconds = f"{1e3 * self.other:.2f} ms, without {1e3 * self.plain:.2f}"
        return f"{'pay' if self.pays else 'do not pay'}: {milliseconds}"
