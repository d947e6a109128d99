"""Counts and numbers as readers expect them: "1 row", "2 rows", −0.25.

Place on the road: at its very beginning; every message and report may use it. It knows
nothing but texts and numbers.
"""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, which is in the plural unless there is one.

    Example:
        >>> counted(1, "row"), counted(0, "row"), counted(2, "class", "classes")
        ('1 row', '0 rows', '2 classes')
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def signed(text: str) -> str:
    """A formatted number with a true minus sign, as all text for people has it.

    Example:
        >>> signed(f"{-0.25:.3f}"), signed(f"{1e-9:g}")
        ('−0.250', '1e−09')
    """
    return text.replace("-", "−")
