"""``x[...]`` with NumPy's meaning, taken apart into slices, reshapes and ``take``.

An index is a tuple of numbers, slices, ``None`` (a new axis), ``...``, and arrays of
integers or bools. Arrays broadcast together; their axes stand where the first one
stood, or in front when a slice stands between them, as in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes, shapes
from ..errors import BoundsError, DTypeError, ShapeError
from ..graph import Node, no_value
from .indexing import normal_index, take
from .movement import reshape, slice_, transpose
from .primitive import constant


def subscript(x: Node, index: Any) -> Any:
    """The elements of ``x`` at ``index``, by NumPy's rules for indexing."""
    parts = _expand(x, list(index) if isinstance(index, tuple) else [index])
    arrays = any(isinstance(part, Node) for part in parts)
    slices: list[slice] = []
    shape: list[int] = []  # after the slices, new axes put in
    places: dict[int, Node] = {}  # axis of that shape → index array
    for part in parts:
        axis = len(slices)
        if part is None:
            shape.append(1)
            continue
        if isinstance(part, slice):
            slices.append(_plain(part))
            shape.append(len(range(*slices[-1].indices(x.shape[axis]))))
        elif isinstance(part, Node):
            places[len(shape)] = part
            slices.append(slice(None))
            shape.append(x.shape[axis])
        else:
            number = _checked(part, x, axis)
            if arrays:
                places[len(shape)] = constant(number)
                slices.append(slice(None))
                shape.append(x.shape[axis])
            else:
                slices.append(slice(number, number + 1))
    taken = reshape(slice_(x, tuple(slices)), tuple(shape))
    return _take_at(taken, places) if places else taken


def _expand(x: Node, index: list[Any]) -> list[Any]:
    """The index with ``...`` written out, masks turned into positions, arrays into
    nodes.
    """
    parts: list[Any] = []
    for each in index:
        if each is None or each is Ellipsis or isinstance(each, slice):
            parts.append(each)
        elif isinstance(each, (bool, np.bool_)):
            raise DTypeError(
                "x[...]: a bool is no index", fix="use cr.where, or x[0] or x[1]"
            )
        elif hasattr(each, "__index__") and not isinstance(each, (Node, np.ndarray)):
            parts.append(each.__index__())
        else:
            parts.extend(_array(each))
    used = sum(part is not None and part is not Ellipsis for part in parts)
    ndim = len(x.shape)
    if used > ndim or sum(part is Ellipsis for part in parts) > 1:
        raise ShapeError(
            f"x[...]: {used} indices for {x.describe()} with {ndim} axes, or more "
            "than one '...'"
        )
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    place = next(i for i, part in enumerate(parts) if part is Ellipsis)
    return parts[:place] + [slice(None)] * (ndim - used) + parts[place + 1 :]


def _array(index: Any) -> list[Node]:
    """An index array as nodes of integers: a mask as the positions where it is true."""
    node = index.read() if isinstance(index, Node) else constant(_as_integers(index))
    if node.dtype == dtypes.bool_:
        if node.value is None:
            raise no_value(node, "x[mask], whose shape depends on the mask,")
        return [constant(each) for each in np.nonzero(node.value)]
    if not dtypes.is_integer(node.dtype):
        raise DTypeError(
            f"x[...]: index {node.describe()} is {node.dtype}: expected integers, a "
            "bool mask or slices",
            fix="convert it: index.astype('int64')",
        )
    return [node]


def _as_integers(index: Any) -> Any:
    array = np.asarray(index)
    return (
        array.astype(np.int64) if array.size == 0 and array.dtype.kind == "f" else array
    )


def _plain(part: slice) -> slice:
    """A slice of Python integers."""
    ends = (part.start, part.stop, part.step)
    return slice(*(None if each is None else each.__index__() for each in ends))


def _checked(number: int, x: Node, axis: int) -> int:
    n = x.shape[axis]
    if not -n <= number < n:
        raise BoundsError(
            f"x[...]: index {number} of {x.describe()}: axis {axis} has {n} elements"
        )
    return number % n


def _take_at(x: Node, places: dict[int, Node]) -> Any:
    """The elements at the index arrays, given for some axes of ``x``."""
    axes = sorted(places)
    if len(axes) == 1:
        return take(x, places[axes[0]], axes[0])
    arrays = [places[axis] for axis in axes]
    broadcast = shapes.broadcast(
        "x[...]",
        [each.shape for each in arrays],
        [f"index {each.shape}" for each in arrays],
    )
    rest = [axis for axis in range(len(x.shape)) if axis not in places]
    lengths = [x.shape[axis] for axis in axes]
    kept = [x.shape[axis] for axis in rest]
    rows = reshape(transpose(x, axes + rest), (shapes.size(tuple(lengths)), *kept))
    position: Any = 0
    for array, length in zip(arrays, lengths, strict=True):
        position = position * length + normal_index(array, size=length, what="x[...]")
    found = take(rows, position, 0)
    if axes[-1] - axes[0] + 1 != len(axes):
        return found  # arrays with a slice between them: their axes come first
    front, n = axes[0], len(broadcast)
    order = [*range(n, n + front), *range(n), *range(n + front, n + len(kept))]
    return transpose(found, order)
