"""Scores to set a network's score beside, on the same split.

Place on the road: below the commands; ``report`` measures them in the same
way as the network. They are fitted to the rows that the network was fitted to, with
scikit-learn's own defaults; what is always there does without its import. It must not
know of networks.

=======================  ==========================================================
commonest class          for every example the commonest class of the training data
mean, median             for every example the mean, or median, of the training data
logistic regression      softmax(W x + b), with a small penalty on W
ridge regression         W x + b, with a small penalty on W
k nearest neighbours     what the 5 most similar training examples say
gradient boosting        a sum of small trees, each fitted to what is left over
support vector machine   a weighted sum of similarities exp(−γ‖x − xᵢ‖²)
=======================  ==========================================================

The first ones cost little and are always there; the last three when asked for.
What would take more than ten or twenty seconds learns from a part of the rows.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from .. import data
from ..data.tables.rules import ColumnRule
from ..wording import spaced
from .linear_models import LogisticRegression, RidgeRegression

Array = np.ndarray[Any, np.dtype[Any]]

#: The most numbers that a step of logistic regression may go through, rows × columns ×
#: classes; and rows × columns² of ridge regression: a second or two, each.
FREE = {"classification": 10_000_000, "regression": 2_000_000_000}

#: The same, where baselines were asked for.
LINEAR = {"classification": 50_000_000, "regression": 20_000_000_000}

#: Differences between rows and examples, in numbers, that neighbours may look at.
NEIGHBOURS = 200_000_000_000

#: Numbers that trees may go through: rounds × columns × classes × (bins + rows).
TREES = 10_000_000_000

#: Numbers in the similarities that a support vector machine may compute.
SIMILARITIES = 20_000_000_000

#: Steps of logistic regression.
STEPS = 200

#: Neighbours, and rounds of boosting: scikit-learn's defaults.
K, ROUNDS = 5, 100

#: Boosting of fewer rounds, or of fewer rows where there are more, is not worth a line.
FEWEST_ROUNDS, FEWEST_ROWS = 20, 1000

#: Trees of fewer numbers, rows × columns, are fitted by one thread: several would wait
#: for each other at every leaf, seconds where one takes a fraction of a second.
SHARED = 5_000_000

#: Categories that trees take as they are, at most.
MOST_CATEGORIES = 255

#: The names of the baselines, as they are stored and as they are said.
NAMES = {
    "commonest_class": "the commonest class",
    "mean": "the mean",
    "median": "the median",
    "logistic_regression": "logistic regression",
    "ridge_regression": "ridge regression",
    "k_nearest_neighbours": "k nearest neighbours",
    "gradient_boosting": "gradient boosting",
    "support_vector_machine": "support vector machine",
}

#: Those that are there when they are asked for.
ASKED_FOR = {"k_nearest_neighbours", "gradient_boosting", "support_vector_machine"}

#: What fitting and predicting may fail with.
FAILURES = (ArithmeticError, MemoryError, OSError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Baseline:
    """A rule that predicts without a network.

    Arguments:
        name: a key of ``NAMES``.
        outputs: inputs ↦ ``(N, K)``, as a network's last layer gives them: logarithms
            of probabilities, or scaled amounts. None where it was not fitted.
        value: the label or scaled amount of a constant prediction.
        skipped: why it was not fitted.
        note: what it learned from, where that is not the whole of the training data.
        seconds: that fitting took.
    """

    name: str
    outputs: Callable[[Array], Array] | None = None
    value: float | None = None
    skipped: str = ""
    note: str = ""
    seconds: float = 0.0


def fitted(
    train: data.Dataset,
    *,
    every: bool = False,
    tested: int = 0,
    columns: Sequence[ColumnRule] = (),
) -> list[Baseline]:
    """The baselines of a training set.

    One that fails is among them too, with the reason as ``skipped``.

    Arguments:
        train: what the network was trained on.
        every: also those that take a while.
        tested: the number of examples that they are going to be measured on.
        columns: how the columns of a table became numbers; trees take its categories
            as they are.

    Example:
        >>> import numpy as np
        >>> from chainrule import data
        >>> train = data.Dataset(np.eye(3), [0, 1, 1])
        >>> [each.name for each in fitted(train)]
        ['commonest_class', 'logistic_regression']
        >>> [each.name for each in fitted(train, every=True)[2:]]
        ['k_nearest_neighbours', 'gradient_boosting', 'support_vector_machine']
    """
    found = _constants(train)
    size = _size(train, tested)
    found.append(_fit(train, _linear(size, LINEAR if every else FREE), whole=not every))
    if every:
        plans = [_neighbours(size), _boosting(size, columns), _similarities(size)]
        found += [_fit(train, plan) for plan in plans]
    return found


def _constants(train: data.Dataset) -> list[Baseline]:
    targets = np.asarray(train.targets)
    if train.task == "classification":
        classes = train.num_classes or 0
        label = int(np.bincount(targets, minlength=classes).argmax())
        return [commonest(label, range(classes))]
    amounts = targets.reshape(-1).astype(np.float64)
    return [
        constant("mean", float(amounts.mean())),
        constant("median", float(np.median(amounts))),
    ]


def commonest(label: int, classes: Sequence[object]) -> Baseline:
    """Always the class of one label."""

    def outputs(inputs: Array) -> Array:
        return _certain(np.full(len(inputs), label), len(classes))

    return Baseline("commonest_class", outputs, label)


def constant(name: str, amount: float) -> Baseline:
    """Always one scaled amount."""

    def outputs(inputs: Array) -> Array:
        return np.full((len(inputs), 1), amount)

    return Baseline(name, outputs, amount)


def _certain(labels: Array, classes: int) -> Array:
    """``(N, classes)``: logarithms of probabilities, 1 for the labels."""
    return np.where(np.arange(classes) == labels[:, None], 0.0, -np.inf)


@dataclass(frozen=True)
class _Size:
    """How much there is to learn from, and to be measured on."""

    task: str
    rows: int
    width: int
    classes: int
    tested: int


@dataclass(frozen=True)
class _Plan:
    """How a model is fitted.

    Arguments:
        name: a key of ``NAMES``.
        rows: from how many rows, at most.
        make: the number of rows ↦ a model with ``fit`` and ``predict``.
        encode: inputs ↦ ``(N, columns)``.
        note: what is said of it.
        threads: how many work on it; None for as many as there are.
    """

    name: str
    rows: int
    make: Callable[[int], Any]
    encode: Callable[[Array], Array]
    note: str = ""
    threads: int | None = None


def _size(train: data.Dataset, tested: int) -> _Size:
    width = math.prod(np.shape(train[:1][0])[1:])
    classes = 1
    if train.task == "classification":
        classes = len(np.unique(np.asarray(train.targets)))
    return _Size(train.task, len(train), width, classes, tested)


def _fit(train: data.Dataset, plan: _Plan, whole: bool = False) -> Baseline:
    """A fitted model, or why there is none.

    Arguments:
        train: what it learns from.
        plan: how.
        whole: from all of it or not at all.
    """
    rows = min(len(train), plan.rows)
    if (rows < len(train) and whole) or rows < 1:
        return Baseline(plan.name, skipped="the training data are too large for it")
    began = time.perf_counter()
    note = plan.note
    try:
        if rows < len(train):
            chosen = np.random.default_rng(0).permutation(len(train))[:rows]
            inputs, targets = train.take(np.sort(chosen))
            note = ", ".join([*([note] if note else []), _part(rows, len(train))])
        else:
            inputs, targets = train[:]
        labels = np.asarray(targets).reshape(-1)
        if train.task == "classification" and len(np.unique(labels)) < 2:
            reason = "the training data hold one class only"
            return Baseline(plan.name, skipped=reason)
        with warnings.catch_warnings(), threadpool_limits(plan.threads):
            warnings.simplefilter("ignore")  # that it has not converged, for one
            model = plan.make(rows).fit(plan.encode(np.asarray(inputs)), labels)
    except FAILURES as error:  # a baseline must not take the run with it
        return Baseline(plan.name, skipped=failure(error))
    outputs = _outputs(model, plan, train.num_classes or 0)
    seconds = time.perf_counter() - began
    return Baseline(plan.name, outputs, note=note, seconds=seconds)


def failure(error: Exception) -> str:
    """Why a baseline failed, in a line."""
    return f"it failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _part(rows: int, of: int) -> str:
    return f"learned from {spaced(rows)} of {spaced(of)} examples"


def _outputs(model: Any, plan: _Plan, classes: int) -> Callable[[Array], Array]:
    def outputs(new: Array) -> Array:
        with threadpool_limits(plan.threads):
            predicted: Array = model.predict(plan.encode(new))
        return _certain(predicted, classes) if classes else predicted[:, None]

    return outputs


def _flat(inputs: Array) -> Array:
    return inputs.reshape(len(inputs), -1)


def _linear(size: _Size, most: dict[str, int]) -> _Plan:
    """Logistic or ridge regression of the encoded columns."""
    work = most[size.task] // size.width
    if size.task == "classification":
        return _Plan(
            "logistic_regression",
            work // size.classes,
            lambda _: LogisticRegression(STEPS),
            _flat,
        )
    return _Plan(
        "ridge_regression", work // size.width, lambda _: RidgeRegression(), _flat
    )


def _neighbours(size: _Size) -> _Plan:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    kind = (
        KNeighborsClassifier if size.task == "classification" else KNeighborsRegressor
    )
    return _Plan(
        "k_nearest_neighbours",
        NEIGHBOURS // (size.width * max(1, size.tested)),
        lambda rows: kind(min(K, rows)),
        _flat,
        f"k = {K}",
    )


def _boosting(size: _Size, columns: Sequence[ColumnRule]) -> _Plan:
    """Trees over histograms: the more columns and classes, the fewer rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
    from sklearn.ensemble import HistGradientBoostingRegressor as Regressor

    forests = size.classes if size.classes > 2 else 1
    tree, bins = size.width * forests, 8_000  # of a tree's leaves
    wanted = TREES // (8 * ROUNDS * tree)
    rows = min(size.rows, max(FEWEST_ROWS, wanted))
    rounds = min(ROUNDS, TREES // (tree * (bins + 8 * rows)))
    encode, categories = _as_they_are(columns)
    kind = Classifier if size.task == "classification" else Regressor

    def make(_: int) -> Any:
        return kind(
            max_iter=rounds,
            categorical_features=categories or None,
            early_stopping=False,
            random_state=0,
        )

    return _Plan(
        "gradient_boosting",
        rows if rounds >= FEWEST_ROUNDS else 0,
        make,
        encode,
        "" if rounds == ROUNDS else f"{rounds} rounds",
        threads=1 if rows * size.width < SHARED else None,
    )


def _similarities(size: _Size) -> _Plan:
    from sklearn.svm import SVC, SVR

    cost = max(100, size.width)  # of one similarity: a short row takes its time too
    fit = math.isqrt(SIMILARITIES // cost)
    use = SIMILARITIES // (cost * max(1, size.tested))
    kind = SVC if size.task == "classification" else SVR
    return _Plan("support_vector_machine", min(fit, use), lambda _: kind(), _flat)


def _as_they_are(
    columns: Sequence[ColumnRule],
) -> tuple[Callable[[Array], Array], list[int]]:
    """Inputs with one column for each column of categories, instead of one for each
    category; and the places of these columns.

    A category that training did not have is NaN there, which trees take as they are.
    """
    groups: list[tuple[int, int]] = []  # where a column begins, and its categories
    place = 0
    for rule in columns:
        size = len(rule.categories) if rule.kind == "categorical" else 0
        if 1 < size <= MOST_CATEGORIES:
            groups.append((place, size))
        place += len(rule.features)
    inside = {start + n for start, size in groups for n in range(size)}

    def encode(inputs: Array) -> Array:
        if not groups:
            return _flat(inputs)
        numbers = [
            np.where(part.any(axis=1), part.argmax(axis=1), np.nan)
            for part in (inputs[:, start : start + size] for start, size in groups)
        ]
        others = [n for n in range(inputs.shape[1]) if n not in inside]
        return np.column_stack([*numbers, inputs[:, others]])

    return encode, list(range(len(groups)))
