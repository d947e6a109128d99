"""The Kodak set: 24 photographs of 768 × 512 pixels, as brightnesses.

They lie in the folder ``kodak`` of ``$CHAINRULE_DATA``, as ``kodim01.png`` to
``kodim24.png``; many places on the web have them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data
from chainrule.errors import FileError

Array = np.ndarray[Any, np.dtype[Any]]

COUNT = 24


def photographs() -> list[Array]:
    """All 24, each (512, 768) or (768, 512), from 0 to 1."""
    from PIL import Image

    folder = cr.config.data_folder
    found = []
    for number in range(1, COUNT + 1):
        path = folder and folder / "kodak" / f"kodim{number:02d}.png"
        if path is None or not path.is_file():
            raise FileError(
                f"kodak/kodim{number:02d}.png is not in the data folder",
                fix="CHAINRULE_DATA=a folder with kodak/kodim01.png to kodim24.png",
            )
        with Image.open(path) as image:
            found.append(np.asarray(image.convert("L"), np.float32) / 255)
    return found


def patches(side: int, count: int, seed: int) -> Array:
    """Patches of all photographs, (count, side, side), each minus its mean."""
    drawn = data.random_patches(photographs(), (side, side), count, seed)
    return drawn - drawn.mean(axis=(1, 2), keepdims=True)
