"""Progress of a training run in a few lines: a live bar, and about ten that stay.

Place on the road: between the command and ``training.progress``, of whose lines it
shows only a few. Without a terminal there is no bar, only the lines.
"""

from __future__ import annotations

import sys
from typing import Any

from ..training.progress import Renderer, Status, choose_renderer

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
