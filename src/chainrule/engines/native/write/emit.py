"""A vocabulary for LLVM text: types, constants, loops, vectors, masked memory.

Place on the road: below all that writes LLVM text. A number in a register is a scalar
or a vector of lanes; every function here takes both. bool is one byte in memory and one
bit in a register.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import zip_longest
from typing import Any

import numpy as np

from ....dtypes import DType, is_bfloat16
from . import ir

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
POINTER = ir.PointerType()
VOID = ir.VoidType()

#: What kernels look like: ``void kernel(ptr arguments, i64 part, i64 parts)``.
KERNEL = ir.FunctionType(VOID, [POINTER, I64, I64])
#: What main functions look like, and kernels that may fail, which are not cut into
#: parts: ``i64 main(ptr table)``, 0 for success.
MAIN = ir.FunctionType(I64, [POINTER])


#: ``check(builder, address, bytes)``: whether they may be read or written.
Check = Callable[[ir.IRBuilder, ir.Value, ir.Value], ir.Value]
#: What is asked before each access, while a kernel is written that ``guard`` watches.
CHECK: ContextVar[Check | None] = ContextVar("check", default=None)


def register_type(dtype: DType) -> ir.Type:
    """The type of one number in a register: of bfloat16 its bits."""
    if dtype.kind == "f":
        return ir.FloatType() if dtype.itemsize == 4 else ir.DoubleType()
    return I1 if dtype.kind == "b" else ir.IntType(8 * dtype.itemsize)


def memory_type(dtype: DType) -> ir.Type:
    """The type of one number in memory."""
    return I8 if dtype.kind == "b" else register_type(dtype)


def lanes_of(kind: ir.Type) -> int:
    """How many numbers a register type holds; 0 for a scalar."""
    return kind.count if isinstance(kind, ir.VectorType) else 0


def element_of(kind: ir.Type) -> ir.Type:
    """The type of one number of a register type."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


def wide(element: ir.Type, lanes: int) -> ir.Type:
    """The vector type of ``lanes`` numbers; the element itself for 0 lanes."""
    return ir.VectorType(element, lanes) if lanes else element


def constant(kind: ir.Type, value: Any) -> ir.Value:
    """A number as a constant of this type, in every lane."""
    element = element_of(kind)
    if isinstance(element, (ir.FloatType, ir.DoubleType)):
        value = float(value)
    else:
        value = int(value)
        if value >= 1 << (element.width - 1) and element.width > 1:
            value -= 1 << element.width
    return ir.Constant(kind, value)


def number(dtype: DType, value: Any, lanes: int) -> ir.Value:
    """A number of this dtype as a constant, in every lane."""
    if is_bfloat16(dtype):
        value = int(np.asarray(value, dtype).view(np.uint16))
    return constant(wide(register_type(dtype), lanes), value)


@functools.lru_cache(4096)
def index(value: int) -> ir.Value:
    """A 64-bit integer."""
    return ir.Constant(I64, value)


def lane_numbers(lanes: int) -> ir.Value:
    """The vector 0, 1, 2, …"""
    return ir.Constant(ir.VectorType(I64, lanes), list(range(lanes)))


