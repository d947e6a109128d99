"""Linear equations: ``solve``, ``inv`` and ``solve_triangular``.

Place on the road: primitives of this room, declared as anybody's are. The meaning is
LAPACK's, from NumPy for many small matrices at once and from SciPy for large ones; an
engine calls it.

A matrix counts as singular where its condition number, after its rows and columns were
brought to one size, exceeds 1/ε: then no digit of a solution is right.

Source: the rules are those of Giles (2008), "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation", section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import shapes
from ..dtypes import DType
from ..errors import ArgumentError, ShapeError
from ..graph import Array, Node
from ..ops.arrays import lift
from ..ops.matmul import swap
from ..ops.movement import reshape
from ..ops.primitive import Kind, Primitive
from ..shapes import Shape
from .matrices import (
    check_finite,
    check_matrix,
    check_square,
    flat,
    mask,
    named,
    refuse,
    refuse_singular,
)

#: Matrices up to this size are inverted to find their condition where there are many.
SMALL = 32

# What NumPy and SciPy do. -------------------------------------------------------------


def lapack(name: str, array: Array) -> Any:
    """SciPy's LAPACK function of this name for the array's dtype."""
    from scipy.linalg import get_lapack_funcs  # imported when used: 0.1 s

    return get_lapack_funcs(name, (array,))


def _scales(a: Array, axis: int) -> Array:
    """Powers of two that bring the largest number along an axis to between ½ and 1."""
    largest = np.abs(a).max(axis=axis, initial=0.0, keepdims=True)
    _, exponent = np.frexp(largest)
    scales: Array = np.ldexp(np.ones_like(largest), -exponent)
    return scales


def _equilibrated(a: Array) -> tuple[Array, Array, Array]:
    """A with rows and columns of one size, and by what: both columns of factors.

    Powers of two round nothing, so a solution has the digits that it would have. What
    is left of the condition is no matter of units, of rows or of columns: so a matrix
    and its transpose are singular together.
    """
    rows = _scales(a, -1)
    scaled = a * rows
    columns = _scales(scaled, -2)
    return scaled * columns, rows, columns.swapaxes(-1, -2)


def _one_norm(a: Array) -> Array:
    norm: Array = np.abs(a).sum(axis=-2).max(axis=-1, initial=0.0)
    return norm


def _inverse(a: Array, operation: str) -> Array:
    check_finite(operation, a=a)
    scaled, rows, columns = _equilibrated(a)
    try:
        inverse: Array = np.linalg.inv(scaled)
    except np.linalg.LinAlgError:
        refuse_singular(operation, a, np.linalg.slogdet(scaled)[0] == 0)
        raise
    condition = _one_norm(scaled) * _one_norm(inverse)
    beyond = ~(condition * np.finfo(a.dtype).eps < 1) & (a.shape[-1] > 0)
    refuse_singular(operation, a, beyond)
    return columns * inverse * rows.swapaxes(-1, -2)


def _solution(a: Array, b: Array, operation: str) -> Array:
    """One factorization for each matrix of a, however many right sides it has."""
    check_finite(operation, a=a, b=b)
    n, k = b.shape[-2:]
    if a.ndim == 2 and b.ndim > 2:  # one matrix for all: its right sides side by side
        columns = np.moveaxis(b, -2, 0).reshape(n, shapes.size(b.shape[:-2]) * k)
        found = _solution(a, columns, operation)
        return np.moveaxis(found.reshape(n, *b.shape[:-2], k), 0, -2)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if n <= SMALL and np.prod(batch) > 1:  # quicker than a loop, with the inverse
        _inverse(a, operation)  # for its condition
        equal, rows, columns = _equilibrated(a)
        solution: Array = columns * np.linalg.solve(equal, b * rows)
        return solution
    result = np.empty((*batch, n, k), a.dtype)
    if result.size == 0:
        return result
    equal, rows, columns = _equilibrated(a)
    scaled, sides = flat(equal, batch), flat(b * rows, batch)
    beyond = np.zeros(len(scaled), bool)
    factor, estimate, divide = (lapack(each, a) for each in ("getrf", "gecon", "getrs"))
    eps = np.finfo(a.dtype).eps
    for i, (matrix, side) in enumerate(zip(scaled, sides, strict=True)):
        factors, pivots, failed = factor(matrix)
        condition = 0.0 if failed else estimate(factors, _one_norm(matrix))[0]
        beyond[i] = not condition > eps
        if not beyond[i]:
            result.reshape(-1, n, k)[i] = divide(factors, pivots, side)[0]
    whole = np.broadcast_to(a, (*batch, n, n)) if a.ndim > 2 else a
    wrong = beyond.reshape(batch) if a.ndim > 2 else beyond.any()
    refuse_singular(operation, whole, wrong)
    solution = result * columns
    return solution


def _triangular(
    a: Array, b: Array, lower: bool, trans: int, unit: bool, operation: str
) -> Array:
    check_finite(operation, a=a, b=b)
    n, k = b.shape[-2:]
    diagonal = np.abs(np.diagonal(a, axis1=-2, axis2=-1))
    if operation == "qr":  # in its backward rule: R has columns as long as those of A
        least = n * np.finfo(a.dtype).eps * np.linalg.norm(np.triu(a), axis=-2)
        refuse(operation, a, (diagonal <= least).any(axis=-1), _DEPENDENT)
    elif not unit:
        refuse_singular(operation, a, (diagonal == 0).any(axis=-1))
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if n <= SMALL and np.prod(batch) > 1:
        triangle = np.tril(a) if lower else np.triu(a)
        if unit:
            triangle = triangle * (1 - np.eye(n, dtype=a.dtype))
            triangle = triangle + np.eye(n, dtype=a.dtype)
        triangle = triangle.swapaxes(-1, -2) if trans else triangle
        solution: Array = np.linalg.solve(triangle, np.broadcast_to(b, (*batch, n, k)))
        return solution
    result = np.empty((*batch, n, k), a.dtype)
    if result.size:
        divide = lapack("trtrs", a)
        pairs = zip(flat(a, batch), flat(b, batch), strict=True)
        for i, (matrix, side) in enumerate(pairs):
            found, _ = divide(matrix, side, lower=lower, trans=trans, unitdiag=unit)
            result.reshape(-1, n, k)[i] = found
    return result


_DEPENDENT = "of linearly dependent columns: Q and R have no derivative"

# Primitives. --------------------------------------------------------------------------


def _infer_solve(a: Node, b: Node, operation: str, **_: Any) -> tuple[Shape, DType]:
    pair = f"{named('a', a)} with {named('b', b)}"
    batch = shapes.broadcast(operation, [a.shape[:-2], b.shape[:-2]], [pair], after=2)
    if b.shape[-2] != a.shape[-1]:
        raise ShapeError(
            f"{operation}: {pair}: {a.shape[-1]} ≠ {b.shape[-2]}; b must have as many "
            "rows as a has columns"
        )
    return (*batch, *b.shape[-2:]), a.dtype


def _solve_rule(g: Any, x: Node, a: Node, b: Node) -> tuple[Any, Any]:
    to_b = _solve(swap(a), g, **x.params)
    return -to_b @ swap(x), to_b


_solve: Primitive = Primitive(
    "solve",
    "the X with A X = B",
    _infer_solve,
    _solution,
    _solve_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)


def _inv_rule(g: Any, y: Node, a: Node) -> tuple[Any]:
    turned = swap(y)
    return (-(turned @ g @ turned),)


_inv = Primitive(
    "inv",
    "A⁻¹, with A⁻¹ A = I",
    lambda a, operation: (a.shape, a.dtype),
    _inverse,
    _inv_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)


def _triangular_rule(g: Any, x: Node, a: Node, b: Node) -> tuple[Any, Any]:
    lower, trans, unit = (x.params[each] for each in ("lower", "trans", "unit"))
    to_b = _solve_triangular(a, g, **{**x.params, "trans": 1 - trans})
    to_a = -(x @ swap(to_b)) if trans else -(to_b @ swap(x))
    n = a.shape[-1]
    return to_a * mask(n, n, a.dtype, lower=lower, diagonal=not unit), to_b


_solve_triangular: Primitive = Primitive(
    "solve_triangular",
    "the X with A X = B, or Aᵀ X = B, for a triangular A",
    _infer_solve,
    _triangular,
    _triangular_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)

# Functions. ---------------------------------------------------------------------------


def solve(a: Any, b: Any) -> Any:
    """The solution X of the linear equations A X = B.

    Formula: X = A⁻¹ B. With G = ∂L/∂X: ∂L/∂B = A⁻ᵀ G, ∂L/∂A = −(A⁻ᵀ G) Xᵀ.

    Shapes: a (…, n, n), b (…, n, k) → (…, n, k); leading axes broadcast. A ``b`` of one
    axis is a single right side, (n,), as in NumPy 2.

    Raises:
        ShapeError: for a matrix that is not square, or another number of rows in b.
        LinAlgError: for a matrix that is singular to working precision, and for NaN.

    Source: Giles (2008), 2.3.1.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.solve(cr.tensor([[2.0, 0.0], [1.0, 4.0]]), [2.0, 9.0]).numpy()
        array([1., 2.], dtype=float32)
    """
    return _with_columns(_solve, a, b, operation="solve")


def _with_columns(primitive: Primitive, a: Any, b: Any, **params: Any) -> Any:
    """A primitive of matrices a and b, where b may be a single vector."""
    left, right = lift([a, b])
    check_square(params["operation"], left)
    if len(right.shape) == 1:
        column = primitive(left, reshape(right, (*right.shape, 1)), **params)
        return reshape(column, column.shape[:-1])
    check_matrix(params["operation"], right, "b")
    return primitive(left, right, **params)


def inv(a: Any) -> Any:
    """The inverse of a square matrix, A⁻¹.

    With G = ∂L/∂A⁻¹: ∂L/∂A = −A⁻ᵀ G A⁻ᵀ. For A⁻¹ b, ``solve`` is quicker and more
    accurate.

    Shapes: (…, n, n) → (…, n, n).

    Raises:
        ShapeError: for a matrix that is not square.
        LinAlgError: for a matrix that is singular to working precision, and for NaN.

    Source: Giles (2008), 2.2.3.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.inv(cr.tensor([[2.0, 0.0], [0.0, 4.0]])).numpy()
        array([[0.5 , 0.  ],
               [0.  , 0.25]], dtype=float32)
    """
    return inverse_of(a, "inv")


def inverse_of(a: Any, operation: str) -> Any:
    """``inv``, whose errors name the operation that needs it."""
    (node,) = lift([a])
    check_square(operation, node)
    return _inv(node, operation=operation)


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """The solution X of A X = B for a triangular A, with the arguments of SciPy.

    Formula: X = A⁻¹ B by substitution. With G = ∂L/∂X: ∂L/∂B = A⁻ᵀ G, and ∂L/∂A =
    −(A⁻ᵀ G) Xᵀ in the triangle that is read; the other has no gradient.

    Shapes: a (…, n, n), b (…, n, k) or (n,) → that of b; leading axes broadcast.

    Arguments:
        trans: 0 or "N" for A X = B; 1 or "T" for Aᵀ X = B.
        lower: whether the lower triangle of a is read, else the upper one.
        unit_diagonal: whether the diagonal is taken for ones, and not read.

    Raises:
        ArgumentError: for another ``trans``.
        ShapeError: for a matrix that is not square, or another number of rows in b.
        LinAlgError: where a 0 is on the diagonal, and for NaN.

    Example:
        >>> import chainrule as cr
        >>> a = cr.tensor([[2.0, 0.0], [1.0, 4.0]])
        >>> cr.linalg.solve_triangular(a, [2.0, 9.0], lower=True).numpy()
        array([1., 2.], dtype=float32)
    """
    turned = {0: 0, "N": 0, 1: 1, "T": 1, 2: 1, "C": 1}.get(trans)
    if turned is None:
        raise ArgumentError(
            f"solve_triangular: trans={trans!r}: expected 0 or 'N' for A X = B, 1 or "
            "'T' for Aᵀ X = B"
        )
    return _with_columns(
        _solve_triangular, a, b, lower=bool(lower), trans=turned,
        unit=bool(unit_diagonal), operation="solve_triangular",
    )  # fmt: skip


def divide_by_triangle(
    a: Any, b: Any, *, lower: bool, trans: int, operation: str
) -> Any:
    """``solve_triangular`` in the backward rule of a factorization, which it names."""
    return _solve_triangular(
        a, b, lower=lower, trans=trans, unit=False, operation=operation
    )
