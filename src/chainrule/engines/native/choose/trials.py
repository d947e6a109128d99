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

#: A way has to take this much less time than the plain one: machines are noisy.
MARGIN = 0.95


class Doubt(Enum):
    """A way to cut products that may pay: which factor is copied, and how it lies.

    Numbers that are a multiple of a large power of two apart compete for the same lines
    of a cache.
    """

    ROWS = "rows of A, their numbers far apart along the sum"
    ALIGNED_ROWS = "rows of A, a multiple of 1 kB apart"
    PANELS = "panels of B for 96 to 128 rows of A"
    ALIGNED_PANELS = "panels of B for 64 to 128 rows of A, rows of B pages apart"

    @property
    def copies(self) -> str:
        """What is copied."""
        return self.value.split()[0]


#: Says whether a way pays on this processor; None where that was not tried.
Pays: TypeAlias = Callable[[Doubt], bool | None]


def untried(_: Doubt) -> None:
    """Where nothing is tried, no copies are made."""


@dataclass(frozen=True)
class Trial:
    """What was measured: seconds of the example, plain and in the other way."""

    plain: float
    other: float

    @property
    def pays(self) -> bool:
        """Whether the other way is worth taking."""
        return self.other < MARGIN * self.plain

    def __str__(self) -> str:
        milliseconds = f"{1e3 * self.other:.2f} ms, without {1e3 * self.plain:.2f}"
        return f"copying {'pays' if self.pays else 'does not pay'}: {milliseconds}"
