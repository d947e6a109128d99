"""A program as machine code, with the memory that it works in: what a call does.

Place on the road: the last station. A call does as little in Python as it can: it
writes the addresses of arrays into a table and enters the machine code.

A run that fails (an index out of bounds) has changed nothing, so the reference engine
runs the same program on the same values and raises the error, in its words.
"""

from __future__ import annotations

import ctypes
import functools
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ....compiler.engine import (
    Executable,
    KernelReport,
    Repeating,
    Repetition,
    one_by_one,
)
from ....compiler.locked import Locked
from ....compiler.program import Program
from ....compiler.registry import engine_named
from ....config import config
from ....errors import ChainruleError
from ....graph import Array, changes
from ....ops.numerics import checking_numerics
from ..abi.call_table import ENTRANCE, OUT_OF_BOUNDS, CallTable, Needs
from ..choose.processor import host
from .callbacks import Callbacks
from .compile.llvm import Library
from .memory import LENT_FROM, aligned, borrow, give_back, let_go, poison
from .outputs import output_of, spare
from .repetition import Plan, repeat_function
from .threads.workers import shared_pool
from .variables import Variables

if TYPE_CHECKING:
    from ..plan.kernels import Callback


#: Seconds that many runs may take before Python is asked whether to go on.
MOMENT = 0.03


class EngineFault(ChainruleError, RuntimeError):
    """Native code reported an error that the reference engine does not find.

    Smallest example: there is none that we know of.
    Cure: report it, with the program; run it with ``engine="numpy"`` meanwhile.
    """


class Code:
    """Machine code in memory, for all programs that differ in their variables only;
    called with one of them, it makes the executable.

    Arguments:
        entry: its name in the object cache.
        table: the addresses that it is called with.
        constants: arrays that it reads.
        packed: the code and what it needs.

    Attributes:
        found: whether it was on disk, or is used a second time.
        callbacks: the primitives that it calls Python for.
    """

    def __init__(
        self, entry: str, table: CallTable, constants: Iterable[Array], packed: bytes
    ) -> None:
        self.entry, self.table, self.found = entry, table, True
        self.callbacks: Sequence[Callback] = ()
        self.needs, codes = Needs.unpacked(packed)
        self.library, self.host = Library(*codes), host()
        self.constants = [np.ascontiguousarray(a) for a in constants]

    def __call__(self, program: Program) -> NativeExecutable:
        """The executable for a program."""
        return NativeExecutable(program, self)


