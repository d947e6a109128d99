"""The values of one row while the passes over it are written.

Place on the road: between the loops of ``sweep`` and the values at one point
(``point``). Knows what is known of the row after each pass, and the states of the
reductions that run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .....dtypes import float64
from ...plan.kernels import Coordinate
from .. import emit, ir
from ..arithmetic import reductions
from ..arithmetic.elementwise import convert
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
        scratch: its own memory, by the number of the buffer.
    """

    def __init__(
        self,
        state: SweepState,
        columns: Columns,
        outer: Mapping[int, ir.Value],
        lanes: Lanes | None,
        scratch: Mapping[int, ir.Value],
    ) -> None:
        self.state, self.columns, self.outer, self.lanes = state, columns, outer, lanes
        self.scratch = scratch
        self.known: dict[int, ir.Value] = {}
        #: (step, number of the interleaved vector) → the registers of its reduction
        self.sums: dict[tuple[int, int], list[ir.Local]] = {}
        #: The same, of this pass → a register of float64 for what was added before.
        self.wide: dict[tuple[int, int], ir.Local] = {}

    def again(self) -> Row:
        """The same row, of which nothing is known."""
        return Row(self.state, self.columns, self.outer, self.lanes, self.scratch)

    def _values(
        self, inner: Mapping[int, ir.Value], lanes: Lanes | None, number: int
    ) -> Values:
        """The steps at these inner indices in pass ``number``."""
        point = self.state.point({**self.outer, **inner}, lanes)
        return self.state.values(point, dict(self.known), number, self.scratch)

    def begin(self, sums: Sequence[int], number: int) -> None:
        """Before a pass: values of the row that it needs, and empty sums."""
        b, loops = self.state.b, self.state.loops
        self.rows_until(number)
        self.wide = {}
        for step in sums:
            call = self.state.kernel.steps[step].call
            many = call.name == "sum" and call.output.kind == "f" and loops.chunk
            for i in range(1 if loops.lanes_kept else loops.interleaved):
                start = reductions.start(call, loops.lanes)
                registers = [emit.local(b, each.type) for each in start]
                for value, register in zip(start, registers, strict=True):
                    b.store(value, register)
                self.sums[step, i] = registers
                if many:
                    kind = emit.wide(emit.register_type(float64), loops.lanes)
                    self.wide[step, i] = emit.local(b, kind)
                    b.store(emit.constant(kind, 0), self.wide[step, i])

    def flush(self) -> None:
        """What was added since the last time goes over to float64."""
        b = self.state.b
        for (step, i), wide in self.wide.items():
            (register,) = self.sums[step, i]
            new = b.load(register, register.allocated_type)
            new = convert(b, new, self.state.kernel.steps[step].call.output, float64)
            b.store(b.fadd(b.load(wide, wide.allocated_type), new), wide)
            b.store(emit.constant(register.allocated_type, 0), register)

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
        old = [b.load(each, each.allocated_type) for each in registers]
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
        self.flush()
        sums_of = {**self.sums, **{at: [wide] for at, wide in self.wide.items()}}
        for step in sums:
            call = self.state.kernel.steps[step].call
            found = [registers for (i, _), registers in sums_of.items() if i == step]
            loaded = [[b.load(r, r.allocated_type) for r in each] for each in found]
            total = reductions.together(b, call, loaded)
            if not loops.lanes_kept and loops.lanes:
                total = reductions.across(b, call, total)
            value = reductions.result(call, total)
            if (step, 0) in self.wide:
                value = convert(b, value, float64, call.output)
            self.known[step] = value

    def store(self) -> None:
        """The values of the row that are wanted, after the last pass."""
        kernel = self.state.kernel
        self.rows_until(len(kernel.steps))
        values = self._values({}, self.lanes, 0)
        for number, access in kernel.stores:
            if kernel.steps[number].row:
                values.store(self.known[number], access)
