"""Triangles and diagonals of matrices, and products that are made of their elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import shapes
from ..errors import ShapeError
from ..ops.arrays import constant, lift
from ..ops.composed import expand_dims
from ..ops.elementwise import where
from ..ops.matmul import matmul
from ..ops.movement import pad, reshape, slice_, transpose, zeros_like
from ..ops.primitive import common_dtype
from .operands import node, whole
from .rearranging import moveaxis, roll


def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle of matrices, zeros above the ``k``-th diagonal; k > 0 lies
    above the main one.

    Shapes: (…, m, n) → the same.

    Raises:
        ShapeError: for fewer than two axes.

    Example:
        >>> import chainrule as cr
        >>> cr.tril(cr.ones((2, 2))).numpy()
        array([[1., 0.],
               [1., 1.]], dtype=float32)
    """
    value = _matrices("tril", x)
    return where(_below("tril", value.shape, k), value, zeros_like(value))


def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle of matrices, zeros below the ``k``-th diagonal; k > 0 lies
    above the main one.

    Shapes: (…, m, n) → the same.

    Raises:
        ShapeError: for fewer than two axes.

    Example:
        >>> import chainrule as cr
        >>> cr.triu(cr.ones((2, 2))).numpy()
        array([[1., 1.],
               [0., 1.]], dtype=float32)
    """
    value = _matrices("triu", x)
    below = _below("triu", value.shape, whole("triu", "k", k) - 1)
    return where(below, zeros_like(value), value)


def _matrices(operation: str, x: Any) -> Any:
    value = node(x)
    if len(value.shape) < 2:
        raise ShapeError(
            f"{operation}: {value.describe()}: expected a matrix, or several: at least "
            "two axes"
        )
    return value


def _below(operation: str, shape: tuple[int, ...], k: int) -> Any:
    """Which elements of matrices lie on the k-th diagonal or below."""
    rows: Any = constant(np.arange(shape[-2])[:, None] + whole(operation, "k", k))
    return rows >= constant(np.arange(shape[-1]))


def diag(x: Any, k: int = 0) -> Any:
    """The ``k``-th diagonal of a matrix; for a vector, the matrix that has it there and
    zeros elsewhere.

    Raises:
        ShapeError: for other than one or two axes.

    Example:
        >>> import chainrule as cr
        >>> cr.diag(cr.tensor([1.0, 2.0])).numpy()
        array([[1., 0.],
               [0., 2.]], dtype=float32)
        >>> cr.diag(cr.tensor([[1.0, 2.0], [3.0, 4.0]])).numpy()
        array([1., 4.], dtype=float32)
    """
    value, k = node(x), whole("diag", "k", k)
    if len(value.shape) == 2:
        return diagonal(value, k)
    if len(value.shape) != 1:
        raise ShapeError(
            f"diag: {value.describe()}: expected a vector or a matrix",
            fix="cr.diagonal(x, axis1=-2, axis2=-1) takes those of several matrices",
        )
    n, by = value.shape[0], abs(k)
    size = n + by
    if not n:
        return pad(reshape(value, (0, 0)), [(0, size), (0, size)])
    # A row of n + 1 elements, its first from the vector: laid out in rows of n, they
    # are on the diagonal.
    rows = pad(reshape(value, (n, 1)), [(0, 0), (0, n)])
    square = reshape(slice_(reshape(rows, (-1,)), (slice(0, n * n),)), (n, n))
    room = [(0, by), (by, 0)] if k >= 0 else [(by, 0), (0, by)]
    return pad(square, room) if by else square


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of the matrices that two axes form, as the last axis.

    Arguments:
        offset: which diagonal; above 0 it lies above the main one.

    Raises:
        ShapeError: for fewer than two axes, and two that are the same.

    Example:
        >>> import chainrule as cr
        >>> cr.diagonal(cr.tensor([[1.0, 2.0], [3.0, 4.0]]), offset=1).numpy()
        array([2.], dtype=float32)
    """
    value = _matrices("diagonal", x)
    ndim = len(value.shape)
    first, second = (shapes.normal_axis("diagonal", a, ndim) for a in (axis1, axis2))
    if first == second:
        raise ShapeError(f"diagonal: axis1={axis1} and axis2={axis2} are the same")
    offset = whole("diagonal", "offset", offset)
    rest = [axis for axis in range(ndim) if axis not in (first, second)]
    value = transpose(value, [*rest, first, second])
    *kept, m, n = value.shape
    start = offset if offset >= 0 else -offset * n
    length = max(0, min(m, n - offset) if offset >= 0 else min(m + offset, n))
    flat = reshape(value, (*kept, m * n))
    part = slice(start, start + (length - 1) * (n + 1) + 1, n + 1)
    last = part if length else slice(0, 0)
    return slice_(flat, (*(slice(None),) * len(kept), last))


def kron(a: Any, b: Any) -> Any:
    """Kronecker's product: every element of a times the whole of b.

    Example:
        >>> import chainrule as cr
        >>> cr.kron(cr.tensor([1, 10]), cr.tensor([1, 2])).numpy()
        array([ 1,  2, 10, 20])
    """
    left, right = common_dtype("kron", lift([a, b]), real=False)
    ndim = max(len(left.shape), len(right.shape))
    outer = (1,) * (ndim - len(left.shape)) + left.shape
    inner = (1,) * (ndim - len(right.shape)) + right.shape
    wide: Any = reshape(left, tuple(size for n in outer for size in (n, 1)))
    deep = reshape(right, tuple(size for n in inner for size in (1, n)))
    return reshape(wide * deep, tuple(m * n for m, n in zip(outer, inner, strict=True)))


def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """The vector product of vectors of three elements along ``axis``.

    Formula: (a₂b₃ − a₃b₂, a₃b₁ − a₁b₃, a₁b₂ − a₂b₁).

    Raises:
        ShapeError: for vectors of another length.

    Example:
        >>> import chainrule as cr
        >>> cr.cross(cr.tensor([1.0, 0.0, 0.0]), cr.tensor([0.0, 1.0, 0.0])).numpy()
        array([0., 0., 1.], dtype=float32)
    """
    left, right = common_dtype("cross", lift([a, b]), real=False)
    for each in (left, right):
        along = shapes.normal_axis("cross", axis, len(each.shape))
        if each.shape[along] != 3:
            raise ShapeError(
                f"cross: {left.describe()} and {right.describe()}: axis {axis} must "
                "have 3 elements in both"
            )
    first, second = moveaxis(left, axis, -1), moveaxis(right, axis, -1)
    product = roll(first, -1, -1) * roll(second, 1, -1)
    product = product - roll(first, 1, -1) * roll(second, -1, -1)
    return moveaxis(product, -1, axis)


def outer(a: Any, b: Any) -> Any:
    """The products of every pair: yᵢⱼ = aᵢ bⱼ for vectors a and b.

    Example:
        >>> import chainrule as cr
        >>> cr.outer(cr.tensor([1.0, 2.0]), cr.tensor([3.0, 4.0])).numpy()
        array([[3., 4.],
               [6., 8.]], dtype=float32)
    """
    left, right = lift([a, b])
    if len(left.shape) != 1 or len(right.shape) != 1:
        raise ShapeError(
            f"outer: {left.describe()} and {right.describe()}: expected two vectors"
        )
    return matmul(expand_dims(left, 1), expand_dims(right, 0))
