"""Labels that a model of examples is told: 0 and 1 behind what its networks see.

Place on the road: below the models of examples and labels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import is_integer
from ..errors import DataError, ShapeError
from ..ops.arrays import lift
from ..ops.creation import arange
from ..ops.elementwise import where
from ..ops.movement import broadcast_to, concatenate


def told(model: str, y: Any, rows: int, classes: int, dtype: Any) -> Any:
    """Labels (N,) as rows of 0 and 1, (N, classes). In a compiled function, which knows
    none, NaN takes the place of rows whose label is wrong, by which ``fit`` finds them.

    Arguments:
        model: the class that is told, for messages.
        y: whole numbers from 0.
        rows: N.

    Raises:
        ShapeError: for another number of them, or none that are whole.
        DataError: for a label outside of 0 … classes − 1.

    Example:
        >>> told("VAE", [2, 0], 2, 3, "float32").numpy()
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    (node,) = lift([y])
    if node.shape != (rows,) or not is_integer(node.dtype):
        raise ShapeError(
            f"{model}: labels {node.shape} of {node.dtype} for {rows} rows: expected "
            f"({rows},) whole numbers from 0 to {classes - 1}"
        )
    label: Any = node
    right = (label >= 0) & (label < classes)  # (N,)
    if node.value is not None and not right.value.all():
        row = int(np.argmin(right.value))
        raise DataError(
            f"{model}: label {node.value[row]} at row {row}: expected 0 to "
            f"{classes - 1}, of classes={classes}",
            fix=f"{model}(…, classes=…) with as many as there are, or correct the "
            "labels",
        )
    hot = (label.reshape(-1, 1) == arange(classes)).astype(dtype)  # (N, classes)
    return where(right.reshape(-1, 1), hot, math.nan)


def behind(x: Any, y: Any) -> Any:
    """x (N, …, C) with labels (N, L) behind its last axis, at every place of it:
    (N, …, C + L). x itself where there are none.

    Example:
        >>> import chainrule as cr
        >>> images, labels = cr.zeros((2, 8, 8, 1)), cr.ones((2, 3))
        >>> behind(images, labels).shape, behind(cr.zeros((2, 5)), labels).shape
        ((2, 8, 8, 4), (2, 8))
    """
    if y is None:
        return x
    places = x.shape[1:-1]
    y = y.reshape(x.shape[0], *[1] * len(places), y.shape[-1]).astype(x.dtype)
    return concatenate([x, broadcast_to(y, (*x.shape[:-1], y.shape[-1]))], axis=-1)
