"""Estimators in scikit-learn's own machinery, and what they share with its networks."""

from __future__ import annotations

import pickle
import pickletools
import subprocess
import sys
import threading
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from joblib import Parallel, delayed, parallel_config
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_moons
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import OptionError
from chainrule.estimators import (
    ConvClassifier,
    MLPClassifier,
    MLPRegressor,
    NetworkEstimator,
    SequenceClassifier,
    prediction,
)
from tests.architecture.source_tree import ROOT
from tests.estimators.instances import instances, normalised

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.*:DeprecationWarning",
)


@pytest.fixture(scope="module")
def moons() -> tuple[Any, Any]:
    x, y = make_moons(200, noise=0.1, random_state=0)
    return x.astype(np.float32), y


def small(**options: Any) -> MLPClassifier:
    """A classifier that learns the moons in little time."""
    options = {"learning_rate_init": 0.05, "max_iter": 60, **options}
    return MLPClassifier((16,), random_state=0, **options)


# In scikit-learn's machinery. ---------------------------------------------------------


def test_a_grid_search_over_a_pipeline_finds_the_better_width(moons: Any) -> None:
    pipeline = make_pipeline(StandardScaler(), small())
    grid = {"mlpclassifier__hidden_layer_sizes": [(1,), (16,)]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(*moons)
    assert search.best_params_ == {"mlpclassifier__hidden_layer_sizes": (16,)}
    assert search.score(*moons) > 0.9


def test_processes_of_joblib_find_what_one_finds(moons: Any) -> None:
    alone = cross_val_score(small(), *moons, cv=2)
    with parallel_config("loky"):
        together = cross_val_score(small(), *moons, cv=2, n_jobs=2)
    assert alone.tolist() == together.tolist()


def test_processes_of_joblib_share_the_processors() -> None:
    def threads() -> int:
        from chainrule import config

        return config.threads

    with parallel_config("loky", inner_max_num_threads=1):
        found = Parallel(n_jobs=2)(delayed(threads)() for _ in range(2))
    assert found == [1, 1]


def test_threads_of_joblib_find_what_one_finds(moons: Any) -> None:
    estimator = small(dropout=0.3)
    alone = cross_val_score(estimator, *moons, cv=4)
    with parallel_config("threading"):
        together = cross_val_score(estimator, *moons, cv=4, n_jobs=2)
    assert alone.tolist() == together.tolist()


def test_calibration_and_votes_take_its_probabilities(moons: Any) -> None:
    calibrated = CalibratedClassifierCV(small(), cv=2).fit(*moons)
    votes = VotingClassifier([("a", small()), ("b", small())], voting="soft")
    for ensemble in (calibrated, votes.fit(*moons)):
        assert ensemble.score(*moons) > 0.9
        np.testing.assert_allclose(
            ensemble.predict_proba(moons[0]).sum(1), 1, rtol=1e-6
        )


def test_weights_reach_it_through_a_pipeline(moons: Any) -> None:
    x, y = moons
    weights = np.where(y == 1, 1.0, 0.0)
    weights[0] = 1.0
    with sklearn.config_context(enable_metadata_routing=True):
        network = small().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, network)
        pipeline.fit(x, y, sample_weight=weights)
    assert pipeline.predict(x).mean() > 0.9


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_are_known_by_their_names(library: str, moons: Any) -> None:
    x, y = moons
    frame = pd.DataFrame(x, columns=["east", "north"])
    given = frame if library == "pandas" else pl.from_pandas(frame)
    scaled = make_column_transformer((MinMaxScaler(), ["east", "north"]))
    pipeline = make_pipeline(scaled.set_output(transform=library), small())
    pipeline.fit(given, y)
    names = ["minmaxscaler__east", "minmaxscaler__north"]
    assert pipeline[-1].feature_names_in_.tolist() == names
    direct = small(max_iter=2).fit(given, y)
    with pytest.raises(ValueError, match="feature names"):
        direct.predict(given[["north", "east"]])


@pytest.mark.parametrize("kind", ["csr_array", "csr_matrix", "csc_array", "coo_array"])
def test_a_sparse_matrix_teaches_what_its_dense_copy_does(kind: str) -> None:
    x, y = load_digits(return_X_y=True)
    x = x[:300].astype(np.float32)
    dense = MLPClassifier((8,), max_iter=5, random_state=0).fit(x, y[:300])
    matrix = getattr(sparse, kind)(x)
    rows = MLPClassifier((8,), max_iter=5, random_state=0).fit(matrix, y[:300])
    np.testing.assert_allclose(dense.loss_curve_, rows.loss_curve_, rtol=1e-4)
    np.testing.assert_allclose(
        dense.predict_proba(x), rows.predict_proba(matrix), rtol=1e-3, atol=1e-6
    )


