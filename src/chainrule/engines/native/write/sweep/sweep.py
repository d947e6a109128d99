"""Loops over an index space: elementwise chains and reductions as LLVM functions.

Place on the road: writes a ``Sweep`` as ``choose.sweep`` says. A *row* is one point of
the kept axes (or a vector of neighbouring ones). For each row the reduced axes are
walked once for every level of dependence: softmax is three passes over a row that is in
the cache, the first for the maximum, the second for the sum of the exponentials, the
third to divide. A kernel without reductions has no reduced axes, and its rows are its
points.

The lanes of vectors lie along one axis. Where it is a reduced one, each reduction has a
state per lane that is combined at the end of the row; where it is a kept one, lanes are
rows of their own. Several vectors are interleaved so that additions need not wait for
each other. The last, incomplete vector of an axis is masked.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...choose.processor import CACHE_LINE
from ...choose.sweep import SweepCut
from ...choose.task import Task
from ...plan.kernels import Coordinate, Sweep
from .. import emit, ir
from ..emit import KERNEL, index
from ..guard import checked_sizes
from .columns import Columns
from .row import Row
from .state import Lanes, SweepState


def write_sweep(
    module: ir.Module, name: str, task: Task[Sweep, SweepCut]
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``."""
    return _Sweep(module, name, task).emit()


