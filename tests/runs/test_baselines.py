"""Baselines: what they predict, where they are skipped, how a network stands beside."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from chainrule import data
from chainrule.runs import baselines, report
from chainrule.runs.settings import Network, Settings, Source, Training
from tests.cli.conftest import call_well, write_table


def settings(task: str, **more: object) -> Settings:
    training = Training(
        1, 8, "adam", "mse", 0.1, "constant", 0.0, 0, 0.1, 5, "native", 1
    )
    network = Network(1, 1, ())
    return Settings(Source(), network, training, "t", task, "y", **more)  # type: ignore[arg-type]


def by_name(train: data.Dataset) -> dict[str, baselines.Baseline]:
    return {each.name: each for each in baselines.fitted(train)}


def test_the_commonest_class_is_that_of_the_training_data() -> None:
    train = data.Dataset(np.eye(5), [2, 0, 2, 1, 2])
    found = by_name(train)["commonest_class"]
    assert found.value == 2
    assert found.outputs is not None
    assert found.outputs(np.zeros((4, 5))).argmax(axis=1).tolist() == [2, 2, 2, 2]


def test_mean_and_median_are_those_of_the_training_data() -> None:
    train = data.Dataset(np.eye(3), [[0.0], [0.0], [6.0]])
    found = by_name(train)
    assert found["mean"].value == 2.0
    assert found["median"].value == 0.0


def test_linear_models_learn_what_is_linear() -> None:
    source = np.random.default_rng(0)
    x = source.normal(size=(200, 3)).astype(np.float32)
    line = x @ np.array([[1.0], [-2.0], [0.5]]) + 3
    ridge = by_name(data.Dataset(x, line))["ridge_regression"]
    assert ridge.outputs is not None
    np.testing.assert_allclose(ridge.outputs(x), line, atol=0.05)
    labels = (x[:, 0] > 0).astype(int)
    logistic = by_name(data.Dataset(x, labels))["logistic_regression"]
    assert logistic.outputs is not None
    assert np.mean(logistic.outputs(x).argmax(axis=1) == labels) > 0.97


def test_classes_missing_in_training_are_never_predicted() -> None:
    train = data.Dataset(np.eye(4), [0, 3, 0, 3], classes=["a", "b", "c", "d"])
    logistic = by_name(train)["logistic_regression"]
    assert logistic.outputs is not None
    outputs = logistic.outputs(np.eye(4))
    assert outputs.shape == (4, 4)
    assert np.all(outputs[:, 1:3] == -np.inf)


@pytest.mark.parametrize("targets", [np.arange(300) % 2, np.arange(300.0)[:, None]])
def test_a_large_linear_model_is_skipped_and_the_reason_is_said(
    targets: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        baselines, "MOST_WORK", {"classification": 1000, "regression": 1000}
    )
    found = baselines.fitted(data.Dataset(np.ones((300, 2)), targets))[-1]
    assert found.outputs is None
    assert found.skipped == "the training data are too large for it"
    lines = report.beside(
        {"accuracy": 1.0, "rmse": 0.0},
        {found.name: {"skipped": found.skipped}},
        "classification" if targets.ndim == 1 else "regression",
    )
    assert lines == [
        f"{baselines.NAMES[found.name]} skipped: the training data are too large for it"
    ]


def test_one_class_in_the_training_data_skips_logistic_regression() -> None:
    lazy = data.Dataset(np.ones((3, 1)), [1, 1, 0], classes=["a", "b"]).subset([0, 1])
    found = by_name(lazy)["logistic_regression"]
    assert found.skipped == "the training data hold one class only"


def test_what_is_no_better_is_said_with_each_baseline_that_it_does_not_beat() -> None:
    scores = {
        "commonest_class": {"predicts": "no", "test": {"accuracy": 0.75}},
        "logistic_regression": {"test": {"accuracy": 0.8}},
    }

    def said(accuracy: float) -> list[str]:
        return report.beside({"accuracy": accuracy}, scores, "classification")

    first = "the commonest class ('no') 75 %, logistic regression 80 %"
    assert said(0.9) == [first]
    assert said(0.8) == [first, "no better than logistic regression"]
    assert said(0.75) == [
        first,
        "no better than the commonest class or logistic regression",
    ]


def test_amounts_are_compared_by_their_error_which_should_be_small() -> None:
    scores = {"mean": {"predicts": -2.5, "test": {"rmse": 3.0}}}
    first = "the mean (−2.5) RMSE 3"
    assert report.beside({"rmse": 2.9}, scores, "regression") == [first]
    assert report.beside({"rmse": 3.0}, scores, "regression") == [
        first,
        "no better than the mean",
    ]


@pytest.mark.parametrize("true", [[4.0], [4.0, 4.0, 4.0]])
def test_no_r2_is_given_of_targets_that_do_not_vary(true: list[float]) -> None:
    rows = {"x": [1.0, 2.0, 3.0], "y": [-1.0, 0.0, 1.0]}
    fitted = data.TableTransform.fit(rows, "y")
    assert fitted.target is not None
    known = settings("regression", transform=fitted.to_json())
    targets = np.array(true)[:, None] / fitted.target.std
    said = report.Predictions(targets + 0.5 / fitted.target.std, known)
    measured = report.measure(said, targets)
    assert "r2" not in measured
    count = "1 example" if len(true) == 1 else "3 examples"
    assert report.in_words(measured, known) == f"RMSE 0.5, MAE 0.5 (y, {count})"
    assert not any(isinstance(v, float) and math.isnan(v) for v in measured.values())


def test_metrics_of_a_run_hold_test_validation_and_baselines(tmp_path) -> None:
    source = np.random.default_rng(0)
    rows = [[round(x, 2), "yes" if x > 0.3 else "no"] for x in source.normal(size=90)]
    write_table(tmp_path / "t.csv", ["x", "answer"], rows)
    words = ("--target", "answer", "--epochs", 5, "--out", tmp_path / "r")
    said = call_well("train", tmp_path / "t.csv", *words).stdout
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    history = json.loads((tmp_path / "r" / "history.json").read_text())["epochs"]
    kept = min(history, key=lambda row: row["validation_loss"])
    assert metrics["kept"] == {"epoch": kept["epoch"], "chosen_by": "validation_loss"}
    assert metrics["validation"]["cross_entropy"] == pytest.approx(
        kept["validation_loss"], rel=1e-4
    )
    assert metrics["baselines"]["commonest_class"]["predicts"] == "no"
    assert set(metrics["baselines"]["logistic_regression"]) == {"test", "validation"}
    epoch = kept["epoch"]
    assert f"kept     the weights of epoch {epoch} of 5, the lowest validation" in said
    assert "the commonest class ('no') " in said
