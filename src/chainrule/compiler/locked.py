"""Locks that a forked process has anew: the thread that held one is not there.

Place on the road: beside the contract of engines; used by what threads share. It must
not know of programs.
"""

from __future__ import annotations

import os
import threading
import weakref


class Locked:
    """What has a lock, ``_lock``, for one thread at a time.

    Example:
        >>> with Locked()._lock:
        ...     pass
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _all.add(self)


_all: weakref.WeakSet[Locked] = weakref.WeakSet()


def _renew() -> None:
    for each in list(_all):
        each._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
