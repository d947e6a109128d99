"""Noise on inputs: its statistics, its absence in prediction, gradients, messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError

N = 100_000
X = np.random.default_rng(0).uniform(size=(50, 4)).astype(np.float32)
LAYERS = [nn.GaussianNoise(0.5), nn.ZeroMasking(0.3), nn.SaltAndPepper(0.4)]


def noisy(layer: nn.Module, value: float = 0.5, seed: int = 1) -> np.ndarray:
    """What becomes of equal values in training."""
    cr.manual_seed(seed)
    return layer(np.full(N, value, np.float32), training=True).numpy()


@pytest.mark.parametrize("std", [0.1, 2.0])
def test_gaussian_noise_has_mean_0_and_its_deviation(std: float) -> None:
    noise = noisy(nn.GaussianNoise(std)) - 0.5
    assert abs(noise.mean()) < 5 * std / math.sqrt(N)
    assert noise.std() == pytest.approx(std, rel=5 / math.sqrt(2 * N))
    within = (np.abs(noise) < std).mean()
    assert within == pytest.approx(math.erf(math.sqrt(0.5)), abs=0.01)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_masking_loses_a_share_p_and_leaves_the_rest_as_it_is(p: float) -> None:
    values = noisy(nn.ZeroMasking(p))
    assert set(values.tolist()) == {0.0, 0.5}
    assert abs((values == 0).mean() - p) < 5 * math.sqrt(p * (1 - p) / N)


@pytest.mark.parametrize("p", [0.1, 0.6])
def test_salt_and_pepper_are_equally_many(p: float) -> None:
    values = noisy(nn.SaltAndPepper(p, low=-1.0, high=2.0))
    assert set(values.tolist()) == {-1.0, 0.5, 2.0}
    for each in (-1.0, 2.0):
        assert abs((values == each).mean() - p / 2) < 5 * math.sqrt(p / 2 / N)


@pytest.mark.parametrize("layer", LAYERS)
def test_prediction_is_without_noise(layer: nn.Module) -> None:
    before = cr.random.default_generator.state.numpy().copy()
    np.testing.assert_array_equal(layer(X).numpy(), X)
    np.testing.assert_array_equal(layer(X, training=False).numpy(), X)
    assert (cr.random.default_generator.state.numpy() == before).all()


@pytest.mark.parametrize(
    "layer", [nn.GaussianNoise(0), nn.ZeroMasking(0), nn.SaltAndPepper(0)]
)
def test_no_noise_draws_nothing(layer: nn.Module) -> None:
    before = cr.random.default_generator.state.numpy().copy()
    np.testing.assert_array_equal(layer(X, training=True).numpy(), X)
    assert (cr.random.default_generator.state.numpy() == before).all()


@pytest.mark.parametrize("layer", LAYERS)
def test_every_call_draws_anew_compiled_as_eager(layer: nn.Module) -> None:
    compiled = cr.compile(lambda x: layer(x, training=True))
    cr.manual_seed(3)
    eager = [layer(X, training=True).numpy() for _ in range(2)]
    cr.manual_seed(3)
    for each in eager:
        np.testing.assert_allclose(compiled(X).numpy(), each, rtol=1e-6, atol=1e-6)
    assert (eager[0] != eager[1]).any()


@pytest.mark.parametrize("layer", LAYERS)
def test_gradients_pass_where_values_are_kept(layer: nn.Module) -> None:
    x = cr.tensor(X)
    y = layer(x, training=True)
    kept = 1.0 if isinstance(layer, nn.GaussianNoise) else y.numpy() == X
    assert (cr.backprop(y.sum())[x].numpy() == kept).all()


@pytest.mark.parametrize("layer", LAYERS)
def test_floats_keep_their_dtype(layer: nn.Module) -> None:
    x = cr.tensor(X.astype(np.float64))
    assert layer(x, training=True).dtype == np.float64


@pytest.mark.parametrize(("make", "what"), [
    (lambda: nn.GaussianNoise(-0.1),
     "GaussianNoise: std=-0.1: expected a finite number from 0"),
    (lambda: nn.ZeroMasking(1.0),
     "ZeroMasking: p=1.0: expected a probability from 0 to less than 1"),
    (lambda: nn.SaltAndPepper(-0.5),
     "SaltAndPepper: p=-0.5: expected a probability from 0 to less than 1"),
    (lambda: nn.SaltAndPepper(0.1, low=1, high=1),
     "SaltAndPepper: low=1, high=1: expected a low below high"),
])  # fmt: skip
def test_settings_are_checked(make: Callable[[], Any], what: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()
    assert caught.value.what == what
