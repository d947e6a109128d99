"""Progress in a few lines: a live bar, and about ten that stay.

Place on the road: between the commands and ``training.progress``, of whose lines it
shows only a few. Without a terminal there is no bar, only the lines.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import IO, Any

from ..training.progress import Renderer, Status, choose_renderer, clock
from ..wording import counted

#: How many lines about epochs stay on the screen, roughly.
LINES = 10


class FewLines:
    """A renderer that shows the first line, every n-th, and the last.

    Arguments:
        inner: the renderer that shows what is let through.
        epochs: how many epochs there are to be, each with a line.
    """

    def __init__(self, inner: Renderer, epochs: int) -> None:
        self.inner = inner
        self.every = -(-epochs // LINES)
        self.held = ""

    def status(self, status: Status) -> None:
        """Passed on."""
        self.inner.status(status)

    def line(self, text: str) -> None:
        """Passed on for the first epoch, every n-th and the last; others are held."""
        words = text.replace("/", " ").split()
        if words[0] != "epoch":
            if self.held:
                self.inner.line(self.held)
            self.held = ""
            self.inner.line(text)
            return
        epoch, epochs = int(words[1]), int(words[2])
        if epoch in (1, epochs) or epoch % self.every == 0:
            self.held = ""
            self.inner.line(text)
        else:
            self.held = text

    def close(self) -> None:
        """Passed on."""
        self.inner.close()


def make_progress(epochs: int, wanted: bool) -> Any:
    """What ``fit`` takes as ``progress``: on standard error, or none.

    Arguments:
        epochs: how many there are to be.
        wanted: whether to show it at all.
    """
    renderer = choose_renderer("auto" if wanted else "none", sys.stderr)
    return "none" if renderer is None else FewLines(renderer, epochs)


class SearchProgress:
    """How far a search is: a bar in a terminal, elsewhere about ten lines.

    Arguments:
        what: what is counted, in the singular: "fold".
        wanted: whether to show anything.
        stream: where to; standard error when not given.
    """

    def __init__(self, what: str, wanted: bool, stream: IO[str] | None = None) -> None:
        self.what = what
        self.stream = stream or sys.stderr
        self.wanted = wanted
        self.bar: Any = None
        self.task: Any = None
        self.began = time.perf_counter()
        self.before: int | None = None
        self.next = 0

    def __enter__(self) -> SearchProgress:
        if self.wanted and self.stream.isatty():
            from rich import progress
            from rich.console import Console

            self.bar = progress.Progress(
                progress.BarColumn(bar_width=20),
                progress.TextColumn("{task.description}"),
                console=Console(file=self.stream, highlight=False),
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task("", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def update(self, done: int, total: int, best: str = "") -> None:
        """Shows how far it is, how long it will still take, and the best so far.

        Arguments:
            done, total: counted from the beginning, those before a resume included.
            best: what has been the best so far, in words.
        """
        if self.before is None:
            self.before = done
        text = self._text(done, total, best)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total, description=text)
        elif self.wanted and done >= self.next and done > self.before:
            self.stream.write(text + "\n")
            self.stream.flush()
        while self.next <= done:
            self.next += -(-total // LINES)

    def _text(self, done: int, total: int, best: str) -> str:
        new = done - (self.before or 0)
        parts = [f"{done} of {counted(total, self.what)}"]
        if new and done < total:
            spent = time.perf_counter() - self.began
            parts.append(f"{clock(spent / new * (total - done))} left")
        return "  ".join([*parts, *([best] if best else [])])