class _Sweep:
    """One function while it is written."""

    def __init__(
        self, module: ir.Module, name: str, task: Task[Sweep, SweepCut]
    ) -> None:
        cut, buffers = task.cut, task.buffers
        self.cut, self.loops, self.levels = cut, cut.loops, cut.levels
        self.kernel = self.loops.kernel
        self.function = ir.Function(module, KERNEL, name)
        # Vectors that no register is left for lie in single lines of the cache.
        self.function.attributes += ["nounwind", f"alignstack({CACHE_LINE})"]
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        table = self.function.args[0]
        self.pointers = emit.arguments(self.b, table, range(len(buffers)))
        #: For each of the rows that are walked together, what its passes read back.
        self.scratch = [self._scratch_row(cut) for _ in range(cut.rows)]
        sizes = checked_sizes(buffers)
        self.state = SweepState(self.b, cut, self.pointers, sizes)
        self.columns = Columns(self.state)
        #: The indices that may lie beyond an edge, each with its size.
        self.limits = {
            (argument, size): None
            for step in self.kernel.steps
            if step.call.name == "bordered"
            for argument, size in zip(
                step.arguments[1:], step.call.params["sizes"], strict=True
            )
            if isinstance(argument, Coordinate)
        }

    def _scratch_row(self, cut: SweepCut) -> dict[int, ir.Value]:
        """Memory on the stack for what later passes over a row read back."""
        found: dict[int, ir.Value] = {}
        for reload in cut.reloads.values():
            if reload.size:
                access = reload.access
                kind = ir.ArrayType(emit.memory_type(access.dtype), reload.size)
                found[access.buffer] = emit.local(self.b, kind, CACHE_LINE)
        return found

    def emit(self) -> ir.Function:
        """The whole function: this part's rows, one after the other."""
        b, loops = self.b, self.loops
        _, part, parts = self.function.args
        if self.columns:
            self._columns(part, parts)
            b.ret_void()
            return self.function
        if self.kernel.parts:
            self._behind(part, self.kernel.rows)
            self._blocks_of_all()
            b.ret_void()
            return self.function
        low, high = emit.share(b, loops.units, part, parts)
        if loops.units == 1:
            low, high = index(0), index(1)
        if loops.by_blocks:
            with emit.loop(b, 0, loops.rows, name="row") as row:
                self._blocks(self._outer_indices(row), low, high)
        elif loops.lanes_kept:
            with emit.loop(b, low, high, name="row") as row:
                self._blocks(self._outer_indices(row), 0, loops.blocks)
        else:
            self._rows_between(low, high)
        b.ret_void()
        return self.function

    def _columns(self, part: ir.Value, parts: ir.Value) -> None:
        """This part's rows, added to its sums of columns."""
        self._behind(part, self.kernel.row_size)
        self.columns.begin()
        low, high = emit.share(self.b, self.loops.rows, part, parts)
        self._rows_between(low, high)
        self.columns.end()

    def _rows_between(self, low: ir.Value, high: ir.Value) -> None:
        """Rows whose lanes lie along a reduced axis; several are walked together."""
        b, together = self.b, self.cut.rows
        if together > 1:
            count = b.sdiv(b.sub(high, low), index(together))
            with emit.loop(b, 0, count, name="rows") as i:
                first = b.add(low, b.mul(i, index(together)))
                rows = []
                for number in range(together):
                    outer = self._outer_indices(b.add(first, index(number)))
                    rows.append(self._row(outer, None, number))
                self._rows(rows)
            low = b.add(low, b.mul(count, index(together)))
        with emit.loop(b, low, high, name="row") as row:
            self._rows([self._row(self._outer_indices(row))])

    def _behind(self, part: ir.Value, size: int) -> None:
        """Sums of a part, ``size`` numbers each, go behind those of the part before."""
        b, kernel = self.b, self.kernel
        for number, access in kernel.stores:
            step = kernel.steps[number]
            if step.across if kernel.across else step.reduces:
                kind = emit.memory_type(access.dtype)
                offset = b.mul(part, index(size))
                old = self.pointers[access.buffer]
                self.pointers[access.buffer] = emit.address(b, old, kind, offset)

    def _blocks_of_all(self) -> None:
        """Every row: this part's share of each."""
        loops = self.loops
        with emit.loop(self.b, 0, loops.rows, name="row") as row:
            self._blocks(self._outer_indices(row), 0, loops.blocks)

    # Rows.
    # ------------------------------------------------------------------------

    def _outer_indices(self, row: ir.Value) -> dict[int, ir.Value]:
        """The index on each outer axis of the row with this number."""
        b, kernel = self.b, self.kernel
        found: dict[int, ir.Value] = {}
        for axis in reversed(self.loops.outer[1:]):
            n = index(kernel.shape[axis])
            found[axis] = b.srem(row, n)
            row = b.sdiv(row, n)
        if self.loops.outer:
            found[self.loops.outer[0]] = row
        return found

    def _row(
        self, outer: dict[int, ir.Value], lanes: Lanes | None = None, number: int = 0
    ) -> Row:
        """The row at these indices, the ``number``-th of those walked together."""
        return Row(self.state, self.columns, outer, lanes, self.scratch[number])

    def _blocks(
        self, at: dict[int, ir.Value], low: ir.Value | int, high: ir.Value | int
    ) -> None:
        """The row at these outer indices, or its blocks of lanes from low to high."""
        loops, b = self.loops, self.b
        if not loops.lanes_kept:
            self._rows([self._row(at)])
            return
        assert loops.axis is not None
        length = self.kernel.shape[loops.axis]
        whole = length // loops.stride  # blocks without a missing element
        if isinstance(high, int):
            if whole:
                with emit.loop(b, 0, whole, name="block") as block:
                    self._vector_rows(
                        at, self._vectors(b.mul(block, index(loops.stride)))
                    )
            self._rest(at, whole * loops.stride, length)
            return
        if whole:
            stop = emit.smaller(b, high, index(whole))
            with emit.loop(b, low, stop, name="block") as block:
                first = b.mul(block, index(loops.stride))
                self._vector_rows(at, self._vectors(first))
        if length > whole * loops.stride:
            with b.if_then(b.icmp_signed(">", high, index(whole))):
                self._rest(at, whole * loops.stride, length)

    def _rest(self, at: dict[int, ir.Value], first: int, length: int) -> None:
        """What is left of an axis after whole blocks: vectors, and a masked one."""
        lanes, b = self.loops.lanes, self.b
        vectors = (length - first) // lanes
        if vectors:
            with emit.loop(b, 0, vectors, name="vector") as vector:
                begin = b.add(index(first), b.mul(vector, index(lanes)))
                self._vector_rows(at, [Lanes(begin)])
        first += vectors * lanes
        if first < length:
            mask = emit.tail_mask(b, index(first), length, lanes)
            self._vector_rows(at, [Lanes(index(first), mask)])

    def _vectors(self, first: ir.Value) -> list[Lanes]:
        """The vectors of a block that are interleaved."""
        b, lanes = self.b, self.loops.lanes
        starts = range(0, self.loops.interleaved * lanes, lanes)
        return [Lanes(b.add(first, index(start))) for start in starts]

    def _vector_rows(self, at: dict[int, ir.Value], vectors: Sequence[Lanes]) -> None:
        """Vectors of rows, where the lanes lie along a kept axis."""
        self._rows([self._row(at, lanes) for lanes in vectors])

    def _rows(self, rows: list[Row]) -> None:
        """Rows whose inner loops are the same. Where nothing that they read lies beyond
        an edge, they have loops without tests."""
        inside = [self._inside(*limit, row) for limit in self.limits for row in rows]
        if not inside:
            self._passes(rows)
            return
        with self.b.if_else(functools.reduce(self.b.and_, inside)) as branches:
            for branch, self.state.inside in zip(branches, (True, False), strict=True):
                with branch:
                    self._passes([each.again() for each in rows])

    def _inside(self, index_: Coordinate, size: int, row: Row) -> ir.Value:
        """Whether an index is within the size in all of a row."""
        b, terms, low, high = self.b, [], index_.offset, index_.offset
        for axis, (n, stride) in enumerate(
            zip(self.kernel.shape, index_.strides, strict=True)
        ):
            first, count = row.outer.get(axis), 1
            if first is None and axis == self.loops.axis and row.lanes is not None:
                first, count = row.lanes.first, self.loops.lanes
            elif first is None:
                first, count = index(0), n
            terms.append((first, stride))
            low += min(0, stride * (count - 1))
            high += max(0, stride * (count - 1))
        lowest, highest = (emit.linear(b, end, terms) for end in (low, high))
        above = b.icmp_signed(">=", lowest, index(0))
        return b.and_(above, b.icmp_signed("<", highest, index(size)))

    def _passes(self, rows: list[Row]) -> None:
        """All walks over the reduced axes."""
        kernel = self.kernel
        for number in range(self.levels.passes):
            roots = self.levels.roots(number)
            if not roots:
                continue
            sums = [i for i in roots if kernel.steps[i].reduces]
            for row in rows:
                row.begin(sums, number)
            self._pass(rows, roots, number)
            for row in rows:
                row.end(sums)
        for row in rows:
            row.store()

    def _pass(self, rows: list[Row], roots: list[int], number: int) -> None:
        """One walk over the reduced axes."""
        self._inner(rows, {}, self.loops.inner, roots, number)

    def _inner(
        self,
        rows: list[Row],
        at: dict[int, ir.Value],
        axes: list[int],
        roots: list[int],
        number: int,
    ) -> None:
        loops, b = self.loops, self.b
        if axes:
            low, high = self._share(axes[0], self.kernel.shape[axes[0]])
            with self._adding(rows, axes[0], low, high, "inner") as i:
                self._inner(rows, {**at, axes[0]: i}, axes[1:], roots, number)
            return
        if loops.lanes_kept or loops.axis is None:
            self._elements(rows, at, [None], roots, number)
            return
        if self.cut.in_registers:
            for sums, row in enumerate(rows):
                self._unrolled(row, sums, roots, number)
            return
        length, stride = loops.length, loops.stride
        if length >= stride:
            low, high = self._share(loops.axis, length // stride)
            with self._adding(rows, loops.axis, low, high, "block") as block:
                vectors = self._vectors(b.mul(block, index(stride)))
                self._elements(rows, at, vectors, roots, number)
        if length % stride == 0:
            return
        if loops.cut == loops.axis:
            _, part, parts = self.function.args
            last = b.icmp_signed("==", part, b.sub(parts, index(1)))
            with b.if_then(last):
                self._row_rest(rows, at, roots, number)
        else:
            self._row_rest(rows, at, roots, number)

    @contextmanager
    def _adding(
        self, rows: list[Row], axis: int, low: Any, high: Any, name: str
    ) -> Iterator[ir.Value]:
        """A loop over a reduced axis; sums of many floats go over to float64 in it."""
        b, chunk = self.b, self.loops.chunk
        if axis != self.loops.flushed or not rows[0].wide:
            with emit.loop(b, low, high, name=name) as i:
                yield i
            return
        with emit.loop(b, low, high, chunk, name="chunk") as first:
            last = index(high) if isinstance(high, int) else high
            stop = emit.smaller(b, b.add(first, index(chunk)), last)
            with emit.loop(b, first, stop, name=name) as i:
                yield i
            for row in rows:
                row.flush()

    def _elements(
        self,
        rows: list[Row],
        at: dict[int, ir.Value],
        vectors: Sequence[Lanes | None],
        roots: list[int],
        number: int,
    ) -> None:
        """The elements of all rows at some vectors; None is a vector of rows."""
        if self.columns:
            for i, lanes in enumerate(vectors):
                for row in rows:
                    row.elements(at, lanes or row.lanes, i, roots, number)
                self.columns.added()
            return
        with emit.woven(self.b) as begin:
            for i, lanes in enumerate(vectors):
                for row in rows:
                    begin()
                    row.elements(at, lanes or row.lanes, i, roots, number)

    def _unrolled(self, row: Row, sums: int, roots: list[int], number: int) -> None:
        """A short row without a loop: its vectors are numbered, so that each has its
        registers."""
        b, lanes, length = self.b, self.loops.lanes, self.loops.length
        for first in range(0, length, lanes):
            mask = None
            if first + lanes > length:
                mask = emit.tail_mask(b, index(first), length, lanes)
            slot = first // lanes, sums
            row.elements({}, Lanes(index(first), mask), 0, roots, number, slot)

    def _row_rest(
        self, rows: list[Row], at: dict[int, ir.Value], roots: list[int], number: int
    ) -> None:
        """What is left of a row after whole blocks: vectors, and a masked one."""
        loops, b = self.loops, self.b
        assert loops.axis is not None
        length, lanes = self.kernel.shape[loops.axis], loops.lanes
        whole = length - length % loops.stride
        rest = length - length % lanes
        if whole < rest:
            with emit.loop(b, whole, rest, lanes, name="vector") as first:
                self._elements(rows, at, [Lanes(first)], roots, number)
        if rest < length:
            mask = emit.tail_mask(b, index(rest), length, lanes)
            self._elements(rows, at, [Lanes(index(rest), mask)], roots, number)

    def _share(self, axis: int, count: int) -> tuple[Any, Any]:
        """The bounds of an axis, or of this part's share where the axis is cut."""
        if axis != self.loops.cut:
            return 0, count
        _, part, parts = self.function.args
        low, high = emit.share(self.b, count, part, parts)
        return low, high
