"""Numbers and arrays for readers: few digits, and a true minus sign.

Beside the road, for ``explain`` only. It knows arrays, and nothing of graphs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...graph import Array

#: Arrays of at most this many elements are shown element by element.
SMALL = 8

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_TYPED = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹−·", "01234567890123456789-*", "⁽⁾ ")


def subscript(number: int) -> str:
    """``12`` → ``₁₂``"""
    return str(number).translate(_SUBSCRIPTS)


def superscript(number: int) -> str:
    """``12`` → ``⁽¹²⁾``, the lectures' mark of layer 12."""
    return f"⁽{str(number).translate(_SUPERSCRIPTS)}⁾"


def typed(name: str) -> str:
    """A name as it is typed on a keyboard: ``z⁽¹⁾`` → ``z1``, ``h₂`` → ``h2``."""
    return name.translate(_TYPED)


def number(value: Any, digits: int = 4) -> str:
    """A number in at most ``digits`` digits: −8, 0.7311, 1.2e−05, NaN, ∞, true.

    Example:
        >>> number(-8.0), number(0.731058), number(-2.5e-9), number(float("inf"))
        ('−8', '0.7311', '−2.5e−09', '∞')
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value).replace("-", "−")
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    return f"{value:.{digits}g}".replace("-", "−")


def compact(value: Any) -> str:
    """A number in few letters, for a small place: −0.731, 5.1e−4.

    Example:
        >>> compact(-0.731058), compact(0.000512), compact(784)
        ('−0.731', '5.1e−4', '784')
    """
    text = number(value, 3)
    if len(text) <= 6 or not math.isfinite(value):
        return text
    digits, exponent = f"{float(value):.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}".replace("-", "−")


def parenthesised(value: Any) -> str:
    """A number as the right operand of a product or sum: (−3), 4."""
    text = number(value)
    return f"({text})" if text.startswith("−") else text


def sizes(shape: Sequence[int]) -> str:
    """``(32, 784)`` → ``32 × 784``; a single number has no sizes."""
    return " × ".join(map(str, shape))


def array(value: Array, most: int = SMALL) -> str:
    """An array in one line: its elements if it is small, else its statistics.

    Example:
        >>> array(np.array([[1.0, -2.0]])), array(np.zeros((0, 3)))
        ('[[1, −2]]', 'no elements')
        >>> array(np.arange(100.0))
        'min 0, mean 49.5, max 99, norm 573'
    """
    if value.size == 0:
        return "no elements"
    if value.size <= most:
        return nested(value)
    return ", ".join(f"{name} {text}" for name, text in statistics(value))


def nested(value: Array) -> str:
    """The elements in nested brackets."""
    if value.ndim == 0:
        return number(value)
    return "[" + ", ".join(nested(each) for each in value) + "]"


def statistics(value: Array) -> list[tuple[str, str]]:
    """Smallest, average and largest element, and the norm √Σx²; of bools, the share.

    Elements that are NaN or infinite are counted and left out.
    """
    if value.size == 0:
        return []
    if value.dtype.kind == "b":
        return [("true", f"{int(value.sum())} of {value.size}")]
    wide = value.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    rows = []
    if finite.size < wide.size:
        rows.append(("not finite", f"{wide.size - finite.size} of {wide.size}"))
    if finite.size:
        rows += [
            ("min", number(finite.min())),
            ("mean", number(finite.mean())),
            ("max", number(finite.max())),
            ("norm", number(norm(finite))),
        ]
    return rows


def norm(value: Array) -> float:
    """√Σx², without overflow."""
    wide = np.abs(value.astype(np.float64)).reshape(-1)
    largest = float(wide.max(initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(float(((wide / largest) ** 2).sum()))


def strip(value: Array, cells: int) -> list[float]:
    """The elements in order as at most ``cells`` numbers: averages of neighbours.

    What is not finite stays NaN, so that a picture can mark it.
    """
    flat = value.astype(np.float64).reshape(-1)
    if flat.size <= cells:
        return [float(each) for each in flat]
    bounds = np.linspace(0, flat.size, cells + 1).astype(np.int64)[:-1]
    counts = np.diff(np.append(bounds, flat.size))
    with np.errstate(all="ignore"):
        return [float(each) for each in np.add.reduceat(flat, bounds) / counts]
