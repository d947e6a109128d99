"""How a product of matrices enters the plan.

Place on the road: one of the files that ``rules`` lists.
"""

from __future__ import annotations

import math

from .... import dtypes
from ....compiler.program import Instruction
from ....dtypes import DType
from ....shapes import Shape
from .calls import Call
from .elementwise import widened
from .group import Operand, Operation
from .kernels import Immediate, Product, Step
from .planner import Planner
from .views import View, whole


def matmul(planner: Planner, instruction: Instruction) -> None:
    """A product kernel; integers, vectors and empty ones as a sum of products."""
    left, right = instruction.inputs
    a, b = planner.views[left], planner.views[right]
    shape, dtype = instruction.node.shape, instruction.node.dtype
    given, k = planner.nodes[left].dtype, planner.nodes[left].shape[-1]
    small = 0 in (*shape, k) or k == 1 or shape[-1] == 1
    if dtype.kind != "f" or small or isinstance(a, Immediate):
        _sum_of_products(planner, instruction)
        return
    if isinstance(b, Immediate):
        _sum_of_products(planner, instruction)
        return
    batch = math.prod(shape[:-2])
    a = _matrices(planner, a, (*shape[:-1], k), batch, given)
    b = _matrices(planner, b, (*shape[:-2], k, shape[-1]), batch, given)
    open_product(planner, instruction, a, b, (batch, *shape[-2:]))


def open_product(
    planner: Planner, instruction: Instruction, a: View, b: View, space: Shape
) -> None:
    """A kernel for a (batch, i, p) times b (batch, p, j), as (batch, i, j)."""
    pairs = planner.holds_bfloat16(a)
    if pairs:
        a = _in_pairs(planner, a.transpose((0, 2, 1))).transpose((0, 2, 1))
        b = _in_pairs(planner, b)
    dtype, store = instruction.node.dtype, planner.out(instruction)
    call = Call("product", {}, (dtype, dtype), dtype)
    kernel = Product(space, frozenset(), [Step(call, ())], [], a, b, pairs=pairs)
    planner.open(kernel, whole(store.buffer, space))


def _matrices(
    planner: Planner, x: View, shape: Shape, batch: int, dtype: DType
) -> View:
    """A factor as (batch, rows, columns), copied only where no strides say that."""
    planner.force(x)
    x = x.broadcast(shape)
    found = x.reshape((batch, *shape[-2:]))
    if found is not None:
        return found
    last = len(shape) - 1
    turned = x.strides[-1] != 1 and x.strides[-2] == 1
    if turned:  # copied in the order in which it lies in memory
        x = x.transpose((*range(last - 1), last, last - 1))
    buffer = planner.copies.get(x)
    if buffer is None:
        buffer = planner.new_buffer(dtype, x.size)
        planner.copies[x] = planner.copied(x, x.shape, buffer, dtype)
    copy = whole(buffer, (batch, *x.shape[-2:]))
    return copy.transpose((0, 2, 1)) if turned else copy


def _in_pairs(planner: Planner, x: View) -> View:
    """bfloat16 of shape (batch, p, j) as words of two, neighbours along p, of shape
    (batch, ⌈p / 2⌉, j): as they lie, or else copied.
    """
    batch, k, columns = x.shape
    by_batch, by_p, by_column = x.strides
    words = (batch, -(-k // 2), columns)
    if by_p == 1 and not any(n % 2 for n in (k, by_batch, by_column, x.offset)):
        strides = by_batch // 2, 1, by_column // 2
        return View(x.buffer, words, strides, x.offset // 2)
    if not by_batch:  # one matrix for the whole batch
        x = View(x.buffer, (1, k, columns), x.strides, x.offset)
    return paired(planner, x, 1).broadcast(words)


def paired(planner: Planner, x: View, axis: int) -> View:
    """A copy of bfloat16 as words of two, neighbours along an axis. The last of an odd
    number has 0 beside it.
    """
    n = x.shape[axis]
    space = _with(x.shape, axis, -(-n // 2))
    buffer = planner.pairs.get((x, axis))
    if buffer is not None:
        return whole(buffer, space)
    buffer = planner.new_buffer(dtypes.uint32, math.prod(space))
    planner.pairs[x, axis] = buffer
    call = Call("pair", {}, (dtypes.bfloat16(),) * 2, dtypes.uint32)
    zeros, ones = (0,) * len(space), (1,) * len(space)
    twos = _with(ones, axis, 2)

    def write(first: int, count: int, odd: Operand) -> None:
        shape = _with(x.shape, axis, count)
        even = x.slice(_with(zeros, axis, 2 * first), shape, twos)
        words = whole(buffer, space).slice(_with(zeros, axis, first), shape, ones)
        planner.place(Operation(call, (even, odd), shape, words))

    half = n // 2
    write(0, half, x.slice(_with(zeros, axis, 1), _with(x.shape, axis, half), twos))
    if n % 2:
        write(half, 1, Immediate(0.0, dtypes.bfloat16()))
    planner.force(whole(buffer, space))
    return whole(buffer, space)


def _with(shape: Shape, axis: int, n: int) -> Shape:
    """The shape with another entry for an axis."""
    return (*shape[:axis], n, *shape[axis + 1 :])


def _sum_of_products(planner: Planner, instruction: Instruction) -> None:
    left, right = instruction.inputs
    shape, dtype = instruction.node.shape, instruction.node.dtype
    k = planner.nodes[left].shape[-1]
    space = (*shape, k)
    a, b = (_as_sums(planner, slot, dtype) for slot in (left, right))
    if isinstance(a, View):
        a = a.broadcast((*shape[:-1], k))
        a = View(a.buffer, space, (*a.strides[:-1], 0, a.strides[-1]), a.offset)
    if isinstance(b, View):
        b = b.broadcast((*shape[:-2], k, shape[-1]))
        strides = (*b.strides[:-2], 0, b.strides[-1], b.strides[-2])
        b = View(b.buffer, space, strides, b.offset)
    store = planner.out(instruction)
    if 0 in shape:
        return
    terms = planner.new_buffer(dtype, math.prod(space))
    call = Call("multiply", {}, (dtype, dtype), dtype)
    planner.place(Operation(call, (a, b), space, whole(terms, space)))
    call = Call("sum", {}, (dtype,), dtype)
    axes = (len(shape),)
    planner.place(Operation(call, (whole(terms, space),), space, store, axes))


def _as_sums(planner: Planner, slot: int, dtype: DType) -> Operand:
    """An operand in the dtype of the sums."""
    x, given = planner.views[slot], planner.nodes[slot].dtype
    return x if given == dtype else widened(planner, x, planner.nodes[slot].shape)
