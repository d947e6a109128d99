"""The values of one row while the passes over it are written.

Place on the road: between the loops of ``sweep`` and the values at one point
(``point``). Knows what is known of the row after each pass, and the states of the
reductions that run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from llvmlite import ir

from ...plan.kernels import Coordinate
from .. import emit
from ..arithmetic import reductions
from ..emit import index
from ..point import Point, Values

if TYPE_CHECKING:
    from .sweep import SweepEmitter


class Row:
    """The values of one row (or one vector of rows) while its passes are written."""

    def __init__(
        self,
        sweep: SweepEmitter,
        at: Mapping[int, ir.Value],
        place: object = None,
    ) -> None:
        self.sweep, self.at, self.place = sweep, at, place
        self.known: dict[int, ir.Value] = {}
        self.states: dict[tuple[int, int], list[ir.Value]] = {}
        loops = sweep.loops
        self.row_lanes = loops.lanes if loops.lanes_kept else 0

    def point(self, at: Mapping[int, ir.Value], place: object) -> Point:
        """The point at these inner indices; ``place`` is that of the lanes."""
        loops = self.sweep.loops
        indices = {**self.at, **at}
        mask = None
        if loops.axis is not None and place is not None:
            assert isinstance(place, tuple)
            indices[loops.axis], mask = place
        lanes = loops.lanes if place is not None else 0
        axes = range(len(self.sweep.kernel.shape))
        found = tuple(indices.get(axis, index(0)) for axis in axes)
        return Point(found, loops.axis if lanes else None, lanes, mask)

    def values(self, point: Point, number: int) -> Values:
        """The steps at a point in pass ``number``, with what is known by then."""
        sweep = self.sweep
        reload = {i: a for i, (a, since) in sweep.reload.items() if since < number}
        return Values(
            sweep.b, sweep.kernel.steps, sweep.pointers, point, dict(self.known),
            reload, sizes=sweep.sizes,
        )  # fmt: skip

    def begin(self, sums: Sequence[int], number: int) -> None:
        """Before a pass: values of the row that it needs, and empty sums."""
        sweep, b = self.sweep, self.sweep.b
        self.rows_until(number)
        for step in sums:
            call = sweep.kernel.steps[step].call
            loops = sweep.loops
            for i in range(1 if loops.lanes_kept else loops.interleaved):
                state = reductions.start(call, loops.lanes)
                places = [emit.local(b, each.type) for each in state]
                for value, where in zip(state, places, strict=True):
                    b.store(value, where)
                self.states[step, i] = places

    def rows_until(self, number: int) -> None:
        """Values of the row that depend on the passes before ``number`` alone."""
        sweep = self.sweep
        point = self.point({}, self.place)
        values = self.values(point, number)
        for i, step in enumerate(sweep.kernel.steps):
            ready = step.row and not step.reduces and sweep.levels.level[i] <= number
            if ready and i not in self.known:
                self.known[i] = values.step(i)
                values.known[i] = self.known[i]

    def elements(
        self,
        at: Mapping[int, ir.Value],
        place: object,
        position: int,
        roots: Sequence[int],
        number: int,
        slot: tuple[int, int] | None = None,
    ) -> None:
        """The elements at one point: computed, added to the sums, stored."""
        sweep = self.sweep
        kernel = sweep.kernel
        values = self.values(self.point(at, place), number)
        stores = []
        for i in roots:
            if kernel.steps[i].reduces:
                self._accumulate(i, position, values)
            elif kernel.steps[i].across:
                sweep.columns.add(i, values, slot)
            else:
                found = values.step(i)
                stores += [(found, access) for n, access in kernel.stores if n == i]
        for i, (access, since) in sweep.reload.items():
            if access.home < 0 and since == number:
                stores.append((values.step(i), access))
        for found, access in stores:
            values.store(found, access)

    def _accumulate(self, number: int, position: int, values: Values) -> None:
        b, step = self.sweep.b, self.sweep.kernel.steps[number]
        value = values.argument(step.arguments[0])
        mask = None if self.sweep.loops.lanes_kept else values.point.mask
        place = self._index_along(values) if step.call.name.startswith("arg") else value
        new = reductions.entering(b, step.call, value, place, mask)
        places = self.states[number, position]
        old = [b.load(each, typ=each.allocated_type) for each in places]
        found = reductions.combine(b, step.call, old, new)
        for each, where in zip(found, places, strict=True):
            b.store(each, where)

    def _index_along(self, values: Values) -> ir.Value:
        """The index of each lane within the row."""
        kernel = self.sweep.kernel
        strides = [0] * len(kernel.shape)
        size = 1
        for axis in sorted(kernel.reduced, reverse=True):
            strides[axis] = size
            size *= kernel.shape[axis]
        return values.argument(Coordinate(tuple(strides), 0))

    def end(self, sums: Sequence[int]) -> None:
        """After a pass: each sum is one value of the row."""
        sweep, b = self.sweep, self.sweep.b
        for step in sums:
            call = sweep.kernel.steps[step].call
            states = [places for (i, _), places in self.states.items() if i == step]
            loaded = [
                [b.load(p, typ=p.allocated_type) for p in each] for each in states
            ]
            while len(loaded) > 1:
                loaded = [
                    reductions.combine(b, call, loaded[i], loaded[i + 1])
                    for i in range(0, len(loaded) - 1, 2)
                ]
            (state,) = loaded
            if not sweep.loops.lanes_kept and sweep.loops.lanes:
                state = reductions.across(b, call, state)
            self.known[step] = reductions.result(call, state)

    def store(self) -> None:
        """The values of the row that are wanted, after the last pass."""
        sweep = self.sweep
        self.rows_until(len(sweep.kernel.steps))
        place = self.place if sweep.loops.lanes_kept else None
        values = self.values(self.point({}, place), 0)
        for number, access in sweep.kernel.stores:
            if sweep.kernel.steps[number].row:
                values.store(self.known[number], access)
