"""Rounding to a number of decimals, and towards 0."""

from __future__ import annotations

from typing import Any

from ..ops.elementwise import ceil, floor, round_, where
from .operands import real, whole


def round(x: Any, decimals: int = 0) -> Any:
    """The nearest number of ``decimals`` digits behind the point, halves to the even
    one; no gradient.

    Formula: rint(x · 10ᵈ) / 10ᵈ.

    Example:
        >>> import chainrule as cr
        >>> cr.round(cr.tensor([1.25, 2.5])).numpy()
        array([1., 2.], dtype=float32)
        >>> cr.round(cr.tensor([1.25, -0.51]), 1).numpy()
        array([ 1.2, -0.5], dtype=float32)
    """
    value, digits = real(x), whole("round", "decimals", decimals)
    if digits == 0:
        return round_(value)
    power = 10.0 ** abs(digits)
    if digits > 0:
        return round_(value * power) / power
    return round_(value / power) * power


def trunc(x: Any) -> Any:
    """The whole number next to x towards 0; no gradient.

    Example:
        >>> import chainrule as cr
        >>> cr.trunc(cr.tensor([1.7, -1.7])).numpy()
        array([ 1., -1.], dtype=float32)
    """
    value = real(x)
    return where(value < 0.0, ceil(value), floor(value))
