"""Kernels with a form of their own: sorting, running sums, scattering, checking.

Place on the road: one function for each of most kinds of ``Special``, found in
``write.kinds``. Operands are whole contiguous arrays; ``whole`` makes a writer of a
function that writes what is computed with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from ..... import dtypes
from .....dtypes import DType
from .....shapes import Shape
from ...choose.task import Task, Whole
from ...plan.kernels import (
    ArgSort,
    Buffer,
    Check,
    Cumsum,
    NextState,
    Put,
    ScatterAdd,
    ScatterAlong,
)
from .. import emit, ir
from ..arithmetic.elementwise import convert, from_front
from ..emit import (
    I1,
    I32,
    I64,
    MAIN,
    address,
    clear,
    copy,
    index,
    load,
    loop,
    smaller,
    store,
)

#: Scratch memory as an array of indices, behind the others.
SCRATCH = Buffer("arena", 0, dtypes.int64, 0)


class Flat:
    """A contiguous array: loads and stores of single elements by flat position."""

    def __init__(self, b: ir.IRBuilder, pointer: ir.Value, buffer: Buffer) -> None:
        self.b, self.pointer, self.dtype = b, pointer, buffer.dtype
        self.size, self.kind = buffer.size, emit.memory_type(buffer.dtype)

    def address(self, position: ir.Value) -> ir.Value:
        """The address of an element."""
        return address(self.b, self.pointer, self.kind, position)

    def load(self, position: ir.Value) -> ir.Value:
        """The element at a position."""
        return load(self.b, self.dtype, self.address(position), 0, None)

    def store(self, value: ir.Value, position: ir.Value) -> None:
        """Writes the element at a position."""
        store(self.b, self.dtype, value, self.address(position), None)

    def clear(self) -> None:
        """Fills the array with zeros."""
        clear(self.b, self.pointer, index(self.size * self.dtype.itemsize))


def around(shape: Shape, axis: int) -> tuple[int, int, int]:
    """The sizes before, of, and after an axis."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


#: ``body(builder, kernel, arrays)`` writes what is computed; ``arrays`` are the inputs,
#: the outputs and the scratch memory. It may return a status, which is not 0 where the
#: run must end with an error.
Body: TypeAlias = Callable[[ir.IRBuilder, Any, list[Flat]], ir.Value | None]
Writer: TypeAlias = Callable[[ir.Module, str, Task[Any, Whole]], ir.Function]


def whole(body: Body) -> Writer:
    """The writer of a kernel that is one part, ``i64 (ptr arguments)``."""

    def write(module: ir.Module, name: str, task: Task[Any, Whole]) -> ir.Function:
        function = ir.Function(module, MAIN, name)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        count = len(task.buffers)
        pointers = emit.arguments(b, function.args[0], range(count + 1))
        buffers = [*task.buffers, SCRATCH]
        arrays = [Flat(b, pointers[i], each) for i, each in enumerate(buffers)]
        status = body(b, task.kernel, arrays)
        b.ret(index(0) if status is None else status)
        return function

    return write


def check(b: ir.IRBuilder, kernel: Check, arrays: list[Flat]) -> ir.Value:
    """1 where an index lies outside of its axis; the engine then finds out which."""
    given, _ = arrays
    size, first = kernel.size, kernel.low
    count = given.size
    wrong = emit.local(b, I1)
    b.store(ir.Constant(I1, 0), wrong)
    with loop(b, 0, count) as i:
        value = given.load(i)
        if given.dtype.kind == "u":
            bad = _unsigned_beyond(b, value, size)
        else:
            number = convert(b, value, given.dtype, dtypes.int64)
            low = b.icmp_signed("<", number, index(first))
            bad = b.or_(low, b.icmp_signed(">=", number, index(size)))
        b.store(b.or_(b.load(wrong, I1), bad), wrong)
    return b.zext(b.load(wrong, I1), I64)


def _unsigned_beyond(b: ir.IRBuilder, value: ir.Value, size: int) -> ir.Value:
    if size >= 1 << value.type.width:
        return ir.Constant(I1, 0)
    return b.icmp_unsigned(">=", value, emit.constant(value.type, size))


