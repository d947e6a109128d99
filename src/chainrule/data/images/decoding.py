"""One image file as an array of bytes.

Place on the road: below folders of images. Pillow reads the files; it is imported when
the first one is read. It must not know of classes, batches or networks.

How the kinds of images are converted:

==========================  =========================================================
turned by its camera        turned upright (EXIF orientation)
grey, 16 bits a pixel       the upper 8 bits
transparent                 laid on white
palette, CMYK, and others   colours
several frames              the first
any shape                   scaled until it covers the size, the middle is cut out
==========================  =========================================================
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DataError, missing_package
from ..validation import Array

if TYPE_CHECKING:
    from PIL.Image import Image

#: Endings of the names of image files.
SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp",
    ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip

#: Images of more pixels than this are refused: they would fill the memory.
MOST_POINTS = 178_000_000

GREY_MODES = frozenset(("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"))

#: What Pillow raises for a file that is no image, or is not whole.
BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


def is_image(path: Path) -> bool:
    """Whether a file's name is that of an image and not of a hidden file.

    Example:
        >>> is_image(Path("cats/TOM.JPG")), is_image(Path("cats/.tom.jpg"))
        (True, False)
    """
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def describe(path: Path) -> tuple[int, int, bool]:
    """Height, width, and whether an image has colours, from the start of its file.

    Raises:
        DataError: the file is no image.
    """
    try:
        with _open(path) as image:
            width, height = image.size
            grey = image.mode in GREY_MODES
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # lies on its side
                width, height = height, width
            return height, width, not grey
    except BROKEN as error:
        raise _broken(path, error) from None


def decode(path: Path, size: tuple[int, int], channels: int) -> Array:
    """An image of a given size.

    Arguments:
        path: of the file.
        size: ``(H, W)``.
        channels: 1 for grey, 3 for colours.

    Returns:
        ``(H, W, channels)`` uint8.

    Raises:
        DataError: the file is no image, not whole, or too large.
    """
    from PIL import Image, ImageOps

    height, width = size
    try:
        with _open(path) as image:
            # JPEG files can be read at a half, a quarter or an eighth of their size.
            image.draft(None, (2 * width, 2 * height))
            upright = ImageOps.exif_transpose(image)
            plain = _plain(upright, "L" if channels == 1 else "RGB")
            bilinear = Image.Resampling.BILINEAR
            fitted = ImageOps.fit(plain, (width, height), bilinear)
            return np.asarray(fitted, np.uint8).reshape(height, width, channels)
    except BROKEN as error:
        raise _broken(path, error) from None


def _open(path: Path) -> Image:
    try:
        from PIL import Image
    except ImportError:
        raise missing_package("pillow", f"reading {path.name}") from None
    try:
        image = Image.open(path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(path) from None
    if image.width * image.height > MOST_POINTS:
        image.close()
        raise _too_large(path)
    return image


def _plain(image: Image, mode: str) -> Image:
    """In 8 bits a channel, without transparency."""
    from PIL import Image

    if image.mode.startswith("I"):
        values = np.asarray(image)
        wide = values.dtype.itemsize == 2 or values.max(initial=0) > 255
        image = Image.fromarray((values >> 8 if wide else values).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("floating-point numbers instead of colours")
    if image.has_transparency_data:
        above = image.convert("RGBA")
        paper = Image.new("RGBA", above.size, "white")
        image = Image.alpha_composite(paper, above)
    return image if image.mode == mode else image.convert(mode)


def _broken(path: Path, error: BaseException) -> DataError:
    reason: Any = getattr(error, "strerror", None) or " ".join(str(error).split())
    if type(error).__name__ == "UnidentifiedImageError":
        reason = "its content is of no known image format"
    return DataError(
        f"{path}: a damaged or incomplete image: {reason}",
        fix="remove or replace the file",
    )


def _too_large(path: Path) -> DataError:
    return DataError(
        f"{path}: an image of more than {MOST_POINTS // 10**6} million pixels",
        fix="a smaller copy: it is scaled down in any case",
    )
