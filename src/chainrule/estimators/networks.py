"""``NetworkEstimator``: any network of one's own.

Place on the road: an estimator, on ``kinds``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

from sklearn.utils.metaestimators import available_if

from ..errors import ArgumentError, unknown_option
from ..graph import Array
from ..nn import Module
from .base import takes_gradients
from .inputs import example_shape, flattened
from .kinds import Classifies, num_columns
from .tasks import Regression, Task, chosen_loss

TASKS = ("classification", "regression")


def _classifies(estimator: Any) -> bool:
    return bool(estimator.task == "classification")


class NetworkEstimator(Classifies):
    """A network of one's own, with scikit-learn's interface.

    Arguments:
        module_factory: called as ``module_factory(inputs, outputs)``, returns the
            network: for D features, or the shape of an example where X has more axes;
            with an output for each class (one logit for two), or for each amount. A
            function of a module, so that copies of the estimator reach other processes.
        task: "classification" or "regression".
        loss: of a regression, see ``MLPRegressor``.
        optimizer: the name of an algorithm of ``optim``, "adam", "sgd", "lbfgs", …, or
            one with settings of its own, ``optim.Adam(lr=0.01)``. One that minimises
            the loss of all examples, as "lbfgs", takes them as one batch, and ends
            where no ∂L/∂w is larger than ``tol``.
        alpha: the strength of the penalty α / 2n · Σ‖W‖² of n examples.
        batch_size: examples in a batch; "auto": 200, or all where there are fewer.
        learning_rate_init: the learning rate of an optimizer that is a name.
        max_iter: epochs, at most.
        random_state: of the weights, the order of examples and dropout; an integer
            makes the fit repeatable.
        tol, n_iter_no_change: training ends when the loss (the validation score, with
            ``early_stopping``) was not better by ``tol`` for more than so many epochs.
        verbose: show the progress.
        warm_start: whether ``fit`` goes on from the fit before.
        early_stopping: hold out ``validation_fraction`` of the examples, score them
            after each epoch, and keep the weights of the best.
        validation_fraction: how much is held out.
        engine: the engine of ``cr.compile``.

    Attributes:
        classes_: of a classifier, the classes in their order.
        module_: the network, an ``nn.Module``.
        history_: the ``History`` of the last fit.
        loss_curve_, validation_scores_: the loss, and the score, of each epoch.
        n_iter_, loss_, best_loss_, best_validation_score_, n_outputs_, n_features_in_,
        feature_names_in_: as in scikit-learn.

    Raises:
        ArgumentError: in ``fit``, for a value that an argument cannot have, and a
            factory that returns no network.

    Example:
        >>> from chainrule import nn
        >>> from chainrule.estimators import NetworkEstimator
        >>> from sklearn.datasets import load_iris
        >>> def make(inputs, outputs):
        ...     return nn.Sequential(
        ...         nn.BatchNorm1d(inputs), nn.Linear(inputs, 16), nn.GELU(),
        ...         nn.Linear(16, outputs))
        >>> X, y = load_iris(return_X_y=True)
        >>> net = NetworkEstimator(make, learning_rate_init=0.02, tol=1e-2)
        >>> net.set_params(random_state=0).fit(X, y).score(X, y) > 0.9
        True
    """

    _takes_sparse: ClassVar[bool] = True

    module_factory: Callable[[Any, int], Module]
    task: str
    loss: str

    def __init__(
        self,
        module_factory: Callable[[Any, int], Module],
        task: str = "classification",
        *,
        loss: str = "squared_error",
        optimizer: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        engine: str | None = None,
    ) -> None:
        self._store(locals())

    def _table(self, x: Any) -> Any:
        return flattened(type(self).__name__, x)

    def _inputs(self, x: Any, table: Any, reset: bool) -> Any:
        shape = example_shape(x)
        if reset:
            self._example = shape
        return table if shape is None else table.reshape(len(table), *shape)

    def _network(self, outputs: int, dtype: Any) -> Module:
        given = self.n_features_in_ if self._example is None else self._example
        self._check_factory(given, outputs)
        module = self.module_factory(given, outputs)
        if not isinstance(module, Module):
            raise ArgumentError(
                f"NetworkEstimator: module_factory({given}, {outputs}) returned a "
                f"{type(module).__name__}: expected an nn.Module",
                fix="def make(inputs, outputs): return nn.Sequential(…)",
            )
        return module.astype(dtype)

    def _check_factory(self, given: Any, outputs: int) -> None:
        """Refuses what cannot be called for the shapes of the data."""
        factory: Any = self.module_factory
        kind = f"the network {type(factory).__name__}"
        if not isinstance(factory, Module):
            kind = f"a {type(factory).__name__}"
            if callable(factory):
                try:
                    inspect.signature(factory).bind(given, outputs)
                except ValueError:  # it has no signature to look at
                    return
                except TypeError as error:
                    kind = f"a function of other arguments: {error}"
                else:
                    return
        raise ArgumentError(
            f"NetworkEstimator: module_factory is {kind}: expected a function "
            "(inputs, outputs) that returns a network",
            fix="NetworkEstimator(lambda inputs, outputs: nn.Linear(inputs, outputs))",
        )

    def _task_of(self, y: Any, classes: Any) -> Task:
        if self.task not in TASKS:
            raise unknown_option("task", self.task, TASKS)
        if _classifies(self):
            return self._classification(y, classes)
        return Regression(num_columns(y), chosen_loss(type(self).__name__, self.loss))

    def _takes_amounts(self) -> bool:
        return not _classifies(self)

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
            classes: all classes there are; needed in the first call of a classifier.

        Returns:
            The estimator.
        """
        if _classifies(self):
            return self._epoch_of_classes(X, y, classes, sample_weight)
        return self._one_epoch(X, y, sample_weight)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy of a classifier, R² of a regressor.

        Arguments:
            X, y, sample_weight: as in ``fit``.
        """
        from sklearn.metrics import accuracy_score, r2_score

        measure = accuracy_score if _classifies(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    @available_if(_classifies)
    def decision_function(self, X: Any) -> Array:
        """Of a classifier: the network's outputs, before they become probabilities.

        Arguments:
            X: as in ``fit``.
        """
        return super().decision_function(X)

    @available_if(_classifies)
    def predict_proba(self, X: Any) -> Array:
        """Of a classifier: the probabilities of the classes.

        Arguments:
            X: as in ``fit``.
        """
        return super().predict_proba(X)

    @available_if(_classifies)
    def predict_log_proba(self, X: Any) -> Array:
        """Of a classifier: the logarithms of the probabilities of the classes.

        Arguments:
            X: as in ``fit``.
        """
        return super().predict_log_proba(X)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, RegressorTags

        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if _classifies(self):
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_label=True)
        else:
            tags.estimator_type = "regressor"
            tags.regressor_tags = RegressorTags()
            tags.target_tags.multi_output = True
        return tags