def test_a_wide_sparse_matrix_never_becomes_dense() -> None:
    rng = np.random.default_rng(0)
    x = sparse.random_array((40_000, 20_000), density=1e-4, rng=rng, dtype=np.float32)
    x = x.tocsr()  # dense it would be 3.2 GB
    y = (
        np.asarray(x[:, :10_000].sum(1)).ravel()
        > np.asarray(x[:, 10_000:].sum(1)).ravel()
    )
    model = MLPClassifier((2,), max_iter=1, batch_size=500, random_state=0)
    import tracemalloc

    tracemalloc.start()
    model.fit(x, y).predict(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e8


# Files and copies. --------------------------------------------------------------------


@pytest.mark.parametrize("kind", instances())
def test_a_pickle_holds_arrays_and_predicts_the_same(kind: str) -> None:
    x, y = load_iris(return_X_y=True)
    made = instances()[kind]
    epochs = "n_iter" if "n_iter" in made.get_params() else "max_iter"
    fitted = made.set_params(random_state=0, **{epochs: 2}).fit(x, y)
    written = pickle.dumps(fitted)
    modules = {
        argument.split()[0]
        for opcode, argument, _ in pickletools.genops(written)
        if opcode.name == "GLOBAL"
    } | {
        text
        for opcode, text, _ in pickletools.genops(written)
        if opcode.name == "SHORT_BINUNICODE" and text.startswith("chainrule.")
    }
    assert modules == {
        "chainrule.training.history",
        "chainrule.estimators.tasks",
        type(fitted).__module__,
    }
    copy = pickle.loads(written)
    answer = "transform" if hasattr(fitted, "transform") else "predict"
    assert getattr(copy, answer)(x).tolist() == getattr(fitted, answer)(x).tolist()
    assert copy.history_["loss"] == fitted.history_["loss"]


def test_a_copy_goes_on_as_the_original_does(moons: Any) -> None:
    first = small().fit(*moons)
    second = pickle.loads(pickle.dumps(first))
    for estimator in (first, second):
        estimator.partial_fit(*moons)
    assert first.loss_curve_ == second.loss_curve_
    for a, b in zip(first.coefs_, second.coefs_, strict=True):
        assert (a == b).all()


def test_clones_are_unfitted_and_have_the_same_arguments() -> None:
    original = NetworkEstimator(normalised, "regression", alpha=0.5)
    copy = clone(original)
    assert copy.get_params() == original.get_params()
    with pytest.raises(NotFittedError):
        copy.predict([[0.0]])


# As in scikit-learn's networks. -------------------------------------------------------


def test_the_first_loss_and_its_decrease_are_as_theirs() -> None:
    """The same objective: from their weights, full batches, the same losses."""
    x, y = load_iris(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    options: dict[str, Any] = {"alpha": 3.0, "random_state": 0, "batch_size": 150}
    theirs = TheirClassifier((5,), "tanh", max_iter=1, **options).fit(x, y)
    ours = MLPClassifier((5,), "tanh", max_iter=1, warm_start=True, **options)
    ours.fit(x, y)
    start = TheirClassifier((5,), "tanh", max_iter=1, **options)
    start.set_params(learning_rate_init=1e-30).fit(x, y)
    for layer, w, b in zip(
        (ours.module_[0], ours.module_[2]), start.coefs_, start.intercepts_, strict=True
    ):
        layer.weight.assign(w.T)
        layer.bias.assign(b)
    ours._optimizer = ours._new_optimizer(ours.module_)
    ours.fit(x, y)
    assert ours.loss_curve_[-1] == pytest.approx(theirs.loss_, rel=1e-6)
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_regression_has_their_loss_too() -> None:
    x, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    options: dict[str, Any] = {"random_state": 0, "max_iter": 150, "tol": 0.0}
    options |= {"hidden_layer_sizes": (20,), "learning_rate_init": 0.01}
    theirs = TheirRegressor(**options).fit(x, y)
    ours = MLPRegressor(**options).fit(x, y)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.1)
    assert ours.score(x, y) == pytest.approx(theirs.score(x, y), abs=0.03)


def test_early_stopping_keeps_the_weights_of_the_best_epoch(moons: Any) -> None:
    model = small(early_stopping=True, n_iter_no_change=5, max_iter=100).fit(*moons)
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_ < 100
    assert model.best_validation_score_ == max(scores)
    assert model.best_loss_ is None
    again = small(max_iter=scores.index(max(scores)) + 1, early_stopping=True)
    again.fit(*moons)
    assert (
        again.predict_proba(moons[0]).tolist() == model.predict_proba(moons[0]).tolist()
    )
    assert {"validation_loss", "validation_score"} <= set(model.history_.columns)


def test_training_ends_where_the_loss_stands_still(moons: Any) -> None:
    model = small(tol=0.05, n_iter_no_change=3, max_iter=500).fit(*moons)
    losses = np.array(model.loss_curve_)
    best = np.minimum.accumulate(losses)
    still = losses[1:] > best[:-1] - 0.05
    assert model.n_iter_ == len(losses) < 500
    assert still[-4:].all()
    assert not any(still[i : i + 4].all() for i in range(len(still) - 4))
    assert model.history_.stopped == "converged"


def test_too_few_epochs_are_a_warning(moons: Any) -> None:
    with pytest.warns(ConvergenceWarning, match="max_iter=2 epochs are over"):
        small(max_iter=2, tol=0.0).fit(*moons)


def test_a_warm_start_goes_on(moons: Any) -> None:
    model = small(warm_start=True, max_iter=5).fit(*moons)
    module = model.module_
    model.fit(*moons)
    assert model.module_ is module
    assert model.n_iter_ == 5
    assert len(model.loss_curve_) == 10
    assert model.loss_curve_[5] < model.loss_curve_[0]


def test_epochs_in_parts_teach_as_much_as_at_once(moons: Any) -> None:
    x, y = moons
    model = small(batch_size=32)
    for _ in range(15):
        for part in range(0, 200, 100):
            model.partial_fit(
                x[part : part + 100], y[part : part + 100], classes=[0, 1]
            )
    assert model.score(x, y) > 0.9
    assert model.t_ == 15 * 200


def test_a_part_may_lack_classes_also_with_a_warm_start(moons: Any) -> None:
    x, y = moons
    model = small(warm_start=True).partial_fit(x, y, classes=[0, 1])
    assert model.partial_fit(x[y == 1], y[y == 1]).t_ == 200 + (y == 1).sum()


def test_parts_of_one_epoch_are_the_epochs_of_a_fit(moons: Any) -> None:
    """The same weights, and with all examples in a batch the same steps."""
    fitted = small(max_iter=3, batch_size=200).fit(*moons)
    parts = small(batch_size=200)
    for _ in range(3):
        parts.partial_fit(*moons, classes=[0, 1])
    np.testing.assert_allclose(parts.loss_curve_, fitted.loss_curve_, rtol=1e-5)


def test_lbfgs_finds_the_minimum_that_theirs_finds() -> None:
    x, y = load_iris(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    options: dict[str, Any] = {"alpha": 5.0, "max_iter": 500, "tol": 1e-6}
    theirs = TheirClassifier((5,), "tanh", solver="lbfgs", random_state=0, **options)
    ours = MLPClassifier((5,), "tanh", optimizer="lbfgs", random_state=0, **options)
    assert ours.fit(x, y).loss_ == pytest.approx(theirs.fit(x, y).loss_, rel=1e-3)
    assert "gradient_tolerance" in ours.history_.stopped
    assert not hasattr(ours, "partial_fit")
    assert hasattr(MLPClassifier(), "partial_fit")


def test_a_minimizer_sees_all_examples_and_says_why_it_stopped(moons: Any) -> None:
    for optimizer in (optim.GradientDescent(), optim.GradientDescent(l2=0.1)):
        model = small(optimizer=optimizer, max_iter=300, alpha=0.01).fit(*moons)
        assert np.diff(model.loss_curve_).max() <= 0
        assert model.score(*moons) > 0.8
        assert not optimizer.is_bound
        assert model.history_["gradient_norm"][-1] < model.history_["gradient_norm"][0]
    copy = pickle.loads(pickle.dumps(clone(model).set_params(max_iter=2).fit(*moons)))
    assert copy.predict(moons[0]).shape == (200,)


def test_examples_of_weight_zero_do_not_count(moons: Any) -> None:
    x, y = moons
    weights = np.where(np.arange(200) < 100, 1.0, 0.0)
    weighted = small(max_iter=10).fit(x, y, weights)
    part = small(max_iter=10).fit(x[:100], y[:100])
    assert weighted.loss_curve_ == pytest.approx(part.loss_curve_, rel=1e-5)


def test_weights_count_in_the_validation_score(moons: Any) -> None:
    x, y = moons
    weights = np.where(y == 1, 1000.0, 0.001)
    model = small(early_stopping=True, max_iter=20).fit(x, y, weights)
    assert model.best_validation_score_ > 0.999
    assert model.predict(x).mean() > 0.8


@pytest.mark.parametrize("labels", ["texts", "booleans", "gaps"])
def test_labels_of_any_kind_come_back(labels: str, moons: Any) -> None:
    x, y = moons
    kinds = {
        "texts": np.array(["no", "yes"])[y],
        "booleans": y == 1,
        "gaps": np.array([-7, 40])[y],
    }
    model = small().fit(x, kinds[labels])
    assert model.classes_.tolist() == sorted(set(kinds[labels].tolist()))
    assert set(model.predict(x).tolist()) == set(model.classes_.tolist())
    assert (model.predict(x) == kinds[labels]).mean() > 0.9


def test_several_labels_and_several_amounts(moons: Any) -> None:
    x, y = moons
    several = np.stack([y, 1 - y, x[:, 0] > 0], axis=1).astype(int)
    model = small().fit(x, several)
    assert model.predict(x).shape == model.predict_proba(x).shape == (200, 3)
    assert model.score(x, several) > 0.8
    amounts = MLPRegressor(
        "squared_error", (16,), learning_rate_init=0.02, random_state=0
    )
    amounts.fit(x, several.astype(float))
    assert amounts.predict(x).shape == (200, 3)
    assert amounts.score(x, several) > 0.5


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "poisson"]
)
def test_every_loss_of_amounts_finds_the_line(loss: str) -> None:
    x = np.linspace(0, 2, 200)[:, None]
    y = np.exp(0.5 * x[:, 0])
    model = MLPRegressor(
        loss, (8,), "tanh", learning_rate_init=0.02, random_state=0, n_iter_no_change=99
    )
    assert model.fit(x, y).score(x, y) > 0.93


