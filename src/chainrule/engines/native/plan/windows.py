"""How padding, windows and their adjoint enter the plan.

Place on the road: one of the files that ``rules`` lists. What is padded for windows
alone is not copied: a step ``bordered`` reads an element of what lies inside, or has
the padding's value where a window reaches beyond it. Their adjoint is computed where
slices read it, and not in the border that they drop.
"""

from __future__ import annotations

import math

from .... import dtypes
from ....compiler.program import Instruction
from ....shapes import Shape
from .calls import ELEMENTWISE, REDUCTIONS, Call
from .elementwise import movement
from .group import NOWHERE, Operation
from .kernels import Immediate, OverlapAdd
from .planner import Planner
from .views import View, contiguous_strides

#: Padding a value of at least this many elements writes only the border; a smaller one
#: is filled as a whole first, and then written over.
LARGE_PAD = 1 << 15


def pad(planner: Planner, instruction: Instruction) -> None:
    """Nothing, where windows read x itself. Else a fill, then the elements in their
    places; of a large value only what lies around the elements is filled.
    """
    (slot,) = instruction.inputs
    node, x = instruction.node, planner.nodes[slot]
    if _read_by_windows(planner, instruction):
        return
    widths = instruction.params["widths"]
    start = tuple(before for before, _, _ in widths)
    step = tuple(between + 1 for _, _, between in widths)
    store = planner.out(instruction)
    fill = Immediate(instruction.params["value"], node.dtype)
    inside = store.slice(start, x.shape, step)
    filled = -1
    if store.size >= LARGE_PAD and max(step) == 1 and 0 not in x.shape:
        for slab in _around(store, start, x.shape):
            planner.copy(fill, slab.shape, slab, node.dtype)
    else:
        planner.copied(fill, node.shape, store.buffer, node.dtype)
        filled = planner.ready[store.buffer]
    planner.copy(planner.views[slot], x.shape, inside, node.dtype, after=filled)


def _read_by_windows(planner: Planner, padding: Instruction) -> bool:
    """Whether nobody reads a padded value but windows that kernels compute with, and do
    not write down."""
    (slot,) = padding.inputs
    if isinstance(planner.views[slot], Immediate) or 0 in planner.nodes[slot].shape:
        return False
    widths = padding.params["widths"]
    readers = planner.readers.get(padding.output, [])
    uses = [planner.readers.get(each.output, []) for each in readers]
    return (
        bool(readers)
        and all(each.op.name == "windows" for each in readers)
        and all(map(bool, uses))
        and all(u.op.name in ELEMENTWISE | REDUCTIONS for each in uses for u in each)
        and any(before or after for before, after, _ in widths)
        and not any(between for _, _, between in widths)
    )


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


def windows(planner: Planner, instruction: Instruction) -> None:
    """A view; or a step, where they reach beyond what is in memory (see ``pad``)."""
    (slot,) = instruction.inputs
    if slot in planner.views:
        movement(planner, instruction)
        return
    padding, params = planner.makers[slot], instruction.params
    x, shape = planner.views[padding.inputs[0]], instruction.node.shape
    assert isinstance(x, View)
    padded = padding.node.shape
    widths = [(before, after) for before, after, _ in padding.params["widths"]]
    before = tuple(-first for first, _ in widths)
    inside = x.slice(before, padded, (1,) * len(padded))
    sizes = [n for n, ends in zip(x.shape, widths, strict=True) if any(ends)]
    seen = [inside]
    for axis, ends in enumerate(widths):
        if any(ends):
            unit = tuple(int(i == axis) for i in range(len(padded)))
            seen.append(View(NOWHERE, padded, unit, before[axis]))
    dtype = instruction.node.dtype
    types = (dtype, *(dtypes.int64,) * len(sizes))
    values = {"sizes": tuple(sizes), "value": padding.params["value"]}
    moves = params["stride"], params["dilation"]
    operands = tuple(each.windows(shape, *moves) for each in seen)
    call = Call("bordered", values, types, dtype)
    planner.place(Operation(call, operands, shape, planner.out(instruction)))


def overlap_add(planner: Planner, instruction: Instruction) -> None:
    """Windows that do not overlap are written where they lie; those that do are added
    up by a kernel of its own, and so is the part of a sum that slices read."""
    (slot,) = instruction.inputs
    node, params, shape = (
        instruction.node,
        instruction.params,
        planner.nodes[slot].shape,
    )
    stride, dilation = params["stride"], params["dilation"]
    axes = len(stride)
    counts, kernel = shape[1 : axes + 1], shape[axes + 1 : -1]
    if 0 in shape or 0 in node.shape:
        planner.nothing(instruction)
        return
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    alone = all(n == 1 or s >= r for n, s, r in zip(counts, stride, reach, strict=True))
    start, part = _part_read(planner, instruction)
    if alone and part == node.shape:
        _written(planner, instruction)
        return
    if node.dtype.kind in "bc":
        planner.callback(instruction)  # no loop that adds these
        return
    given = planner.contiguous(slot)
    planner.make(instruction.output, node.dtype, math.prod(part))
    whole = View(instruction.output, part, contiguous_strides(part))
    before = tuple(-first for first in start)
    planner.views[instruction.output] = whole.slice(
        before, node.shape, (1,) * len(part)
    )
    output = (instruction.output, part)
    planner.start(
        OverlapAdd(
            (given,), (output,), stride, dilation, start[1:-1], node.dtype, shape
        )
    )


def _part_read(planner: Planner, instruction: Instruction) -> tuple[Shape, Shape]:
    """Where the part of a result begins that slices of its spatial axes read, and its
    shape."""
    shape = instruction.node.shape
    start, stop = [0] * len(shape), list(shape)
    readers = planner.readers.get(instruction.output, ())
    if readers and all(
        each.op.name == "slice"
        and set(each.params["step"]) == {1}
        and 0 not in each.node.shape
        for each in readers
    ):
        for axis in range(1, len(shape) - 1):
            ends = [(r.params["start"][axis], r.node.shape[axis]) for r in readers]
            start[axis] = min(first for first, _ in ends)
            stop[axis] = max(first + n for first, n in ends)
    return tuple(start), tuple(b - a for a, b in zip(start, stop, strict=True))


def _written(planner: Planner, instruction: Instruction) -> None:
    """Windows that do not overlap, where they lie."""
    (slot,) = instruction.inputs
    node, store = instruction.node, planner.out(instruction)
    shape, after = planner.nodes[slot].shape, -1
    if math.prod(shape) != math.prod(node.shape):  # something is in no window
        zero = Immediate(0, node.dtype)
        planner.copied(zero, node.shape, store.buffer, node.dtype)
        after = planner.ready[store.buffer]
    params = instruction.params
    places = store.windows(shape, params["stride"], params["dilation"])
    planner.copy(planner.views[slot], shape, places, node.dtype, after=after)
