"""Metrics: how good predictions are, exact over any number of batches.

Place on the road: beside the training loop. A metric looks at a batch inside the
compiled step and returns sums or counts, never averages; the sums of all batches are
merged, and the number is computed once at the end. So a shorter last batch has its
proper weight, and no second forward pass is needed. It must not know of models, data
sets or losses.

======================  ==========================================================
``accuracy``            the share of examples whose class is right
``TopK(k)``             the share whose class is among the k most likely
``confusion_matrix``    counts, a row for each true class
``precision recall f1``  per class, or averaged: macro, micro, weighted
``r2 mse mae rmse``     for amounts
``perplexity``          e to the average cross-entropy
======================  ==========================================================

Each is called on whole arrays, ``metrics.accuracy(outputs, targets)``, or handed to
``fit`` and ``evaluate`` by itself or by name. *Outputs* are logits: ``(N, K)`` for K
classes, ``(N,)`` or ``(N, 1)`` for two. *Targets* are labels ``(N,)`` or distributions
``(N, K)``; axes between the first and the last, as of sequences, count as examples.

Any function of (outputs, targets), two NumPy arrays, is a metric as well: it is called
once at the end with all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ArgumentError, unknown_option
from ...public import advise, listing, missing_names
from .amounts import R2, MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError
from .classes import (
    F1,
    Accuracy,
    ConfusionMatrix,
    Perplexity,
    Precision,
    Recall,
    TopK,
)
from .metric import FunctionMetric, Metric, Totals, joined, sounds_bad

__all__ = [
    "F1",
    "METRICS",
    "R2",
    "Accuracy",
    "ConfusionMatrix",
    "FunctionMetric",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "TopK",
    "Totals",
    "accuracy",
    "by_name",
    "confusion_matrix",
    "f1",
    "joined",
    "lower_is_better",
    "mae",
    "mse",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "resolve",
    "rmse",
    "top_k",
]

accuracy = Accuracy()
top_k = TopK()
confusion_matrix = ConfusionMatrix()
precision = Precision()
recall = Recall()
f1 = F1()
perplexity = Perplexity()
r2 = R2()
mse = MeanSquaredError()
rmse = RootMeanSquaredError()
mae = MeanAbsoluteError()

#: name → the metric; "top_k" for any k is made when asked for.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        accuracy, confusion_matrix, precision, recall, f1, perplexity, r2, mse, rmse,
        mae,
        *(kind(average) for kind in (Precision, Recall, F1)
          for average in ("macro", "micro", "weighted", "each")),
    )
}  # fmt: skip


def by_name(name: str) -> Metric:
    """The metric of a name: "accuracy", "top-5", "f1", "recall_micro", "r2" …

    Raises:
        OptionError: for a name that is none; the message offers the nearest.

    Example:
        >>> by_name("top-3").name
        'top_3'
    """
    plain = str(name).strip().lower().replace("-", "_").replace(" ", "_")
    top = re.fullmatch(r"top_?(\d+)(_accuracy)?", plain)
    if top and int(top[1]) > 0:
        return TopK(int(top[1]))
    if plain not in METRICS:
        raise unknown_option("metric", name, [*METRICS, "top_5"])
    return METRICS[plain]


def resolve(metrics: Any) -> list[Metric]:
    """Metrics from names, metrics and functions, alone or in a sequence.

    Raises:
        ArgumentError: for something else, or two of one name.

    Example:
        >>> [metric.name for metric in resolve(["accuracy", TopK(2)])]
        ['accuracy', 'top_2']
    """
    if isinstance(metrics, (str, Metric)) or callable(metrics):
        metrics = [metrics]
    if isinstance(metrics, Mapping):
        raise ArgumentError(
            "metrics: a dict: expected a list of names and functions",
            fix="metrics=[metrics.FunctionMetric(function, name='…')]",
        )
    if not isinstance(metrics, Iterable):
        raise ArgumentError(f"metrics: {metrics!r}: expected names or functions")
    resolved = [_resolve_one(each) for each in metrics]
    names = [metric.name for metric in resolved]
    for name in names:
        if names.count(name) > 1 or name == "loss":
            raise ArgumentError(
                f"metrics: two columns would be called {name!r}",
                fix="metrics.FunctionMetric(function, name=...)",
            )
    return resolved


def _resolve_one(metric: Any) -> Metric:
    if isinstance(metric, str):
        return by_name(metric)
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, type) and issubclass(metric, Metric):
        return metric()
    if callable(metric):
        return FunctionMetric(metric)
    raise ArgumentError(
        f"metrics: {metric!r}: expected a name, a Metric or a function of "
        "(outputs, targets)"
    )


def lower_is_better(column: str, known: Sequence[Metric] = ()) -> bool:
    """Whether a column of a history should become smaller: losses, errors.

    Example:
        >>> lower_is_better("validation_loss"), lower_is_better("validation_accuracy")
        (True, False)
    """
    name = column.removeprefix("validation_")
    for metric in (*known, *METRICS.values()):
        if metric.name == name:
            return metric.lower_is_better
    return sounds_bad(name)


advise(__name__, __all__, "metrics.OPTIONS")
__dir__ = listing(__all__)
if not TYPE_CHECKING:  # so that type checkers still find wrong names
    __getattr__ = missing_names(__name__, advice="metrics.NAMES")
