"""What this machine can do at best: ``python -m benchmarks.floor`` prints it as JSON.

The peak is that of float32 multiply-adds from registers to registers; the speeds of
memory are those of looking through, and of filling, an array far larger than the
caches, with as many threads as processors. A step takes at least its operations divided
by the first and at least its bytes divided by the others (Williams, Waterman and
Patterson 2009, "Roofline"); bytes in a cache may come faster than that.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np

THREADS = os.cpu_count() or 1
if hasattr(os, "sched_getaffinity"):
    THREADS = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Floor:
    """The machine's best: float32 GFLOP/s, GB/s of memory."""

    gigaflops: float
    gigabytes_read: float
    gigabytes_written: float

    def seconds(self, operations: int, read: int, written: int) -> float:
        """The least time for a step of that many operations and bytes."""
        return max(self.arithmetic(operations), self.memory(read, written))

    def arithmetic(self, operations: int) -> float:
        """The least time for that many operations."""
        return operations / (self.gigaflops * 1e9)

    def memory(self, read: int, written: int) -> float:
        """The least time for that many bytes."""
        seconds = read / self.gigabytes_read + written / self.gigabytes_written
        return seconds / 1e9


def best_seconds(work: Callable[[], object], rounds: int = 9) -> float:
    """The shortest of some runs."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def best_shared(work: Callable[[np.ndarray], object], array: np.ndarray) -> float:
    """The shortest of some runs over the parts of an array, a thread each or in one."""
    seconds = best_seconds(lambda: work(array))
    parts = np.array_split(array, THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        return min(seconds, best_seconds(lambda: list(pool.map(work, parts))))


def measure(megabytes: int = 256) -> Floor:
    """Measure this machine; about a second."""
    from chainrule.engines.native.choose.processor import host
    from chainrule.engines.native.run.peak import peak_flops

    flops = peak_flops(THREADS, host())
    numbers = np.ones(megabytes * 2**20 // 4, np.float32)
    read = numbers.nbytes / best_shared(np.max, numbers)
    written = numbers.nbytes / best_shared(lambda part: part.fill(2), numbers)
    return Floor(flops / 1e9, read / 1e9, written / 1e9)


if __name__ == "__main__":
    print(json.dumps(asdict(measure())))
