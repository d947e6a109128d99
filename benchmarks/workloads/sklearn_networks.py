"""Networks in scikit-learn, a batch at a time, from given initial weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from . import Work
from .multilayer import Problem


def model_of(problem: Problem) -> Any:
    """The estimator: all hidden layers have the same activation, as it wants."""
    network = problem.network
    (activation,) = set(network.activations[:-1])
    kind = MLPClassifier if network.loss == "cross_entropy" else MLPRegressor
    return kind(
        hidden_layer_sizes=network.widths[1:-1],
        activation={"sigmoid": "logistic"}.get(activation, activation),
        solver=network.optimizer,
        momentum=0.0,
        learning_rate_init=network.learning_rate,
        batch_size=problem.batch_size,
        alpha=0.0,
        shuffle=False,
    )


def by_partial_fit(problem: Problem) -> Work:
    """``partial_fit`` on every batch in turn.

    The interface has no initial weights: a first call makes the arrays, which are then
    overwritten, and the optimizer's state is dropped.
    """
    model = model_of(problem)
    classes = problem.network.loss == "cross_entropy"
    known = {"classes": np.arange(problem.network.widths[-1])} if classes else {}
    targets = [y if classes else y.squeeze(-1) for y in problem.targets]
    model.partial_fit(problem.inputs[0], targets[0], **known)
    layers = zip(model.coefs_, model.intercepts_, problem.layers, strict=True)
    for coefficients, intercepts, (weight, bias) in layers:
        coefficients[...] = weight.T
        intercepts[...] = bias
    del model._optimizer
    batches = list(zip(problem.inputs, targets, strict=True))

    def train(passes: int) -> list[float]:
        means = []
        for _ in range(passes):
            total = 0.0
            for x, y in batches:
                model.partial_fit(x, y)
                total += float(model.loss_)
            means.append(total / len(batches))
        return means

    return train
