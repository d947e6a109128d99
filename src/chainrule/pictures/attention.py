"""Attention as pictures: which parts of a source each part of a target looked at.

Place on the road: among the pictures; it draws arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ShapeError
from ..wording import counted
from .figures import Array, Margins, axes_in, axes_of, figure_of, longest, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches of a cell, and the points of a token beside it.
CELL, POINTS = 0.24, 9.0
#: Source tokens of more letters than this are written upright.
SHORT = 2


def attention_map(
    weights: Array,
    source: Sequence[str],
    target: Sequence[str],
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The weights of attention: a row for each token that was written, a column for
    each that was read; white is 0 and black 1.

    Arguments:
        weights: ``(T, S)``, from 0 to 1.
        source: the S tokens that were read.
        target: the T tokens that were written; a last one without a name, the end,
            may be missing here.
        title: above the picture.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: tokens of another number than rows or columns.

    Source: Bahdanau, Cho & Bengio (2015), figure 3.

    Example:
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     ax = attention_map(np.eye(2), ["c", "o"], ["K", "OW"])
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['K', 'OW']
    """
    shown = _checked(weights, source, target)
    rows = [*target, "end"][: len(shown)]
    margins = _room(source, rows, title)
    ax = axes_of(
        ax,
        margins.left + CELL * max(4, shown.shape[1]) + margins.right,
        margins.bottom + CELL * len(shown) + margins.top,
        margins,
    )
    ax.imshow(
        shown, cmap="Greys", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest"
    )
    upright = any(len(each) > SHORT for each in source)
    ax.set_xticks(range(len(source)), source, fontsize=POINTS)
    if upright:
        ax.tick_params(axis="x", rotation=90)
    ax.set_yticks(range(len(rows)), rows, fontsize=POINTS)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    if title:
        ax.set_xlabel(title, fontsize=POINTS + 1)
    return ax


def attention_maps(
    maps: Sequence[Array],
    sources: Sequence[Sequence[str]],
    targets: Sequence[Sequence[str]],
    titles: Sequence[str] = (),
    figure: Figure | None = None,
) -> Figure:
    """Several maps of attention beside each other, at most three in a row.

    Arguments:
        maps, sources, targets: as of ``attention_map``, N of each.
        titles: below each map, N or none.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: other numbers of them.

    Example:
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     figure = attention_maps([np.eye(2)] * 2, ["ab"] * 2, ["AB"] * 2)
        >>> len(figure.axes)
        2
    """
    names = list(titles) or [""] * len(maps)
    if not len(maps) or not len(maps) == len(sources) == len(targets) == len(names):
        raise ShapeError(
            f"attention_maps: {counted(len(maps), 'map')}, {len(sources)} sources, "
            f"{len(targets)} targets and {len(names)} titles: expected one of each for "
            "every map"
        )
    columns = min(3, len(maps))
    down = math.ceil(len(maps) / columns)
    widest = max(sources, key=len), max(targets, key=len)
    margins = _room(
        [longest([each for source in sources for each in source])],
        [longest(["end", *(each for target in targets for each in target)])],
        longest(names),
    )
    width = margins.left + CELL * (1 + max(4, len(widest[0]))) + margins.right
    height = margins.bottom + CELL * (1 + len(widest[1])) + margins.top
    drawn = figure_of(figure, columns * width, down * height)
    for place, each in enumerate(zip(maps, sources, targets, names, strict=True)):
        ax = axes_in(drawn, margins, columns, down, place)
        attention_map(*each, ax=ax)
    return drawn


def _checked(weights: Array, source: Sequence[str], target: Sequence[str]) -> Array:
    shown = np.asarray(weights, dtype=np.float64)
    fits = shown.ndim == 2 and shown.size and shown.shape[1] == len(source)
    if not fits or len(shown) not in (len(target), len(target) + 1):
        raise ShapeError(
            f"attention_map: weights {shown.shape} of {counted(len(source), 'token')} "
            f"that were read and {len(target)} that were written: expected a column "
            "and a row for each, and perhaps a last row for the end"
        )
    return shown


def _room(source: Sequence[str], target: Sequence[str], title: str) -> Margins:
    """Margins for these tokens."""
    upright = any(len(each) > SHORT for each in source)
    above = width_of(longest(source), POINTS) if upright else POINTS / 72
    beside = width_of(longest(target), POINTS)
    return Margins(beside + 0.15, 0.32 if title else 0.1, 0.12, above + 0.15)
