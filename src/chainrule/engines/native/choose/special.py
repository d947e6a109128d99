"""How kernels with loops of their own are cut: mostly not at all.

Place on the road: ``write.special`` writes them as is chosen here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from ..plan.kernels import (
    ArgSort,
    Buffer,
    OverlapAdd,
    RandomBits,
    RandomUniform,
    Special,
)
from .task import WORTH_SHARING, Chooser, Task, Whole, shared_out

#: What both draws of random numbers are.
Draw: TypeAlias = RandomBits | RandomUniform
#: Blocks of random numbers that are computed at once, one in each lane.
RANDOM_LANES = 16


@dataclass(frozen=True)
class RowCut:
    """The cut of a kernel whose rows are walked in vectors."""

    lanes: int

    def __str__(self) -> str:
        return f"{self.lanes} lanes"


@dataclass(frozen=True)
class RandomCut:
    """How a draw of random numbers is cut.

    Attributes:
        per_block: how many results one block of four words gives.
        units: into how many pieces at most the draw can be divided.
    """

    per_block: int
    units: int

    def __str__(self) -> str:
        return f"{RANDOM_LANES} lanes"


def choose_whole(
    kernel: Special, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[Special, Whole]:
    """A kernel that is one part, without scratch memory."""
    return Task(kernel, buffers, Whole())


def choose_argsort(
    kernel: ArgSort, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[ArgSort, Whole]:
    """Two rows of indices are merged into each other in turn."""
    count = kernel.inputs[0][1][kernel.axis]
    return Task(kernel, buffers, Whole(), scratch_bytes=16 * count)


def choose_overlap(
    kernel: OverlapAdd, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[OverlapAdd, RowCut]:
    """Parts share the rows of the result; lanes are channels, as many as there are."""
    ((_, shape),) = kernel.outputs
    worth = math.prod(kernel.windows) // WORTH_SHARING
    parts = shared_out(worth, math.prod(shape[:-2]))
    lanes = chooser.host.vector_bytes // kernel.dtype.itemsize
    while lanes // 2 >= shape[-1]:
        lanes //= 2
    return Task(kernel, buffers, RowCut(lanes), parts)


def choose_random(
    kernel: Draw, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[Draw, RandomCut]:
    """Parts share the blocks of the draw."""
    drawn = buffers[-1]
    per_block = 2 if drawn.dtype.itemsize == 8 else 4
    units = -(-drawn.size // (RANDOM_LANES * per_block))
    parts = shared_out(drawn.size // WORTH_SHARING, units)
    return Task(kernel, buffers, RandomCut(per_block, units), parts)
