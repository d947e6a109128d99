"""How fast this machine is at best, measured with NumPy.

Place on the road: beside the engines that run on the processor; reports compare a
program with it. A program takes at least its operations divided by the first figure and
its bytes divided by the second (Williams, Waterman and Patterson 2009, "Roofline").
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..compiler.engine import Speed

#: The size of the matrices that are multiplied, the bytes that are read, the rounds.
SIZE, BYTES, ROUNDS = 1024, 1 << 27, 5


def machine_speed(threads: int) -> Speed:
    """The speeds of products and of memory; it takes about 0.2 seconds, once."""
    return Speed(_product_flops(), memory_speed(threads))


@functools.cache
def _product_flops() -> float:
    """The best of some rounds of a large float32 matrix product in NumPy's BLAS."""
    a = np.ones((SIZE, SIZE), np.float32)
    product = np.empty_like(a)
    return 2 * SIZE**3 / _least_seconds(lambda: np.matmul(a, a, out=product))


@functools.cache
def memory_speed(threads: int) -> float:
    """Bytes a second: the best of some rounds of reading an array that is larger than
    the caches.
    """
    numbers = np.ones(BYTES // 4, np.float32)
    parts = np.array_split(numbers, threads)
    with ThreadPoolExecutor(threads) as pool:
        seconds = _least_seconds(lambda: list(pool.map(np.max, parts)))
    return numbers.nbytes / seconds


def _least_seconds(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
