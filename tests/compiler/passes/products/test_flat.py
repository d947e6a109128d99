"""A batch of products with a common factor becomes one product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.compiler.passes.products.flat import flatten_products
from chainrule.compiler.pipeline import run_passes

X = np.random.default_rng(0).standard_normal((2, 3, 4))
D = np.random.default_rng(1).standard_normal((2, 3, 5))
W = np.random.default_rng(2).standard_normal((4, 5))
WIDE = np.random.default_rng(3).standard_normal((2, 3, 70))


def swap(x: Any) -> Any:
    """The last two axes exchanged."""
    axes = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
    return cr.transpose(x, axes)


@pytest.mark.parametrize(
    ("given", "expected", "arrays"),
    [
        (
            lambda x, w: x @ w,
            lambda x, w: (x.reshape((6, 4)) @ w).reshape((2, 3, 5)),
            (X, W),
        ),
        (
            lambda x, d: (swap(x) @ d).sum(axis=0),
            lambda x, d: x.reshape((6, 4)).T @ d.reshape((6, 5)),
            (X, D),
        ),
        (
            lambda x, d: (swap(x) @ d).sum(axis=0, keepdims=True),
            lambda x, d: (x.reshape((6, 4)).T @ d.reshape((6, 5))).reshape((1, 4, 5)),
            (X, D),
        ),
        (
            lambda x, d: (swap(x) @ d).sum(axis=(0, 1)),
            lambda x, d: x.reshape((6, 4)).T @ d.reshape((6, 5)),
            (X.reshape((1, 2, 3, 4)), D.reshape((1, 2, 3, 5))),
        ),
        (  # a copy of a factor is no larger than one of the products
            lambda x, d: (x @ d).sum(axis=0),
            lambda x, d: swap(x).reshape((6, 4)).T @ d.reshape((6, 5)),
            (X.swapaxes(1, 2), D),
        ),
        (  # many columns
            lambda x, d: (x @ d).sum(axis=0),
            lambda x, d: swap(x).reshape((6, 4)).T @ d.reshape((6, 70)),
            (X.swapaxes(1, 2), WIDE),
        ),
        (  # the first factor with its axes in another order
            lambda x, d: (cr.transpose(x, (1, 2, 0)) @ d).sum(axis=0),
            lambda x, d: (
                cr.transpose(x, (1, 0, 2)).reshape((6, 4)).T @ d.reshape((6, 70))
            ),
            (X.swapaxes(0, 1), WIDE),
        ),
    ],
)
def test_a_batch_of_products_becomes_one(
    given: Callable[..., Any], expected: Callable[..., Any], arrays: tuple[Any, ...]
) -> None:
    found = flatten_products(cr.trace(given, *arrays))
    assert found == cr.trace(expected, *arrays)
    for engine in ("numpy", "native"):
        value = cr.compile(given, engine=engine)(*arrays)
        np.testing.assert_allclose(value.numpy(), given(*map(cr.tensor, arrays)))


@pytest.mark.parametrize(
    ("given", "arrays"),
    [
        (lambda x, w: swap(x) @ w, (X.swapaxes(1, 2), W)),
        (lambda x, w: x @ w, (X, np.stack([W, W]))),
        (lambda x, w: x @ w, (X[:, :0], W)),
        (lambda x, d: (swap(x) @ d).sum(axis=1), (X, D)),
        # Narrow: to copy a factor costs more than to add up the products.
        (lambda x, d: (x @ d).sum(axis=0), (X, X.swapaxes(1, 2))),
        (lambda x, d: (swap(x) @ swap(d)).sum(axis=0), (X.swapaxes(1, 2), X)),
    ],
)
def test_other_products_stay(
    given: Callable[..., Any], arrays: tuple[Any, ...]
) -> None:
    arrays = tuple(np.ascontiguousarray(each) for each in arrays)
    graph = cr.trace(given, *arrays)
    assert flatten_products(graph) == graph


def test_a_product_that_is_used_beside_its_sum_stays() -> None:
    def f(x: Any, d: Any) -> Any:
        products = swap(x) @ d
        return products, products.sum(axis=0)

    graph = cr.trace(f, X, D)
    assert flatten_products(graph) == graph


def test_the_gradients_of_a_layer_of_sequences_are_two_large_products() -> None:
    cr.manual_seed(0)
    layer = nn.Linear(4, 5)
    x = cr.parameter(X.astype(np.float32))

    def step() -> Any:
        grads = cr.backprop(cr.tanh(layer(x)).sum())
        return grads[layer.weight], grads[layer.bias], grads[x]

    graph = run_passes(cr.trace(step))
    products = [
        n for n in graph.operations if n.op is not None and n.op.name == "matmul"
    ]
    assert {each.shape for each in products} == {(6, 5), (5, 4), (6, 4)}
    for engine in ("numpy", "native"):
        for found, eager in zip(cr.compile(step, engine=engine)(), step(), strict=True):
            np.testing.assert_allclose(
                found.numpy(), eager.numpy(), rtol=1e-4, atol=1e-5
            )
