"""Samples of ``linalg``: its primitives, and its public functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.ops.primitive import REGISTRY
from tests.contracts.samples import LAYOUTS, Array, Sample, Values, laid_out

L = cr.linalg
P = REGISTRY

#: Square matrices: one, none, of one element, batches, an empty batch.
SQUARES = ((3, 3), (0, 0), (1, 1), (2, 3, 3), (2, 1, 2, 2), (0, 2, 2))
#: Tall, wide and square ones.
SHAPES = ((4, 2), (2, 4), (3, 3), (2, 3, 2), (1, 5), (0, 3), (2, 0))


def turned(a: Array) -> Array:
    """Every matrix of a batch transposed."""
    return np.swapaxes(a, -1, -2)


def square(shape: tuple[int, ...], seed: int) -> Array:
    """Matrices of condition below 10, with determinants well away from 0."""
    return Values(seed, -1, 1)(shape) + 3 * np.eye(shape[-1])


def positive(shape: tuple[int, ...], seed: int) -> Array:
    """Positive definite matrices with eigenvalues well apart."""
    b = Values(seed, -0.5, 0.5)(shape) + np.diag(np.arange(1.0, shape[-1] + 1))
    return b @ turned(b)


def apart(shape: tuple[int, ...], seed: int) -> Array:
    """Matrices with singular values well apart, and none near 0."""
    k = min(shape[-2:])
    stretched = np.zeros(shape)
    stretched[..., range(k), range(k)] = np.arange(1.0, k + 1)
    return Values(seed, -0.4, 0.4)(shape) + stretched


def symmetric(call: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the symmetric part: what a gradient of a triangle's function is."""
    return lambda a: call((a + cr.swapaxes(a, -1, -2)) / 2)


def of_squares(
    call: Callable[..., Any], expected: Callable[..., Any] | None,
    make: Callable[..., Array] = square, **settings: Any,
) -> Iterator[Sample]:  # fmt: skip
    """Samples of a function of square matrices, over shapes and layouts."""
    for seed, shape in enumerate(SQUARES):
        yield Sample(call, (make(shape, seed),), expected, label=str(shape), **settings)
    for layout in LAYOUTS[1:]:
        a = laid_out(make((3, 3), 90), layout)
        yield Sample(call, (a,), expected, label=layout, **settings)


def of_any(
    call: Callable[..., Any],
    expected: Callable[..., Any] | None,
    shapes: tuple[tuple[int, ...], ...] = SHAPES,
    **settings: Any,
) -> Iterator[Sample]:
    """Samples of a function of matrices of any shape."""
    for seed, shape in enumerate(shapes):
        a = apart(shape, seed)
        yield Sample(call, (a,), expected, label=str(shape), **settings)
    a = laid_out(apart((4, 2), 90), "transposed")
    yield Sample(call, (a,), expected, label="transposed", **settings)


#: A matrix of each shape with right sides: batches broadcast; many sides, none.
SIDES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((3, 3), (3, 2)),
    ((2, 3, 3), (3, 1)),
    ((3, 3), (4, 3, 2)),
    ((2, 1, 2, 2), (3, 2, 2)),
    ((0, 0), (0, 2)),
    ((2, 2), (2, 0)),
)


def with_sides(
    call: Callable[..., Any], expected: Callable[..., Any]
) -> Iterator[Sample]:
    """Samples of a function of square matrices and right sides."""
    v = Values(50)
    for seed, (a, b) in enumerate(SIDES):
        yield Sample(call, (square(a, seed), v(b)), expected, label=f"{a} {b}")
    transposed = laid_out(square((3, 3), 91), "transposed")
    yield Sample(call, (transposed, v((3, 2))), expected, label="transposed")


def triangular(a: Array, b: Array, lower: bool, trans: int, unit: bool) -> Array:
    """By the general solution of the triangle."""
    t = np.tril(a) if lower else np.triu(a)
    if unit:
        t = (
            t
            - t * np.eye(a.shape[-1], dtype=a.dtype)
            + np.eye(a.shape[-1], dtype=a.dtype)
        )
    return np.linalg.solve(turned(t) if trans else t, b)


