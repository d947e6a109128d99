"""Products and sums of a batch where lengths of axes agree by chance: matrices that are
square, or of a single row or column, and as many of them as they have rows.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, permutations, product
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from tests.contracts.samples import Array

N = 2
SIZES = list(product((1, 2, 3), repeat=2))
#: The shapes of two operands that broadcast, by their last two axes.
PAIRS = [
    (p, q)
    for p, q in product(SIZES, repeat=2)
    if all(m == n or 1 in (m, n) for m, n in zip(p, q, strict=True))
]
#: The axes before: as many matrices of both, of one of them, or one of several.
LEADS = [((2,), (2,)), ((2,), ()), ((), (2,)), ((2,), (1,))]
AXES = [axes for count in (1, 2, 3) for axes in combinations(range(3), count)]
ENGINES = [None, "native"]
Functions = list[Callable[..., Any]]
engines = pytest.mark.parametrize("engine", ENGINES)


def values(*shape: int, seed: int = 0) -> Array:
    """Numbers of float64 whose sums are unlike."""
    return np.random.default_rng((seed, *shape)).normal(size=shape)


def agrees(
    functions: Functions, axes: tuple[int | None, ...], arrays: list[Array],
    engine: str | None, case: Any,
) -> None:  # fmt: skip
    """Whether functions of a batch are what NumPy computes in a loop over examples."""

    def everything(*given: Any) -> list[Any]:
        return [cr.vmap(f, axes)(*given) for f in functions]

    call = cr.compile(everything, engine=engine) if engine else everything
    found = call(*(cr.tensor(each) for each in arrays))
    pairs = list(zip(axes, arrays, strict=True))
    for i, (f, each) in enumerate(zip(functions, found, strict=True)):
        rows = [
            f(*(a if axis is None else a[n] for axis, a in pairs)) for n in range(N)
        ]
        expected = np.stack(rows)
        assert (each.shape, str(each.dtype)) == (expected.shape, "float64"), (case, i)
        np.testing.assert_allclose(
            each.numpy(), expected, rtol=1e-10, atol=1e-13, err_msg=f"{case} {i}"
        )


def sums(of: Callable[..., Any], axes: list[tuple[int, ...]]) -> Functions:
    """The sums of a product along axes."""
    return [lambda *given, axis=axis: of(*given).sum(axis=axis) for axis in axes]


def operands(
    p: tuple[int, ...], q: tuple[int, ...]
) -> list[tuple[tuple[int | None, ...], list[Array]]]:
    """Both in a batch, then each of them alone: (in_axes, arrays)."""
    x, y = values(N, *p), values(N, *q, seed=1)
    return [((0, 0), [x, y]), ((0, None), [x, y[0]]), ((None, 0), [x[0], y])]


@pytest.mark.parametrize("lead", LEADS)
def test_sums_of_products_are_those_of_a_loop(lead: Any) -> None:
    for p, q in PAIRS:
        for axes, arrays in operands(lead[0] + p, lead[1] + q):
            functions = sums(lambda x, y: x * y, AXES)
            agrees(functions, axes, arrays, None, (p, q, axes))


def test_compiled_sums_of_products_are_those_of_a_loop() -> None:
    for p, q in PAIRS:
        functions = sums(lambda x, y: x * y, [(0,), (0, 1, 2)])
        axes, arrays = operands((2, *p), (2, *q))[0]
        agrees(functions, axes, arrays, "native", (p, q))


@engines
def test_sums_of_squares_means_and_variances_are_those_of_a_loop(
    engine: str | None,
) -> None:
    functions = sums(lambda x: x * x, AXES)
    functions += [lambda x, axis=axis: (x * x).mean(axis=axis) for axis in AXES]
    functions += [lambda x, axis=axis: x.var(axis=axis) for axis in AXES]
    functions += [
        lambda x, axis=axis: (x * x).sum(axis=axis, keepdims=True) for axis in AXES
    ]
    for count, p in product((1, 2), SIZES):
        agrees(functions, (0,), [values(N, count, *p)], engine, (count, p))


@pytest.mark.parametrize("lead", LEADS)
def test_sums_of_products_of_matrices_are_those_of_a_loop(lead: Any) -> None:
    for n, k, m in product((1, 2, 3), repeat=3):
        for axes, arrays in operands((*lead[0], n, k), (*lead[1], k, m)):
            functions = sums(lambda x, y: x @ y, AXES)
            agrees(functions, axes, arrays, None, (n, k, m, axes))


def test_compiled_sums_of_products_of_matrices_are_those_of_a_loop() -> None:
    for n, k, m in product((1, 2, 3), repeat=3):
        functions = sums(lambda x, y: x @ y, [(0,), (0, 1, 2)])
        axes, arrays = operands((2, n, k), (2, k, m))[0]
        agrees(functions, axes, arrays, "native", (n, k, m))


def test_transposed_products_are_those_of_a_loop() -> None:
    functions: Functions = [
        lambda x, y, order=order: (x * y).transpose(order)
        for order in permutations(range(3))
    ]
    for (p, q), (a, b) in product(PAIRS, LEADS):
        for axes, arrays in operands(a + p, b + q):
            agrees(functions, axes, arrays, None, (p, q, a, b, axes))


@pytest.mark.parametrize("shape", [(), (1,), (2,), (1, 2), (2, 1), (2, 2)])
def test_operands_of_fewer_axes_are_those_of_a_loop(shape: tuple[int, ...]) -> None:
    """As long as the batch, and as the axes of the other operand, by chance."""
    elementwise = sums(lambda x, y: x * y, AXES) + sums(lambda x, y: y - x, AXES)
    functions = [*elementwise, lambda x, y: (y * x).transpose(2, 0, 1)]
    for axes, arrays in operands((2, 2, 2), shape):
        agrees(functions, axes, arrays, None, axes)
    if shape in ((2,), (2, 1), (2, 2)):
        for axes, arrays in operands((2, 2, 2), shape):
            agrees(sums(lambda x, y: x @ y, AXES[:2]), axes, arrays, None, axes)


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 2), (2, 2, 2)])
def test_solutions_are_those_of_a_loop(shape: tuple[int, ...]) -> None:
    """A vector on the right is one for each example, not a matrix for all."""
    b = values(N, *shape)
    for lead in ((), (2,)) if len(shape) != 2 else ((),):
        a = values(N, *lead, 2, 2, seed=1)
        for x, y, axes in (a, b, (0, 0)), (a, b[0], (0, None)), (a[0], b, (None, 0)):
            for solve in (cr.linalg.solve, lambda a, b: cr.linalg.lstsq(a, b).x):
                found = cr.vmap(solve, axes)(cr.tensor(x), cr.tensor(y)).numpy()
                for i in range(N):
                    left, right = (
                        each if axis is None else each[i]
                        for each, axis in zip((x, y), axes, strict=True)
                    )
                    vector = right.ndim == 1
                    expected = np.linalg.solve(
                        left, right[:, None] if vector else right
                    )
                    alone = expected[..., 0] if vector else expected
                    np.testing.assert_allclose(found[i], alone, rtol=1e-9)


def test_a_sum_of_columns_times_rows_is_one_product_of_matrices() -> None:
    column, row = cr.tensor(values(N, 5, 3, 1)), cr.tensor(values(N, 5, 1, 4))
    square = cr.tensor(values(N, 5, 3, 3))

    def sum_of_all(x: Any, y: Any) -> Any:
        return cr.vmap(lambda x, y: (x * y).sum(0))(x, y)

    assert sum_of_all(column, row).op.name == "matmul"
    assert sum_of_all(square, square).op.name == "sum"


@engines
def test_gradients_of_elementwise_parameters_are_those_of_each_example(
    engine: str | None,
) -> None:
    """∂ Σ (x W)² / ∂W = 2 x² W, summed along the axes where W is repeated."""
    for p, q in PAIRS:
        if any(n > m for m, n in zip(p, q, strict=True)):
            continue
        x, start = values(3, *p), values(*q, seed=1)
        w, b = cr.parameter(start), cr.parameter(np.zeros(q))

        def loss(x: Any, w: Any = w, b: Any = b) -> Any:
            return ((x * w + b) ** 2).sum()

        def both(x: Any, w: Any = w, b: Any = b, loss: Any = loss) -> list[Any]:
            grads = cr.per_example_grads(loss, [w, b], x)
            return [grads[w], grads[b], (grads[w] ** 2).sum((1, 2))]

        call = cr.compile(both, engine=engine) if engine else both
        of_w, of_b, square = call(cr.tensor(x))
        repeated = tuple(i + 1 for i in (0, 1) if p[i] != q[i])
        expected = (2 * x * x * start).sum(repeated, keepdims=True)
        np.testing.assert_allclose(
            of_w.numpy(), expected, rtol=1e-10, err_msg=f"{p} {q}"
        )
        to_b = (2 * x * start).sum(repeated, keepdims=True)
        np.testing.assert_allclose(of_b.numpy(), to_b, rtol=1e-10, err_msg=f"{p} {q}")
        norms = (expected**2).sum((1, 2))
        np.testing.assert_allclose(square.numpy(), norms, rtol=1e-10)


@engines
@pytest.mark.parametrize("shape", [(4, 4), (1, 4), (4, 1), (3, 4), (2, 2, 2), (4,)])
def test_gradients_of_normalized_matrices_are_those_of_a_loop(
    shape: tuple[int, ...], engine: str | None
) -> None:
    cr.config.dtype = "float64"
    layer = nn.LayerNorm(shape)
    layer.weight.assign(values(*shape, seed=1))
    x, target = values(4, *shape), values(4, *shape, seed=2)

    def loss(x: Any, y: Any) -> Any:
        return ((layer(x) - y) ** 2).sum()

    def both(x: Any, y: Any) -> list[Any]:
        grads = cr.per_example_grads(loss, layer, x, y)
        return [grads[layer.weight], grads[layer.bias]]

    call = cr.compile(both, engine=engine) if engine else both
    found = call(cr.tensor(x), cr.tensor(target))
    kept = range(1, x.ndim)
    centred = x - x.mean(tuple(kept), keepdims=True)
    scale = np.sqrt((centred**2).mean(tuple(kept), keepdims=True) + layer.eps)
    error = 2 * (centred / scale * layer.weight.numpy() - target)
    np.testing.assert_allclose(found[0].numpy(), error * centred / scale, rtol=1e-8)
    np.testing.assert_allclose(found[1].numpy(), error, rtol=1e-8)
