"""Processes that work for a search, and end with it however it ends.

Place on the road: below what a search does. Each process is a new Python, which is
given once what all its work needs. It must not know what the work is.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ..errors import StateError

#: What the work of this process needs, as ``results`` was given it.
_shared: list[Any] = []


def results(
    work: Callable[..., Any],
    pieces: Iterator[Any] | list[Any],
    shared: Any,
    processes: int,
) -> Iterator[Any]:
    """``work(piece, shared)`` of every piece, in any order, as each is finished.

    Arguments:
        work: a function of a module.
        pieces: what it is called with, taken as processes become free.
        shared: what all calls need, sent once to every process.
        processes: how many there are.

    Raises:
        StateError: a process was killed.
    """
    waiting = iter(pieces)
    with _pool(processes, shared) as pool:
        running: set[Future[Any]] = set()
        while True:
            while len(running) < 2 * processes:
                piece = next(waiting, _END)
                if piece is _END:
                    break
                running.add(pool.submit(_call, work, piece))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


_END = object()


@contextlib.contextmanager
def _pool(processes: int, shared: Any) -> Iterator[ProcessPoolExecutor]:
    """The processes, which do not outlive an error or Ctrl-C."""
    context = multiprocessing.get_context("spawn")  # no half of a thread is copied
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(processes, context, _begin, (shared,))
    try:
        yield pool
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise StateError(
                "tune: a process was killed while it trained: memory may be short",
                fix="--processes 1; what is finished is kept",
            ) from error
        raise
    pool.shutdown()


def _begin(shared: Any) -> None:
    """What a process does first: Ctrl-C is the business of the one that began it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _shared[:] = [shared]
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when the one that began it has ended, killed for instance."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(work: Callable[..., Any], piece: Any) -> Any:
    return work(piece, _shared[0])