def splat(b: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """A scalar in every lane; vectors stay as they are."""
    if not lanes or lanes_of(value.type):
        return value
    if isinstance(value, ir.Constant):
        return constant(wide(value.type, lanes), value.constant)
    kind = wide(value.type, lanes)
    start = b.insert_element(
        ir.Constant(kind, ir.Undefined), value, ir.Constant(I32, 0)
    )
    return b.shuffle_vector(start, start, ir.Constant(wide(I32, lanes), [0] * lanes))


def intrinsic(
    b: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[ir.Value]
) -> ir.Value:
    """A call of an LLVM intrinsic, or any other external function, by its full name."""
    found = b.module.globals.get(name)
    if found is None:
        kind = ir.FunctionType(result, [each.type for each in arguments])
        found = ir.Function(b.module, kind, name)
    return b.call(found, arguments)


def suffix(kind: ir.Type) -> str:
    """How an intrinsic's name spells a type: ``v16f32``, ``i64``."""
    element = element_of(kind)
    if isinstance(element, ir.FloatType):
        text = "f32"
    elif isinstance(element, ir.DoubleType):
        text = "f64"
    else:
        text = f"i{element.width}"
    lanes = lanes_of(kind)
    return f"v{lanes}{text}" if lanes else text


@contextmanager
def loop(
    b: ir.IRBuilder, start: Any, stop: Any, step: int = 1, name: str = "i"
) -> Iterator[ir.Value]:
    """``for i in range(start, stop, step)``; bounds are numbers or i64 values.

    A loop that is known to run once is written without a loop.
    """
    if isinstance(start, int) and isinstance(stop, int) and 0 < stop - start <= step:
        yield index(start)
        return
    first = index(start) if isinstance(start, int) else start
    last = index(stop) if isinstance(stop, int) else stop
    before = b.block
    head = b.append_basic_block(f"{name}.head")
    body = b.append_basic_block(f"{name}.body")
    after = b.append_basic_block(f"{name}.after")
    b.branch(head)
    b.position_at_end(head)
    counter = b.phi(I64, name)
    counter.add_incoming(first, before)
    b.cbranch(b.icmp_signed("<", counter, last), body, after)
    b.position_at_end(body)
    yield counter
    counter.add_incoming(b.add(counter, index(step)), b.block)
    b.branch(head)
    b.position_at_end(after)


#: The most parts whose instructions are interleaved: each needs some registers.
MOST_WOVEN = 2


@contextmanager
def woven(b: ir.IRBuilder) -> Iterator[Callable[[], None]]:
    """Interleaves the instructions of parts that do not depend on each other; what is
    yielded is called where each of them begins.

    In a chain of operations each waits for the one before, and the processor looks some
    hundred instructions ahead. Where the next chain begins nearby, it computes several
    at the same time. Parts with branches stay one after the other.
    """
    block, starts = b.block, list[int]()
    yield lambda: starts.append(len(block.instructions))
    if b.block is not block or block is b.function.entry_basic_block:
        return
    whole = block.instructions
    ends = [*starts[1:], len(whole)]
    for i in range(0, len(starts), MOST_WOVEN):
        places = list(zip(starts, ends, strict=True))[i : i + MOST_WOVEN]
        turns = zip_longest(*(whole[low:high] for low, high in places))
        order = [each for turn in turns for each in turn if each is not None]
        whole[places[0][0] : places[-1][1]] = order


def share(b: ir.IRBuilder, total: int, part: ir.Value, parts: ir.Value) -> Any:
    """The bounds of this part of ``total`` pieces of work: total·part/parts, and on."""
    low = b.sdiv(b.mul(index(total), part), parts)
    high = b.sdiv(b.mul(index(total), b.add(part, index(1))), parts)
    return low, high


def linear(
    b: ir.IRBuilder, start: int, terms: Sequence[tuple[ir.Value, int]]
) -> ir.Value:
    """``start + Σ value · stride``, without the terms that are known to be 0."""
    total: ir.Value | None = None
    for value, stride in terms:
        if stride == 0 or (isinstance(value, ir.Constant) and value.constant == 0):
            continue
        part = value if stride == 1 else b.mul(value, index(stride))
        total = part if total is None else b.add(total, part)
    if total is None:
        return index(start)
    return b.add(total, index(start)) if start else total


def address(
    b: ir.IRBuilder, pointer: ir.Value, element: ir.Type, position: ir.Value
) -> ir.Value:
    """The address of the element at a position; of several for a vector of these."""
    return b.gep(pointer, position, element)


def load(
    b: ir.IRBuilder, dtype: DType, pointer: ir.Value, lanes: int, mask: ir.Value | None
) -> ir.Value:
    """Reads one number, or ``lanes`` neighbours, or (from a vector of addresses) any.

    Lanes that the mask leaves out are 0 and are not touched in memory.
    """
    kind = wide(memory_type(dtype), lanes)
    pointer = _allowed(b, dtype, pointer, lanes, mask)
    gathers = lanes_of(pointer.type) > 0
    if gathers or mask is not None:
        value = _masked_load(b, kind, pointer, dtype.itemsize, mask)
    else:
        value = b.load(pointer, kind, align=dtype.itemsize)
    if dtype.kind == "b":
        value = b.icmp_unsigned("!=", value, constant(kind, 0))
    return value


def _allowed(
    b: ir.IRBuilder, dtype: DType, pointer: ir.Value, lanes: int, mask: ir.Value | None
) -> ir.Value:
    """An address, or that of spare memory where a watched kernel may not access it.
    Masks are of the first lanes; addresses of single lanes are checked by ``point``.
    """
    check = CHECK.get()
    if check is None or lanes_of(pointer.type):
        return pointer
    count = index(max(1, lanes))
    if mask is not None:
        kind = ir.IntType(lanes)
        bits = intrinsic(b, f"llvm.ctpop.i{lanes}", kind, [b.bitcast(mask, kind)])
        count = b.zext(bits, I64)
    allowed = check(b, pointer, b.mul(count, index(dtype.itemsize)))
    return b.select(allowed, pointer, local(b, ir.ArrayType(I64, 64)))


def _bytes_allowed(b: ir.IRBuilder, pointer: ir.Value, size: ir.Value) -> ir.Value:
    """A number of bytes, or 0 where a watched kernel may not access them."""
    check = CHECK.get()
    if check is None:
        return size
    return b.select(check(b, pointer, size), size, index(0))


def _masked_load(
    b: ir.IRBuilder, kind: ir.Type, pointer: ir.Value, size: int, mask: ir.Value | None
) -> ir.Value:
    gathers = lanes_of(pointer.type) > 0
    lanes = lanes_of(kind)
    if mask is None:
        mask = constant(wide(I1, lanes), 1)
    name = f"llvm.masked.{'gather' if gathers else 'load'}.{suffix(kind)}."
    name += f"v{lanes}p0" if gathers else "p0"
    align = ir.Constant(I32, size)
    return intrinsic(b, name, kind, [pointer, align, mask, constant(kind, 0)])


def store(
    b: ir.IRBuilder, dtype: DType, value: ir.Value, pointer: ir.Value, mask: Any
) -> None:
    """Writes a number, neighbours, or scattered numbers; see ``load``."""
    if dtype.kind == "b":
        value = b.zext(value, wide(I8, lanes_of(value.type)))
    lanes = lanes_of(value.type)
    pointer = _allowed(b, dtype, pointer, lanes, mask)
    scatters = lanes_of(pointer.type) > 0
    if not scatters and mask is None:
        b.store(value, pointer, align=dtype.itemsize)
        return
    if mask is None:
        mask = constant(wide(I1, lanes), 1)
    elif not scatters and dtype.kind != "f" and dtype.itemsize < 8:
        mask = _unforeseen(b, mask)
    name = f"llvm.masked.{'scatter' if scatters else 'store'}.{suffix(value.type)}."
    name += f"v{lanes}p0" if scatters else "p0"
    align = ir.Constant(I32, dtype.itemsize)
    intrinsic(b, name, VOID, [value, pointer, align, mask])


def _unforeseen(b: ir.IRBuilder, mask: ir.Value) -> ir.Value:
    """The mask, in a way that LLVM (22) cannot know its value beforehand. Of integers
    that were cut to fewer bits it stores all bits where it knows that the mask has a
    single lane: over what lies behind.
    """
    kind = ir.IntType(mask.type.count)
    bits = b.zext(b.bitcast(mask, kind), ir.IntType(128))
    same = b.asm(ir.FunctionType(I64, [I64]), "=r,0", [b.trunc(bits, I64)])
    wider = b.zext(same, ir.IntType(128))
    return b.bitcast(b.trunc(wider, kind), mask.type)


def prefetch(b: ir.IRBuilder, pointer: ir.Value) -> None:
    """Asks memory for a cache line, to be held in the second-level cache."""
    hints = [ir.Constant(I32, hint) for hint in (0, 2, 1)]
    intrinsic(b, "llvm.prefetch.p0", VOID, [pointer, *hints])


def multiply_add(b: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """x · y + z, in one instruction where the processor has one."""
    return intrinsic(b, f"llvm.fmuladd.{suffix(z.type)}", z.type, [x, y, z])


def smaller(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The smaller of two signed integers."""
    return b.select(b.icmp_signed("<", x, y), x, y)


def larger(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The larger of two signed integers."""
    return b.select(b.icmp_signed(">", x, y), x, y)


def clear(b: ir.IRBuilder, target: ir.Value, size: ir.Value) -> None:
    """Fills ``size`` bytes with zeros."""
    size = _bytes_allowed(b, target, size)
    values = [target, ir.Constant(I8, 0), size, ir.Constant(I1, 0)]
    intrinsic(b, "llvm.memset.p0.i64", VOID, values)


def copy(b: ir.IRBuilder, target: ir.Value, source: ir.Value, size: ir.Value) -> None:
    """Copies ``size`` bytes."""
    size = _bytes_allowed(b, source, _bytes_allowed(b, target, size))
    values = [target, source, size, ir.Constant(I1, 0)]
    intrinsic(b, "llvm.memcpy.p0.p0.i64", VOID, values)


def halves(
    b: ir.IRBuilder,
    values: list[ir.Value],
    combine: Callable[[list[ir.Value], list[ir.Value]], list[ir.Value]],
) -> list[ir.Value]:
    """The lanes of vectors combined to one number each, upper half with lower half."""
    lanes = lanes_of(values[0].type)
    while lanes > 1:
        lanes //= 2
        low = [_lanes(b, each, 0, lanes) for each in values]
        high = [_lanes(b, each, lanes, lanes) for each in values]
        values = combine(low, high)
    zero = ir.Constant(I32, 0)
    return [b.extract_element(each, zero) for each in values]


def _lanes(b: ir.IRBuilder, value: ir.Value, first: int, count: int) -> ir.Value:
    chosen = ir.Constant(wide(I32, count), list(range(first, first + count)))
    return b.shuffle_vector(value, value, chosen)


def first_lanes(count: int, lanes: int) -> ir.Value | None:
    """The mask of the first ``count`` lanes; None where that is all of them."""
    if count >= lanes:
        return None
    return ir.Constant(wide(I1, lanes), [int(i < count) for i in range(lanes)])


def existing_lanes(b: ir.IRBuilder, count: ir.Value, lanes: int) -> ir.Value:
    """The mask of the first ``count`` lanes, where the count is known at run time."""
    return b.icmp_signed("<", lane_numbers(lanes), splat(b, count, lanes))


def tail_mask(b: ir.IRBuilder, first: ir.Value, stop: int, lanes: int) -> ir.Value:
    """Which of the lanes first, first + 1, … are below ``stop``."""
    if isinstance(first, ir.Constant):
        there = [int(first.constant + lane < stop) for lane in range(lanes)]
        return ir.Constant(wide(I1, lanes), there)
    numbers = b.add(splat(b, first, lanes), lane_numbers(lanes))
    return b.icmp_signed("<", numbers, constant(numbers.type, stop))


def arguments(
    b: ir.IRBuilder, table: ir.Value, buffers: Sequence[int]
) -> dict[int, ir.Value]:
    """The addresses of a kernel's buffers, read from the table that it is given."""
    found = {}
    for number, buffer in enumerate(buffers):
        slot = b.gep(table, index(number), POINTER)
        found[buffer] = b.load(slot, POINTER, align=8)
    return found


def local(b: ir.IRBuilder, kind: ir.Type, align: int = 0) -> ir.Local:
    """A local variable, declared at the start of the function: LLVM makes it a
    register.
    """
    with b.goto_entry_block():
        return b.alloca(kind, align)
