"""Learning curves: the picture of a history over its epochs.

Place on the road: behind ``History.plot``, which imports it when something is drawn. It
must not know where the numbers came from.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..pictures.figures import (
    COLOURS,
    Margins,
    axes_in,
    figure_for,
    plain_frame,
    save,
)
from .formats import Row, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Column → its value after each epoch; None where an epoch has none. There is always a
#: column "epoch".
Columns = Mapping[str, Sequence[Any]]

#: Column → the row of the epoch in which it was best.
Best = Callable[[str], Row]

#: Columns that are not drawn: they say when, not how well.
NOT_DRAWN = ("epoch", "seconds", "examples_per_second", "learning_rate")

#: Columns of which neither more nor less is better: the free energy is known up to a
#: constant that changes with the weights.
WITHOUT_BEST = ("free_energy",)

#: Columns that may fall over orders of magnitude.
FALLING = ("loss", "gradient_norm")

MARGINS = Margins(left=0.6, bottom=0.5, right=0.12, top=0.34)

#: Curves of more epochs than this are drawn without a dot for each.
MOST_DOTS = 30


def draw(
    history: Columns, best: Best, path: str | os.PathLike[str] | None, ax: Any
) -> Figure:
    """The losses, and beside them the metrics, into a file where a path is given."""
    losses, metrics = _panels(history)
    if ax is not None:
        _panel(ax, history, best, losses, "loss")
        figure: Figure = ax.figure
    else:
        groups = [(losses, "loss")] if losses else []
        groups += [([m], m) for m in metrics]
        columns = min(len(groups), 3)
        rows = math.ceil(len(groups) / columns)
        figure = figure_for(path, 5.2 * columns, 3.6 * rows)
        for index, (names, title) in enumerate(groups):
            panel = axes_in(figure, MARGINS, columns, rows, index)
            _panel(panel, history, best, names, title)
    if path is not None:
        save(figure, path, dpi=144)
    return figure


def _panels(history: Columns) -> tuple[list[str], list[str]]:
    """The columns to draw: losses, then metrics that are numbers. What only validation
    data have is drawn too.
    """
    drawn = []
    for whole, values in history.items():
        numbers = [v for v in values if v is not None]
        column = whole.removeprefix("validation_")
        if column in drawn or column in NOT_DRAWN:
            continue
        if all(isinstance(v, (int, float)) for v in numbers):
            drawn.append(column)
    return [c for c in drawn if c == "loss"], [c for c in drawn if c != "loss"]


def _panel(
    ax: Axes, history: Columns, best: Best, columns: Sequence[str], title: str
) -> None:
    epochs = history["epoch"]
    marker = "." if len(epochs) <= MOST_DOTS else ""
    for number, column in enumerate(columns):
        for name, style in ((column, "-"), (f"validation_{column}", "--")):
            if name not in history:
                continue
            values = [math.nan if v is None else float(v) for v in history[name]]
            label = "validation" if name != column else "training"
            colour = COLOURS[(number + (name != column)) % len(COLOURS)]
            ax.plot(
                history["epoch"],
                values,
                style,
                color=colour,
                marker=marker,
                label=label,
            )
    _mark_best(ax, history, best, f"validation_{title}")
    ax.set_xlabel("epoch")
    ax.set_title(title, loc="left", fontweight="bold")
    _scale(ax, history, title)
    ax.locator_params(axis="x", integer=True, min_n_ticks=1)
    ax.grid(alpha=0.25)
    plain_frame(ax)
    ax.legend(frameon=False)


def _mark_best(ax: Axes, history: Columns, best: Best, column: str) -> None:
    """A ring around the best validation value, with the number."""
    if column.removeprefix("validation_") in WITHOUT_BEST:
        return
    values = [v for v in history[column] if v is not None] if column in history else []
    if not any(math.isfinite(v) for v in values):
        return
    row = best(column)
    x, y = row.get("epoch", 1), float(row[column])
    ax.plot([x], [y], "o", color=COLOURS[1], fillstyle="none", markersize=9)
    # Beside the title, where no curve can be.
    label = f"best {shown(y)}, epoch {x}"
    ax.set_title(label, loc="right", fontsize="small", color=COLOURS[1])


def _scale(ax: Axes, history: Columns, title: str) -> None:
    """Logarithmic where a loss, or the gradient of a minimizer, falls over more than
    two orders of magnitude.
    """
    names = [n for n in (title, f"validation_{title}") if n in history]
    values = [float(v) for n in names for v in history[n] if v is not None]
    values = [v for v in values if math.isfinite(v)]
    if title == "gradient_norm":  # it is 0 where training ends in a minimum
        values = [v for v in values if v > 0]
    if title in FALLING and values and min(values) > 0:
        if max(values) / min(values) > 100:
            ax.set_yscale("log")
            ax.minorticks_off()
            ax.yaxis.set_major_formatter(lambda value, _: _power_of_ten(value))


def _power_of_ten(value: float) -> str:
    """Plain and short: ``0.01``, ``1e-5``; 10⁻⁵ would take TeX's rules to typeset.

    Example:
        >>> _power_of_ten(0.001), _power_of_ten(1e-4)
        ('0.001', '1e-4')
    """
    return f"{value:g}" if value >= 1e-3 else f"{value:.0e}".replace("e-0", "e-")
