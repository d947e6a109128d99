"""The LLVM text of a program, for tests of what is written."""

from __future__ import annotations

from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.engines.native.abi.call_table import CallTable
from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.write.program import tasks_of, write_program
from chainrule.graph import Graph

#: How a call begins that asks memory for a line of the cache.
PREFETCH = 'call void @"llvm.prefetch'


def text_of(graph: Graph) -> str:
    """What the native engine writes for a traced function, on this processor."""
    program = plan(run_passes(graph))
    schedule = fuse(program)
    texts: list[str] = []
    tasks = tasks_of(schedule, host())
    write_program(tasks, CallTable.of(program, schedule), host(), texts.append)
    return "".join(texts)
