"""Which operations are computed together: a program becomes a schedule of kernels.

Place on the road: the engine's first half; no LLVM here. One walk over the program's
instructions puts each operation into a kernel:

- a movement that is a view of a buffer costs nothing and makes no kernel (``views``);
- an elementwise operation or a reduction joins a kernel over the same index space
  whose values it uses, so that these stay in registers, or starts a new one
  (``group``);
- a product of matrices starts one, and elementwise operations on its result join it;
- anything else is a kernel of its own.

An operation may join a kernel when everything else it needs is computed by earlier
kernels. Kernels run in the order in which they were started, so this alone keeps the
order right. ``finish`` then decides what is kept in memory and what is updated in
place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from .... import dtypes
from ....compiler.program import Instruction, Program, plan
from ....dtypes import DType
from ....graph import Array, Node
from ....ops.indexing import lowest_index
from ....shapes import Shape
from .calls import ELEMENTWISE, REDUCTIONS, VIEWS, Call
from .carries import places
from .convolutions import (
    place_convolution,
    place_kernel_gradient,
    place_overlap_add,
    place_transposed,
)
from .finish import finish
from .group import NOWHERE, Group, Operand, Operation
from .kernels import (
    ArgSort,
    Callback,
    Check,
    Cumsum,
    Home,
    Immediate,
    Kernel,
    NextState,
    Product,
    Put,
    RandomBits,
    RandomUniform,
    Scan,
    ScatterAdd,
    ScatterAlong,
    Schedule,
    SpecialKernel,
    Step,
    Whole,
)
from .placement import Placement
from .views import View, view_of, whole

#: Primitives with a kernel of their own, on contiguous operands.
SPECIALS = {
    "cumsum", "argsort", "random_bits", "random_uniform", "next_state", "scatter_add",
}  # fmt: skip

#: So many numbers that others are scaled by are computed first.
FEW_NUMBERS = 1 << 12

#: From so many elements on, what is padded is not filled as a whole first.
LARGE_PAD = 1 << 15

#: The strides of an operand over a gather's result; whether the operand is the index.
Along = Callable[[View, bool], tuple[int, ...]]


def fuse(program: Program) -> Schedule:
    """The schedule of a program."""
    return Fuser(program).run()


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


def _special(
    name: str,
    inputs: tuple[Whole, ...],
    outputs: tuple[Whole, ...],
    params: Mapping[str, Any],
) -> SpecialKernel:
    """The kernel of a primitive that has one of its own."""
    match name:
        case "cumsum":
            return Cumsum(inputs, outputs, params["axis"])
        case "argsort":
            return ArgSort(inputs, outputs, params["axis"])
        case "put":
            return Put(inputs, outputs, params["axis"])
        case "scatter_add":
            return ScatterAdd(inputs, outputs, params["axis"], params["size"])
        case "scatter_along_axis":
            return ScatterAlong(inputs, outputs, params["axis"], params["size"])
        case "random_bits":
            return RandomBits(inputs, outputs)
        case "random_uniform":
            return RandomUniform(inputs, outputs)
    return NextState(inputs, outputs)


def _size(node: Node) -> float:
    """How many elements a node has; a loop with several results is a large one."""
    several = any(isinstance(n, tuple) for n in node.shape)
    return math.inf if several else math.prod(node.shape)


class Fuser(Placement):
    """The walk over one program. ``views`` has what each slot is read through."""

    def __init__(self, program: Program) -> None:
        super().__init__(program.num_slots)
        self.program = program
        self.nodes = program.nodes
        self.views: dict[int, Operand] = {}
        self.parts: dict[int, tuple[int, ...]] = {}  # slot of a scan → homes
        self.checks: dict[Any, tuple[int, Check]] = {}
        self.constants: list[Array] = []
        self.copies: dict[View, int] = {}  # factor of a product → its copy

    def run(self) -> Schedule:
        """All instructions, then the results."""
        self._give()
        for instruction in self._numbers_first():
            self._instruction(instruction)
        outputs = [
            self._result(slot, "output", number)
            for number, slot in enumerate(self.program.outputs)
        ]
        numbers = {id(v): i for i, (_, v) in enumerate(self.program.variables)}
        for variable, slot in self.program.updates:
            self._result(slot, "updated", numbers[id(variable)])
        return finish(Schedule(self._in_order(), self.homes, outputs, self.constants))

    def _in_order(self) -> list[Kernel]:
        """All kernels, and each check as soon as what it checks has been computed."""
        checks: dict[int, list[Check]] = {}
        for position, check in self.checks.values():
            checks.setdefault(position, []).append(check)
        found: list[Kernel] = [*checks.get(-1, ())]
        for position, each in enumerate(self.kernels):
            found.append(each.kernel if isinstance(each, Group) else each)
            found += checks.get(position, ())
        return found

    def _numbers_first(self) -> list[Instruction]:
        """Places what is one number and made of given numbers only (the count of steps,
        a rate), and what is a few of them that larger values need (the factor of a
        normalisation); answers all other instructions.

        Placed where they stand, these would be computed later than the products that
        they scale, which then could not take the update of a weight, or the
        normalisation, in.
        """
        size = [  # the results of a loop are several
            FEW_NUMBERS + 1 if node.several else math.prod(node.shape)
            for node in self.nodes
        ]
        slots = range(len(self.nodes) - len(self.program.instructions))
        known = {slot for slot in slots if size[slot] <= FEW_NUMBERS}
        early: dict[int, Instruction] = {}
        for each in self.program.instructions:
            plain = each.op.name in ELEMENTWISE - {"normal_index"}
            few = plain and size[each.output] <= FEW_NUMBERS
            if few and known.issuperset(each.inputs):
                known.add(each.output)
                early[each.output] = each
        wanted = {slot for slot in early if size[slot] == 1}
        for each in reversed(self.program.instructions):
            needs = each.output in wanted
            for slot in early.keys() & set(each.inputs):
                if needs or (
                    size[each.output] > size[slot] and each.output not in early
                ):
                    wanted.add(slot)
        rest = [each for each in self.program.instructions if each.output not in wanted]
        for slot, each in early.items():
            if slot in wanted:
                self._instruction(each)
        for operation in list(self.waiting.values()):
            self.force(operation.store)
        return rest

    # What is given, and what is made.
    # ------------------------------------------------------------------------

    def _give(self) -> None:
        program = self.program
        for number, slot in enumerate(program.inputs):
            self._home(slot, "input", number)
        for number, (slot, _) in enumerate(program.variables):
            self._home(slot, "variable", number)
        for slot, array in program.constants:
            if array.size == 1:
                self.views[slot] = Immediate(array.item(), array.dtype)
            else:
                self._home(slot, "constant", len(self.constants))
                self.constants.append(array)

    def _home(self, slot: int, kind: str, number: int) -> None:
        node = self.nodes[slot]
        size = math.prod(node.shape)
        self.homes[slot] = Home(kind, number, node.dtype, size)
        self.types[slot] = node.dtype
        self.views[slot] = whole(slot, node.shape)
        self.ready[slot] = -1

    def _result(self, slot: int, kind: str, number: int) -> int:
        """The home of an output or of a variable's next value: a copy of the slot.

        Most copies vanish: where the value is computed for it, it is written there.
        """
        node = self.nodes[slot]
        home = self.new_home(node.dtype, math.prod(node.shape), kind, number)
        self.copy(self.views[slot], node.shape, whole(home, node.shape), node.dtype)
        return home

    # Instructions.
    # ------------------------------------------------------------------------

    def _instruction(self, instruction: Instruction) -> None:
        name = instruction.op.name
        handler = getattr(self, f"_op_{name}", None)
        if name in VIEWS:
            self._movement(instruction)
        elif name in REDUCTIONS:
            self._reduction(instruction)
        elif handler is not None:
            handler(instruction)
        elif name in ELEMENTWISE:
            self._elementwise(instruction)
        elif name in SPECIALS:
            self._special(instruction)
        else:
            self.callback(instruction)

    def _call(self, instruction: Instruction) -> Call:
        inputs = tuple(self.nodes[slot].dtype for slot in instruction.inputs)
        output = instruction.node.dtype
        return Call(instruction.op.name, instruction.params, inputs, output)

    def out(self, instruction: Instruction) -> View:
        """A new buffer for an instruction's result."""
        node = instruction.node
        self.make(instruction.output, node.dtype, math.prod(node.shape))
        view = whole(instruction.output, node.shape)
        self.views[instruction.output] = view
        return view

    def _spread(self, slot: int, shape: Shape) -> Operand:
        """An operand broadcast to the shape of the operation."""
        view = self.views[slot]
        return view if isinstance(view, Immediate) else view.broadcast(shape)

    def _elementwise(self, instruction: Instruction) -> None:
        shape = instruction.node.shape
        operands = tuple(self._spread(slot, shape) for slot in instruction.inputs)
        call = self._call(instruction)
        refused = ("subtract", "negative", "sign", "remainder", "floor_divide")
        if call.inputs[0].kind == "b" and call.name in refused:
            self.callback(instruction)
            return
        self.place(Operation(call, operands, shape, self.out(instruction)))

    def _movement(self, instruction: Instruction) -> None:
        (slot,) = instruction.inputs
        source = self.views[slot]
        node = instruction.node
        if isinstance(source, Immediate):
            self.views[instruction.output] = source
            return
        view = view_of(instruction.op.name, instruction.params, source, node.shape)
        if view is not None:
            self.views[instruction.output] = view
            return
        store = self.out(instruction)  # a reshape: copied in the operand's own order
        self.copy(source, source.shape, whole(store.home, source.shape), node.dtype)

    def _reduction(self, instruction: Instruction) -> None:
        (slot,) = instruction.inputs
        shape, axis = self.nodes[slot].shape, instruction.params["axis"]
        axes = (axis,) if isinstance(axis, int) else axis
        store = self.out(instruction)
        kept = tuple(n for i, n in enumerate(shape) if i not in axes)
        call, source = self._call(instruction), self.views[slot]
        if not axes:
            cast = Call("cast", {}, call.inputs, call.output)
            self.place(Operation(cast, (source,), shape, store))
            return
        if 0 in kept:
            return
        place = whole(store.home, kept)
        self.place(Operation(call, (source,), shape, place, axes))

    def _op_pad(self, instruction: Instruction) -> None:
        """A fill, then the elements in their places; of a large value only what lies
        around the elements is filled.
        """
        (slot,) = instruction.inputs
        node, x = instruction.node, self.nodes[slot]
        store = self.out(instruction)
        fill = Immediate(instruction.params["value"], node.dtype)
        widths = instruction.params["widths"]
        start = tuple(before for before, _, _ in widths)
        step = tuple(between + 1 for _, _, between in widths)
        inside = store.slice(start, x.shape, step)
        filled = -1
        if store.size >= LARGE_PAD and max(step) == 1 and 0 not in x.shape:
            for slab in _around(store, start, x.shape):
                self.copy(fill, slab.shape, slab, node.dtype)
        else:
            self.copied(fill, node.shape, store.home, node.dtype)
            filled = self.ready[store.home]
        self.copy(self.views[slot], x.shape, inside, node.dtype, after=filled)

    def _op_concatenate(self, instruction: Instruction) -> None:
        """Every operand is written to its share of the result."""
        axis, store = instruction.params["axis"], self.out(instruction)
        first = 0
        ndim = len(store.shape)
        for slot in instruction.inputs:
            shape = self.nodes[slot].shape
            start = tuple(first if i == axis else 0 for i in range(ndim))
            share = store.slice(start, shape, (1,) * ndim)
            self.copy(self.views[slot], shape, share, instruction.node.dtype)
            first += shape[axis]

    # Products, and convolutions.
    # ------------------------------------------------------------------------

    _op_convolution = place_convolution
    _op_convolution_transposed = place_transposed
    _op_convolution_kernel = place_kernel_gradient
    _op_overlap_add = place_overlap_add

    def _op_matmul(self, instruction: Instruction) -> None:
        """A product kernel; integers, vectors and empty ones as a sum of products."""
        left, right = instruction.inputs
        a, b = self.views[left], self.views[right]
        shape, dtype = instruction.node.shape, instruction.node.dtype
        k = self.nodes[left].shape[-1]
        small = 0 in (*shape, k) or k == 1 or shape[-1] == 1
        if dtype.kind != "f" or small or isinstance(a, Immediate):
            self._sum_of_products(instruction)
            return
        if isinstance(b, Immediate):
            self._sum_of_products(instruction)
            return
        batch = math.prod(shape[:-2])
        a = self._matrices(a, (*shape[:-1], k), batch, dtype)
        b = self._matrices(b, (*shape[:-2], k, shape[-1]), batch, dtype)
        space = (batch, *shape[-2:])
        store = self.out(instruction)
        call = Call("product", {}, (dtype, dtype), dtype)
        kernel = Product(space, frozenset(), [Step(call, ())], [], a, b)
        self.open(kernel, whole(store.home, space))

    def _matrices(self, x: View, shape: Shape, batch: int, dtype: DType) -> View:
        """A factor as (batch, rows, columns), copied only where no strides say that."""
        self.force(x)
        x = x.broadcast(shape)
        found = x.reshape((batch, *shape[-2:]))
        if found is not None:
            return found
        last = len(shape) - 1
        turned = x.strides[-1] != 1 and x.strides[-2] == 1
        if turned:  # copied in the order in which it lies in memory
            x = x.transpose((*range(last - 1), last, last - 1))
        home = self.copies.get(x)
        if home is None:
            home = self.new_home(dtype, x.size)
            self.copies[x] = self.copied(x, x.shape, home, dtype)
        copy = whole(home, (batch, *x.shape[-2:]))
        return copy.transpose((0, 2, 1)) if turned else copy

    def _sum_of_products(self, instruction: Instruction) -> None:
        left, right = instruction.inputs
        shape, dtype = instruction.node.shape, instruction.node.dtype
        k = self.nodes[left].shape[-1]
        space = (*shape, k)
        a, b = self.views[left], self.views[right]
        if isinstance(a, View):
            a = a.broadcast((*shape[:-1], k))
            a = View(a.home, space, (*a.strides[:-1], 0, a.strides[-1]), a.offset)
        if isinstance(b, View):
            b = b.broadcast((*shape[:-2], k, shape[-1]))
            strides = (*b.strides[:-2], 0, b.strides[-1], b.strides[-2])
            b = View(b.home, space, strides, b.offset)
        store = self.out(instruction)
        if 0 in shape:
            return
        terms = self.new_home(dtype, math.prod(space))
        call = Call("multiply", {}, (dtype, dtype), dtype)
        self.place(Operation(call, (a, b), space, whole(terms, space)))
        call = Call("sum", {}, (dtype,), dtype)
        axes = (len(shape),)
        self.place(Operation(call, (whole(terms, space),), space, store, axes))

    # Indices.
    # ------------------------------------------------------------------------

    def _op_power(self, instruction: Instruction) -> None:
        """Integers: a negative exponent is an error, which the check finds."""
        exponent, most = instruction.inputs[1], (1 << 63) - 1
        if instruction.node.dtype.kind == "i":
            if self._check(instruction, exponent, most, low=0) is None:
                return
        self._elementwise(instruction)

    def _op_normal_index(self, instruction: Instruction) -> None:
        size, what = instruction.params["size"], instruction.params["what"]
        low = lowest_index(size, what)
        if self._check(instruction, instruction.inputs[0], size, low) is not None:
            self._elementwise(instruction)

    def _op_take(self, instruction: Instruction) -> None:
        """Elements from x at the index: x is walked with stride 0 along its axes."""
        axis: int = instruction.params["axis"]
        at = instruction.inputs[1]
        ndim = len(self.nodes[at].shape)
        shape = instruction.node.shape

        def along(view: View, index: bool) -> tuple[int, ...]:
            if not index:
                return *view.strides[:axis], *(0,) * ndim, *view.strides[axis + 1 :]
            return *(0,) * axis, *view.strides, *(0,) * (len(shape) - axis - ndim)

        self._gather(instruction, along)

    def _op_take_along_axis(self, instruction: Instruction) -> None:
        axis = instruction.params["axis"]

        def along(view: View, index: bool) -> tuple[int, ...]:
            if index:
                return view.strides
            return *view.strides[:axis], 0, *view.strides[axis + 1 :]

        self._gather(instruction, along)

    def _gather(self, instruction: Instruction, along: Along) -> None:
        """An elementwise operation whose first operand is read at an offset: the index
        times the stride of the axis. It runs after the index has been checked.
        """
        slot, at = instruction.inputs
        x, index = self.views[slot], self.views[at]
        axis, size = instruction.params["axis"], self.nodes[slot].shape
        checked = self._check(instruction, at, size[axis])
        if checked is None:
            return
        if isinstance(x, Immediate):
            self.views[instruction.output] = x
            return
        shape = instruction.node.shape
        params = {"stride": x.strides[axis], "size": size[axis]}
        x = View(x.home, shape, along(x, False), x.offset)
        if isinstance(index, View):
            index = View(index.home, shape, along(index, True), index.offset)
        call = self._call(instruction)
        call = Call("gather", params, call.inputs, call.output)
        store = self.out(instruction)
        self.place(Operation(call, (x, index), shape, store, after=checked))

    def _op_scatter_along_axis(self, instruction: Instruction) -> None:
        """One element a row: a comparison with the coordinate, which fuses."""
        source, at = instruction.inputs
        axis, size = instruction.params["axis"], instruction.params["size"]
        if self.nodes[at].shape[axis] != 1:
            self._special(instruction)
            return
        if self._check(instruction, at, size) is None:
            return
        shape = instruction.node.shape
        call = self._call(instruction)
        call = Call("one_at", {"size": size}, (*call.inputs, dtypes.int64), call.output)
        unit = tuple(int(i == axis) for i in range(len(shape)))
        here = View(NOWHERE, shape, unit)
        operands = (self._spread(source, shape), self._spread(at, shape), here)
        self.place(Operation(call, operands, shape, self.out(instruction)))

    def _check(
        self, instruction: Instruction, slot: int, size: int, low: int | None = None
    ) -> int | None:
        """An index is checked before it is used, as soon as it is known.

        Answers the position of the kernel after which the check runs; None where the
        index is a constant that is wrong, and the instruction has become its error.
        """
        index = self.views[slot]
        low = -size if low is None else low
        if isinstance(index, Immediate):
            empty = math.prod(self.nodes[slot].shape) == 0
            if empty or low <= int(index.value) < size:
                return -1
            self.callback(instruction)
            return None
        home, shape = self.contiguous(slot)
        check = Check(((home, shape),), (), size, low)
        key = home, size, low
        position, _ = self.checks.setdefault(key, (self.ready[home], check))
        return position

    # Kernels of their own.
    # ------------------------------------------------------------------------

    def contiguous(self, slot: int) -> tuple[int, Shape]:
        """The home that holds a slot's elements in order, copied there if need be."""
        view, node = self.views[slot], self.nodes[slot]
        if isinstance(view, View):
            self.force(view)
            in_order = view.contiguous and view.offset == 0
            if in_order and self.homes[view.home].size == view.size:
                return view.home, node.shape
        home = self.new_home(node.dtype, math.prod(node.shape))
        return self.copied(view, node.shape, home, node.dtype), node.shape

    def _special(self, instruction: Instruction) -> None:
        inputs = tuple(self.contiguous(slot) for slot in instruction.inputs)
        name = instruction.op.name
        if name.startswith("scatter"):
            self._check(instruction, instruction.inputs[1], instruction.params["size"])
        store = self.out(instruction)
        outputs = ((store.home, store.shape),)
        self.start(_special(name, inputs, outputs, instruction.params))

    def _op_put(self, instruction: Instruction) -> None:
        size = instruction.node.shape[instruction.params["axis"]]
        if self._check(instruction, instruction.inputs[1], size) is not None:
            self._special(instruction)

    def callback(self, instruction: Instruction) -> None:
        """A primitive that is not lowered: its NumPy meaning, on the buffers."""
        inputs = tuple(self.contiguous(slot) for slot in instruction.inputs)
        store = self.out(instruction)
        outputs = ((store.home, store.shape),)
        self.start(Callback(inputs, outputs, instruction.node))

    def _op_scan(self, instruction: Instruction) -> None:
        inputs = tuple(self.contiguous(slot) for slot in instruction.inputs)
        node: Any = instruction.node
        outputs = []
        for shape, dtype in zip(node.shape, node.dtype, strict=True):
            outputs.append((self.new_home(dtype, math.prod(shape)), shape))
        self.parts[instruction.output] = tuple(home for home, _ in outputs)
        params = instruction.params
        graph, carried = places(params["body"], params["split"])
        loop = Scan(
            inputs, tuple(outputs), fuse(plan(graph)), params["split"],
            params["length"], params["reverse"], carried, len(self.constants),
        )  # fmt: skip
        self.constants += loop.body.constants
        self.start(loop)

    def _op_project(self, instruction: Instruction) -> None:
        home = self.parts[instruction.inputs[0]][instruction.params["index"]]
        self.views[instruction.output] = whole(home, instruction.node.shape)
