"""Angles and hyperbolas: of sine, cosine, arctan2, eˣ − 1 and logarithms.

The formulas are chosen so that nothing cancels near 0 and nothing overflows before the
result does, in the derivatives too.
"""

from __future__ import annotations

import math
from typing import Any

from ..ops.elementwise import (
    absolute,
    arctan2,
    cos,
    expm1,
    isfinite,
    log,
    log1p,
    logical_or,
    maximum,
    sin,
    sqrt,
    stop_gradient,
    where,
)
from .missing_values import isinf
from .operands import real, real_pair

#: Beyond, 1 + x² and x² are the same float.
_FAR = 2.0**28


def tan(x: Any) -> Any:
    """The tangent, sin x / cos x, of an angle in radians.

    Example:
        >>> import chainrule as cr
        >>> round(cr.tan(1.0).item(), 4)
        1.5574
    """
    angle = real(x)
    return sin(angle) / cos(angle)


def arcsin(x: Any) -> Any:
    """The angle from −π/2 to π/2 whose sine is x; NaN beyond −1 … 1.

    Formula: arctan2(x, √(1 − x) √(1 + x)); derivative 1 / √(1 − x²).

    Example:
        >>> import chainrule as cr
        >>> round(cr.arcsin(1.0).item(), 4)
        1.5708
    """
    sine = real(x)
    return arctan2(sine, sqrt(1.0 - sine) * sqrt(1.0 + sine))


def arccos(x: Any) -> Any:
    """The angle from 0 to π whose cosine is x; NaN beyond −1 … 1.

    Formula: arctan2(√(1 − x) √(1 + x), x); derivative −1 / √(1 − x²).

    Example:
        >>> import chainrule as cr
        >>> round(cr.arccos(0.0).item(), 4)
        1.5708
    """
    cosine = real(x)
    return arctan2(sqrt(1.0 - cosine) * sqrt(1.0 + cosine), cosine)


def arctan(x: Any) -> Any:
    """The angle from −π/2 to π/2 whose tangent is x; derivative 1 / (1 + x²).

    Example:
        >>> import chainrule as cr
        >>> round(cr.arctan(1.0).item(), 4)
        0.7854
    """
    return arctan2(real(x), 1.0)


def sinh(x: Any) -> Any:
    """The hyperbolic sine, (eˣ − e⁻ˣ) / 2.

    Formula: with u = eʰ − 1 and v = e⁻ʰ − 1 for h = x/2, (u − v) (1 + (u + v)/2).

    Example:
        >>> import chainrule as cr
        >>> round(cr.sinh(1.0).item(), 4)
        1.1752
    """
    half = real(x) * 0.5
    u, v = expm1(half), expm1(-half)
    return (u - v) * (1.0 + 0.5 * (u + v))


def cosh(x: Any) -> Any:
    """The hyperbolic cosine, (eˣ + e⁻ˣ) / 2.

    Formula: 1 + 2 sinh²(x/2), whose derivative does not cancel near 0.

    Example:
        >>> import chainrule as cr
        >>> round(cr.cosh(1.0).item(), 4)
        1.5431
    """
    half = real(x) * 0.5
    twice = expm1(half) - expm1(-half)
    return 1.0 + (0.5 * twice) * twice


def arcsinh(x: Any) -> Any:
    """The number whose hyperbolic sine is x: ln(x + √(x² + 1)).

    Formula: for x ≥ 0 ln(1 + x + x² / (1 + √(1 + x²))), and ln x + ln 2 for large x.

    Example:
        >>> import chainrule as cr
        >>> round(cr.arcsinh(1.0).item(), 4)
        0.8814
    """
    value = real(x)
    size = where(value < 0.0, -value, value)  # |x|, with a slope of 1 at 0
    near = where(size < _FAR, size, 0.0)
    squared = near * near
    small = log1p(near + squared / (1.0 + sqrt(1.0 + squared)))
    large = log(where(size < _FAR, 1.0, size)) + math.log(2.0)
    result = where(size < _FAR, small, large)
    return where(value < 0.0, -result, result)


def arccosh(x: Any) -> Any:
    """The number of at least 0 whose hyperbolic cosine is x: ln(x + √(x² − 1)); NaN
    below 1.

    Formula: with t = x − 1, ln(1 + t + √t √(t + 2)), and ln x + ln 2 for large x.

    Example:
        >>> import chainrule as cr
        >>> round(cr.arccosh(2.0).item(), 4)
        1.317
    """
    value = real(x)
    above = where(value < _FAR, value, 2.0) - 1.0
    small = log1p(above + sqrt(above) * sqrt(above + 2.0))
    large = log(where(value < _FAR, 1.0, value)) + math.log(2.0)
    return where(value < _FAR, small, large)


def arctanh(x: Any) -> Any:
    """The number whose hyperbolic tangent is x: ½ (ln(1 + x) − ln(1 − x)); ±∞ at ±1,
    NaN beyond.

    Example:
        >>> import chainrule as cr
        >>> round(cr.arctanh(0.5).item(), 4)
        0.5493
    """
    value = real(x)
    return 0.5 * (log1p(value) - log1p(-value))


def deg2rad(x: Any) -> Any:
    """An angle in degrees as one in radians: x · π / 180.

    Example:
        >>> import chainrule as cr
        >>> round(cr.deg2rad(180.0).item(), 4)
        3.1416
    """
    return real(x) * (math.pi / 180.0)


def rad2deg(x: Any) -> Any:
    """An angle in radians as one in degrees: x · 180 / π.

    Example:
        >>> import chainrule as cr
        >>> cr.rad2deg(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """
    return real(x) * (180.0 / math.pi)


def hypot(a: Any, b: Any) -> Any:
    """√(a² + b²), where neither square overflows or vanishes; its gradient at (0, 0) is
    0. ∞ where either is ±∞.

    Formula: s √((a/s)² + (b/s)²) with s = max(|a|, |b|).

    Example:
        >>> import chainrule as cr
        >>> cr.hypot(cr.tensor([3.0, 3e38]), cr.tensor([4.0, 0.0])).numpy()
        array([5.e+00, 3.e+38], dtype=float32)
    """
    left, right = real_pair("hypot", a, b)
    largest = stop_gradient(maximum(absolute(left), absolute(right)))
    usual = logical_or(largest == 0.0, ~isfinite(largest))
    scale = where(usual, 1.0, largest)
    first, second = left / scale, right / scale
    squared = first * first + second * second
    root = where(squared == 0.0, 0.0, sqrt(where(squared == 0.0, 1.0, squared)))
    infinite = logical_or(isinf(left), isinf(right))
    return where(infinite, math.inf, scale * root)
