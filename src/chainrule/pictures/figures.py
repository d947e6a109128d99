"""Figures with margins in inches, colours, and numbers in titles.

Place on the road: below the pictures. It must not know what is drawn.

A picture knows what stands around its axes, so margins are given and not searched for:
matplotlib's constrained layout measures every text several times, which takes longer
than drawing does.
"""

from __future__ import annotations

import io
import math
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]

#: Okabe and Ito's (2008), which colour-blind readers can tell apart: of curves beside
#: each other, in their order.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BLUE, ORANGE, *_ = COLOURS
GREY = "#777777"
DPI = 120

_no_window: ContextVar[bool] = ContextVar("no_window", default=False)


#: Inches that an entry of a legend below a figure takes, and a row of them.
ENTRY, ROW = 1.05, 0.2


@dataclass(frozen=True)
class Margins:
    """What stands around axes, in inches: labels, ticks and a title."""

    left: float = 0.85
    bottom: float = 0.55
    right: float = 0.15
    top: float = 0.4


def prepare() -> None:
    """Begins to import matplotlib, in a thread, for pictures that are drawn later.

    That takes a quarter of a second: enough to compile a network meanwhile. A program
    that ends earlier waits for it: to be cut off inside compiled code aborts a process.
    """
    threading.Thread(target=_first_picture, name="pictures").start()


def _first_picture() -> None:
    """An empty picture: whatever the first one needs is there for the next."""
    with suppress(ImportError):  # reported by the first call that draws
        figure = new_figure(1, 1)
        figure.add_axes((0.3, 0.3, 0.6, 0.6))
        figure.savefig(io.BytesIO())


@contextmanager
def windowless() -> Iterator[None]:
    """Pictures that are drawn inside belong to no window: for files, on any machine.

    Example:
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     ax = pictures.residuals(np.ones(2), np.zeros(2))
        >>> hasattr(ax.figure, "number")
        False
    """
    token = _no_window.set(True)
    try:
        yield
    finally:
        _no_window.reset(token)


def new_figure(width: float, height: float) -> Figure:
    """A figure in inches that belongs to no window: for files, on any machine."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DPI)


def figure_of(figure: Figure | None, width: float, height: float) -> Figure:
    """The figure given, set to a size in inches; or a new one."""
    if figure is not None:
        figure.set_size_inches((width, height))
        return figure
    if _no_window.get():
        return new_figure(width, height)
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height), dpi=DPI)


def figure_for(
    path: str | os.PathLike[str] | None, width: float, height: float
) -> Figure:
    """A new figure in inches: for the file of a path; without one it has a window, so
    that a notebook shows it.
    """
    if path is not None:
        return new_figure(width, height)
    return figure_of(None, width, height)


def axes_of(
    ax: Axes | None, width: float, height: float, margins: Margins = Margins()
) -> Axes:
    """The axes given; or new ones in a figure of their own, margins in inches."""
    if ax is not None:
        return ax
    return axes_in(figure_of(None, width, height), margins)


def axes_in(
    figure: Figure, margins: Margins, columns: int = 1, rows: int = 1, place: int = 0
) -> Axes:
    """Axes in one cell of a figure that is parted into equal cells, row by row."""
    width, height = figure.get_size_inches()
    across, down = width / columns, height / rows
    row, column = divmod(place, columns)
    left = column * across + margins.left
    bottom = (rows - 1 - row) * down + margins.bottom
    size = (
        max(0.2, across - margins.left - margins.right),
        max(0.2, down - margins.bottom - margins.top),
    )
    box = (left / width, bottom / height, size[0] / width, size[1] / height)
    return figure.add_axes(box)


def save(figure: Figure, path: str | os.PathLike[str], dpi: int = DPI) -> None:
    """Writes a figure; PNG files with little effort for the last few per cent."""
    name = os.fspath(path)
    options: dict[str, Any] = {}
    if name.lower().endswith(".png"):
        options["pil_kwargs"] = {"compress_level": 2}
    figure.savefig(name, dpi=dpi, **options)


def width_of(text: str, size: float = 10.0) -> float:
    """How wide a text is, in inches, at a size in points.

    Example:
        >>> width_of("ill") < width_of("iii i") < width_of("Wow") < width_of("Wow", 12)
        True
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    width = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return float(width) / 72


def plain_frame(ax: Axes) -> None:
    """No lines above and to the right."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def legend_below(figure: Figure) -> float:
    """One legend in a strip at the bottom of a figure, for what is drawn in any of its
    axes that have no legend of their own.

    Returns:
        The part of the figure's height that axes must leave free.

    Example:
        >>> from chainrule import pictures
        >>> figure = pictures.new_figure(6, 4)
        >>> for ax in figure.subplots(2, 1):
        ...     line = ax.plot([1, 2], label="observed")
        >>> part = pictures.legend_below(figure)
        >>> figure.tight_layout(rect=(0, part, 1, 1))
        >>> [each.get_text() for each in figure.legends[0].get_texts()], round(part, 2)
        (['observed'], 0.07)
    """
    shown: dict[str, Any] = {}
    for ax in figure.axes:
        if ax.get_legend() is None:
            for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
                shown.setdefault(label, handle)
    width, height = figure.get_size_inches()
    columns = max(1, min(len(shown), int(width / ENTRY)))
    figure.legend(
        shown.values(), shown, loc="lower center", ncols=columns, frameon=False,
        fontsize="small", borderaxespad=0.2,
    )  # fmt: skip
    rows = math.ceil(len(shown) / columns)
    return float((0.08 + ROW * rows) / height)


def amount(value: float) -> str:
    """A number in a title: four digits, large ones without powers of ten.

    Example:
        >>> amount(16574.3), amount(0.012349), amount(-2.5)
        ('16 574', '0.01235', '−2.5')
    """
    large = 1e3 <= abs(value) < 1e9
    text = f"{value:,.0f}".replace(",", " ") if large else f"{value:.4g}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """``87 %``; and not 100 % where a little is missing."""
    if 0.995 <= share < 1:
        return f"{min(100 * share, 99.99):.2f} %"
    return f"{100 * share:.0f} %"


def longest(names: Sequence[str]) -> str:
    """The widest of some names; nothing where there are none."""
    return max(names, key=width_of, default="")
