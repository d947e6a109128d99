"""Sums of columns: what a sweep combines across its rows, for each point of a row.

Place on the road: beside ``row``; the rows of a part are added one after the other to
one set of sums. Few columns are kept in registers, with a set for each of several
neighbouring rows so that additions need not wait for each other; many are kept in
memory, where the part's results go anyway, and several rows are added at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llvmlite import ir

from ...plan.calls import Call
from ...plan.kernels import Access
from .. import emit
from ..arithmetic import reductions
from ..emit import index
from ..point import Point, Values

if TYPE_CHECKING:
    from .sweep import SweepEmitter

#: So many bytes of sums stay in registers; so many rows are walked together.
REGISTER_BYTES, MOST_ROWS = 1536, 4


class Columns:
    """The sums of one function's columns.

    Attributes:
        in_registers: where the sums are.
        rows: how many neighbouring rows are walked together.
    """

    def __init__(self, sweep: SweepEmitter) -> None:
        self.sweep = sweep
        kernel, loops = sweep.kernel, sweep.loops
        self.targets: dict[int, list[Access]] = {}
        for number, access in kernel.stores:
            if kernel.steps[number].across:
                self.targets.setdefault(number, []).append(access)
        self.states: dict[tuple[int, int, int], ir.Value] = {}
        self.waiting: dict[int, list[tuple[ir.Value, Values]]] = {}
        self.rows, self.in_registers = 1, False
        if not self.targets or sweep.levels.passes > 1:
            return
        self.rows = MOST_ROWS
        vectors = -(-loops.length // loops.lanes) * len(self.targets)
        most = REGISTER_BYTES // sweep.vector_bytes
        self.in_registers = not loops.inner and vectors <= most
        while self.in_registers and self.rows > 1 and self.rows * vectors > most // 2:
            self.rows //= 2

    def __bool__(self) -> bool:
        return bool(self.targets)

    def begin(self) -> None:
        """Before the first row: nothing has been added yet."""
        b, loops = self.sweep.b, self.sweep.loops
        if not self.in_registers:
            self._everywhere(self._clear)
            return
        for number in self.targets:
            (state,) = reductions.start(self._call(number), loops.lanes)
            for vector in range(-(-loops.length // loops.lanes)):
                for row in range(self.rows):
                    place = emit.local(b, state.type)
                    b.store(state, place)
                    self.states[number, vector, row] = place

    def add(self, number: int, values: Values, slot: tuple[int, int] | None) -> None:
        """Adds the elements at a point; ``slot`` is (vector, row) of the registers."""
        b, call = self.sweep.b, self._call(number)
        value = values.argument(self.sweep.kernel.steps[number].arguments[0])
        new = reductions.entering(b, call, value, value, None)
        if slot is None:
            self.waiting.setdefault(number, []).append((new[0], values))
            return
        place = self.states[(number, *slot)]
        old = [b.load(place, typ=place.allocated_type)]
        b.store(reductions.combine(b, call, old, new)[0], place)

    def added(self) -> None:
        """What has been given since the last time goes to the sums in memory."""
        b = self.sweep.b
        for number, found in self.waiting.items():
            for access in self.targets[number]:
                _, values = found[0]
                total = [values.read(access)]
                for new, _ in found:
                    total = reductions.combine(b, self._call(number), total, [new])
                values.store(total[0], access)
        self.waiting = {}

    def end(self) -> None:
        """After the last row: what is in registers goes to memory."""
        if self.in_registers:
            self._everywhere(self._write)

    def _call(self, number: int) -> Call:
        return self.sweep.kernel.steps[number].call

    def _clear(self, values: Values, vector: int) -> None:
        for number, accesses in self.targets.items():
            (state,) = reductions.start(self._call(number), values.point.lanes)
            for access in accesses:
                values.store(state, access)

    def _write(self, values: Values, vector: int) -> None:
        b = self.sweep.b
        for number, accesses in self.targets.items():
            places = [self.states[number, vector, row] for row in range(self.rows)]
            states = [[b.load(p, typ=p.allocated_type)] for p in places]
            while len(states) > 1:
                pairs = range(0, len(states), 2)
                states = [
                    reductions.combine(b, self._call(number), states[i], states[i + 1])
                    for i in pairs
                ]
            for access in accesses:
                values.store(states[0][0], access)

    def _everywhere(self, body: Callable[[Values, int], None]) -> None:
        """``body`` at every vector of columns; those in registers are numbered."""
        self._inner({}, self.sweep.loops.inner, body)

    def _inner(
        self,
        at: dict[int, ir.Value],
        axes: list[int],
        body: Callable[[Values, int], None],
    ) -> None:
        sweep, b = self.sweep, self.sweep.b
        if axes:
            with emit.loop(b, 0, sweep.kernel.shape[axes[0]], name="inner") as i:
                self._inner({**at, axes[0]: i}, axes[1:], body)
            return
        lanes, length = sweep.loops.lanes, sweep.loops.length
        whole = length // lanes
        if self.in_registers:
            for vector in range(whole):
                body(self._values(at, index(vector * lanes), None), vector)
        elif whole:
            with emit.loop(b, 0, whole * lanes, lanes, name="vector") as first:
                body(self._values(at, first, None), 0)
        if whole * lanes < length:
            first = index(whole * lanes)
            mask = emit.tail_mask(b, first, length, lanes)
            body(self._values(at, first, mask), whole)

    def _values(
        self, at: dict[int, ir.Value], first: ir.Value, mask: ir.Value | None
    ) -> Values:
        sweep = self.sweep
        axes = range(len(sweep.kernel.shape))
        assert sweep.loops.axis is not None
        places = {**at, sweep.loops.axis: first}
        indices = tuple(places.get(axis, index(0)) for axis in axes)
        point = Point(indices, sweep.loops.axis, sweep.loops.lanes, mask)
        steps = sweep.kernel.steps
        return Values(sweep.b, steps, sweep.pointers, point, sizes=sweep.sizes)
