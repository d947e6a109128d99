"""Images that look a little different in every epoch.

Place on the road: part of batching; it changes the batches that are trained on, and
only those. What is done to an example depends only on the seed, the epoch and the
example's row, so a resumed run, or one with another batch size, sees the same images.
It must not know of files or networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError, DataError
from .validation import Array

#: Makes these random numbers differ from those that order the examples.
STREAM = 0xA06

#: Random numbers for an example: flip, horizontal shift, vertical shift, angle.
DRAWS = 4


@dataclass(frozen=True)
class Augmentation:
    """What may happen to an image before a network sees it.

    Arguments:
        flip: whether half of the images, at random, are mirrored.
        crop: the largest shift in pixels, in each direction; the pixels at the edge are
            repeated.
        rotate: the largest rotation in degrees, with bilinear interpolation; the pixels
            at the edge are repeated.

    Raises:
        ArgumentError: negative numbers, or an angle of more than 180.

    Source:
        Krizhevsky, Sutskever & Hinton, 2012; flip and crop by 4 as in He et al., 2016.

    Example:
        >>> mirrored = Augmentation(flip=True)
        >>> images = np.arange(8.0).reshape(2, 1, 4, 1)
        >>> draws = np.array([[0.2, 0, 0, 0], [0.7, 0, 0, 0]])
        >>> mirrored(images, draws)[..., 0].tolist()
        [[[3.0, 2.0, 1.0, 0.0]], [[4.0, 5.0, 6.0, 7.0]]]
    """

    flip: bool = False
    crop: int = 0
    rotate: float = 0.0

    def __post_init__(self) -> None:
        whole = isinstance(self.crop, int) and not isinstance(self.crop, bool)
        if not whole or self.crop < 0:
            raise ArgumentError(
                f"Augmentation: crop={self.crop!r}: expected a number of pixels, as 4"
            )
        if not 0 <= self.rotate <= 180:
            raise ArgumentError(
                f"Augmentation: rotate={self.rotate!r}: expected degrees from 0 to 180"
            )

    def draws(self, n: int, seed: int, epoch: int) -> Array:
        """``(n, 4)`` numbers from 0 to 1 for n examples in an epoch."""
        key = np.array([seed ^ (STREAM << 48), epoch], dtype=np.uint64)
        raw = np.random.Philox(key=key).random_raw(n * DRAWS)
        return (raw >> np.uint64(11)).reshape(n, DRAWS) * 2.0**-53

    def __call__(self, images: Array, draws: Array) -> Array:
        """The images, changed.

        Arguments:
            images: ``(B, H, W, C)``.
            draws: ``(B, 4)``, rows of ``draws``.

        Raises:
            DataError: the inputs are no images, or smaller than ``crop``.
        """
        if images.ndim != 4:
            raise DataError(
                f"Augmentation: inputs {images.shape}: expected images (N, H, W, C)",
                fix="Dataset(..., image_shape=(height, width, channels))",
            )
        if self.crop > min(images.shape[1:3]):
            raise DataError(
                f"Augmentation: crop={self.crop} of images {images.shape[1:3]}: "
                "nothing of them would be left"
            )
        changed = images.copy()
        if self.flip:
            chosen = draws[:, 0] < 0.5
            changed[chosen] = changed[chosen, :, ::-1]
        if self.rotate:
            turn = math.radians(self.rotate) * (2 * draws[:, 3] - 1)
            changed = rotated(changed, turn)
        if self.crop:
            places = (draws[:, 1:3] * (2 * self.crop + 1)).astype(np.int64)
            changed = _cropped(changed, self.crop, places)
        return changed

    def __str__(self) -> str:
        words = ["flip"] * self.flip
        words += [f"crop {self.crop}"] * bool(self.crop)
        words += [f"rotate {self.rotate:g}°"] * bool(self.rotate)
        return ", ".join(words) or "none"


def _cropped(images: Array, margin: int, places: Array) -> Array:
    """The image shifted, with the pixels at its edge repeated."""
    height, width = images.shape[1:3]
    room = ((0, 0), (margin, margin), (margin, margin), (0, 0))
    padded = np.pad(images, room, mode="edge")
    shifted = np.empty_like(images)
    for image, (down, across), result in zip(padded, places, shifted, strict=True):
        result[...] = image[down : down + height, across : across + width]
    return shifted


def rotated(images: Array, angles: Array) -> Array:
    """Images rotated about their centre, with bilinear interpolation.

    Arguments:
        images: ``(B, H, W, C)`` floats.
        angles: ``(B,)`` in radians.

    Example:
        >>> image = np.zeros((1, 3, 3, 1)); image[0, 0, 1] = 1
        >>> rotated(image, np.array([np.pi / 2]))[0, :, :, 0].round(6).tolist()
        [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    count, height, width = images.shape[:3]
    y = (np.arange(height) - (height - 1) / 2)[:, None]
    x = (np.arange(width) - (width - 1) / 2)[None]
    cos, sin = (f(angles)[:, None, None] for f in (np.cos, np.sin))
    down = np.clip(x * sin + y * cos + (height - 1) / 2, 0, height - 1)
    across = np.clip(x * cos - y * sin + (width - 1) / 2, 0, width - 1)
    top, left = down.astype(np.int64), across.astype(np.int64)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    b = np.arange(count)[:, None, None]
    v = (down - top)[..., None].astype(images.dtype)
    u = (across - left)[..., None].astype(images.dtype)
    upper = images[b, top, left] * (1 - u) + images[b, top, right] * u
    lower = images[b, below, left] * (1 - u) + images[b, below, right] * u
    return np.asarray(upper * (1 - v) + lower * v)
