"""Images of one kind beside each other: digits, photographs, filters.

Place on the road: among the pictures; it draws arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ShapeError, unknown_option
from ..wording import counted
from .figures import Array
from .tiles import Plan, grey, headline, mosaic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VALUES = ("ink", "light", "signed")

#: Inches of a picture's width, of the space between tiles, and of a tile at most.
WIDTH, GAP, LARGEST = 6.6, 0.03, 1.2


def image_grid(
    images: Array,
    *,
    values: str = "ink",
    columns: int | None = None,
    titles: Sequence[str] = (),
    title: str = "",
    figure: Figure | None = None,
) -> Figure:
    """Many images as one picture, row by row, in their order.

    Arguments:
        images: ``(N, H, W)`` or ``(N, H, W, C)`` with one or three channels.
        values: what the numbers are. "ink": 0 is paper and 1 black, as of digits;
            "light": 0 is black and 1 white, as of photographs; "signed": 0 is grey, and
            every image has its own scale, up to its largest |value|, as of filters.
        columns: images in a row; by default there are as many rows as columns.
        titles: above each image, N or none.
        title: of the whole picture.
        figure: where to draw; a new one when not given.

    Returns:
        The figure.

    Raises:
        OptionError: for other ``values``.
        ShapeError: for other shapes, or titles of another number.

    Example:
        >>> from chainrule import pictures
        >>> with pictures.windowless():
        ...     figure = image_grid(np.eye(4).reshape(4, 2, 2), title="corners")
        >>> figure.get_suptitle()
        'corners'
    """
    if values not in VALUES:
        raise unknown_option("values of image_grid", values, VALUES)
    shown = checked_images("image_grid", images)
    if titles and len(titles) != len(shown):
        raise ShapeError(
            f"image_grid: {counted(len(titles), 'title')} for "
            f"{counted(len(shown), 'image')}"
        )
    across = columns or math.ceil(math.sqrt(len(shown)))
    side = min(LARGEST, WIDTH / across - GAP)
    plan = Plan(
        across, side, GAP, title=0.2 if titles else 0.0,
        top=0.36 if title else 0.05, bottom=0.05, least=2.0,
    )  # fmt: skip
    ax = mosaic(coloured(shown, values), plan, titles, figure)
    drawn: Figure = ax.figure  # type: ignore[assignment]
    if title:
        headline(drawn, title)
    return drawn


def checked_images(function: str, images: Array) -> Array:
    """Images as float64, ``(N, H, W)`` where they have one channel, ``(N, H, W, 3)``
    where they have three.

    Arguments:
        function: that is called, for the message.

    Raises:
        ShapeError: for other shapes, and for no pixels.

    Example:
        >>> checked_images("image_grid", np.zeros((2, 4, 4, 1))).shape
        (2, 4, 4)
    """
    shown = np.asarray(images, dtype=np.float64)
    right = shown.ndim == 3 or (shown.ndim == 4 and shown.shape[3] in (1, 3))
    if not right or not shown.size:
        raise ShapeError(
            f"{function}: images {shown.shape}: expected (N, H, W), or (N, H, W, C) "
            "with one or three channels"
        )
    return shown[..., 0] if shown.shape[3:] == (1,) else shown


def coloured(images: Array, values: str) -> Array:
    """``(N, H, W)`` or ``(N, H, W, 3)`` as uint8 RGB, by what their numbers are.

    Example:
        >>> coloured(np.array([[[-2.0, 0.0, 2.0]]]), "signed")[0, 0, :, 0].tolist()
        [0, 127, 255]
    """
    if values == "ink" and images.ndim == 3:
        return grey(images, 1.0)
    if values == "signed":
        axes = tuple(range(1, images.ndim))
        largest = np.abs(images).max(axis=axes, keepdims=True)
        images = 0.5 + 0.5 * images / np.where(largest == 0, 1.0, largest)
    light = (255 * np.clip(images, 0.0, 1.0)).astype(np.uint8)
    return light if images.ndim == 4 else np.repeat(light[..., None], 3, axis=-1)