def triangles(call: Callable[..., Any]) -> Iterator[Sample]:
    """Every choice of triangle, side and diagonal."""
    for lower in (False, True):
        for trans in (0, 1):
            for unit in (False, True):
                yield from with_sides(
                    lambda a, b, o=(lower, trans, unit): call(a, b, *o),
                    lambda a, b, o=(lower, trans, unit): triangular(a, b, *o),
                )


def packed_qr(a: Array) -> Array:
    q, r = np.linalg.qr(a)
    return np.concatenate([turned(q), r], -1)


def packed_eigh(a: Array) -> Array:
    w, v = np.linalg.eigh(a)
    return np.concatenate([v, w[..., None, :]], -2)


def packed_svd(a: Array) -> Array:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], turned(vh)], -2)


def over(z: Array, v: Array) -> Array:
    n = v.shape[-1]
    gaps = v[..., None, :] - v[..., :, None]
    return np.where(np.eye(n, dtype=bool), 0, z / np.where(gaps == 0, 1, gaps))


def complement(a: Any) -> Any:
    """The projection onto what A's columns leave over: it depends on no basis."""
    basis = P["complement"](L.qr(a).Q)
    return basis @ cr.swapaxes(basis, -1, -2)


def left_over(a: Array) -> Array:
    q = np.linalg.qr(a)[0]
    return np.eye(a.shape[-2], dtype=a.dtype) - q @ turned(q)


def primitives() -> dict[str, list[Sample]]:
    """Primitive → its samples."""
    v = Values(70)
    tall = ((4, 2), (3, 3), (2, 3, 2), (5, 1), (3, 0))
    named = {"operation": "solve_triangular"}
    return {
        "solve": list(with_sides(
            lambda a, b: P["solve"](a, b, operation="solve"), np.linalg.solve)),
        "inv": list(of_squares(lambda a: P["inv"](a, operation="inv"), np.linalg.inv)),
        "solve_triangular": list(triangles(
            lambda a, b, lower, trans, unit: P["solve_triangular"](
                a, b, lower=lower, trans=trans, unit=unit, **named))),
        "cholesky": list(of_squares(
            symmetric(P["cholesky"]), np.linalg.cholesky, positive)),
        "qr": list(of_any(P["qr"], packed_qr, tall)),
        "complement": list(of_any(complement, left_over, tall)),
        "eigh": list(of_squares(
            symmetric(lambda a: P["eigh"](a, triangle="L", operation="eigh")),
            packed_eigh, positive)),
        "svd": list(of_any(lambda a: P["svd"](a, operation="svd"), packed_svd)),
        "over_differences": [
            Sample(lambda z, v: P["over_differences"](z, v, operation="eigh"),
                   (v((*batch, n, n)), np.sort(v((*batch, n))) + np.arange(n)), over,
                   label=f"{batch} {n}")
            for batch, n in (((), 3), ((2,), 2), ((), 1), ((), 0))
        ],
        "det": list(of_squares(P["det"], np.linalg.det)),
        "cofactors": list(of_squares(
            P["cofactors"],
            lambda a: np.linalg.det(a)[..., None, None] * turned(np.linalg.inv(a)))),
        "slogdet": list(of_squares(
            P["slogdet"], lambda a: np.stack(np.linalg.slogdet(a), -1))),
        "pinv": list(of_any(
            lambda a: P["pinv"](a, rcond=1e-5, operation="pinv"),
            lambda a: np.linalg.pinv(a, 1e-5))),
        "lstsq": [
            Sample(lambda a, b: P["lstsq"](a, b, rcond=1e-5), (apart(a, 7), v(b)),
                   lambda a, b: np.linalg.pinv(a, 1e-5) @ b, label=f"{a} {b}")
            for a, b in (((4, 2), (4, 3)), ((2, 4), (2, 1)), ((3, 3), (3, 1)),
                         ((2, 4, 2), (4, 1)), ((3, 2), (2, 3, 1)), ((0, 2), (0, 1)))
        ],
    }  # fmt: skip