def cumsum(b: ir.IRBuilder, kernel: Cumsum, arrays: list[Flat]) -> None:
    """Running sums along an axis, one line after the other, of floats in float64."""
    x, y, _ = arrays
    before, n, after = around(kernel.inputs[0][1], kernel.axis)
    wide = dtypes.float64 if y.dtype.kind == "f" else y.dtype
    total = emit.local(b, emit.register_type(wide))
    with loop(b, 0, before, name="o") as o, loop(b, 0, after, name="i") as i:
        b.store(emit.constant(total.allocated_type, 0), total)
        with loop(b, 0, n, name="k") as k:
            at = b.add(b.mul(b.add(b.mul(o, index(n)), k), index(after)), i)
            value = convert(b, x.load(at), x.dtype, wide)
            new = _plus(b, b.load(total, total.allocated_type), value, wide)
            b.store(new, total)
            y.store(convert(b, new, wide, y.dtype), at)


def next_state(b: ir.IRBuilder, kernel: NextState, arrays: list[Flat]) -> None:
    """The number of the draw, counted on."""
    state, new, _ = arrays
    low, high, *draws = (state.load(index(i)) for i in range(4))
    first, second = (b.zext(each, I64) for each in draws)
    count = b.add(b.or_(first, b.shl(second, index(32))), index(1))
    for i, word in enumerate((low, high)):
        new.store(word, index(i))
    new.store(b.trunc(count, I32), index(2))
    new.store(b.trunc(b.lshr(count, index(32)), I32), index(3))


def scatter_add(b: ir.IRBuilder, kernel: ScatterAdd, arrays: list[Flat]) -> None:
    """Rows added one after the other, in the order of the index."""
    g, at, y, _ = arrays
    axis, size = kernel.axis, kernel.size
    shape, taken = kernel.inputs[0][1], kernel.inputs[1][1]
    before = math.prod(shape[:axis])
    count, after = math.prod(taken), math.prod(shape[axis + len(taken) :])
    y.clear()
    with loop(b, 0, before, name="o") as o, loop(b, 0, count, name="k") as k:
        wanted = _position(b, at, k, size)
        source = b.mul(b.add(b.mul(o, index(count)), k), index(after))
        target = b.mul(b.add(b.mul(o, index(size)), wanted), index(after))
        _add_row(b, g, y, source, target, after)


def put(b: ir.IRBuilder, kernel: Put, arrays: list[Flat]) -> None:
    """Slices written over those of a copy; in place there is nothing to copy."""
    x, at, new, y, _ = arrays
    shape, taken, axis = kernel.inputs[0][1], kernel.inputs[1][1], kernel.axis
    before, size, after = around(shape, axis)
    count = math.prod(taken)
    apart = b.icmp_unsigned("!=", *(b.ptrtoint(e.pointer, I64) for e in (x, y)))
    with b.if_then(apart):
        copy(b, y.pointer, x.pointer, index(math.prod(shape) * y.dtype.itemsize))
    width = index(after * y.dtype.itemsize)
    with loop(b, 0, before, name="o") as o, loop(b, 0, count, name="k") as k:
        wanted = _position(b, at, k, size)
        source = b.mul(b.add(b.mul(o, index(count)), k), index(after))
        target = b.mul(b.add(b.mul(o, index(size)), wanted), index(after))
        copy(b, y.address(target), new.address(source), width)


def _position(b: ir.IRBuilder, at: Flat, position: ir.Value, size: int) -> ir.Value:
    return from_front(b, convert(b, at.load(position), at.dtype, dtypes.int64), size)


def _add_row(
    b: ir.IRBuilder,
    g: Flat,
    y: Flat,
    source: ir.Value,
    target: ir.Value,
    count: int,
) -> None:
    """y[target:] += g[source:], ``count`` elements in vectors, the last one masked."""
    lanes = 1
    while lanes < 16 and lanes < count:
        lanes *= 2

    def piece(first: ir.Value, mask: ir.Value | None) -> None:
        x, old = (
            load(b, each.dtype, each.address(b.add(start, first)), lanes, mask)
            for each, start in ((g, source), (y, target))
        )
        store(
            b, y.dtype, _plus(b, old, x, y.dtype), y.address(b.add(target, first)), mask
        )

    whole = count - count % lanes
    if whole:
        with loop(b, 0, whole, lanes, name="i") as first:
            piece(first, None)
    if whole < count:
        piece(index(whole), emit.tail_mask(b, index(whole), count, lanes))


def _plus(b: ir.IRBuilder, x: ir.Value, y: ir.Value, dtype: DType) -> ir.Value:
    if dtype.kind == "b":
        return b.or_(x, y)
    return b.fadd(x, y) if dtype.kind == "f" else b.add(x, y)


