"""A schedule becomes machine code: cut for the processor, written, compiled.

Place on the road: between ``write`` and ``executable``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....config import config
from ..abi.call_table import CallTable
from ..choose.processor import host
from .compile.llvm import Compilation

if TYPE_CHECKING:
    from ..plan.kernels import Schedule


def machine_code(schedule: Schedule, table: CallTable, ticks: int = 0) -> bytes:
    """The machine code of a schedule and what it needs, as the object cache keeps them.

    Modules are compiled by other threads while later ones are being written.

    Arguments:
        schedule: what is run.
        table: the addresses that it is called with.
        ticks: where it writes how long each kernel took; see ``timed``.
    """
    # Imported here: a process that finds its code on disk writes and compiles none.
    from ..write.program import tasks_of, write_program
    from .compile.workshop import Workshop
    from .trials import pays

    processor = host()
    tasks = tasks_of(schedule, processor, pays)
    with Workshop(Compilation.run, config.threads) as workshop:
        needs = write_program(
            tasks,
            table,
            processor,
            lambda text: workshop.take(Compilation(text, processor)),
            ticks,
        )
        made = workshop.results()
    return needs.packed([each.code() for each in made])
