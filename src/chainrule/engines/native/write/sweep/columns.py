"""Sums of columns: what a sweep combines across its rows, for each point of a row.

Place on the road: beside ``row``; the rows of a part are added one after the other to
one set of sums. Few columns are kept in registers, with a set for each of several
neighbouring rows so that additions need not wait for each other; many are kept in
memory, where the part's results go anyway, and several rows are added at a time.
"""

from __future__ import annotations

from collections.abc import Callable

from ...plan.calls import Call
from ...plan.kernels import Access
from .. import emit, ir
from ..arithmetic import reductions
from ..emit import index
from ..point import Values
from .state import Lanes, SweepState


class Columns:
    """The sums of one function's columns.

    Attributes:
        rows, in_registers: as in ``choose.sweep.SweepCut``.
    """

    def __init__(self, state: SweepState) -> None:
        self.state = state
        kernel = state.kernel
        self.targets: dict[int, list[Access]] = {}
        for number, access in kernel.stores:
            if kernel.steps[number].across:
                self.targets.setdefault(number, []).append(access)
        #: (step, vector, row) → the register of its sum
        self.registers: dict[tuple[int, int, int], ir.Local] = {}
        self.waiting: dict[int, list[tuple[ir.Value, Values]]] = {}
        self.rows, self.in_registers = state.cut.rows, state.cut.in_registers

    def __bool__(self) -> bool:
        return bool(self.targets)

    def begin(self) -> None:
        """Before the first row: nothing has been added yet."""
        b, loops = self.state.b, self.state.loops
        if not self.in_registers:
            self._everywhere(self._clear)
            return
        for number in self.targets:
            (start,) = reductions.start(self._call(number), loops.lanes)
            for vector in range(-(-loops.length // loops.lanes)):
                for row in range(self.rows):
                    register = emit.local(b, start.type)
                    b.store(start, register)
                    self.registers[number, vector, row] = register

    def add(self, number: int, values: Values, slot: tuple[int, int] | None) -> None:
        """Adds the elements at a point; ``slot`` is (vector, row) of the registers."""
        b, call = self.state.b, self._call(number)
        value = values.argument(self.state.kernel.steps[number].arguments[0])
        new = reductions.entering(b, call, value, value, None)
        if slot is None:
            self.waiting.setdefault(number, []).append((new[0], values))
            return
        register = self.registers[(number, *slot)]
        old = [b.load(register, register.allocated_type)]
        b.store(reductions.combine(b, call, old, new)[0], register)

    def added(self) -> None:
        """Adds what ``add`` has collected since the last time to the sums in memory."""
        b = self.state.b
        for number, found in self.waiting.items():
            for access in self.targets[number]:
                _, values = found[0]
                call = self._call(number)
                new = reductions.together(b, call, [[each] for each, _ in found])
                total = reductions.combine(b, call, [values.read(access)], new)
                values.store(total[0], access)
        self.waiting = {}

    def end(self) -> None:
        """After the last row: what is in registers goes to memory."""
        if self.in_registers:
            self._everywhere(self._write)

    def _call(self, number: int) -> Call:
        return self.state.kernel.steps[number].call

    def _clear(self, values: Values, vector: int) -> None:
        for number, accesses in self.targets.items():
            (start,) = reductions.start(self._call(number), values.point.lanes)
            for access in accesses:
                values.store(start, access)

    def _write(self, values: Values, vector: int) -> None:
        b = self.state.b
        for number, accesses in self.targets.items():
            registers = [self.registers[number, vector, i] for i in range(self.rows)]
            sums = [[b.load(r, r.allocated_type)] for r in registers]
            total = reductions.together(b, self._call(number), sums)
            for access in accesses:
                values.store(total[0], access)

    def _everywhere(self, body: Callable[[Values, int], None]) -> None:
        """``body`` at every vector of columns; those in registers are numbered."""
        self._inner({}, self.state.loops.inner, body)

    def _inner(
        self,
        at: dict[int, ir.Value],
        axes: list[int],
        body: Callable[[Values, int], None],
    ) -> None:
        state, b = self.state, self.state.b
        if axes:
            with emit.loop(b, 0, state.kernel.shape[axes[0]], name="inner") as i:
                self._inner({**at, axes[0]: i}, axes[1:], body)
            return
        lanes, length = state.loops.lanes, state.loops.length
        whole = length // lanes
        if self.in_registers:
            for vector in range(whole):
                body(self._values(at, Lanes(index(vector * lanes))), vector)
        elif whole:
            with emit.loop(b, 0, whole * lanes, lanes, name="vector") as first:
                body(self._values(at, Lanes(first)), 0)
        if whole * lanes < length:
            first = index(whole * lanes)
            mask = emit.tail_mask(b, first, length, lanes)
            body(self._values(at, Lanes(first, mask)), whole)

    def _values(self, at: dict[int, ir.Value], lanes: Lanes) -> Values:
        return self.state.values(self.state.point(at, lanes), {}, 0)
