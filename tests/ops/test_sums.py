"""Sums of many floats: their error does not grow with the number of terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.config import config
from chainrule.ops.blocked_sums import blocked_cumsum, blocked_sum
from tests.agreement import each_engine
from tests.engines.native.random_networks import available

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


FULL = [each for each in SHAPES if 0 not in each[0]]
#: Long rows; many columns, in registers and in memory; both at once.
LONG = [
    *FULL,
    ((1_000_003,), (0,)),
    ((3, 400_000), (1,)),
    ((100, 20_000), (1,)),
    ((40_000, 60), (0,)),
    ((20_000, 130), (0,)),
    ((8_000, 600), (0,)),
    ((30, 30_000, 3), (0, 1)),
]


@pytest.mark.parametrize(("shape", "axis"), FULL)
def test_the_error_of_a_sum_in_blocks_is_within_its_bound(
    shape: tuple[int, ...], axis: tuple[int, ...]
) -> None:
    for x in views(constant(shape)):
        assert error(blocked_sum(x, axis, False, x.dtype), x, axis) <= 256


@pytest.mark.parametrize("processor", ["host", "baseline", "avx2", "avx512"])
def test_native_sums_are_within_the_documented_bound(
    processor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not available(processor):
        pytest.skip("code for it does not run on this one")
    monkeypatch.setattr(config, "processor", processor)
    xs = [constant(shape) for shape, _ in LONG]

    def sums(*xs: Any) -> list[Any]:
        return [x.sum(axis) for x, (_, axis) in zip(xs, LONG, strict=True)]

    for x, (shape, axis), y in zip(
        xs, LONG, cr.compile(sums, engine="native")(*xs), strict=True
    ):
        assert error(y, x, axis) <= 512, shape


def test_native_sums_of_doubles_keep_their_digits_too() -> None:
    x = np.full((1_000_000, 2), 0.1)
    columns, whole = cr.compile(lambda x: (x.sum(0), x.sum()), engine="native")(x)
    np.testing.assert_allclose(columns.numpy(), 1e5, rtol=1e-13)
    np.testing.assert_allclose(whole.item(), 2e5, rtol=1e-13)


@each_engine
def test_statistics_and_gradients_over_many_rows_agree_with_float64(
    engine: str,
) -> None:
    """Means, variances, norms and softmax over the rows; the gradients of weights and
    biases, which are sums over them: products of long rows among them.
    """
    rows = 200_000
    x = np.random.default_rng(0).uniform(100, 101, (rows, 3)).astype("float32")
    layers = {dtype: nn.Linear(3, 5, dtype=dtype) for dtype in ("float32", "float64")}
    first = layers["float32"].state_dict()
    layers["float64"].load_state_dict(
        {name: each.astype("float64") for name, each in first.items()}
    )

    def all_of_it(x: Any) -> list[Any]:
        layer = layers[str(x.dtype)]
        grads = cr.backprop((layer(x * 0.01) + 3.0).sum())
        spread = (x - x.mean(0)) * 3.0
        return [
            x.mean(0), x.var(0), cr.norm(x, 0), cr.logsumexp(spread, 0),
            cr.softmax(spread, 0)[:3] * rows, grads[layer.weight], grads[layer.bias],
            x.T @ x,
        ]  # fmt: skip

    wanted = all_of_it(cr.tensor(x.astype("float64")))
    run = cr.compile(all_of_it, engine=engine)
    for f in (all_of_it, run):
        for found, exact in zip(f(cr.tensor(x)), wanted, strict=True):
            np.testing.assert_allclose(found.numpy(), exact.numpy(), rtol=3e-5)


@each_engine
def test_batchnorm_of_many_pixels_is_that_of_float64(engine: str) -> None:
    images = np.random.default_rng(0).uniform(100, 101, (16, 112, 112, 2))
    double, single = nn.BatchNorm2d(2, dtype="float64"), nn.BatchNorm2d(2)
    wanted = double(images, training=True).numpy()
    run = cr.compile(lambda x: single(x, training=True), engine=engine)
    found = run(images.astype("float32")).numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-3)


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
        np.testing.assert_allclose(f(cr.tensor(x)).numpy(), 0.1, rtol=512 * EPS)


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


@pytest.mark.parametrize(("channels", "outputs"), [(1, 4), (3, 8), (4, 1)])
def test_the_gradient_of_a_kernel_over_many_pixels_keeps_its_digits(
    channels: int, outputs: int
) -> None:
    conv = nn.Conv2d(channels, outputs, 3)
    x = constant((8, 150, 150, channels))

    def gradients(x: Any) -> tuple[Any, Any]:
        grads = cr.backprop((conv(x) * 0.1).sum())
        return grads[conv.weight], grads[conv.bias]

    weight, bias = cr.compile(gradients, engine="native")(x)
    tenth, pixels = float(x.flat[0]), 8 * 148 * 148
    np.testing.assert_allclose(weight.numpy(), pixels * tenth**2, rtol=512 * EPS)
    np.testing.assert_allclose(bias.numpy(), pixels * tenth, rtol=512 * EPS)
