"""Elements around a tensor: a value, or its own elements continued beyond its edges."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError, unknown_option
from ..graph import Array
from ..ops import movement
from ..ops.movement import broadcast_to, concatenate, flip, slice_
from .operands import node, whole

#: The ways of continuing a tensor, besides a constant.
MODES = ("edge", "reflect", "symmetric", "wrap")

#: What PyTorch calls them.
_ELSEWHERE = {"replicate": "edge", "circular": "wrap", "zeros": "constant"}


def pad(
    x: Any,
    widths: int | Sequence[Any],
    mode: str = "constant",
    value: float = 0.0,
) -> Any:
    """``x`` with elements around it: ``widths`` has (before, after) for every axis.

    Arguments:
        widths: a pair for every axis, the first axis first; one pair, or one number,
            for all axes.
        mode: what is around x: "constant" a value; "edge" its outermost element
            repeated, a a | a b c | c c; "reflect" its mirror image without the
            outermost, c b | a b c | b a; "symmetric" with it, b a | a b c | c b;
            "wrap" its other end, b c | a b c | a b. Where the width is more than x has,
            these go on. Gradients flow back to the elements that were repeated.
        value: the constant.

    Raises:
        ArgumentError: for a negative width.
        OptionError: for an unknown mode.
        ShapeError: when there is not one pair per axis, or an axis without elements is
            to be continued.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([1.0, 2.0, 3.0])
        >>> cr.pad(x, [(1, 2)]).numpy()
        array([0., 1., 2., 3., 0., 0.], dtype=float32)
        >>> cr.pad(x, [(1, 2)], "reflect").numpy()
        array([2., 1., 2., 3., 2., 1.], dtype=float32)
    """
    found = node(x)
    pairs = _pairs(found, widths)
    if isinstance(mode, str) and mode == "constant":
        if not isinstance(value, numbers.Real):
            raise ArgumentError(
                f"pad: value={value!r}: expected a number, the same on all sides"
            )
        return movement.pad(found, pairs, float(value))
    if isinstance(mode, numbers.Real):
        raise ArgumentError(
            f"pad: mode={mode!r}: expected a name, such as 'constant' or 'edge'",
            fix=f"value={mode!r}",
        )
    if not isinstance(mode, str) or mode not in MODES:
        ours = _ELSEWHERE.get(str(mode))
        fix = f"mode={ours!r}" if ours else None
        raise unknown_option("mode of pad", mode, ("constant", *MODES), fix)
    if any(width < 0 for pair in pairs for width in pair):
        raise ArgumentError(f"pad: widths {pairs}: each must be at least 0")
    for axis, (before, after) in enumerate(pairs):
        if (before or after) and not found.shape[axis]:
            raise ShapeError(
                f"pad: {found.describe()}: axis {axis} has no elements to continue "
                f"with mode={mode!r}"
            )
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            found = _continued(found, axis, before, after, mode)
    return found


def _pairs(x: Any, widths: Any) -> list[tuple[int, int]]:
    """(before, after) for every axis."""
    ndim = len(x.shape)
    if isinstance(widths, numbers.Integral):
        return [(int(widths), int(widths))] * ndim
    if not hasattr(widths, "__iter__"):
        raise ArgumentError(
            f"pad: widths={widths!r}: expected a whole number, or (before, after) for "
            "every axis"
        )
    rows = list(widths)
    if rows and all(isinstance(each, numbers.Integral) for each in rows):
        if len(rows) == 2:
            return [(int(rows[0]), int(rows[1]))] * ndim
        raise ShapeError(
            f"pad: {x.describe()} with widths {tuple(rows)}: expected (before, after) "
            "for every axis",
            fix="the first axis first, and a pair for each: [(0, 0), (1, 1)]",
        )
    pairs = all(hasattr(pair, "__len__") and len(pair) == 2 for pair in rows)
    if not pairs or len(rows) != ndim:
        raise ShapeError(
            f"pad: {x.describe()} with widths {rows}: expected one (before, after) for "
            f"each of the {ndim} axes"
        )
    return [
        (whole("pad", "widths", before), whole("pad", "widths", after))
        for before, after in rows
    ]


def _continued(x: Any, axis: int, before: int, after: int, mode: str) -> Any:
    """The tensor with its own elements before and after it along an axis."""
    n = x.shape[axis]
    modes: Any = np.pad
    places = modes(np.arange(n), (before, after), mode)
    parts = [_run(x, axis, *run) for run in _runs(places[:before])]
    parts.append(x)
    parts += [_run(x, axis, *run) for run in _runs(places[before + n :])]
    return concatenate(parts, axis)


def _runs(places: Array) -> Iterator[tuple[int, int, int]]:
    """Places as runs of ascending, descending or equal ones: (first, step, length)."""
    start = 0
    while start < len(places):
        rest = places[start:]
        steps = np.diff(rest)
        step = int(steps[0]) if len(steps) and abs(steps[0]) <= 1 else 0
        length = 1
        if len(steps) and abs(steps[0]) <= 1:
            other = np.flatnonzero(steps != step)
            length = int(other[0]) + 1 if len(other) else len(rest)
        yield int(rest[0]), step, length
        start += length


def _run(x: Any, axis: int, first: int, step: int, length: int) -> Any:
    """A run of elements along an axis, as views of the tensor."""
    last = first + step * (length - 1)
    index = [slice(None)] * len(x.shape)
    index[axis] = slice(min(first, last), max(first, last) + 1)
    part = slice_(x, tuple(index))
    if step:
        return flip(part, axis) if step < 0 else part
    return broadcast_to(part, (*x.shape[:axis], length, *x.shape[axis + 1 :]))
