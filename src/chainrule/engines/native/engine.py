"""The native engine: a program becomes one function of machine code.

Place on the road: the engine's door, and the order of its rooms. A program is fused
into kernels (``plan``), each is cut for the processor (``choose``) and written as LLVM
text (``write``), which LLVM compiles unless an earlier process has left the code on
disk; ``run`` has what a call does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ...compiler.engine import Engine, Executable, Speed
from ...compiler.program import Program
from ...config import config
from ...recompilation.entries import folder, load
from ..machine_speed import memory_speed
from .abi.call_table import CallTable
from .choose.processor import host
from .run import object_cache
from .run.executable import Code, NativeExecutable
from .run.machine_code import machine_code


class NativeEngine(Engine):
    """Prepares programs as machine code."""

    name = "native"

    def prepare(self, program: Program) -> NativeExecutable:
        """The executable for a program."""
        return self.prepared(program)(program)

    def prepared(self, program: Program) -> Code:
        """Makes executables of one machine code: it is found on disk, or made."""
        # Imported here: a process that finds its template on disk plans nothing.
        from .plan.fuse import fuse

        schedule = fuse(program)
        table = CallTable.of(program, schedule)
        text = (
            f"{schedule.fingerprint()} {table!r} debug={config.debug} {config.trials}"
        )
        packed, found = object_cache.cached(text, lambda: machine_code(schedule, table))
        entry = object_cache.entry_of(text).name
        code = Code(entry, table, schedule.constants, packed)
        code.found, code.callbacks = found, schedule.callbacks()
        return code

    def packed(self, make: Callable[[Program], Executable]) -> object:
        """The name of the machine code and its constants; of what calls Python back,
        nothing.
        """
        assert isinstance(make, Code)
        if make.callbacks:
            return None
        table = dataclasses.astuple(make.table)
        return object_cache.surroundings(), make.entry, table, make.constants

    def unpacked(self, packed: Any) -> Code | None:
        """The machine code of that name, where it still is, for this processor."""
        surroundings, entry, table, constants = packed
        data = load(folder() / entry)
        if data is None or surroundings != object_cache.surroundings():
            return None
        return Code(entry, CallTable(*table), constants, data)

    def settings(self) -> str:
        """The kind of processor that machine code is made for, and whether it is tried
        out what pays on it."""
        return f"{config.processor} {config.trials}"

    def trials(self) -> dict[str, str]:
        """Which copies of factors pay on this processor: measured once on it."""
        from .run.trials import told

        return told()

    def speed(self) -> Speed:
        """That of this processor; its arithmetic without any memory."""
        from .run.peak import peak_flops

        threads = config.threads
        return Speed(peak_flops(threads, host()), memory_speed(threads))


ENGINE = NativeEngine()
