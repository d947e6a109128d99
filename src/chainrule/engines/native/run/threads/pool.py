"""A pool of worker threads, as Python sees it: its shared memory and its threads.

Place on the road: beside ``write.threads``, whose machine code reads and writes the
shared memory, and which explains the protocol. It needs no compiler.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import weakref

import numpy as np

from ...abi.job import CLOSED, NAP, NAP_TIME, STOP, TICKET, WORDS, YIELD


def system_function(name: str) -> int:
    """The address of a function of the system's C library, or 0 if it has none."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0


class Pool:
    """The worker threads of this process, and the memory they are given jobs through.

    Arguments:
        worker: the address of ``chainrule_worker``.
        threads: how many threads work, the caller included.
        owner: what keeps the worker's machine code in memory. The pool refers to it
            until the workers have ended, which may be at the end of the process.
    """

    def __init__(self, worker: int, threads: int, owner: object = None) -> None:
        self._worker_address, self._owner = worker, owner
        self.threads = threads
        self._words = np.zeros(WORDS + 8, np.int64)
        start = -self._words.ctypes.data % 64 // 8
        self._state = self._words[start : start + WORDS]
        self._reset()
        self.address = int(self._state.ctypes.data)
        self._started = self._registered = self._retired = False
        self._starting = threading.Lock()
        self._sleeping = 0
        self._running = 0
        self._semaphore = threading.Semaphore(0)
        self._workers: list[threading.Thread] = []
        self._count = threading.RLock()
        _pools.add(self)

    def _reset(self) -> None:
        self._state[:] = 0
        self._state[TICKET] = CLOSED
        self._state[YIELD] = system_function("sched_yield")
        self._state[NAP] = system_function("nanosleep")
        self._state[NAP_TIME : NAP_TIME + 2] = 0, 1000

    def __enter__(self) -> Pool:
        """Before a parallel program: starts the workers, or wakes those that sleep.
        They stay awake until the program has ended."""
        if not self._started:
            self._start()
        with self._count:
            self._running += 1
            sleeping, self._sleeping = self._sleeping, 0
        if sleeping:
            self._semaphore.release(sleeping)
        return self

    def __exit__(self, *_: object) -> None:
        """After a parallel program."""
        with self._count:
            self._running = max(0, self._running - 1)

    def _start(self) -> None:
        with self._starting:
            if self._started or self._retired:
                return
            self._started = True
            for number in range(1, self.threads):
                worker = threading.Thread(
                    target=self._live, name=f"chainrule-{number}", daemon=True
                )
                try:
                    worker.start()
                except RuntimeError:  # no more threads, or Python is about to end
                    break
                self._workers.append(worker)
            if self._workers and not self._registered:
                self._registered = True
                atexit.register(self.stop)

    def _live(self) -> None:
        worker = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(self._worker_address)
        while not worker(self.address):
            with self._count:
                sleeps = not self._running
                self._sleeping += sleeps
            if sleeps:
                self._semaphore.acquire()

    def stop(self) -> None:
        """Ends the workers and waits for them; a later program starts new ones.

        A program that another thread is running is finished by that thread alone: the
        shared memory is left as it is until then.
        """
        if not self._workers:
            return
        self._state[STOP] = 1
        self._semaphore.release(len(self._workers))
        for worker in self._workers:
            worker.join(timeout=1.0)
        with self._count:
            alive = any(worker.is_alive() for worker in self._workers)
            if not (self._running or alive):
                self._forget()

    def retire(self) -> None:
        """Ends the workers for good, because another pool takes over. A program that
        still has this one runs on its caller's thread alone.
        """
        with self._starting:
            self._retired = True
        self.stop()
        atexit.unregister(self.stop)

    def _forget(self) -> None:
        """No workers any more: after ``stop``, and in a process forked from this
        one."""
        self._reset()
        self._workers = []
        self._sleeping = self._running = 0
        self._semaphore = threading.Semaphore(0)
        self._starting, self._count = threading.Lock(), threading.RLock()
        self._started = False


#: All pools, so that a forked process can reset them: it has none of their workers, and
#: nobody who would release a lock that another thread held at that moment.
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _forget_all() -> None:
    for pool in list(_pools):
        pool._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
