"""Images that a network halves again and again: how often they can be.

Place on the road: below the convolutional autoencoder and GAN.
"""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..nn.arguments import positive_size


def checked_image_shape(function: str, shape: Any, stages: int) -> tuple[int, int, int]:
    """Height, width and channels of images that can be halved so often.

    Arguments:
        function: who asks, for messages.
        shape: (H, W, C).
        stages: how often the images are halved.

    Raises:
        ArgumentError: for a shape that is no image's, or cannot be halved so often.

    Example:
        >>> checked_image_shape("dcgan", (28, 28, 1), 2)
        (28, 28, 1)
    """
    if not hasattr(shape, "__iter__") or len(shape) != 3:
        raise ArgumentError(
            f"{function}: image_shape={shape!r}: expected (height, width, channels)",
            fix="(28, 28, 1), and images as x.reshape(-1, 28, 28, 1)",
        )
    names = ("height", "width", "channels")
    height, width, depth = (
        positive_size(function, name, size)
        for name, size in zip(names, shape, strict=True)
    )
    if height % 2**stages or width % 2**stages:
        raise ArgumentError(
            f"{function}: images of {height} × {width} and {stages} stages, "
            f"which each halve them: expected multiples of {2**stages}",
            fix="fewer channels=, or images with a margin",
        )
    return height, width, depth
