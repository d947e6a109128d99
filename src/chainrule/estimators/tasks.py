"""What an estimator learns: classes, amounts or codes.

Place on the road: beneath the estimators. A task turns y into numbers, says what is to
be minimised and how a network is scored, and turns outputs into answers. It must not
know of networks.

"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import losses
from ..dtypes import float64
from ..errors import ArgumentError, DataError, ShapeError
from ..graph import Array
from ..ops.composed import clip, square
from ..ops.elementwise import exp
from ..ops.reduction import argmax
from ..training.metrics.metric import Metric, Totals, ratio_of

#: (outputs, targets, *, sample_weight) → the average loss.
Loss = Callable[..., Any]


class Score(Metric):
    """What ``score`` of an estimator returns, of weighted examples."""

    name = "score"
    takes_weights = True


class Accuracy(Score):
    """The weight of the examples that are answered rightly, of all."""

    def __init__(self, multilabel: bool) -> None:
        self.multilabel = multilabel

    def measure(
        self, outputs: Any, targets: Any, sample_weight: Any = None
    ) -> tuple[Any, ...]:
        """Right, and all."""
        if self.multilabel:
            right = ((outputs > 0) == (targets > 0.5)).astype(float64).min(-1)
        elif outputs.shape[-1] == 1:
            right = ((outputs > 0) == (targets > 0.5)).astype(float64)[:, 0]
        else:
            right = (argmax(outputs, -1) == targets).astype(float64)
        if sample_weight is None:
            return right.sum(), float(right.shape[0])
        w = sample_weight.astype(float64)
        return (right * w).sum(), w.sum()

    def result(self, totals: Totals) -> float:
        """right / all"""
        return ratio_of(totals[0], totals[1])


class R2(Score):
    """R², averaged over the columns of the targets.

    Arguments:
        shift: about the mean of the targets, so that sums of squares stay exact.
        answer: what is predicted where the network returns some output.
    """

    def __init__(self, shift: Array, answer: Callable[[Any], Any]) -> None:
        self.shift = shift
        self.answer = answer

    def measure(
        self, outputs: Any, targets: Any, sample_weight: Any = None
    ) -> tuple[Any, ...]:
        """Σw, Σw y, Σw y², Σw (y − ŷ)², the last three of each column."""
        y = targets.astype(float64) - self.shift
        error = square(y - (self.answer(outputs).astype(float64) - self.shift))
        if sample_weight is None:
            return float(y.shape[0]), y.sum(0), square(y).sum(0), error.sum(0)
        w = sample_weight.astype(float64).reshape(-1, 1)
        return w.sum(), (w * y).sum(0), (w * square(y)).sum(0), (w * error).sum(0)

    def result(self, totals: Totals) -> float:
        """1 − Σ(y − ŷ)² / Σ(y − ȳ)²; of a constant column 1 if met exactly, else 0."""
        count, total, squares, error = (np.asarray(t, np.float64) for t in totals)
        spread = squares - total**2 / count
        each = np.where(error == 0, 1.0, 0.0)
        varies = spread > 0
        each[varies] = 1 - error[varies] / spread[varies]
        return float(each.mean())


class Classification:
    """One class of several, one of two, or any number of labels.

    Arguments:
        classes: the classes in their order; of several labels their numbers.
        multilabel: whether an example may have any number of them.
    """

    name = "log_loss"

    def __init__(self, classes: Array, multilabel: bool = False) -> None:
        self.classes = classes
        self.multilabel = multilabel

    @classmethod
    def of(cls, y: Any, classes: Any = None) -> Classification:
        """The task whose targets are y, or of which they are a part.

        Raises:
            ValueError: scikit-learn's, for targets that are no classes.
            DataError: for one class alone.
        """
        from sklearn.utils.multiclass import check_classification_targets

        check_classification_targets(y)
        if np.ndim(y) == 2 or hasattr(y, "toarray"):
            return cls(np.arange(y.shape[1]), multilabel=True)
        found = np.unique(y if classes is None else classes)
        if len(found) < 2:
            raise DataError(
                f"y {np.shape(y)}: 1 class, {found.tolist()[0]!r}: a classifier needs "
                "examples of two classes or more",
                fix="a regressor, if the targets are amounts",
            )
        return cls(found)

    @property
    def outputs(self) -> int:
        """A network's outputs: the logit of the second of two classes, or of each."""
        count = len(self.classes)
        return 1 if count == 2 and not self.multilabel else count

    def encoded(self, y: Any, dtype: Any) -> Array:
        """y as numbers: of classes among several int64, else 0 and 1.

        Raises:
            DataError: for a class that is none of the task's.
        """
        if self.multilabel:
            array = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
            if array.ndim != 2 or array.shape[1] != len(self.classes):
                raise DataError(
                    f"y {array.shape} for {len(self.classes)} labels: expected "
                    f"(N, {len(self.classes)}), a column for each label"
                )
            return array.astype(dtype)
        places = np.searchsorted(self.classes, y)
        nearest = np.minimum(places, len(self.classes) - 1)
        unknown = self.classes[nearest] != y
        if np.any(unknown):
            row = int(np.flatnonzero(unknown)[0])
            strange, known = np.asarray(y).tolist()[row], self.classes.tolist()
            raise DataError(
                f"y {np.shape(y)}: class {strange!r} at row {row}: it is none of those "
                f"that the estimator knows, which are {', '.join(map(repr, known))}",
                fix="partial_fit(X, y, classes=[…]), all classes in the first call",
            )
        numbers: Array = np.asarray(places, np.int64)
        return numbers.astype(dtype)[:, None] if self.outputs == 1 else numbers

    def strata(self, targets: Array) -> Array | None:
        """The labels that a split keeps the shares of."""
        return None if self.multilabel else targets.reshape(len(targets))

    def loss(self, outputs: Any, targets: Any, sample_weight: Any = None) -> Any:
        """The cross-entropy, averaged over examples.

        Raises:
            ShapeError: for another number of outputs than the classes need.
        """
        shape = getattr(outputs, "shape", None)
        if shape is not None and shape[1:] != (self.outputs,):
            raise self._other_outputs(shape)
        if self.outputs == len(self.classes) and not self.multilabel:
            return losses.cross_entropy(outputs, targets, sample_weight=sample_weight)
        return losses.binary_cross_entropy(
            outputs, targets, per="sample", sample_weight=sample_weight
        )

    def _other_outputs(self, shape: tuple[int, ...]) -> ShapeError:
        """The error for a network that was not made for these classes."""
        given = shape[1] if len(shape) == 2 else str(shape[1:])
        plural = "" if given == 1 else "s"
        expected = f"1, the logit of {self.classes.tolist()[1]!r}"
        if self.outputs > 1 or self.multilabel:
            expected = f"{self.outputs}, one for each"
        kinds = "labels" if self.multilabel else "classes"
        return ShapeError(
            f"the network's outputs {shape}: {given} output{plural}, "
            f"{len(self.classes)} {kinds}: expected {expected}",
            fix="module_factory(inputs, outputs) says how many: nn.Linear(…, outputs)",
        )

    def score(self, targets: Array) -> Score:
        """The accuracy."""
        return Accuracy(self.multilabel)

    def answers(self, outputs: Array) -> Array:
        """The classes of the largest outputs; 0 and 1 for each of several labels."""
        if self.multilabel:
            return (outputs > 0).astype(int)
        binary = self.outputs == 1
        places = outputs[:, 0] > 0 if binary else outputs.argmax(-1)
        found: Array = self.classes[places.astype(int)]
        return found

    def decisions(self, outputs: Array) -> Array:
        """The outputs: ``(N,)`` of two classes, above 0 for the second."""
        return outputs[:, 0] if self.outputs == 1 else outputs

    def log_probabilities(self, outputs: Array) -> Array:
        """The logarithms of the probabilities of the classes, ``(N, K)``."""
        if self.multilabel:
            return -np.logaddexp(0, -outputs)
        if self.outputs == 1:
            z = outputs[:, 0]
            return -np.stack([np.logaddexp(0, z), np.logaddexp(0, -z)], axis=1)
        shifted = outputs - outputs.max(-1, keepdims=True)
        logarithms: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        return logarithms


