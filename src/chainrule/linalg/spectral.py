"""Eigenvalues and singular values: ``eigh``, ``svd`` and what is read off them.

Place on the road: primitives of this room. What belongs together is one array, as the
value of a primitive is: of ``eigh``, column j holds the j-th eigenvector and below it
its eigenvalue; of ``svd``, column j holds uⱼ, σⱼ and vⱼ.

Where two values are equal, their vectors are one choice of many, and a rule that is
handed the gradients of vectors and of values cannot tell a function that depends on the
choice from one that does not, nor know the derivative of the latter: it is 0 / 0. There
``over_differences`` raises an error, unless the function does not use those vectors.

Sources: Giles (2008), "Collected matrix derivative results", section 3; Seeger et al.
(2017), "Auto-differentiating linear algebra", section 3; Wan & Zhang (2019) for the
sums and differences of singular values.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from ..dtypes import DType
from ..errors import LinAlgError, unknown_option
from ..graph import Array, Node
from ..ops.arrays import constant, lift
from ..ops.elementwise import equal, where
from ..ops.matmul import swap
from ..ops.primitive import Kind, Primitive
from ..shapes import Shape
from .factors import completed
from .matrices import check_finite, check_matrix, check_square

#: Values nearer to each other than this many times the rounding of the largest, or n
#: times, are equal.
EQUAL_WITHIN = 16

# Differences of values. ---------------------------------------------------------------


def _over_differences(z: Array, v: Array, operation: str) -> Array:
    """zᵢⱼ / (vⱼ − vᵢ), and 0 for i = j; an error for equal values with zᵢⱼ ≠ 0."""
    n = v.shape[-1]
    differences = v[..., None, :] - v[..., :, None]
    largest = np.abs(v).max(axis=-1, initial=0.0)[..., None, None]
    rounding = max(EQUAL_WITHIN, n) * np.finfo(v.dtype).eps
    close = np.abs(differences) <= rounding * largest
    close &= ~np.eye(n, dtype=bool)
    used = close & (z != 0)
    if used.any():
        *_, i, j = np.argwhere(used)[0]
        kind = "eigenvalues" if operation == "eigh" else "singular values"
        raise LinAlgError(
            f"{operation}: {kind} {v.shape}: {kind} {i} and {j} are equal, and the "
            "loss depends on their vectors: these are one choice of many, and have no "
            "derivative",
            fix="use the values alone; or add a small random matrix to a, so that no "
            "two are equal",
        )
    quotient: Array = z / np.where(differences == 0, 1, differences)
    result: Array = np.where((z == 0) | np.eye(n, dtype=bool), 0, quotient)
    return result


def _over_differences_rule(g: Any, y: Node, z: Node, v: Node) -> tuple[Any, Any]:
    operation = y.params["operation"]
    to_v = over_differences(g * y, v, operation=operation)
    return (
        over_differences(g, v, operation=operation),
        to_v.sum(axis=-1) - to_v.sum(axis=-2),
    )


over_differences: Primitive = Primitive(
    "over_differences",
    "zᵢⱼ / (vⱼ − vᵢ), and 0 where i = j",
    lambda z, v, operation: (z.shape, z.dtype),
    _over_differences,
    _over_differences_rule,
    kind=Kind.FACTORIZATION,
)

# Eigenvalues. -------------------------------------------------------------------------


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and their vectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


def _packed_eigh(a: Array, triangle: Literal["L", "U"], operation: str) -> Array:
    check_finite(operation, a=a)
    values, vectors = np.linalg.eigh(a, triangle)
    packed: Array = np.concatenate([vectors, values[..., None, :]], axis=-2)
    return packed


def _infer_eigh(a: Node, **_: Any) -> tuple[Shape, DType]:
    n = a.shape[-1]
    return (*a.shape[:-2], n + 1, n), a.dtype


def _diagonal(v: Any) -> Any:
    """Matrices with these numbers on their diagonals."""
    return v[..., None] * constant(np.eye(v.shape[-1]), v.dtype)


def _eigh_rule(g: Any, y: Any, a: Node) -> tuple[Any]:
    """V (diag(G_λ) + sym(VᵀG_V / (λⱼ − λᵢ))) Vᵀ (Giles, 2008, 3.1)."""
    vectors, values = y[..., :-1, :], y[..., -1, :]
    turned = swap(vectors) @ g[..., :-1, :]
    moved = over_differences(turned, values, operation="eigh")
    inside = _diagonal(g[..., -1, :]) + 0.5 * (moved + swap(moved))
    return (vectors @ inside @ swap(vectors),)


_eigh = Primitive(
    "eigh",
    "V and λ with A V = V diag(λ), column j: vⱼ, and λⱼ below it",
    _infer_eigh,
    _packed_eigh,
    _eigh_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)


def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues and eigenvectors of a symmetric matrix: A V = V diag(λ).

    Formula: with X = Vᵀ G_V, ∂L/∂A = V (diag(G_λ) + S) Vᵀ, where Sᵢⱼ = ½ (Xᵢⱼ − Xⱼᵢ) /
    (λⱼ − λᵢ).

    ``a`` is taken to be symmetric: only one triangle of it is read, and the gradient,
    that of symmetric changes, is symmetric.

    Shapes: (…, n, n) → eigenvalues (…, n), ascending, eigenvectors (…, n, n), columns.

    Arguments:
        UPLO: "L" or "U": which triangle is read.

    Raises:
        ShapeError: for a matrix that is not square.
        LinAlgError: for NaN; in the backward pass, where two eigenvalues are equal and
            the loss depends on their vectors.

    Source: Giles (2008), 3.1.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.eigh(cr.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues.numpy()
        array([1., 2.], dtype=float32)
    """
    return _eigen("eigh", a, UPLO)


