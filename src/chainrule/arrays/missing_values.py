"""NaN and infinities: finding and replacing them, and statistics without NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from ..ops.composed import all, clip, square
from ..ops.elementwise import absolute, isnan, where
from ..ops.reduction import Axis, max, min, prod, sum
from .operands import node, number, real


def isinf(x: Any) -> Any:
    """Whether each element is +∞ or −∞.

    Example:
        >>> import chainrule as cr
        >>> cr.isinf(cr.tensor([1.0, float("-inf"), float("nan")])).numpy()
        array([False,  True, False])
    """
    value = node(x)
    return absolute(value) == math.inf


def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """NaN replaced by ``nan``, ∞ by ``posinf`` and −∞ by ``neginf``: the largest and
    the smallest finite number by default. No gradient flows to what was replaced.

    Example:
        >>> import chainrule as cr
        >>> cr.nan_to_num(cr.tensor([float("nan"), 2.0]), nan=-1.0).numpy()
        array([-1.,  2.], dtype=float32)
    """
    value = node(x)
    if not dtypes.is_float(value.dtype):
        return value
    limits = np.finfo(value.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    found = where(isnan(value), nan, value)
    found = where(value == math.inf, high, found)
    return where(value == -math.inf, low, found)


def _without(x: Any, instead: float) -> tuple[Any, Any]:
    """The elements with another number in the place of NaN, and where these were."""
    value = node(x)
    missing = isnan(value)
    if not dtypes.is_float(value.dtype):
        return value, missing
    return where(missing, instead, value), missing


def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum along ``axis`` of the elements that are not NaN; 0 where there are none.

    Example:
        >>> import chainrule as cr
        >>> cr.nansum(cr.tensor([1.0, float("nan"), 2.0])).item()
        3.0
    """
    return sum(_without(x, 0.0)[0], axis, keepdims)


def nanprod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product along ``axis`` of the elements that are not NaN; 1 where there are
    none.

    Example:
        >>> import chainrule as cr
        >>> cr.nanprod(cr.tensor([2.0, float("nan"), 3.0])).item()
        6.0
    """
    return prod(_without(x, 1.0)[0], axis, keepdims)


def nanmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest along ``axis`` of the elements that are not NaN; NaN where there are
    none.

    Example:
        >>> import chainrule as cr
        >>> cr.nanmax(cr.tensor([1.0, float("nan"), 2.0])).item()
        2.0
    """
    value, missing = _without(x, -math.inf)
    found = max(value, axis, keepdims)
    if not dtypes.is_float(value.dtype):
        return found
    return where(all(missing, axis, keepdims), math.nan, found)


def nanmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest along ``axis`` of the elements that are not NaN; NaN where there are
    none.

    Example:
        >>> import chainrule as cr
        >>> cr.nanmin(cr.tensor([1.0, float("nan"), 2.0])).item()
        1.0
    """
    value, missing = _without(x, math.inf)
    found = min(value, axis, keepdims)
    if not dtypes.is_float(value.dtype):
        return found
    return where(all(missing, axis, keepdims), math.nan, found)


def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The average along ``axis`` of the elements that are not NaN; NaN where there are
    none.

    Example:
        >>> import chainrule as cr
        >>> cr.nanmean(cr.tensor([1.0, float("nan"), 2.0])).item()
        1.5
    """
    value, missing = _without(real(x), 0.0)
    count = sum(~missing, axis, keepdims).astype(value.dtype)
    return sum(value, axis, keepdims) / count


def nanvar(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """The variance along ``axis`` of the elements that are not NaN; NaN where no more
    than ``ddof`` are left.

    Example:
        >>> import chainrule as cr
        >>> cr.nanvar(cr.tensor([1.0, float("nan"), 3.0])).item()
        1.0
    """
    value = real(x)
    missing = isnan(value)
    count = sum(~missing, axis, keepdims).astype(value.dtype)
    deviation = value - nanmean(value, axis, keepdims=True)
    total = sum(square(where(missing, 0.0, deviation)), axis, keepdims)
    left = clip(count - float(number("nanvar", "ddof", ddof)), 0.0)
    return where(left > 0.0, total / where(left > 0.0, left, 1.0), math.nan)


def nanstd(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """The standard deviation along ``axis`` of the elements that are not NaN; its
    gradient is 0 where all are equal.

    Example:
        >>> import chainrule as cr
        >>> cr.nanstd(cr.tensor([1.0, float("nan"), 5.0])).item()
        2.0
    """
    found = nanvar(x, axis, keepdims, ddof)
    return where(found == 0.0, 0.0, where(found == 0.0, 1.0, found) ** 0.5)
