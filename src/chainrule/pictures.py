"""Pictures of a trained network: what it learned, and where it is wrong.

Place on the road: beside the commands; it draws arrays and must not know of tensors,
networks or files. The curve of a training run is ``History.plot``'s.

matplotlib is imported when something is drawn. Where no ``ax`` (or
``figure``, for pictures of many tiles) is given, a new one is made with ``pyplot``, so
that a notebook shows it.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart;
signed numbers run from blue through white to red, on one scale for all tiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ShapeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]

BLUE, GREY = "#0072B2", "#777777"
SIGNED = "RdBu_r"

#: Pictures with more tiles than this show the foremost ones.
MOST_TILES = 64
MOST_MISTAKES = 20

#: Matrices with more classes than this are drawn without numbers.
MOST_NUMBERED_CLASSES = 26

#: Clouds of more points than this are drawn as densities.
MOST_POINTS = 5000


def confusion_matrix(
    matrix: Array, classes: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Which class was taken for which: blue where right, red where wrong.

    Arguments:
        matrix: ``(K, K)`` counts; rows are true classes, columns predicted ones.
        classes: the names of the K classes.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: the matrix is not square, or the names are not K.

    Example:
        >>> plot = new_figure(5, 5).subplots()
        >>> counts = np.array([[9, 1], [0, 10]])
        >>> confusion_matrix(counts, ["cat", "dog"], plot).get_title()
        '19 of 20 right (95.0 %)'
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
    side = min(14.0, max(4.5, 0.45 * len(names) + 2.2))
    ax = _axes(ax, (side, side))
    ax.imshow(_confusion_colours(counts), interpolation="nearest")
    _label_classes(ax, names)
    if len(names) <= MOST_NUMBERED_CLASSES:
        _number_cells(ax, counts)
    right, total = int(np.trace(counts)), int(counts.sum())
    share = f" ({right / total:.1%})".replace("%", " %") if total else ""
    ax.set_title(f"{amount(right)} of {amount(total)} right{share}")
    return ax


def features(
    weights: Array, image_shape: Sequence[int], figure: Figure | None = None
) -> Figure:
    """What the units of the first layer look for: their weights as little pictures.

    Red adds to a unit where the image is bright, blue takes away. Units with the
    largest weights come first; all tiles share one scale, that of the colour bar.

    Arguments:
        weights: ``(units, H·W·C)``, as ``Linear.weight`` has them.
        image_shape: ``(H, W)`` or ``(H, W, C)`` of an input; several channels are
            averaged.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: the weights do not have H·W·C columns.

    Example:
        >>> features(np.eye(16), (4, 4), new_figure(5, 5)).get_suptitle()
        'First layer: weights of all 16 units'
    """
    values = np.asarray(weights, dtype=np.float64)
    shape = (*image_shape, 1)[:3]
    if values.ndim != 2 or values.shape[1] != math.prod(shape) or not values.size:
        raise ShapeError(
            f"features: weights {values.shape} as images {tuple(image_shape)}: "
            f"expected (units, {math.prod(shape)})"
        )
    strongest = np.argsort(-np.linalg.norm(values, axis=1), kind="stable")[:MOST_TILES]
    tiles = values[strongest].reshape(-1, *shape).mean(axis=-1)
    limit = float(np.quantile(np.abs(tiles), 0.998)) or 1.0
    figure = _figure(figure, (7.2, 7.6))
    axes = _grid(figure, len(tiles), math.ceil(math.sqrt(len(tiles))))
    shown: Any = None
    for ax, tile in zip(axes, tiles, strict=True):
        shown = ax.imshow(tile, cmap=SIGNED, vmin=-limit, vmax=limit)
    figure.colorbar(
        shown,
        ax=axes,
        orientation="horizontal",
        label="weight (red: bright pixels excite the unit; blue: they inhibit it)",
        extend="both",
        shrink=0.8,
        aspect=40,
        pad=0.02,
    )
    units = "all" if len(tiles) == len(values) else f"the {len(tiles)} strongest of"
    figure.suptitle(f"First layer: weights of {units} {len(values)} units")
    return figure


def worst_mistakes(
    images: Array,
    true: Sequence[str],
    predicted: Sequence[str],
    confidence: Array,
    figure: Figure | None = None,
) -> Figure:
    """The wrongly classified images of which the network was surest, surest first.

    Arguments:
        images: ``(N, H, W)`` or ``(N, H, W, C)`` with one or three channels.
        true, predicted: N names of classes; rows where they agree are left out.
        confidence: ``(N,)``, the probability given to the predicted class.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: lengths that differ.

    Example:
        >>> images, sure = np.zeros((2, 8, 8)), np.array([0.9, 0.7])
        >>> figure = worst_mistakes(images, "35", "38", sure, new_figure(5, 5))
        >>> figure.axes[0].get_title()
        '5 taken for 8\\n70 % sure'
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
    columns = min(5, max(1, len(surest)))
    rows = max(1, math.ceil(len(surest) / columns))
    figure = _figure(figure, (1.7 * max(columns, 4), 1.95 * rows + 0.6))
    if not surest:
        figure.suptitle(f"No mistakes on {len(true)} examples")
        return figure
    bright = float(np.max(images))
    for ax, row in zip(_grid(figure, len(surest), columns), surest, strict=True):
        image = images[row][..., 0] if images.shape[3:] == (1,) else images[row]
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=bright or 1)
        sure = _percent(float(confidence[row]))
        ax.set_title(f"{true[row]} taken for {predicted[row]}\n{sure} sure", size=9)
    shown = "all" if len(surest) == len(wrong) else f"the {len(surest)} surest of"
    noun = "mistake" if len(wrong) == 1 else "mistakes"
    count = "the one mistake" if len(wrong) == 1 else f"{shown} {len(wrong)} {noun}"
    figure.suptitle(f"Worst mistakes: {count} on {amount(len(true))} examples")
    return figure


