"""Pictures of what the units of a first layer look for, and where they find it.

Place on the road: among the pictures; it draws arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ShapeError
from ..wording import counted
from .figures import Array
from .tiles import Plan, as_shown, grey, headline, mosaic, scale_below, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Pictures with more tiles than this show the foremost ones.
MOST_TILES = 64


def features(
    weights: Array, image_shape: Sequence[int], figure: Figure | None = None
) -> Figure:
    """What the units of the first layer look for: their weights as little pictures.

    Red adds to a unit where the numbers of the image are large (bright in photographs,
    ink in drawings), blue takes away. Units with the largest weights come first; all
    tiles share one scale, that of the colour bar.

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
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     figure = features(np.eye(16), (4, 4))
        >>> figure.get_suptitle()
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
    columns = math.ceil(math.sqrt(len(tiles)))
    plan = Plan(columns, _side(columns), bottom=0.8, least=5.0)
    ax = mosaic(signed(tiles, limit), plan, figure=figure)
    scale_below(
        ax, limit, "weight (red: a large value excites the unit; blue: it inhibits it)"
    )
    drawn: Figure = ax.figure  # type: ignore[assignment]
    units = "all" if len(tiles) == len(values) else f"the {len(tiles)} strongest of"
    headline(drawn, f"First layer: weights of {units} {counted(len(values), 'unit')}")
    return drawn


def _side(columns: int) -> float:
    """Inches of a tile, so that a picture is about seven inches wide."""
    return min(1.6, 6.6 / columns - 0.12)


def filters(kernels: Array, figure: Figure | None = None) -> Figure:
    """The kernels of a first convolution as little pictures, the strongest first.

    Those of colour images are shown in colours, grey being 0; others from blue through
    white to red, with a colour bar. All tiles share one scale.

    Arguments:
        kernels: ``(units, height, width, channels)``, as ``Conv2d.weight`` has them.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: for another number of axes.

    Source:
        Krizhevsky, Sutskever & Hinton, 2012, figure 3.

    Example:
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     figure = filters(np.random.default_rng(0).normal(size=(6, 5, 5, 3)))
        >>> figure.get_suptitle()
        'First layer: all 6 filters of 5 × 5 pixels'
    """
    values = np.asarray(kernels, dtype=np.float64)
    if values.ndim != 4 or not values.size:
        raise ShapeError(
            f"filters: kernels {values.shape}: expected (units, height, width, "
            "channels)"
        )
    norms = np.linalg.norm(values.reshape(len(values), -1), axis=1)
    tiles = values[np.argsort(-norms, kind="stable")[:MOST_TILES]]
    limit = float(np.quantile(np.abs(tiles), 0.998)) or 1.0
    columns = math.ceil(math.sqrt(len(tiles)))
    coloured = values.shape[3] == 3
    plan = Plan(columns, _side(columns), bottom=0.1 if coloured else 0.8, least=5.0)
    if coloured:
        shown = np.clip(127.5 + 127.5 * tiles / limit, 0, 255).astype(np.uint8)
        ax = mosaic(shown, plan, figure=figure)
    else:
        ax = mosaic(signed(tiles.mean(axis=-1), limit), plan, figure=figure)
        scale_below(ax, limit, "weight of a pixel")
    drawn: Figure = ax.figure  # type: ignore[assignment]
    units = "all" if len(tiles) == len(values) else f"the {len(tiles)} strongest of"
    size = f"{values.shape[1]} × {values.shape[2]}"
    headline(
        drawn, f"First layer: {units} {counted(len(values), 'filter')} of {size} pixels"
    )
    return drawn


