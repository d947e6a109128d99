"""Pictures of choosing a model: its error in cross-validation over its size.

Place on the road: among the pictures; it draws numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import (
    BLUE,
    COLOURS,
    GREY,
    Array,
    Margins,
    amount,
    axes_of,
    plain_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGINS = Margins(left=0.95, right=0.3, bottom=0.6, top=0.45)


def error_over_size(
    curves: Mapping[str, tuple[Any, Any, Any]],
    chosen: tuple[float, float],
    limit: float | None = None,
    size: str = "hidden units",
    error: str = "error",
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The mean error in cross-validation over the size of a model, with its standard
    error, and the chosen model.

    Arguments:
        curves: name ↦ (sizes, mean errors, standard errors), each ``(C,)``. Errors that
            are not finite are left out.
        chosen: the size and mean error of the chosen model, which is marked.
        limit: the least mean error plus its standard error: a line below which models
            are not clearly worse than the best.
        size, error: what the axes are called.
        title: of the picture; the chosen size and its error when not given.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Example:
        >>> from chainrule import pictures
        >>> curve = ([8, 16, 32], [0.3, 0.21, 0.2], [0.02, 0.02, 0.02])
        >>> with pictures.windowless():
        ...     ax = error_over_size({"1 layer": curve}, chosen=(16, 0.21), limit=0.22)
        >>> ax.get_title()
        'Chosen: 16 hidden units, error 0.21'
    """
    ax = axes_of(ax, 6.8, 4.4, MARGINS)
    everything = np.concatenate([_array(curve[0]) for curve in curves.values()])
    positive = bool((everything > 0).all())
    logarithmic = positive and everything.max() >= 4 * everything.min()
    for number, (name, curve) in enumerate(curves.items()):
        sizes, means, spreads = map(_array, curve)
        shown = np.isfinite(means)
        order = np.argsort(sizes[shown], kind="stable")
        ax.errorbar(
            sizes[shown][order],
            means[shown][order],
            spreads[shown][order],
            color=COLOURS[number % len(COLOURS)],
            marker="o",
            markersize=4,
            capsize=3,
            linewidth=1.2,
            label=name,
        )
    if limit is not None:
        label = "lowest error + its standard error"
        ax.axhline(limit, color=GREY, linewidth=1, linestyle="--", label=label)
    ax.plot(
        *([value] for value in chosen),
        marker="o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor="black",
        linestyle="none",
        label="chosen",
    )
    if logarithmic:
        ax.set_xscale("log", base=2)
        ticks = np.unique(everything)
        if len(ticks) <= 12:
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.minorticks_off()
    ax.set(xlabel=size, ylabel=f"{error} in cross-validation")
    made = f"Chosen: {chosen[0]:g} {size}, {error} {amount(chosen[1])}"
    ax.set_title(made if title is None else title)
    ax.legend(frameon=False, fontsize=8)
    plain_frame(ax)
    return ax


def growth_path(
    names: Sequence[str],
    means: Any,
    standard_errors: Any,
    kept: Sequence[bool],
    error: str = "error",
    ax: Axes | None = None,
) -> Axes:
    """The networks through which one has grown, and those that it did not grow into.

    Arguments:
        names: of the networks, in their order: the sizes of their hidden layers.
        means, standard_errors: of their errors in cross-validation.
        kept: whether each was grown from, or into the last; the others stand aside.
        error: what the error is called.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Example:
        >>> from chainrule import pictures
        >>> errors = [0.3, 0.2, 0.2], [0.02, 0.02, 0.02]
        >>> with pictures.windowless():
        ...     ax = growth_path(["8", "16", "32"], *errors, [True, True, False])
        >>> ax.get_title()
        'Grown from 8 to 16: error 0.2'
    """
    ax = axes_of(ax, max(5.0, 1.0 + 0.8 * len(names)), 4.4, MARGINS)
    places, heights = np.arange(len(names)), _array(means)
    spreads, on_path = _array(standard_errors), np.asarray(kept, dtype=bool)
    ax.errorbar(
        places[on_path],
        heights[on_path],
        spreads[on_path],
        color=BLUE,
        label="kept",
        marker="o",
        capsize=3,
        linewidth=1.2,
    )
    aside = ~on_path & np.isfinite(heights)
    if aside.any():
        ax.errorbar(
            places[aside],
            heights[aside],
            spreads[aside],
            color=GREY,
            markerfacecolor="white",
            linestyle="none",
            label="gains less than one standard error",
            marker="o",
            capsize=3,
        )
    ax.set_xticks(places, list(names))
    ax.set(xlabel="hidden layers", ylabel=f"{error} in cross-validation")
    last = int(places[on_path][-1])
    ax.set_title(
        f"Grown from {names[0]} to {names[last]}: {error} {amount(heights[last])}"
    )
    ax.legend(frameon=False, fontsize=8)
    plain_frame(ax)
    return ax


def _array(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64)
