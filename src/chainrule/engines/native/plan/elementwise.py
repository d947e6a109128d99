"""How elementwise operations, movements and reductions enter the plan.

Place on the road: one of the files that ``rules`` lists.
"""

from __future__ import annotations

from ....compiler.program import Instruction
from ....shapes import Shape
from .calls import Call
from .group import Operation
from .kernels import Immediate
from .planner import Planner
from .views import View, view_of, whole

#: Padding a value of at least this many elements writes only the border; a smaller one
#: is filled as a whole first, and then written over.
LARGE_PAD = 1 << 15


def elementwise(planner: Planner, instruction: Instruction) -> None:
    """A step of a kernel; what no step computes runs in Python."""
    shape = instruction.node.shape
    operands = tuple(planner.spread(slot, shape) for slot in instruction.inputs)
    call = planner.call(instruction)
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
    planner.place(Operation(call, (source,), shape, place, axes))


def pad(planner: Planner, instruction: Instruction) -> None:
    """A fill, then the elements in their places; of a large value only what lies
    around the elements is filled.
    """
    (slot,) = instruction.inputs
    node, x = instruction.node, planner.nodes[slot]
    store = planner.out(instruction)
    fill = Immediate(instruction.params["value"], node.dtype)
    widths = instruction.params["widths"]
    start = tuple(before for before, _, _ in widths)
    step = tuple(between + 1 for _, _, between in widths)
    inside = store.slice(start, x.shape, step)
    filled = -1
    if store.size >= LARGE_PAD and max(step) == 1 and 0 not in x.shape:
        for slab in _around(store, start, x.shape):
            planner.copy(fill, slab.shape, slab, node.dtype)
    else:
        planner.copied(fill, node.shape, store.buffer, node.dtype)
        filled = planner.ready[store.buffer]
    planner.copy(planner.views[slot], x.shape, inside, node.dtype, after=filled)


def _around(store: View, start: Shape, shape: Shape) -> list[View]:
    """What lies around the elements from ``start`` on, ``shape`` of them, in slabs that
    do not overlap."""
    low, high = [0] * len(shape), list(store.shape)
    found = []
    for axis, (first, n) in enumerate(zip(start, shape, strict=True)):
        for begin, end in ((0, first), (first + n, store.shape[axis])):
            if begin < end:
                low[axis], high[axis] = begin, end
                sizes = tuple(b - a for a, b in zip(low, high, strict=True))
                found.append(store.slice(tuple(low), sizes, (1,) * len(low)))
        low[axis], high[axis] = first, first + n
    return found


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