def activations(
    image: Array, maps: Array, name: str = "", figure: Figure | None = None
) -> Figure:
    """What each unit of a first convolution says of an image: the image, and its maps.

    The darker (for maps with negative values: the redder), the more a unit is excited
    there. Units are in the order of their strongest point; all maps share one scale.

    Arguments:
        image: ``(H, W)`` or ``(H, W, C)`` with one or three channels.
        maps: ``(height, width, units)``, the outputs of the layer for this image.
        name: what the image is called.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: for other numbers of axes.

    Source:
        Yosinski et al., "Understanding neural networks through deep visualization",
        2015.

    Example:
        >>> from chainrule import pictures
        >>> maps = np.random.default_rng(0).uniform(size=(6, 6, 5))
        >>> with pictures.windowless():
        ...     figure = activations(np.ones((8, 8, 1)), maps, "a square")
        >>> [text.get_text() for text in figure.axes[0].texts][0]
        'a square'
    """
    values = np.asarray(maps, dtype=np.float64)
    if values.ndim != 3 or image.ndim not in (2, 3) or not values.size:
        raise ShapeError(
            f"activations: image {image.shape}, maps {values.shape}: expected an image "
            "(H, W, C) and maps (height, width, units)"
        )
    most = np.abs(values).max(axis=(0, 1))
    order = np.argsort(-most, kind="stable")[: MOST_TILES - 1]
    tiles = values[..., order].transpose(2, 0, 1)
    limit = float(np.quantile(np.abs(tiles), 0.999)) or 1.0
    coloured = signed(tiles, limit) if values.min() < 0 else grey(tiles, limit)
    first = _at_size(as_shown(image[None])[0], coloured.shape[1:3])
    columns = math.ceil(math.sqrt(len(order) + 1))
    plan = Plan(columns, _side(columns), title=0.2)
    titles = [name or "image", *(f"unit {unit}" for unit in order)]
    ax = mosaic(np.concatenate([first[None], coloured]), plan, titles, figure)
    drawn: Figure = ax.figure  # type: ignore[assignment]
    units = "all" if len(order) == values.shape[2] else f"{len(order)} of"
    headline(
        drawn, f"First layer: activations of {units} {counted(values.shape[2], 'unit')}"
    )
    return drawn


def exciting_patches(
    patches: Array, units: Sequence[int], figure: Figure | None = None
) -> Figure:
    """The parts of images that excite units most: a row a unit, the strongest first.

    Arguments:
        patches: ``(units, P, height, width, channels)``, as ``strongest_patches`` cuts
            them out.
        units: the numbers of the units.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        ShapeError: for other shapes.

    Source:
        Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014,
        figure 2.

    Example:
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     figure = exciting_patches(np.ones((2, 4, 5, 5, 1)), [7, 3])
        >>> [text.get_text() for text in figure.axes[0].texts if text.get_text()]
        ['unit 7', 'unit 3']
    """
    if patches.ndim != 5 or len(patches) != len(units) or not patches.size:
        raise ShapeError(
            f"exciting_patches: patches {patches.shape}, {len(units)} units: expected "
            "(units, P, height, width, channels)"
        )
    columns = patches.shape[1]
    tiles = as_shown(patches.reshape(-1, *patches.shape[2:]))
    titles = [
        f"unit {unit}" if column == 0 else ""
        for unit in units
        for column in range(columns)
    ]
    plan = Plan(columns, min(0.9, _side(columns)), title=0.18, least=5.0)
    ax = mosaic(tiles, plan, titles, figure)
    drawn: Figure = ax.figure  # type: ignore[assignment]
    headline(drawn, "First layer: the parts of images that excite each unit most")
    return drawn


def strongest_patches(
    images: Array,
    maps: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    units: Sequence[int],
    count: int = 9,
) -> Array:
    """The parts of images on which units say most, one part an image at most.

    Arguments:
        images: ``(N, H, W, C)``.
        maps: ``(N, height, width, all units)``, what the layer says of them.
        kernel, stride: of the layer, two numbers each; zeros around an image are taken
            to be equally many on both sides.
        units: the numbers of the units.
        count: parts for each unit; fewer where there are fewer images.

    Returns:
        ``(units, count, kernel height, kernel width, C)``, the strongest first.

    Example:
        >>> images = np.zeros((2, 4, 4, 1)); images[1, 2, 3] = 1
        >>> strongest_patches(images, images, (1, 1), (1, 1), [0], 2)[0, :, 0, 0, 0]
        array([1., 0.])
    """
    size = maps.shape[1:3]
    before = [
        max(0, (size[i] - 1) * stride[i] + kernel[i] - images.shape[1 + i]) // 2
        for i in range(2)
    ]
    room = [(0, 0), *((each, each + kernel[0]) for each in before), (0, 0)]
    padded = np.pad(images, room)
    patches = []
    for unit in units:
        flat = maps[..., unit].reshape(len(maps), -1)
        best = flat.argmax(axis=1)
        rows = np.argsort(-flat.max(axis=1), kind="stable")[:count]
        for row in rows:
            y, x = divmod(int(best[row]), size[1])
            y, x = y * stride[0], x * stride[1]
            patches.append(padded[row, y : y + kernel[0], x : x + kernel[1]])
    return np.stack(patches).reshape(len(units), -1, *patches[0].shape)


def _at_size(image: Array, size: Sequence[int]) -> Array:
    """An image with as many points as a map; the nearest ones."""
    down, across = (
        np.minimum(np.arange(wanted) * have // wanted, have - 1)
        for wanted, have in zip(size, image.shape, strict=False)
    )
    return np.asarray(image[down][:, across])
