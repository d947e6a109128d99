"""Dropout of elements, channels and weights: expectations, gradients, messages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError
from tests.agreement import assert_agrees, each_engine

f32 = np.float32
SPATIAL = [(nn.Dropout1d, 1), (nn.Dropout2d, 2), (nn.Dropout3d, 3)]
X = np.random.default_rng(0).normal(3, 2, size=(8, 4))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_a_share_p_and_keeps_the_expectation(p: float) -> None:
    cr.manual_seed(1)
    n = 100_000
    y = nn.Dropout(p)(np.ones(n, f32), training=True).numpy()
    error = math.sqrt(p * (1 - p) / n)
    assert abs((y == 0).mean() - p) < 5 * error
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
    assert y.mean() == pytest.approx(1.0, abs=5 * error / (1 - p))


def test_dropout_predicts_x_itself() -> None:
    assert (nn.Dropout(0.5)(X).numpy() == X).all()
    assert (nn.Dropout(0.5)(X, training=False).numpy() == X).all()


def test_dropout_of_0_keeps_everything_and_draws_nothing() -> None:
    before = cr.random.default_generator.state.numpy().copy()
    assert (nn.Dropout(0)(X, training=True).numpy() == X).all()
    assert (cr.random.default_generator.state.numpy() == before).all()


def test_dropout_draws_anew_each_time_and_repeats_with_the_seed() -> None:
    layer = nn.Dropout(0.5)
    ones = np.ones(64, f32)
    cr.manual_seed(2)
    first, second = (layer(ones, training=True).numpy() for _ in range(2))
    cr.manual_seed(2)
    again = layer(ones, training=True).numpy()
    assert (first == again).all()
    assert (first != second).any()


def test_the_gradient_of_dropout_passes_where_the_value_did() -> None:
    x = cr.ones(64)
    y = nn.Dropout(0.25)(x, training=True)
    gradient = cr.backprop(y.sum())[x].numpy()
    assert (gradient == y.numpy()).all()


def test_a_dropped_infinity_is_0_and_no_nan() -> None:
    y = nn.Dropout(0.5)(np.full(64, np.inf, f32), training=True).numpy()
    assert set(y.tolist()) == {0.0, math.inf}


def test_compiled_dropout_draws_what_eager_dropout_draws_step_after_step() -> None:
    layer = nn.Dropout(0.5)
    ones = np.ones((4, 8), f32)
    compiled = cr.compile(lambda x: layer(x, training=True))
    cr.manual_seed(3)
    eager = [layer(ones, training=True).numpy() for _ in range(3)]
    cr.manual_seed(3)
    assert all((compiled(ones).numpy() == each).all() for each in eager)
    assert (eager[0] != eager[1]).any()


@pytest.mark.parametrize(("kind", "axes"), SPATIAL)
def test_spatial_dropout_drops_whole_channels_of_single_samples(
    kind: Any, axes: int
) -> None:
    cr.manual_seed(0)
    y = kind(0.25)(np.ones((100, *[3] * axes, 50), f32), training=True).numpy()
    channels = y.reshape(100, -1, 50)
    assert (channels == channels[:, :1]).all()
    assert set(np.unique(y).tolist()) == {0.0, float(f32(1 / 0.75))}
    error = math.sqrt(0.25 * 0.75 / 5000)
    assert abs((channels[:, 0] == 0).mean() - 0.25) < 5 * error


@pytest.mark.parametrize(
    "layer", [nn.Dropout2d(), nn.AlphaDropout(), nn.Dropout2d(0), nn.AlphaDropout(0)]
)
def test_prediction_and_a_share_of_0_leave_x_as_it_is(layer: Any) -> None:
    x = np.arange(8.0, dtype=f32).reshape(1, 2, 2, 2)
    assert (layer(x).numpy() == x).all()
    assert layer.p or (layer(x, training=True).numpy() == x).all()


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_alpha_dropout_keeps_mean_0_and_variance_1(p: float) -> None:
    cr.manual_seed(0)
    x = np.random.default_rng(0).normal(size=200_000)
    y = nn.AlphaDropout(p)(x, training=True).numpy()
    assert abs(y.mean()) < 0.02
    assert y.var() == pytest.approx(1, abs=0.02)


def test_drop_connect_predicts_as_a_linear_layer() -> None:
    layer, linear = nn.DropConnect(4, 3), nn.Linear(4, 3)
    linear.load_state_dict(layer.state_dict())
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(f32)
    assert (layer(x).numpy() == linear(x).numpy()).all()


def test_drop_connect_drops_a_share_of_its_weights_and_keeps_the_expectation() -> None:
    cr.manual_seed(0)
    layer = nn.DropConnect(200, 300, p=0.3, weight_init="ones", bias_init="ones")
    rows = np.eye(200, dtype=f32)
    left = layer(rows, training=True).numpy() - 1  # a row of W each
    assert (left == 0).mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(left[left != 0], 1 / 0.7, rtol=1e-6)


def test_the_gradient_of_a_dropped_weight_is_0() -> None:
    layer = nn.DropConnect(4, 3, p=0.5, weight_init="ones", bias=False)
    y = layer(np.eye(4, dtype=f32), training=True)
    gradient = cr.backprop(y.sum())[layer.weight].numpy()
    np.testing.assert_array_equal(gradient, y.numpy().T)


@pytest.mark.parametrize(
    "layer", [nn.Dropout2d(0.4), nn.AlphaDropout(0.4), nn.DropConnect(6, 3, 0.4)]
)
@each_engine
def test_compiled_noise_is_that_of_eager_calls_step_after_step(
    layer: Any, engine: str
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype(f32)
    compiled = cr.compile(lambda x: layer(x, training=True), engine=engine)
    cr.manual_seed(3)
    eager = [layer(x, training=True).numpy() for _ in range(2)]
    cr.manual_seed(3)
    for each in eager:
        assert_agrees(compiled(x).numpy(), each, engine)
    assert (eager[0] != eager[1]).any()


@pytest.mark.parametrize(
    "make", [nn.Dropout2d, nn.AlphaDropout, lambda p: nn.DropConnect(2, 3, p)]
)
@pytest.mark.parametrize("p", [-0.1, 1, 1.5, math.nan, "a"])
def test_a_share_outside_of_0_to_1_is_an_error(make: Any, p: Any) -> None:
    with pytest.raises(ArgumentError, match="expected a probability from 0 to less"):
        make(p)


def test_wrong_inputs_are_errors_that_say_what_is_right() -> None:
    with pytest.raises(ShapeError, match=r"Dropout2d: x \(2, 3\): 2 ≠ 4 axes"):
        nn.Dropout2d()(np.zeros((2, 3), f32))
    with pytest.raises(ShapeError, match=r"DropConnect: x \(2, 3\): 3 ≠ 4"):
        nn.DropConnect(4, 2)(np.zeros((2, 3), f32))


def test_layers_that_drop_are_told_that_they_train() -> None:
    for layer in (nn.Dropout2d(), nn.AlphaDropout(), nn.DropConnect(2, 2)):
        assert layer.depends_on_training
