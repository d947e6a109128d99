"""Many little images in one: a mosaic, drawn as a single array.

Place on the road: below the pictures. One array instead of axes for every tile: sixty
axes take matplotlib a second to draw. It must not know what the tiles show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .figures import DPI, Array, figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIGNED = "RdBu_r"
FRAME = 90  # the grey of the line around a tile


@dataclass(frozen=True)
class Plan:
    """How tiles are laid out, in inches.

    Arguments:
        columns: tiles in a row.
        tile: about the longer side of a tile.
        gap: the space between tiles.
        title: the space above each tile for its title.
        top, bottom: the space above and below all tiles.
        least: the least width of the figure.
    """

    columns: int
    tile: float
    gap: float = 0.12
    title: float = 0.0
    top: float = 0.36
    bottom: float = 0.1
    least: float = 4.0


def grey(tiles: Array, bright: float) -> Array:
    """``(N, H, W)`` amounts of ink as uint8 RGB: 0 is white, ``bright`` black."""
    ink = np.clip(tiles / (bright or 1.0), 0.0, 1.0)
    return np.repeat((255 * (1 - ink))[..., None].astype(np.uint8), 3, axis=-1)


def as_shown(images: Array) -> Array:
    """``(N, H, W)`` or ``(N, H, W, C)`` as uint8 RGB: one channel as ink on paper,
    three as colours. From 0 to 1, or to the largest number where that is larger."""
    bright = max(1.0, float(np.max(images, initial=0.0)))
    if images.shape[3:] == (3,):
        return np.clip(images * (255 / bright), 0, 255).astype(np.uint8)
    return grey(images.reshape(*images.shape[:3], -1).mean(axis=-1), bright)


def signed(tiles: Array, limit: float) -> Array:
    """``(N, H, W)`` signed numbers as uint8 RGB: blue, white at 0, red."""
    from matplotlib import colormaps

    share = np.clip(0.5 + 0.5 * tiles / (limit or 1.0), 0.0, 1.0)
    return np.asarray(colormaps[SIGNED](share, bytes=True))[..., :3]


def mosaic(
    tiles: Array,
    plan: Plan,
    titles: Sequence[str] = (),
    figure: Figure | None = None,
) -> Axes:
    """Draws tiles row by row, each with a title above it where titles are given.

    Arguments:
        tiles: ``(N, H, W, 3)`` uint8.
        plan: the sizes.
        titles: N, or none.
        figure: where to draw; a new one when not given.

    Returns:
        The axes, of which a unit is a point of the mosaic, y downwards.
    """
    tiles = _sized(tiles, round(plan.tile * DPI))
    count, height, width = tiles.shape[:3]
    gap, above = round(plan.gap * DPI), round(plan.title * DPI)
    across, down = width + 2 + gap, height + 2 + gap + above
    columns = min(plan.columns, count)
    rows = math.ceil(count / columns)
    canvas = np.full((rows * down + gap, columns * across + gap, 3), 255, np.uint8)
    corners = []
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        x, y = gap + column * across, gap + above + row * down
        canvas[y : y + height + 2, x : x + width + 2] = FRAME
        canvas[y + 1 : y + 1 + height, x + 1 : x + 1 + width] = tile
        corners.append((x + width / 2, y))
    ax = _axes(canvas, plan, figure)
    ax.imshow(canvas, interpolation="nearest", aspect="auto")
    for (x, y), title in zip(corners, titles, strict=False):
        ax.text(x, y - 6, title, ha="center", va="bottom", size=9)
    return ax


def _sized(tiles: Array, side: int) -> Array:
    """Tiles a whole number of times as large, or as small, so about this large."""
    longer = max(tiles.shape[1:3])
    step, scale = max(1, longer // side), max(1, round(side / longer))
    fewer = tiles[:, ::step, ::step]
    return fewer.repeat(scale, axis=1).repeat(scale, axis=2)


def _axes(canvas: Array, plan: Plan, figure: Figure | None) -> Axes:
    """Axes without ticks, each point of the canvas on one of the figure."""
    height, width = canvas.shape[:2]
    top, bottom = round(plan.top * DPI), round(plan.bottom * DPI)
    whole = max(width, round(plan.least * DPI)), top + height + bottom
    figure = figure_of(figure, whole[0] / DPI, whole[1] / DPI)
    box = ((whole[0] - width) // 2 / whole[0], bottom / whole[1])
    ax: Any = figure.add_axes((*box, width / whole[0], height / whole[1]))
    ax.set_axis_off()
    return ax  # type: ignore[no-any-return]


def headline(figure: Any, text: str) -> None:
    """The title of a whole picture, at its upper edge."""
    figure.suptitle(text, y=1 - 0.1 / figure.get_size_inches()[1], va="top")


def scale_below(ax: Axes, limit: float, label: str) -> None:
    """A bar below a mosaic that says what the colours of ``signed`` mean."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure: Any = ax.figure
    height = figure.get_size_inches()[1]
    box = (0.12, 0.58 / height, 0.76, 0.15 / height)
    shown = ScalarMappable(Normalize(-limit, limit), SIGNED)
    figure.colorbar(
        shown,
        cax=figure.add_axes(box),
        orientation="horizontal",
        label=label,
        extend="both",
        extendfrac=0.03,
    )
