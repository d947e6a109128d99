"""Curves over the number of training examples, and over the values of a setting.

Place on the road: among the pictures; it draws what scikit-learn's ``learning_curve``
and ``validation_curve`` return, and must not know how that came about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..wording import counted
from .figures import BLUE, ORANGE, Array, Margins, amount, axes_of, plain_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGINS = Margins(left=0.85, right=0.3, bottom=0.6, top=0.45)

#: Values further apart than this, the largest by the smallest, are shown on an axis of
#: logarithms.
FAR = 10


def learning_curve(
    sizes: Sequence[float],
    training: Any,
    validation: Any,
    score: str = "score",
    ax: Axes | None = None,
) -> Axes:
    """Scores over the number of training examples: whether more would help.

    Lines are means over the folds, bands ± the standard error of the mean. Curves that
    have met and are flat: more examples of the same kind change little, a larger
    network may. A gap that still closes: more examples help, or a smaller network.

    Arguments:
        sizes: ``(S,)`` numbers of training examples.
        training: ``(S, K)`` scores on the examples that were trained on, of K folds.
        validation: ``(S, K)`` scores on those held out. Means that are not finite are
            left out.
        score: what the scores are called; ``"error"`` for 1 − accuracy, for instance.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: scores that are not a row for each size.
        ArgumentError: sizes that are not positive numbers.

    Example:
        >>> from chainrule import pictures
        >>> training = [[0.0, 0.02], [0.03, 0.03]]
        >>> held_out = [[0.2, 0.3], [0.12, 0.14]]
        >>> with pictures.windowless():
        ...     ax = learning_curve([50, 100], training, held_out, score="error")
        >>> ax.get_title()
        '100 examples: error 0.13 ± 0.01, in training 0.03'
    """
    scores = _checked("learning_curve", "sizes", sizes, training, validation)
    if not all(_is_number(size) and size > 0 for size in sizes):
        raise ArgumentError(
            f"learning_curve: sizes={_short(sizes)}: expected positive numbers of "
            "training examples"
        )
    places = np.asarray(sizes, dtype=np.float64)
    order = np.argsort(places, kind="stable")
    places, scores = places[order], [each[order] for each in scores]
    ax = axes_of(ax, 6.4, 4.2, MARGINS)
    means = _draw(ax, places, scores)
    if places.max() > FAR * places.min():
        _logarithmic(ax)
    ax.set(xlabel="training examples", ylabel=score)
    within, held = means[0][-1], means[1][-1]
    spread = _standard_error(scores[1])[-1]
    ax.set_title(
        f"{amount(places[-1])} examples: {score} {_number(held)}"
        + (f" ± {spread:.2g}" if math.isfinite(spread) else "")
        + f", in training {_number(within)}"
    )
    return ax


def validation_curve(
    values: Sequence[Any],
    training: Any,
    validation: Any,
    name: str = "value",
    score: str = "score",
    ax: Axes | None = None,
) -> Axes:
    """Scores over the values of one setting: where a model learns too little, and where
    it learns its examples by heart.

    Lines are means over the folds, bands ± the standard error of the mean.

    Arguments:
        values: ``(V,)`` of the setting, in the order in which they are shown where they
            are no numbers, such as sizes of hidden layers.
        training: ``(V, K)`` scores on the examples that were trained on, of K folds.
        validation: ``(V, K)`` scores on those held out. Means that are not finite are
            left out.
        name: what the setting is called.
        score: what the scores are called; ``"error"`` for 1 − accuracy, for instance.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: scores that are not a row for each value.

    Example:
        >>> from chainrule import pictures
        >>> training = [[0.2, 0.22], [0.03, 0.03]]
        >>> held_out = [[0.2, 0.3], [0.12, 0.14]]
        >>> with pictures.windowless():
        ...     ax = validation_curve([(2,), (8, 8)], training, held_out, "layers")
        >>> [tick.get_text() for tick in ax.get_xticklabels()], ax.get_title()
        (['2', '8,8'], 'Mean ± standard error of 2 folds')
    """
    scores = _checked("validation_curve", "values", values, training, validation)
    ax = axes_of(ax, 6.4, 4.2, MARGINS)
    if _on_an_axis(values):
        places = np.asarray(values, dtype=np.float64)
        order = np.argsort(places, kind="stable")
        places, scores = places[order], [each[order] for each in scores]
        _draw(ax, places, scores)
        if places.min() > 0 and places.max() > FAR * places.min():
            _logarithmic(ax)
    else:
        _draw(ax, np.arange(len(values), dtype=np.float64), scores)
        ax.set_xticks(range(len(values)), [_label(value) for value in values])
    ax.set(xlabel=name, ylabel=score)
    ax.set_title(f"Mean ± standard error of {counted(scores[0].shape[1], 'fold')}")
    return ax


def _draw(ax: Axes, places: Array, scores: Sequence[Array]) -> list[Array]:
    """Both curves with their bands; their means."""
    means = []
    names = zip(("training", "validation"), (ORANGE, BLUE), scores, strict=True)
    for name, colour, each in names:
        mean, spread = each.mean(axis=1), _standard_error(each)
        means.append(mean)
        ax.plot(
            places,
            np.where(np.isfinite(mean), mean, np.nan),
            color=colour,
            marker="o",
            markersize=4,
            linewidth=1.4,
            label=name,
        )
        ax.fill_between(
            places,
            mean - spread,
            mean + spread,
            where=np.isfinite(spread),
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
    ax.legend(frameon=False, fontsize=8)
    plain_frame(ax)
    return means


def _logarithmic(ax: Axes) -> None:
    """An axis of logarithms, with 1, 2 and 5 where there are few powers of ten."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    if high > 1000 * low:
        return
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = np.outer(10.0 ** np.arange(first, last + 1), (1, 2, 5)).ravel()
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    ax.set_xticks(ticks, [amount(tick) for tick in ticks])
    ax.minorticks_off()


