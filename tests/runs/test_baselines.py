"""Baselines: what they predict, where they are skipped, how a network stands beside."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from chainrule import data
from chainrule.data.tables.rules import ColumnRule
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
    monkeypatch.setattr(baselines, "FREE", {"classification": 1000, "regression": 1000})
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


def rings(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and whether they lie inside a circle: no line parts them."""
    x = np.random.default_rng(seed).normal(size=(rows, 2)).astype(np.float32)
    return x, (x**2).sum(axis=1)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", sorted(baselines.ASKED_FOR))
def test_each_that_is_asked_for_learns_what_no_line_tells(task: str, name: str) -> None:
    x, radius = rings(400, 0)
    new, true = rings(200, 1)
    targets = (radius > 1.4).astype(int) if task == "classification" else radius
    found = baselines.fitted(data.Dataset(x, targets), every=True, tested=200)
    chosen = {each.name: each for each in found}[name]
    assert chosen.outputs is not None, chosen.skipped
    assert chosen.seconds > 0
    outputs = chosen.outputs(new)
    if task == "classification":
        assert np.mean(outputs.argmax(axis=1) == (true > 1.4)) > 0.9
    else:
        assert outputs.shape == (200, 1)
        assert np.corrcoef(outputs[:, 0], true)[0, 1] > 0.8


def test_large_data_are_learned_from_in_part_which_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, radius = rings(3000, 0)
    train = data.Dataset(x, (radius > 1.4).astype(int))
    for name, value in (
        ("LINEAR", {"classification": 2000}),
        ("NEIGHBOURS", 2 * 100 * 700),
        ("TREES", 2 * 30 * (8_000 + 8 * 1000)),
        ("SIMILARITIES", 100 * 300 * 300),
    ):
        monkeypatch.setattr(baselines, name, value)
    found = baselines.fitted(train, every=True, tested=100)
    assert {each.name: each.note for each in found if each.note} == {
        "logistic_regression": "learned from 500 of 3 000 examples",
        "k_nearest_neighbours": "k = 5, learned from 700 of 3 000 examples",
        "gradient_boosting": "30 rounds, learned from 1 000 of 3 000 examples",
        "support_vector_machine": "learned from 300 of 3 000 examples",
    }
    monkeypatch.setattr(baselines, "TREES", 2 * 10 * (8_000 + 8 * 1000))
    (trees,) = [
        each
        for each in baselines.fitted(train, every=True)
        if each.name == "gradient_boosting"
    ]
    assert trees.skipped == "the training data are too large for it"


def test_trees_take_categories_as_they_are() -> None:
    rules = [
        ColumnRule("age", "numeric", missing=True),
        ColumnRule("town", "categorical", categories=("a", "b", "c"), missing=True),
        ColumnRule("only", "categorical", categories=("x",)),
    ]
    encode, places = baselines._as_they_are(rules)
    rows = np.array(
        [[0.5, 0, 0, 1, 0, 0, 1], [1.5, 1, 0, 0, 0, 1, 1], [2.5, 0, 1, 0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(
        encode(rows),
        [[1, 0.5, 0, 0, 1], [np.nan, 1.5, 1, 1, 1], [0, 2.5, 0, 0, 0]],
    )
    assert places == [0]


def test_a_baseline_that_fails_is_said_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.svm import SVC

    def no_memory(*_: object) -> None:
        raise MemoryError("no room\nfor it")

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", no_memory)
    monkeypatch.setattr(SVC, "predict", no_memory)
    x, radius = rings(60, 0)
    known = data.Dataset(x, (radius > 1.4).astype(int))
    found = baselines.fitted(known, every=True, tested=60)
    stored = report.measure_baselines(
        found, {"test": known}, settings("classification", classes=("in", "out"))
    )
    reason = "it failed: MemoryError: no room for it"
    assert stored["gradient_boosting"] == {"skipped": reason}
    assert stored["support_vector_machine"] == {"skipped": reason}
    assert stored["k_nearest_neighbours"]["test"]["accuracy"] > 0.8
    lines = report.beside({"accuracy": 1.0}, stored, "classification")
    assert f"gradient boosting skipped: {reason}" in lines
    assert f"support vector machine skipped: {reason}" in lines


def test_with_others_asked_for_each_has_a_line_and_the_network_its_place() -> None:
    scores = {
        "mean": {"predicts": -2.5, "test": {"rmse": 3.0}, "seconds": 0.0},
        "ridge_regression": {"test": {"rmse": 2.0}, "seconds": 0.25},
        "gradient_boosting": {
            "test": {"rmse": 1.0}, "seconds": 12.5, "note": "50 rounds"
        },
        "support_vector_machine": {"skipped": "it failed: ValueError: no"},
    }  # fmt: skip
    assert report.beside({"rmse": 2.0}, scores, "regression", seconds=3.0) == [
        "gradient boosting  RMSE 1  12.50 s  50 rounds",
        "ridge regression   RMSE 2   0.25 s",
        "the network        RMSE 2   3.00 s",
        "the mean (−2.5)    RMSE 3   0.00 s",
        "support vector machine skipped: it failed: ValueError: no",
        "no better than gradient boosting or ridge regression",
    ]
    assert report.beside({"rmse": 0.5}, scores, "regression")[0] == (
        "the network        RMSE 0.5"
    )


def test_baselines_asked_for_survive_in_the_run_and_its_evaluation(tmp_path) -> None:
    source = np.random.default_rng(0)
    rows = [
        [round(x, 2), "ab"[n % 2], "yes" if abs(x) > 0.6 else "no"]
        for n, x in enumerate(source.normal(size=120))
    ]
    write_table(tmp_path / "t.csv", ["x", "kind", "answer"], rows)
    words = ("--target", "answer", "--epochs", 3, "--out", tmp_path / "r")
    said = call_well("train", tmp_path / "t.csv", *words, "--baselines").stdout
    (tmp_path / "r" / "metrics.json").unlink()  # as if it had been stopped
    again = call_well("train", "--resume", tmp_path / "r").stdout
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["baselines"].keys() > baselines.ASKED_FOR
    seen = call_well("evaluate", tmp_path / "r").stdout
    for text in (said, again, seen):
        lines = [line.strip() for line in text.splitlines()]
        starts = [baselines.NAMES[name] for name in baselines.ASKED_FOR]
        for start in (*starts, "logistic regression", "the network"):
            assert sum(line.startswith(f"{start}  ") for line in lines) == 1


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
    assert set(metrics["baselines"]["logistic_regression"]) == {
        "test", "validation", "seconds"
    }  # fmt: skip
    assert not baselines.ASKED_FOR & metrics["baselines"].keys()
    epoch = kept["epoch"]
    assert f"kept     the weights of epoch {epoch} of 5, the lowest validation" in said
    assert "the commonest class ('no') " in said