def test_logarithms_of_probabilities_do_not_round_to_minus_infinity(moons: Any) -> None:
    x, y = moons
    model = small().fit(x, y)
    far = model.predict_log_proba(x * 1000)
    assert np.isfinite(far).all()
    np.testing.assert_allclose(np.exp(far), model.predict_proba(x * 1000))
    signs = model.decision_function(x) > 0
    assert (signs == (model.predict(x) == 1)).all()


def test_predictions_have_the_dtype_of_the_training_data(moons: Any) -> None:
    x, y = moons
    for dtype in (np.float32, np.float64):
        model = small(max_iter=1).fit(x.astype(dtype), y)
        assert model.predict_proba(x).dtype == model.coefs_[0].dtype == dtype


# Images, sequences, networks of one's own. --------------------------------------------


def test_images_are_given_in_three_forms() -> None:
    x, y = load_digits(return_X_y=True)
    x, y = (x[:100] / 16).astype(np.float32), y[:100]
    options: dict[str, Any] = {"max_iter": 2, "random_state": 0}
    rows = ConvClassifier((4,), **options).fit(x, y)
    images = x.reshape(-1, 8, 8)
    pictures = ConvClassifier((4,), **options).fit(images, y)
    channels = ConvClassifier((4,), **options).fit(images[..., None], y)
    assert rows.image_shape_ == pictures.image_shape_ == (8, 8, 1)
    assert rows.loss_curve_ == pictures.loss_curve_ == channels.loss_curve_
    assert pictures.predict(images).tolist() == rows.predict(x).tolist()
    wide = ConvClassifier((4,), image_shape=(4, 16), **options).fit(x, y)
    assert wide.image_shape_ == (4, 16, 1)


