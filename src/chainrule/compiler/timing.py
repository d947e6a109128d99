"""How long a call of a program takes, for its report.

Place on the road: beside the compiler. It runs what an engine has prepared, and puts
the variables back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from .cell import Cell

#: A program is run this often or for this many seconds, whichever is less.
MOST_RUNS, MOST_SECONDS = 1000, 0.3
#: It is run this often in any case.
LEAST_RUNS = 3


def seconds_of(run: Callable[[], object], updated: Sequence[Cell]) -> float:
    """The time of a run; the cells that it updates have their values again after."""
    before = [np.array(cell.array) for cell in updated]
    try:
        return typical_seconds(run)
    finally:
        for cell, array in zip(updated, before, strict=True):
            cell.array = array


def typical_seconds(run: Callable[[], object]) -> float:
    """The median time of some runs, the first left out."""
    run()
    seconds: list[float] = []
    end = time.perf_counter() + MOST_SECONDS
    while len(seconds) < LEAST_RUNS or (
        len(seconds) < MOST_RUNS and time.perf_counter() < end
    ):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
