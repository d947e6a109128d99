"""The estimator of variational autoencoders: what it computes, and in scikit-learn's
machinery.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from chainrule import models, optim
from chainrule.errors import ArgumentError, OptionError, ShapeError
from chainrule.estimators import VAETransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
DIGITS, LABELS = load_digits(return_X_y=True)
X = (DIGITS[:300] / 16 > 0.5).astype(np.float32)
RNG = np.random.default_rng(0)
#: Two numbers, seen as six columns of other units, and noise.
REAL = RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 6)) + 0.3 * RNG.normal(
    size=(400, 6)
)
REAL = 5.0 + REAL * np.array([1.0, 10.0, 0.1, 1.0, 3.0, 1.0])


def coder(*sizes: Any, **options: Any) -> VAETransformer:
    """One that learns in little time."""
    options = {"max_iter": 15, "learning_rate_init": 0.01, "random_state": 0} | options
    return VAETransformer(*sizes, **options)


@pytest.fixture(scope="module")
def fitted() -> VAETransformer:
    return coder(5, (20,), likelihood="bernoulli").fit(X)


def test_codes_and_reconstructions_are_those_of_the_model(
    fitted: VAETransformer,
) -> None:
    module = fitted.module_
    assert isinstance(module, models.VAE)
    codes = fitted.transform(X)
    np.testing.assert_allclose(codes, module.encode(X).numpy(), rtol=1e-5, atol=1e-6)
    again = fitted.inverse_transform(codes)
    np.testing.assert_allclose(again, module.reconstruct(X).numpy(), rtol=1e-4)
    assert fitted.score(X) == pytest.approx(module.elbo(X, samples=10).mean)
    assert fitted.score(X) == fitted.score(X)


def test_learning_makes_data_likely(fitted: VAETransformer) -> None:
    p = X.mean(axis=0, dtype=float).clip(1e-6, 1 - 1e-6)
    alone = (X * np.log(p) + (1 - X) * np.log(1 - p)).sum(axis=1).mean()
    assert fitted.score(X) > alone + 1
    assert fitted.loss_curve_[0] < -alone * 1.2  # it begins at the means of X


def test_a_linear_one_is_probabilistic_pca_in_the_units_of_x() -> None:
    how = {"variance": "shared", "max_iter": 300, "tol": 0, "batch_size": 50}
    schedule = optim.Adam(lr=optim.Cosine(0.03, 2400))
    linear = coder(2, (), optimizer=schedule, **how).fit(REAL)
    scaled = (REAL - REAL.mean(axis=0)) / REAL.std(axis=0)
    exact = PCA(2).fit(scaled).score(scaled) - np.log(REAL.std(axis=0)).sum()
    assert exact - 0.1 < linear.score(REAL) < exact + 0.02
    again = linear.inverse_transform(linear.transform(REAL))
    left = np.square((again - REAL) / REAL.std(axis=0)).sum(axis=1).mean()
    assert left < 0.2 * 6
    drawn = linear.sample(4000)
    assert drawn.mean(axis=0) == pytest.approx(REAL.mean(axis=0), abs=1.0)
    assert np.cov(drawn.T)[0, 1] == pytest.approx(np.cov(REAL.T)[0, 1], abs=0.7)


def test_draws_differ_and_a_seed_repeats_them(fitted: VAETransformer) -> None:
    first, second = fitted.sample(4), fitted.sample(4)
    assert first.shape == (4, 64) and first.dtype == np.float32
    assert set(np.unique(first)) == {0, 1} and (first != second).any()
    means = fitted.sample(4, means=True)
    assert ((means > 0) & (means < 1)).mean() > 0.9
    one, other = (coder(2, (8,), max_iter=1).fit(REAL).sample(3) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_other_values_are_scaled_and_come_back_in_their_units() -> None:
    wide = coder(2, (8,), likelihood="bernoulli").fit(REAL)
    ends = np.stack([REAL.min(axis=0), REAL.max(axis=0)])
    distance = np.abs(wide.sample(20)[:, None] - ends).min(axis=1)
    np.testing.assert_allclose(distance, 0, atol=1e-9)
    beyond = np.stack([ends[0] - 10, ends[1] + 10])
    np.testing.assert_array_equal(wide.transform(beyond), wide.transform(ends))
    made = coder(2, (8,), max_iter=2).fit(REAL)
    other = coder(2, (8,), max_iter=2).fit(REAL * 100 + 3)
    np.testing.assert_allclose(made.transform(REAL), other.transform(REAL * 100 + 3))
    off = made.score(REAL) - other.score(REAL * 100 + 3)
    assert off == pytest.approx(6 * np.log(100))  # a density has a unit


def test_it_stands_in_pipelines_and_searches() -> None:
    search = GridSearchCV(coder(1, ()), {"n_components": [1, 2]}, cv=2)
    assert search.set_params(estimator__max_iter=100).fit(REAL).best_params_ == {
        "n_components": 2
    }
    vae = coder(8, (32,), likelihood="bernoulli", batch_size=20)
    pipeline = make_pipeline(vae, LogisticRegression(max_iter=500))
    assert pipeline.fit(X, LABELS[:300]).score(X, LABELS[:300]) > 0.7
    frame = coder(2, (4,), max_iter=1).set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == ["vaetransformer0", "vaetransformer1"]


def test_sparse_matrices_dtypes_copies_and_pickles(fitted: VAETransformer) -> None:
    rows = sparse.csr_matrix(X[:20])
    np.testing.assert_allclose(
        fitted.transform(rows), fitted.transform(X[:20]), rtol=1e-5
    )
    assert fitted.score(rows) == pytest.approx(fitted.score(X[:20]))
    assert fitted.transform(X).dtype == np.float32
    assert coder(2, (4,), max_iter=1).fit(REAL).transform(REAL).dtype == np.float64
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(again.sample(3), fitted.sample(3))
    np.testing.assert_array_equal(clone(fitted).fit(X).transform(X), again.transform(X))


def test_a_warm_start_goes_on() -> None:
    warm = coder(2, (8,), warm_start=True, max_iter=4).fit(REAL)
    first = warm.score(REAL)
    assert warm.fit(REAL).score(REAL) > first
    assert len(warm.loss_curve_) == 8


def test_mistakes_are_named(fitted: VAETransformer) -> None:
    with pytest.raises(ArgumentError) as caught:
        coder(0).fit(X)
    assert caught.value.what == (
        "VAETransformer: n_components=0: expected a whole number of at least 1"
    )
    with pytest.raises(OptionError, match="unknown likelihood 'poisson'"):
        coder(2, likelihood="poisson").fit(X)
    with pytest.raises(OptionError, match="unknown activation 'rely'"):
        coder(2, activation="rely").fit(X)
    with pytest.raises(ArgumentError, match="beta=-1: expected a finite number"):
        coder(2, beta=-1).fit(X)
    with pytest.raises(ArgumentError, match="samples=0"):
        coder(2, samples=0).fit(X)
    with pytest.raises(ShapeError) as shape:
        fitted.inverse_transform(np.ones((3, 4)))
    assert shape.value.what == (
        "VAETransformer.inverse_transform: X (3, 4): expected codes of 5 numbers"
    )
    for method, given in (("sample", ()), ("score", (X,)), ("transform", (X,))):
        with pytest.raises(NotFittedError):
            getattr(coder(2), method)(*given)
