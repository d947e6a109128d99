"""What divides ordered elements: the median, quantiles, and the whole range."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import shapes
from ..errors import ArgumentError, ShapeError, unknown_option
from ..graph import Array
from ..ops.arrays import constant
from ..ops.composed import sort
from ..ops.elementwise import isfinite, isnan, where
from ..ops.indexing import take
from ..ops.movement import reshape, transpose
from ..ops.reduction import Axis, max, min
from .operands import known, node, numbers, real

#: Method → how far between the two neighbours a place t of the way is taken to be.
_METHODS: Mapping[str, Callable[[Array], Array]] = {
    "linear": lambda t: t,
    "lower": lambda t: np.zeros_like(t),
    "higher": lambda t: (t > 0).astype(float),
    "midpoint": lambda t: np.where(t > 0, 0.5, 0.0),
}


def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The middle element along ``axis`` when they are sorted, or the mean of the two in
    the middle; NaN where one of them is NaN.

    Its gradient goes to those elements.

    Raises:
        ShapeError: when there are no elements.

    Example:
        >>> import chainrule as cr
        >>> cr.median(cr.tensor([7.0, 1.0, 3.0, 2.0])).item()
        2.5
    """
    return _quantile("median", x, np.array(0.5), axis, keepdims, "linear")


def quantile(
    x: Any, q: Any, axis: Axis = None, keepdims: bool = False, method: str = "linear"
) -> Any:
    """The value along ``axis`` that a share q of the elements does not exceed.

    Formula: with the n elements sorted, the one at place q·(n − 1), counted from 0;
    between two places, what ``method`` says. NaN where one of the elements is NaN. The
    gradient goes to the two neighbours.

    Shapes: the axes of q, then those of x that are left.

    Arguments:
        q: shares from 0 to 1, a number or an array; known values.
        method: "linear" interpolates between the two neighbours; "lower", "higher" and
            "midpoint" take one of them, or their mean.

    Raises:
        ArgumentError: for shares outside of 0 … 1.
        ShapeError: when there are no elements.
        TraceError: for shares that are not known while a function is traced.

    Source: definition 7 of Hyndman & Fan (1996).

    Example:
        >>> import chainrule as cr
        >>> cr.quantile(cr.tensor([0.0, 1.0, 2.0, 4.0]), [0.25, 0.5]).numpy()
        array([0.75, 1.5 ], dtype=float32)
    """
    shares = _shares("quantile", q)
    return _quantile("quantile", x, shares, axis, keepdims, method)


def percentile(
    x: Any, q: Any, axis: Axis = None, keepdims: bool = False, method: str = "linear"
) -> Any:
    """``quantile`` with q in percent, from 0 to 100.

    Raises:
        ArgumentError: for percentages outside of 0 … 100.
        ShapeError: when there are no elements.
        TraceError: for percentages that are not known while a function is traced.

    Example:
        >>> import chainrule as cr
        >>> cr.percentile(cr.tensor([0.0, 1.0, 2.0, 4.0]), 50).item()
        1.5
    """
    shares = _shares("percentile", q, 100.0)
    return _quantile("percentile", x, shares, axis, keepdims, method)


def _shares(operation: str, q: Any, whole: float = 1.0) -> Array:
    """The shares as known numbers from 0 to 1."""
    if isinstance(q, (int, float)):
        shares = np.asarray(q, np.float64)  # not rounded to the default dtype
    else:
        exact = q if hasattr(q, "dtype") else numbers(operation, "q", q)
        fix = "give q as a number, or as an array from outside of the function"
        shares = known(operation, exact, "its places depend on the values of q", fix)
    shares = shares.astype(np.float64) / whole
    if not ((shares >= 0) & (shares <= 1)).all():
        first = shares[~((shares >= 0) & (shares <= 1))].flat[0] * whole
        raise ArgumentError(
            f"{operation}: q={first:g}: expected from 0 to {whole:g}",
            fix="cr.percentile takes percentages" if whole == 1 else None,
        )
    return shares


def _quantile(
    operation: str, x: Any, shares: Array, axis: Axis, keepdims: bool, method: str
) -> Any:
    if not isinstance(method, str) or method not in _METHODS:
        raise unknown_option(f"method of {operation}", method, _METHODS)
    value = real(x)
    ndim = len(value.shape)
    axes = shapes.normal_axes(operation, axis, ndim)
    rest = tuple(i for i in range(ndim) if i not in axes)
    kept = tuple(value.shape[i] for i in rest)
    count = shapes.size(tuple(value.shape[i] for i in axes))
    if count == 0:
        raise ShapeError(
            f"{operation}: {value.describe()} over axis={axis}: no elements to choose "
            "from"
        )
    rows = sort(reshape(transpose(value, rest + axes), (*kept, count)))
    place = shares * (count - 1)
    low = np.floor(place).astype(np.int64)
    part = _METHODS[method](place - low)
    high = np.where(part > 0, np.minimum(low + 1, count - 1), low)
    low = np.where(part == 1, high, low)
    found = _between(rows, low, high, constant(part, value.dtype))
    last = len(kept)
    order = (*range(last, last + shares.ndim), *range(last))
    found = transpose(found, order)
    if not keepdims:
        return found
    return reshape(found, (*shares.shape, *shapes.reduced(value.shape, axes, True)))


def _between(rows: Any, low: Array, high: Array, part: Any) -> Any:
    """A part of the way from one place of sorted rows to another; NaN, which is sorted
    to the end, wherever there is one.
    """
    last = len(rows.shape) - 1
    a, b = take(rows, low, last), take(rows, high, last)
    difference = b - a
    infinite = where(a == b, a, (1.0 - part) * a + part * b)
    found = where(isfinite(difference), a + part * difference, infinite)
    largest = take(rows, np.full_like(low, rows.shape[-1] - 1), last)
    return where(isnan(largest), largest, found)


def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The range along ``axis``: the largest minus the smallest element.

    Raises:
        ShapeError: when there are no elements.

    Example:
        >>> import chainrule as cr
        >>> cr.ptp(cr.tensor([3.0, 1.0, 5.0])).item()
        4.0
    """
    value = node(x)
    return max(value, axis, keepdims) - min(value, axis, keepdims)
