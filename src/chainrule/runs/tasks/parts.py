"""What tasks share that tell classes: parts of the data by chance, and a picture.

Place on the road: below the tasks. It must not know what is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from ... import pictures

#: The picture of confusions.
PICTURE = "confusion_matrix.png"


def split(count: int, test: float, asked: Mapping[str, Any]) -> list[Any]:
    """Rows for training, validation and the test, chosen by chance.

    Arguments:
        count: how many rows there are.
        test: their part that is tested on.
        asked: options: ``seed``, and ``validation``, the part of the rest.

    Example:
        >>> [rows.tolist() for rows in split(10, 0.2, {"validation": 0.25})]
        [[0, 1, 3, 5, 8, 9], [2, 7], [4, 6]]
    """
    order = np.random.default_rng(asked.get("seed", 0)).permutation(count)
    tested = max(1, round(test * count))
    held = round(asked.get("validation", 0.1) * (count - tested))
    parts = order[tested + held :], order[tested:][:held], order[:tested]
    return [np.sort(each) for each in parts]


def draw_confusion(folder: Path, table: Any, names: Sequence[str]) -> str:
    """Draws which class was taken for which.

    Arguments:
        folder: where the picture goes.
        table: (K, K), how often; rows are what is right.
        names: of the classes.

    Returns:
        The name of the file.
    """
    with pictures.windowless():
        ax = pictures.confusion_matrix(table, names)
    pictures.save(cast(Any, ax.figure), folder / PICTURE)
    return PICTURE
