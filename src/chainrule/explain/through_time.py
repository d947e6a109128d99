"""A recurrent network through time: predictions and errors forward, gradients back.

    ∂L/∂hₜ = what comes from step t itself + what comes back from step t + 1

Beside the road, for ``explain``: it takes a network's explanation, has its loops taken
apart and one sequence's numbers collected (``recurrence``), and returns something that
prints itself, draws itself, and writes itself as a page.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..backprop import backprop
from ..errors import ArgumentError
from ..wording import counted
from .files import save_as, write
from .output.through_time_page import drawing, page
from .recurrence.steps import (
    Column,
    Sequences,
    State,
    columns,
    places,
    states,
    weights,
)
from .recurrence.timeline import Timeline
from .recurrence.unrolling import unrolled
from .words.numerals import number

#: How many steps are drawn by default, the last ones, and how many at most.
DRAWN, MOST_DRAWN = 12, 200


@dataclass
class ThroughTime:
    """A recurrent network on one sequence, step by step in time.

    ``print`` it for a table, show it in a notebook, or ``save("rnn.html")`` a page that
    plays it: predictions, errors, and gradients back through time, in three colours.

    Attributes:
        columns: one for each step, in order.
        states: what each loop carries, loop by loop.
        weights: parameter ↦ the size of what each step adds to ∇, (T,).
        loss: L, of the whole batch.
        title, note: the network, and what L is.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.RNN(2, 3), nn.AllSteps(), nn.Linear(3, 1))
        >>> movie = cr.explain(model, cr.ones((4, 5, 2)), cr.zeros((4, 5, 1)))
        >>> movie = movie.through_time()
        >>> [(state.name, state.values.shape) for state in movie.states]
        [('h', (5, 3))]
        >>> len(movie.columns), movie.columns[0].loss > 0
        (5, True)
    """

    title: str
    note: str
    loss: float
    columns: list[Column]
    states: list[State]
    weights: dict[str, list[float]]
    last: int = DRAWN

    def __post_init__(self) -> None:
        if not 1 <= self.last <= MOST_DRAWN:
            raise ArgumentError(
                f"through_time: last={self.last}: a drawing shows 1 to {MOST_DRAWN} "
                "steps"
            )

    @property
    def shown(self) -> list[Column]:
        """The steps that are drawn: the last ones."""
        return self.columns[-self.last :]

    def text(self) -> str:
        """A table: what each step read, said, and lost, and the gradients there."""
        several = [(f"‖∂L/∂{state.name}‖", state) for state in self.states]
        head = [
            "t",
            "x",
            "prediction",
            "target",
            "loss",
            *(name for name, _ in several),
        ]
        rows = [head]
        for column in self.columns:
            loss = "" if column.loss is None else number(column.loss)
            row = [str(column.number), column.x_text, column.prediction, column.target]
            row.append(loss)
            for _, state in several:
                place = column.number - 1 - state.start
                there = 0 <= place < len(state.values)
                row.append(number(state.sizes[place]) if there else "")
            rows.append(row)
        kept = [i for i in range(len(head)) if any(row[i] for row in rows[1:])]
        widths = [max(len(row[i]) for row in rows) for i in kept]
        lines = [
            "  ".join(row[i].rjust(w) for i, w in zip(kept, widths, strict=True))
            for row in rows
        ]
        return "\n".join([self.title, self.note, "", *lines])

    def __str__(self) -> str:
        return self.text()

    def svg(self) -> str:
        """All of it as one drawing, the text of an SVG file."""
        return drawing(self.title, self.note, Timeline(self.shown, self.states))

    def html(self, path: str | os.PathLike[str] | None = None) -> str:
        """A page that plays it: buttons, slider and keys go forward and back in it.

        It needs no network and no other file.

        Arguments:
            path: where to write it, if anywhere.
        """
        story = Timeline(self.shown, self.states)
        text = page(self.title, self.note, story, self.weights, self.text())
        if path is not None:
            write(path, text)
        return text

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the table, the drawing or the page, by the ending of the file's name.

        Raises:
            ArgumentError: for an ending other than .txt, .svg and .html.
            FileError: when the file cannot be written.
        """
        save_as(path, {".txt": self.text, ".svg": self.svg, ".html": self.html})

    def _repr_svg_(self) -> str:
        return self.svg()


def through_time(run: Sequences, last: int) -> ThroughTime:
    """The numbers of one sequence.

    Raises:
        ArgumentError: for a network without a loop over time, and a sequence that is
            not there.
    """
    name = type(run.model).__name__
    if not 0 <= run.example < run.samples:
        raise ArgumentError(
            f"through_time: example={run.example}: the batch has "
            f"{counted(run.samples, 'sequence')}",
            fix=f"0 to {run.samples - 1}",
        )
    found = unrolled(run.loss)
    loops = [loop for loop in found.loops if loop.steps]
    if not loops:
        raise ArgumentError(
            f"through_time: {name} has no loop over time",
            fix="use nn.RNN, nn.LSTM, nn.GRU or cr.scan: a loop in Python has no steps "
            "that could be told apart",
        )
    grads = backprop(found.root)
    where = places(loops)
    ends = (
        start + len(loop.steps) for loop, (_, start) in zip(loops, where, strict=True)
    )
    steps = max(ends)
    return ThroughTime(
        title=f"{run.title}, through time",
        note=_note(run, steps),
        loss=float(run.loss.value),
        columns=columns(run, found, grads, steps),
        states=states(run, loops, where, grads),
        weights=weights(run.model, loops, where, steps, grads),
        last=last,
    )


def _note(run: Sequences, steps: int) -> str:
    which = (
        f"Sequence {run.example} of {run.samples}"
        if run.samples > 1
        else "One sequence"
    )
    return f"{which}, {counted(steps, 'step')}; L = {number(run.loss.value)}"
