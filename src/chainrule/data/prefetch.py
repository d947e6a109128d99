"""Batches prepared in advance by threads, while the network trains on others.

Place on the road: part of batching. Only a few batches are prepared in advance, and
they keep their order, so memory stays small and results the same. It must not know what
a batch is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

Made = TypeVar("Made")

#: How the names of its threads begin.
THREAD_NAME = "chainrule-data"

#: Batches that wait to be used, besides one for every thread.
AHEAD = 2


def prefetched(
    make: Callable[[int], Made], numbers: Iterable[int], workers: int
) -> Iterator[Made]:
    """``make(number)`` for each number, in order, made ahead by threads.

    An error of ``make`` is raised in place of its result. When the iterator is closed
    or deleted, no further call is started.

    Arguments:
        make: of a number; called by several threads at once.
        numbers: in their order.
        workers: how many threads.

    Example:
        >>> list(prefetched(lambda number: number**2, range(5), workers=2))
        [0, 1, 4, 9, 16]
    """
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers, thread_name_prefix=THREAD_NAME)
    waiting: deque[Future[Made]] = deque()
    coming = iter(numbers)
    try:
        for number in islice(coming, workers + AHEAD):
            waiting.append(pool.submit(make, number))
        while waiting:
            made = waiting.popleft().result()
            for number in islice(coming, 1):
                waiting.append(pool.submit(make, number))
            yield made
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
