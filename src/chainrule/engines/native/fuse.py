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
from collections import ChainMap
from collections.abc import Callable
from typing import Any

from ... import dtypes
from ...compiler.program import Instruction, Program, plan
from ...dtypes import DType
from ...graph import Array, Node
from ...ops.indexing import COUNTED_FROM_ZERO
from ...shapes import Shape
from .elementwise import EMITTERS, Call
from .finish import finish
from .group import NOWHERE, Group, Operand, Operation
from .kernel import Access, Home, Immediate, Product, Schedule, Special, Step, Sweep
from .views import View, view_of, whole

#: How many kernels that use an operand are asked to take an operation in.
MOST_ASKED = 12
#: An operation that needs so many waiting ones does not wait itself.
MOST_WAITING = 24
#: Movements that may be views.
MOVEMENTS = {
    "alias", "stop_gradient", "reshape", "transpose", "broadcast_to", "flip", "slice",
}  # fmt: skip
REDUCTIONS = {"sum", "prod", "max", "min", "argmax", "argmin"}
#: Primitives with a kernel of their own, on contiguous operands.
SPECIALS = {
    "cumsum", "argsort", "random_bits", "random_uniform", "next_state", "scatter_add",
}  # fmt: skip

#: The strides of an operand over a gather's result; whether the operand is the index.
Along = Callable[[View, bool], tuple[int, ...]]


def fuse(program: Program) -> Schedule:
    """The schedule of a program."""
    return Fuser(program).run()


