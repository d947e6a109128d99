"""Into which kernel an operation goes: it joins one, starts one, or waits.

Place on the road: between ``fuse``, which turns instructions into operations, and
``group``, which knows what fits into one kernel. Here is the list of open kernels, and
for every buffer who wrote it last and who touches it. An operation joins the latest
kernel that takes it; an elementwise one that no kernel takes waits, and is computed
where it is first used. Knows nothing of the program.

An example, ``tanh((x * 2) @ w + x * 2)``, instruction by instruction:

1. ``a = x * 2``: there is no kernel yet that touches an operand, so it waits.
2. ``p = a @ w``: a product reads its factors from memory, so ``a`` is forced: kernel 0
   computes it. The product itself starts kernel 1.
3. ``s = p + a``: kernels 1 and 0 touch an operand. Kernel 1 computes one, so it is
   asked first. It has ``p`` in registers, and ``a``, written by an earlier kernel, can
   be read: ``s`` joins. ``tanh(s)`` joins for the same reason.

Had kernel 0 been asked, it would have refused: ``p`` is written by a later kernel.
"""

from __future__ import annotations

from collections import ChainMap

from ....dtypes import DType
from ....shapes import Shape
from .calls import INDIRECT, Call
from .group import NOWHERE, Group, Operand, Operation, sums_columns
from .kernels import Access, Buffer, Convolution, Product, SpecialKernel, Sweep
from .views import View, whole

#: How many kernels that use an operand are asked to take an operation in.
MOST_ASKED = 12
#: An operation that needs more waiting ones than this does not wait itself.
MOST_WAITING = 24


