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

from ....compiler.program import Instruction, Program
from ....dtypes import of_sums
from .calls import ELEMENTWISE
from .finish import finish
from .group import Group
from .kernels import Buffer, Check, Immediate, Kernel, Schedule
from .planner import Planner
from .rules import rule_of
from .views import whole

#: Values that others are scaled by are computed first if they are no larger.
FEW_NUMBERS = 1 << 12


def fuse(program: Program) -> Schedule:
    """The schedule of a program."""
    return Fuser(program, fuse).run()


class Fuser(Planner):
    """The walk over one program."""

    def run(self) -> Schedule:
        """All instructions, then the results."""
        self._give()
        for instruction in self._numbers_first():
            self._enter(instruction)
        outputs = [
            self._result(slot, "output", number)
            for number, slot in enumerate(self.program.outputs)
        ]
        numbers = {id(v): i for i, (_, v) in enumerate(self.program.variables)}
        for variable, slot in self.program.updates:
            self._result(slot, "updated", numbers[id(variable)])
        return finish(Schedule(self._in_order(), self.buffers, outputs, self.constants))

    def _in_order(self) -> list[Kernel]:
        """All kernels, and each check as soon as what it checks has been computed."""
        checks: dict[int, list[Check]] = {}
        for position, check in self.checks.values():
            checks.setdefault(position, []).append(check)
        ordered: list[Kernel] = [*checks.get(-1, ())]
        for position, each in enumerate(self.kernels):
            ordered.append(each.kernel if isinstance(each, Group) else each)
            ordered += checks.get(position, ())
        return ordered

    def _numbers_first(self) -> list[Instruction]:
        """Enters the instructions that only scale others, and returns the rest.

        These are single numbers made of given numbers (the count of steps, a learning
        rate), and small values made of such that larger ones need (the factor of a
        normalisation). In program order they would be computed after the products that
        they scale, and the update of a weight, or the normalisation, could not be fused
        into those products.
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
                self._enter(each)
        for operation in list(self.waiting.values()):
            self.force(operation.store)
        return rest

    def _give(self) -> None:
        program = self.program
        for number, slot in enumerate(program.inputs):
            self._buffer(slot, "input", number)
        for number, (slot, _) in enumerate(program.variables):
            self._buffer(slot, "variable", number)
        for slot, array in program.constants:
            if array.size == 1:
                wide = array.astype(of_sums(array.dtype), copy=False)
                self.views[slot] = Immediate(wide.item(), array.dtype)
            else:
                self._buffer(slot, "constant", len(self.constants))
                self.constants.append(array)

    def _buffer(self, slot: int, kind: str, number: int) -> None:
        node = self.nodes[slot]
        size = math.prod(node.shape)
        self.buffers[slot] = Buffer(kind, number, node.dtype, size)
        self.types[slot] = node.dtype
        self.views[slot] = whole(slot, node.shape)
        self.ready[slot] = -1

    def _result(self, slot: int, kind: str, number: int) -> int:
        """The buffer of an output or of a variable's next value: a copy of the slot.

        Most copies vanish: where the value is computed for it, it is written there.
        """
        node = self.nodes[slot]
        buffer = self.new_buffer(node.dtype, math.prod(node.shape), kind, number)
        self.copy(self.views[slot], node.shape, whole(buffer, node.shape), node.dtype)
        return buffer

    def _enter(self, instruction: Instruction) -> None:
        given = [self.nodes[slot].dtype for slot in instruction.inputs]
        rule_of(instruction.op.name, given)(self, instruction)
