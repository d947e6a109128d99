"""Gradients that can be squared. Place on the road: below the algorithms of ``optim``.

The square of a gradient of 10²⁰ is no number of float32, and an average that was once
infinite stays so: the weight would never move again, and no error would say why.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import DType
from ..ops.composed import clip
from ..ops.elementwise import absolute, where
from ..ops.reduction import max as max_


def largest(dtype: DType) -> float:
    """L, the most that a gradient counts as: 2⁶⁰ ≈ 10¹⁸ in float32, 2⁵⁰⁸ in float64.

    L² is less than the largest number of the dtype by a factor of 2⁸, so that sums of a
    few such squares, and quotients by 1 − β, are finite too.

    Example:
        >>> largest(np.dtype("float32")) == 2.0**60
        True
    """
    return float(2.0 ** (np.finfo(dtype).maxexp // 2 - 4))


def squarable(g: Any) -> Any:
    """The gradient as the rules that square it take it: within ±L.

    Up to L nothing changes; a larger one that is finite counts as L, so that g / √g² is
    its sign as for all others. NaN and ±∞ become NaN: they stay to be seen.

    Example:
        >>> import chainrule as cr
        >>> (squarable(cr.tensor([3.0, -1e30, float("inf")])) / 2.0**60).numpy()
        array([ 2.6020852e-18, -1.0000000e+00,            nan], dtype=float32)
    """
    limit = largest(g.dtype)
    return clip(g, -limit, limit) + (g - g)


def by_largest(x: Any) -> tuple[Any, Any]:
    """The largest |x|, or 1 where all are 0, and x divided by it: numbers that can be
    squared, whatever the size of x.

    Example:
        >>> import chainrule as cr
        >>> largest, x = by_largest(cr.tensor([3e30, -6e30]))
        >>> x.numpy()
        array([ 0.5, -1. ], dtype=float32)
    """
    top = max_(absolute(x))
    top = where(top == 0, 1.0, top)
    return top, x / top
