"""Sums of multiples of the same elements are computed from one sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.passes.products.multiples import share_sums_of_multiples
from chainrule.graph import Graph

X, C = np.ones((6, 4), np.float32), np.full(4, 2.0, np.float32)


def passed(f: Callable[..., Any]) -> Graph:
    return share_sums_of_multiples(cr.trace(f, X, C))


def twice(x: Any) -> Any:
    return x + x


def large(graph: Graph) -> list[str]:
    """The operations on as many elements as X has."""
    return [n.op.name for n in graph.operations if n.op and n.shape == X.shape]


def sums(graph: Graph) -> int:
    return sum(n.op is not None and n.op.name == "sum" for n in graph.operations)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            lambda x, c: (x.sum(0), (x * c).sum(0)),
            lambda x, c: (x.sum(0), x.sum(0) * c),
        ),
        (
            lambda x, c: (x.sum(0), (-(x / c)).sum(0)),
            lambda x, c: (x.sum(0), -(x.sum(0) / c)),
        ),
        (
            lambda x, c: (x.sum(0), twice(x * c).sum(0)),
            lambda x, c: (x.sum(0), x.sum(0) * c + x.sum(0) * c),
        ),
    ],
)
def test_factors_that_are_fixed_along_the_axes_are_taken_out(
    given: Callable[..., Any], expected: Callable[..., Any]
) -> None:
    found = passed(given)
    assert sums(found) == 1
    assert not large(found)
    x = np.random.default_rng(0).standard_normal(X.shape).astype(np.float32)
    for engine in ("numpy", "native"):
        results = cr.compile(given, engine=engine)(x, C)
        for a, b in zip(results, expected(cr.tensor(x), cr.tensor(C)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


def test_deviations_from_the_mean_are_not_walked_over() -> None:
    def f(x: Any, c: Any) -> Any:
        return ((x - x.mean(0)) * c).sum(0)

    found = passed(f)
    assert sums(found) == 1
    assert not large(found)
    x = np.random.default_rng(0).standard_normal(X.shape).astype(np.float32)
    np.testing.assert_allclose(cr.compile(f)(x, C).numpy(), 0, atol=1e-5)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: (x * c).sum(0),  # the only sum of x
        lambda x, c: (x.sum(0), (x * x).sum(0)),  # other elements
        lambda x, c: (x.sum(1), (x * c).sum(1)),  # c differs along the axis
        lambda x, c: (x.sum(0), (x * c).sum(1)),  # other axes
        lambda x, c: (x - x.mean(1, keepdims=True)).sum(0),  # another mean
    ],
)
def test_other_sums_stay_as_they_are(f: Callable[..., Any]) -> None:
    assert passed(f) == cr.trace(f, X, C)


def test_sums_of_what_is_repeated_count_every_repetition() -> None:
    def f(x: Any, c: Any) -> Any:
        wide = cr.broadcast_to(c, (6, 4))
        return (wide * 2.0).sum(0), c.sum(), cr.broadcast_to(c * 3.0, (5, 4)).sum(0)

    for engine in ("numpy", "native"):
        a, b, c = cr.compile(f, engine=engine)(X, C)
        np.testing.assert_array_equal(a.numpy(), 24.0)
        assert b.item() == 8.0
        np.testing.assert_array_equal(c.numpy(), 30.0)


@pytest.mark.parametrize("axes", [(0, 1, 2), (3,)])
def test_the_gradients_of_a_normalisation_need_two_sums(axes: tuple[int, ...]) -> None:
    """Σ g and Σ g·(x − x̄); the mean and the variance are two more."""
    rng = np.random.default_rng(1)
    x, g = (rng.standard_normal((3, 4, 5, 6)).astype(np.float64) for _ in range(2))

    def f(x: Any, g: Any) -> Any:
        def normal(x: Any) -> Any:
            spread = cr.sqrt(x.var(axes, keepdims=True) + 1e-5)
            return (x - x.mean(axes, keepdims=True)) / spread

        y, back = cr.vjp(normal, x)
        return y, back(g)[0], g.sum(axes)

    graph = share_sums_of_multiples(cr.trace(f, x, g))
    assert sums(graph) <= 5
    for engine in ("numpy", "native"):
        found = cr.compile(f, engine=engine)(x, g)
        for a, b in zip(found, f(cr.tensor(x), cr.tensor(g)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-10)


def test_the_gradient_of_a_batch_mean_needs_no_walk_of_its_own() -> None:
    def f(x: Any, c: Any) -> Any:
        g = cr.exp(x)
        centred = x - x.mean(0)
        u = g * c + centred * (c + 1)
        return g.sum(0), -(twice(u)).sum(0)

    found = passed(f)
    assert sums(found) == 2  # that of x for its mean, and that of g
    x = np.random.default_rng(0).standard_normal(X.shape).astype(np.float32)
    want = -2 * np.exp(x).sum(0) * C
    for engine in ("numpy", "native"):
        np.testing.assert_allclose(
            cr.compile(f, engine=engine)(x, C)[1].numpy(), want, rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: (x.sum(0), (x * c + cr.exp(x)).sum(0)),  # another walk either way
        lambda x, c: (cr.exp(x) * c + (x - x.mean(0))).sum(0),  # exp(x) needs it
        lambda x, c: (x.sum(0), cr.exp(x).sum(0), (x * c + cr.exp(x)).sum(0)),
    ],
)
def test_other_sums_of_sums_are_not_split(f: Callable[..., Any]) -> None:
    found = cr.trace(f, X, C)
    assert sums(passed(f)) == sums(found)
    assert len(large(passed(f))) == len(large(found))


def fewer_axes(u: Any, w: Any) -> Any:
    """Two sums of multiples of u over an axis that u has, but under another number."""
    return (u * w).sum(axis=1), (u * w * w).sum(axis=1)


def deviations_of_fewer_axes(u: Any, w: Any) -> Any:
    """A sum over an axis which is not the one that the mean was taken over."""
    return ((u - u.sum(axis=1, keepdims=True) / 4.0) * w).sum(axis=1)


@pytest.mark.parametrize("f", [fewer_axes, deviations_of_fewer_axes])
def test_elements_with_fewer_axes_than_their_multiples_are_summed_right(f: Any) -> None:
    u = np.arange(12, dtype=np.float32).reshape(3, 4)
    w = np.full((1, 1, 1), 2.0, np.float32)
    cr.config.debug = True
    for engine in ("numpy", "native"):
        compiled = cr.compile(f, engine=engine)(u, w)
        for one, other in zip(compiled, f(cr.tensor(u), cr.tensor(w)), strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-4)


def test_factors_with_fewer_axes_than_the_sum_stay() -> None:
    def weighted(x: cr.Tensor, c: cr.Tensor) -> cr.Tensor:
        whole: cr.Tensor = (x[:4] * c[None, :, None]).sum(axis=2)  # (4, 4) · (1, 4, 1)
        return whole

    x = np.random.default_rng(0).standard_normal(X.shape).astype(np.float32)
    expected = 2.0 * x[:4].sum(axis=1)
    np.testing.assert_allclose(
        cr.compile(weighted)(x, C).numpy()[0], expected, rtol=1e-5
    )
