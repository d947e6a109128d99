"""Scores that cost nothing, to set a network's score beside: the commonest class, the
mean, the median, and a linear model by scikit-learn.

Place on the road: below the commands; ``report`` measures them in the same
way as the network. They are fitted to the rows that the network was fitted to. It must
not know of networks.

====================  =============================================================
commonest class       for every example the commonest class of the training data
mean, median          for every example the mean, or median, of the training data
logistic regression   softmax(W x + b), with a small penalty on W
ridge regression      W x + b, with a small penalty on W
====================  =============================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import data

Array = np.ndarray[Any, np.dtype[Any]]

#: The most numbers that a step of logistic regression may go through, rows × columns ×
#: classes; and rows × columns² of ridge regression: a second or two, each.
MOST_WORK = {"classification": 10_000_000, "regression": 2_000_000_000}

#: Steps of logistic regression.
STEPS = 200

#: The names of the baselines, as they are stored and as they are said.
NAMES = {
    "commonest_class": "the commonest class",
    "mean": "the mean",
    "median": "the median",
    "logistic_regression": "logistic regression",
    "ridge_regression": "ridge regression",
}


@dataclass(frozen=True)
class Baseline:
    """A rule that predicts without a network.

    Arguments:
        name: a key of ``NAMES``.
        outputs: inputs ↦ ``(N, K)``, as a network's last layer gives them: logarithms
            of probabilities, or scaled amounts. None where it was not fitted.
        value: the label or scaled amount of a constant prediction.
        skipped: why it was not fitted.
    """

    name: str
    outputs: Callable[[Array], Array] | None = None
    value: float | None = None
    skipped: str = ""


def fitted(train: data.Dataset) -> list[Baseline]:
    """The baselines of a training set.

    Example:
        >>> import numpy as np
        >>> from chainrule import data
        >>> train = data.Dataset(np.eye(3), [0, 1, 1])
        >>> [each.name for each in fitted(train)]
        ['commonest_class', 'logistic_regression']
    """
    targets = np.asarray(train.targets)
    if train.task == "classification":
        classes = train.num_classes or 0
        label = int(np.bincount(targets, minlength=classes).argmax())
        return [commonest(label, range(classes)), _linear(train)]
    amounts = targets.reshape(-1).astype(np.float64)
    return [
        constant("mean", float(amounts.mean())),
        constant("median", float(np.median(amounts))),
        _linear(train),
    ]


def commonest(label: int, classes: Sequence[object]) -> Baseline:
    """Always the class of one label."""

    def outputs(inputs: Array) -> Array:
        logarithms = np.where(np.arange(len(classes)) == label, 0.0, -np.inf)
        return np.tile(logarithms, (len(inputs), 1))

    return Baseline("commonest_class", outputs, label)


def constant(name: str, amount: float) -> Baseline:
    """Always one scaled amount."""

    def outputs(inputs: Array) -> Array:
        return np.full((len(inputs), 1), amount)

    return Baseline(name, outputs, amount)


def _linear(train: data.Dataset) -> Baseline:
    """Logistic or ridge regression of the encoded columns, or why it is skipped."""
    classes = train.task == "classification"
    name = "logistic_regression" if classes else "ridge_regression"
    rows, width = len(train), math.prod(np.shape(train[:1][0])[1:])
    labels = np.asarray(train.targets)
    outputs = len(np.unique(labels)) if classes else width
    work = rows * width * outputs
    if work > MOST_WORK[train.task]:
        return Baseline(name, skipped="the training data are too large for it")
    if classes and outputs < 2:
        return Baseline(name, skipped="the training data hold one class only")
    inputs = _flat(train[:][0])
    fit = _logistic if classes else _ridge
    return Baseline(name, fit(inputs, labels, train.num_classes or 0))


def _flat(inputs: Any) -> Array:
    array = np.asarray(inputs)
    return array.reshape(len(array), -1)


def _logistic(inputs: Array, labels: Array, classes: int) -> Callable[[Array], Array]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=STEPS).fit(inputs, labels)

    def outputs(new: Array) -> Array:
        logarithms = np.full((len(new), classes), -np.inf)
        with np.errstate(divide="ignore"):  # a probability of 0
            logarithms[:, model.classes_] = model.predict_log_proba(_flat(new))
        return logarithms

    return outputs


def _ridge(inputs: Array, amounts: Array, _: int) -> Callable[[Array], Array]:
    from sklearn.linear_model import Ridge

    model = Ridge().fit(inputs.astype(np.float64), amounts.reshape(-1))

    def outputs(new: Array) -> Array:
        predicted: Array = model.predict(_flat(new).astype(np.float64))
        return predicted[:, None]

    return outputs
