"""``ConvClassifier``: a convolutional network for images.

Place on the road: an estimator, on ``kinds``.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from .. import nn
from .inputs import example_shape, flattened, image_shape
from .kinds import NetworkClassifier
from .layers import activation_layer, dense_layers


class ConvClassifier(NetworkClassifier):
    """A convolutional network for images, with scikit-learn's interface.

    Each of ``channels`` is a convolution that keeps the size, the activation, and the
    largest of every 2 × 2 values; hidden layers and logits follow.

    Shapes: X (N, H, W), (N, H, W, C), or (N, D) with an image in each row, as a
    scikit-learn pipeline hands it on: of ``image_shape`` or, when not given, a square
    with one channel where D is one, else a line of D values. y (N,) labels.

    Arguments:
        channels: the number of channels of each convolution.
        hidden_layer_sizes: the number of units of each hidden layer after them.
        kernel_size: how many values wide and high a convolution looks.
        activation: "relu", "tanh", "logistic", "identity", "leaky_relu", "elu", "gelu",
            "silu" or "softplus".
        image_shape: ``(H, W)`` or ``(H, W, C)`` of an image that is a row of X.
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
        image_shape_: ``(H, W, C)``.
        module_: the network, an ``nn.Module``.
        history_: the ``History`` of the last fit.
        loss_curve_, validation_scores_: the loss, and the score, of each epoch.
        n_iter_, loss_, best_loss_, best_validation_score_, n_outputs_, n_features_in_,
        feature_names_in_: as in scikit-learn.

    Raises:
        ArgumentError: in ``fit``, for a value that an argument cannot have.
        ShapeError: for images of another size.

    Source: LeCun, Bottou, Bengio & Haffner (1998).

    Example:
        >>> from chainrule.estimators import ConvClassifier
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits(return_X_y=True)
        >>> net = ConvClassifier((8,), max_iter=15, tol=1e-1, random_state=0)
        >>> net.fit(X[:500] / 16, y[:500]).image_shape_
        (8, 8, 1)
    """

    _takes_sparse: ClassVar[bool] = False

    channels: Any
    hidden_layer_sizes: Any
    kernel_size: int
    activation: str
    image_shape: Any
    dropout: float

    def __init__(
        self,
        channels: Any = (16, 32),
        hidden_layer_sizes: Any = (64,),
        kernel_size: int = 3,
        activation: str = "relu",
        *,
        image_shape: Any = None,
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

    def _table(self, x: Any) -> Any:
        return flattened(type(self).__name__, x)

    def _inputs(self, x: Any, table: Any, reset: bool) -> Any:
        if reset:
            name, features = type(self).__name__, self.n_features_in_
            shape = example_shape(x)
            self.image_shape_ = image_shape(name, self.image_shape, shape, features)
        return table.reshape(len(table), *self.image_shape_)

    def _positions(self) -> int:
        return math.prod(self.image_shape_[:2])

    def _network(self, outputs: int, dtype: Any) -> nn.Module:
        height, width, inside = self.image_shape_
        layers: list[nn.Module] = []
        for channels in map(int, np.atleast_1d(self.channels)):
            layers += [
                nn.Conv2d(
                    inside, channels, self.kernel_size, padding="same", dtype=dtype
                ),
                activation_layer(self.activation),
            ]
            window = min(2, height), min(2, width)
            if window != (1, 1):
                layers.append(nn.MaxPool2d(window))
            height, width, inside = height // window[0], width // window[1], channels
        hidden, activation = self.hidden_layer_sizes, self.activation
        flat, dropout = height * width * inside, self.dropout
        layers += [nn.Flatten()]
        layers += dense_layers(flat, hidden, activation, dropout, outputs, dtype)
        return nn.Sequential(*layers)
