"""Pictures of codes: what is made again from them, and where each class lies.

Place on the road: among the pictures; it draws arrays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, DataError, ShapeError
from ..wording import counted
from .figures import COLOURS, GREY, Array, Margins, axes_in, figure_of, width_of
from .grids import GAP, WIDTH, checked_images, coloured
from .tiles import Plan, headline, mosaic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Scatters with more points than this show some of them, evenly chosen.
MOST_CODES = 10_000

#: Of classes, in their order: the colours of curves, and four more.
CLASS_COLOURS = (*COLOURS, "#000000", "#7B3F00", "#7A5CFF", "#8F9A00")

#: Inches of a side of a scatter.
SIDE = 4.6


def reconstructions(
    images: Array,
    *made: Array,
    names: Sequence[str] = (),
    values: str = "ink",
    title: str = "",
    figure: Figure | None = None,
) -> Figure:
    """Images in one row and, below each, what was made of it: a row for each network.

    Arguments:
        images: ``(N, H, W)`` or ``(N, H, W, C)`` with one or three channels.
        made: arrays of the same shape.
        names: of the rows, at their left; of all rows or of none.
        values: what the numbers are, as of ``image_grid``.
        title: of the whole picture.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: for arrays of different shapes, and names of another number.

    Example:
        >>> from chainrule import pictures
        >>> x = np.eye(4).reshape(4, 2, 2)
        >>> with pictures.windowless():
        ...     figure = reconstructions(x, 0.5 * x, names=("images", "again"))
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['images', 'again']
    """
    shape = np.shape(images)
    for number, each in enumerate(made, 1):
        if np.shape(each) != shape:
            raise ShapeError(
                f"reconstructions: images {shape} and row {number} "
                f"{np.shape(each)}: both must have the same shape",
                fix="as many of both, in the same order: model(x) of the same x",
            )
    rows = [checked_images("reconstructions", each) for each in (images, *made)]
    if names and len(names) != len(rows):
        raise ShapeError(
            f"reconstructions: {counted(len(names), 'name')} for "
            f"{counted(len(rows), 'row')}"
        )
    count = len(rows[0])
    plan = Plan(
        count, min(1.0, WIDTH / count - GAP), GAP,
        top=0.36 if title else 0.05, bottom=0.05, least=2.0,
    )  # fmt: skip
    ax = mosaic(coloured(np.concatenate(rows), values), plan, figure=figure)
    drawn: Figure = ax.figure  # type: ignore[assignment]
    if names:
        _name_rows(ax, names)
    if title:
        headline(drawn, title)
    return drawn


def _name_rows(ax: Any, names: Sequence[str]) -> None:
    """Names at the left of rows, in a margin of their own."""
    figure = ax.figure
    width, height = figure.get_size_inches()
    room = max(map(width_of, names)) + 0.15
    box = ax.get_position()
    figure.set_size_inches((width + room, height))
    scale = width / (width + room)
    left = (box.x0 * width + room) / (width + room)
    ax.set_position((left, box.y0, box.width * scale, box.height))
    for row, name in enumerate(names):
        place = 1 - (row + 0.5) / len(names)
        ax.text(
            -0.06 / (box.width * width), place, name,
            ha="right", va="center", transform=ax.transAxes,
        )  # fmt: skip


def codes(
    panels: Mapping[str, Array],
    labels: Array,
    classes: Sequence[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Codes of two numbers as points, coloured by class; several codes of the same
    examples side by side. The name of a class stands where its points are densest.

    Arguments:
        panels: title ↦ ``(N, 2)``, the codes of the same N examples.
        labels: ``(N,)`` class numbers.
        classes: the names of the classes; their numbers when not given.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: for codes that are not (N, 2), or labels of another number.
        ArgumentError: for no panel, and labels that are no class numbers.
        DataError: for codes with NaN.

    Example:
        >>> from chainrule import pictures
        >>> rng = np.random.default_rng(0)
        >>> labels = np.arange(90) % 3
        >>> points = rng.normal(size=(90, 2)) + 5 * np.eye(3, 2)[labels]
        >>> with pictures.windowless():
        ...     figure = codes({"a code": points, "mirrored": -points}, labels)
        >>> [ax.get_title() for ax in figure.axes]
        ['a code', 'mirrored']
    """
    numbers = _checked_labels(panels, labels)
    names = list(map(str, classes if classes is not None else range(numbers.max() + 1)))
    if len(names) <= numbers.max():
        raise ShapeError(
            f"codes: {counted(len(names), 'class name')} for labels up to "
            f"{numbers.max()}"
        )
    margins = Margins(0.15, 0.15, 0.15, 0.4)
    width = SIDE + margins.left + margins.right
    height = SIDE + margins.bottom + margins.top
    figure = figure_of(figure, width * len(panels), height)
    step = math.ceil(len(numbers) / MOST_CODES)
    shown = numbers[::step]
    size = float(np.clip(20_000 / len(shown), 2.0, 25))
    for place, (title, points) in enumerate(panels.items()):
        ax: Any = axes_in(figure, margins, len(panels), 1, place)
        chosen = np.asarray(points, dtype=np.float64)[::step]
        colours = [CLASS_COLOURS[label % len(CLASS_COLOURS)] for label in shown]
        ax.scatter(
            *chosen.T, s=size, c=colours, alpha=0.6, linewidths=0, rasterized=True
        )
        for label in np.unique(shown):
            x, y = densest(chosen[shown == label])
            ax.text(
                x, y, names[label], size=11, weight="bold", ha="center", va="center",
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": GREY,
                      "lw": 0.6, "alpha": 0.85},
            )  # fmt: skip
        ax.set(title=title, xticks=[], yticks=[])
    return figure