class Placement:
    """The kernels so far, the buffers, and the operations that wait."""

    def __init__(self, first_buffer: int) -> None:
        self.kernels: list[Group | SpecialKernel] = []
        self.buffers: dict[int, Buffer] = {}
        self.types: dict[int, DType] = {}
        self.ready: dict[int, int] = {}  # buffer → position of its last writer
        self.users: dict[int, list[Group]] = {}  # buffer → kernels that touch it
        #: buffer → the elementwise operation that will compute it where it is used
        self.waiting: dict[int, Operation] = {}
        self.next_buffer = first_buffer

    def new_buffer(
        self, dtype: DType, size: int, kind: str = "arena", at: int = 0
    ) -> int:
        """Another buffer: its number."""
        buffer = self.next_buffer
        self.next_buffer += 1
        self.make(buffer, dtype, size, kind, at)
        return buffer

    def make(
        self, buffer: int, dtype: DType, size: int, kind: str = "arena", at: int = 0
    ) -> None:
        """A buffer with this number, which nobody has written yet."""
        self.buffers[buffer] = Buffer(kind, at, dtype, size)
        self.types[buffer] = dtype
        self.ready[buffer] = -1

    def copy(
        self, source: Operand, shape: Shape, store: View, dtype: DType, after: int = -1
    ) -> None:
        """Writes a value to where a view says, in a kernel later than ``after``."""
        call = Call("copy", {}, (dtype,), dtype)
        self.place(Operation(call, (source,), shape, store, after=after))

    def copied(self, source: Operand, shape: Shape, buffer: int, dtype: DType) -> int:
        """A buffer, filled with a copy of the source before all later kernels."""
        store = whole(buffer, shape)
        self.copy(source, shape, store, dtype)
        self.force(store)
        return buffer

    def place(self, operation: Operation) -> None:
        """An operation joins the latest kernel that takes it, or waits, or starts one.

        An elementwise operation that no kernel takes waits until its value is asked
        for: it is then computed where it is used. So does a sum of columns: a later
        kernel over the same rows may have the elements at hand.
        """
        if 0 in operation.shape and operation.axes is None:
            return
        if operation.call.name in INDIRECT:
            self.force(operation.operands[0])
        waiting = self._waiting_for(operation)
        if len(waiting) >= MOST_WAITING:  # those that can not be in the same kernel
            for each in waiting:
                if each.shape != operation.shape or each.axes is not None:
                    self.force(each.store)
            waiting = self._waiting_for(operation)
        for group in self._related([*waiting, operation]):
            if self._join_all(group, [*waiting, operation]):
                return
        if len(waiting) < MOST_WAITING and self._may_wait(operation):
            self.waiting[operation.store.buffer] = operation
            return
        self._start_group([*waiting, operation])

    def _may_wait(self, operation: Operation) -> bool:
        """Whether an operation may be computed later, where its value is used.

        It must write a buffer of its own: all of it, once, and no result of the
        program. Nothing may have to run before it but what makes its operands.
        """
        store = operation.store
        buffer = self.buffers[store.buffer]
        if operation.axes is None:
            simple = operation.shape == store.shape
        else:
            simple = sums_columns(operation)
        return (
            simple
            and operation.after < 0
            and buffer.kind not in ("output", "updated")
            and buffer.size == store.size
            and self.ready[store.buffer] < 0
        )

    def _start_group(self, operations: list[Operation]) -> None:
        """A new kernel for the last operation, and those before it that fit."""
        last = operations[-1]
        for each in operations[:-1]:
            if each.shape != last.shape:
                self.force(each.store)
        rest = [each for each in operations if each.store.buffer in self.waiting]
        group = Group(Sweep(last.shape, frozenset(), [], []), len(self.kernels))
        self.kernels.append(group)
        if not self._join_all(group, [*rest, last]):
            for each in rest:
                self.force(each.store)
            group = Group(Sweep(last.shape, frozenset(), [], []), len(self.kernels))
            self.kernels.append(group)
            self._join_all(group, [last])

    def force(self, operand: Operand) -> None:
        """Computes a waiting value now, in a kernel before all later ones."""
        if not isinstance(operand, View) or operand.buffer not in self.waiting:
            return
        operation = self.waiting[operand.buffer]
        for each in (*self._waiting_for(operation), operation):
            if each.store.buffer not in self.waiting:
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
                if isinstance(operand, View) and operand.buffer in self.waiting:
                    if operand.buffer not in found:
                        found[operand.buffer] = self.waiting[operand.buffer]
                        pending.append(found[operand.buffer])
        if len(found) < 2:
            return list(found.values())
        return [each for buffer, each in self.waiting.items() if buffer in found]

    def _related(self, operations: list[Operation]) -> list[Group]:
        """Kernels that touch an operand of the operations: those first that compute
        one, and of these the latest.
        """
        asked: dict[int, Group] = {}
        makers: set[int] = set()
        for operation in operations:
            for operand in operation.operands:
                if not isinstance(operand, View) or operand.buffer == NOWHERE:
                    continue
                buffer = operand.buffer
                if self.buffers[buffer].size > 1 or self.ready[buffer] >= 0:
                    for group in self.users.get(buffer, ())[-MOST_ASKED:]:
                        asked[group.position] = group
                        if buffer in group.local and self.buffers[buffer].size > 1:
                            makers.add(group.position)
        order = sorted(asked, key=lambda at: (at in makers, at), reverse=True)
        return [asked[position] for position in order]

    def _join_all(self, group: Group, operations: list[Operation]) -> bool:
        """Puts all the operations into a kernel, or none of them."""
        before = group.snapshot()
        view = ChainMap({}, self.ready)
        for operation in operations:
            if not group.join(operation, view, self.types):
                group.restore(before)
                return False
            buffer = operation.store.buffer
            view[buffer] = max(view[buffer], group.position)
        for operation in operations:
            self.waiting.pop(operation.store.buffer, None)
            self._joined(group, operation)
        return True

    def _joined(self, group: Group, operation: Operation) -> None:
        buffer = operation.store.buffer
        self.ready[buffer] = max(self.ready[buffer], group.position)
        buffers = {each.buffer for each in operation.operands if isinstance(each, View)}
        for each in {*buffers, buffer} - {NOWHERE}:
            users = self.users.setdefault(each, [])
            if group not in users[-MOST_ASKED:]:
                users.append(group)

    def start(self, special: SpecialKernel) -> None:
        """A kernel of its own, after all that are there."""
        for buffer, _ in special.outputs:
            self.ready[buffer] = len(self.kernels)
        self.kernels.append(special)

    def open(self, kernel: Product | Convolution, store: View) -> None:
        """A contraction, whose result goes to ``store``; others may join it."""
        group = Group(kernel, len(self.kernels))
        self.kernels.append(group)
        dtype = kernel.steps[0].call.output
        access = Access(store.buffer, store.strides, store.offset, dtype)
        kernel.stores.append((0, access))
        group.local[store.buffer] = [(store.offset, store.strides, 0)]
        self.ready[store.buffer] = group.position
        self.users[store.buffer] = [group]
        for operand in (kernel.a, kernel.b):
            self.users.setdefault(operand.buffer, []).append(group)