class NativeExecutable(Locked, Repeating):
    """A program as machine code, and the memory that it works in.

    Arguments:
        program: what it computes.
        code: the machine code of it.
    """

    def __init__(self, program: Program, code: Code) -> None:
        super().__init__()
        self.arena_bytes: int | None = code.needs.arena_bytes
        self.from_cache: bool | None = code.found
        code.found = True  # by whoever comes next
        self._program, self._code = program, code
        self._reference: Executable | None = None
        self._inputs = [node.dtype for node in program.graph.inputs]
        self._variables = Variables(program)
        #: ``changes.last`` when the variables were last looked at
        self._seen: object = None
        self._outputs = [output_of(node) for node in program.graph.outputs]
        self._kinds = [(shape, dtype) for shape, dtype, _ in self._outputs]
        #: how many runs take a moment, as far as is known
        self._pace = 1
        self._callbacks = Callbacks(code.callbacks)
        self._shared = code.needs.shared
        self._poisoned = config.debug
        self._arena_bytes = code.needs.arena_bytes
        self._borrows = self._arena_bytes >= LENT_FROM and not self._poisoned
        self._arena = aligned(0 if self._borrows else self._arena_bytes)
        if self._borrows:
            weakref.finalize(self, let_go, self._arena_bytes).atexit = False
        self._fill(code.table)

    def _fill(self, table: CallTable) -> None:
        """Writes down the addresses that stay, and what enters the machine code."""
        self._first_variable = table.entry("variable")
        self._first_output = table.entry("output")
        self._pool_entry = table.entry("pool")
        self._arena_entry = table.entry("arena")
        self._objects = (ctypes.c_size_t * table.objects)()
        self._addresses = (ctypes.c_size_t * table.size)()
        for number, array in enumerate(self._code.constants):
            self._addresses[table.entry("constant", number)] = array.ctypes.data
        self._addresses[self._arena_entry] = self._arena.ctypes.data
        self._addresses[table.entry("callback")] = self._callbacks.address
        kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_size_t, ctypes.c_size_t)
        tables = ctypes.addressof(self._objects), ctypes.addressof(self._addresses)
        entrance = self._code.library.address(ENTRANCE)
        self._enter = functools.partial(kind(entrance), *map(ctypes.c_size_t, tables))
        self._entrance = entrance, *tables

    def kernels(self) -> list[KernelReport]:
        """The kernels, in order: what was fused into each, its figures and its cut."""
        # Imported here: a process that finds its code on disk does not need them.
        from ..plan.fuse import fuse
        from ..report import kernel_reports
        from ..write.program import tasks_of
        from .trials import pays

        schedule = fuse(self._program)
        return kernel_reports(tasks_of(schedule, self._code.host, pays))

    def kernel_seconds(self, run: Callable[[Executable], object]) -> list[float]:
        """The least time of each kernel; see ``compiler.engine.Timed``."""
        from .timed import kernel_seconds  # of ``explain`` alone

        def make(
            table: CallTable,
            constants: Sequence[Array],
            packed: bytes,
            callbacks: Sequence[Callback],
        ) -> Executable:
            code = Code("", table, constants, packed)
            code.callbacks = callbacks
            return NativeExecutable(self._program, code)

        return kernel_seconds(self._program, make, run)

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Runs once; see ``compiler.engine.Executable``."""
        if checking_numerics.get():
            return self._by_reference(inputs)
        with self._lock:
            if self._borrows:
                return self._in_lent_memory(self._run, inputs)
            return self._run(inputs)

    def _in_lent_memory(
        self, run: Callable[[Any], list[Array]], of: Any
    ) -> list[Array]:
        lent = borrow(self._arena_bytes)
        try:
            self._addresses[self._arena_entry] = lent.address
            return run(of)
        finally:
            give_back(lent)

    def _run(self, inputs: Sequence[Array]) -> list[Array]:
        """Writes down where every array is, and enters the machine code.

        This is most of what a small program costs: nothing is called that need not be.
        """
        objects, held = self._objects, inputs
        for number, dtype in enumerate(self._inputs):
            array = inputs[number]
            if array.dtype is not dtype or not array.flags.c_contiguous:
                array = np.ascontiguousarray(array, dtype)
                held = [*held, array]
            objects[number] = id(array)
        seen, moved = changes.last, None
        if seen is not self._seen:
            moved = self._variables.bind(objects, self._first_variable)
        number = self._first_output
        outputs = []
        for shape, dtype, spares in self._outputs:
            if spares is None:
                array = np.empty(shape, dtype)
            else:
                array = spare(spares, shape, dtype)
            outputs.append(array)
            objects[number] = id(array)
            number += 1
        if self._poisoned:
            poison([self._arena, *outputs])
        status = self._enter_shared() if self._shared else self._enter()
        if status:
            self._seen = None
            self._variables.unbind()
            return self._fault(inputs, status)
        if moved:
            for cell, array in moved:
                cell.array = array
        self._seen = seen
        return outputs

    def repeat(self, repetition: Repetition) -> list[Array]:
        """Runs many times; see ``compiler.engine.Repeating``."""
        if checking_numerics.get() or self._poisoned:
            return one_by_one(self, self._program.graph.outputs, repetition)
        with self._lock:
            if self._borrows:
                return self._in_lent_memory(self._repeat, repetition)
            return self._repeat(repetition)

    def _repeat(self, repetition: Repetition) -> list[Array]:
        """Enters the machine code for as many runs at a time as take a moment: between
        two such calls Python sees that Ctrl-C was pressed.
        """
        pairs = zip(repetition.inputs, self._inputs, strict=True)
        inputs = [np.ascontiguousarray(a, d) if a.ndim else a for a, d in pairs]
        plan = Plan(replace(repetition, inputs=inputs), self._kinds)
        objects, seen, moved = self._objects, changes.last, None
        objects[: self._first_variable] = [id(each) for each in plan.inputs]
        objects[self._first_output :] = [each.ctypes.data for each in plan.slots]
        if seen is not self._seen:
            moved = self._variables.bind(objects, self._first_variable)
        repeat, began = repeat_function(), time.perf_counter()
        while (done := plan.done) < repetition.times:
            until = min(done + self._pace, repetition.times)
            with shared_pool() if self._shared else nullcontext() as pool:
                if pool is not None:
                    self._addresses[self._pool_entry] = pool.address
                status = repeat(*self._entrance, plan.address, until)
            if moved and plan.done:
                for cell, array in moved:
                    cell.array = array
                moved = None
            if status:
                self._seen = None
                self._variables.unbind()
                return self._fault(repetition.inputs_of(plan.done), status)
            now = time.perf_counter()
            self._pace = max(1, int(MOMENT * (until - done) / (now - began)))
            began = now
        self._seen = seen
        return plan.outputs

    def _enter_shared(self) -> int:
        """Runs a program that shares work out, with the workers awake."""
        with shared_pool() as pool:
            self._addresses[self._pool_entry] = pool.address
            status: int = self._enter()
        return status

    def _by_reference(self, inputs: Sequence[Array]) -> list[Array]:
        """The same run by the NumPy engine."""
        if self._reference is None:
            self._reference = engine_named("numpy").prepare(self._program)
        return self._reference(inputs)

    def _fault(self, inputs: Sequence[Array], status: int) -> list[Array]:
        """The error of a run that failed, as the reference engine raises it."""
        stopped, self._callbacks.stopped = self._callbacks.stopped, None
        if stopped is not None:
            raise stopped
        what = "made an access out of bounds"
        if status != OUT_OF_BOUNDS:
            what = "reported an error that the reference engine does not find"
            self._by_reference(inputs)
        raise EngineFault(
            f"native: {self._program.graph.name}: the machine code {what}",
            fix='run it with engine="numpy", and report this program',
        )
