"""The reference engine: how many threads NumPy's products may use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines.numpy_engine import BLAS

SMALL, LARGE = (8, 8), (256, 256)


pytestmark = pytest.mark.skipif(
    not BLAS.lib_controllers, reason="this NumPy's products have no threads to limit"
)


def num_threads() -> set[int]:
    return {each["num_threads"] for each in BLAS.info()}


@pytest.fixture
def during_products(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """The number of threads that each product may use."""
    seen: list[set[int]] = []
    product = np.matmul

    def looked_at(a: Any, b: Any) -> Any:
        seen.append(num_threads())
        return product(a, b)

    monkeypatch.setattr(np, "matmul", looked_at)
    return seen


def test_small_products_run_on_one_thread_and_large_ones_on_those_allowed(
    during_products: list[set[int]],
) -> None:
    run = cr.compile(lambda x: x @ x, engine="numpy")
    cr.config.threads = 3
    usual = num_threads()
    run(np.ones(SMALL, np.float32))
    run(np.ones(LARGE, np.float32))
    assert during_products == [{1}, {3}]
    assert num_threads() == usual


def test_a_product_in_the_body_of_a_loop_counts(
    during_products: list[set[int]],
) -> None:
    def loop(x: Any) -> Any:
        return cr.scan(lambda c, _: (c @ c, None), x, length=2)[0]

    cr.compile(loop, engine="numpy")(np.eye(8, dtype=np.float32))
    assert during_products == [{1}, {1}]