def _standard_error(scores: Array) -> Array:
    """That of each row's mean, s / √K; NaN where a row has one score."""
    count = scores.shape[1]
    if count < 2:
        return np.full(len(scores), np.nan)
    return np.asarray(scores.std(axis=1, ddof=1) / math.sqrt(count))


def _checked(
    what: str, name: str, places: Sequence[Any], training: Any, validation: Any
) -> list[Array]:
    """The scores as numbers, a row for each place."""
    scores = [np.asarray(each, dtype=np.float64) for each in (training, validation)]
    shapes = [each.shape for each in scores]
    rows = len(places) if hasattr(places, "__len__") else 0
    fits = rows and len(shapes[0]) == 2 and shapes[0] == shapes[1]
    if not fits or shapes[0][0] != rows or not shapes[0][1]:
        raise ShapeError(
            f"{what}: {rows} {name}, training {shapes[0]}, validation {shapes[1]}: "
            f"expected a row of scores for each of the {name}, a column for each fold"
        )
    return scores


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (Real, np.number))
        and not isinstance(value, (bool, np.bool_))
        and math.isfinite(value)
    )


def _on_an_axis(values: Sequence[Any]) -> bool:
    """Whether values are numbers, and not 0 beside powers of ten, which have no place
    on one axis.
    """
    if not all(map(_is_number, values)):
        return False
    positive = [value for value in values if value > 0]
    zero = any(value == 0 for value in values)
    return not (zero and positive and max(positive) > FAR * min(positive))


def _label(value: Any) -> str:
    """A value on the axis: ``(8, 8)`` as ``8,8``."""
    if isinstance(value, (tuple, list)):
        return ",".join(map(_label, value)) or "none"
    return f"{value:g}" if _is_number(value) else str(value)


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _short(values: Sequence[Any]) -> str:
    text = str(list(values))
    return text if len(text) < 60 else f"{text[:57]}…"
