"""Patches of images, cut out at random.

Place on the road: beside the folders of images; it takes arrays. It must not know of
files or networks.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...errors import ArgumentError, DataError
from ..validation import Array, as_array, check_finite, is_whole


def random_patches(
    images: Iterable[object], size: tuple[int, int], count: int, seed: int = 0
) -> Array:
    """Patches of images: each from an image at random, at a place at random.

    Arguments:
        images: ``(N, H, W)`` or ``(N, H, W, C)``, or a list of images that may differ
            in height and width.
        size: ``(h, w)`` of a patch.
        count: how many patches.
        seed: of the choice; the same seed draws the same patches.

    Returns:
        ``(count, h, w)`` or ``(count, h, w, C)``, in the dtype of the images. The
        patches of an image stand together.

    Raises:
        ArgumentError: no patches, or patches without pixels.
        DataError: no images, an image smaller than a patch, or of another kind.

    Example:
        >>> image = np.arange(12.0).reshape(1, 3, 4)
        >>> random_patches(image, (2, 2), count=2, seed=1).tolist()
        [[[2.0, 3.0], [6.0, 7.0]], [[6.0, 7.0], [10.0, 11.0]]]
    """
    sizes = (*size, count) if isinstance(size, (tuple, list)) else ()
    if len(sizes) != 3 or not all(map(is_whole, sizes)) or min(sizes) < 1:
        raise ArgumentError(
            f"random_patches: size={size!r}, count={count!r}: expected (h, w) and a "
            "number, whole and at least 1 each"
        )
    size = (size[0], size[1])
    arrays = [_image(image, size) for image in images]
    if not arrays:
        raise DataError("random_patches: no images")
    kinds = {(image.shape[2:], image.dtype) for image in arrays}
    if len(kinds) > 1:
        raise DataError(
            "random_patches: images differ in channels or dtype: "
            + " and ".join(sorted(f"{shape} {dtype}" for shape, dtype in kinds))
        )
    rng = np.random.default_rng(seed)
    of_each = np.bincount(rng.integers(0, len(arrays), count), minlength=len(arrays))
    drawn = []
    for image, number in zip(arrays, of_each, strict=True):
        windows = sliding_window_view(image, size, axis=(0, 1))  # (…, C, h, w)
        down = rng.integers(0, windows.shape[0], number)
        across = rng.integers(0, windows.shape[1], number)
        chosen = windows[down, across]
        drawn.append(np.moveaxis(chosen, 1, -1) if image.ndim == 3 else chosen)
    shape = (count, *size, *arrays[0].shape[2:])
    return np.ascontiguousarray(np.concatenate(drawn).reshape(shape))


def _image(image: object, size: tuple[int, int]) -> Array:
    array = as_array(image, "random_patches: image")
    if array.ndim not in (2, 3) or min(np.subtract(array.shape[:2], size)) < 0:
        raise DataError(
            f"random_patches: an image {array.shape} for patches of {size}: expected "
            "(H, W) or (H, W, C), not smaller than a patch"
        )
    check_finite(array, "random_patches: image")
    return array
