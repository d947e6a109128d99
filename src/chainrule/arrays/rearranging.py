"""Elements repeated, moved round, and axes in other places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import shapes
from ..errors import ArgumentError, ShapeError
from ..ops.composed import expand_dims, swapaxes
from ..ops.indexing import take
from ..ops.movement import broadcast_to, concatenate, flip, reshape, slice_, transpose
from .operands import known, node, whole


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element along ``axis`` several times in a row; flattened first without
    ``axis``. The gradient of an element is the sum of those of its copies.

    Arguments:
        repeats: how often: a number, or one for each element along the axis; known.

    Raises:
        ArgumentError: for a negative number.
        ShapeError: when there is not one number for each element.
        TraceError: for numbers that are not known while a function is traced.

    Example:
        >>> import chainrule as cr
        >>> cr.repeat(cr.tensor([1, 2]), 2).numpy()
        array([1, 1, 2, 2])
    """
    value = node(x)
    if axis is None:
        value, axis = reshape(value, (-1,)), 0
    along = shapes.normal_axis("repeat", axis, len(value.shape))
    n = value.shape[along]
    fix = "give the numbers from outside of the function"
    depends = "the size of the result depends on the values of repeats"
    counts = known("repeat", repeats, depends, fix)
    if counts.dtype.kind not in "iub" or (counts < 0).any():
        raise ArgumentError(
            f"repeat: repeats={repeats!r}: expected whole numbers, 0 or more"
        )
    if counts.size == 1:
        times = int(counts.reshape(-1)[0])
        before, after = value.shape[:along], value.shape[along + 1 :]
        wide = broadcast_to(expand_dims(value, along + 1), (*before, n, times, *after))
        return reshape(wide, (*before, n * times, *after))
    if counts.shape != (n,):
        raise ShapeError(
            f"repeat: {value.describe()} with repeats {counts.shape}: axis {along} has "
            f"{n} elements; expected one number, or one for each"
        )
    return take(value, np.repeat(np.arange(n), counts), along)


def tile(x: Any, reps: int | Sequence[int]) -> Any:
    """The whole tensor several times along each axis; new axes come first.

    Example:
        >>> import chainrule as cr
        >>> cr.tile(cr.tensor([1, 2]), 2).numpy()
        array([1, 2, 1, 2])
    """
    value = node(x)
    times = shapes.sizes("tile", reps)
    ndim = max(len(times), len(value.shape))
    shape = (1,) * (ndim - len(value.shape)) + value.shape
    times = (1,) * (ndim - len(times)) + times
    split = [size for n in shape for size in (1, n)]
    wide = [size for pair in zip(times, shape, strict=True) for size in pair]
    whole = broadcast_to(reshape(value, tuple(split)), tuple(wide))
    return reshape(whole, tuple(t * n for t, n in zip(times, shape, strict=True)))


