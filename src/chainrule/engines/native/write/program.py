"""A program's tasks become LLVM modules: a function a task, and one that calls them.

Place on the road: the last before machine code. ``chainrule_main(table)`` receives one
table of addresses, works out the address of every buffer and calls the kernels in
order, sharing out the large ones among the threads. The body of a ``Scan`` is such a
function too, called in a loop with other addresses.

Each task is written once, however often it runs. Kernels are in modules of their own, a
few in each, which are compiled while the next ones are written.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ....config import config
from ..abi.call_table import DATA_OFFSET, ENTRANCE, CallTable, Needs
from ..choose.processor import Host
from ..choose.scan import ScanCut
from ..choose.task import Chooser, Launch, Task, Tasks
from ..choose.trials import Pays, untried
from ..plan.kernels import Scan, Schedule
from . import emit, ir
from .calls import Calls, MainModule
from .clock import Clock
from .emit import I64, MAIN, POINTER, index
from .guard import reported, watched
from .kinds import KINDS
from .scan import table_of_body

#: A module of kernels is full when it has more instructions than this: LLVM's work
#: grows faster than its modules, and each is compiled in a thread of its own.
LARGE_MODULE = 1000
#: A function that calls more tasks than this is cut into parts, in modules of their
#: own, so that it is not compiled alone when all others are done.
MOST_CALLS = 64


def tasks_of(schedule: Schedule, host: Host, pays: Pays = untried) -> Tasks:
    """How each kernel of a schedule is cut on a processor, which gains by some ways."""
    choices = {each: kind.choose for each, kind in KINDS.items()}
    return Chooser(host, choices, pays).tasks(schedule)


def write_program(
    tasks: Tasks,
    table: CallTable,
    host: Host,
    take: Callable[[str], object],
    ticks: int = 0,
) -> Needs:
    """Gives the LLVM text of a program, module by module; returns what it needs.

    Arguments:
        tasks: the program's kernels, cut for the processor.
        table: the program's table of addresses.
        host: the processor.
        take: is handed each module as soon as it is written.
        ticks: the address where it writes how long each kernel took, if not 0.
    """
    writer = _Writer(tasks, host, take)
    writer.main("chainrule_main", tasks, table, ticks)
    writer.entrance(table)
    writer.close()
    take(str(writer.main_module.module))
    return Needs(tasks.arena_bytes, writer.main_module.shared)


class _Writer:
    """Writes the functions of a program: ``module`` calls kernels, which are in others,
    a few in each.
    """

    def __init__(self, tasks: Tasks, host: Host, take: Callable[[str], object]) -> None:
        callbacks = tasks.schedule.callbacks()
        numbers = {id(kernel): i for i, kernel in enumerate(callbacks)}
        self.main_module, self.take = MainModule(host.pause, numbers), take
        self.module = self.main_module.module
        self.kernels = ir.Module("chainrule_kernels")
        self.written: dict[Task[Any, Any], ir.Function] = {}
        self.packing: dict[Task[Any, Any], ir.Function] = {}
        self.bodies: dict[Task[Any, Any], ir.Function] = {}
        self.numbers, self.counter = itertools.count(), host.counter

    def close(self) -> None:
        """Hands over the module of kernels, and begins another one."""
        if self.kernels.functions:
            self.take(str(self.kernels))
            self.kernels = ir.Module("chainrule_kernels")

    def main(
        self, name: str, tasks: Tasks, table: CallTable, ticks: int = 0
    ) -> ir.Function:
        """Writes the function of a schedule, those of its loops' bodies first."""
        loops = [e.task for e in tasks.launches if isinstance(e.task.cut, ScanCut)]
        for task in loops:
            self._body(task)
        calls, count = self._calls(self.module, name, tasks, table), len(tasks.launches)
        clock = Clock(calls.b, self.counter, ticks)
        if count > MOST_CALLS and not loops:
            self.main_module.parallel.linkage = ""
            for start in range(0, count, MOST_CALLS):
                module = ir.Module(f"{name}.from{start}")
                part = self._calls(module, module.name, tasks, table)
                stop = min(start + MOST_CALLS, count)
                self._call_each(part, Clock(part.b, self.counter, ticks), start, stop)
                part.b.ret(index(0))
                self.take(str(module))
                calls.until_failure(calls.b.call(part.b.function, [calls.addresses]))
        else:
            self._call_each(calls, clock, 0, count)
        clock.stop(count)
        calls.b.ret(index(0))
        return calls.b.function

    def _calls(
        self, module: ir.Module, name: str, tasks: Tasks, table: CallTable
    ) -> Calls:
        """A new function of a module, which is to call tasks."""
        function = ir.Function(module, MAIN, name)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        return Calls(self.main_module, b, function.args[0], table, tasks)

    def _call_each(self, calls: Calls, clock: Clock, start: int, stop: int) -> None:
        """Calls some of the tasks, in order."""
        for number in range(start, stop):
            with clock.watching(number):
                self._call(calls, calls.tasks.launches[number])

    def _body(self, task: Task[Scan, ScanCut]) -> None:
        """The main function of a loop's body."""
        if task not in self.bodies:
            name = f"body{next(self.numbers)}"
            table = table_of_body(task.kernel, task.cut)
            function = self.main(name, task.cut.body, table)
            function.linkage = "internal"
            self.bodies[task] = function

    def entrance(self, table: CallTable) -> None:
        """Writes the function that Python calls: addresses of arrays, then main."""
        main = self.module.globals["chainrule_main"]
        main.linkage = "internal"
        kind = ir.FunctionType(I64, [POINTER, POINTER])
        function = ir.Function(self.module, kind, ENTRANCE)
        b = ir.IRBuilder(function.append_basic_block("entry"))
        objects, addresses = function.args
        with emit.loop(b, 0, table.objects) as i:
            slot = emit.address(b, objects, POINTER, i)
            array = b.load(slot, POINTER, align=8)
            field = emit.address(b, array, emit.I8, index(DATA_OFFSET))
            address = b.load(field, POINTER, align=8)
            b.store(address, emit.address(b, addresses, POINTER, i), align=8)
        status = b.call(main, [addresses])
        b.ret(reported(b, status) if config.debug else status)

    def _call(self, calls: Calls, launch: Launch) -> None:
        """Calls a kernel: fills in its table, and ends the run where it fails."""
        task, b = launch.task, calls.b
        call = KINDS[type(task.kernel)].call
        if call is not None:
            call(calls, launch, self.bodies.get(task))
            return
        scratch = calls.arena(launch.scratch)
        pointers = [calls.pointer(each) for each in launch.operands]
        calls.fill(calls.frame, [*pointers, scratch])
        function = self._function(task)
        if function.function_type is MAIN:
            calls.until_failure(b.call(function, [calls.frame]))
            return
        if task.packing_parts:
            calls.share(self.packing[task], calls.frame, task.packing_parts)
        calls.share(function, calls.frame, task.parts)

    def _function(self, task: Task[Any, Any]) -> ir.Function:
        """The function of a task, written when it is first called."""
        if task not in self.written:
            kind, name = KINDS[type(task.kernel)], f"kernel{len(self.written)}"
            assert kind.write is not None
            packing = None
            if kind.pack is not None and task.packing_parts:
                packing = watched(kind.pack, self.kernels, f"{name}.weights", task)
            function = watched(kind.write, self.kernels, name, task)
            self.written[task] = self._outside(function, task.parts)
            if packing is not None:
                self.packing[task] = self._outside(packing, task.packing_parts)
            if instructions(self.kernels) > LARGE_MODULE:
                self.close()
        return self.written[task]

    def _outside(self, function: ir.Function, parts: int) -> ir.Function:
        """What is called for a function of the kernels' module: it, or where it is not
        cut into parts one that gives it its only one as a constant.
        """
        kind = function.function_type
        if kind is MAIN or parts > 1:
            return function
        function.linkage = "internal"
        whole = ir.Function(self.kernels, kind, f"{function.name}.whole")
        b = ir.IRBuilder(whole.append_basic_block("entry"))
        b.call(function, [whole.args[0], index(0), index(1)])
        b.ret_void()
        return whole


def instructions(module: ir.Module) -> int:
    """How many there are in a module."""
    return sum(
        len(block.instructions) for each in module.functions for block in each.blocks
    )
