"""Classifiers and regressors: what ``predict_proba`` and ``partial_fit`` are of each.

Place on the road: on ``NetworkBase``, beneath the estimators. They must not know of
networks.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from ..errors import ArgumentError, DataError
from ..graph import Array
from .base import NetworkBase, takes_gradients
from .tasks import Classification, Regression, chosen_loss


class Classifies(NetworkBase):
    """What an estimator of classes answers.

    Attributes:
        classes_: the classes, in the order of the columns of ``predict_proba``.
    """

    classes_: Array

    def _classification(self, y: Any, classes: Any) -> Classification:
        task = Classification.of(y, classes)
        self.classes_ = task.classes
        return task

    def decision_function(self, X: Any) -> Array:
        """The network's outputs, before they become probabilities: logits.

        Arguments:
            X: as in ``fit``.

        Returns:
            ``(N, K)``; of two classes ``(N,)``, above 0 for the second.
        """
        outputs = self._outputs(X)  # first: it refuses what is not fitted
        decisions: Array = self._task.decisions(outputs)
        return decisions

    def predict_proba(self, X: Any) -> Array:
        """The probabilities of the classes.

        Arguments:
            X: as in ``fit``.

        Returns:
            ``(N, K)``, in the order of ``classes_``.
        """
        outputs = self._outputs(X)
        probabilities: Array = np.exp(self._task.log_probabilities(outputs))
        return probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of the probabilities of the classes, which do not round to −∞.

        Arguments:
            X: as in ``fit``.

        Returns:
            ``(N, K)``, in the order of ``classes_``.
        """
        outputs = self._outputs(X)
        logarithms: Array = self._task.log_probabilities(outputs)
        return logarithms

    def _epoch_of_classes(self, x: Any, y: Any, classes: Any, weights: Any) -> Self:
        """``partial_fit``, with the classes that there are."""
        name, known = type(self).__name__, hasattr(self, "module_")
        if classes is None and not known and np.ndim(y) < 2:
            raise ArgumentError(
                f"{name}.partial_fit: classes must be given in the first call: later "
                "examples may have others than y",
                fix="partial_fit(X, y, classes=[…])",
            )
        given = None if classes is None else np.unique(classes)
        if given is not None and known and not np.array_equal(given, self.classes_):
            raise DataError(
                f"{name}.partial_fit: classes={given.tolist()}, and the first call had "
                f"{self.classes_.tolist()}",
                fix="leave classes out after the first call",
            )
        return self._one_epoch(x, y, weights, given)


class NetworkClassifier(ClassifierMixin, Classifies):
    """The base of classifiers."""

    def _task_of(self, y: Any, classes: Any) -> Classification:
        return self._classification(y, classes)

    @available_if(takes_gradients)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
    ) -> Self:
        """Trains for one epoch on these examples, from where the network is. There is
        no such method where the optimizer needs all examples, as "lbfgs" does.

        Arguments:
            X, y, sample_weight: as in ``fit``.
            classes: all classes there are; needed in the first call, where y may not
                hold them all.

        Returns:
            The estimator.
        """
        return self._epoch_of_classes(X, y, classes, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class NetworkRegressor(RegressorMixin, NetworkBase):
    """The base of regressors."""

    loss: str

    def _task_of(self, y: Any, classes: Any) -> Regression:
        loss = chosen_loss(type(self).__name__, self.loss)
        return Regression(num_columns(y), loss)

    def _takes_amounts(self) -> bool:
        return True

    @available_if(takes_gradients)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
    ) -> Self:
        """Trains for one epoch on these examples, from where the network is. There is
        no such method where the optimizer needs all examples, as "lbfgs" does.

        Arguments:
            X, y, sample_weight: as in ``fit``.

        Returns:
            The estimator.
        """
        return self._one_epoch(X, y, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def num_columns(y: Any) -> int:
    """How many amounts an example has."""
    return 1 if np.ndim(y) < 2 else int(np.shape(y)[1])
