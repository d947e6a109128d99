"""The picture of a ``Watch``: a row a layer, its histograms over the epochs.

Place on the road: behind ``Watch.plot``, which imports it when something is drawn. It
must not know where the numbers came from.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..graph import Array
from ..pictures.figures import (
    Margins,
    axes_in,
    figure_for,
    plain_frame,
    save,
)
from .histograms import Histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Layers of deeper networks are drawn at even distances.
MOST_LAYERS = 12

#: Parts of the axis of values.
HEIGHT = 96

MARGINS = Margins(left=0.8, bottom=0.42, right=0.15, top=0.34)


@dataclass(frozen=True)
class Panel:
    """The histograms of one array.

    Arguments:
        title: what it is.
        rows: one histogram an epoch; may be empty.
        logarithmic: whether the bins are powers of ten.
    """

    title: str
    rows: Sequence[Histogram]
    logarithmic: bool = False


def draw(
    layers: Sequence[Sequence[Panel]], path: str | os.PathLike[str] | None
) -> Figure:
    """The panels, a row a layer, into a file where a path is given."""
    shown = layers
    if len(layers) > MOST_LAYERS:
        places = np.linspace(0, len(layers) - 1, MOST_LAYERS).round().astype(int)
        shown = [layers[place] for place in places]
    columns = max(map(len, shown))
    size = (3.5 * columns, 1.9 * len(shown) + 0.3)
    figure = figure_for(path, *size)
    for row, panels in enumerate(shown):
        for column, panel in enumerate(panels):
            place = row * columns + column
            if panel.rows:
                ax = axes_in(figure, MARGINS, columns, len(shown), place)
                _panel(ax, panel, last=row == len(shown) - 1)
    if path is not None:
        save(figure, path)
    return figure


def _panel(ax: Axes, panel: Panel, last: bool) -> None:
    """A column of the picture an epoch: the darker, the more values lie there."""
    rows = panel.rows
    low, high = min(r.low for r in rows), max(r.high for r in rows)
    shades = np.stack([_density(row, low, high) for row in rows], axis=1)
    epochs = np.array([row.epoch for row in rows])
    step = epochs[1] - epochs[0] if len(epochs) > 1 else 1
    limits = (epochs[0] - step / 2, epochs[-1] + step / 2)
    ax.imshow(
        shades,
        extent=(*limits, low, high),
        origin="lower",
        aspect="auto",
        cmap="Blues",
        vmin=0,
        interpolation="nearest",
    )
    ax.set_title(panel.title, fontsize=8, loc="left")
    zeros = rows[-1].zeros
    if zeros >= 0.005:
        ax.set_title(f"{100 * zeros:.0f} % are 0", fontsize=7, loc="right")
    if panel.logarithmic:
        ax.yaxis.set_major_formatter(_power)
    ax.locator_params(axis="x", integer=True, min_n_ticks=1, nbins=6)
    ax.locator_params(axis="y", nbins=5)
    ax.tick_params(labelsize=7)
    if last:
        ax.set_xlabel("epoch", fontsize=8)
    plain_frame(ax)


def _power(value: float, _: float) -> str:
    """The number of which an axis shows the decimal logarithm."""
    if abs(value) < 3:
        return f"{10**value:.3g}"
    return f"{10**value:.0e}".replace("e-0", "e−").replace("e+0", "e")


def _density(row: Histogram, low: float, high: float) -> Array:
    """How much lies in each part of the common axis, the most being 1; its square root,
    so that little is seen too.
    """
    edges = np.linspace(low, high, HEIGHT + 1)
    below = np.concatenate([[0.0], np.cumsum(row.counts)])
    parts = np.diff(np.interp(edges, row.edges, below))
    parts = np.maximum(parts, 0.0)
    return np.asarray(np.sqrt(parts / parts.max()) if parts.max() else parts)
