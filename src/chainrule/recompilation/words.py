"""The warnings of a function that is compiled again and again: why, and what to do.

Place on the road: beside ``captured``. A signature, as the compiler tells arguments
apart, has a structure and two entries for each argument: shape and dtype, or type and
value.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import user_line
from .captured import VALUES, Captured

#: The most values that the warning lists.
MOST_LISTED = 5

PAD = (
    "lengths: data.bucket_by_length or padding gives few of them; drop a short last "
    "batch"
)
TENSORS = "numbers: pass what changes as a float or tensor"


def many_kinds(
    function: str, signatures: Sequence[Sequence[Any]], names: Sequence[str]
) -> str:
    """The warning: which argument, which axis or value of it, and what to do."""
    found: list[str] = []
    cures: dict[str, None] = {}
    like = [each for each in signatures if each[0] == signatures[-1][0]]
    for i, name in enumerate(names):
        kinds = dict.fromkeys(each[1 + 2 * i : 3 + 2 * i] for each in like)
        shapes = [a for a, _ in kinds if isinstance(a, tuple)]
        what = name or f"argument {i + 1}"
        if len(shapes) != len(kinds):
            values = dict.fromkeys(b for _, b in kinds)
            if len(values) > 1:
                found.append(f"{what} was {_listed(values)}")
                cures[TENSORS] = None
            continue
        if len({len(shape) for shape in shapes}) > 1:
            found.append(f"{what} was {_listed(dict.fromkeys(shapes))}")
        else:
            for axis, sizes in enumerate(zip(*shapes, strict=True)):
                if len(set(sizes)) > 1:
                    listed = _listed(dict.fromkeys(sizes))
                    found.append(f"axis {axis} of {what} was {listed}")
                    cures[PAD] = None
        dtypes = dict.fromkeys(str(b) for _, b in kinds)
        if len(dtypes) > 1:
            found.append(f"{what} was of {', '.join(dtypes)}")
    if len(like) < len(signatures):
        found.append("arguments were given or nested in different ways")
    how = "".join(f"; {cure}" for cure in cures)
    return (
        f"compile: {function} has been compiled for {len(signatures)} kinds of "
        f"arguments: {' and '.join(found)}{how}"
    )


def _listed(values: dict[Any, None]) -> str:
    shown = [repr(each) if isinstance(each, str) else str(each) for each in values]
    more = ", …" if len(shown) > MOST_LISTED else ""
    return ", ".join(shown[:MOST_LISTED]) + more


def described(names: list[str], old: Captured, new: Captured) -> str:
    """What has changed, in words; "" for layers that were frozen or unfrozen, which is
    meant to be done in the course of training.
    """
    name = next((each for each in names if not each.endswith("frozen")), "")
    a, b = old.state.get(name), new.state.get(name)
    plain = isinstance(a, VALUES) and isinstance(b, VALUES) and a is not b
    return name + (f", from {a!r:.40} to {b!r:.40}" if plain else "")


def changed_often(function: str, times: int, change: str) -> str:
    """The warning for a function whose captured values change again and again."""
    return (
        f"compile: {function} has been compiled anew {times} times because what it "
        f"captured changed, this time {change}: make what changes an argument; a float "
        "or an array is then an input, and nothing is compiled anew"
    )


def not_compared(function: str, arrays: Iterable[str]) -> str:
    """The warning for large arrays of which a program may have a copy."""
    return (
        f"compile: {function} uses {', '.join(arrays)} from outside, too large to be "
        "compared in every call: if its numbers change, that goes unnoticed: make it "
        f"an argument of {function}"
    )


def warn(message: str) -> None:
    """A warning that points to the user's line."""
    line = user_line()
    if line is None:
        warnings.warn(message, stacklevel=2)
    else:
        warnings.warn_explicit(message, UserWarning, line.file, line.line)
