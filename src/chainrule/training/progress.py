"""Progress: a callback that makes status lines, and three renderers that show them.

Place on the road: a callback of ``fit``. It makes a ``Status`` at most ten times a
second and one line per epoch; a renderer shows them in a terminal (rich), in a
notebook, or as plain lines in a log. It must not know of models or data.
"""

from __future__ import annotations

import html
import importlib
import sys
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

from ..errors import unknown_option
from .events import MANY, Callback
from .formats import Row, shown

if TYPE_CHECKING:
    from .run import Run

#: Seconds between two updates of a bar.
PAUSE = 0.1

#: Characters of a bar in a terminal.
BAR_WIDTH = 20

#: A log has about this many lines at most, however many epochs there are.
MOST_LINES = 100

STYLES = ("auto", "terminal", "notebook", "plain", "none")

#: Columns that the text beside the bar expresses in another way.
_SAID = ("epoch", "seconds", "examples_per_second")


@dataclass(frozen=True)
class Status:
    """The state of training, for a progress bar.

    Attributes:
        epoch, epochs: which epoch of how many.
        done, total: batches of this epoch; total is None where unknown.
        values: the columns so far.
        speed: examples a second.
        left: seconds until the last epoch ends, or None.
    """

    epoch: int
    epochs: int
    done: int
    total: int | None
    values: Row
    speed: float
    left: float | None

    def text(self) -> str:
        """``0:12 left  12345 examples/s  loss 0.1234  accuracy 0.9700``"""
        parts = [f"{clock(self.left)} left"] if self.left is not None else []
        if self.speed > 0:
            parts.append(f"{self.speed:.0f} examples/s")
        parts.append(columns_text(self.values))
        return "  ".join(part for part in parts if part)