def test_sequences_of_different_lengths_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 9, 200)
    x = [rng.normal(size=(n, 2)).astype(np.float32) for n in lengths]
    y = np.array([s[-1, 0] > 0 for s in x])
    model = SequenceClassifier(
        8, cell="gru", learning_rate_init=0.05, max_iter=60, random_state=0
    ).fit(x, y)
    assert model.score(x, y) > 0.95
    longer = [np.concatenate([s, s]) for s in x]
    assert model.score(longer, y) > 0.95
    assert model.n_features_in_ == 2
    scores = cross_val_score(model, x, y, cv=2)
    assert scores.min() > 0.8


def test_a_network_of_ones_own_is_given_the_shape_of_an_example() -> None:
    seen = []

    def make(inputs: Any, outputs: int) -> nn.Module:
        seen.append((inputs, outputs))
        return nn.Sequential(nn.Flatten(), nn.Linear(12, outputs))

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3, 4)), rng.integers(0, 3, 30)
    model = NetworkEstimator(make, max_iter=1).fit(x, y)
    assert seen == [((3, 4), 3)]
    assert model.predict(x).shape == (30,)
    assert not hasattr(NetworkEstimator(make, "regression"), "predict_proba")


# What a fit leaves alone. -------------------------------------------------------------


def test_a_fit_leaves_the_random_numbers_of_the_program_alone(moons: Any) -> None:
    cr.manual_seed(3)
    expected = cr.random.uniform(4).numpy()
    cr.manual_seed(3)
    small(max_iter=2, dropout=0.5).fit(*moons).predict(moons[0])
    assert (cr.random.uniform(4).numpy() == expected).all()


