"""Sums of floats whose error does not grow with their number: blocks, and their sums.

Place on the road: the meaning of ``sum`` and ``cumsum`` in NumPy. Along the axis that
is contiguous in memory NumPy adds in pairs; along all others it adds one element after
the other, and after n of them up to n roundings are in the sum: in float32 the mean of
five million rows is off in its third digit. It must not know of nodes.

The error of ``blocked_sum`` is at most 512 ε Σ|x| for up to 2²⁸ elements along
neighbouring axes, where ε = 2⁻²⁴ in float32 and 2⁻⁵³ in float64; as a rule it is a few
ε Σ|x|. That of ``blocked_cumsum`` is n 2⁻⁵³ Σ|x|, and a rounding to x's dtype.
"""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np

from ..dtypes import DType, float32, float64, is_bfloat16, is_float
from ..graph import Array

#: As many numbers are added one after the other, without blocks.
FEW = 512
#: In each block, as many.
BLOCK = 128
#: Short rows are joined until they have as many numbers: NumPy adds long ones faster.
ROW = 512


def blocked_sum(x: Array, axis: tuple[int, ...], keepdims: bool, dtype: DType) -> Array:
    """Σ x along some axes; numbers that are no floats are added in ``dtype``.

    Example:
        >>> x = np.full((5_000_000, 1, 2), 0.1, np.float32)
        >>> (blocked_sum(x, (0, 1), False, x.dtype) / 5_000_000).round(5)
        array([0.1, 0.1], dtype=float32)
    """
    if is_bfloat16(x.dtype):  # added up in float32, and rounded once
        total = blocked_sum(x.astype(float32), axis, keepdims, float32)
        return total.astype(dtype)
    few = math.prod([x.shape[i] for i in axis]) <= FEW or not x.size
    if few or x.dtype.kind != "f":
        return np.asarray(np.sum(x, axis=axis, keepdims=keepdims, dtype=dtype))
    order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))
    y = np.ascontiguousarray(x.transpose(order))
    after = 1
    # Neighbouring axes that are all summed, or all kept, are one; the last one first.
    for summed, axes in groupby(reversed(order), lambda i: i in axis):
        length = math.prod([x.shape[i] for i in axes])
        if summed:
            y = _middle(y.reshape(-1, length, after))
        else:
            after *= length
    y = y.reshape([1 if i in axis else x.shape[i] for i in order])
    y = y.transpose(np.argsort(order))
    return y if keepdims else y.squeeze(axis)


def _middle(y: Array) -> Array:
    """Σ y along the second of three axes, (a, n, c) → (a, c)."""
    a, n, c = y.shape
    while n > BLOCK and c > 1:  # where c is 1, NumPy adds in pairs
        rows = min(max(1, ROW // c), n // BLOCK)  # that are joined
        blocks = n // (BLOCK * rows)
        whole = blocks * BLOCK * rows
        sums = np.sum(y[:, :whole].reshape(a, blocks, BLOCK, rows * c), axis=2)
        parts = [sums.reshape(a, blocks * rows, c)]
        if whole < n:
            parts.append(_middle(y[:, whole:])[:, None])
        y = np.concatenate(parts, axis=1)
        n = y.shape[1]
    return np.asarray(np.sum(y, axis=1))


def blocked_cumsum(x: Array, axis: int, dtype: DType) -> Array:
    """Running sums along an axis, floats in float64; the result is of ``dtype``.

    Example:
        >>> x = np.full(5_000_000, 5e-4, np.float32)
        >>> blocked_cumsum(x, 0, x.dtype)[-1]
        np.float32(2500.0)
    """
    wide = float64 if is_float(dtype) else dtype
    return np.cumsum(x, axis=axis, dtype=wide).astype(dtype, copy=False)
