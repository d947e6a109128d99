"""Work that helping threads do while more of it is being made.

Place on the road: between ``write``, which makes modules one by one, and ``llvm``,
which compiles them outside of Python's lock. It must not know what the work is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Workshop(Generic[Piece, Result]):
    """Applies a function to pieces of work; results are in the order of the pieces.

    Helping threads start as pieces arrive, and have ended when the ``with`` block is
    left, also by an error or Ctrl-C; pieces that no thread has begun are then dropped.
    If the system starts no thread, the thread that asks for the results does it all.

    Arguments:
        work: the function.
        threads: how many threads work at the same time, the caller included: it
            joins in when it asks for the results.
    """

    def __init__(self, work: Callable[[Piece], Result], threads: int) -> None:
        self.work = work
        self.most = threads - 1
        self._helpers: list[threading.Thread] = []
        self._waiting: deque[tuple[int, Piece]] = deque()
        self._some = threading.Semaphore(0)
        self._done: dict[int, Result] = {}
        self._error: BaseException | None = None
        self._taken = 0

    def __enter__(self) -> Workshop[Piece, Result]:
        return self

    def take(self, piece: Piece) -> None:
        """Adds a piece of work, for the next free thread."""
        self._waiting.append((self._taken, piece))
        self._taken += 1
        self._some.release()
        if len(self._helpers) < self.most:
            helper = threading.Thread(target=self._help, name="chainrule-compiler")
            try:
                helper.start()
            except RuntimeError:  # no more threads, or Python is about to end
                self.most = len(self._helpers)
            else:
                self._helpers.append(helper)

    def results(self) -> list[Result]:
        """All results, when the last is there.

        Raises:
            What the function raised in a helping thread.
        """
        while self._next():
            pass
        self._dismiss()
        if self._error is not None:
            raise self._error
        return [self._done[number] for number in range(self._taken)]

    def __exit__(self, *_: object) -> None:
        self._waiting.clear()
        self._dismiss()

    def _help(self) -> None:
        try:
            while self._some.acquire() and self._next():
                pass
        except BaseException as error:  # noqa: BLE001 - raised again by ``results``
            self._waiting.clear()
            self._error = error

    def _next(self) -> bool:
        """Does one piece; False if none is waiting."""
        try:
            number, piece = self._waiting.popleft()
        except IndexError:
            return False
        self._done[number] = self.work(piece)
        return True

    def _dismiss(self) -> None:
        """Tells the helpers that no more work comes, and waits for them to end."""
        for _ in self._helpers:
            self._some.release()
        for helper in self._helpers:
            helper.join()
