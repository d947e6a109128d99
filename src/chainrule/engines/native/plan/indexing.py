"""How operations whose operands are indices enter the plan.

Place on the road: one of the files that ``rules`` lists. Every index is checked before
it is used.
"""

from __future__ import annotations

from collections.abc import Callable

from .... import dtypes
from ....compiler.program import Instruction
from ....ops.indexing import lowest_index
from .calls import Call
from .elementwise import elementwise
from .group import NOWHERE, Operation
from .kernels import Immediate, Put, ScatterAdd, ScatterAlong
from .planner import Planner
from .views import View

#: The strides of an operand over a gather's result; whether the operand is the index.
Along = Callable[[View, bool], tuple[int, ...]]


def normal_index(planner: Planner, instruction: Instruction) -> None:
    """An elementwise operation, which runs after the index has been checked."""
    size, what = instruction.params["size"], instruction.params["what"]
    low = lowest_index(size, what)
    if planner.check(instruction, instruction.inputs[0], size, low) is not None:
        elementwise(planner, instruction)


def take(planner: Planner, instruction: Instruction) -> None:
    """Elements from x at the index: x is walked with stride 0 along its axes."""
    axis: int = instruction.params["axis"]
    at = instruction.inputs[1]
    ndim = len(planner.nodes[at].shape)
    shape = instruction.node.shape

    def along(view: View, index: bool) -> tuple[int, ...]:
        if not index:
            return *view.strides[:axis], *(0,) * ndim, *view.strides[axis + 1 :]
        return *(0,) * axis, *view.strides, *(0,) * (len(shape) - axis - ndim)

    _gather(planner, instruction, along)


def take_along_axis(planner: Planner, instruction: Instruction) -> None:
    """Elements from x at the index, which lies along the other axes as x does."""
    axis = instruction.params["axis"]

    def along(view: View, index: bool) -> tuple[int, ...]:
        if index:
            return view.strides
        return *view.strides[:axis], 0, *view.strides[axis + 1 :]

    _gather(planner, instruction, along)


def _gather(planner: Planner, instruction: Instruction, along: Along) -> None:
    """An elementwise operation whose first operand is read at an offset: the index
    times the stride of the axis. It runs after the index has been checked.
    """
    slot, at = instruction.inputs
    x, index = planner.views[slot], planner.views[at]
    axis, size = instruction.params["axis"], planner.nodes[slot].shape
    checked = planner.check(instruction, at, size[axis])
    if checked is None:
        return
    if isinstance(x, Immediate):
        planner.views[instruction.output] = x
        return
    shape = instruction.node.shape
    params = {"stride": x.strides[axis], "size": size[axis]}
    x = View(x.buffer, shape, along(x, False), x.offset)
    if isinstance(index, View):
        index = View(index.buffer, shape, along(index, True), index.offset)
    call = planner.call(instruction)
    call = Call("gather", params, call.inputs, call.output)
    store = planner.out(instruction)
    planner.place(Operation(call, (x, index), shape, store, after=checked))


def scatter_along_axis(planner: Planner, instruction: Instruction) -> None:
    """One element a row: a comparison with the coordinate, which fuses."""
    source, at = instruction.inputs
    axis, size = instruction.params["axis"], instruction.params["size"]
    if planner.nodes[at].shape[axis] != 1:
        _scatter(planner, instruction, ScatterAlong)
        return
    if planner.check(instruction, at, size) is None:
        return
    shape = instruction.node.shape
    call = planner.call(instruction)
    call = Call("one_at", {"size": size}, (*call.inputs, dtypes.int64), call.output)
    unit = tuple(int(i == axis) for i in range(len(shape)))
    here = View(NOWHERE, shape, unit)
    operands = (planner.spread(source, shape), planner.spread(at, shape), here)
    planner.place(Operation(call, operands, shape, planner.out(instruction)))


def scatter_add(planner: Planner, instruction: Instruction) -> None:
    """Slices added up where an index says."""
    _scatter(planner, instruction, ScatterAdd)


def _scatter(
    planner: Planner,
    instruction: Instruction,
    kind: type[ScatterAdd] | type[ScatterAlong],
) -> None:
    axis, size = instruction.params["axis"], instruction.params["size"]
    inputs = tuple(planner.contiguous(slot) for slot in instruction.inputs)
    planner.check(instruction, instruction.inputs[1], size)
    store = planner.out(instruction)
    planner.start(kind(inputs, ((store.buffer, store.shape),), axis, size))


def put(planner: Planner, instruction: Instruction) -> None:
    """Slices written over those of a copy."""
    axis = instruction.params["axis"]
    size = instruction.node.shape[axis]
    if planner.check(instruction, instruction.inputs[1], size) is None:
        return
    inputs = tuple(planner.contiguous(slot) for slot in instruction.inputs)
    store = planner.out(instruction)
    planner.start(Put(inputs, ((store.buffer, store.shape),), axis))
