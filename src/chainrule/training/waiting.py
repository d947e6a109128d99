"""A warning where a loader hangs: which line it stands at, after half a minute.

Place on the road: around batches that are made while they are waited for. It must not
know what a batch is.

A thread looks at the clock while the next batch is waited for. It never interrupts: a
loader may have a reason to be slow, and only its author knows.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TypeVar

from ..data.prefetch import THREAD_NAME

Item = TypeVar("Item")

#: Seconds without a batch before the first warning.
PATIENCE = 30.0

#: How many times longer each further warning waits than the one before.
RARER = 10.0

#: Lines of the stack that a warning shows of each thread.
MOST_LINES = 8

#: Frames of this package are left out: the loader is what calls for attention.
OWN = str(Path(__file__).resolve().parent.parent)


def warned_when_late(items: Iterator[Item], name: str) -> Iterator[Item]:
    """The same items; a ``UserWarning`` where one takes longer than ``PATIENCE``.

    Arguments:
        items: made by code that may hang.
        name: what the warning calls them.

    Example:
        >>> list(warned_when_late(iter([1, 2]), "numbers"))
        [1, 2]
    """
    watch = _Watch(name)
    try:
        while True:
            watch.since = time.monotonic()
            try:
                item = next(items)
            except StopIteration:
                return
            watch.since = None
            yield item
    finally:
        watch.close()


class _Watch:
    """A thread that looks now and then whether a batch is late."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.since: float | None = None
        self.waiter = threading.get_ident()
        self.closed = threading.Event()
        self.thread = threading.Thread(
            target=self._look, name="chainrule-watch", daemon=True
        )
        self.thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self.closed.set()

    def _look(self) -> None:
        seen, due = None, PATIENCE
        while not self.closed.wait(min(PATIENCE / 10, 3.0)):
            since = self.since
            if since is None or since != seen:
                seen, due = since, PATIENCE
            waited = 0.0 if since is None else time.monotonic() - since
            if waited >= due and not self.closed.is_set():
                due *= RARER
                with contextlib.suppress(UserWarning):  # nobody could catch it here
                    warnings.warn(self._text(waited), stacklevel=2)

    def _text(self, waited: float) -> str:
        places = "\n".join(_places(self.waiter)) or "  in no line of Python"
        return (
            f"{self.name}: no batch for {waited:.0f} s; the loader stands at\n"
            f"{places}\nIt is waited for; Ctrl-C twice ends the run."
        )


def _places(waiter: int) -> Iterator[str]:
    """The lines at which the waiting thread stands, and threads that make batches."""
    frames = sys._current_frames()
    makers = [t for t in threading.enumerate() if t.name.startswith(THREAD_NAME)]
    for ident, title in [(waiter, ""), *((t.ident, t.name) for t in makers)]:
        frame = frames.get(ident or 0)
        lines = [] if frame is None else _lines(frame)
        if lines:
            yield from ([f"  in thread {title}:"] if title else []) + lines


def _lines(frame: FrameType) -> list[str]:
    """The loader's part of a stack: what was called after this package's last line."""
    stack = traceback.extract_stack(frame)
    own = [i for i, each in enumerate(stack) if each.filename.startswith(OWN)]
    called = stack[own[-1] + 1 :] if own else stack
    return [line.rstrip() for each in called[-MOST_LINES:] for line in _written(each)]


def _written(place: traceback.FrameSummary) -> list[str]:
    head = f'  File "{place.filename}", line {place.lineno}, in {place.name}'
    return [head, f"    {place.line}"] if place.line else [head]