def neighbour_accuracy(
    codes: Array,
    labels: Array,
    among: tuple[Array, Array] | None = None,
    neighbours: int = 5,
) -> float:
    """How well a code keeps classes apart: the share of the examples whose class most
    of their nearest neighbours have.

    Arguments:
        codes: ``(N, K)``.
        labels: ``(N,)`` class numbers.
        among: the codes and labels in which neighbours are looked for, as those of the
            training set; when not given, the other examples.
        neighbours: how many vote. Of equally many votes the smaller class number wins.

    Returns:
        From 0 to 1.

    Raises:
        ArgumentError: for fewer examples than neighbours, and labels that are no class
            numbers.
        ShapeError: for codes that are not (N, K), or labels of another number.
        DataError: for codes with NaN.

    Example:
        >>> codes = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
        >>> neighbour_accuracy(codes, np.array([0, 0, 0, 1, 1, 0]), neighbours=2)
        0.5
    """
    from sklearn.neighbors import NearestNeighbors

    given = None if among is None else codes
    points, known = (codes, labels) if among is None else among
    points, known = _coded("neighbour_accuracy", "codes", points, known)
    if given is not None:
        given, labels = _coded("neighbour_accuracy", "codes", given, labels)
    if len(known) < neighbours + (among is None):
        raise ArgumentError(
            f"neighbour_accuracy: neighbours={neighbours} of "
            f"{counted(len(known), 'example')}: there are fewer",
            fix="fewer neighbours, or more examples",
        )
    found = NearestNeighbors(n_neighbors=neighbours).fit(np.asarray(points))
    votes = known[found.kneighbors(given, return_distance=False)]
    counts = np.zeros((len(votes), known.max() + 1), np.int64)
    np.add.at(counts, (np.arange(len(votes))[:, None], votes), 1)
    return float((counts.argmax(axis=1) == np.asarray(labels)).mean())


def densest(points: Array) -> Array:
    """Where ``(N, 2)`` points are densest: the median of those in the fullest cell of a
    grid over them, which is the finer the more they are.

    Example:
        >>> densest(np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 6.0]])).tolist()
        [2.0, 0.0]
    """
    bins = int(np.clip(np.sqrt(len(points)) / 2, 1, 12))
    counts, xs, ys = np.histogram2d(points[:, 0], points[:, 1], bins=bins)
    column, row = divmod(int(counts.argmax()), counts.shape[1])
    low, high = np.array([xs[column], ys[row]]), np.array([xs[column + 1], ys[row + 1]])
    inside = points[((points >= low) & (points <= high)).all(axis=1)]
    return np.asarray(np.median(inside, axis=0))


def _checked_labels(panels: Mapping[str, Array], labels: Array) -> Any:
    """The labels, for codes that are as they should be."""
    if not isinstance(panels, Mapping) or not panels:
        nothing = isinstance(panels, Mapping)
        shown = "nothing" if nothing else f"a {type(panels).__name__}"
        raise ArgumentError(
            f"codes: panels is {shown}: expected titles with codes",
            fix='codes({"autoencoder": z, "PCA": p}, labels)',
        )
    for title, points in panels.items():
        _, numbers = _coded("codes", repr(title), points, labels, 2)
    return numbers


def _coded(
    function: str, what: str, points: Any, labels: Any, width: int | None = None
) -> tuple[Any, Any]:
    """Codes (N, K) and class numbers (N,), checked.

    Arguments:
        function, what: for messages, what is called and which codes these are.
        width: K, where it must be one.
    """
    numbers = np.asarray(labels)
    if numbers.dtype.kind not in "iu" or (numbers.size and numbers.min() < 0):
        raise ArgumentError(
            f"{function}: labels {numbers.shape} of {numbers.dtype}: expected class "
            "numbers",
            fix="names, numbers = np.unique(labels, return_inverse=True)",
        )
    codes = np.asarray(points)
    shape = codes.shape
    right = len(shape) == 2 and (shape[1] == width if width else shape[1] > 0)
    if not right or numbers.shape != shape[:1] or not shape[0]:
        raise ShapeError(
            f"{function}: {what} {shape} with labels {numbers.shape}: expected "
            f"(N, {width or 'K'}) with (N,)",
            fix="the first two columns of a wider code: code[:, :2]"
            if width
            else "codes[:, None] of one number each, and a label for each",
        )
    if codes.dtype.kind not in "iuf" or not np.isfinite(codes).all():
        raise DataError(
            f"{function}: {what} {shape} of {codes.dtype}: expected finite numbers",
            fix="cr.check_numerics where the codes are made",
        )
    return codes, numbers
