"""What rules work with: the program's values as they are read, buffers and checks.

Place on the road: between ``placement``, which knows nothing of programs, and the
rules, which know one operation each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .... import dtypes
from ....compiler.program import Instruction, Program
from ....graph import Array
from ....shapes import Shape
from .calls import Call
from .group import Operand
from .kernels import Callback, Check, Immediate, Schedule
from .placement import Placement
from .views import View, whole


class Planner(Placement):
    """The state of the walk over one program.

    Attributes:
        views: what each slot of the program is read through.
        parts: the buffers of the results of each loop.
        checks: of indices, each with the position of the kernel that it runs after.
        constants: arrays that are part of the program.
        copies: factor of a product → its copy.
        pairs: values of bfloat16 → their copy in words of two along an axis.
        nested: plans the body of a loop.
        makers: the instruction that computes each slot.
        readers: those that read each slot; none are listed of a result of the program.
    """

    def __init__(self, program: Program, nested: Callable[[Program], Schedule]) -> None:
        super().__init__(program.num_slots)
        self.program, self.nested = program, nested
        self.nodes = program.nodes
        self.views: dict[int, Operand] = {}
        self.parts: dict[int, tuple[int, ...]] = {}
        self.checks: dict[Any, tuple[int, Check]] = {}
        self.constants: list[Array] = []
        self.copies: dict[View, int] = {}
        self.pairs: dict[tuple[View, int], int] = {}
        self.makers = {each.output: each for each in program.instructions}
        self.readers: dict[int, list[Instruction]] = {}
        for each in program.instructions:
            for slot in each.inputs:
                self.readers.setdefault(slot, []).append(each)
        for slot in (*program.outputs, *(slot for _, slot in program.updates)):
            self.readers.pop(slot, None)

    def call(self, instruction: Instruction) -> Call:
        """An instruction's operation, with the dtypes that it is applied to."""
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

    def holds_bfloat16(self, x: View) -> bool:
        """Whether a view is of bfloat16."""
        return dtypes.is_bfloat16(self.types[x.buffer])

    def spread(self, slot: int, shape: Shape) -> Operand:
        """An operand broadcast to the shape of the operation."""
        view = self.views[slot]
        return view if isinstance(view, Immediate) else view.broadcast(shape)

    def contiguous(self, slot: int) -> tuple[int, Shape]:
        """The buffer that holds a slot's elements in order, copied there if need be."""
        view, node = self.views[slot], self.nodes[slot]
        if isinstance(view, View):
            self.force(view)
            in_order = view.contiguous and view.offset == 0
            if in_order and self.buffers[view.buffer].size == view.size:
                return view.buffer, node.shape
        buffer = self.new_buffer(node.dtype, math.prod(node.shape))
        return self.copied(view, node.shape, buffer, node.dtype), node.shape

    def check(
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
        buffer, shape = self.contiguous(slot)
        check = Check(((buffer, shape),), (), size, low)
        key = buffer, size, low
        position, _ = self.checks.setdefault(key, (self.ready[buffer], check))
        return position

    def nothing(self, instruction: Instruction) -> None:
        """A sum of no terms."""
        node, store = instruction.node, self.out(instruction)
        if 0 not in node.shape:
            self.copy(Immediate(0, node.dtype), node.shape, store, node.dtype)

    def callback(self, instruction: Instruction) -> None:
        """A primitive that is not lowered: its NumPy meaning, on the buffers."""
        inputs = tuple(self.contiguous(slot) for slot in instruction.inputs)
        store = self.out(instruction)
        outputs = ((store.buffer, store.shape),)
        self.start(Callback(inputs, outputs, instruction.node))
