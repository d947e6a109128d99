"""Gabor functions are found where they are, and in what is learned from photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import FileError
from experiments import gabor, kodak, natural_images, record
from tests.experiments.data_folder import WITH_DATA

SIDE = 12
RANDOM = np.random.default_rng(0)


def planted(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gabor functions of random place, direction, size, frequency and phase."""
    low = (3, 3, 0, np.log(0.5), np.log(0.5), 0.08, -1, -1)
    high = (8, 8, np.pi, np.log(3), np.log(3), 0.3, 1, 1)
    values = RANDOM.uniform(low, high, (count, 8))
    y, x = (each.ravel().astype(float) for each in np.mgrid[:SIDE, :SIDE])
    shown = gabor.gabor(cr.tensor(values), x, y).numpy()
    return values, shown.reshape(count, SIDE, SIDE)


def test_gabor_functions_are_fitted_and_noise_is_not() -> None:
    values, filters = planted(20)
    noise = RANDOM.normal(size=filters.shape)
    spread = filters.std(axis=(1, 2), keepdims=True)
    fits = gabor.fit(np.concatenate([filters, filters + spread * noise, noise]))
    alone, half, none = np.split(fits.r2, 3)
    # functions of a mean that is not 0 are fitted without it, and so not to the end
    assert np.quantile(alone, 0.25) > 0.97 and alone.min() > 0.8
    assert half.min() > 0.4 and half.max() < 0.7  # half of their variance is noise
    assert none.max() < 0.35
    frequency = np.abs(fits.values[:20, 5])
    near = np.abs(frequency - values[:, 5]) < 0.02
    assert near.mean() >= 0.8
    error = ((fits.shown[:20] - _scaled(filters)) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(error, 1 - alone, atol=1e-6)


def _scaled(filters: np.ndarray) -> np.ndarray:
    """As they are fitted: of mean 0 and length 1."""
    centred = filters - filters.mean(axis=(1, 2), keepdims=True)
    return centred / np.linalg.norm(centred, axis=(1, 2), keepdims=True)


@WITH_DATA
def test_three_models_find_edges_where_random_filters_are_none(tmp_path: Path) -> None:
    made = natural_images.run(record.Options(quick=True, folder=tmp_path))
    share = {
        name: made.measured[f"Gabor functions, {name}"]
        for name in (*natural_images.LEARNERS, "random")
    }
    assert share["random"] == 0
    assert all(share[name] > 0.35 for name in natural_images.LEARNERS)
    local = made.measured
    assert local["and local, sparse coding"] > local["and local, principal components"]
    assert len(made.pictures) == 5
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@WITH_DATA
def test_patches_of_photographs_have_no_mean() -> None:
    patches = kodak.patches(6, 50, seed=1)
    assert patches.shape == (50, 6, 6)
    np.testing.assert_allclose(patches.mean(axis=(1, 2)), 0, atol=1e-6)


def test_photographs_that_are_not_there_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cr.config, "data_folder", tmp_path)
    with pytest.raises(FileError) as caught:
        kodak.photographs()
    assert caught.value.what == "kodak/kodim01.png is not in the data folder"
