"""Pictures of predicted amounts: against the true ones, and their errors.

Place on the road: among the pictures; it draws arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import ShapeError
from ..wording import signed
from .figures import (
    BLUE,
    GREY,
    Array,
    Margins,
    amount,
    axes_of,
    plain_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Clouds of more points than this are drawn as densities.
MOST_POINTS = 5000

#: Amounts may be long numbers.
MARGINS = Margins(left=1.0, right=0.4)


def predicted_against_true(
    true: Array, predicted: Array, name: str = "target", ax: Axes | None = None
) -> Axes:
    """Predicted amounts over true ones; on the diagonal a prediction is exact.

    Arguments:
        true, predicted: ``(N,)``, in the units of the target.
        name: what the target is called.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: shapes that differ.

    Example:
        >>> true = np.arange(9.0)
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     ax = predicted_against_true(true, true + 0.1, "price")
        >>> ax.get_title()
        '9 examples: RMSE 0.1, R² 0.999'
    """
    known, guessed = _pair("predicted_against_true", true, predicted)
    ax = axes_of(ax, 6.1, 5.6, MARGINS)
    low = float(min(known.min(), guessed.min()))
    high = float(max(known.max(), guessed.max()))
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    ax.plot(limits, limits, color=GREY, linewidth=1, linestyle="--", label="exact")
    _cloud(ax, known, guessed)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel=f"true {name}", ylabel=f"predicted {name}")
    error = float(np.sqrt(np.mean((guessed - known) ** 2)))
    spread = float(np.sum((known - known.mean()) ** 2))
    fit = ""
    if spread:
        r2 = 1 - len(known) * error**2 / spread
        fit = f", R² {signed(format(r2, '.3f'))}"
    examples = f"{amount(len(known))} example{'' if len(known) == 1 else 's'}"
    ax.set_title(f"{examples}: RMSE {amount(error)}{fit}")
    ax.legend(frameon=False, loc="upper left")
    plain_frame(ax)
    return ax


def residuals(
    true: Array, predicted: Array, name: str = "target", ax: Axes | None = None
) -> Axes:
    """The errors, predicted − true, over the prediction: a cloud around zero is good.

    A slope or a bow says that the network misses something; a funnel says that large
    predictions are less certain than small ones.

    Arguments:
        true, predicted: ``(N,)``, in the units of the target.
        name: what the target is called.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: shapes that differ.

    Example:
        >>> true = np.arange(9.0)
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     ax = residuals(true, true + 0.5, "price")
        >>> ax.get_title()
        'Mean error 0.5, standard deviation 0'
    """
    known, guessed = _pair("residuals", true, predicted)
    ax = axes_of(ax, 6.8, 4.4, MARGINS)
    errors = guessed - known
    ax.axhline(0, color=GREY, linewidth=1, linestyle="--")
    _cloud(ax, guessed, errors)
    half = float(np.abs(errors).max()) * 1.08 or 1.0
    ax.set(ylim=(-half, half))
    ax.set(xlabel=f"predicted {name}", ylabel=f"predicted − true {name}")
    mean, spread = amount(float(errors.mean())), amount(float(errors.std()))
    ax.set_title(f"Mean error {mean}, standard deviation {spread}")
    plain_frame(ax)
    return ax


def _pair(what: str, true: Array, predicted: Array) -> tuple[Array, Array]:
    known, guessed = np.asarray(true, float), np.asarray(predicted, float)
    if known.shape != guessed.shape or known.ndim != 1 or not known.size:
        raise ShapeError(
            f"{what}: true {known.shape}, predicted {guessed.shape}: expected (N,) each"
        )
    return known, guessed


def _cloud(ax: Axes, x: Array, y: Array) -> None:
    """Points; or, where they would cover each other, how many lie in each hexagon."""
    if len(x) > MOST_POINTS:
        ax.hexbin(x, y, gridsize=60, bins="log", cmap="Blues", mincnt=1, linewidths=0.1)
        return
    alpha = float(np.clip(200 / len(x), 0.2, 0.8))
    ax.scatter(x, y, s=16, color=BLUE, alpha=alpha, linewidths=0)