def scatter_along(b: ir.IRBuilder, kernel: ScatterAlong, arrays: list[Flat]) -> None:
    """Elements added one after the other, in the order of the index."""
    g, at, y, _ = arrays
    axis, size = kernel.axis, kernel.size
    before, n, after = around(kernel.inputs[0][1], axis)
    y.clear()
    with (
        loop(b, 0, before, name="o") as o,
        loop(b, 0, n, name="k") as k,
        loop(b, 0, after, name="i") as i,
    ):
        source = b.add(b.mul(b.add(b.mul(o, index(n)), k), index(after)), i)
        wanted = _position(b, at, source, size)
        target = b.add(b.mul(b.add(b.mul(o, index(size)), wanted), index(after)), i)
        y.store(_plus(b, y.load(target), g.load(source), y.dtype), target)


def argsort(b: ir.IRBuilder, kernel: ArgSort, arrays: list[Flat]) -> None:
    """Merge sort, from runs of 1 to runs of n: equal elements keep their order.

    Two rows of indices in scratch memory are merged into each other in turn.
    """
    x, y, rows = arrays
    before, n, after = around(kernel.inputs[0][1], kernel.axis)
    rounds = max(0, (n - 1).bit_length())
    scratch = rows.pointer
    other = address(b, scratch, I64, index(n))
    with loop(b, 0, before, name="o") as o, loop(b, 0, after, name="i") as i:
        base = b.add(b.mul(o, index(n * after)), i)
        with loop(b, 0, n, name="start") as k:
            store(b, SCRATCH.dtype, k, address(b, scratch, I64, k), None)
        with loop(b, 0, rounds, name="round") as step:
            odd = b.trunc(step, I1)
            source, target = (b.select(odd, *each) for each in
                              ((other, scratch), (scratch, other)))  # fmt: skip
            _merge_runs(b, x, base, after, n, b.shl(index(1), step), source, target)
        sorted_ = other if rounds % 2 else scratch
        with loop(b, 0, n, name="out") as k:
            found = load(b, SCRATCH.dtype, address(b, sorted_, I64, k), 0, None)
            y.store(found, b.add(base, b.mul(k, index(after))))


def _merge_runs(
    b: ir.IRBuilder,
    x: Flat,
    base: ir.Value,
    stride: int,
    n: int,
    width: ir.Value,
    source: ir.Value,
    target: ir.Value,
) -> None:
    """Every two neighbouring sorted runs of this width become one."""
    double = b.shl(width, index(1))
    pairs = b.sdiv(b.add(index(n - 1), double), double)
    left, right = emit.local(b, I64), emit.local(b, I64)
    with loop(b, 0, pairs, name="pair") as pair:
        low = b.mul(pair, double)
        middle = smaller(b, b.add(low, width), index(n))
        high = smaller(b, b.add(low, double), index(n))
        b.store(low, left)
        b.store(middle, right)
        with loop(b, low, high, name="k") as k:
            i, j = b.load(left, I64), b.load(right, I64)
            has_left = b.icmp_signed("<", i, middle)
            has_right = b.icmp_signed("<", j, high)
            first = _index_at(b, source, i, has_left)
            second = _index_at(b, source, j, has_right)
            value, rival = (
                x.load(b.add(base, b.mul(each, index(stride))))
                for each in (first, second)
            )
            behind = b.and_(has_right, _less(b, x.dtype, rival, value))
            take = b.and_(has_left, b.not_(behind))
            chosen = b.select(take, first, second)
            store(b, SCRATCH.dtype, chosen, address(b, target, I64, k), None)
            b.store(b.add(i, b.zext(take, I64)), left)
            b.store(b.add(j, b.zext(b.not_(take), I64)), right)


def _index_at(
    b: ir.IRBuilder, row: ir.Value, position: ir.Value, there: ir.Value
) -> ir.Value:
    """The index at a place of a run, 0 where the run has ended."""
    safe = b.select(there, position, index(0))
    return load(b, SCRATCH.dtype, address(b, row, I64, safe), 0, None)


def _less(b: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    """Whether x sorts before y; NaN sorts last."""
    if dtype.kind == "f":
        ordinary = b.fcmp_ordered("<", x, y)
        nan = b.fcmp_unordered("uno", y, y)
        return b.or_(ordinary, b.and_(nan, b.fcmp_ordered("ord", x, x)))
    if dtype.kind in "bu":
        return b.icmp_unsigned("<", x, y)
    return b.icmp_signed("<", x, y)
