"""Pictures of classes: the confusion matrix, and the worst mistakes.

Place on the road: among the pictures; it draws arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ShapeError
from ..wording import counted
from .figures import (
    Array,
    Margins,
    amount,
    axes_of,
    figure_of,
    longest,
    percent,
    width_of,
)
from .tiles import Plan, as_shown, headline, mosaic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MISTAKES = 20

#: Matrices with more classes than this are drawn without numbers.
MOST_NUMBERED_CLASSES = 26

#: Names longer than this are written aslant below the matrix.
SHORT_NAME = 3


def confusion_matrix(
    matrix: Array, classes: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Which class was predicted for which: blue where correct, red where wrong.

    Arguments:
        matrix: ``(K, K)`` counts; rows are true classes, columns predicted ones.
        classes: the names of the K classes.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: the matrix is not square, or the names are not K.

    Example:
        >>> counts = np.array([[9, 1], [0, 10]])
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     ax = confusion_matrix(counts, ["cat", "dog"])
        >>> ax.get_title()
        '19 of 20 correct (95.0 %)'
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ShapeError(f"confusion_matrix: matrix {counts.shape}: expected (K, K)")
    names = list(map(str, classes if classes is not None else range(len(counts))))
    if len(names) != len(counts):
        raise ShapeError(
            f"confusion_matrix: matrix {counts.shape} with {len(names)} names: "
            f"{len(counts)} ≠ {len(names)}"
        )
    margins, side = _room(names), min(12.0, max(3.2, 0.45 * len(names)))
    ax = axes_of(
        ax,
        margins.left + side + margins.right,
        margins.bottom + side + margins.top,
        margins,
    )
    ax.imshow(_confusion_colours(counts), interpolation="nearest")
    _label_classes(ax, names)
    if len(names) <= MOST_NUMBERED_CLASSES:
        _number_cells(ax, counts)
    right, total = int(np.trace(counts)), int(counts.sum())
    share = f" ({right / total:.1%})".replace("%", " %") if total else ""
    ax.set_title(f"{amount(right)} of {amount(total)} correct{share}")
    return ax


def worst_mistakes(
    images: Array,
    true: Sequence[str],
    predicted: Sequence[str],
    confidence: Array,
    figure: Figure | None = None,
) -> Figure:
    """The misclassified images with the highest probabilities, the highest first.

    Arguments:
        images: ``(N, H, W)`` or ``(N, H, W, C)`` with one or three channels; an array,
            or something with a shape that is indexed by row numbers.
        true, predicted: N names of classes; rows where they agree are left out.
        confidence: ``(N,)``, the probability given to the predicted class.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: lengths that differ.

    Example:
        >>> images, sure = np.zeros((2, 8, 8)), np.array([0.9, 0.7])
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     figure = worst_mistakes(images, "35", "38", sure)
        >>> figure.axes[0].texts[0].get_text()
        '5 predicted as 8\\n70 % probability'
    """
    sizes = {len(images), len(true), len(predicted), len(confidence)}
    if len(sizes) != 1 or images.ndim not in (3, 4):
        raise ShapeError(
            f"worst_mistakes: images {images.shape}, {len(true)} true and "
            f"{len(predicted)} predicted classes, {len(confidence)} confidences: "
            "expected (N, H, W) images and N of each"
        )
    wrong = [row for row in range(len(true)) if true[row] != predicted[row]]
    surest = sorted(wrong, key=lambda row: -float(confidence[row]))[:MOST_MISTAKES]
    if not surest:
        figure = figure_of(figure, 6.8, 2.6)
        headline(figure, f"No mistakes on {counted(len(true), 'example')}")
        return figure
    titles = _titles([(str(true[r]), str(predicted[r])) for r in surest])
    titles = [
        f"{title}\n{percent(float(confidence[row]))} probability"
        for title, row in zip(titles, surest, strict=True)
    ]
    room = 0.1 + 0.16 * (titles[0].count("\n") + 1)
    plan = Plan(min(5, len(surest)), 1.6, title=room, least=6.8)
    ax = mosaic(as_shown(images[np.asarray(surest)]), plan, titles, figure)
    shown = (
        "all" if len(surest) == len(wrong) else f"the {len(surest)} most confident of"
    )
    count = f"{shown} {len(wrong)} mistakes"
    if len(wrong) == 1:
        count = "the one mistake"
    drawn: Figure = ax.figure  # type: ignore[assignment]
    examples = f"{amount(len(true))} example{'' if len(true) == 1 else 's'}"
    headline(drawn, f"Worst mistakes: {count} on {examples}")
    return drawn


def _titles(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """``3 predicted as 5``, all on one line or all on two."""
    joined = [f"{true} predicted as {predicted}" for true, predicted in pairs]
    if width_of(longest(joined), 9) < 1.75:
        return joined
    return [f"{_cut(true)}\npredicted as {_cut(guess)}" for true, guess in pairs]


def _cut(name: str) -> str:
    """A name that is not wider than a tile."""
    return name if len(name) <= 16 else name[:15] + "…"


def _room(names: Sequence[str]) -> Margins:
    """Space for the names of the classes, at the left and below."""
    wide = min(3.0, width_of(longest(names)))
    aslant = max(map(len, names)) > SHORT_NAME
    return Margins(
        left=0.6 + wide,
        bottom=0.55 + (0.72 * wide if aslant else 0.1),
        right=0.3,
        top=0.45,
    )


def _confusion_colours(counts: Array) -> Array:
    """RGB of every cell: shares of a row that are right in blue, wrong in red.

    Wrong cells are scaled to the most frequent mistake, so that rare ones show.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(len(counts), dtype=bool)
    most = shares[~diagonal].max(initial=0.0) or 1.0
    right = _blend((0.0, 0.447, 0.698), 0.95 * shares)
    wrong = _blend((0.835, 0.369, 0.0), 0.15 * (shares > 0) + 0.7 * shares / most)
    return np.where(diagonal[..., None], right, wrong)


def _blend(colour: tuple[float, float, float], strength: Array) -> Array:
    """White mixed with a colour: 0 is white, 1 the colour."""
    return np.asarray(1 - strength[..., None] * (1 - np.array(colour)))


def _label_classes(ax: Axes, names: list[str]) -> None:
    aslant = max(map(len, names)) > SHORT_NAME
    many = len(names) > MOST_NUMBERED_CLASSES
    step = max(1, math.ceil(len(names) / 20)) if many else 1
    places = np.arange(0, len(names), step)
    shown = [names[place] for place in places]
    ax.set_xticks(places, shown, rotation=45 if aslant else 0)
    if aslant:
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.set_yticks(places, shown)
    ax.set(xlabel="predicted class", ylabel="true class")


def _number_cells(ax: Axes, counts: Array) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, column in np.argwhere(counts):
        dark = row == column and shares[row, column] > 0.5
        ax.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            size=9 if len(str(counts.max())) < 5 else 7,
            color="white" if dark else "black",
        )
