"""Functions of matrices made of others: ``norm``, ``cond``, ``trace``,
``matrix_power``, ``diagonal``.

Place on the road: above the primitives of this room; the chain rule goes through them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np

from .. import dtypes, shapes
from ..arrays import matrices
from ..errors import ArgumentError, ShapeError
from ..graph import Node
from ..ops import composed
from ..ops.arrays import constant, lift
from ..ops.elementwise import absolute, not_equal, where
from ..ops.movement import broadcast_to, reshape, transpose
from ..ops.reduction import max as largest
from ..ops.reduction import min as smallest
from ..ops.reduction import sum as total
from .matrices import check_matrix, check_square
from .spectral import singular_values
from .systems import inverse_of

Order = float | str | None

_VECTOR_ORDERS = "None, a number, inf or -inf"
_MATRIX_ORDERS = "None, 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2"


def norm(
    x: Any,
    ord: Order = None,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
) -> Any:
    """A norm of vectors or of matrices, with the orders of NumPy.

    Formula, of vectors: (Σ |xᵢ|ᵖ)^(1/p) for the order p; max |xᵢ| for inf, min |xᵢ| for
    -inf, the number of elements that are not 0 for 0. Of matrices: √Σ xᵢⱼ² for "fro",
    Σ σᵢ for "nuc", the largest column sum Σᵢ |xᵢⱼ| for 1 and row sum for inf, σ₁ for 2;
    the smallest ones for -1, -inf and -2. None is √Σx² of all elements. Where a norm
    has a corner, its gradient is one of its subgradients: 0 at x = 0.

    Arguments:
        ord: the order.
        axis: a number for norms of vectors along it, a pair for norms of matrices in
            these two axes. None: x is a vector or a matrix; with any number of axes
            where ``ord`` is None.
        keepdims: whether the axes stay, with length 1.

    Raises:
        ArgumentError: for an order that vectors, or matrices, do not have.
        ShapeError: for an order and a tensor that is neither vector nor matrix.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[3.0, 0.0], [4.0, 5.0]])
        >>> cr.linalg.norm(x, 1).item(), cr.linalg.norm(x, "nuc", axis=(0, 1)).ndim
        (7.0, 0)
    """
    node = _real(x)
    ndim = len(node.shape)
    if axis is None and ord is None:
        return composed.norm(node, None, keepdims)
    if axis is None and ndim not in (1, 2):
        raise ShapeError(
            f"norm: {node.describe()} with ord={ord!r}: expected a vector or a matrix",
            fix="axis=-1 for norms of vectors, axis=(-2, -1) for norms of matrices",
        )
    axes = shapes.normal_axes("norm", axis, ndim)
    if axis is not None and not isinstance(axis, SupportsIndex):
        # a pair in the order given: rows, columns
        axes = tuple(shapes.normal_axis("norm", each, ndim) for each in axis)
    if len(axes) == 1:
        return _vector_norm(node, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ShapeError(f"norm: {node.describe()}: axis={axis}: expected one or two")
    return _matrix_norm(node, ord, (axes[0], axes[1]), keepdims)


def _real(x: Any) -> Any:
    (node,) = lift([x])
    return node.astype(dtypes.float_for(node.dtype))  # type: ignore[attr-defined]


def _vector_norm(x: Any, ord: Order, axis: int, keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return composed.norm(x, axis, keepdims)
    if isinstance(ord, str):
        raise ArgumentError(
            f"norm: {x.describe()}: vectors have no norm of order {ord!r}: expected "
            f"{_VECTOR_ORDERS}"
        )
    if ord == math.inf:
        return largest(absolute(x), axis, keepdims)
    if ord == -math.inf:
        return smallest(absolute(x), axis, keepdims)
    if ord == 0:
        return total(not_equal(x, 0), axis, keepdims).astype(x.dtype)
    if ord == 1:
        return total(absolute(x), axis, keepdims)
    p = float(ord)
    none = x == 0
    powers = where(none, 0.0 if p > 0 else math.inf, absolute(where(none, 1.0, x)) ** p)
    powers = total(powers, axis, keepdims)
    flat = (powers == 0) | (powers == math.inf)
    ends = where(powers == 0, 0.0 if p > 0 else math.inf, math.inf if p > 0 else 0.0)
    return where(flat, ends, where(flat, 1.0, powers) ** (1 / p))


def _matrix_norm(x: Any, ord: Order, axes: tuple[int, int], keepdims: bool) -> Any:
    row, column = axes
    if row == column:
        raise ArgumentError(f"norm: axis={axes}: the two axes must differ")
    if ord is None or ord == "fro":
        return composed.norm(x, axes, keepdims)
    extreme = smallest if isinstance(ord, (int, float)) and ord < 0 else largest
    if ord in (1, -1, math.inf, -math.inf):
        along, over = (row, column) if ord in (1, -1) else (column, row)
        found = extreme(total(absolute(x), along, True), over, True)
    elif ord in (2, -2, "nuc"):
        others = [i for i in range(len(x.shape)) if i not in axes]
        s = singular_values("norm", transpose(x, [*others, row, column]))
        found = total(s, -1) if ord == "nuc" else extreme(s, -1)
        kept = shapes.reduced(x.shape, tuple(sorted(axes)), True)
        found = reshape(found, kept)
    else:
        raise ArgumentError(
            f"norm: {x.describe()}: matrices have no norm of order {ord!r}: expected "
            f"{_MATRIX_ORDERS}"
        )
    return found if keepdims else composed.squeeze(found, axes)


def cond(x: Any, p: Order = None) -> Any:
    """The condition number: by how much A x = b may magnify an error of b.

    Formula: σ₁ / σₙ for p = None and 2, σₙ / σ₁ for -2, else ‖A‖ₚ ‖A⁻¹‖ₚ.

    Shapes: (…, m, n) → (…); square matrices for other p than None, 2 and -2.

    Raises:
        ArgumentError: for an order that matrices do not have.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.cond(cr.tensor([[4.0, 0.0], [0.0, 2.0]])).item()
        2.0
    """
    node = _real(x)
    check_matrix("cond", node)
    if p is None or p in (2, -2):
        s = singular_values("cond", node)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return norm(node, p, (-2, -1)) * norm(inverse_of(node, "cond"), p, (-2, -1))


def diagonal(x: Any, offset: int = 0) -> Any:
    """The elements xᵢⱼ with j = i + offset of each matrix.

    Shapes: (…, m, n) → (…, k).

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.diagonal(cr.tensor([[1, 2], [3, 4]])).numpy()
        array([1, 4])
    """
    (node,) = lift([x])
    check_matrix("diagonal", node, "x")
    return matrices.diagonal(node, offset, -2, -1)


def trace(x: Any, offset: int = 0) -> Any:
    """The sum of the diagonal of each matrix.

    Shapes: (…, m, n) → (…).

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.trace(cr.tensor([[1.0, 2.0], [3.0, 4.0]])).item()
        5.0
    """
    return total(diagonal(x, offset), -1)


def matrix_power(a: Any, n: int) -> Any:
    """A square matrix multiplied by itself: Aⁿ, by ⌈log₂ n⌉ squarings.

    Shapes: (…, k, k) → (…, k, k). A negative n takes the inverse first.

    Raises:
        ArgumentError: for an n that is not a whole number.
        ShapeError: for a matrix that is not square.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.matrix_power(cr.tensor([[1, 1], [1, 0]]), 10).numpy()
        array([[89, 55],
               [55, 34]])
    """
    (node,) = lift([a])
    check_square("matrix_power", node)
    if isinstance(n, (bool, Node)) or not isinstance(n, SupportsIndex):
        raise ArgumentError(f"matrix_power: n={n!r}: expected a whole number")
    exponent = n.__index__()
    factor: Any = inverse_of(node, "matrix_power") if exponent < 0 else node
    exponent = abs(exponent)
    if exponent == 0:
        return broadcast_to(constant(np.eye(node.shape[-1]), node.dtype), node.shape)
    result = None
    while exponent:
        if exponent & 1:
            result = factor if result is None else result @ factor
        exponent >>= 1
        if exponent:
            factor = factor @ factor
    return result