def norms() -> Iterator[Sample]:
    """Every order of vectors and of matrices."""
    v = Values(80, away=(0.0,))
    for order in (None, 0, 1, 2, 3, 2.5, 0.5, -1, -2, math.inf, -math.inf):
        for axis, keep, shape in ((None, False, (5,)), (0, True, (3, 2))):
            yield Sample(
                lambda x, o=order, a=axis, k=keep: L.norm(x, o, a, k), (v(shape),),
                lambda x, o=order, a=axis, k=keep: np.linalg.norm(x, o, a, k),
                label=f"{order} {axis} {keep}",
            )  # fmt: skip
    for order in (None, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        for axis, keep, shape in ((None, True, (3, 2)), ((2, 0), False, (2, 3, 4))):
            yield Sample(
                lambda x, o=order, a=axis, k=keep: L.norm(x, o, a, k), (v(shape),),
                lambda x, o=order, a=axis, k=keep: np.linalg.norm(x, o, a, k),
                label=f"{order} {axis} {keep}",
            )  # fmt: skip


#: Subscripts with the shapes of the operands.
SUBSCRIPTS: tuple[tuple[str, tuple[tuple[int, ...], ...]], ...] = (
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ii", ((3, 3),)),
    ("ii->i", ((3, 3),)),
    ("iij,jk", ((2, 2, 3), (3, 2))),
    ("ij->ji", ((2, 3),)),
    ("i,j->ij", ((2,), (3,))),
    ("bi,bi->b", ((4, 3), (4, 3))),
    ("...ij,...jk", ((2, 2, 3), (3, 4))),
    ("ij,jk,kl->il", ((2, 3), (3, 4), (4, 2))),
    ("i,ij,j->", ((2,), (2, 3), (3,))),
    ("ij,kj->ik", ((2, 0), (3, 0))),
)


def vectors_and_batches(
    call: Callable[..., Any], expected: Callable[..., Any]
) -> list[Sample]:
    """A single right side, and several."""
    v = Values(85)
    return [
        Sample(call, (square(a, 3), v(b)), expected, label=f"{a} {b}")
        for a, b in (((3, 3), (3,)), ((2, 3, 3), (3,)), ((3, 3), (3, 2)))
    ]


def functions() -> dict[str, list[Sample]]:
    """Public name → its samples."""
    v = Values(86)
    eigen = {"make": positive, "kinds": "f"}
    powers = (-2, -1, 0, 1, 2, 5)
    return {
        "solve": vectors_and_batches(L.solve, np.linalg.solve),
        "inv": list(of_squares(L.inv, np.linalg.inv)),
        "solve_triangular": vectors_and_batches(
            lambda a, b: L.solve_triangular(a, b, "T", lower=True),
            lambda a, b: triangular(a, b, True, 1, False)),
        "cholesky": [
            *of_squares(symmetric(L.cholesky), np.linalg.cholesky, **eigen),
            *of_squares(symmetric(lambda a: L.cholesky(a, upper=True)),
                        lambda a: turned(np.linalg.cholesky(a)), **eigen)],
        "qr": [
            *of_any(lambda a: tuple(L.qr(a)), lambda a: tuple(np.linalg.qr(a))),
            *of_any(lambda a: L.qr(a, "r"), lambda a: np.linalg.qr(a, "r")),
            *of_any(lambda a: tuple(L.qr(a, "complete")),
                    lambda a: tuple(np.linalg.qr(a, "complete")), order=0)],
        "eigh": [
            *of_squares(symmetric(lambda a: tuple(L.eigh(a))),
                        lambda a: tuple(np.linalg.eigh(a)), **eigen),
            *of_squares(lambda a: tuple(L.eigh(a, "U")),
                        lambda a: tuple(np.linalg.eigh(a, "U")), square, order=0)],
        "eigvalsh": list(of_squares(
            symmetric(L.eigvalsh), np.linalg.eigvalsh, **eigen)),
        "svd": [
            *of_any(lambda a: tuple(L.svd(a, full_matrices=False)),
                    lambda a: tuple(np.linalg.svd(a, full_matrices=False))),
            *(Sample(lambda a: tuple(L.svd(a)), (apart(shape, 8),),
                     lambda a: tuple(np.linalg.svd(a)), label=f"full {shape}")
              for shape in ((3, 3), (2, 2, 2)))],
        "svdvals": list(of_any(L.svdvals, np.linalg.svdvals)),
        "det": list(of_squares(L.det, np.linalg.det)),
        "slogdet": list(of_squares(
            lambda a: tuple(L.slogdet(a)), lambda a: tuple(np.linalg.slogdet(a)))),
        "pinv": list(of_any(L.pinv, np.linalg.pinv)),
        "lstsq": [
            Sample(lambda a, b: (L.lstsq(a, b).x, L.lstsq(a, b).residuals,
                                 L.lstsq(a, b).s),
                   (apart(a, 7), v(b)),
                   lambda a, b: tuple(np.linalg.lstsq(a, b)[i] for i in (0, 1, 3)),
                   label=f"{a} {b}")
            for a, b in (((4, 2), (4, 3)), ((2, 4), (2, 1)), ((3, 3), (3,)),
                         ((5, 2), (5,)))],
        "matrix_rank": list(of_any(L.matrix_rank, np.linalg.matrix_rank, order=0)),
        "einsum": [
            Sample(lambda *xs, t=text: cr.einsum(t, *xs), tuple(v(s) for s in shapes),
                   lambda *xs, t=text: np.einsum(t, *xs), "fiu", label=text)
            for text, shapes in SUBSCRIPTS],
        "tensordot": [
            Sample(lambda a, b, x=axes: cr.tensordot(a, b, x), (v(a), v(b)),
                   lambda a, b, x=axes: np.tensordot(a, b, x), "fiu",
                   label=f"{a} {b} {axes}")
            for a, b, axes in (((2, 3, 4), (3, 4, 5), 2), ((2,), (3,), 0),
                               ((2, 3, 2), (2, 3), ([1, 0], [1, 0])))],
        "norm": list(norms()),
        "cond": [*of_squares(L.cond, np.linalg.cond, make=lambda s, n: square(
                     s if 0 not in s else (2, 2), n)),
                 *(Sample(lambda a, p=p: L.cond(a, p), (square((2, 3, 3), 4),),
                          lambda a, p=p: np.linalg.cond(a, p), label=str(p))
                   for p in (1, -1, 2, -2, math.inf, "fro"))],
        "diagonal": [
            Sample(lambda x, o=offset: L.diagonal(x, o), (v(shape),),
                   lambda x, o=offset: np.diagonal(x, o, -2, -1), "fiub",
                   label=f"{shape} {offset}")
            for shape in ((3, 3), (2, 4), (4, 2), (2, 3, 2), (0, 2))
            for offset in (0, 1, -1, 3, -9)],
        "trace": [
            Sample(lambda x, o=offset: L.trace(x, o), (v(shape),),
                   lambda x, o=offset: np.trace(x, o, -2, -1), "fiu",
                   label=f"{shape} {offset}")
            for shape in ((3, 3), (2, 4), (2, 3, 2)) for offset in (0, 1, -1)],
        "matrix_power": [
            Sample(lambda a, n=n: L.matrix_power(a, n), (square(shape, 5) / 2,),
                   lambda a, n=n: np.linalg.matrix_power(a, n), label=f"{shape} {n}")
            for shape in ((3, 3), (2, 2, 2)) for n in powers],
    }  # fmt: skip
