"""The garbage collector pauses while programs are compiled, and modules imported.

Place on the road: below everything. Nearly everything that a compilation makes stays
until its end, and what a module makes stays for good: looking through all of it again
and again took a third of the time. The collector is one for the whole process, so
compilations in several threads must agree: it is paused by the first and resumed after
the last.
"""

from __future__ import annotations

import gc
import os
import threading


class Pause:
    """A context in which the garbage collector rests; contexts may overlap.

    A collector that was off before stays off afterwards.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()

    def free_after_fork(self) -> None:
        """In a forked process: the threads that were compiling are not there."""
        self._lock = threading.Lock()
        if self._inside and self._was_on:
            gc.enable()
        self._inside = 0


#: Use it as ``with collector_paused:``.
collector_paused = Pause()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=collector_paused.free_after_fork)
