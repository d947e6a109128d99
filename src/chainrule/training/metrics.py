"""Metrics: how good predictions are, exact over any number of batches.

Place on the road: beside the training loop. A metric looks at a batch inside the
compiled step and answers sums or counts, never averages; the sums of all batches are
merged, and the number is computed once at the end. So the last, shorter batch counts
for what it is, and no second forward pass is made. It must not know of models, data
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
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..dtypes import float64, int64, is_float, is_integer
from ..errors import ArgumentError, ShapeError, unknown_option
from ..graph import Array
from ..ops.composed import log_softmax, one_hot
from ..ops.composed import square as square_
from ..ops.elementwise import absolute
from ..ops.indexing import take_along_axis
from ..ops.reduction import argmax
from ..tensor import Tensor, as_tensor

#: What a metric keeps of the batches so far: arrays, or lists of arrays.
Totals = tuple[Any, ...]

Predictor = Callable[[Any, Any], Any]


class Metric:
    """The base of metrics: ``measure`` a batch, ``merge`` two, ``result`` at the end.

    Attributes:
        name: the column in a history; "accuracy", "top_5".
        lower_is_better: whether training should make it smaller.

    Example:
        >>> class Bias(Metric):
        ...     name = "bias"
        ...     def measure(self, outputs, targets):
        ...         return (outputs - targets).sum(), outputs.size
        ...     def result(self, totals):
        ...         return float(totals[0] / totals[1])
        >>> Bias()([2.0, 3.0], [1.0, 1.0])
        1.5
    """

    name = "metric"
    lower_is_better = False

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """Sums and counts over one batch, written with tensor operators.

        It is traced into the compiled step, so it cannot look at values.
        """
        raise ArgumentError(
            f"{type(self).__name__}: measure is not written",
            fix="def measure(self, outputs, targets): … a tuple of sums",
        )

    def merge(self, totals: Totals, batch: Totals) -> Totals:
        """The sums over both: element by element, unless a metric needs otherwise."""
        return tuple(a + b for a, b in zip(totals, batch, strict=True))

    def result(self, totals: Totals) -> Any:
        """The metric, from the sums over everything: a float or an array."""
        raise ArgumentError(
            f"{type(self).__name__}: result is not written",
            fix="def result(self, totals): … a number from the sums of measure",
        )

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """The metric of whole arrays.

        Arguments:
            outputs: what a network answered, ``(N, …)``.
            targets: what it should have, ``(N, …)``.

        Raises:
            ShapeError: for outputs and targets that do not belong together.
        """
        measured = self.measure(as_tensor(outputs), as_tensor(targets))
        return self.result(tuple(np.asarray(as_tensor(part)) for part in measured))

    def __repr__(self) -> str:
        return f"<metric {self.name}>"


def _mismatch(name: str, outputs: Tensor, targets: Tensor, rule: str) -> ShapeError:
    return ShapeError(
        f"{name}: outputs {outputs.shape} and targets {targets.shape}: {rule}"
    )


def _same_shape(name: str, outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape != targets.shape:
        raise ShapeError(
            f"{name}: outputs {outputs.shape} and targets {targets.shape}: "
            "both must have the same shape",
            fix="targets.reshape(-1, 1)"
            if outputs.shape == (*targets.shape, 1)
            else "one output for each target",
        )


# Classes. --------------------------------------------------------------------


def _is_binary(outputs: Tensor, targets: Tensor) -> bool:
    """Whether each output is the logit of class 1 against class 0."""
    if outputs.shape == (*targets.shape, 1):
        return True
    if outputs.shape != targets.shape:
        return False
    return not (is_float(targets.dtype) and outputs.ndim > 1 and outputs.shape[-1] > 1)


def _true_classes(name: str, outputs: Tensor, targets: Tensor) -> Any:
    """Class indices ``(M,)`` out of labels or distributions; for K outputs."""
    if outputs.ndim and targets.shape == outputs.shape[:-1]:
        if not is_integer(targets.dtype):
            raise ArgumentError(
                f"{name}: targets {targets.shape} of {targets.dtype}: class labels "
                "are whole numbers",
                fix="targets.astype(int)",
            )
        return targets.flatten()
    if outputs.ndim > 1 and targets.shape == outputs.shape:
        return argmax(targets, -1).flatten()
    rule = (
        "expected one label for each row, or one probability for each class"
        if outputs.ndim
        else "expected an axis of examples"
    )
    raise _mismatch(name, outputs, targets, rule)


def _decisions(
    name: str, outputs: Tensor, targets: Tensor, threshold: float
) -> tuple[Any, Any, int]:
    """Predicted classes ``(M,)``, true classes ``(M,)``, and how many classes."""
    if _is_binary(outputs, targets):
        predicted = (outputs.flatten() > threshold).astype(int64)
        true = targets.flatten()
        if is_float(true.dtype):
            true = true > 0.5
        return predicted, true.astype(int64), 2
    true = _true_classes(name, outputs, targets)
    return argmax(outputs, -1).flatten(), true, outputs.shape[-1]


class Accuracy(Metric):
    """The share of examples whose class is predicted: the largest output, or its sign.

    Arguments:
        threshold: for one output per example: above it, class 1 is predicted. 0 is
            right for logits, 0.5 for probabilities.

    Example:
        >>> Accuracy()([[2.0, 1.0], [0.0, 3.0]], [0, 0])
        0.5
    """

    name = "accuracy"

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = threshold

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The number of right predictions, and of examples."""
        predicted, true, _ = _decisions(self.name, outputs, targets, self.threshold)
        return (predicted == true).astype(int64).sum(), true.size

    def result(self, totals: Totals) -> float:
        """right / all"""
        return _ratio(totals[0], totals[1])


