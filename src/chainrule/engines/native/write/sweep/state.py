"""What all writers of one sweep's function share: its builder, its cut, its buffers.

Place on the road: below ``row``, ``columns`` and ``sweep``, which write parts of the
same function and would otherwise have to know each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...choose.sweep import SweepCut
from ...plan.kernels import Sweep
from .. import ir
from ..emit import index
from ..point import Point, Values


@dataclass(frozen=True)
class Lanes:
    """Where a vector lies along the axis of the lanes: the index of its first lane, and
    which lanes exist (None for all).
    """

    first: ir.Value
    mask: ir.Value | None = None


@dataclass
class SweepState:
    """The state while the function of a sweep is written.

    Attributes:
        kernel: in as few axes as possible.
        cut, loops, levels: how its space is walked.
        pointers: the address of each buffer; those of a part's own sums are moved to
            where that part writes.
        sizes: of the buffers, where every access is to be checked.
        inside: whether what is written now reads nothing beyond an edge.
    """

    b: ir.IRBuilder
    cut: SweepCut
    pointers: dict[int, ir.Value]
    sizes: Mapping[int, int] | None
    inside: bool = False

    def __post_init__(self) -> None:
        self.loops, self.levels = self.cut.loops, self.cut.levels
        self.kernel: Sweep = self.loops.kernel

    def point(self, indices: Mapping[int, ir.Value], lanes: Lanes | None) -> Point:
        """The point at these indices (0 along all other axes): one number, or the
        numbers of a vector's lanes.
        """
        axis, mask = None, None
        if lanes is not None and self.loops.axis is not None:
            axis, mask = self.loops.axis, lanes.mask
            indices = {**indices, axis: lanes.first}
        axes = range(len(self.kernel.shape))
        found = tuple(indices.get(each, index(0)) for each in axes)
        return Point(found, axis, 0 if axis is None else self.loops.lanes, mask)

    def values(
        self,
        point: Point,
        known: dict[int, ir.Value],
        number: int,
        scratch: Mapping[int, ir.Value] | None = None,
    ) -> Values:
        """The steps at a point in pass ``number``, some of them known already; with the
        memory of the row."""
        reloads = self.cut.reloads.items()
        reload = {i: each.access for i, each in reloads if each.since < number}
        pointers = {**self.pointers, **scratch} if scratch else self.pointers
        steps = self.kernel.steps
        return Values(
            self.b, steps, pointers, point, known, reload,
            sizes=self.sizes, inside=self.inside, ahead=self.cut.ahead(number),
        )  # fmt: skip