def predicted_against_true(
    true: Array, predicted: Array, name: str = "target", ax: Axes | None = None
) -> Axes:
    """Predicted amounts over true ones; on the diagonal a prediction is right.

    Arguments:
        true, predicted: ``(N,)``, in the units of the target.
        name: what the target is called.
        ax: where to draw; a new figure when not given.

    Returns:
        The axes.

    Raises:
        ShapeError: shapes that differ.

    Example:
        >>> true, plot = np.arange(9.0), new_figure(5, 5).subplots()
        >>> predicted_against_true(true, true + 0.1, "price", plot).get_title()
        '9 examples: RMSE 0.1, R² 0.999'
    """
    known, guessed = _pair("predicted_against_true", true, predicted)
    ax = _axes(ax, (5.6, 5.6))
    low = float(min(known.min(), guessed.min()))
    high = float(max(known.max(), guessed.max()))
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    ax.plot(limits, limits, color=GREY, linewidth=1, linestyle="--", label="right")
    _cloud(ax, known, guessed)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel=f"true {name}", ylabel=f"predicted {name}")
    error = float(np.sqrt(np.mean((guessed - known) ** 2)))
    spread = float(np.sum((known - known.mean()) ** 2))
    fit = f", R² {1 - len(known) * error**2 / spread:.3f}" if spread else ""
    ax.set_title(f"{amount(len(known))} examples: RMSE {amount(error)}{fit}")
    ax.legend(frameon=False, loc="upper left")
    _plain_frame(ax)
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
        >>> true, plot = np.arange(9.0), new_figure(5, 5).subplots()
        >>> residuals(true, true + 0.5, "price", plot).get_title()
        'Mean error 0.5, standard deviation 0'
    """
    known, guessed = _pair("residuals", true, predicted)
    ax = _axes(ax, (6.4, 4.4))
    errors = guessed - known
    ax.axhline(0, color=GREY, linewidth=1, linestyle="--")
    _cloud(ax, guessed, errors)
    half = float(np.abs(errors).max()) * 1.08 or 1.0
    ax.set(ylim=(-half, half))
    ax.set(xlabel=f"predicted {name}", ylabel=f"predicted − true {name}")
    mean, spread = amount(float(errors.mean())), amount(float(errors.std()))
    ax.set_title(f"Mean error {mean}, standard deviation {spread}")
    _plain_frame(ax)
    return ax


def amount(value: float) -> str:
    """A number in a title: four digits, large ones without powers of ten.

    Example:
        >>> amount(16574.3), amount(0.012349), amount(-2.5)
        ('16 574', '0.01235', '−2.5')
    """
    large = 1e3 <= abs(value) < 1e9
    text = f"{value:,.0f}".replace(",", " ") if large else f"{value:.4g}"
    return text.replace("-", "−")


def _percent(share: float) -> str:
    """``87 %``; and not 100 % where a little is missing."""
    if 0.995 <= share < 1:
        return f"{min(100 * share, 99.99):.2f} %"
    return f"{100 * share:.0f} %"


def new_figure(width: float, height: float) -> Figure:
    """A figure in inches that belongs to no window: for files, on any machine."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=size, layout="constrained")[1]


def _figure(figure: Figure | None, size: tuple[float, float]) -> Figure:
    """The figure given, set to its size; or a new one."""
    if figure is not None:
        figure.set_size_inches(size)
        return figure
    from matplotlib import pyplot

    return pyplot.figure(figsize=size, layout="constrained")


def _grid(figure: Figure, tiles: int, columns: int) -> list[Axes]:
    """Axes without ticks for this many tiles, row by row."""
    rows = math.ceil(tiles / columns)
    every = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for ax in every:
        ax.set(xticks=[], yticks=[])
    for ax in every[tiles:]:
        ax.remove()
    return list(every[:tiles])


def _plain_frame(ax: Axes) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


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
    longest = max(map(len, names))
    many = len(names) > MOST_NUMBERED_CLASSES
    step = max(1, len(names) // 20) if many else 1
    places = np.arange(0, len(names), step)
    shown = [names[place] for place in places]
    ax.set_xticks(places, shown, rotation=45 if longest > 3 else 0)
    if longest > 3:
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
