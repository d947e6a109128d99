"""Logarithms and powers of other bases, and sums of what logarithms stand for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ops.elementwise import (
    absolute,
    isfinite,
    log,
    power,
    round_,
    softplus,
    stop_gradient,
    where,
)
from .operands import real, real_pair


def log2(x: Any) -> Any:
    """The logarithm to base 2: ln x / ln 2; exactly k at 2ᵏ.

    Example:
        >>> import chainrule as cr
        >>> cr.log2(cr.tensor([1.0, 8.0])).numpy()
        array([0., 3.], dtype=float32)
    """
    return _logarithm(x, 2.0)


def log10(x: Any) -> Any:
    """The logarithm to base 10: ln x / ln 10; exactly k at 10ᵏ.

    Example:
        >>> import chainrule as cr
        >>> cr.log10(cr.tensor([1.0, 1000.0])).numpy()
        array([0., 3.], dtype=float32)
    """
    return _logarithm(x, 10.0)


def _logarithm(x: Any, base: float) -> Any:
    """ln x / ln base, and a whole number where only rounding separates it from one."""
    value = real(x)
    y = log(value) * (1.0 / math.log(base))
    whole = round_(y)
    rounding = 2.0 * float(np.finfo(value.dtype).eps) * absolute(y)
    near = absolute(y - whole) <= rounding
    return y + stop_gradient(where(near, whole - y, 0.0))


def exp2(x: Any) -> Any:
    """2ˣ.

    Example:
        >>> import chainrule as cr
        >>> cr.exp2(cr.tensor([0.0, 3.0])).numpy()
        array([1., 8.], dtype=float32)
    """
    return power(2.0, real(x))


def logaddexp(a: Any, b: Any) -> Any:
    """ln(eᵃ + eᵇ), without overflow: what probabilities with logarithms a and b add up
    to.

    Formula: with h the larger and l the smaller, h + ln(1 + e^(l − h)).

    Example:
        >>> import chainrule as cr
        >>> round(cr.logaddexp(1000.0, 1000.0).item(), 3)
        1000.693
    """
    left, right = real_pair("logaddexp", a, b)
    first = left >= right
    high, low = where(first, left, right), where(first, right, left)
    return high + softplus(where(isfinite(high), low - high, 0.0))
