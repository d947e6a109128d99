"""A picture of speech: what was heard, and which states and words it was taken for.

Place on the road: among the pictures; it draws arrays.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ShapeError
from .figures import COLOURS, GREY, Array, figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Frames in a second.
FRAMES = 100


def alignment(
    heard: Array,
    words: Sequence[str],
    *,
    states: Array | None = None,
    scores: Array | None = None,
    symbols: Sequence[str] = (),
    title: str = "",
    figure: Figure | None = None,
) -> Figure:
    """A spectrogram above the states of its frames, or what a network says of each.

    Arguments:
        heard: features of frames, (T, D), low frequencies first.
        words: of each frame, "" where none is said, (T,).
        states: of each frame, (T,), counted from the first of its word; −1 of silence.
        scores: instead of states, the probability of each symbol in each frame, (T, C).
        symbols: the names of those that are drawn, C.
        title: of the picture.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: for words, states or scores of another number of frames.

    Example:
        >>> from chainrule import pictures
        >>> x = np.random.default_rng(0).normal(size=(6, 4))
        >>> words, states = ["", "no", "no", "no", "no", ""], [-1, 0, 0, 1, 1, -1]
        >>> with pictures.windowless():
        ...     figure = pictures.alignment(x, words, states=np.array(states))
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['filter', 'state']
    """
    frames = len(heard)
    for name, given in (("words", words), ("states", states), ("scores", scores)):
        if given is not None and len(given) != frames:
            raise ShapeError(
                f"alignment: {len(given)} {name} for {frames} frames: expected one for "
                "each"
            )
    chosen = figure_of(figure, min(12.0, 3.5 + frames / 45), 4.2)
    above, below = chosen.subplots(2, 1, sharex=True)
    end = frames / FRAMES
    above.imshow(
        np.asarray(heard).T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, end, 0, np.asarray(heard).shape[1]),
    )
    above.set(ylabel="filter", title=title)
    time = (np.arange(frames) + 0.5) / FRAMES
    if states is not None:
        shown = np.where(np.asarray(states) < 0, np.nan, states)
        below.step(time, shown, where="mid", color=COLOURS[0], lw=2)
        below.set(ylabel="state", ylim=(-0.8, max(1.0, float(np.max(states))) + 1.6))
    if scores is not None:
        for number, symbol in enumerate(symbols):
            colour = COLOURS[number % len(COLOURS)]
            below.plot(time, scores[:, number], color=colour, label=symbol, lw=1.6)
        below.set(ylabel="probability", ylim=(-0.05, 1.2))
        below.legend(loc="upper right", fontsize=8, ncols=2)
    _name_words(above, below, words)
    below.set(xlabel="seconds", xlim=(0, end))
    below.spines[["top", "right"]].set_visible(False)
    return chosen


def _name_words(above: Axes, below: Axes, words: Sequence[str]) -> None:
    """Writes each word over its frames, between two lines."""
    start = 0
    for word, group in itertools.groupby(words):
        stop = start + len(list(group))
        if word:
            for ax in (above, below):
                for edge in (start, stop):
                    ax.axvline(edge / FRAMES, color=GREY, lw=0.8, ls=":")
            below.annotate(
                word,
                ((start + stop) / 2 / FRAMES, 1.0),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
            )
        start = stop
