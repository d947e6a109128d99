"""(A B)ᵀ becomes Bᵀ Aᵀ, where the product is used for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.passes.products.transposed import fold_transposes_into_products

A, B = np.ones((3, 4), np.float32), np.ones((4, 5), np.float32)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (lambda a, b: (a @ b).T, lambda a, b: b.T @ a.T),
        (lambda a, b: (a @ b.T.T).T * 2.0, lambda a, b: (b.T @ a.T) * 2.0),
    ],
)
def test_a_transposed_product_is_the_product_of_the_transposes(
    given: Callable[..., Any], expected: Callable[..., Any]
) -> None:
    found = fold_transposes_into_products(cr.trace(given, A, B))
    assert found == cr.trace(expected, A, B)


def test_a_product_that_is_used_as_it_is_stays() -> None:
    graph = cr.trace(lambda a, b: ((a @ b), (a @ b).sum()), A, B)
    assert fold_transposes_into_products(graph) == graph


def test_a_product_used_both_ways_is_computed_once() -> None:
    def f(a: Any, b: Any) -> Any:
        y = a @ b
        return y, y.T

    graph = cr.trace(f, A, B)
    assert fold_transposes_into_products(graph) == graph
