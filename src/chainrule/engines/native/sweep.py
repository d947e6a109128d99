"""Loops over an index space: elementwise chains and reductions as LLVM functions.

Place on the road: lowers a ``Sweep``. A *row* is one point of the kept axes (or a
vector of neighbouring ones). For each row the reduced axes are walked once for every
level of dependence: softmax is three passes over a row that is in the cache, the first
for the maximum, the second for the sum of the exponentials, the third to divide. A
kernel without reductions has no reduced axes, and its rows are its points.

The lanes of vectors lie along one axis. Where it is a reduced one, each reduction has a
state per lane that is combined at the end of the row; where it is a kept one, lanes are
rows of their own. Several vectors are interleaved so that additions need not wait for
each other. The last, incomplete vector of an axis is masked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from . import emit, reductions
from .elementwise import COSTLY
from .emit import KERNEL, index
from .kernel import Access, Coordinate, Local, Sweep
from .point import Point, Values
from .space import lane_axis, simplified

#: A row that is computed once and read again in later passes may take this much stack.
MOST_SCRATCH = 1 << 16
#: Vectors interleaved in one iteration, where the steps are few.
INTERLEAVED, FEW_STEPS = 4, 12


def emit_sweep(
    module: ir.Module,
    name: str,
    kernel: Sweep,
    homes: Sequence[int],
    vector_bytes: int,
    sizes: Mapping[int, int] | None = None,
) -> ir.Function:
    """Writes ``name(arguments, part, parts)``; arguments are the homes' addresses.

    With ``sizes`` of the homes, every load and store is checked.
    """
    simple = simplified(kernel)
    return _SweepEmitter(module, name, simple, homes, vector_bytes, sizes).emit()


def split_units(kernel: Sweep, vector_bytes: int) -> int:
    """Into how many pieces at most the work of a kernel can be shared out."""
    return Loops(simplified(kernel), vector_bytes).units


def lanes_for(kernel: Sweep, vector_bytes: int, axis: int | None) -> int:
    """How many lanes: a vector register of the widest floats, no more than needed."""
    if axis is None:
        return 0
    sizes = [4]
    for step in kernel.steps:
        for dtype in (*step.call.inputs, step.call.output):
            if dtype.kind == "f":
                sizes.append(dtype.itemsize)
    lanes = vector_bytes // max(sizes)
    while lanes > 2 and lanes // 2 >= kernel.shape[axis]:
        lanes //= 2
    return lanes


class Levels:
    """In which pass over a row each step is computed.

    ``level[i]``: an element's pass; for a row's value, the first pass that may use it.
    """

    def __init__(self, kernel: Sweep) -> None:
        self.kernel = kernel
        self.level: list[int] = []
        for step in kernel.steps:
            before = [
                self.level[a.step] for a in step.arguments if isinstance(a, Local)
            ]
            self.level.append(max(before, default=0) + int(step.reduces))
        stored = {n for n, _ in kernel.stores}
        self.passes = 1 + max(
            (self._at(i) for i, step in enumerate(kernel.steps)
             if step.reduces or (i in stored and not step.row)),
            default=0,
        )  # fmt: skip

    def _at(self, number: int) -> int:
        """The pass that computes a step: a reduction's is that of its operand."""
        return self.level[number] - int(self.kernel.steps[number].reduces)

    def roots(self, number: int) -> list[int]:
        """The elements that pass ``number`` is made for."""
        stored = {n for n, _ in self.kernel.stores}
        found = []
        for i, step in enumerate(self.kernel.steps):
            wanted = step.reduces or (i in stored and not step.row)
            if wanted and self._at(i) == number:
                found.append(i)
        return found

    def kept(self) -> dict[int, int]:
        """Costly elements that a later pass needs again → the pass that has them."""
        steps = self.kernel.steps
        first: dict[int, int] = {}  # element → the pass that computes it first
        found: dict[int, int] = {}
        for number in range(self.passes):
            pending = list(self.roots(number))
            while pending:
                i = pending.pop()
                if steps[i].row and not steps[i].reduces:
                    continue
                earlier = first.setdefault(i, number)
                if earlier < number:
                    if steps[i].call.name in COSTLY:
                        found.setdefault(i, earlier)
                        continue
                elif i in found:
                    continue
                arguments = steps[i].arguments
                inside = [a.step for a in arguments if isinstance(a, Local)]
                pending += [each for each in inside if not steps[each].row]
        return found


