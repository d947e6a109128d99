"""Metrics: equal to scikit-learn's, whatever the batches; every edge case defined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

import chainrule as cr
from chainrule.errors import ArgumentError, OptionError, ShapeError
from chainrule.training import metrics
from chainrule.training.metrics import (
    F1,
    Accuracy,
    FunctionMetric,
    Metric,
    Precision,
    Recall,
    TopK,
    joined,
)

rng = np.random.default_rng(0)
LOGITS = rng.normal(size=(101, 5)).astype(np.float32)
LABELS = rng.integers(0, 5, 101)
PREDICTED = LOGITS.argmax(1)
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
YES = rng.integers(0, 2, 101)
LOGIT = rng.normal(size=(101, 1)).astype(np.float32)
AMOUNTS = rng.normal(size=(101, 3)) * [1.0, 10.0, 0.1] + [0.0, 1e6, 5.0]
GUESSES = AMOUNTS + rng.normal(size=(101, 3))


def averaged(score: Any, average: str) -> Any:
    name = None if average == "each" else average
    return score(LABELS, PREDICTED, average=name, zero_division=0)


CASES: dict[str, tuple[Metric, Any, Any, Any]] = {
    "accuracy": (Accuracy(), LOGITS, LABELS, sk.accuracy_score(LABELS, PREDICTED)),
    "confusion matrix": (
        metrics.confusion_matrix, LOGITS, LABELS,
        sk.confusion_matrix(LABELS, PREDICTED),
    ),
    "perplexity": (
        metrics.perplexity, LOGITS, LABELS, math.exp(sk.log_loss(LABELS, SOFTMAX)),
    ),
    "binary accuracy": (
        Accuracy(), LOGIT, YES, sk.accuracy_score(YES, LOGIT[:, 0] > 0),
    ),
    "binary f1": (F1(), LOGIT, YES, sk.f1_score(YES, LOGIT[:, 0] > 0)),
    "binary matrix": (
        metrics.confusion_matrix, LOGIT, YES, sk.confusion_matrix(YES, LOGIT[:, 0] > 0),
    ),
    "threshold": (
        Precision(threshold=0.5), LOGIT, YES,
        sk.precision_score(YES, LOGIT[:, 0] > 0.5),
    ),
    "r2": (metrics.r2, GUESSES, AMOUNTS, sk.r2_score(AMOUNTS, GUESSES)),
    "mse": (metrics.mse, GUESSES, AMOUNTS, sk.mean_squared_error(AMOUNTS, GUESSES)),
    "rmse": (
        metrics.rmse, GUESSES[:, 0], AMOUNTS[:, 0],
        sk.root_mean_squared_error(AMOUNTS[:, 0], GUESSES[:, 0]),
    ),
    "mae": (metrics.mae, GUESSES, AMOUNTS, sk.mean_absolute_error(AMOUNTS, GUESSES)),
    **{
        f"top {k}": (
            TopK(k), LOGITS, LABELS,
            sk.top_k_accuracy_score(LABELS, LOGITS, k=k, labels=range(5)),
        )
        for k in (1, 2, 4)
    },
    **{
        f"{kind.name} {average}": (kind(average), LOGITS, LABELS, averaged(s, average))
        for kind, s in (
            (Precision, sk.precision_score), (Recall, sk.recall_score),
            (F1, sk.f1_score),
        )
        for average in ("macro", "micro", "weighted", "each")
    },
    "function": (
        FunctionMetric(lambda o, t: sk.matthews_corrcoef(t, o.argmax(1))),
        LOGITS, LABELS, sk.matthews_corrcoef(LABELS, PREDICTED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_metric_of_everything_equals_scikit_learns(case: str) -> None:
    metric, outputs, targets, expected = CASES[case]
    np.testing.assert_allclose(metric(outputs, targets), expected, rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [1, 7, 100])
def test_a_metric_does_not_depend_on_the_batches(case: str, batch: int) -> None:
    metric, outputs, targets, expected = CASES[case]
    totals: Any = None
    for start in range(0, 101, batch):
        part = slice(start, start + batch)
        measured = metric.measure(cr.tensor(outputs[part]), cr.tensor(targets[part]))
        values = tuple(np.asarray(each) for each in measured)
        totals = values if totals is None else metric.merge(totals, values)
    totals = tuple(joined(each) for each in totals)
    np.testing.assert_allclose(metric.result(totals), expected, rtol=1e-6)


@pytest.mark.parametrize("case", [c for c in CASES if c != "function"])
def test_a_metric_is_the_same_when_compiled(case: str) -> None:
    metric, outputs, targets, expected = CASES[case]
    measured = cr.compile(metric.measure)(cr.tensor(outputs), cr.tensor(targets))
    totals = tuple(np.asarray(each) for each in measured)
    np.testing.assert_allclose(metric.result(totals), expected, rtol=1e-6)


def test_every_shape_of_binary_logits_gives_the_same() -> None:
    flat = Accuracy()(LOGIT[:, 0], YES)
    assert Accuracy()(LOGIT, YES) == flat
    assert Accuracy()(LOGIT, YES.reshape(-1, 1)) == flat
    assert Accuracy()(LOGIT[:, 0], YES.astype(np.float32)) == flat


def test_distributions_and_sequences_are_taken_as_targets() -> None:
    one_hot = np.eye(5, dtype=np.float32)[LABELS]
    assert Accuracy()(LOGITS, one_hot) == Accuracy()(LOGITS, LABELS)
    assert metrics.perplexity(LOGITS, one_hot) == pytest.approx(
        metrics.perplexity(LOGITS, LABELS)
    )
    steps, labels = LOGITS[:100].reshape(20, 5, 5), LABELS[:100].reshape(20, 5)
    assert Accuracy()(steps, labels) == Accuracy()(LOGITS[:100], LABELS[:100])


def test_zero_by_zero_is_what_zero_division_says() -> None:
    logits, labels = np.array([[2.0, 1.0, 0.0]] * 4), np.array([0, 0, 1, 1])
    assert Precision("each")(logits, labels).tolist() == [0.5, 0.0, 0.0]
    assert Precision("each", zero_division=1.0)(logits, labels)[1] == 1.0
    # class 2 neither occurs nor is predicted, so it is not in the average
    assert Recall("macro")(logits, labels) == pytest.approx(0.5)


def test_of_equal_outputs_the_first_counts_and_nan_is_no_guess() -> None:
    equal = np.zeros((1, 3))
    assert [TopK(1)(equal, [c]) for c in range(3)] == [1.0, 0.0, 0.0]
    assert TopK(2)(np.array([[np.nan, 1.0, 0.0]]), [0]) == 0.0


def test_r2_of_a_constant_column_is_one_or_zero() -> None:
    constant = np.ones((4, 1))
    assert metrics.r2(constant, constant) == 1.0
    assert metrics.r2(constant + 1, constant) == 0.0
    assert math.isnan(metrics.r2([1.0], [1.0]))


@pytest.mark.parametrize(
    ("name", "found"),
    [("accuracy", "accuracy"), ("top-5", "top_5"), ("top3", "top_3"), ("F1", "f1"),
     ("Recall-Micro", "recall_micro"), ("r2", "r2")],
)  # fmt: skip
def test_a_metric_is_found_by_name(name: str, found: str) -> None:
    assert metrics.by_name(name).name == found


MISTAKES: dict[str, tuple[Any, type[Exception], str]] = {
    "unknown name": (lambda: metrics.by_name("acuracy"), OptionError, "'accuracy'"),
    "top 0": (lambda: TopK(0), ArgumentError, "at least 1"),
    "unknown average": (lambda: F1("makro"), OptionError, "'macro'"),
    "shapes": (lambda: Accuracy()(LOGITS, LABELS[:7]), ShapeError, "one label"),
    "float labels": (
        lambda: Accuracy()(LOGITS, LABELS.astype(float)), ArgumentError, "astype(int)",
    ),
    "no broadcasting": (
        lambda: metrics.mse(LOGIT, YES), ShapeError, "targets.reshape(-1, 1)",
    ),
    "too many guesses": (lambda: TopK(9)(LOGITS, LABELS), ArgumentError, "5 classes"),
    "binary of five": (lambda: F1("binary")(LOGITS, LABELS), ArgumentError, "macro"),
    "two of one name": (
        lambda: metrics.resolve(["f1", F1()]), ArgumentError, "'f1'",
    ),
    "not a metric": (lambda: metrics.resolve([3]), ArgumentError, "expected a name"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_error(mistake: str) -> None:
    call, kind, words = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value)


def test_a_label_out_of_range_is_an_error() -> None:
    with pytest.raises(cr.errors.BoundsError):
        metrics.confusion_matrix(LOGITS, LABELS + 1)


def test_lower_is_better_for_errors_and_losses_only() -> None:
    lower = {
        "loss",
        "validation_loss",
        "mse",
        "validation_mae",
        "perplexity",
        "my_error",
    }
    for name in (*lower, "accuracy", "validation_f1", "r2"):
        assert metrics.lower_is_better(name) == (name in lower)
