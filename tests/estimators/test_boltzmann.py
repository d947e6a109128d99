"""The estimator of restricted Boltzmann machines: what it computes, and beside
scikit-learn's.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline

from chainrule import models, optim
from chainrule.errors import ArgumentError, DataError, OptionError, ShapeError
from chainrule.estimators import RBMTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
DIGITS, LABELS = load_digits(return_X_y=True)
GREY = DIGITS / 16
X = (GREY[:300] > 0.5).astype(np.float32)
REAL = np.random.default_rng(0).normal(3.0, 5.0, (200, 4))
REAL[:, 1] = REAL[:, 0] + 0.2 * REAL[:, 1]  # two columns that go together


def machine(*sizes: Any, **options: Any) -> RBMTransformer:
    """One that learns digits in little time."""
    options = {"n_iter": 5, "random_state": 0} | options
    return RBMTransformer(*sizes, **options)


def of_real_values(**options: Any) -> RBMTransformer:
    """One of real units, of few columns."""
    options = {"learning_rate": 0.01, "persistent": False, "n_iter": 20} | options
    return machine(4, visible="gaussian", **options).fit(REAL)


@pytest.fixture(scope="module")
def fitted() -> RBMTransformer:
    return machine(20).fit(X)


def test_features_and_reconstructions_are_those_of_the_machine(
    fitted: RBMTransformer,
) -> None:
    module = fitted.module_
    assert isinstance(module, models.RBM)
    codes = fitted.transform(X)
    np.testing.assert_allclose(codes, module.hidden_given(X).numpy(), rtol=1e-5)
    z = X @ fitted.components_.T + fitted.intercept_hidden_
    np.testing.assert_allclose(codes, 1 / (1 + np.exp(-z)), rtol=1e-5)
    again = fitted.inverse_transform(codes)
    z = codes @ fitted.components_ + fitted.intercept_visible_
    np.testing.assert_allclose(again, 1 / (1 + np.exp(-z)), rtol=1e-4)


def test_a_score_is_the_pseudo_likelihood() -> None:
    few = machine(5).fit(X[:, :8])
    module, v = few.module_, X[:20, :8]
    total = np.zeros(len(v))
    own = -module.free_energy(v).numpy()
    for i in range(8):
        other = v.copy()
        other[:, i] = 1 - other[:, i]
        total += own - np.logaddexp(own, -module.free_energy(other).numpy())
    np.testing.assert_allclose(few.score_samples(v), total, rtol=1e-4, atol=1e-4)
    assert few.score(v) == pytest.approx(few.score_samples(v).mean())


def test_it_is_what_bernoulli_rbm_estimates(fitted: RBMTransformer) -> None:
    theirs = BernoulliRBM(20, n_iter=1, random_state=0).fit(X)
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        setattr(theirs, name, getattr(fitted, name).astype(float))
    drawn = []
    for seed in range(200):
        theirs.random_state = seed
        drawn.append(theirs.score_samples(X.astype(float)).mean())
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(fitted.score(X) - np.mean(drawn)) < 4 * error


def test_a_pseudo_likelihood_of_real_units_is_a_density() -> None:
    made = of_real_values()
    row = REAL[:1]
    v = (row - made.offset_) / made.scale_
    expected = -np.log(made.scale_).sum()
    lattice, step = np.linspace(-20, 20, 4001), 0.01
    for i in range(4):
        line = np.repeat(v, len(lattice), axis=0)
        line[:, i] = lattice
        mass = logsumexp(-made.module_.free_energy(line).numpy()) + np.log(step)
        expected += -made.module_.free_energy(v).numpy()[0] - mass
    assert made.score_samples(row)[0] == pytest.approx(expected, abs=1e-6)


def test_learning_makes_data_likely() -> None:
    alone = X[:, X.any(axis=0)].mean(axis=0)  # each pixel by itself
    bound = -alone * np.log(alone) - (1 - alone) * np.log1p(-alone + 1e-12)
    assert machine(40, n_iter=40).fit(X).score(X) > -bound.sum() * 0.75
    alone_score = -np.log(REAL.std(axis=0)).sum() - 2 * np.log(2 * np.pi) - 2
    assert of_real_values(n_iter=100).score(REAL) > alone_score + 0.1


def test_features_of_digits_serve_as_well_as_those_of_bernoulli_rbm() -> None:
    found = []
    for kind in (BernoulliRBM, RBMTransformer):
        rbm = kind(64, learning_rate=0.06, n_iter=10, random_state=0)
        model = make_pipeline(rbm, LogisticRegression(max_iter=60))
        model.fit(GREY[:800], LABELS[:800])
        found.append(model.score(GREY[800:], LABELS[800:]))
    assert found[1] > found[0] - 0.02
    assert found[1] > 0.75


def test_other_values_are_scaled_and_come_back_in_their_units() -> None:
    grey = machine(10).fit(GREY[:300])
    assert not grey.offset_.any() and (grey.scale_ == 1).all()
    whole = machine(10).fit(REAL)
    np.testing.assert_allclose(whole.offset_, REAL.min(axis=0))
    np.testing.assert_allclose(whole.scale_, np.ptp(REAL, axis=0))
    ends = np.stack([REAL.min(axis=0), REAL.max(axis=0)])
    for drawn in (whole.sample(50, steps=2), whole.gibbs(REAL)):
        distance = np.abs(drawn[:, None] - ends).min(axis=1)
        np.testing.assert_allclose(distance, 0, atol=1e-9)
    beyond = np.stack([ends[0] - 10, ends[1] + 10])
    np.testing.assert_array_equal(whole.transform(beyond), whole.transform(ends))
    real = of_real_values()
    np.testing.assert_allclose(real.offset_, REAL.mean(axis=0))
    assert np.abs(real.sample(300, 20).mean(axis=0) - REAL.mean(axis=0)).max() < 2.5


def test_chains_move_and_a_seed_repeats_them() -> None:
    one, other = machine(20).fit(X), machine(20).fit(X)
    first = one.sample(5, steps=3)
    assert set(np.unique(first)) == {0, 1} and first.dtype == np.float32
    np.testing.assert_array_equal(first, other.sample(5, steps=3))
    assert (first != one.sample(5, steps=3)).any()
    moved = one.gibbs(X[:10])
    assert moved.shape == (10, 64)
    near = np.abs(moved - X[:10]).mean()
    assert 0 < near < np.abs(moved - X[10:20]).mean()


def test_epochs_may_come_one_by_one() -> None:
    parts = machine(20)
    for _ in range(4):
        assert parts.partial_fit(X) is parts
    assert len(parts.loss_curve_) == 4
    assert parts.score(X) > machine(20, n_iter=1).fit(X).score(X)
    warm = machine(20, warm_start=True).fit(X)
    first = warm.score(X)
    assert warm.fit(X).score(X) > first


def test_copies_and_pickles_go_on_alike(fitted: RBMTransformer) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    fresh = clone(fitted).fit(X)
    np.testing.assert_array_equal(fresh.transform(X), fitted.transform(X))
    copied = pickle.loads(pickle.dumps(fresh))
    for each in (fresh, copied):
        each.partial_fit(X)  # its chains too are where they were
    np.testing.assert_array_equal(copied.transform(X), fresh.transform(X))


def test_names_frames_and_sparse_matrices(fitted: RBMTransformer) -> None:
    assert list(fitted.get_feature_names_out())[:2] == [
        "rbmtransformer0",
        "rbmtransformer1",
    ]
    rows = sparse.csr_matrix(X)
    np.testing.assert_allclose(fitted.transform(rows), fitted.transform(X), rtol=1e-6)
    np.testing.assert_allclose(fitted.score(rows), fitted.score(X))
    learned = machine(20).fit(rows)
    np.testing.assert_allclose(learned.transform(X), fitted.transform(X), rtol=1e-5)
    scaled = machine(4).fit(sparse.csr_matrix(3 * X))
    assert scaled.scale_.max() == 3


def test_a_search_takes_the_better_machine() -> None:
    search = GridSearchCV(machine(n_iter=20), {"n_components": [1, 40]}, cv=2)
    assert search.fit(X).best_params_ == {"n_components": 40}


def test_mistakes_are_named(fitted: RBMTransformer) -> None:
    with pytest.raises(ArgumentError) as caught:
        machine(0).fit(X)
    assert caught.value.what == (
        "RBMTransformer: n_components=0: expected a whole number of at least 1"
    )
    with pytest.raises(ArgumentError) as caught:
        machine(2, learning_rate=0).fit(X)
    assert caught.value.what == (
        "RBMTransformer: learning_rate=0: expected a number above 0"
    )
    with pytest.raises(ArgumentError) as caught:
        machine(2, optimizer="lbfgs").fit(X)
    assert caught.value.what == (
        "RBMTransformer: optimizer='lbfgs' evaluates a loss again and again, and "
        "contrastive divergence knows only its gradient"
    )
    with pytest.raises(OptionError, match="unknown visible 'bernoulli'"):
        machine(2, visible="bernoulli").fit(X)
    with pytest.raises(ShapeError) as shape:
        fitted.inverse_transform(np.ones((3, 4)))
    assert shape.value.what == (
        "RBMTransformer.inverse_transform: X (3, 4): expected codes of 20 numbers"
    )
    with pytest.raises(DataError, match=r"hidden states \(1, 20\): 2 .* 0 to 1"):
        fitted.inverse_transform(np.full((1, 20), 2.0))
    for method in ("sample", "gibbs", "score_samples"):
        given = () if method == "sample" else (X,)
        with pytest.raises(NotFittedError):
            getattr(machine(2), method)(*given)


def test_an_optimizer_and_a_penalty_are_those_of_contrastive_divergence() -> None:
    momentum = optim.Momentum(lr=0.02)
    free = machine(10, optimizer=momentum, n_iter=20).fit(X)
    assert free.score(X) > machine(10, learning_rate=1e-6).fit(X).score(X) + 1
    rare = machine(10, optimizer=momentum, n_iter=20, sparsity=5.0).fit(X)
    off = [np.abs(m.transform(X).mean(axis=0) - 0.05).max() for m in (rare, free)]
    assert off[0] < 0.7 * off[1]
