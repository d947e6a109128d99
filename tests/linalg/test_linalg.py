"""Linear algebra beside the contracts: what is refused, equal values, precision."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    LinAlgError,
    OptionError,
    ShapeError,
)

L = cr.linalg
I3, ONES, ZEROS = np.eye(3), np.ones((3, 3)), np.zeros((3, 3))
#: Its rows are multiples of each other, but for rounding.
NEARLY = np.array([[0.1, 0.3], [0.2, 0.6]])
HOW: dict[str, Callable[[Any], Any]] = {
    "eager": lambda f: f,
    "numpy": lambda f: cr.compile(f, engine="numpy"),
    "native": lambda f: cr.compile(f, engine="native"),
}
every_way = pytest.mark.parametrize("how", HOW.values(), ids=HOW)

# What is refused. ---------------------------------------------------------------------

SINGULAR = "singular to working precision"
REFUSED: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (L.inv, (ONES,), f"inv: a (3, 3): {SINGULAR}"),
    (L.inv, (NEARLY,), f"inv: a (2, 2): {SINGULAR}"),
    (L.inv, (np.stack([I3, I3, ONES]),), f"inv: a (3, 3, 3): matrix [2] is {SINGULAR}"),
    (L.solve, (ZEROS, np.ones(3)), f"solve: a (3, 3): {SINGULAR}"),
    (L.solve, (NEARLY, np.ones(2)), f"solve: a (2, 2): {SINGULAR}"),
    (L.solve, (np.stack([np.eye(2), NEARLY]), np.ones((2, 1))),
     f"solve: a (2, 2, 2): matrix [1] is {SINGULAR}"),
    (L.solve, (np.stack([np.eye(40), np.ones((40, 40))]), np.ones((40, 1))),
     f"solve: a (2, 40, 40): matrix [1] is {SINGULAR}"),
    (L.solve, (I3, np.array([1.0, np.nan, 2.0])),
     "solve: b (3, 1): 1 of 3 elements are NaN or infinite"),
    (L.solve_triangular, (ZEROS, np.ones(3)),
     f"solve_triangular: a (3, 3): {SINGULAR}"),
    (L.cholesky, (-I3,), "cholesky: a (3, 3): not positive definite"),
    (L.cholesky, (np.stack([[I3, ONES], [I3, I3]]),),
     "cholesky: a (2, 2, 3, 3): matrix [0, 1] is not positive definite"),
    (lambda a: L.matrix_power(a, -1), (ONES,), f"matrix_power: a (3, 3): {SINGULAR}"),
    (lambda a: L.cond(a, 1), (ONES,), f"cond: a (3, 3): {SINGULAR}"),
    (cr.grad(lambda a: L.slogdet(a).logabsdet), (ONES,),
     f"slogdet: a (3, 3): {SINGULAR}"),
    (cr.grad(lambda a: L.qr(a).Q.sum()), (ONES,),
     "qr: a (3, 3): of linearly dependent columns: Q and R have no derivative"),
    (cr.grad(lambda a: L.eigh(a).eigenvectors.sum()), (I3,),
     "eigh: eigenvalues (3,): eigenvalues 0 and 1 are equal, and the loss depends on "
     "their vectors: these are one choice of many, and have no derivative"),
    (cr.grad(lambda a: L.svd(a).U.sum()), (I3,),
     "svd: singular values (3,): singular values 0 and 1 are equal, and the loss "
     "depends on their vectors: these are one choice of many, and have no derivative"),
]  # fmt: skip
OF_SQUARES = "inv cholesky eigh eigvalsh det slogdet"
OF_MATRICES = f"{OF_SQUARES} qr svd svdvals pinv matrix_rank cond"
NOT_FINITE = [
    *((getattr(L, name), name) for name in OF_MATRICES.split()),
    (lambda a: L.solve(a, np.ones(3)), "solve"),
    (lambda a: L.solve_triangular(a, np.ones(3)), "solve_triangular"),
    (lambda a: L.lstsq(a, np.ones(3)), "lstsq"),
    (lambda a: L.norm(a, "nuc"), "norm"),
]


@every_way
@pytest.mark.parametrize(("call", "arrays", "message"), REFUSED)
def test_a_matrix_without_an_answer_is_one_error_also_in_compiled_code(
    how: Any, call: Any, arrays: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(LinAlgError) as caught:
        how(call)(*arrays)
    assert str(caught.value).split("\n")[0] == message


@every_way
@pytest.mark.parametrize(("call", "name"), NOT_FINITE)
def test_nan_and_infinity_are_refused_and_never_handed_to_lapack(
    how: Any, call: Any, name: str
) -> None:
    a = np.eye(3)
    a[1, 2], a[2, 1] = np.nan, np.inf
    with pytest.raises(LinAlgError) as caught:
        how(call)(a)
    first = str(caught.value).split("\n")[0]
    assert first == f"{name}: a (3, 3): 2 of 9 elements are NaN or infinite"


def test_the_error_is_numpys_and_ours() -> None:
    with pytest.raises(np.linalg.LinAlgError) as caught:
        L.inv(ZEROS)
    assert isinstance(caught.value, ChainruleError)
    assert caught.value.fix == (
        "cr.linalg.lstsq and cr.linalg.pinv take matrices that have no inverse"
    )


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    *(
        (lambda name=name: getattr(L, name)(cr.ones((2, 3))), ShapeError,
         f"{name}: a (2, 3): expected square matrices, (…, n, n): 2 ≠ 3")
        for name in OF_SQUARES.split()
    ),
    *(
        (lambda name=name: getattr(L, name)(cr.ones(3)), ShapeError,
         f"{name}: a (3,): expected a matrix, or matrices along leading axes: "
         "(…, m, n)")
        for name in OF_MATRICES.split()
    ),
    (lambda: L.solve(cr.tensor(I3, name="K"), cr.ones((2, 1))), ShapeError,
     "solve: K (3, 3) with b (2, 1): 3 ≠ 2; b must have as many rows as a has columns"),
    (lambda: L.solve(cr.ones((2, 3, 3)), cr.ones((4, 3, 1))), ShapeError,
     "solve: a (2, 3, 3) with b (4, 3, 1): 2 ≠ 4 at axis -3; axes are aligned from the "
     "last, and must be equal or 1"),
    (lambda: L.solve(I3, 1.0), ShapeError,
     "solve: b (): expected a matrix, or matrices along leading axes: (…, m, n)"),
    (lambda: L.lstsq(cr.ones((3, 2)), cr.ones(2)), ShapeError,
     "lstsq: a (3, 2) with b (2, 1): 3 ≠ 2; b must have as many rows as a"),
    (lambda: L.solve_triangular(I3, np.ones(3), trans=3), ArgumentError,
     "solve_triangular: trans=3: expected 0 or 'N' for A X = B, 1 or 'T' for Aᵀ X = B"),
    (lambda: L.qr(I3, "full"), OptionError,
     "unknown mode of qr 'full': expected one of 'complete', 'r', 'reduced'"),
    (lambda: L.eigh(I3, "l"), OptionError,
     "unknown UPLO of eigh 'l': expected one of 'L', 'U'"),
    (lambda: L.pinv(I3, 2.0), ArgumentError,
     "pinv: rcond=2.0: expected a number of at least 0 and below 1"),
    (lambda: L.norm(cr.ones((2, 2, 2)), 1), ShapeError,
     "norm: (2, 2, 2) with ord=1: expected a vector or a matrix"),
    (lambda: L.norm(cr.ones(2), "nuc"), ArgumentError,
     "norm: (2,): vectors have no norm of order 'nuc': expected None, a number, inf or "
     "-inf"),
    (lambda: L.norm(I3, 3), ArgumentError,
     "norm: (3, 3): matrices have no norm of order 3: expected None, 'fro', 'nuc', "
     "inf, -inf, 1, -1, 2 or -2"),
    (lambda: L.matrix_power(I3, 0.5), ArgumentError,
     "matrix_power: n=0.5: expected a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), WRONG)
def test_a_wrong_argument_is_one_error_that_names_it(
    call: Callable[[], Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).split("\n")[0] == message


# Precision, and where there is none. --------------------------------------------------


@pytest.mark.parametrize(
    "call", [L.inv, lambda a: L.solve(a, np.eye(2, dtype=a.dtype))]
)
@pytest.mark.parametrize("copies", [1, 3])
def test_a_matrix_that_is_only_badly_scaled_is_no_singular_one(
    call: Any, copies: int
) -> None:
    a = np.stack([np.diag([1e-200, 1.0])] * copies)
    np.testing.assert_array_equal(
        call(cr.tensor(a)).numpy(), np.stack([np.diag([1e200, 1.0])] * copies)
    )


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("units", [(1e-150, 1.0), (1e-20, 1e20), (1e-8, 1e30)])
def test_units_of_rows_and_columns_do_not_make_a_matrix_singular(
    units: tuple[float, float], copies: int
) -> None:
    """Nor its transpose, which the backward rule divides by."""
    plain, by = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array(units)
    ones = np.ones((copies, 2, 1))
    for rows, columns in ((by[:, None], np.ones(2)), (np.ones((2, 1)), by)):
        a = np.stack([plain * rows * columns] * copies)
        b = np.stack([plain.sum(axis=1, keepdims=True) * rows] * copies)
        x = L.solve(a, b).numpy() * columns[:, None]
        np.testing.assert_allclose(x, ones, rtol=1e-14)
        inverse = L.inv(a).numpy() * columns[:, None] * rows[:, 0]
        np.testing.assert_allclose(inverse[0], np.linalg.inv(plain), rtol=1e-14)
        weights = np.broadcast_to(columns[:, None], b.shape)
        (g,) = cr.vjp(lambda b, a=a: L.solve(a, b), b)[1](weights)
        expected = np.linalg.inv(plain).sum(axis=0)[:, None] / rows
        np.testing.assert_allclose(g.numpy()[0], expected, rtol=1e-14)


def test_columns_of_any_length_are_no_dependent_ones() -> None:
    a = np.array([[2.0, 1.0], [1.0, 3.0]]) * [1e-30, 1.0]
    g = cr.grad(lambda a: cr.abs(L.qr(a).Q).sum())(cr.tensor(a)).numpy()
    plain = cr.grad(lambda a: cr.abs(L.qr(a).Q).sum())(cr.tensor(a * [1e30, 1.0]))
    np.testing.assert_allclose(g * [1e-30, 1.0], plain.numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("a", "b"), [((40, 40), (40, 2)), ((3, 40, 40), (40, 1)), ((40, 40), (2, 40, 1))]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_matrices_and_stacks_of_them_are_solved_and_differentiated(
    a: tuple[int, ...], b: tuple[int, ...], dtype: str
) -> None:
    rng = np.random.default_rng(0)
    matrix = (rng.normal(size=a) + 20 * np.eye(40)).astype(dtype)
    sides = rng.normal(size=b).astype(dtype)
    close = {"float32": 1e-5, "float64": 1e-13}[dtype]
    for lower in (False, True):
        triangle = np.tril(matrix) if lower else np.triu(matrix)
        np.testing.assert_allclose(
            L.solve_triangular(matrix, sides, lower=lower).numpy(),
            np.linalg.solve(triangle, sides), close, close,
        )  # fmt: skip
    found = L.solve(matrix, sides)
    np.testing.assert_allclose(
        found.numpy(), np.linalg.solve(matrix, sides), close, close
    )
    assert found.dtype == dtype
    if dtype == "float64":
        cr.check_gradients(L.solve, matrix, sides, order=1)
        cr.check_gradients(L.solve_triangular, matrix, sides, order=1)


def test_a_hilbert_matrix_is_solved_as_far_as_its_digits_reach() -> None:
    """Of condition 1.6e13, where float64 has 3 digits left, and 5e17, with none."""
    for n, solvable in ((10, True), (14, False)):
        i = np.arange(n)
        hilbert = 1 / (1.0 + i[:, None] + i)
        sides = hilbert.sum(axis=1)
        if solvable:
            np.testing.assert_allclose(L.solve(hilbert, sides).numpy(), 1, rtol=1e-2)
        else:
            with pytest.raises(LinAlgError):
                L.solve(hilbert, sides)


def test_a_singular_matrix_of_float32_is_told_of_float64() -> None:
    a = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-7]])
    with pytest.raises(LinAlgError) as caught:
        L.inv(a.astype(np.float32))
    assert caught.value.fix is not None
    assert caught.value.fix.endswith("float64 has more digits: a.astype('float64')")
    assert L.inv(a).shape == (2, 2)


def test_scipy_is_imported_by_what_needs_it_alone() -> None:
    program = (
        "import sys, numpy as np, chainrule as cr; a = np.eye(3)[None].repeat(2, 0); "
        "[getattr(cr.linalg, f)(a) for f in 'inv qr svd eigh cholesky det'.split()]; "
        "cr.linalg.solve(a, a); cr.einsum('ij->', a[0]); print('scipy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8"
    )
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("name", ["inv", "qr", "svd", "eigh", "cholesky", "slogdet"])
def test_float32_stays_float32_and_integers_become_it(name: str) -> None:
    for dtype in (np.float32, np.int64):
        results = getattr(L, name)(np.array([[4, 1], [1, 3]], dtype))
        results = results if isinstance(results, tuple) else (results,)
        assert {each.dtype for each in results} == {np.dtype(np.float32)}


def test_one_matrix_with_a_batch_of_right_sides_is_factored_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from chainrule.linalg import systems

    calls = []
    lapack = systems.lapack
    monkeypatch.setattr(
        systems, "lapack", lambda name, a: calls.append(name) or lapack(name, a)
    )
    a, b = np.diag([2.0, 4.0]), np.arange(12.0).reshape(3, 2, 2)
    np.testing.assert_array_equal(L.solve(a, b).numpy(), b / [[2.0], [4.0]])
    assert calls.count("getrf") == 1


# Equal eigenvalues and singular values. -----------------------------------------------


def gradient(f: Callable[[Any], Any], a: Any) -> Any:
    return cr.grad(f)(cr.tensor(np.asarray(a, float))).numpy()


def close(a: Any, b: Any) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_functions_of_equal_values_alone_have_their_gradient() -> None:
    close(gradient(lambda a: (L.eigvalsh(a) ** 2).sum(), I3), 2 * I3)
    close(gradient(lambda a: cr.exp(L.eigvalsh(a)).sum(), 2 * I3), np.exp(2) * I3)
    close(gradient(lambda a: L.svdvals(a).sum(), 5 * I3), I3)
    close(gradient(lambda a: L.norm(a, "nuc"), I3), I3)
    close(gradient(lambda a: (L.svdvals(a) ** 2).sum(), ONES), 2 * ONES)


def test_vectors_of_other_values_have_their_gradient_beside_equal_ones() -> None:
    """The largest eigenvector of diag(1, 1, 5), turned by the matrix E."""
    a, e = np.diag([1.0, 1.0, 5.0]), np.random.default_rng(0).normal(size=(3, 3))
    e = e + e.T

    def along(t: Any) -> Any:
        v = L.eigh(a + t * e).eigenvectors[:, 2]
        return (v * v * np.array([1.0, 2.0, 3.0])).sum() + (v[0] * v[2])

    cr.check_gradients(along, np.array(0.0), order=1)


def test_a_function_of_equal_values_vectors_is_refused_even_without_the_choice() -> (
    None
):
    """V √Λ Vᵀ of the identity: its gradient exists, and cannot be had from V and Λ."""

    def root(a: Any) -> Any:
        w, v = L.eigh(a)
        return (v * cr.sqrt(w) @ v.T)[0, 1]

    with pytest.raises(LinAlgError, match="are equal, and the loss depends"):
        gradient(root, I3)
    a = np.diag([1.0, 1.001, 1.002])
    close(gradient(root, a)[0, 1], 0.5 / (1 + np.sqrt(1.001)))


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_the_determinant_of_a_singular_matrix_has_its_gradient(rank: int) -> None:
    """That of diag(1, 2, 3) with zeros: the product of the other two."""
    d = np.where(np.arange(3) < rank, [1.0, 2.0, 3.0], 0.0)
    others = [d[1] * d[2], d[0] * d[2], d[0] * d[1]]
    close(gradient(L.det, np.diag(d)), np.diag(others))


def test_the_second_derivative_of_a_singular_matrix_determinant_is_refused() -> None:
    with pytest.raises(LinAlgError, match="det: a"):
        cr.hessian(L.det)(cr.tensor(ONES))


def test_least_squares_of_low_rank_are_the_shortest_and_have_a_gradient() -> None:
    """Along changes that keep the rank: A = u vᵀ, of which u and v change."""
    u, v, b = np.array([1.0, 2.0, 2.0]), np.array([3.0, 4.0]), np.array([1.0, 0.5, 2.0])

    def f(u: Any, v: Any, b: Any) -> Any:
        return L.lstsq(cr.outer(u, v), b).x, L.pinv(cr.outer(u, v))

    x, inverse = f(*map(cr.tensor, (u, v, b)))
    close(x.numpy(), np.linalg.lstsq(np.outer(u, v), b)[0])
    close(inverse.numpy(), np.linalg.pinv(np.outer(u, v)))
    assert L.lstsq(np.outer(u, v), b).rank.item() == 1
    cr.check_gradients(f, u, v, b)


def test_norms_have_gradient_zero_at_zero() -> None:
    for order in (None, 1, 2, 3, 2.5, np.inf):
        close(gradient(lambda x, o=order: L.norm(x, o), np.zeros(3)), np.zeros(3))


def test_the_added_columns_of_a_complete_basis_are_differentiated_as_its_span() -> None:
    a = np.random.default_rng(1).normal(size=(4, 2))

    def spans(a: Any) -> Any:
        u, _, v = L.svd(a)
        w = L.svd(cr.swapaxes(a, -1, -2)).Vh
        q = L.qr(a, "complete").Q
        return [u[:, 2:] @ u[:, 2:].T, w[2:].T @ w[2:], q[:, 2:] @ q[:, 2:].T, v * v]

    cr.check_gradients(spans, a)


# How it is used. ----------------------------------------------------------------------


def test_a_gaussian_likelihood_is_trained_through_cholesky_in_a_compiled_step() -> None:
    """It finds the covariance of the sample."""
    rng = np.random.default_rng(0)
    truth = np.array([[2.0, 0.0], [1.0, 0.5]])
    x = rng.normal(size=(4000, 2)) @ truth.T
    factor = cr.parameter(np.eye(2))
    optimizer = cr.optim.Adam([factor], lr=0.05)

    @cr.compile
    def step(x: Any) -> Any:
        covariance = factor @ factor.T + 1e-6 * np.eye(2)
        lower = L.cholesky(covariance)
        z = L.solve_triangular(lower, x.T, lower=True)
        loss = 0.5 * (z**2).sum() / len(x) + cr.log(L.diagonal(lower)).sum()
        optimizer.step(cr.backprop(loss))
        return loss

    for _ in range(300):
        step(x)
    found = (factor @ factor.T).numpy()
    np.testing.assert_allclose(found, x.T @ x / len(x), rtol=2e-3, atol=2e-3)


def test_loops_factor_a_matrix_in_every_step() -> None:
    a = np.array([[4.0, 1.0], [1.0, 3.0]])

    def f(a: Any) -> Any:
        a = (a + a.T) / 2
        last, _ = cr.scan(lambda c, _: (L.cholesky(c @ c.T + a), None), a, length=3)
        return last

    cr.check_gradients(f, a)
    expected = f(cr.tensor(a)).numpy()
    for engine in ("numpy", "native"):
        got = cr.compile(f, engine=engine)(a).numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-12)
