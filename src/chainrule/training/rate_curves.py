"""The picture of ``find_lr``: losses over learning rates.

Place on the road: beside ``learning_curves``; it is imported when something is drawn.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..pictures.figures import COLOURS, Margins, axes_in, figure_for, save

MARGINS = Margins(left=0.6, bottom=0.5, right=0.12, top=0.34)


def draw(found: Any, path: str | os.PathLike[str] | None, ax: Any = None) -> Any:
    """Every seed's losses as dots and their average as a line; the suggestions of the
    seeds as a band, their mean as a line through it.
    """
    if ax is None:
        ax = axes_in(figure_for(path, 7.5, 4.5), MARGINS)
    for i, (raw, curve) in enumerate(zip(found.losses, found.smoothed, strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        ax.plot(found.rates, raw, ".", color=colour, alpha=0.35, markersize=4)
        ax.plot(found.rates, curve, color=colour, linewidth=1.8, label=f"seed {i}")
    if found.range is not None:
        low, high = found.range
        label = f"suggestion {found.suggestion:.2g}, by seed {low:.2g} to {high:.2g}"
        ax.axvspan(low, high, color="#777777", alpha=0.2, linewidth=0)
        ax.axvline(found.suggestion, color="#333333", linestyle="--", label=label)
    shown = found.smoothed[np.isfinite(found.smoothed)]
    if shown.size:
        start = float(np.nanmean(found.losses[:, :5]))
        low, high = float(shown.min()), max(start, float(shown.min()))
        margin = 0.35 * (high - low) or 1.0
        ax.set_ylim(low - margin, high + margin)
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss after the step")
    ax.set_title(found.about, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower left")
    if path is not None:
        save(ax.figure, path)
    return ax.figure