def test_a_seed_repeats_a_fit_to_the_bit(moons: Any) -> None:
    first, second = (small(dropout=0.2).fit(*moons) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_
    other = small(dropout=0.2).set_params(random_state=1).fit(*moons)
    assert other.loss_curve_ != first.loss_curve_


def test_a_fit_in_a_thread_of_its_own_works(moons: Any) -> None:
    scores: list[float] = []
    thread = threading.Thread(
        target=lambda: scores.append(small().fit(*moons).score(*moons))
    )
    thread.start()
    thread.join()
    assert scores == [small().fit(*moons).score(*moons)]


# Callbacks of scikit-learn. -----------------------------------------------------------


def test_a_callback_sees_every_epoch_with_an_estimator_that_predicts(
    moons: Any,
) -> None:
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model = small(max_iter=5).set_callbacks(monitor).fit(*moons)
    log = monitor.get_logs()
    epochs = [row["accuracy"] for row in log.data if row["task_name"] == "epoch"]
    assert len(epochs) == 5
    assert epochs[-1] == model.score(*moons)
    assert len(set(epochs)) > 1


class StopAfter:
    """A callback that asks to stop after some epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.hooks = epochs, []

    def setup(self, estimator: Any, context: Any) -> None:
        self.hooks.append("setup")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.hooks.append("begin")

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        self.hooks.append("end")
        return self.hooks.count("end") == self.epochs

    def teardown(self, estimator: Any, context: Any) -> None:
        self.hooks.append("teardown")


def test_a_callback_may_end_training(moons: Any) -> None:
    stop = StopAfter(3)
    model = small().set_callbacks(stop).fit(*moons)
    assert model.n_iter_ == 3
    assert stop.hooks[0] == "setup"
    assert stop.hooks[-1] == "teardown"


class Everywhere(StopAfter):
    """A callback that reaches estimators inside of others, and never stops them."""

    max_propagation_depth = None

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.hooks.append(f"{type(estimator).__name__} {context.task_name}")


def test_a_callback_of_a_pipeline_sees_the_epochs_inside(moons: Any) -> None:
    pipeline = make_pipeline(StandardScaler(), small(max_iter=4))
    everywhere = Everywhere(-1)
    pipeline.set_callbacks(everywhere).fit(*moons)
    assert everywhere.hooks.count("MLPClassifier epoch") == 4
    assert vars(pipeline[-1]).get("_skl_callbacks") is None
    assert pipeline.score(*moons) > 0.5


def test_an_estimator_without_callbacks_does_not_import_them() -> None:
    program = (
        "import sys, numpy as np\n"
        "from chainrule.estimators import MLPClassifier\n"
        "x = np.eye(4, dtype='float32')\n"
        "MLPClassifier((2,), max_iter=1, tol=1e9).fit(x, [0, 1, 0, 1]).predict(x)\n"
        "print({'sklearn.callback', 'rich', 'sklearn.metrics'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        check=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("rows", [1, 5, 1024, 1500])
def test_what_is_compiled_predicts_as_what_is_not(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    at_once = prediction.Predictor(model)(x)
    monkeypatch.setattr(prediction, "FEW", 0)
    compiled = prediction.Predictor(model)(x)
    assert at_once.shape == compiled.shape == (rows, 2)
    np.testing.assert_allclose(at_once, compiled, rtol=1e-5, atol=1e-6)


def test_arguments_that_scikit_learn_alone_has_are_in_the_page_for_its_users() -> None:
    page = (ROOT / "docs/coming-from-keras-and-scikit-learn.md").read_text("utf-8")
    for theirs, ours in (
        (TheirClassifier, MLPClassifier),
        (TheirRegressor, MLPRegressor),
    ):
        missing = set(signature(theirs).parameters) - set(signature(ours).parameters)
        assert "solver" in missing
        for name in missing:
            assert f"`{name}`" in page or f"`{name}=" in page
            with pytest.raises(OptionError) as caught:
                ours(**{name: 1})
            assert caught.value.fix