def roll(
    x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> Any:
    """The elements moved ``shift`` places along ``axis``; what leaves at one end enters
    at the other. Without ``axis`` the flattened tensor is moved.

    Arguments:
        shift: one number, or one for each axis that is named.

    Raises:
        ShapeError: when there are several shifts and another number of axes.

    Example:
        >>> import chainrule as cr
        >>> cr.roll(cr.tensor([1, 2, 3]), 1).numpy()
        array([3, 1, 2])
    """
    value = node(x)
    shifts = tuple(shift) if isinstance(shift, Sequence) else (shift,)
    if axis is None:
        flat = reshape(value, (-1,))
        for by in shifts:
            flat = _rolled(flat, by, 0)
        return reshape(flat, value.shape)
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    if len(shifts) == 1:
        shifts *= len(axes)
    elif len(axes) == 1:
        axes *= len(shifts)
    if len(shifts) != len(axes):
        raise ShapeError(
            f"roll: {len(shifts)} shifts along {len(axes)} axes: expected one shift, "
            "or one for each axis"
        )
    for by, along in zip(shifts, axes, strict=True):
        value = _rolled(value, by, shapes.normal_axis("roll", along, len(value.shape)))
    return value


def _rolled(value: Any, by: Any, axis: int) -> Any:
    n = value.shape[axis]
    cut = -whole("roll", "shift", by) % n if n else 0
    if not cut:
        return value
    index = [slice(None)] * len(value.shape)
    parts = []
    for part in (slice(cut, n), slice(0, cut)):
        index[axis] = part
        parts.append(slice_(value, tuple(index)))
    return concatenate(parts, axis)


def moveaxis(
    x: Any, source: int | Sequence[int], destination: int | Sequence[int]
) -> Any:
    """Axes moved to other places; the others keep their order.

    Raises:
        ShapeError: when as many places as axes are not given, or one twice.

    Example:
        >>> import chainrule as cr
        >>> cr.moveaxis(cr.zeros((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    value = node(x)
    ndim = len(value.shape)
    from_, to = (
        [shapes.normal_axis("moveaxis", each, ndim) for each in _several(axes)]
        for axes in (source, destination)
    )
    if len(from_) != len(to) or len({*from_}) != len(from_) or len({*to}) != len(to):
        raise ShapeError(
            f"moveaxis: source={source}, destination={destination}: expected as many "
            "places as axes, and none twice"
        )
    order = [axis for axis in range(ndim) if axis not in from_]
    for place, axis in sorted(zip(to, from_, strict=True)):
        order.insert(place, axis)
    return transpose(value, order)


def _several(axes: Any) -> Sequence[int]:
    if hasattr(axes, "__len__"):
        return tuple(axes)
    return (whole("moveaxis", "axis", axes, ", or several"),)


def atleast_1d(x: Any) -> Any:
    """The tensor, a single number as a vector of one.

    Example:
        >>> import chainrule as cr
        >>> cr.atleast_1d(3.0).shape
        (1,)
    """
    value = node(x)
    return value if value.shape else reshape(value, (1,))


def atleast_2d(x: Any) -> Any:
    """The tensor, a vector as a matrix of one row.

    Example:
        >>> import chainrule as cr
        >>> cr.atleast_2d(cr.zeros(3)).shape
        (1, 3)
    """
    value = atleast_1d(x)
    return value if len(value.shape) > 1 else expand_dims(value, 0)


def atleast_3d(x: Any) -> Any:
    """The tensor, (n,) as (1, n, 1) and (m, n) as (m, n, 1), as in NumPy.

    Example:
        >>> import chainrule as cr
        >>> cr.atleast_3d(cr.zeros((2, 3))).shape
        (2, 3, 1)
    """
    value = atleast_2d(x)
    return value if len(value.shape) > 2 else expand_dims(value, -1)


def flipud(x: Any) -> Any:
    """The first axis in reverse order: ``flip(x, 0)``.

    Example:
        >>> import chainrule as cr
        >>> cr.flipud(cr.tensor([1, 2])).numpy()
        array([2, 1])
    """
    return flip(x, 0)


def fliplr(x: Any) -> Any:
    """The second axis in reverse order: ``flip(x, 1)``.

    Example:
        >>> import chainrule as cr
        >>> cr.fliplr(cr.tensor([[1, 2]])).numpy()
        array([[2, 1]])
    """
    return flip(x, 1)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """A quarter turn, ``k`` times, from the first of ``axes`` towards the second.

    Raises:
        ShapeError: for two axes that are the same.

    Example:
        >>> import chainrule as cr
        >>> cr.rot90(cr.tensor([[1, 2], [3, 4]])).numpy()
        array([[2, 4],
               [1, 3]])
    """
    value = node(x)
    ndim = len(value.shape)
    if not hasattr(axes, "__len__") or len(axes) != 2:
        raise ArgumentError(f"rot90: axes={axes!r}: expected two axes")
    first, second = (shapes.normal_axis("rot90", axis, ndim) for axis in axes)
    if first == second:
        raise ShapeError(f"rot90: axes={tuple(axes)}: expected two different axes")
    turns = whole("rot90", "k", k) % 4
    if turns == 0:
        return value
    if turns == 2:
        return flip(value, (first, second))
    if turns == 1:
        return swapaxes(flip(value, second), first, second)
    return flip(swapaxes(value, first, second), second)
