"""Matrices of any shape and rank: ``lstsq``, ``pinv`` and ``matrix_rank``.

Place on the road: primitives of this room. They go by the singular values that exceed
``rcond`` times the largest one. Their rules hold where the rank does not change nearby.

Source: Golub & Pereyra (1973), "The differentiation of pseudo-inverses and nonlinear
least squares problems whose variables separate", equation 4.12.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import dtypes, shapes
from ..dtypes import DType
from ..errors import ArgumentError, ShapeError
from ..graph import Array, Node
from ..ops.arrays import constant, lift
from ..ops.composed import square
from ..ops.elementwise import greater
from ..ops.matmul import swap
from ..ops.movement import reshape
from ..ops.primitive import Kind, Primitive, common_dtype
from ..shapes import Shape
from .matrices import check_finite, check_matrix, named
from .spectral import singular_values

# What NumPy does. ---------------------------------------------------------------------


def _decomposed(operation: str, a: Array, rcond: float) -> tuple[Array, Array, Array]:
    """U, 1/σ and Vᵀ, with 0 for 1/σ where σ counts as 0."""
    check_finite(operation, a=a)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    kept = s > rcond * s.max(axis=-1, initial=0.0)[..., None]
    inverse = np.divide(1, s, where=kept, out=np.zeros_like(s))
    return u, inverse, vh


def _pseudo_inverse(a: Array, rcond: float, operation: str) -> Array:
    u, inverse, vh = _decomposed(operation, a, rcond)
    result: Array = (vh.swapaxes(-1, -2) * inverse[..., None, :]) @ u.swapaxes(-1, -2)
    return result


def _least_squares(a: Array, b: Array, rcond: float) -> Array:
    check_finite("lstsq", b=b)
    u, inverse, vh = _decomposed("lstsq", a, rcond)
    result: Array = vh.swapaxes(-1, -2) @ (
        inverse[..., :, None] * (u.swapaxes(-1, -2) @ b)
    )
    return result


# Primitives. --------------------------------------------------------------------------


def _infer_pinv(a: Node, **_: Any) -> tuple[Shape, DType]:
    *batch, m, n = a.shape
    return (*batch, n, m), a.dtype


def _pinv_rule(g: Any, y: Any, a: Any) -> tuple[Any]:
    """−P ᵀG Pᵀ + (I − A P) Gᵀ P Pᵀ + Pᵀ P Gᵀ (I − P A), with P = A⁺."""
    p, turned = swap(y), swap(g)
    outside = turned @ y @ p
    inside = p @ y @ turned
    return (-(p @ g @ p) + (outside - a @ (y @ outside)) + (inside - (inside @ y) @ a),)


_pinv = Primitive(
    "pinv",
    "A⁺, the pseudo-inverse of Moore and Penrose",
    _infer_pinv,
    _pseudo_inverse,
    _pinv_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)


def _infer_lstsq(a: Node, b: Node, rcond: float) -> tuple[Shape, DType]:
    pair = f"{named('a', a)} with {named('b', b)}"
    batch = shapes.broadcast("lstsq", [a.shape[:-2], b.shape[:-2]], [pair], after=2)
    if b.shape[-2] != a.shape[-2]:
        raise ShapeError(
            f"lstsq: {pair}: {a.shape[-2]} ≠ {b.shape[-2]}; b must have as many rows "
            "as a"
        )
    return (*batch, a.shape[-1], b.shape[-1]), a.dtype


def _lstsq_rule(g: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """With P = A⁺, h = Pᵀ G and the residual r = B − A X: ∂L/∂B = h, and ∂L/∂A =
    −h Xᵀ + r (P h)ᵀ + Pᵀ X (G − Aᵀ h)ᵀ.
    """
    p = _pinv(a, rcond=x.params["rcond"], operation="lstsq")
    h = swap(p) @ g
    to_a = (
        -(h @ swap(x))
        + (b - a @ x) @ swap(p @ h)
        + (swap(p) @ x) @ swap(g - swap(a) @ h)
    )
    return to_a, h


_lstsq = Primitive(
    "lstsq",
    "the shortest X of those with the least ‖A X − B‖: A⁺ B",
    _infer_lstsq,
    _least_squares,
    _lstsq_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)

# Functions. ---------------------------------------------------------------------------


def _cutoff(operation: str, node: Node, rcond: float | None) -> float:
    """The given ratio, or max(m, n) times the rounding of the dtype."""
    if rcond is None:
        eps = np.finfo(dtypes.float_for(node.dtype)).eps
        return float(max(node.shape[-2:]) * eps)
    if isinstance(rcond, Node) or not 0 <= float(rcond) < 1:
        raise ArgumentError(
            f"{operation}: rcond={rcond!r}: expected a number of at least 0 and below 1"
        )
    return float(rcond)


def pinv(a: Any, rcond: float | None = None) -> Any:
    """The pseudo-inverse of Moore and Penrose, A⁺.

    Formula: A⁺ = V diag(1/σ) Uᵀ over the singular values σ that are not 0. With G =
    ∂L/∂A⁺ and P = A⁺: ∂L/∂A = −Pᵀ G Pᵀ + (I − A P) Gᵀ P Pᵀ + Pᵀ P Gᵀ (I − P A), where
    the rank is the same nearby.

    Shapes: (…, m, n) → (…, n, m).

    Arguments:
        rcond: singular values below ``rcond`` times the largest count as 0; default:
            max(m, n) times the rounding of the dtype.

    Raises:
        ShapeError: for a tensor without two axes.
        LinAlgError: for NaN.

    Source: Golub & Pereyra (1973).

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.pinv(cr.tensor([[2.0, 0.0], [0.0, 0.0]])).numpy()
        array([[0.5, 0. ],
               [0. , 0. ]], dtype=float32)
    """
    (node,) = lift([a])
    check_matrix("pinv", node)
    return _pinv(node, rcond=_cutoff("pinv", node, rcond), operation="pinv")


class LstsqResult(NamedTuple):
    """The solution, its squared residuals, the rank of A and its singular values."""

    x: Any
    residuals: Any
    rank: Any
    s: Any


def lstsq(a: Any, b: Any, rcond: float | None = None) -> LstsqResult:
    """The least-squares solution of A X ≈ B: of those with the least ‖A X − B‖, the
    shortest.

    Formula: X = A⁺ B. With G = ∂L/∂X, P = A⁺ and h = Pᵀ G: ∂L/∂B = h, ∂L/∂A = −h Xᵀ +
    (B − A X)(P h)ᵀ + PᵀX (G − Aᵀh)ᵀ, where the rank is the same nearby.

    Shapes: a (…, m, n), b (…, m, k) or (m,) → x (…, n, k) or (n,); leading axes
    broadcast.

    Arguments:
        rcond: singular values below ``rcond`` times the largest count as 0; default:
            max(m, n) times the rounding of the dtype.

    Returns:
        The named values x, residuals, rank and s, as NumPy's. Residuals are Σ (B − A
        X)² of each column for m > n, and of size 0 otherwise; NumPy's are of size 0
        for matrices of less than full rank, too, which no shape can say beforehand.

    Raises:
        ShapeError: where a and b have different numbers of rows.
        LinAlgError: for NaN.

    Source: Golub & Pereyra (1973).

    Example:
        >>> import chainrule as cr
        >>> a = cr.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        >>> cr.linalg.lstsq(a, [1.0, 3.0, 5.0]).x.numpy().round(4)
        array([1., 2.], dtype=float32)
    """
    left, right = common_dtype("lstsq", lift([a, b]), real=True)
    check_matrix("lstsq", left)
    vector = len(right.shape) == 1
    if vector:
        right = reshape(right, (*right.shape, 1))
    check_matrix("lstsq", right, "b")
    cutoff = _cutoff("lstsq", left, rcond)
    x = _lstsq(left, right, rcond=cutoff)
    difference: Any = right - left @ x
    rest = square(difference).sum(axis=-2)
    if left.shape[-2] <= left.shape[-1]:
        rest = rest[..., :0]
    s = singular_values("lstsq", left)
    return LstsqResult(x[..., 0] if vector else x, rest, _rank(s, cutoff), s)


def matrix_rank(a: Any, rcond: float | None = None) -> Any:
    """How many singular values are not 0: an integer, without a gradient.

    Shapes: (…, m, n) → (…).

    Arguments:
        rcond: singular values below ``rcond`` times the largest count as 0; default:
            max(m, n) times the rounding of the dtype.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.matrix_rank(cr.ones((3, 3))).item()
        1
    """
    (node,) = lift([a])
    check_matrix("matrix_rank", node)
    return _rank(
        singular_values("matrix_rank", node), _cutoff("matrix_rank", node, rcond)
    )


def _rank(s: Any, cutoff: float) -> Any:
    if s.shape[-1] == 0:
        return constant(np.zeros(s.shape[:-1], np.int64))
    return greater(s, cutoff * s.max(axis=-1, keepdims=True)).sum(axis=-1)
