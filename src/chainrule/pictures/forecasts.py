"""Fan charts: a series, and what is expected of it.

Place on the road: among the pictures; it draws arrays and must not know what forecast
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..errors import ShapeError
from .figures import (
    BLUE,
    ORANGE,
    Array,
    Margins,
    axes_of,
    legend_below,
    plain_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGINS = Margins(left=0.85, right=0.3, bottom=0.4, top=0.45)

#: Times that are written below the axis.
TICKS = 4

#: How far the colour of a band is on the way from that around it to blue.
SHADE = 0.22


def fan_chart(
    history: Any,
    quantiles: Any,
    levels: Sequence[float],
    *,
    truth: Any = None,
    times: Sequence[Any] | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The end of a series, and its forecast: the median as a line, and a band for each
    pair of quantiles that are as far from it.

    Arguments:
        history: ``(N,)`` values, NaN where missing.
        quantiles: ``(H, Q)``, in rising order.
        levels: ``(Q,)`` of them.
        truth: ``(H,)`` what came, where it is known.
        times: ``(N + H,)`` what is written below the steps; their numbers when not
            given.
        title: above the chart.
        ax: where to draw, without a legend: ``legend_below`` makes one for all axes of
            a figure. A new figure with a legend when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: quantiles that are not a column for each level.

    Example:
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     ax = fan_chart([1, 2, 3], [[3, 4, 5], [2, 4, 6]], (0.1, 0.5, 0.9))
        >>> [each.get_text() for each in ax.figure.legends[0].get_texts()]
        ['observed', 'median', '80 %']
    """
    past, bands = np.asarray(history, np.float64), np.asarray(quantiles, np.float64)
    if bands.ndim != 2 or bands.shape[1] != len(levels):
        raise ShapeError(
            f"fan_chart: quantiles {bands.shape} with {len(levels)} levels: expected "
            f"(H, {len(levels)})"
        )
    alone = ax is None
    ax = axes_of(ax, 6.4, 3.6, MARGINS)
    steps = np.arange(len(past) + len(bands))
    ahead = steps[len(past) :]
    ax.plot(steps[: len(past)], past, color="#333333", lw=1.2, label="observed")
    if truth is not None:
        ax.plot(ahead, np.asarray(truth, np.float64), color="#333333", lw=1.2, ls=":",
                label="what came")  # fmt: skip
    _draw_bands(ax, ahead, bands, levels)
    if times is not None:
        shown = np.linspace(0, len(steps) - 1, min(TICKS, len(steps))).astype(int)
        ax.set_xticks(shown, [str(times[step]) for step in shown], fontsize="small")
    ax.set_title(title)
    plain_frame(ax)
    if alone:
        part = legend_below(cast(Any, ax.figure))
        left, bottom, width, height = ax.get_position().bounds
        ax.set_position((left, bottom + part, width, height - part))
    return ax


def _draw_bands(ax: Axes, ahead: Array, bands: Array, levels: Sequence[float]) -> None:
    """The median, and a band for each pair of levels with the sum 1, the inner ones
    darker.
    """
    from matplotlib.colors import to_rgb

    where = {round(float(level), 9): place for place, level in enumerate(levels)}
    if 0.5 in where:
        ax.plot(ahead, bands[:, where[0.5]], color=ORANGE, lw=1.8, label="median")
    blue, colour = np.array(to_rgb(BLUE)), np.ones(3)
    for level, place in where.items():
        other = where.get(round(1 - level, 9))
        if level < 0.5 and other is not None:
            colour = (1 - SHADE) * colour + SHADE * blue
            ax.fill_between(
                ahead,
                bands[:, place],
                bands[:, other],
                color=tuple(colour),
                lw=0,
                label=f"{100 * (1 - 2 * level):.0f} %",
            )
