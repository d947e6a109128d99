"""Folders of little images, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

KINDS = ("bars", "discs", "stars")


def picture(kind: int, number: int, size: tuple[int, int] = (30, 36)) -> np.ndarray:
    """``(H, W, 3)`` uint8 that is unlike those of other kinds, and other numbers."""
    source = np.random.default_rng(1000 * kind + number)
    height, width = size
    y, x = np.mgrid[:height, :width] / max(size)
    shape = (np.sin(20 * y), np.cos(9 * (x**2 + y**2)), np.sin(30 * x))[kind]
    noise = source.normal(0, 0.2, (height, width, 3))
    bright = 0.5 + 0.3 * shape[..., None] + noise
    return (255 * np.clip(bright, 0, 1)).astype(np.uint8)


def write_folder(root: Path, each: int = 10, kinds: int = 2) -> Path:
    """``root/bars/0.png`` …: so many images of so many kinds."""
    for kind in range(kinds):
        place = root / KINDS[kind]
        place.mkdir(parents=True)
        for number in range(each):
            suffix = ".jpg" if number % 4 == 3 else ".png"
            image = Image.fromarray(picture(kind, number))
            image.save(place / f"{number:03}{suffix}")
    return root
