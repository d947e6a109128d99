"""The linear models that stand beside every network: ridge and logistic regression.

Place on the road: beneath ``baselines``. They have scikit-learn's solutions with its
default arguments, which a test compares, without its import: that alone takes longer
than many a training. It must not know of data sets or of runs.

==================  =============================================================
ridge regression    min ‖X w + b − y‖² + ‖w‖²
logistic, 2 kinds   min Σ log(1 + exp(∓(xᵀw + b))) + ½ ‖w‖²
logistic, K kinds   min Σ −log softmax(W x + b)ₖ + ½ ‖W‖², k being the right one
==================  =============================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from .. import losses, optim
from ..graph import Array
from ..variable import Parameter

#: Logistic regression has converged where no |∂L/∂w| of the mean loss is larger.
TOLERANCE = 1e-4


class RidgeRegression:
    """Amounts as a weighted sum of the columns, with a penalty of 1 on the weights."""

    def fit(self, x: Array, y: Array) -> Self:
        """Solves for the weights of ``(N, D)`` inputs and ``(N,)`` amounts.

        Of the two linear systems with the same answer, D × D and N × N, it takes the
        smaller one.
        """
        x = np.asarray_chkfinite(x, np.float64)
        means, mean = x.mean(axis=0), np.mean(y)
        x, y = x - means, y - mean
        if len(x) < x.shape[1]:
            self.weights: Array = x.T @ np.linalg.solve(x @ x.T + np.eye(len(x)), y)
        else:
            self.weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
        self.bias = mean - means @ self.weights
        return self

    def predict(self, x: Array) -> Array:
        """``(N,)`` amounts."""
        answers: Array = x @ self.weights + self.bias
        return answers


class LogisticRegression:
    """Classes by the largest weighted sum, with a penalty of ½ on the weights.

    Arguments:
        iterations: of L-BFGS, at most.
    """

    def __init__(self, iterations: int) -> None:
        self.iterations = iterations

    def fit(self, x: Array, y: Array) -> Self:
        """Learns from ``(N, D)`` inputs and ``(N,)`` labels, of two classes or more."""
        x = np.asarray_chkfinite(x)
        x = x.astype(np.float32 if x.dtype == np.float32 else np.float64, copy=False)
        self.classes, places = np.unique(y, return_inverse=True)
        outputs = len(self.classes) if len(self.classes) > 2 else 1
        weight = Parameter(np.zeros((outputs, x.shape[1]), x.dtype))
        bias = Parameter(np.zeros(outputs, x.dtype))

        def loss(inputs: Any, targets: Any) -> Any:
            z = inputs @ weight.T + bias
            if outputs == 1:
                return losses.binary_cross_entropy(z, targets)
            return losses.cross_entropy(z, targets)

        targets = places[:, None].astype(x.dtype) if outputs == 1 else places
        penalised = {"params": [weight], "l2": 1 / len(x)}
        groups: list[Mapping[str, Any]] = [penalised, {"params": [bias]}]
        optimizer = optim.LBFGS(groups, gradient_tolerance=TOLERANCE)
        optimizer.minimize(loss, x, targets, iterations=self.iterations)
        self.weights, self.bias = weight.numpy(), bias.numpy()
        return self

    def predict(self, x: Array) -> Array:
        """``(N,)`` labels."""
        z = x @ self.weights.T + self.bias
        places = z[:, 0] > 0 if len(self.classes) == 2 else z.argmax(axis=1)
        labels: Array = self.classes[np.asarray(places, int)]
        return labels