class TopK(Metric):
    """The share of examples whose class is among the k largest outputs.

    Of equal outputs the one of the lower class counts as larger, as in ``argmax``.

    Arguments:
        k: how many guesses are allowed.

    Example:
        >>> TopK(2)([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]], [1, 2])
        0.5
    """

    def __init__(self, k: int = 5) -> None:
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ArgumentError(f"TopK: k={k!r}: expected a whole number of at least 1")
        self.k = k
        self.name = f"top_{k}"

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The number of examples with fewer than k larger outputs, and of examples."""
        true = _true_classes(self.name, outputs, targets)
        num_classes = outputs.shape[-1]
        if self.k > num_classes:
            raise ArgumentError(
                f"TopK: k={self.k} of outputs {outputs.shape}: there are "
                f"{num_classes} classes"
            )
        rows, column = outputs.reshape(-1, num_classes), true.reshape(-1, 1)
        own = take_along_axis(rows, column, -1)
        before = np.arange(num_classes).reshape(1, -1) < column
        ahead = ((rows > own) | ((rows == own) & before)).astype(int64).sum(-1)
        found = (ahead < self.k) & (own == own).reshape(-1)  # NaN is no guess
        return found.astype(int64).sum(), true.size

    def result(self, totals: Totals) -> float:
        """found / all"""
        return _ratio(totals[0], totals[1])


class ConfusionMatrix(Metric):
    """How often each true class (row) was taken for each class (column).

    Shapes: ``(K, K)`` integers.

    Example:
        >>> ConfusionMatrix()([[2.0, 1.0], [0.0, 3.0], [0.0, 1.0]], [0, 0, 1])
        array([[1, 1],
               [0, 1]])
    """

    name = "confusion_matrix"

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = threshold

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The counts, as the product of two matrices of ones and zeros."""
        predicted, true, k = _decisions(self.name, outputs, targets, self.threshold)
        return ((one_hot(true, k, float64).T @ one_hot(predicted, k, float64)),)

    def result(self, totals: Totals) -> Array:
        """The counts as integers."""
        return np.asarray(totals[0]).astype(np.int64)


AVERAGES = ("binary", "each", "macro", "micro", "weighted")