def _eigen(operation: str, a: Any, triangle: str) -> EighResult:
    if triangle not in ("L", "U"):
        raise unknown_option(f"UPLO of {operation}", triangle, ["L", "U"])
    (node,) = lift([a])
    check_square(operation, node)
    packed = _eigh(node, triangle=triangle, operation=operation)
    return EighResult(packed[..., -1, :], packed[..., :-1, :])


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of a symmetric matrix, ascending: ``eigh`` without its vectors.

    Their gradient exists where some are equal, too, of functions that treat these
    alike.

    Shapes: (…, n, n) → (…, n).

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.eigvalsh(cr.tensor([[2.0, 0.0], [0.0, 1.0]])).numpy()
        array([1., 2.], dtype=float32)
    """
    return _eigen("eigvalsh", a, UPLO).eigenvalues


# Singular values. ---------------------------------------------------------------------


class SVDResult(NamedTuple):
    """U, the singular values in descending order, and Vᴴ: A = U diag(S) Vh."""

    U: Any
    S: Any
    Vh: Any


def _packed_svd(a: Array, operation: str) -> Array:
    check_finite(operation, a=a)
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    packed: Array = np.concatenate([u, s[..., None, :], vh.swapaxes(-1, -2)], axis=-2)
    return packed


def _infer_svd(a: Node, **_: Any) -> tuple[Shape, DType]:
    *batch, m, n = a.shape
    return (*batch, m + 1 + n, min(m, n)), a.dtype


def _triples(packed: Any, m: int) -> tuple[Any, Any, Any]:
    """U, s and V of the array that holds them."""
    return packed[..., :m, :], packed[..., m, :], packed[..., m + 1 :, :]


def _reciprocal(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    none = equal(x, 0)
    return where(none, 0.0, 1.0 / where(none, 1.0, x))


def _svd_rule(g: Any, y: Node, a: Node) -> tuple[Any]:
    """From P = Uᵀ dA V: dσ is its diagonal; its symmetric part turns U and V alike,
    by 1 / (σⱼ − σᵢ), its skew part turns them apart, by 1 / (σᵢ + σⱼ).
    """
    m, n = a.shape[-2:]
    u, s, v = _triples(y, m)
    g_u, g_s, g_v = _triples(g, m)
    to_u, to_v = swap(u) @ g_u, swap(v) @ g_v
    alike, apart = to_u + to_v, to_u - to_v
    moved = over_differences(alike, s, operation="svd")
    sums = _reciprocal(s[..., None, :] + s[..., :, None])
    inside = _diagonal(g_s) + 0.5 * (moved + swap(moved))
    inside = inside + 0.5 * (apart - swap(apart)) * sums
    result = u @ inside @ swap(v)
    inverse = _reciprocal(s)[..., None, :]
    if m > n:  # U leaves the space of its own columns
        result = result + ((g_u - u @ to_u) * inverse) @ swap(v)
    if n > m:
        result = result + u @ swap((g_v - v @ to_v) * inverse)
    return (result,)


_svd = Primitive(
    "svd",
    "U, σ and V with A = U diag(σ) Vᵀ, column j: uⱼ, σⱼ, vⱼ",
    _infer_svd,
    _packed_svd,
    _svd_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular value decomposition A = U diag(S) Vh.

    Formula: with X = Uᵀ G_U and Y = Vᵀ G_V, ∂L/∂A = U (diag(G_S) + D + E) Vᵀ, where
    Dᵢⱼ = ½ (X + Y − Xᵀ − Yᵀ)ᵢⱼ / (σⱼ − σᵢ) and Eᵢⱼ = ½ (X − Y − Xᵀ + Yᵀ)ᵢⱼ / (σᵢ + σⱼ);
    for m > n, and likewise for n > m, (I − U Uᵀ) G_U diag(S)⁻¹ Vᵀ is added.

    Shapes: (…, m, n) → U (…, m, m), S (…, k), Vh (…, n, n), with k = min(m, n).

    Arguments:
        full_matrices: whether U and Vh are completed to bases; else U is (…, m, k) and
            Vh (…, k, n). The columns that are added are one choice of many: only
            gradients of functions that do not depend on which are defined.
        compute_uv: whether U and Vh are returned, or S alone.

    Returns:
        The named triple (U, S, Vh), S in descending order; or S alone.

    Raises:
        ShapeError: for a tensor without two axes.
        LinAlgError: for NaN; in the backward pass, where two singular values are equal
            and the loss depends on their vectors.

    Source: Giles (2008), 3.2; Seeger et al. (2017), section 3.3.

    Example:
        >>> import chainrule as cr
        >>> u, s, vh = cr.linalg.svd(cr.tensor([[3.0, 0.0], [0.0, 5.0]]))
        >>> s.numpy()
        array([5., 3.], dtype=float32)
    """
    (node,) = lift([a])
    check_matrix("svd", node)
    if not compute_uv:
        return singular_values("svd", node)
    u, s, v = _triples(_svd(node, operation="svd"), node.shape[-2])
    if full_matrices:
        u, v = completed(u), completed(v)
    return SVDResult(u, s, swap(v))


def svdvals(x: Any) -> Any:
    """The singular values, in descending order: ``svd`` without its vectors.

    Shapes: (…, m, n) → (…, min(m, n)).

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.svdvals(cr.tensor([[3.0, 0.0], [0.0, 5.0]])).numpy()
        array([5., 3.], dtype=float32)
    """
    return singular_values("svdvals", x)


def singular_values(operation: str, a: Any) -> Any:
    """``svdvals``, whose errors name the operation that needs them."""
    (node,) = lift([a])
    check_matrix(operation, node)
    return _svd(node, operation=operation)[..., node.shape[-2], :]
