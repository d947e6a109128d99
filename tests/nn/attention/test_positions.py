"""Positions: waves, learned vectors, and rotations that know distances alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.attention.positions import sinusoidal_positions

rng = np.random.default_rng(0)


@pytest.mark.parametrize(("length", "dim"), [(1, 1), (7, 4), (5, 3)])
def test_waves_are_their_formula(length: int, dim: int) -> None:
    found = sinusoidal_positions(length, dim, dtype="float64").numpy()
    for t in range(length):
        for i in range(dim):
            angle = t / 10000 ** ((i - i % 2) / (dim + dim % 2))
            wanted = math.cos(angle) if i % 2 else math.sin(angle)
            assert found[t, i] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("start", [0, 3])
def test_positions_are_added_from_where_the_sequence_starts(start: int) -> None:
    x = rng.normal(size=(2, 4, 6)).astype("float32")
    waves, learned = nn.SinusoidalPositions(6, 9), nn.LearnedPositions(9, 6)
    table = sinusoidal_positions(9, 6).numpy()[start : start + 4]
    for given in (start, cr.tensor(start)):
        np.testing.assert_allclose(waves(x, given).numpy(), x + table, atol=1e-6)
        rows = learned.weight.numpy()[start : start + 4]
        assert (learned(x, given).numpy() == x + rows).all()


def test_learned_positions_start_small_and_are_trained() -> None:
    cr.manual_seed(0)
    layer = nn.LearnedPositions(500, 20)
    assert layer.weight.numpy().std() == pytest.approx(0.02, rel=0.05)
    gradient = cr.backprop(layer(cr.zeros((3, 2, 20))).sum())[layer.weight]
    assert (gradient.numpy()[:2] == 3).all()
    assert (gradient.numpy()[2:] == 0).all()


def rotated(x: Any, t: int) -> Any:
    """Every pair turned by its angle, as complex numbers."""
    half = x.shape[-1] // 2
    z = x[:half] + 1j * x[half:]
    z = z * np.exp(1j * t * 10000.0 ** (-np.arange(half) / half))
    return np.concatenate([z.real, z.imag])


def test_rotation_is_a_product_of_complex_numbers() -> None:
    x = rng.normal(size=(2, 5, 8))
    found = nn.RotaryPositions(8)(x, start=3).numpy()
    for sample in range(2):
        for t in range(5):
            wanted = rotated(x[sample, t], t + 3)
            np.testing.assert_allclose(found[sample, t], wanted, atol=1e-6)


def test_a_rotated_product_depends_on_the_distance_alone() -> None:
    q, k = rng.normal(size=(2, 8))
    rotary = nn.RotaryPositions(8)

    def together(at: int, other: int) -> float:
        a, b = (rotary(x[None], start=t)[0] for x, t in ((q, at), (k, other)))
        return (a * b).sum().item()

    assert together(2, 5) == pytest.approx(together(40, 43), abs=1e-4)
    assert together(2, 5) != pytest.approx(together(2, 6), abs=1e-2)


def test_gradients_of_a_rotation_are_right() -> None:
    cr.check_gradients(nn.RotaryPositions(4), rng.normal(size=(3, 4)))


@pytest.mark.parametrize(
    "layer",
    [
        nn.SinusoidalPositions(6, 9, base=500),
        nn.LearnedPositions(9, 6),
        nn.RotaryPositions(6, base=500),
    ],
)
def test_saved_positions_are_loaded(layer: nn.Module, tmp_path: Any) -> None:
    layer.save(tmp_path / "layer.safetensors")
    x = rng.normal(size=(4, 6)).astype("float32")
    again = cr.load(tmp_path / "layer.safetensors")
    assert (again(x).numpy() == layer(x).numpy()).all()


def test_too_long_a_sequence_is_an_error() -> None:
    with pytest.raises(ShapeError) as caught:
        nn.LearnedPositions(4, 6)(cr.zeros((2, 5, 6)))
    assert caught.value.what == (
        "LearnedPositions: x (2, 5, 6): 5 steps, but max_length is 4"
    )
    assert caught.value.fix == (
        "LearnedPositions with max_length=5, or shorter sequences"
    )


def test_an_odd_size_cannot_be_rotated() -> None:
    with pytest.raises(ArgumentError, match="features are rotated in pairs"):
        nn.RotaryPositions(5)
