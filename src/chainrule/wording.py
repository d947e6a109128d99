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


def spaced(number: int) -> str:
    """A whole number with its thousands apart.

    Example:
        >>> spaced(1234567)
        '1 234 567'
    """
    return f"{number:,}".replace(",", " ")


def weights_per_example(weights: int, examples: int, members: int = 1) -> str:
    """How many weights a network has for each example, and whether that is many.

    The members of an ensemble learn each by itself, so each is counted by itself.

    Arguments:
        weights: the trainable numbers, of all members together.
        examples: that are trained on.
        members: how many networks are trained side by side.

    Example:
        >>> weights_per_example(50, 200)
        '0.25 weights per training example'
        >>> weights_per_example(8000, 100, members=8)
        '10 weights per training example in each of 8 networks: fewer examples than \
weights, which can learn them by heart'
    """
    each = weights / members / max(1, examples)
    shown = spaced(round(each)) if each >= 10 else f"{each:.2g}"
    text = f"{shown} weight{'s' * (shown != '1')} per training example"
    if members > 1:
        text += f" in each of {members} networks"
    if each > 1:
        text += ": fewer examples than weights, which can learn them by heart"
    return text


def signed(text: str) -> str:
    """A formatted number with a true minus sign, as all text for people has it.

    Example:
        >>> signed(f"{-0.25:.3f}"), signed(f"{1e-9:g}")
        ('−0.250', '1e−09')
    """
    return text.replace("-", "−")