def clock(seconds: float) -> str:
    """Seconds as people write them.

    Example:
        >>> clock(3.2), clock(75), clock(3725)
        ('0:03', '1:15', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def columns_text(row: Row) -> str:
    """The columns that are single numbers: ``loss 0.5000  accuracy 0.9000``."""
    return "  ".join(
        f"{name} {shown(value, name)}"
        for name, value in row.items()
        if name not in _SAID
        and isinstance(value, (int, float))
        and shown(value, name) != "–"
    )


def epoch_text(row: Row, epochs: int) -> str:
    """The line of a complete epoch."""
    width = len(str(epochs))
    parts = [f"epoch {row['epoch']:>{width}}/{epochs}", columns_text(row)]
    if "seconds" in row:
        parts.append(f"{row['seconds']:.2f} s")
    return "  ".join(parts)


class Renderer(Protocol):
    """Shows progress somewhere."""

    def status(self, status: Status) -> None:
        """Shows the current state in place of the previous one."""

    def line(self, text: str) -> None:
        """Shows a line that stays."""

    def close(self) -> None:
        """Removes what should not stay."""


class PlainRenderer:
    """Lines, for logs: no bar, nothing that moves.

    Arguments:
        stream: where they are written.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def status(self, status: Status) -> None:
        """Does nothing: a log has no bar."""

    def line(self, text: str) -> None:
        """Writes the line at once."""
        self.stream.write(text + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Does nothing."""


class TerminalRenderer:
    """A live bar below the lines of the epochs, by rich.

    Arguments:
        stream: the terminal.
    """

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self.console = Console(file=stream, highlight=False)
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self.started = False

    def status(self, status: Status) -> None:
        """Draws the bar anew."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        row = Table.grid(padding=(0, 1))
        head = f"epoch {status.epoch}/{status.epochs}"
        row.add_column(no_wrap=True, min_width=len(head))
        row.add_column(min_width=BAR_WIDTH)
        row.add_column(no_wrap=True, overflow="ellipsis")
        bar = ProgressBar(
            total=status.total,
            completed=status.done,
            width=BAR_WIDTH,
            pulse=not status.total,
        )
        row.add_row(head, bar, status.text())
        if not self.started:
            self.live.start()
            self.started = True
        self.live.update(row, refresh=True)

    def line(self, text: str) -> None:
        """Writes a line above the bar."""
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Removes the bar and shows the cursor again."""
        if self.started:
            self.live.stop()
            self.started = False


class NotebookRenderer:
    """One output that is replaced: the lines of the epochs and a bar below them."""

    def __init__(self) -> None:
        ipython = importlib.import_module("IPython.display")
        self.make = ipython.HTML
        self.handle: Any = ipython.display(self.make(""), display_id=True)
        self.lines: list[str] = []

    def status(self, status: Status) -> None:
        """Shows lines and bar."""
        share = status.done / status.total if status.total else None
        value = f' value="{share:.4f}"' if share is not None else ""
        self._show(
            f"epoch {status.epoch}/{status.epochs} <progress{value}></progress> "
            f"{html.escape(status.text())}"
        )

    def line(self, text: str) -> None:
        """Adds a line; of very many, the last are shown."""
        self.lines = [*self.lines, html.escape(text)][-MOST_LINES:]
        self._show("")

    def close(self) -> None:
        """Leaves the lines alone."""
        self._show("")

    def _show(self, below: str) -> None:
        body = "\n".join([*self.lines, below] if below else self.lines)
        self.handle.update(self.make(f'<pre style="line-height:1.3">{body}</pre>'))


def in_notebook() -> bool:
    """Whether output goes to a Jupyter notebook."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return getattr(shell, "kernel", None) is not None


def choose_renderer(style: Any, stream: IO[str]) -> Renderer | None:
    """The renderer for a style, a name or True, False, None, or one of one's own.

    Raises:
        OptionError: for a name that is none.
    """
    if hasattr(style, "status") and hasattr(style, "line"):
        own: Renderer = style
        return own
    name = {None: "auto", True: "auto", False: "none"}.get(style, style)
    if name not in STYLES:
        raise unknown_option("progress", style, STYLES)
    if name == "auto":
        live = hasattr(stream, "isatty") and stream.isatty()
        name = "notebook" if in_notebook() else "terminal" if live else "plain"
    if name == "terminal":
        return TerminalRenderer(stream)
    if name == "notebook":
        return NotebookRenderer()
    return PlainRenderer(stream) if name == "plain" else None


class Progress(Callback):
    """The callback: updates a bar during an epoch, and writes a line after it.

    Arguments:
        style: "auto" chooses; "terminal", "notebook", "plain", or "none".
        stream: where to; the standard error stream when not given, so that a
            program's results can be piped on.

    Raises:
        OptionError: for a style that is none.
    """

    order = 90
    only_observes = True

    def __init__(self, style: Any = None, stream: IO[str] | None = None) -> None:
        self.renderer = choose_renderer(style, stream or sys.stderr)
        self.drawn = 0.0
        self.resumed_at = 0
        self.counted_from = 0

    def on_epoch_start(self, run: Run) -> None:
        """Starts to measure the speed."""
        self.resumed_at = run.batch
        self.counted_from = run.tally.examples
        self.began = time.perf_counter()

    def steps_at_once(self, run: Run) -> int:
        """As many as suit: they take a moment."""
        return MANY

    def on_batch_end(self, run: Run) -> None:
        """Ten times a second, where training is."""
        now = time.perf_counter()
        if now - self.drawn < PAUSE or self.renderer is None:
            return
        self.drawn = now
        self.renderer.status(self._status(run, now - self.began))

    def _status(self, run: Run, seconds: float) -> Status:
        done = run.batch - self.resumed_at
        examples = run.tally.examples - self.counted_from
        left = None
        if run.num_batches and done:
            batches = run.num_batches * (run.epochs - run.epoch + 1) - run.batch
            left = seconds / done * batches
        return Status(
            epoch=run.epoch,
            epochs=run.epochs,
            done=run.batch,
            total=run.num_batches,
            values=run.tally.results(running=True),
            speed=examples / seconds if seconds > 0 else 0.0,
            left=left,
        )

    def on_epoch_end(self, run: Run) -> None:
        """The line of the epoch; of very many epochs, every so many."""
        every = -(-run.epochs // MOST_LINES)
        epoch = run.row["epoch"]
        if self.renderer is not None and (
            epoch % every == 0 or epoch in (1, run.epochs) or run.stopping
        ):
            self.renderer.line(epoch_text(run.row, run.epochs))

    def on_fit_end(self, run: Run) -> None:
        """Why training ended, where it did not simply finish."""
        if self.renderer is not None and run.history.stopped != "finished":
            self.renderer.line(f"stopped: {run.history.stopped}")

    def on_close(self, run: Run) -> None:
        """The bar goes."""
        if self.renderer is not None:
            self.renderer.close()
