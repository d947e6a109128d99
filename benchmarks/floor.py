"""What this machine can do at best: ``python -m benchmarks.floor`` prints it as JSON.

The peak is that of a large float32 matrix product in NumPy's BLAS, the bandwidth that
of reading and writing arrays far larger than the caches. A step takes at least its
operations divided by the first and at least its bytes divided by the second (Williams,
Waterman and Patterson 2009, "Roofline"); bytes in a cache may come faster than that.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

# Before NumPy is imported: as many threads as processors that this process may use.
if hasattr(os, "sched_getaffinity"):
    os.environ.setdefault("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))

import numpy as np


@dataclass(frozen=True)
class Floor:
    """The machine's best: float32 GFLOP/s of a matrix product, GB/s of memory."""

    gigaflops: float
    gigabytes: float

    def seconds(self, operations: int, bytes_moved: int) -> float:
        """The least time for a step of that many operations and bytes."""
        arithmetic = operations / (self.gigaflops * 1e9)
        memory = bytes_moved / (self.gigabytes * 1e9)
        return max(arithmetic, memory)


def best_seconds(work: Callable[[], object], rounds: int = 7) -> float:
    """The shortest of some runs."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(size: int = 2048, megabytes: int = 256) -> Floor:
    """Measure this machine; about two seconds."""
    a = np.ones((size, size), np.float32)
    b = np.ones((size, size), np.float32)
    product = np.empty((size, size), np.float32)
    flops = 2 * size**3 / best_seconds(lambda: np.matmul(a, b, out=product))
    source = np.ones(megabytes * 2**20 // 4, np.float32)
    target = np.empty_like(source)
    seconds = best_seconds(lambda: np.copyto(target, source))
    return Floor(flops / 1e9, 2 * source.nbytes / seconds / 1e9)


if __name__ == "__main__":
    print(json.dumps(asdict(measure())))
