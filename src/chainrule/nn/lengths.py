"""Sequences of different lengths in one batch: which of their steps are real.

Place on the road: beneath the layers and losses of sequences.
"""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..errors import DTypeError, ShapeError
from ..ops.creation import arange
from ..ops.indexing import normal_index
from ..ops.primitive import lift


def checked_lengths(name: str, lengths: Any, samples: int, steps: int) -> Any:
    """Lengths as (N,) int64, each from 0 to ``steps``; under ``compile`` they are
    looked at in every call.

    Arguments:
        name: of whose they are, such as ``"LSTM: sequence"``.

    Raises:
        DTypeError: for lengths that are not integers.
        ShapeError: for another number of them than of samples.
        BoundsError: for a negative one, or one above ``steps``.

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
    """Whether each step of each sequence is real, (N, T) bools.

    Raises:
        DTypeError, ShapeError, BoundsError: as ``checked_lengths``.

    Example:
        >>> real_steps("LSTM: sequence", [2, 0], 2, 3).numpy()
        array([[ True,  True, False],
               [False, False, False]])
    """
    known = checked_lengths(name, lengths, samples, steps)
    return arange(steps) < known[:, None]
