"""Estimators that learn codes: what they compute, in scikit-learn's machinery."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from chainrule import models, nn, optim
from chainrule.errors import ArgumentError, DataError, OptionError, ShapeError
from chainrule.estimators import AutoencoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
DIGITS, LABELS = load_digits(return_X_y=True)
X = (DIGITS[:300] / 16).astype(np.float32)


def coder(*sizes: Any, **options: Any) -> AutoencoderTransformer:
    """One that learns digits in little time."""
    options = {"max_iter": 15, "learning_rate_init": 0.01, "random_state": 0} | options
    return AutoencoderTransformer(*sizes, **options)


@pytest.fixture(scope="module")
def fitted() -> AutoencoderTransformer:
    return coder(5, (20,)).fit(X)


def test_codes_and_reconstructions_are_those_of_the_network(
    fitted: AutoencoderTransformer,
) -> None:
    module = fitted.module_
    assert isinstance(module, models.Autoencoder)
    codes = fitted.transform(X)
    np.testing.assert_allclose(codes, module.encode(X).numpy(), rtol=1e-5, atol=1e-6)
    again = fitted.inverse_transform(codes)
    np.testing.assert_allclose(again, module(X).numpy(), rtol=1e-5, atol=1e-6)
    off = np.square(X - again).sum(axis=1).mean()
    assert fitted.score(X) == pytest.approx(-off, rel=1e-5)
    assert fitted.score(X) > -np.square(X - X.mean(axis=0)).sum(axis=1).mean()


def test_a_linear_one_is_pca() -> None:
    centred = (DIGITS - DIGITS.mean(axis=0))[:300] / 16
    lbfgs = optim.LBFGS(gradient_tolerance=1e-7, loss_tolerance=0)
    linear = coder(3, (), loss="squared_error", optimizer=lbfgs, max_iter=300)
    linear.fit(centred)
    pca = PCA(3).fit(centred)
    directions = linear.module_.decoder[0].weight.array  # type: ignore[index]
    assert subspace_angles(directions, pca.components_.T).max() < 1e-2
    left = np.square(centred - pca.inverse_transform(pca.transform(centred)))
    assert linear.score(centred) == pytest.approx(-left.sum(axis=1).mean(), rel=1e-4)


def test_feature_names_and_frames() -> None:
    made = coder(2, (8,), max_iter=1).set_output(transform="pandas").fit(X)
    frame = made.transform(X[:4])
    names = ["autoencodertransformer0", "autoencodertransformer1"]
    assert list(frame.columns) == names
    assert list(made.get_feature_names_out()) == names


def test_it_stands_in_pipelines_and_searches() -> None:
    pipeline = make_pipeline(
        MinMaxScaler(), coder(8, (32,), batch_size=20), LogisticRegression(max_iter=500)
    )
    search = GridSearchCV(
        pipeline, {"autoencodertransformer__n_components": [1, 8]}, cv=2
    )
    search.fit(DIGITS[:400], LABELS[:400])
    assert search.best_params_ == {"autoencodertransformer__n_components": 8}
    assert search.best_score_ > 0.7
    back = make_pipeline(MinMaxScaler(), coder(4, max_iter=2)).fit(DIGITS[:300])
    assert back.inverse_transform(back.transform(DIGITS[:5])).shape == (5, 64)


def test_a_search_by_itself_takes_the_smaller_error() -> None:
    search = GridSearchCV(coder(hidden_layer_sizes=()), {"n_components": [1, 12]}, cv=2)
    assert search.fit(X).best_params_ == {"n_components": 12}


def test_sparse_matrices_and_dtypes(fitted: AutoencoderTransformer) -> None:
    rows = sparse.csr_matrix(X[:20])
    np.testing.assert_allclose(fitted.transform(rows), fitted.transform(X[:20]))
    assert fitted.score(rows) == pytest.approx(fitted.score(X[:20]))
    assert fitted.transform(X).dtype == np.float32
    double = coder(2, (4,), max_iter=1).fit(X.astype(np.float64))
    assert double.transform(X.astype(np.float64)).dtype == np.float64
    assert double.fit(rows).transform(rows).shape == (20, 2)


def test_copies_and_pickles_answer_alike(fitted: AutoencoderTransformer) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    fresh = clone(fitted).fit(X)
    np.testing.assert_array_equal(fresh.transform(X), fitted.transform(X))


def test_a_warm_start_goes_on() -> None:
    warm = coder(4, (16,), warm_start=True, max_iter=4).fit(X)
    first = warm.score(X)
    assert warm.fit(X).score(X) > first
    assert len(warm.loss_curve_) == 8


def test_noise_and_penalties_are_those_of_reconstruction() -> None:
    sparse_code = coder(
        10, (), code_activation="logistic", output_activation="logistic",
        loss="binary_cross_entropy", noise=nn.ZeroMasking(0.2), sparsity=0.5,
    )  # fmt: skip
    codes = sparse_code.fit(X).transform(X)
    assert codes.min() >= 0 and codes.max() <= 1
    again = sparse_code.inverse_transform(codes)
    assert again.min() >= 0 and again.max() <= 1
    learner = sparse_code._learner()
    assert repr(learner).startswith(
        "Reconstruction(loss='binary_cross_entropy', sparsity=0.5, target=0.05"
    )


def test_a_logistic_output_is_of_numbers_from_0_to_1() -> None:
    with pytest.raises(DataError) as caught:
        coder(4, output_activation="logistic").fit(16 * X)
    assert caught.value.what == (
        f"AutoencoderTransformer: X {X.shape} from 0 to 16: "
        "output_activation='logistic' makes numbers from 0 to 1"
    )
    assert caught.value.fix == (
        "sklearn.preprocessing.MinMaxScaler before it, or output_activation='identity'"
    )
    with pytest.raises(DataError, match="to 16: output_act"):
        coder(4, output_activation="logistic").fit(sparse.csr_matrix(16 * X))
    with pytest.raises(ArgumentError) as refused:
        coder(4, loss="bernoulli_nll").fit(X)
    assert refused.value.what == (
        "AutoencoderTransformer: loss='bernoulli_nll' with output_activation="
        "'identity': it is a loss of numbers from 0 to 1"
    )
    assert refused.value.fix == "output_activation='logistic'"


def test_mistakes_are_named(fitted: AutoencoderTransformer) -> None:
    with pytest.raises(ArgumentError) as caught:
        coder(0).fit(X)
    assert caught.value.what == (
        "AutoencoderTransformer: n_components=0: expected a whole number of at least 1"
    )
    with pytest.raises(ArgumentError, match="a linear code of 64 numbers for 64"):
        coder(64, ()).fit(X)
    with pytest.raises(OptionError, match="unknown activation 'rely'"):
        coder(2, activation="rely").fit(X)
    with pytest.raises(ArgumentError, match="sparsity= of a code that Linear makes"):
        coder(2, sparsity=1.0).fit(X)
    with pytest.raises(ShapeError) as shape:
        fitted.inverse_transform(np.ones((3, 4)))
    assert shape.value.what == (
        "AutoencoderTransformer.inverse_transform: X (3, 4): expected codes of 5 "
        "numbers"
    )
    with pytest.raises(NotFittedError):
        coder(2).inverse_transform(np.ones((3, 2)))
