"""The end of planning: the passes over a schedule, in order.

Place on the road: after every operation has been put into a kernel. ``fuse`` hands over
kernels in the order of the program, each result a copy of its own; the passes decide
what is kept in memory, in which order kernels run, and what is updated in place. With
``config.debug`` the schedule is verified after each of them.
"""

from __future__ import annotations

from collections.abc import Callable

from ....config import config
from .kernels import Schedule
from .passes.dead import drop_unused
from .passes.forward import forward
from .passes.gather_windows import gather_windows
from .passes.order import order
from .passes.recompute import recompute
from .passes.split_reductions import split_reductions
from .verify import verify

Stage = Callable[[Schedule], Schedule]

STAGES: tuple[Stage, ...] = (
    # Each result takes the place of the buffer that was computed for it.
    forward,
    drop_unused,
    # What is cheap is computed where it is read, and not stored.
    recompute,
    drop_unused,
    gather_windows,
    drop_unused,
    # Sums are cut into parts that threads can share.
    split_reductions,
    order,
)


def finish(schedule: Schedule) -> Schedule:
    """The schedule as it runs."""
    if config.debug:
        verify(schedule, "fuse")
    for stage in STAGES:
        schedule = stage(schedule)
        if config.debug:
            verify(schedule, stage.__name__)
    return schedule