class ClassMetric(Metric):
    """The base of precision, recall and F1: right, predicted and true of each class.

    Arguments:
        average: over the classes: "macro" (each the same; classes that neither occur
            nor are predicted are left out), "weighted" (each by how often it occurs),
            "micro" (over all examples), "binary" (class 1 alone), or "each" for an
            array. When not given: "binary" for one output per example, else "macro".
        zero_division: the value of 0 / 0, where a class is never predicted or absent.
        threshold: as of ``Accuracy``.
    """

    def __init__(
        self,
        average: str | None = None,
        zero_division: float = 0.0,
        threshold: float = 0.0,
    ) -> None:
        if average is not None and average not in AVERAGES:
            raise unknown_option("average", average, AVERAGES)
        self.average = average
        self.zero_division = zero_division
        self.threshold = threshold
        self.name = type(self).name + (f"_{average}" if average else "")

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """For each class: how often right, predicted, true. Whether of one logit."""
        predicted, true, k = _decisions(self.name, outputs, targets, self.threshold)
        truth = one_hot(true, k, float64)
        right = truth * (predicted == true).astype(float64).reshape(-1, 1)
        answered = one_hot(predicted, k, float64)
        one_logit = 1 if _is_binary(outputs, targets) else 0
        return right.sum(0), answered.sum(0), truth.sum(0), one_logit

    def ratio(self, right: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """Numerator and denominator, for one class or the sums over several."""
        raise ArgumentError(f"{type(self).__name__}: ratio is not written")

    def result(self, totals: Totals) -> Any:
        """The ratio of each class, averaged."""
        right, predicted, true = (np.asarray(part, np.float64) for part in totals[:3])
        average = self.average or ("binary" if totals[3] else "macro")
        if average == "micro":
            return self._divide(*self.ratio(right.sum(), predicted.sum(), true.sum()))
        each = self._divide(*self.ratio(right, predicted, true))
        if average == "each":
            return each
        if average == "binary":
            if len(each) != 2:
                raise ArgumentError(
                    f"{self.name}: {len(each)} classes: average='binary' is for two",
                    fix="average='macro'",
                )
            return float(each[1])
        present = (predicted + true > 0).astype(float)
        weights = true if average == "weighted" else present
        total = weights.sum()
        return float((each * weights).sum() / total) if total else self.zero_division

    def _divide(self, above: Any, below: Any) -> Any:
        above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
        each = np.full(below.shape, self.zero_division)
        np.divide(above, below, out=each, where=below > 0)
        return each if each.ndim else float(each)


class Precision(ClassMetric):
    """Of the examples predicted to be of a class, the share that are.

    Formula: TP / (TP + FP).

    Example:
        >>> Precision()([1.0, 1.0, -1.0], [1, 0, 1])
        0.5
    """

    name = "precision"

    def ratio(self, right: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """right / predicted"""
        return right, predicted


class Recall(ClassMetric):
    """Of the examples of a class, the share that are predicted to be.

    Formula: TP / (TP + FN).

    Example:
        >>> Recall("each")([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]], [0, 1, 1])
        array([1. , 0.5])
    """

    name = "recall"

    def ratio(self, right: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """right / true"""
        return right, true


class F1(ClassMetric):
    """The harmonic mean of precision and recall.

    Formula: 2 TP / (2 TP + FP + FN).

    Example:
        >>> F1()([1.0, 1.0, -1.0], [1, 0, 1])
        0.5
    """

    name = "f1"

    def ratio(self, right: Any, predicted: Any, true: Any) -> tuple[Any, Any]:
        """2 right / (predicted + true)"""
        return 2 * right, predicted + true


class Perplexity(Metric):
    """e to the average cross-entropy: among how many classes the network hesitates.

    Formula: exp(−1/N Σ log softmax(outputs)[target]).

    Example:
        >>> round(Perplexity()([[0.0, 0.0], [0.0, 0.0]], [0, 1]), 6)
        2.0
    """

    name = "perplexity"
    lower_is_better = True

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The sum of −log p(target), and the number of examples."""
        if targets.shape == outputs.shape and is_float(targets.dtype):
            log_p = log_softmax(outputs.astype(float64))
            count = targets.size // max(1, targets.shape[-1] if targets.ndim else 1)
            return -(log_p * targets).sum(), count
        true = _true_classes(self.name, outputs, targets)
        log_p = log_softmax(outputs.astype(float64)).reshape(-1, outputs.shape[-1])
        return -take_along_axis(log_p, true.reshape(-1, 1), -1).sum(), true.size

    def result(self, totals: Totals) -> float:
        """exp(sum / count)"""
        with np.errstate(over="ignore"):
            return float(np.exp(_ratio(totals[0], totals[1])))


# Amounts. --------------------------------------------------------------------


class MeanSquaredError(Metric):
    """The average of (output − target)² over every element.

    Example:
        >>> MeanSquaredError()([[1.0], [4.0]], [[1.0], [2.0]])
        2.0
    """

    name = "mse"
    lower_is_better = True

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The sum of squares, and the number of elements."""
        _same_shape(self.name, outputs, targets)
        difference = outputs.astype(float64) - targets.astype(float64)
        return square_(difference).sum(), outputs.size

    def result(self, totals: Totals) -> float:
        """sum / count"""
        return _ratio(totals[0], totals[1])


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean squared error, in the units of the targets.

    Example:
        >>> RootMeanSquaredError()([3.0, 0.0], [0.0, 3.0])
        3.0
    """

    name = "rmse"

    def result(self, totals: Totals) -> float:
        """√(sum / count)"""
        return float(np.sqrt(super().result(totals)))


class MeanAbsoluteError(Metric):
    """The average of |output − target| over every element.

    Example:
        >>> MeanAbsoluteError()([1.0, 4.0], [1.0, 2.0])
        1.0
    """

    name = "mae"
    lower_is_better = True

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The sum of absolute differences, and the number of elements."""
        _same_shape(self.name, outputs, targets)
        difference = outputs.astype(float64) - targets.astype(float64)
        return absolute(difference).sum(), outputs.size

    def result(self, totals: Totals) -> float:
        """sum / count"""
        return _ratio(totals[0], totals[1])


class R2(Metric):
    """The share of the targets' variance that the outputs explain.

    Formula: 1 − Σ(y − ŷ)² / Σ(y − ȳ)², averaged over the columns of the targets. A
    column that never changes counts 1 where it is met exactly and 0 otherwise.

    Source: sums of squares are merged as in Chan, Golub & LeVeque (1979), so that a
    large mean costs no precision.

    Example:
        >>> R2()([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).__round__(4)
        0.7857
    """

    name = "r2"

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """Of each column: count, mean, Σ(y − ȳ)², Σ(y − ŷ)²."""
        _same_shape(self.name, outputs, targets)
        if not targets.ndim:
            raise _mismatch(self.name, outputs, targets, "expected an axis of examples")
        y = targets.astype(float64).reshape(targets.shape[0], -1)
        predicted = outputs.astype(float64).reshape(targets.shape[0], -1)
        mean = y.mean(0)
        return (
            float(y.shape[0]),
            mean,
            square_(y - mean).sum(0),
            square_(y - predicted).sum(0),
        )

    def merge(self, totals: Totals, batch: Totals) -> Totals:
        """The moments of both together, from those of each."""
        (n, mean, spread, error), (m, mean2, spread2, error2) = totals, batch
        n, m = np.float64(n), np.float64(m)
        apart = mean2 - mean
        return (
            n + m,
            mean + apart * (m / (n + m)),
            spread + spread2 + apart**2 * (n * m / (n + m)),
            error + error2,
        )

    def result(self, totals: Totals) -> float:
        """The average over the columns; NaN for fewer than two examples."""
        count, _, spread, error = (np.asarray(part, np.float64) for part in totals)
        if count < 2:
            return float("nan")
        each = np.where(error == 0, 1.0, 0.0)
        each[np.isnan(error)] = np.nan
        varies = spread > 0
        each[varies] = 1 - error[varies] / spread[varies]
        return float(each.mean())


class FunctionMetric(Metric):
    """A function of all outputs and all targets, called once at the end.

    Arguments:
        function: of two NumPy arrays, ``(N, …)`` outputs and ``(N, …)`` targets.
        name: the column in a history; the function's own name when not given.

    Example:
        >>> worst = FunctionMetric(lambda p, y: abs(p - y).max(), name="worst")
        >>> worst([1.0, 4.0], [1.0, 2.0])
        2.0
    """

    def __init__(self, function: Predictor, name: str | None = None) -> None:
        self.function = function
        found = name or str(getattr(function, "__name__", type(function).__name__))
        self.name = "metric" if found == "<lambda>" else found
        self.lower_is_better = _sounds_bad(self.name)

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The batch itself."""
        return outputs, targets

    def merge(self, totals: Totals, batch: Totals) -> Totals:
        """Everything so far, in lists: joined once at the end."""
        return tuple(
            [*(a if isinstance(a, list) else [a]), b]
            for a, b in zip(totals, batch, strict=True)
        )

    def result(self, totals: Totals) -> Any:
        """What the function says of everything."""
        answer = self.function(*(joined(part) for part in totals))
        array = np.asarray(answer)
        return array if array.ndim else array.item()


def joined(part: Any) -> Array:
    """One of a metric's totals as one array."""
    return np.concatenate(part) if isinstance(part, list) else np.asarray(part)


def _ratio(above: Any, below: Any) -> float:
    return float(above) / float(below) if below else float("nan")


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
    if not isinstance(metrics, Iterable):
        raise ArgumentError(f"metrics: {metrics!r}: expected names or functions")
    found = [_resolve_one(each) for each in metrics]
    names = [metric.name for metric in found]
    for name in names:
        if names.count(name) > 1 or name == "loss":
            raise ArgumentError(
                f"metrics: two columns would be called {name!r}",
                fix="metrics.FunctionMetric(function, name=...)",
            )
    return found


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


def _sounds_bad(name: str) -> bool:
    words = ("loss", "error", "mse", "mae", "rmse", "perplexity", "nll", "deviance")
    return any(word in name.lower() for word in words)


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
    return _sounds_bad(name)
