"""The native engine: a program becomes one function of machine code.

Place on the road: the engine's door, and the order of its rooms. A program is fused
into kernels (``plan``), each is cut for the processor (``choose``) and written as LLVM
text (``write``), which LLVM compiles unless an earlier process has left the code on
disk; ``run`` has what a call does.
"""

from __future__ import annotations

from collections.abc import Callable

from ...compiler.engine import Engine, Speed
from ...compiler.program import Program
from ...config import config
from ..machine_speed import machine_speed
from .abi.call_table import CallTable
from .choose.processor import host
from .plan.fuse import fuse
from .plan.kernels import Schedule
from .run import object_cache
from .run.compile.llvm import Compilation
from .run.executable import Code, NativeExecutable

#: Programs of fewer operations and bytes than this are compiled with little effort.
LITTLE_WORK = 1 << 24


class NativeEngine(Engine):
    """Prepares programs as machine code."""

    name = "native"

    def prepare(self, program: Program) -> NativeExecutable:
        """The executable for a program."""
        return self.prepared(program)(program)

    def prepared(self, program: Program) -> Callable[[Program], NativeExecutable]:
        """Makes executables of one machine code: it is found on disk, or made."""
        schedule = fuse(program)
        table = CallTable.of(program, schedule)
        packed, found = object_cache.cached(
            f"{schedule.fingerprint()} {table!r} debug={config.debug}",
            lambda: machine_code(schedule, table),
        )
        code = Code(schedule, table, packed, found)
        return lambda other: NativeExecutable(other, code)

    def settings(self) -> str:
        """The kind of processor that machine code is made for."""
        return config.processor

    def speed(self) -> Speed:
        """That of this processor."""
        return machine_speed(config.threads)


def machine_code(schedule: Schedule, table: CallTable) -> bytes:
    """The machine code of a schedule and what it needs, as the object cache keeps them.

    Modules are compiled by other threads while later ones are being written.
    """
    # Imported here: a process that finds its code on disk writes and compiles none.
    from .report import work_of
    from .run.compile.workshop import Workshop
    from .write.program import tasks_of, write_program

    processor = host()
    tasks = tasks_of(schedule, processor)
    quick = work_of(tasks) < LITTLE_WORK
    with Workshop(Compilation.run, config.threads) as workshop:
        needs = write_program(
            tasks,
            table,
            processor,
            lambda text: workshop.take(Compilation(text, processor, quick)),
        )
        made = workshop.results()
    return needs.packed([each.code() for each in made])


ENGINE = NativeEngine()
