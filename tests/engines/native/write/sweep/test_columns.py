"""Sums across rows: in registers and in memory, masked, in parts, beside row sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

#: Few columns and many, odd numbers of them, several axes on either side, few rows.
CASES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((40_000, 3), (0,)),
    ((8192, 16), (0,)),
    ((9001, 17), (0,)),
    ((2000, 64), (0,)),
    ((1001, 100), (0,)),
    ((300, 1024), (0,)),
    ((33, 3000), (0,)),
    ((32, 1025), (0,)),
    ((16, 20, 10, 16), (0, 1, 2)),
    ((16, 20, 10, 24), (0, 2)),
    ((64, 7, 9, 11), (0,)),
    ((60, 100, 9), (1,)),
]


def columns(axes: tuple[int, ...]) -> Any:
    """Sums, products of sums, and extremes of columns, beside sums of rows."""

    def f(x: Any) -> Any:
        y = cr.exp(x * 0.5)
        z = cr.softmax(x)
        return (
            y, y.sum(axes), cr.maximum(x, 0.1).max(axes), (y * x).sum(axes),
            x.min(axes), y.sum(-1), z, (z * y).sum(axes), (x > 0).sum(axes),
        )  # fmt: skip

    return f


@pytest.fixture
def threads() -> Any:
    before = cr.config.threads
    yield
    cr.config.threads = before


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("shape", "axes"), CASES)
def test_columns_are_those_of_numpy_on_any_number_of_threads(
    shape: tuple[int, ...], axes: tuple[int, ...], dtype: str
) -> None:
    x = cr.tensor(np.random.default_rng(0).standard_normal(shape).astype(dtype))
    expected = [each.numpy() for each in cr.compile(columns(axes), engine="numpy")(x)]
    runs = []
    for count in (1, 2, 3):
        cr.config.threads = count
        found = cr.compile(columns(axes), engine="native")(x)
        runs.append([each.numpy() for each in found])
    close = 1e-4 if dtype == "float32" else 1e-11
    for number, each in enumerate(expected):
        scale = max(1.0, float(abs(each).max()))
        np.testing.assert_allclose(runs[0][number], each, close, close * scale)
        for other in runs[1:]:
            np.testing.assert_array_equal(other[number], runs[0][number])


def test_a_sum_of_columns_may_be_the_new_value_of_a_variable() -> None:
    total = cr.Variable(np.zeros(40, np.float32))

    def step(x: Any) -> Any:
        y = x * total
        total.assign((x + total).sum(0))
        return y

    x = np.random.default_rng(0).standard_normal((5000, 40)).astype(np.float32)
    compiled = cr.compile(step, engine="native")
    state = np.zeros(40)
    for _ in range(2):
        y = compiled(x)
        np.testing.assert_allclose(y.numpy(), x * state, rtol=1e-3, atol=1e-2)
        state = (x + state).sum(0)
        np.testing.assert_allclose(total.numpy(), state, rtol=1e-3, atol=1e-2)