class Fuser:
    """The walk over one program. ``views`` has what each slot is read through."""

    def __init__(self, program: Program) -> None:
        self.program = program
        graph = program.graph
        given = [*graph.inputs, *graph.variables, *graph.constants]
        self.nodes: list[Node] = [*given, *graph.operations]
        self.kernels: list[Group | Special] = []
        self.homes: dict[int, Home] = {}
        self.types: dict[int, DType] = {}
        self.views: dict[int, Operand] = {}
        self.ready: dict[int, int] = {}  # home → position of its last writer
        self.users: dict[int, list[Group]] = {}  # home → kernels that touch it
        self.parts: dict[int, tuple[int, ...]] = {}  # slot of a scan → homes
        self.checks: dict[Any, tuple[int, Special]] = {}
        self.constants: list[Array] = []
        #: home → the elementwise operation that will compute it where it is used
        self.waiting: dict[int, Operation] = {}
        self.next_home = program.num_slots

    def run(self) -> Schedule:
        """All instructions, then the results."""
        self._give()
        for instruction in self.program.instructions:
            self._instruction(instruction)
        outputs = [
            self._result(slot, "output", number)
            for number, slot in enumerate(self.program.outputs)
        ]
        numbers = {id(v): i for i, (_, v) in enumerate(self.program.variables)}
        updates = {}
        for variable, slot in self.program.updates:
            number = numbers[id(variable)]
            updates[number] = self._result(slot, "updated", number)
        kernels = [
            each.kernel if isinstance(each, Group) else each for each in self.kernels
        ]
        checks = list(self.checks.values())
        schedule = finish(kernels, checks, self.homes, outputs, updates)
        schedule.constants = self.constants
        return schedule

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

    def _new_home(
        self, dtype: DType, size: int, kind: str = "arena", at: int = 0
    ) -> int:
        home = self.next_home
        self.next_home += 1
        self._make(home, dtype, size, kind, at)
        return home

    def _make(
        self, home: int, dtype: DType, size: int, kind: str = "arena", at: int = 0
    ) -> None:
        self.homes[home] = Home(kind, at, dtype, size)
        self.types[home] = dtype
        self.ready[home] = -1

    def _result(self, slot: int, kind: str, number: int) -> int:
        """The home of an output or of a variable's next value: a copy of the slot.

        Most copies vanish: where the value is computed for it, it is written there.
        """
        node = self.nodes[slot]
        home = self._new_home(node.dtype, math.prod(node.shape), kind, number)
        self._copy(self.views[slot], node.shape, whole(home, node.shape), node.dtype)
        return home

    def _copy(
        self, source: Operand, shape: Shape, store: View, dtype: DType, after: int = -1
    ) -> None:
        call = Call("copy", {}, (dtype,), dtype)
        self._place(Operation(call, (source,), shape, store, after=after))

    def _copied(self, source: Operand, shape: Shape, home: int, dtype: DType) -> int:
        """A home, filled with a copy of the source before all later kernels."""
        store = whole(home, shape)
        self._copy(source, shape, store, dtype)
        self._force(store)
        return home

    # Placing.
    # ------------------------------------------------------------------------

    def _place(self, operation: Operation) -> None:
        """An operation joins the latest kernel that takes it, or waits, or starts one.

        An elementwise operation that no kernel takes waits until its value is asked
        for: it is then computed where it is used.
        """
        if 0 in operation.shape and operation.axes is None:
            return
        if operation.call.name == "gather":
            self._force(operation.operands[0])
        waiting = self._waiting_for(operation)
        for group in self._related([*waiting, operation]):
            if self._join_all(group, [*waiting, operation]):
                return
        result = self.homes[operation.store.home].kind in ("output", "updated")
        whole_home = operation.shape == operation.store.shape
        lazy = operation.axes is None and operation.after < 0 and not result
        lazy = lazy and self.ready[operation.store.home] < 0 and whole_home
        lazy = lazy and operation.store.size == self.homes[operation.store.home].size
        if lazy and len(waiting) < MOST_WAITING:
            self.waiting[operation.store.home] = operation
            return
        self._start_group([*waiting, operation])

    def _start_group(self, operations: list[Operation]) -> None:
        """A new kernel for the last operation, and those before it that fit."""
        last = operations[-1]
        for each in operations[:-1]:
            if each.shape != last.shape:
                self._force(each.store)
        rest = [each for each in operations if each.store.home in self.waiting]
        group = Group(Sweep(last.shape, frozenset(), [], []), len(self.kernels))
        self.kernels.append(group)
        if not self._join_all(group, [*rest, last]):
            for each in rest:
                self._force(each.store)
            group = Group(Sweep(last.shape, frozenset(), [], []), len(self.kernels))
            self.kernels.append(group)
            self._join_all(group, [last])

    def _force(self, operand: Operand) -> None:
        """Computes a waiting value now, in a kernel before all later ones."""
        if not isinstance(operand, View) or operand.home not in self.waiting:
            return
        operation = self.waiting[operand.home]
        for each in (*self._waiting_for(operation), operation):
            if each.store.home not in self.waiting:
                continue
            if any(self._join_all(group, [each]) for group in self._related([each])):
                continue
            group = Group(Sweep(each.shape, frozenset(), [], []), len(self.kernels))
            self.kernels.append(group)
            self._join_all(group, [each])

    def _waiting_for(self, operation: Operation) -> list[Operation]:
        """The waiting operations that an operation needs, in order."""
        found: dict[int, Operation] = {}
        pending = [operation]
        while pending:
            for operand in pending.pop().operands:
                if isinstance(operand, View) and operand.home in self.waiting:
                    if operand.home not in found:
                        found[operand.home] = self.waiting[operand.home]
                        pending.append(found[operand.home])
        order = {home: i for i, home in enumerate(self.waiting)}
        return [found[home] for home in sorted(found, key=order.__getitem__)]

    def _related(self, operations: list[Operation]) -> list[Group]:
        """Kernels that touch an operand of the operations, the latest first."""
        asked: dict[int, Group] = {}
        for operation in operations:
            for operand in operation.operands:
                if not isinstance(operand, View) or operand.home == NOWHERE:
                    continue
                home = operand.home
                if self.homes[home].size > 1 or self.ready[home] >= 0:
                    for group in self.users.get(home, ())[-MOST_ASKED:]:
                        asked[group.position] = group
        return [asked[position] for position in sorted(asked, reverse=True)]

    def _join_all(self, group: Group, operations: list[Operation]) -> bool:
        """Puts all the operations into a kernel, or none of them."""
        before = group.snapshot()
        ready = dict.fromkeys((each.store.home for each in operations), group.position)
        view = ChainMap({}, self.ready)
        for operation in operations:
            if not group.join(operation, view, self.types):
                group.restore(before)
                return False
            home = operation.store.home
            view[home] = max(view[home], ready[home])
        for operation in operations:
            self.waiting.pop(operation.store.home, None)
            self._joined(group, operation)
        return True

    def _joined(self, group: Group, operation: Operation) -> None:
        home = operation.store.home
        self.ready[home] = max(self.ready[home], group.position)
        homes = {each.home for each in operation.operands if isinstance(each, View)}
        for each in {*homes, home} - {NOWHERE}:
            users = self.users.setdefault(each, [])
            if group not in users[-MOST_ASKED:]:
                users.append(group)

    # Instructions.
    # ------------------------------------------------------------------------

    def _instruction(self, instruction: Instruction) -> None:
        name = instruction.op.name
        handler = getattr(self, f"_op_{name}", None)
        if name in MOVEMENTS:
            self._movement(instruction)
        elif name in REDUCTIONS:
            self._reduction(instruction)
        elif handler is not None:
            handler(instruction)
        elif name in EMITTERS:
            self._elementwise(instruction)
        elif name in SPECIALS:
            self._special(instruction)
        else:
            self._callback(instruction)

    def _call(self, instruction: Instruction) -> Call:
        inputs = tuple(self.nodes[slot].dtype for slot in instruction.inputs)
        output = instruction.node.dtype
        return Call(instruction.op.name, instruction.params, inputs, output)

    def _out(self, instruction: Instruction) -> View:
        """A new buffer for an instruction's result."""
        node = instruction.node
        self._make(instruction.output, node.dtype, math.prod(node.shape))
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
            self._callback(instruction)
            return
        self._place(Operation(call, operands, shape, self._out(instruction)))

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
        store = self._out(instruction)  # a reshape: copied in the operand's own order
        self._copy(source, source.shape, whole(store.home, source.shape), node.dtype)

    def _reduction(self, instruction: Instruction) -> None:
        (slot,) = instruction.inputs
        shape, axis = self.nodes[slot].shape, instruction.params["axis"]
        axes = (axis,) if isinstance(axis, int) else axis
        store = self._out(instruction)
        kept = tuple(n for i, n in enumerate(shape) if i not in axes)
        call, source = self._call(instruction), self.views[slot]
        if not axes:
            cast = Call("cast", {}, call.inputs, call.output)
            self._place(Operation(cast, (source,), shape, store))
            return
        if 0 in kept:
            return
        place = whole(store.home, kept)
        self._place(Operation(call, (source,), shape, place, axes))

    def _op_pad(self, instruction: Instruction) -> None:
        """A fill, then the elements in their places."""
        (slot,) = instruction.inputs
        node, x = instruction.node, self.nodes[slot]
        store = self._out(instruction)
        fill = Immediate(instruction.params["value"], node.dtype)
        self._copied(fill, node.shape, store.home, node.dtype)
        widths = instruction.params["widths"]
        start = tuple(before for before, _, _ in widths)
        step = tuple(between + 1 for _, _, between in widths)
        inside = store.slice(start, x.shape, step)
        filled = self.ready[store.home]
        self._copy(self.views[slot], x.shape, inside, node.dtype, after=filled)

    def _op_concatenate(self, instruction: Instruction) -> None:
        """Every operand is written to its share of the result."""
        axis, store = instruction.params["axis"], self._out(instruction)
        first = 0
        ndim = len(store.shape)
        for slot in instruction.inputs:
            shape = self.nodes[slot].shape
            start = tuple(first if i == axis else 0 for i in range(ndim))
            share = store.slice(start, shape, (1,) * ndim)
            self._copy(self.views[slot], shape, share, instruction.node.dtype)
            first += shape[axis]

    # Products.
    # ------------------------------------------------------------------------

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
        store = self._out(instruction)
        call = Call("product", {}, (dtype, dtype), dtype)
        kernel = Product(space, frozenset(), [Step(call, ())], [], a=a, b=b)
        group = Group(kernel, len(self.kernels))
        self.kernels.append(group)
        flat = whole(store.home, space)
        kernel.stores.append((0, Access(store.home, flat.strides, 0, dtype)))
        group.local[store.home] = [(0, flat.strides, 0)]
        self.ready[store.home] = group.position
        self.users[store.home] = [group]
        for home in (a.home, b.home):
            self.users.setdefault(home, []).append(group)

    def _matrices(self, x: View, shape: Shape, batch: int, dtype: DType) -> View:
        """A factor as (batch, rows, columns), copied only where no strides say that."""
        self._force(x)
        x = x.broadcast(shape)
        found = x.reshape((batch, *shape[-2:]))
        if found is not None:
            return found
        home = self._copied(x, shape, self._new_home(dtype, math.prod(shape)), dtype)
        return whole(home, (batch, *shape[-2:]))

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
        store = self._out(instruction)
        if 0 in shape:
            return
        terms = self._new_home(dtype, math.prod(space))
        call = Call("multiply", {}, (dtype, dtype), dtype)
        self._place(Operation(call, (a, b), space, whole(terms, space)))
        call = Call("sum", {}, (dtype,), dtype)
        axes = (len(shape),)
        self._place(Operation(call, (whole(terms, space),), space, store, axes))

    # Indices.
    # ------------------------------------------------------------------------

    def _op_power(self, instruction: Instruction) -> None:
        exponent = self.views[instruction.inputs[1]]
        if instruction.node.dtype.kind == "i":
            if not isinstance(exponent, Immediate) or exponent.value < 0:
                self._callback(instruction)
                return
        self._elementwise(instruction)

    def _op_normal_index(self, instruction: Instruction) -> None:
        size, what = instruction.params["size"], instruction.params["what"]
        low = 0 if what.rsplit(" ", 1)[-1] in COUNTED_FROM_ZERO else -size
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
        store = self._out(instruction)
        self._place(Operation(call, (x, index), shape, store, after=checked))

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
        self._place(Operation(call, operands, shape, self._out(instruction)))

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
            self._callback(instruction)
            return None
        home, shape = self._contiguous(slot)
        check = Special("check", {"size": size, "low": low}, ((home, shape),), ())
        key = home, size, low
        position, _ = self.checks.setdefault(key, (self.ready[home], check))
        return position

    # Kernels of their own.
    # ------------------------------------------------------------------------

    def _contiguous(self, slot: int) -> tuple[int, Shape]:
        """The home that holds a slot's elements in order, copied there if need be."""
        view, node = self.views[slot], self.nodes[slot]
        if isinstance(view, View):
            self._force(view)
            in_order = view.contiguous and view.offset == 0
            if in_order and self.homes[view.home].size == view.size:
                return view.home, node.shape
        home = self._new_home(node.dtype, math.prod(node.shape))
        return self._copied(view, node.shape, home, node.dtype), node.shape

    def _special(self, instruction: Instruction) -> None:
        inputs = tuple(self._contiguous(slot) for slot in instruction.inputs)
        name = instruction.op.name
        if name.startswith("scatter"):
            self._check(instruction, instruction.inputs[1], instruction.params["size"])
        store = self._out(instruction)
        outputs = ((store.home, store.shape),)
        params = {**instruction.params, "dtype": instruction.node.dtype}
        self._start(Special(name, params, inputs, outputs))

    def _start(self, special: Special) -> None:
        for home, _ in special.outputs:
            self.ready[home] = len(self.kernels)
        self.kernels.append(special)

    def _callback(self, instruction: Instruction) -> None:
        """A primitive that is not lowered: its NumPy meaning, on the buffers."""
        inputs = tuple(self._contiguous(slot) for slot in instruction.inputs)
        store = self._out(instruction)
        special = Special(
            "callback", {}, inputs, ((store.home, store.shape),), node=instruction.node
        )
        self._start(special)

    def _op_scan(self, instruction: Instruction) -> None:
        inputs = tuple(self._contiguous(slot) for slot in instruction.inputs)
        node: Any = instruction.node
        outputs = []
        for shape, dtype in zip(node.shape, node.dtype, strict=True):
            outputs.append((self._new_home(dtype, math.prod(shape)), shape))
        self.parts[instruction.output] = tuple(home for home, _ in outputs)
        params = dict(instruction.params)
        body = fuse(plan(params.pop("body")))
        params["constants"] = len(self.constants)
        self.constants += body.constants
        self._start(Special("scan", params, inputs, tuple(outputs), body, node))

    def _op_project(self, instruction: Instruction) -> None:
        home = self.parts[instruction.inputs[0]][instruction.params["index"]]
        self.views[instruction.output] = whole(home, instruction.node.shape)
