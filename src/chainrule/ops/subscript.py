"""``x[...]`` with NumPy's meaning, taken apart into slices, reshapes and ``take``.

An index is a tuple of numbers, slices, ``None`` (a new axis), ``...``, and arrays of
integers or bools. Arrays broadcast together; their axes stand where the first one
stood, or in front when a slice stands between them, as in NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np

from .. import dtypes, shapes
from ..errors import ArgumentError, BoundsError, DTypeError, ShapeError, TraceError
from ..graph import Node
from .arrays import constant
from .indexing import index_node, normal_index, take
from .movement import reshape, slice_, transpose

_NO_BOOLS = "x[...]: a single bool is no index"
_INSTEAD_OF_BOOLS = "choose with cr.where; select rows with a mask of their number"


def subscript(x: Node, index: Any) -> Any:
    """The elements of ``x`` at ``index``, by NumPy's rules for indexing."""
    parts, adjacent = _expand(x, list(index) if isinstance(index, tuple) else [index])
    arrays = any(isinstance(part, _Positions) for part in parts)
    slices: list[slice] = []
    shape: list[int] = []  # after the slices, new axes put in
    arrays_at: dict[int, Node] = {}  # axis of that shape → index array
    for part in parts:
        axis = len(slices)
        if part is None:
            shape.append(1)
            continue
        if isinstance(part, slice):
            slices.append(_plain(part))
            shape.append(len(range(*slices[-1].indices(x.shape[axis]))))
        elif isinstance(part, _Positions):
            _check_mask(part, x, axis)
            arrays_at[len(shape)] = part.node
            slices.append(slice(None))
            shape.append(x.shape[axis])
        else:
            number = _checked(part, x, axis)
            if arrays:
                arrays_at[len(shape)] = constant(number)
                slices.append(slice(None))
                shape.append(x.shape[axis])
            else:
                slices.append(slice(number, number + 1))
    taken = reshape(slice_(x, tuple(slices)), tuple(shape))
    return _take_at(taken, arrays_at, adjacent) if arrays_at else taken


def _expand(x: Node, index: list[Any]) -> tuple[list[Any], bool]:
    """The index with ``...`` written out, masks turned into positions, arrays into
    nodes.
    """
    parts: list[Any] = []
    for part in index:
        if part is None or part is Ellipsis or isinstance(part, slice):
            parts.append(part)
        elif isinstance(part, (bool, np.bool_)):
            raise DTypeError(_NO_BOOLS, fix=_INSTEAD_OF_BOOLS)
        elif isinstance(part, (int, np.integer)):
            parts.append(int(part))
        else:
            parts.extend(_arrays(part))
    used = sum(part is not None and part is not Ellipsis for part in parts)
    ndim = len(x.shape)
    if used > ndim:
        raise ShapeError(f"x[...]: {used} indices for {x.describe()} with {ndim} axes")
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1:
        raise ArgumentError("x[...]: '...' stands for all other axes, so only once")
    dots_at = dots[0] if dots else len(parts)
    advanced = [i for i, p in enumerate(parts) if isinstance(p, (int, _Positions))]
    adjacent = not advanced or advanced[-1] - advanced[0] < len(advanced)
    everything = [slice(None)] * (ndim - used)
    return parts[:dots_at] + everything + parts[dots_at + 1 :], adjacent


@dataclass(frozen=True)
class _Positions:
    """An array of positions along an axis, whose length a mask says."""

    node: Node
    length: int | None = None


def _arrays(index: Any) -> list[_Positions]:
    """An index array as nodes of integers: a mask as the positions where it is true."""
    if isinstance(index, str) or not hasattr(index, "__len__"):
        raise DTypeError(
            f"x[...]: {index!r} is no index: expected integers, slices, None, '...', "
            "or arrays of integers or bools"
        )
    node = index_node(index)
    if node.dtype == dtypes.bool_:
        if node.value is None:
            raise TraceError(
                f"x[mask]: how many elements mask {node.describe()} takes depends on "
                "its values, which are not known while a function is traced",
                fix="cr.where(mask, x, 0.0) keeps the shape; or take them where "
                "nothing is traced",
            )
        if not node.shape:
            raise DTypeError(_NO_BOOLS, fix=_INSTEAD_OF_BOOLS)
        positions = zip(np.nonzero(node.value), node.shape, strict=True)
        return [_Positions(constant(along), length) for along, length in positions]
    if not dtypes.is_integer(node.dtype):
        raise DTypeError(
            f"x[...]: index {node.describe()} is {node.dtype}: expected integers, a "
            "bool mask or slices",
            fix="convert it: index.astype('int64')",
        )
    return [_Positions(node)]


def _plain(part: slice) -> slice:
    """A slice of Python integers."""
    ends = (part.start, part.stop, part.step)
    for end in ends:
        if end is not None and not isinstance(end, SupportsIndex):
            raise DTypeError(f"x[...]: slice bound {end!r}: expected an integer")
    start, stop, step = (None if n is None else n.__index__() for n in ends)
    if step == 0:
        raise ArgumentError("x[...]: a slice with step 0 never ends")
    return slice(start, stop, step)


def _check_mask(positions: _Positions, x: Node, axis: int) -> None:
    if positions.length not in (None, x.shape[axis]):
        raise ShapeError(
            f"x[...]: mask of length {positions.length} for axis {axis} of "
            f"{x.describe()}: a mask must be as long as its axis"
        )


def _checked(number: int, x: Node, axis: int) -> int:
    n = x.shape[axis]
    if not -n <= number < n:
        raise BoundsError(
            f"x[...]: index {number} of {x.describe()}: axis {axis} has {n} elements"
        )
    return number % n


def _take_at(x: Node, arrays_at: dict[int, Node], adjacent: bool) -> Any:
    """The elements at the index arrays, given for some axes of ``x``.

    The axes of the arrays come first when something stood between them.
    """
    axes = sorted(arrays_at)
    if len(axes) == 1:
        return take(x, arrays_at[axes[0]], axes[0])
    arrays = [arrays_at[axis] for axis in axes]
    broadcast = shapes.broadcast(
        "x[...]",
        [array.shape for array in arrays],
        [f"index {array.shape}" for array in arrays],
    )
    rest = [axis for axis in range(len(x.shape)) if axis not in arrays_at]
    lengths = [x.shape[axis] for axis in axes]
    kept = [x.shape[axis] for axis in rest]
    rows = reshape(transpose(x, axes + rest), (shapes.size(tuple(lengths)), *kept))
    position: Any = 0
    for array, length in zip(arrays, lengths, strict=True):
        position = position * length + normal_index(array, size=length, what="x[...]")
    taken = take(rows, position, 0)
    if not adjacent:
        return taken
    front, n = axes[0], len(broadcast)
    order = [*range(n, n + front), *range(n), *range(n + front, n + len(kept))]
    return transpose(taken, order)
