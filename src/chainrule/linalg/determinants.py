"""Determinants: ``det`` and ``slogdet``.

Place on the road: primitives of this room. The gradient of a determinant is the matrix
of cofactors, which exists for singular matrices too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..graph import Array, Node
from ..ops.arrays import lift
from ..ops.matmul import swap
from ..ops.primitive import Kind, Primitive
from .matrices import check_finite, check_square
from .systems import inverse_of


def _determinant(a: Array) -> Any:
    check_finite("det", a=a)
    return np.linalg.det(a)


def _products_of_others(s: Array) -> Array:
    """For each number along the last axis, the product of all the others."""
    ones = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], axis=-1), axis=-1)
    behind = np.concatenate([ones, s[..., :0:-1]], axis=-1)
    result: Array = before * np.cumprod(behind, axis=-1)[..., ::-1]
    return result


def _cofactors(a: Array) -> Array:
    """det(U) det(V) U diag(Π_{j≠i} σⱼ) Vᵀ: det(A) A⁻ᵀ, without dividing by anything."""
    check_finite("det", a=a)
    if a.size == 0:
        return a
    u, s, vh = np.linalg.svd(a)
    sign = np.rint(np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    result: Array = sign * (u * _products_of_others(s)[..., None, :]) @ vh
    return result


def _cofactors_rule(g: Any, y: Node, a: Node) -> tuple[Any]:
    """C = det(A) A⁻ᵀ differentiated: ⟨G, C⟩ A⁻ᵀ − A⁻ᵀ Gᵀ C."""
    turned: Any = swap(inverse_of(a, "det"))
    inner = (g * y).sum(axis=(-2, -1), keepdims=True)
    return (inner * turned - turned @ swap(g) @ y,)


_cofactors_of = Primitive(
    "cofactors",
    "det(A) A⁻ᵀ, of singular matrices too",
    lambda a: (a.shape, a.dtype),
    _cofactors,
    _cofactors_rule,
    kind=Kind.FACTORIZATION,
)

_det = Primitive(
    "det",
    "the determinant",
    lambda a: (a.shape[:-2], a.dtype),
    _determinant,
    lambda g, y, a: (g[..., None, None] * _cofactors_of(a),),
    kind=Kind.FACTORIZATION,
    real=True,
)


def det(a: Any) -> Any:
    """The determinant of a square matrix.

    Formula: ∂ det(A) / ∂A is the matrix of cofactors, det(A) A⁻ᵀ where A has an
    inverse. The determinants of large matrices overflow; ``slogdet`` does not.

    Shapes: (…, n, n) → (…).

    Raises:
        ShapeError: for a matrix that is not square.
        LinAlgError: for NaN; for the second derivative at a singular matrix.

    Source: Giles (2008), 2.2.4.

    Example:
        >>> import chainrule as cr
        >>> cr.linalg.det(cr.tensor([[2.0, 1.0], [0.0, 4.0]])).item()
        8.0
    """
    (node,) = lift([a])
    check_square("det", node)
    return _det(node)


class SlogdetResult(NamedTuple):
    """The determinant as sign · exp(logabsdet)."""

    sign: Any
    logabsdet: Any


def _sign_and_logarithm(a: Array) -> Array:
    check_finite("slogdet", a=a)
    sign, logarithm = np.linalg.slogdet(a)
    return np.stack([sign, logarithm], axis=-1)


def _slogdet_rule(g: Any, y: Node, a: Node) -> tuple[Any]:
    return (g[..., 1, None, None] * swap(inverse_of(a, "slogdet")),)


_slogdet = Primitive(
    "slogdet",
    "(s, l) with det(A) = s eˡ",
    lambda a: ((*a.shape[:-2], 2), a.dtype),
    _sign_and_logarithm,
    _slogdet_rule,
    kind=Kind.FACTORIZATION,
    real=True,
)


def slogdet(a: Any) -> SlogdetResult:
    """The sign of the determinant, and the logarithm of its absolute value.

    Formula: det(A) = sign · exp(logabsdet); ∂ logabsdet / ∂A = A⁻ᵀ. A singular matrix
    has the sign 0 and the logarithm −∞, as in NumPy, and no gradient.

    Shapes: (…, n, n) → sign (…), logabsdet (…).

    Raises:
        ShapeError: for a matrix that is not square.
        LinAlgError: for NaN; in the backward pass, for a singular matrix.

    Source: Giles (2008), 2.2.4.

    Example:
        >>> import chainrule as cr
        >>> sign, logabsdet = cr.linalg.slogdet(cr.tensor([[0.0, 1.0], [1.0, 0.0]]))
        >>> sign.item(), logabsdet.item()
        (-1.0, 0.0)
    """
    (node,) = lift([a])
    check_square("slogdet", node)
    both = _slogdet(node)
    return SlogdetResult(both[..., 0], both[..., 1])