@dataclass
class Loops:
    """How a kernel's axes are walked: which are outer, inner, and the lanes'."""

    kernel: Sweep
    vector_bytes: int

    def __post_init__(self) -> None:
        kernel = self.kernel
        self.axis = lane_axis(kernel)
        self.lanes = lanes_for(kernel, self.vector_bytes, self.axis)
        self.lanes_kept = self.axis is not None and self.axis not in kernel.reduced
        axes = range(len(kernel.shape))
        self.outer = [a for a in axes if a not in kernel.reduced and a != self.axis]
        self.inner = [a for a in axes if a in kernel.reduced and a != self.axis]
        self.rows = 1
        for axis in self.outer:
            self.rows *= kernel.shape[axis]
        length = 1 if self.axis is None else kernel.shape[self.axis]
        few = len(kernel.steps) <= FEW_STEPS
        many = self.lanes > 1 and length >= INTERLEAVED * self.lanes
        reduces = bool(kernel.reduced)
        self.interleaved = INTERLEAVED if few and many and reduces else 1
        self.stride = self.interleaved * max(self.lanes, 1)
        self.blocks = -(-length // self.stride) if self.lanes_kept else 1
        self.by_blocks = self.lanes_kept and self.blocks > self.rows
        self.units = self.blocks if self.by_blocks else self.rows
        self.cut = self._cut_axis() if kernel.parts else None

    def _cut_axis(self) -> int:
        """The axis along which rows are cut into parts: the longest."""
        axes = [*self.inner]
        if self.axis is not None and not self.lanes_kept:
            axes.append(self.axis)
        return max(axes, key=lambda axis: self.kernel.shape[axis])


class _SweepEmitter:
    """The state while one function is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        kernel: Sweep,
        homes: Sequence[int],
        vector_bytes: int,
        sizes: Mapping[int, int] | None,
    ) -> None:
        self.kernel, self.sizes = kernel, sizes
        self.function = ir.Function(module, KERNEL, name)
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.pointers = emit.arguments(self.b, self.function.args[0], homes)
        self.loops = Loops(kernel, vector_bytes)
        self.levels = Levels(kernel)
        self.reload = self._reloads()

    def emit(self) -> ir.Function:
        """The whole function: this part's rows, one after the other."""
        b, loops = self.b, self.loops
        _, part, parts = self.function.args
        if self.kernel.parts:
            self._behind(part)
            self._blocks_of_all()
            b.ret_void()
            return self.function
        low, high = emit.share(b, loops.units, part, parts)
        if loops.units == 1:
            low, high = index(0), index(1)
        if loops.by_blocks:
            with emit.loop(b, 0, loops.rows, name="row") as row:
                self._blocks(self._outer_indices(row), low, high)
        else:
            with emit.loop(b, low, high, name="row") as row:
                self._blocks(self._outer_indices(row), 0, loops.blocks)
        b.ret_void()
        return self.function

    def _behind(self, part: ir.Value) -> None:
        """Sums of a part go behind those of the part before it."""
        b, kernel = self.b, self.kernel
        for number, access in kernel.stores:
            if kernel.steps[number].reduces:
                kind = emit.memory_type(access.dtype)
                place = b.mul(part, index(kernel.rows))
                old = self.pointers[access.home]
                self.pointers[access.home] = emit.address(b, old, kind, place)

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

    def _blocks(self, at: dict[int, ir.Value], low: object, high: object) -> None:
        """The row at these outer indices, or its blocks of lanes from low to high."""
        loops, b = self.loops, self.b
        if not loops.lanes_kept:
            self._row(at, [None])
            return
        assert loops.axis is not None
        length = self.kernel.shape[loops.axis]
        whole = length // loops.stride  # blocks without a missing element
        if isinstance(high, int):
            if whole:
                with emit.loop(b, 0, whole, name="block") as block:
                    self._row(at, self._vectors(b.mul(block, index(loops.stride))))
            self._rest(at, whole * loops.stride, length)
            return
        if whole:
            last = b.icmp_signed("<", high, index(whole))
            stop = b.select(last, high, index(whole))
            with emit.loop(b, low, stop, name="block") as block:
                self._row(at, self._vectors(b.mul(block, index(loops.stride))))
        if length > whole * loops.stride:
            with b.if_then(b.icmp_signed(">", high, index(whole))):
                self._rest(at, whole * loops.stride, length)

    def _rest(self, at: dict[int, ir.Value], first: int, length: int) -> None:
        """What is left of an axis after whole blocks: vectors, and a masked one."""
        lanes, b = self.loops.lanes, self.b
        vectors = (length - first) // lanes
        if vectors:
            with emit.loop(b, 0, vectors, name="vector") as vector:
                place = b.add(index(first), b.mul(vector, index(lanes)))
                self._row(at, [(place, None)])
        first += vectors * lanes
        if first < length:
            mask = emit.tail_mask(b, index(first), length, lanes)
            self._row(at, [(index(first), mask)])

    def _vectors(self, first: ir.Value) -> list[tuple[ir.Value, ir.Value | None]]:
        b, lanes = self.b, self.loops.lanes
        return [
            (b.add(first, index(i * lanes)), None)
            for i in range(self.loops.interleaved)
        ]

    def _row(
        self, at: dict[int, ir.Value], places: Sequence[tuple[ir.Value, object] | None]
    ) -> None:
        """One row; for lanes on a kept axis, one for each place of a vector."""
        kernel = self.kernel
        rows = [_Row(self, at, place) for place in places]
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

    def _pass(self, rows: list[_Row], roots: list[int], number: int) -> None:
        """One walk over the reduced axes."""
        self._inner(rows, {}, self.loops.inner, roots, number)

    def _inner(
        self,
        rows: list[_Row],
        at: dict[int, ir.Value],
        axes: list[int],
        roots: list[int],
        number: int,
    ) -> None:
        loops, b = self.loops, self.b
        if axes:
            low, high = self._share(axes[0], self.kernel.shape[axes[0]])
            with emit.loop(b, low, high, name="inner") as i:
                self._inner(rows, {**at, axes[0]: i}, axes[1:], roots, number)
            return
        if loops.lanes_kept or loops.axis is None:
            for row in rows:
                row.elements(at, row.place, 0, roots, number)
            return
        (row,) = rows
        length, stride = self.kernel.shape[loops.axis], loops.stride
        if length >= stride:
            low, high = self._share(loops.axis, length // stride)
            with emit.loop(b, low, high, name="block") as block:
                first = b.mul(block, index(stride))
                for i, place in enumerate(self._vectors(first)):
                    row.elements(at, place, i, roots, number)
        if length % stride == 0:
            return
        if loops.cut == loops.axis:
            _, part, parts = self.function.args
            last = b.icmp_signed("==", part, b.sub(parts, index(1)))
            with b.if_then(last):
                self._row_rest(row, at, roots, number)
        else:
            self._row_rest(row, at, roots, number)

    def _row_rest(
        self, row: _Row, at: dict[int, ir.Value], roots: list[int], number: int
    ) -> None:
        """What is left of a row after whole blocks: vectors, and a masked one."""
        loops, b = self.loops, self.b
        assert loops.axis is not None
        length, lanes = self.kernel.shape[loops.axis], loops.lanes
        whole = length - length % loops.stride
        rest = length - length % lanes
        if whole < rest:
            with emit.loop(b, whole, rest, lanes, name="vector") as first:
                row.elements(at, (first, None), 0, roots, number)
        if rest < length:
            mask = emit.tail_mask(b, index(rest), length, lanes)
            row.elements(at, (index(rest), mask), 0, roots, number)

    def _share(self, axis: int, count: int) -> tuple[Any, Any]:
        """The bounds of an axis, or of this part's share where the axis is cut."""
        if axis != self.loops.cut:
            return 0, count
        _, part, parts = self.function.args
        low, high = emit.share(self.b, count, part, parts)
        return low, high

    def _reloads(self) -> dict[int, tuple[Access, int]]:
        """Elements that later passes read back: (where from, since which pass).

        What is stored anyway is read from there; the rest from a row of scratch
        memory, where lanes go along the row and it is short.
        """
        kernel, loops = self.kernel, self.loops
        found: dict[int, tuple[Access, int]] = {}
        stores = dict(kernel.stores)
        axes = sorted(kernel.reduced)
        for number, since in sorted(self.levels.kept().items()):
            if number in stores:
                found[number] = stores[number], self.levels.level[number]
                continue
            dtype = kernel.steps[number].call.output
            if loops.lanes_kept or kernel.row_size * dtype.itemsize > MOST_SCRATCH:
                continue
            strides = [0] * len(kernel.shape)
            size = 1
            for axis in reversed(axes):
                strides[axis] = size
                size *= kernel.shape[axis]
            home = -1 - number
            memory = ir.ArrayType(emit.memory_type(dtype), size)
            self.pointers[home] = emit.local(self.b, memory)
            self.pointers[home].align = 64
            found[number] = Access(home, tuple(strides), 0, dtype), since
        return found


class _Row:
    """The values of one row (or one vector of rows) while its passes are written."""

    def __init__(
        self, sweep: _SweepEmitter, at: Mapping[int, ir.Value], place: object
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
    ) -> None:
        """The elements at one point: computed, added to the sums, stored."""
        sweep = self.sweep
        kernel = sweep.kernel
        values = self.values(self.point(at, place), number)
        stores = []
        for i in roots:
            if kernel.steps[i].reduces:
                self._accumulate(i, position, values)
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
