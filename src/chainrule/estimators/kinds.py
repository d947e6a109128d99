"""Classifiers, regressors and transformers: what they are asked for.

Place on the road: on ``NetworkBase``, beneath the estimators. They must not know of
networks.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import (
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from ..errors import ArgumentError, DataError, ShapeError
from ..graph import Array
from ..nn import Module
from .base import NetworkBase, takes_gradients
from .inputs import DTYPES
from .prediction import Predictor
from .tasks import Classification, Coding, Regression, chosen_loss


class Answers(NetworkBase):
    """What an estimator does that learns answers."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains the network.

        Arguments:
            X: ``(N, D)`` array, frame or sparse matrix.
            y: ``(N,)`` or ``(N, K)`` targets.
            sample_weight: ``(N,)``, how much each example counts. An example of weight
                0 is left out.

        Returns:
            The estimator.

        Raises:
            ValueError: for X and y that cannot be learned from; of ours,
                ``DataError`` and ``ArgumentError`` are such.
        """
        trained: Self = self._told(self._train)(X, y, sample_weight)
        return trained

    def predict(self, X: Any) -> Array:
        """The answers for ``(N, D)`` inputs.

        Arguments:
            X: as in ``fit``.

        Returns:
            ``(N,)`` classes or amounts; ``(N, K)`` where y was such.
        """
        outputs = self._outputs(X)
        answers: Array = self._task.answers(outputs)
        return answers


class Classifies(Answers):
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


class NetworkRegressor(RegressorMixin, Answers):
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


class NetworkTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkBase
):
    """The base of what learns another description of X, without y.

    A subclass defines ``_learner``, which returns its own loss, and what ``transform``
    and ``inverse_transform`` compute, ``_new_predictor`` and ``_decoder``.
    """

    n_components: int
    #: Nothing is held out: what a score would be measured with is not given.
    early_stopping = False

    def fit(self, X: Any, y: Any = None) -> Self:
        """Trains the network.

        Arguments:
            X: ``(N, D)`` array, frame or sparse matrix.
            y: not looked at.

        Returns:
            The estimator.

        Raises:
            ValueError: for X that cannot be learned from; of ours, ``DataError`` and
                ``ArgumentError`` are such.
        """
        trained: Self = self._told(self._train)(X, None, None)
        return trained

    def transform(self, X: Any) -> Array:
        """The codes of ``(N, D)`` inputs.

        Arguments:
            X: as in ``fit``.

        Returns:
            ``(N, n_components)``.
        """
        return self._outputs(X)

    def inverse_transform(self, X: Any) -> Array:
        """What the network makes of codes: X again, as far as codes keep it.

        Arguments:
            X: ``(N, n_components)`` codes.

        Returns:
            ``(N, D)``.

        Raises:
            ShapeError: for codes of another width.
        """
        check_is_fitted(self, "module_")
        codes = check_array(X, dtype=DTYPES, input_name="X")
        if codes.shape[1] != self._task.outputs:
            raise ShapeError(
                f"{type(self).__name__}.inverse_transform: X {codes.shape}: expected "
                f"codes of {self._task.outputs} numbers",
                fix="what transform(X) returns",
            )
        dtype = self.module_.parameters()[0].dtype
        return Predictor(self._decoder(), self.engine)(codes.astype(dtype))

    @abstractmethod
    def _decoder(self) -> Module:
        """From codes to the network's inputs."""

    def _task_of(self, y: Any, classes: Any) -> Coding:
        return Coding(self.n_components)

    def _checked(
        self, x: Any, y: Any, weights: Any, reset: bool
    ) -> tuple[Any, Any, Any]:
        table = self._checked_table(x, reset)
        return self._inputs(x, table, reset), None, None

    def _objective(self) -> None:
        return None

    @property
    def _n_features_out(self) -> int:
        """How many names ``get_feature_names_out`` makes."""
        return int(self._task.outputs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def num_columns(y: Any) -> int:
    """How many amounts an example has."""
    return 1 if np.ndim(y) < 2 else int(np.shape(y)[1])
