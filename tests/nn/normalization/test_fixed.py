"""Normalization scales by its numbers, is saved with them, and checks them."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_every_channel_is_scaled_by_its_own_numbers(engine) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 3)).astype(np.float32)
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 4.0])
    layer = nn.Normalization(mean, std)
    found = cr.compile(layer, engine=engine)(x).numpy()
    np.testing.assert_allclose(found, (x - mean) / std, rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32
    assert layer(x.astype(np.float64)).dtype == np.float64


def test_it_is_saved_with_its_numbers(tmp_path) -> None:
    model = nn.Sequential(nn.Normalization([0.5], [0.25]), nn.Linear(1, 2))
    model.save(tmp_path / "m.safetensors")
    again = cr.load(tmp_path / "m.safetensors")
    x = np.ones((3, 1), np.float32)
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())
    assert repr(again[0]) == "Normalization(1 channel)"
    assert again[0].settings() == {"mean": [0.5], "std": [0.25]}


@pytest.mark.parametrize(
    ("mean", "std"),
    [([0.0], [0.0]), ([0.0], [1.0, 1.0]), ([], []), ("x", [1.0]), ([np.nan], [1.0]),
     (0.5, [1.0]), ([0.0], [-1.0])],
)  # fmt: skip
def test_numbers_that_make_no_sense(mean, std) -> None:
    with pytest.raises(ArgumentError, match="Normalization: "):
        nn.Normalization(mean, std)


def test_other_channels_are_an_error() -> None:
    with pytest.raises(ShapeError, match=r"x \(2, 4\): expected \(…, 3\)"):
        nn.Normalization([0, 0, 0], [1, 1, 1])(cr.zeros((2, 4)))
