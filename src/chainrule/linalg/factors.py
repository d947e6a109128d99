"""Triangular factors: ``cholesky`` and ``qr``.

Place on the road: primitives of this room. The two factors of ``qr`` are one array, as
the value of a primitive is: row i holds the i-th column of Q and behind it the i-th row
of R. Slices of it are Q and R.

Sources: Seeger, Hetzel, Dai, Meissner & Lawrence (2017), "Auto-differentiating linear
algebra"; Walter & Lehmann (2010), "Algorithmic differentiation of linear algebra
functions"; Murray (2016), "Differentiation of the Cholesky decomposition".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..dtypes import DType
from ..errors import unknown_option
from ..graph import Array, Node
from ..ops.arrays import lift
from ..ops.matmul import swap
from ..ops.movement import concatenate, pad
from ..ops.primitive import Kind, Primitive
from ..shapes import Shape
from .matrices import check_finite, check_matrix, check_square, mask, refuse
from .systems import divide_by_triangle

# Cholesky. ----------------------------------------------------------------------------


def _lower_factor(a: Array) -> Array:
    check_finite("cholesky", a=a)
    try:
        factor: Array = np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        refuse(
            "cholesky", a, _not_positive(a), "not positive definite",
            "A + εI, with a small ε, is positive definite where A is so but for "
            "rounding",
        )  # fmt: skip
        raise
    return factor


def _not_positive(a: Array) -> Array:
    """For each matrix, whether it has no Cholesky factor."""
    found = np.zeros(a.shape[:-2], bool)
    for place in np.ndindex(found.shape):
        try:
            np.linalg.cholesky(a[place])
        except np.linalg.LinAlgError:
            found[place] = True
    return found


def _cholesky_rule(g: Any, y: Node, a: Node) -> tuple[Any]:
    """½ L⁻ᵀ (P + Pᵀ) L⁻¹, with P = Φ(Lᵀ G): the lower triangle, half the diagonal."""
    n = a.shape[-1]
    whole = mask(n, n, a.dtype, lower=True, diagonal=True)
    strict = mask(n, n, a.dtype, lower=True, diagonal=False)
    lower = (swap(y) @ g) * (0.5 * (whole + strict))
    rows = divide_by_triangle(
        y, lower + swap(lower), lower=True, trans=1, operation="cholesky"
    )
    both = divide_by_triangle(y, swap(rows), lower=True, trans=1, operation="cholesky")
    return (0.5 * both,)


_cholesky = Primitive(
    "cholesky",
    "the lower triangular L with L Lᵀ = A",
    lambda a: (a.shape, a.dtype),
    _lower_factor,
    _cholesky_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """The Cholesky factor of a symmetric, positive definite matrix: A = L Lᵀ.

    Formula: with G = ∂L/∂L and P the lower triangle of LᵀG with half its diagonal,
    ∂L/∂A = ½ L⁻ᵀ (P + Pᵀ) L⁻¹.

    ``a`` is taken to be symmetric: only one triangle of it is read, and the gradient,
    that of symmetric changes, is symmetric.

    Shapes: (…, n, n) → (…, n, n).

    Arguments:
        upper: whether the upper triangle is read, and U = Lᵀ with A = Uᵀ U returned.

    Raises:
        ShapeError: for a matrix that is not square.
        LinAlgError: for a matrix that is not positive definite, and for NaN.

    Source: Murray (2016), equations 9 and 10.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.cholesky(cr.tensor([[4.0, 2.0], [2.0, 10.0]])).numpy()
        array([[2., 0.],
               [1., 3.]], dtype=float32)
    """
    (node,) = lift([a])
    check_square("cholesky", node)
    return swap(_cholesky(swap(node))) if upper else _cholesky(node)


# QR. ----------------------------------------------------------------------------------


class QRResult(NamedTuple):
    """Q and R, with A = Q R."""

    Q: Any
    R: Any


def _packed_qr(a: Array) -> Array:
    check_finite("qr", a=a)
    q, r = np.linalg.qr(a)
    packed: Array = np.concatenate([q.swapaxes(-1, -2), r], axis=-1)
    return packed


def _infer_qr(a: Node) -> tuple[Shape, DType]:
    *batch, m, n = a.shape
    return (*batch, n, m + n), a.dtype


def _qr_rule(g: Any, y: Node, a: Node) -> tuple[Any]:
    """(G_Q + Q copyltu(M)) R⁻ᵀ, with M = R G_Rᵀ − G_Qᵀ Q (Seeger et al., 2017)."""
    m, n = a.shape[-2:]
    q, r = _columns(y, m)
    g_q, g_r = _columns(g, m)
    difference = r @ swap(g_r) - swap(g_q) @ q
    lower = difference * mask(n, n, a.dtype, lower=True, diagonal=True)
    strict = difference * mask(n, n, a.dtype, lower=True, diagonal=False)
    left = g_q + q @ (lower + swap(strict))
    turned = divide_by_triangle(r, swap(left), lower=False, trans=0, operation="qr")
    return (swap(turned),)


def _columns(packed: Any, m: int) -> tuple[Any, Any]:
    """Q and R of the array that holds both."""
    return swap(packed[..., :m]), packed[..., m:]


_qr = Primitive(
    "qr",
    "Q and R with A = Q R, row i: column i of Q, row i of R",
    _infer_qr,
    _packed_qr,
    _qr_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)


def _completion(q: Array) -> Array:
    k = q.shape[-1]
    whole: Array = np.linalg.qr(q, mode="complete")[0]
    return whole[..., k:]


def _infer_completion(q: Node) -> tuple[Shape, DType]:
    *batch, m, k = q.shape
    return (*batch, m, m - k), q.dtype


#: The rule is that of a basis that turns no more than it must: UᵀdU = 0 inside it.
_complement = Primitive(
    "complement",
    "orthonormal columns that complete those of Q to a basis",
    _infer_completion,
    _completion,
    lambda g, y, q: (-(y @ swap(g) @ q),),
    kind=Kind.FACTORIZATION,
)


def completed(q: Any) -> Any:
    """Orthonormal columns (…, m, k), with m − k more that are orthogonal to them."""
    m, k = q.shape[-2:]
    return q if m == k else concatenate([q, _complement(q)], axis=-1)


def qr(a: Any, mode: str = "reduced") -> Any:
    """The QR factorization A = Q R: orthonormal columns Q, upper triangular R.

    Formula, for m ≥ n: with M = R G_Rᵀ − G_Qᵀ Q and copyltu, its lower triangle
    mirrored, ∂L/∂A = (G_Q + Q copyltu(M)) R⁻ᵀ. For m < n the first m columns are
    factored, and the others are Qᵀ times those of A.

    Shapes: (…, m, n) → Q (…, m, k), R (…, k, n), with k = min(m, n).

    Arguments:
        mode: "reduced"; "complete", where k = m; or "r", which returns R alone.

    Returns:
        The named pair (Q, R); R alone for "r". The columns that "complete" adds are
        one basis of many: only gradients of functions that do not depend on which are
        defined.

    Raises:
        ShapeError: for a tensor without two axes.
        OptionError: for another mode.
        LinAlgError: for NaN; in the backward pass, where the first k columns of A are
            linearly dependent.

    Source: Seeger et al. (2017), section 3.2; Walter & Lehmann (2010).

    Example:
        >>> import chainrule as cr
        >>> q, r = cr.linalg.qr(cr.tensor([[0.0, 2.0], [1.0, 3.0]]))
        >>> cr.abs(r).numpy().round(6)
        array([[1., 3.],
               [0., 2.]], dtype=float32)
    """
    if mode not in ("reduced", "complete", "r"):
        raise unknown_option("mode of qr", mode, ["reduced", "complete", "r"])
    (node,) = lift([a])
    check_matrix("qr", node)
    m, n = node.shape[-2:]
    square: Any = node
    if m < n:
        square = square[..., :m]
    q, r = _columns(_qr(square), m)
    if m < n:
        r = concatenate([r, swap(q) @ node[..., m:]], axis=-1)  # type: ignore[index]
    if mode == "complete" and m > n:
        rows = [(0, 0)] * (len(r.shape) - 2) + [(0, m - n), (0, 0)]
        return QRResult(completed(q), pad(r, rows))
    return r if mode == "r" else QRResult(q, r)
