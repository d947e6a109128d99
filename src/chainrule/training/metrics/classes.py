"""Metrics of classes: accuracy, top-k, confusion matrix, precision, recall, F1,
perplexity.

Place on the road: beside the training loop. Outputs are logits, ``(N, K)`` for K
classes, ``(N,)`` or ``(N, 1)`` for two; targets are labels or distributions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dtypes import float64, int64, is_float, is_integer
from ...errors import ArgumentError, unknown_option
from ...graph import Array
from ...ops.composed import log_softmax, one_hot
from ...ops.indexing import take_along_axis
from ...ops.reduction import argmax
from ...tensor import Tensor
from .metric import Metric, Totals, mismatch, ratio_of


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
    raise mismatch(name, outputs, targets, rule)


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

    Labels below 0 do not count: those of steps behind a sequence's end, which
    ``cross_entropy`` leaves out with ``ignore_index=-1``.

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
        right = (predicted == true).astype(int64).sum()
        return right, (true >= 0).astype(int64).sum()

    def result(self, totals: Totals) -> float:
        """right / all"""
        return ratio_of(totals[0], totals[1])


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
        hit = (ahead < self.k) & (own == own).reshape(-1)  # NaN is no guess
        return hit.astype(int64).sum(), true.size

    def result(self, totals: Totals) -> float:
        """found / all"""
        return ratio_of(totals[0], totals[1])


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
        chosen = one_hot(predicted, k, float64)
        one_logit = 1 if _is_binary(outputs, targets) else 0
        return right.sum(0), chosen.sum(0), truth.sum(0), one_logit

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
            return float(np.exp(ratio_of(totals[0], totals[1])))
