"""The values of one row while the passes over it are written.

Place on the road: between the loops of ``sweep`` and the values at one point
(``point``). Knows what is known of the row after each pass, and the states of the
reductions that run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llvmlite import ir

from ...plan.kernels import Coordinate
from .. import emit
from ..arithmetic import reductions
from ..point import Values
from .columns import Columns
from .state import Lanes, SweepState


class Row:
    """The values of one row (or one vector of rows) while its passes are written.

    Arguments:
        state: of the function.
        columns: where sums across rows are added.
        outer: the row's index along each outer axis.
        lanes: the vector of rows, where the lanes lie along a kept axis; else None.
    """

    def __init__(
        self,
        state: SweepState,
        columns: Columns,
        outer: Mapping[int, ir.Value],
        lanes: Lanes | None,
    ) -> None:
        self.state, self.columns, self.outer, self.lanes = state, columns, outer, lanes
        self.known: dict[int, ir.Value] = {}
        #: (step, number of the interleaved vector) → the registers of its reduction
        self.sums: dict[tuple[int, int], list[ir.Value]] = {}

    def _values(
        self, inner: Mapping[int, ir.Value], lanes: Lanes | None, number: int
    ) -> Values:
        """The steps at these inner indices in pass ``number``."""
        point = self.state.point({**self.outer, **inner}, lanes)
        return self.state.values(point, dict(self.known), number)

    def begin(self, sums: Sequence[int], number: int) -> None:
        """Before a pass: values of the row that it needs, and empty sums."""
        b, loops = self.state.b, self.state.loops
        self.rows_until(number)
        for step in sums:
            call = self.state.kernel.steps[step].call
            for i in range(1 if loops.lanes_kept else loops.interleaved):
                start = reductions.start(call, loops.lanes)
                registers = [emit.local(b, each.type) for each in start]
                for value, register in zip(start, registers, strict=True):
                    b.store(value, register)
                self.sums[step, i] = registers

    def rows_until(self, number: int) -> None:
        """Values of the row that depend on the passes before ``number`` alone."""
        values = self._values({}, self.lanes, number)
        level = self.state.levels.level
        for i, step in enumerate(self.state.kernel.steps):
            ready = step.row and not step.reduces and level[i] <= number
            if ready and i not in self.known:
                self.known[i] = values.step(i)
                values.known[i] = self.known[i]

    def elements(
        self,
        inner: Mapping[int, ir.Value],
        lanes: Lanes | None,
        position: int,
        roots: Sequence[int],
        number: int,
        slot: tuple[int, int] | None = None,
    ) -> None:
        """Computes the elements at one point, adds them to the sums, stores them.

        Arguments:
            inner, lanes: the point: indices along the inner axes, and the vector.
            position: which of the interleaved vectors this is.
            roots: the steps that pass ``number`` is made for.
            slot: (vector, row) of the sums of columns that are kept in registers.
        """
        state, kernel = self.state, self.state.kernel
        values = self._values(inner, lanes, number)
        stores = []
        for i in roots:
            if kernel.steps[i].reduces:
                self._accumulate(i, position, values)
            elif kernel.steps[i].across:
                self.columns.add(i, values, slot)
            else:
                found = values.step(i)
                stores += [(found, access) for n, access in kernel.stores if n == i]
        for i, reload in state.cut.reloads.items():
            if reload.size and reload.since == number:
                stores.append((values.step(i), reload.access))
        for found, access in stores:
            values.store(found, access)

    def _accumulate(self, number: int, position: int, values: Values) -> None:
        b, step = self.state.b, self.state.kernel.steps[number]
        value = values.argument(step.arguments[0])
        mask = None if self.state.loops.lanes_kept else values.point.mask
        number_in_row = (
            self._index_along(values) if step.call.name.startswith("arg") else value
        )
        new = reductions.entering(b, step.call, value, number_in_row, mask)
        registers = self.sums[number, position]
        old = [b.load(each, typ=each.allocated_type) for each in registers]
        found = reductions.combine(b, step.call, old, new)
        for each, register in zip(found, registers, strict=True):
            b.store(each, register)

    def _index_along(self, values: Values) -> ir.Value:
        """The index of each lane within the row."""
        kernel = self.state.kernel
        strides = [0] * len(kernel.shape)
        size = 1
        for axis in sorted(kernel.reduced, reverse=True):
            strides[axis] = size
            size *= kernel.shape[axis]
        return values.argument(Coordinate(tuple(strides), 0))

    def end(self, sums: Sequence[int]) -> None:
        """After a pass: each sum is one value of the row."""
        b, loops = self.state.b, self.state.loops
        for step in sums:
            call = self.state.kernel.steps[step].call
            found = [registers for (i, _), registers in self.sums.items() if i == step]
            loaded = [[b.load(r, typ=r.allocated_type) for r in each] for each in found]
            while len(loaded) > 1:
                loaded = [
                    reductions.combine(b, call, loaded[i], loaded[i + 1])
                    for i in range(0, len(loaded) - 1, 2)
                ]
            (total,) = loaded
            if not loops.lanes_kept and loops.lanes:
                total = reductions.across(b, call, total)
            self.known[step] = reductions.result(call, total)

    def store(self) -> None:
        """The values of the row that are wanted, after the last pass."""
        kernel = self.state.kernel
        self.rows_until(len(kernel.steps))
        values = self._values({}, self.lanes, 0)
        for number, access in kernel.stores:
            if kernel.steps[number].row:
                values.store(self.known[number], access)
