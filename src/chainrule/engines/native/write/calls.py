"""The calls of a main function: addresses from its table, and kernels on all threads.

Place on the road: below ``program``, which decides what is called, and ``scan``, whose
loop calls a main function of its own. A main function receives a table of addresses:
those of inputs, variables, outputs, constants and of the arena, the threads and the
callback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..abi.call_table import CallTable
from ..choose.task import Tasks
from . import emit, ir
from .emit import POINTER, index
from .matmul.preparer import Preparer
from .threads import emit_parallel


class MainModule:
    """The module of the main functions, and what they share.

    Attributes:
        callbacks: the number of each callback, by the identity of its kernel.
        shared: whether a kernel is cut into parts, so that threads are needed.
    """

    def __init__(self, pause: str | None, callbacks: Mapping[int, int]) -> None:
        self.module = ir.Module("chainrule")
        self.callbacks = callbacks
        self.preparer = Preparer(self.module)
        self.shared = False
        self.parallel = emit_parallel(self.module, pause)
        self.parallel.linkage = "internal"


@dataclass(frozen=True)
class Array:
    """A whole array: its address, and its size in bytes."""

    pointer: ir.Value
    size: int


class Calls:
    """Writes the calls of one main function, one after the other."""

    def __init__(
        self,
        main: MainModule,
        b: ir.IRBuilder,
        addresses: ir.Value,
        table: CallTable,
        tasks: Tasks,
    ) -> None:
        self.main, self.b, self.addresses = main, b, addresses
        self.table, self.tasks = table, tasks
        self.known: dict[tuple[str, int], ir.Value] = {}
        most = max((len(each.operands) for each in tasks.launches), default=0)
        #: The table of addresses that each kernel is given.
        self.frame = emit.local(b, ir.ArrayType(POINTER, most + 1))

    def entry(self, kind: str, number: int = 0) -> ir.Value:
        """An address from the table."""
        found = self.known.get((kind, number))
        if found is None:
            b = self.b
            at = self.table.entry(kind, number)
            with b.goto_entry_block():
                slot = b.gep(self.addresses, index(at), POINTER)
                found = b.load(slot, POINTER, align=8)
            self.known[kind, number] = found
        return found

    def arena(self, offset: int) -> ir.Value:
        """The address of a byte of the arena."""
        return emit.address(self.b, self.entry("arena"), emit.I8, index(offset))

    def pointer(self, buffer: int) -> ir.Value:
        """The address of a buffer."""
        found = self.tasks.schedule.buffers[buffer]
        if found.kind in ("arena", "updated"):
            return self.arena(self.tasks.offsets[buffer])
        return self.entry(found.kind, found.number)

    def array(self, buffer: int) -> Array:
        """A buffer as a whole."""
        found = self.tasks.schedule.buffers[buffer]
        return Array(self.pointer(buffer), found.size * found.dtype.itemsize)

    def share(self, function: ir.Function, frame: ir.Value, parts: int) -> None:
        """Calls a function for each of ``parts`` parts, on all threads."""
        if parts == 1:
            self.b.call(function, [frame, index(0), index(1)])
            return
        self.main.shared = True
        pool = self.entry("pool")
        self.b.call(self.main.parallel, [pool, function, frame, index(parts)])

    def fill(
        self, frame: ir.Value, pointers: Sequence[ir.Value], start: int = 0
    ) -> None:
        """Writes addresses into a table, from the entry ``start`` on."""
        b = self.b
        for number, pointer in enumerate(pointers, start):
            slot = b.gep(frame, index(number), POINTER)
            b.store(pointer, slot, align=8)

    def until_failure(self, status: ir.Value) -> None:
        """Ends the run with the status, where it is not 0."""
        b = self.b
        if isinstance(status, ir.Constant):
            return
        with b.if_then(b.icmp_signed("!=", status, index(0)), likely=False):
            b.ret(status)
