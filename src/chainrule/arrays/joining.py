"""Tensors joined in the shapes of tables, and cut into parts of unequal length."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, SupportsIndex

from .. import shapes
from ..errors import ArgumentError, ShapeError
from ..graph import Node
from ..ops.arrays import lift
from ..ops.composed import expand_dims
from ..ops.movement import broadcast_to, concatenate, reshape, slice_, transpose
from .operands import node, sequence, whole
from .rearranging import atleast_1d, atleast_2d, atleast_3d


def vstack(tensors: Sequence[Any]) -> Any:
    """Rows under one another: joined along axis 0, vectors as rows.

    Example:
        >>> import chainrule as cr
        >>> cr.vstack([cr.zeros(3), cr.ones(3)]).shape
        (2, 3)
    """
    return concatenate([atleast_2d(each) for each in sequence("vstack", tensors)])


def hstack(tensors: Sequence[Any]) -> Any:
    """Columns beside one another: joined along axis 1, vectors end to end.

    Example:
        >>> import chainrule as cr
        >>> cr.hstack([cr.zeros(3), cr.ones(2)]).shape
        (5,)
    """
    parts = [atleast_1d(each) for each in sequence("hstack", tensors)]
    vectors = bool(parts) and len(parts[0].shape) == 1
    return concatenate(parts, 0 if vectors else 1)


def dstack(tensors: Sequence[Any]) -> Any:
    """Joined along axis 2, each with three axes (``atleast_3d``).

    Example:
        >>> import chainrule as cr
        >>> cr.dstack([cr.zeros((2, 3)), cr.ones((2, 3))]).shape
        (2, 3, 2)
    """
    return concatenate([atleast_3d(each) for each in sequence("dstack", tensors)], 2)


def column_stack(tensors: Sequence[Any]) -> Any:
    """Vectors as the columns of a matrix, matrices as they are.

    Example:
        >>> import chainrule as cr
        >>> cr.column_stack([cr.zeros(3), cr.ones(3)]).shape
        (3, 2)
    """
    parts = sequence("column_stack", tensors)
    columns = [
        expand_dims(atleast_1d(each), 1) if len(each.shape) < 2 else each
        for each in parts
    ]
    return concatenate(columns, 1)


def array_split(x: Any, parts: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Cut along ``axis`` into a number of parts, the first ones longer by one where the
    axis is not divisible; or before each of the given indices.

    Raises:
        ArgumentError: for fewer than one part.

    Example:
        >>> import chainrule as cr
        >>> [part.shape for part in cr.array_split(cr.zeros(7), 3)]
        [(3,), (2,), (2,)]
    """
    value = node(x)
    along = shapes.normal_axis("array_split", axis, len(value.shape))
    if hasattr(parts, "__iter__") and not isinstance(parts, (str, Node)):
        places = [whole("array_split", "parts", each) for each in parts]
        return split(value, places, along)
    count = whole("array_split", "parts", parts, ", or places to cut at")
    if count < 1:
        raise ArgumentError(f"array_split: parts={count}: expected at least 1")
    each, longer = divmod(value.shape[along], count)
    ends = [each * i + min(i, longer) for i in range(1, count)]
    return split(value, ends, along)


def meshgrid(*vectors: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of every point of a grid: for each axis its vector, repeated
    along the others.

    Shapes: of vectors of length m and n, (n, m) with "xy", (m, n) with "ij".

    Raises:
        ArgumentError: for another ``indexing``.

    Example:
        >>> import chainrule as cr
        >>> x, y = cr.meshgrid(cr.arange(3), cr.arange(2))
        >>> y.numpy()
        array([[0, 0, 0],
               [1, 1, 1]])
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing={indexing!r}: expected 'xy' or 'ij'")
    flat = [reshape(node(each), (-1,)) for each in vectors]
    sizes = tuple(each.shape[0] for each in flat)
    grids = []
    for axis, each in enumerate(flat):
        along = [1] * len(flat)
        along[axis] = -1
        grid = broadcast_to(reshape(each, along), sizes)
        if indexing == "xy" and len(flat) > 1:
            grid = transpose(grid, (1, 0, *range(2, len(flat))))
        grids.append(grid)
    return tuple(grids)


def split(x: Any, parts: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Cut along ``axis``: into a number of equal parts, or before each of the given
    indices.

    Raises:
        ShapeError: when the axis is not divisible into equal parts.

    Example:
        >>> import chainrule as cr
        >>> [part.shape for part in cr.split(cr.zeros((6, 2)), 3)]
        [(2, 2), (2, 2), (2, 2)]
    """
    (tensor,) = lift([x])
    along = shapes.normal_axis("split", axis, len(tensor.shape))
    n = tensor.shape[along]
    if isinstance(parts, SupportsIndex):
        parts = parts.__index__()
        if parts < 1 or n % parts:
            raise ShapeError(
                f"split: {tensor.describe()} into {parts} parts: axis {along} of "
                f"length {n} is not divisible"
            )
        bounds = list(range(0, n + 1, n // parts)) if n else [0] * (parts + 1)
    else:
        bounds = [0, *parts, n]
    pieces = []
    for start, stop in itertools.pairwise(bounds):
        index = [slice(None)] * len(tensor.shape)
        index[along] = slice(start, stop)
        pieces.append(slice_(tensor, tuple(index)))
    return pieces
