"""Sequences of different lengths in one batch: which of their steps are real.

Place on the road: below the layers and losses of sequences.
"""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..errors import DTypeError, ShapeError
from ..ops.arrays import lift
from ..ops.creation import arange
from ..ops.indexing import normal_index


def checked_lengths(name: str, lengths: Any, samples: int, steps: int) -> Any:
    """Lengths as (N,) int64, checked to be from 0 to ``steps``; in compiled code in
    every call.

    Arguments:
        name: what the lengths belong to, for messages: ``"LSTM: sequence"``.

    Raises:
        DTypeError: for lengths that are not integers.
        ShapeError: if there is not one length for each sample.
        BoundsError: for a length that is negative or above ``steps``.

    Example:
        >>> checked_lengths("LSTM: sequence", [3, 0], 2, 3).numpy()
        array([3, 0])
    """
    (node,) = lift([lengths])
    if not dtypes.is_integer(node.dtype):
        raise DTypeError(
            f"{name} lengths {node.shape} of {node.dtype}: a length is an integer",
            fix="a mask has the lengths mask.sum(axis=1)"
            if node.dtype == dtypes.bool_
            else "lengths.astype('int64')",
        )
    if node.shape != (samples,):
        raise ShapeError(
            f"{name} lengths {node.shape} for {samples} sequences: expected "
            f"({samples},), how many steps of each are real"
        )
    return normal_index(node, size=steps + 1, what=f"{name} length")


def real_steps(name: str, lengths: Any, samples: int, steps: int) -> Any:
    """Whether the steps of all sequences are real, (N, T) bools.

    Raises:
        DTypeError, ShapeError, BoundsError: as ``checked_lengths``.

    Example:
        >>> real_steps("LSTM: sequence", [2, 0], 2, 3).numpy()
        array([[ True,  True, False],
               [False, False, False]])
    """
    known = checked_lengths(name, lengths, samples, steps)
    return arange(steps) < known[:, None]
