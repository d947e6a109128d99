"""How long each kernel of a program takes: for ``explain``.

Place on the road: beside ``executable``. The program is written once more, with the
processor's counter read before and after every kernel, and run a few times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ....compiler.engine import Executable
from ....compiler.program import Program
from ....graph import Array
from ..abi.call_table import CallTable
from ..plan.fuse import fuse
from ..plan.kernels import Callback
from .machine_code import machine_code

#: Makes an executable: of a table, constants, machine code and callbacks.
Make = Callable[[CallTable, Sequence[Array], bytes, Sequence[Callback]], Executable]


def kernel_seconds(
    program: Program, make: Make, run: Callable[[Executable], object]
) -> list[float]:
    """The least time of each kernel, in order; see ``compiler.engine.Timed``."""
    schedule = fuse(program)
    table = CallTable.of(program, schedule)
    # The least count of each kernel, and the counter at the end of the last run.
    ticks = np.full(len(schedule.kernels) + 1, np.iinfo(np.int64).max)
    packed = machine_code(schedule, table, ticks.ctypes.data)
    executable = make(table, schedule.constants, packed, schedule.callbacks())
    run(executable)
    began, first = time.perf_counter(), int(ticks[-1])
    run(executable)
    passed, last = time.perf_counter() - began, int(ticks[-1])
    return [float(each) * passed / max(1, last - first) for each in ticks[:-1]]
