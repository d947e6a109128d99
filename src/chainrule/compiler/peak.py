"""How long a program takes, and how fast this machine is at best.

Place on the road: beside the compiler, for its reports. The peaks are those of a large
float32 matrix product in NumPy's BLAS and of looking through an array that is larger
than the caches; a program takes at least its operations divided by the first and its
bytes divided by the second (Williams, Waterman and Patterson 2009, "Roofline").
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..config import config
from ..graph import Graph

#: The calibration: the size of the matrices, the bytes looked through, the rounds.
SIZE, BYTES, ROUNDS = 1024, 1 << 27, 5
#: A program is run so often, or for so many seconds, whichever is less.
MOST_RUNS, MOST_SECONDS = 1000, 0.3


@dataclass(frozen=True)
class Timing:
    """What a call takes, beside the machine's best.

    Attributes:
        seconds: the median of the calls that were measured.
        peak_flops, peak_bytes: float32 operations and bytes a second.
    """

    seconds: float
    peak_flops: float
    peak_bytes: float


def measured(run: Callable[[], object], graph: Graph) -> Timing:
    """The time of a run of a graph's program; its variables stay as they are."""
    cells = [leaf.owner for leaf, _ in graph.updates if leaf.owner is not None]
    kept = [(cell, np.array(cell.value)) for cell in cells]
    try:
        seconds = typical_seconds(run)
    finally:
        for cell, array in kept:
            cell.array = array  # type: ignore[attr-defined]
    return Timing(seconds, *peaks(config.threads))


def typical_seconds(run: Callable[[], object]) -> float:
    """The median time of some runs, the first left out."""
    run()
    found: list[float] = []
    end = time.perf_counter() + MOST_SECONDS
    while len(found) < MOST_RUNS and (len(found) < 3 or time.perf_counter() < end):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


@functools.cache
def peaks(threads: int) -> tuple[float, float]:
    """Operations and bytes a second, the best of some rounds; about 0.2 seconds."""
    a = np.ones((SIZE, SIZE), np.float32)
    product = np.empty_like(a)
    flops = 2 * SIZE**3 / _best(lambda: np.matmul(a, a, out=product))
    numbers = np.ones(BYTES // 4, np.float32)
    parts = np.array_split(numbers, threads)
    with ThreadPoolExecutor(threads) as pool:
        return flops, numbers.nbytes / _best(lambda: list(pool.map(np.max, parts)))


def _best(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
