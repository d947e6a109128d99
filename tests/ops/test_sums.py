"""Sums of many floats: their error does not grow with the number of terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops.blocked_sums import blocked_cumsum, blocked_sum
from tests.agreement import each_engine

Array = Any
EPS = float(np.finfo("float32").eps) / 2

#: Shapes with many rows, and the axes along which they are summed. Blocks with and
#: without a rest, several groups of axes, one row, none.
SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((100_003, 2), (0,)),
    ((70_000, 7), (0,)),
    ((1025, 300), (0,)),
    ((513, 1), (0,)),
    ((3, 60_001), (1,)),
    ((3, 50_000, 3), (1,)),
    ((40, 2, 900, 3), (0, 2)),
    ((600, 2, 3, 100), (0, 2, 3)),
    ((16, 60, 60, 2), (0, 1, 2)),
    ((200_000,), (0,)),
    ((1, 40_000, 1), (0, 1, 2)),
    ((0, 3), (0,)),
    ((600, 0), (0,)),
]


def views(x: Array) -> list[Array]:
    """The same numbers in other orders in memory, with gaps, backwards, repeated."""
    gaps = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    gaps[..., ::2] = x
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    return [x, np.asfortranarray(x), gaps[..., ::2], backwards]


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_in_blocks_is_that_of_exact_terms_in_every_order_of_memory(
    dtype: str, shape: tuple[int, ...], axis: tuple[int, ...]
) -> None:
    # Whole numbers whose sums have no rounding: each element is taken exactly once.
    x = np.random.default_rng(0).integers(-8, 9, shape).astype(dtype)
    for each in views(x):
        for keepdims in (False, True):
            found = blocked_sum(each, axis, keepdims, each.dtype)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, x.sum(axis=axis, keepdims=keepdims))


def test_a_sum_of_a_row_that_is_repeated_counts_every_copy() -> None:
    x = np.broadcast_to(np.float32([1, 2, 3]), (5000, 3))
    assert blocked_sum(x, (0,), False, x.dtype).tolist() == [5000, 10000, 15000]


def constant(shape: tuple[int, ...]) -> Array:
    """Numbers whose roundings all have the same sign: the worst case for a sum."""
    return np.full(shape, 0.1, "float32")


def error(found: Any, x: Array, axis: Any) -> float:
    """The largest error of a sum, in ε Σ|x|."""
    exact, size = (np.sum(a, axis=axis, dtype="float64") for a in (x, abs(x)))
    return float(np.max(abs(np.asarray(found, "float64") - exact) / size)) / EPS


@pytest.mark.parametrize(
    ("shape", "axis"), [each for each in SHAPES if 0 not in each[0]]
)
def test_the_error_of_a_sum_is_within_the_documented_bound(
    shape: tuple[int, ...], axis: tuple[int, ...]
) -> None:
    x = constant(shape)
    assert error(cr.sum(x, axis), x, axis) <= 128
    assert error(cr.sum(cr.tensor(x).T.T, axis), x, axis) <= 128


@each_engine
@pytest.mark.parametrize("axis", [0, None])
def test_the_mean_of_five_million_rows_is_right_on_every_engine(
    engine: str, axis: int | None
) -> None:
    x = constant((5_000_000, 2))
    for f in (
        lambda x: x.mean(axis),
        cr.compile(lambda x: x.mean(axis), engine=engine),
    ):
        rtol = EPS * {"numpy": 256, "native": 15_000}[engine]
        np.testing.assert_allclose(f(cr.tensor(x)).numpy(), 0.1, rtol=rtol)


def test_twenty_million_ones_are_twenty_million() -> None:
    """From 2²⁴ on, x + 1 is x in float32."""
    ones = cr.broadcast_to(np.float32(1), (20_000_000, 2))
    assert blocked_sum(ones.numpy(), (0,), False, ones.dtype).tolist() == [2e7, 2e7]


@each_engine
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_running_sum_of_a_million_terms_is_right_at_every_one(
    engine: str, dtype: str
) -> None:
    x = np.full((2, 1_000_000), 5e-4, dtype)
    exact = np.arange(1, 1_000_001) * float(x[0, 0])
    run = cr.compile(lambda x: cr.cumsum(x, 1), engine=engine)
    back = cr.compile(cr.grad(lambda x: cr.cumsum(x * 5e-4, 1).sum()), engine=engine)
    bound = {"float32": 2 * EPS, "float64": 1e-10}[dtype]
    for found in (run(x), cr.cumsum(x, 1)):
        assert found.dtype == dtype
        np.testing.assert_allclose(found.numpy(), [exact] * 2, rtol=bound)
    np.testing.assert_allclose(
        back(np.ones_like(x)).numpy()[0], exact[::-1], rtol=max(bound, 3 * EPS)
    )


def test_running_sums_of_integers_stay_integers() -> None:
    assert cr.cumsum(np.array([2**62, 1, 1])).tolist() == [2**62, 2**62 + 1, 2**62 + 2]
    assert blocked_cumsum(np.float64([1e16, 1.0]), 0, np.dtype("float64")).tolist() == [
        1e16,
        1e16,
    ]