def _identity(outputs: Any) -> Any:
    return outputs


def _absolute(outputs: Any, targets: Any, sample_weight: Any = None) -> Any:
    total = losses.l1(outputs, targets, reduction="none").sum(-1)
    return _mean(total, sample_weight)


def _huber(outputs: Any, targets: Any, sample_weight: Any = None) -> Any:
    total = losses.huber(outputs, targets, reduction="none").sum(-1)
    return _mean(total, sample_weight)


def _poisson(outputs: Any, targets: Any, sample_weight: Any = None) -> Any:
    """Half the Poisson deviance, but for what depends on the targets alone."""
    return _mean((exp(outputs) - targets * outputs).sum(-1), sample_weight)


def _mean(each: Any, sample_weight: Any) -> Any:
    if sample_weight is None:
        return each.mean()
    return (each * sample_weight).sum() / sample_weight.sum()


#: loss ↦ the function that is minimised
AMOUNT_LOSSES: dict[str, Loss] = {
    "squared_error": losses.half_squared_error,
    "absolute_error": _absolute,
    "huber": _huber,
    "poisson": _poisson,
}

#: The largest logarithm whose exponential float32 holds.
LARGEST = 88.0


class Regression:
    """Amounts: one of each example, or several.

    Arguments:
        outputs: how many.
        loss: what is minimised, a name of ``AMOUNT_LOSSES``.
    """

    multilabel = False

    def __init__(self, outputs: int, loss: str = "squared_error") -> None:
        self.outputs = outputs
        self.name = loss

    @property
    def loss(self) -> Loss:
        """The function that is minimised."""
        return AMOUNT_LOSSES[self.name]

    def encoded(self, y: Any, dtype: Any) -> Array:
        """y as ``(N, K)``.

        Raises:
            DataError: for another number of columns than the task has; for negative
                amounts where there can be none.
        """
        array = np.asarray(y, dtype).reshape(len(y), -1)
        if array.shape[1] != self.outputs:
            raise DataError(
                f"y {np.shape(y)}: {array.shape[1]} ≠ {self.outputs}: the estimator "
                f"was fitted to {self.outputs} amounts an example"
            )
        if self.name == "poisson" and (array < 0).any():
            raise DataError(
                f"y {np.shape(y)}: {array.min():g}: loss='poisson' is of counts, 0 or "
                "more",
                fix="loss='squared_error'",
            )
        return array

    def strata(self, targets: Array) -> Array | None:
        """None: amounts have no classes."""
        return None

    def score(self, targets: Array) -> Score:
        """R²."""
        answer = self._exponential if self.name == "poisson" else _identity
        return R2(targets.mean(0).astype(np.float64), answer)

    @staticmethod
    def _exponential(outputs: Any) -> Any:
        return exp(clip(outputs, -LARGEST, LARGEST))

    def answers(self, outputs: Array) -> Array:
        """The amounts, ``(N,)`` of one and ``(N, K)`` of several."""
        amounts = outputs.reshape(len(outputs), -1)
        if self.name == "poisson":
            amounts = np.exp(np.minimum(amounts, LARGEST))
        return amounts[:, 0] if self.outputs == 1 else amounts


