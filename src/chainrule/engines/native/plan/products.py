"""How a product of matrices enters the plan.

Place on the road: one of the files that ``rules`` lists.
"""

from __future__ import annotations

import math

from ....compiler.program import Instruction
from ....dtypes import DType
from ....shapes import Shape
from .calls import Call
from .group import Operation
from .kernels import Immediate, Product, Step
from .planner import Planner
from .views import View, whole


def matmul(planner: Planner, instruction: Instruction) -> None:
    """A product kernel; integers, vectors and empty ones as a sum of products."""
    left, right = instruction.inputs
    a, b = planner.views[left], planner.views[right]
    shape, dtype = instruction.node.shape, instruction.node.dtype
    k = planner.nodes[left].shape[-1]
    small = 0 in (*shape, k) or k == 1 or shape[-1] == 1
    if dtype.kind != "f" or small or isinstance(a, Immediate):
        _sum_of_products(planner, instruction)
        return
    if isinstance(b, Immediate):
        _sum_of_products(planner, instruction)
        return
    batch = math.prod(shape[:-2])
    a = _matrices(planner, a, (*shape[:-1], k), batch, dtype)
    b = _matrices(planner, b, (*shape[:-2], k, shape[-1]), batch, dtype)
    space = (batch, *shape[-2:])
    store = planner.out(instruction)
    call = Call("product", {}, (dtype, dtype), dtype)
    kernel = Product(space, frozenset(), [Step(call, ())], [], a, b)
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


def _sum_of_products(planner: Planner, instruction: Instruction) -> None:
    left, right = instruction.inputs
    shape, dtype = instruction.node.shape, instruction.node.dtype
    k = planner.nodes[left].shape[-1]
    space = (*shape, k)
    a, b = planner.views[left], planner.views[right]
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
