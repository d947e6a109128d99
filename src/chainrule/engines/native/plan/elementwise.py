"""How elementwise operations, movements and reductions enter the plan.

Place on the road: one of the files that ``rules`` lists.
"""

from __future__ import annotations

import math
from dataclasses import replace

from .... import dtypes
from ....compiler.program import Instruction
from ....shapes import Shape
from .calls import Call
from .group import Operand, Operation
from .kernels import Immediate
from .planner import Planner
from .views import View, view_of, whole


def elementwise(planner: Planner, instruction: Instruction) -> None:
    """A step of a kernel; what no step computes runs in Python."""
    shape = instruction.node.shape
    operands = tuple(planner.spread(slot, shape) for slot in instruction.inputs)
    call = planner.call(instruction)
    if _computes_in_float32(call):
        _in_float32(planner, call, operands, shape, planner.out(instruction))
        return
    refused = ("subtract", "negative", "sign", "remainder", "floor_divide")
    if call.inputs[0].kind == "b" and call.name in refused:
        planner.callback(instruction)
        return
    planner.place(Operation(call, operands, shape, planner.out(instruction)))


def power(planner: Planner, instruction: Instruction) -> None:
    """Integers: a negative exponent is an error, which the check finds."""
    exponent, most = instruction.inputs[1], (1 << 63) - 1
    if instruction.node.dtype.kind == "i":
        if planner.check(instruction, exponent, most, low=0) is None:
            return
    elementwise(planner, instruction)


def movement(planner: Planner, instruction: Instruction) -> None:
    """Another view of the same buffer; else, for a reshape, a copy."""
    (slot,) = instruction.inputs
    source = planner.views[slot]
    node = instruction.node
    if isinstance(source, Immediate):
        planner.views[instruction.output] = source
        return
    view = view_of(instruction.op.name, instruction.params, source, node.shape)
    if view is not None:
        planner.views[instruction.output] = view
        return
    store = planner.out(instruction)  # a reshape: copied in the operand's own order
    planner.copy(source, source.shape, whole(store.buffer, source.shape), node.dtype)


def reduction(planner: Planner, instruction: Instruction) -> None:
    """A reduction over some axes; over none, it is its operand."""
    (slot,) = instruction.inputs
    shape, axis = planner.nodes[slot].shape, instruction.params["axis"]
    axes = (axis,) if isinstance(axis, int) else axis
    store = planner.out(instruction)
    kept = tuple(n for i, n in enumerate(shape) if i not in axes)
    call, source = planner.call(instruction), planner.views[slot]
    if not axes:
        cast = Call("cast", {}, call.inputs, call.output)
        planner.place(Operation(cast, (source,), shape, store))
        return
    if 0 in kept:
        return
    place = whole(store.buffer, kept)
    if _computes_in_float32(call):
        _in_float32(planner, call, (source,), shape, place, axes)
        return
    planner.place(Operation(call, (source,), shape, place, axes))


def _computes_in_float32(call: Call) -> bool:
    """Whether it computes with bfloat16, and does not only move or convert them."""
    moves = call.name in ("cast", "copy", "where")
    return not moves and any(map(dtypes.is_bfloat16, (*call.inputs, call.output)))


def _in_float32(
    planner: Planner,
    call: Call,
    operands: tuple[Operand, ...],
    shape: Shape,
    store: View,
    axes: tuple[int, ...] | None = None,
) -> None:
    """An operation on bfloat16 as one on float32, whose result is rounded."""
    inputs = tuple(map(dtypes.of_sums, call.inputs))
    wide = replace(call, inputs=inputs, output=dtypes.of_sums(call.output))
    given = tuple(
        widened(planner, x, shape) if dtypes.is_bfloat16(dtype) else x
        for x, dtype in zip(operands, call.inputs, strict=True)
    )
    if wide.output == call.output:
        planner.place(Operation(wide, given, shape, store, axes))
        return
    result = whole(planner.new_buffer(wide.output, store.size), store.shape)
    planner.place(Operation(wide, given, shape, result, axes))
    cast = Call("cast", {}, (wide.output,), call.output)
    planner.place(Operation(cast, (result,), store.shape, store))


def widened(planner: Planner, x: Operand, shape: Shape) -> View:
    """bfloat16 as float32, in a buffer of its own."""
    store = whole(planner.new_buffer(dtypes.float32, math.prod(shape)), shape)
    call = Call("cast", {}, (dtypes.bfloat16(),), dtypes.float32)
    planner.place(Operation(call, (x,), shape, store))
    return store


def concatenate(planner: Planner, instruction: Instruction) -> None:
    """Every operand is written to its share of the result."""
    axis, store = instruction.params["axis"], planner.out(instruction)
    first = 0
    ndim = len(store.shape)
    for slot in instruction.inputs:
        shape = planner.nodes[slot].shape
        start = tuple(first if i == axis else 0 for i in range(ndim))
        share = store.slice(start, shape, (1,) * ndim)
        planner.copy(planner.views[slot], shape, share, instruction.node.dtype)
        first += shape[axis]
