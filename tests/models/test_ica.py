"""Reconstruction ICA: sources that were mixed come apart again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import FastICA

import chainrule as cr
from chainrule import data, models, optim
from chainrule.errors import ArgumentError

RANDOM = np.random.default_rng(0)
SOURCES = RANDOM.laplace(size=(4000, 5))
MIXED = SOURCES @ RANDOM.normal(size=(5, 5))


def agreement(found: np.ndarray) -> np.ndarray:
    """|Correlation| of every source with the component that is most like it, of each
    component at most once."""
    size = SOURCES.shape[1]
    table = np.abs(np.corrcoef(found.T, SOURCES.T)[:-size, -size:])
    assert len(set(table.argmax(axis=0))) == size
    return table.max(axis=0)


def test_mixed_sources_are_told_apart_as_well_as_by_fast_ica() -> None:
    white = data.Whitening.fit(MIXED).transform(MIXED)
    cr.manual_seed(0)
    model = models.ReconstructionICA(5)
    cr.fit(model, white, optimizer=optim.LBFGS(), epochs=60, progress=False)
    ours = agreement(model.encode(white).numpy())
    theirs = agreement(
        FastICA(whiten="unit-variance", random_state=0).fit_transform(MIXED)
    )
    assert ours.min() > 0.998
    assert ours.min() > theirs.min() - 0.001
    # orthogonality is not demanded, and comes about
    w = model.weight.numpy()
    gram = w @ w.T / (w * w).sum(axis=1).mean()
    np.testing.assert_allclose(gram, np.eye(5), atol=0.05)


def test_the_loss_is_its_formula_and_does_not_overflow() -> None:
    model = models.ReconstructionICA(5, 8, penalty=0.7, dtype="float64")
    w = model.weight.numpy()
    s = MIXED @ w.T
    rest = MIXED - s @ w
    expected = 0.7 * (rest**2).sum(axis=1) + np.log(np.cosh(s)).sum(axis=1)
    np.testing.assert_allclose(model(MIXED).item(), expected.mean(), rtol=1e-12)
    assert np.isfinite(model(1e4 * MIXED).item())
    np.testing.assert_allclose(model.decode(model.encode(MIXED)).numpy(), s @ w)


def test_its_gradient_is_the_one_on_paper() -> None:
    """tanh(s) xᵀ of the components; W r xᵀ + s rᵀ, twice, of the rest r."""
    model = models.ReconstructionICA(5, 8, penalty=0.7, dtype="float64")
    w = model.weight.numpy()
    s = MIXED @ w.T
    rest = s @ w - MIXED
    of_rest = 2 * (w @ rest.T @ MIXED + s.T @ rest)
    expected = (np.tanh(s).T @ MIXED + 0.7 * of_rest) / len(MIXED)
    gradient = cr.backprop(model(MIXED))[model.weight]
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-9, atol=1e-9)


def test_more_components_than_features_reconstruct_what_whitened_data_has() -> None:
    white = data.Whitening.fit(MIXED).transform(MIXED)
    model = models.ReconstructionICA(5, 9, penalty=20.0)
    cr.fit(model, white, optimizer=optim.LBFGS(), epochs=60, progress=False)
    back = model.decode(model.encode(white)).numpy()
    assert ((back - white) ** 2).mean() < 0.01 * (white**2).mean()


def test_a_saved_model_gives_the_same_components(tmp_path: Path) -> None:
    model = models.ReconstructionICA(5, 8, penalty=0.7)
    model.save(tmp_path / "model.safetensors")
    again = cr.load(tmp_path / "model.safetensors")
    assert again.settings() == model.settings()
    np.testing.assert_array_equal(again.encode(MIXED), model.encode(MIXED))


def test_a_negative_penalty_is_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        models.ReconstructionICA(5, penalty=-1.0)
    assert caught.value.what == (
        "ReconstructionICA: penalty=-1.0: expected a number of at least 0"
    )