class Coding:
    """Codes of inputs, to which there are no targets.

    Arguments:
        outputs: how many numbers a code has.
    """

    name = "coding"

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def encoded(self, y: None, dtype: Any) -> None:
        """None: there are no targets."""


Task = Classification | Regression | Coding


class Objective:
    """The loss of a task, and α / 2n · Σ‖W‖² for its n examples, as in scikit-learn.

    Arguments:
        loss: that of the task.
        weights: the parameters W of the penalty.
        alpha: α.
        name: of the loss, for histories.
    """

    def __init__(self, loss: Loss, weights: list[Any], alpha: float, name: str) -> None:
        self.loss = loss
        self.weights = weights
        self.alpha = alpha
        self.__name__ = name

    def __call__(self, outputs: Any, targets: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch."""
        loss = self.loss(outputs, targets, sample_weight=sample_weight)
        if not self.alpha:
            return loss
        alike = sample_weight is None
        count = float(targets.shape[0]) if alike else sample_weight.sum()
        for each in self.weights:
            loss = loss + square(each).sum() * (0.5 * self.alpha / count)
        return loss


def check_same_classes(name: str, task: Task, y: Any) -> None:
    """Refuses y with which an estimator cannot go on.

    Arguments:
        name: of the estimator, for messages.
        task: that of the fit before.

    Raises:
        DataError: for other classes than it had.
    """
    if not isinstance(task, Classification) or task.multilabel:
        return
    found = np.unique(y)
    if not np.array_equal(found, task.classes):
        raise DataError(
            f"{name}.fit: warm_start=True: y has the classes {found.tolist()}, and the "
            f"fit before had {task.classes.tolist()}",
            fix="warm_start=False, or partial_fit(X, y, classes=[…])",
        )


def chosen_loss(name: str, loss: str) -> str:
    """The name of a loss of amounts.

    Raises:
        ArgumentError: for any other.
    """
    if not isinstance(loss, str) or loss not in AMOUNT_LOSSES:
        listed = ", ".join(map(repr, AMOUNT_LOSSES))
        sizes = isinstance(loss, (int, list, tuple))  # the first argument elsewhere
        raise ArgumentError(
            f"{name}: loss={loss!r}: expected one of {listed}",
            fix=f"hidden_layer_sizes={loss!r}" if sizes else None,
        )
    return loss
