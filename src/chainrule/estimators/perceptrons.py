"""Multilayer perceptrons: ``MLPClassifier`` and ``MLPRegressor``.

Place on the road: estimators, on ``kinds``.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..graph import Array
from .kinds import NetworkClassifier, NetworkRegressor
from .layers import dense_layers


class _Perceptron:
    """What both have: the network, and its weights under scikit-learn's names."""

    hidden_layer_sizes: Any
    activation: str
    dropout: float
    n_features_in_: int
    module_: nn.Module

    def _network(self, outputs: int, dtype: Any) -> nn.Module:
        hidden, activation = self.hidden_layer_sizes, self.activation
        width, dropout = self.n_features_in_, self.dropout
        layers = dense_layers(width, hidden, activation, dropout, outputs, dtype)
        return nn.Sequential(*layers)

    def _linear(self) -> list[nn.Linear]:
        layers = [part for _, part in self.module_.named_modules()]
        return [layer for layer in layers if isinstance(layer, nn.Linear)]

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer, ``(in, out)``."""
        return [layer.weight.array.T.copy() for layer in self._linear()]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer, ``(out,)``."""
        biases = [layer.bias for layer in self._linear()]
        return [bias.array.copy() for bias in biases if bias is not None]

    @property
    def n_layers_(self) -> int:
        """The number of layers, the input among them."""
        return len(self._linear()) + 1


class MLPClassifier(_Perceptron, NetworkClassifier):
    """A multilayer perceptron for classes, with scikit-learn's interface.

    Formula: z¹ = W¹ x + b¹, a¹ = f(z¹), … ; the last z are logits of the classes.
    Minimised is the cross-entropy, averaged over examples, plus the penalty of
    ``alpha``.

    Shapes: X (N, D), sparse too; y (N,) labels of any kind, or (N, K) zeros and ones
    for K labels of which an example may have any number.

    It computes in the dtype of X where that is float32 or float64, else in float64.

    Arguments:
        hidden_layer_sizes: the number of units of each hidden layer; () for none.
        activation: "relu", "tanh", "logistic", "identity", "leaky_relu", "elu", "gelu",
            "silu" or "softplus".
        optimizer: the name of an algorithm of ``optim``, "adam", "sgd", "lbfgs", …, or
            one with settings of its own, ``optim.Adam(lr=0.01)``. One that minimises
            the loss of all examples, as "lbfgs", takes them as one batch, and ends
            where no ∂L/∂w is larger than ``tol``.
        alpha: the strength of the penalty α / 2n · Σ‖W‖² of n examples.
        batch_size: examples in a batch; "auto": 200, or all where there are fewer.
        learning_rate_init: the learning rate of an optimizer that is a name.
        max_iter: epochs, at most.
        dropout: the probability of dropping a unit of a hidden layer.
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
        classes_: the classes, in the order of the columns of ``predict_proba``.
        coefs_, intercepts_: copies of each layer's weights ``(in, out)`` and biases.
        module_: the network, an ``nn.Module``.
        history_: the ``History`` of the last fit.
        loss_curve_, validation_scores_: the loss, and the score, of each epoch.
        n_iter_, loss_, best_loss_, best_validation_score_, n_outputs_, n_features_in_,
        feature_names_in_: as in scikit-learn.

    Raises:
        ArgumentError: in ``fit``, for a value that an argument cannot have.
        DataError: in ``fit``, for targets of one class alone.

    Source: Rumelhart, Hinton & Williams (1986).

    Example:
        >>> from chainrule.estimators import MLPClassifier
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> X, y = load_iris(return_X_y=True)
        >>> mlp = MLPClassifier((32,), max_iter=300, tol=1e-3, random_state=0)
        >>> model = make_pipeline(StandardScaler(), mlp).fit(X, y)
        >>> model.score(X, y) > 0.9
        True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        optimizer: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        dropout: float = 0.0,
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


class MLPRegressor(_Perceptron, NetworkRegressor):
    """A multilayer perceptron for amounts, with scikit-learn's interface.

    Formula: z¹ = W¹ x + b¹, a¹ = f(z¹), … ; the last z are the predictions.
    Minimised is the loss, averaged over examples, plus the penalty of ``alpha``.

    Shapes: X (N, D), sparse too; y (N,), or (N, K) for K amounts an example.

    It computes in the dtype of X where that is float32 or float64, else in float64.

    Arguments:
        loss: "squared_error", ½ ‖z − y‖²; "absolute_error", "huber", or "poisson", for
            counts, whose predictions are eᶻ.
        hidden_layer_sizes: the number of units of each hidden layer; () for none.
        activation: "relu", "tanh", "logistic", "identity", "leaky_relu", "elu", "gelu",
            "silu" or "softplus".
        optimizer: the name of an algorithm of ``optim``, "adam", "sgd", "lbfgs", …, or
            one with settings of its own, ``optim.Adam(lr=0.01)``. One that minimises
            the loss of all examples, as "lbfgs", takes them as one batch, and ends
            where no ∂L/∂w is larger than ``tol``.
        alpha: the strength of the penalty α / 2n · Σ‖W‖² of n examples.
        batch_size: examples in a batch; "auto": 200, or all where there are fewer.
        learning_rate_init: the learning rate of an optimizer that is a name.
        max_iter: epochs, at most.
        dropout: the probability of dropping a unit of a hidden layer.
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
        coefs_, intercepts_: copies of each layer's weights ``(in, out)`` and biases.
        module_: the network, an ``nn.Module``.
        history_: the ``History`` of the last fit.
        loss_curve_, validation_scores_: the loss, and the score, of each epoch.
        n_iter_, loss_, best_loss_, best_validation_score_, n_outputs_, n_features_in_,
        feature_names_in_: as in scikit-learn.

    Raises:
        ArgumentError: in ``fit``, for a value that an argument cannot have.
        DataError: in ``fit``, for negative counts.

    Source: Rumelhart, Hinton & Williams (1986).

    Example:
        >>> import numpy as np
        >>> from chainrule.estimators import MLPRegressor
        >>> x = np.linspace(-1, 1, 200)[:, None]
        >>> y = np.sin(3 * x[:, 0])
        >>> mlp = MLPRegressor(hidden_layer_sizes=(20,), learning_rate_init=0.02)
        >>> mlp.set_params(random_state=0).fit(x, y).score(x, y) > 0.9
        True
    """

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        optimizer: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        dropout: float = 0.0,
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
