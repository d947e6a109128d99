"""Networks in Keras on TensorFlow: its own ``fit``, or a batch at a time.

A single step is compiled with XLA, which is faster so. Inside ``fit``'s loop of many
steps XLA is slower than TensorFlow's own operations, and left out, as Keras does.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from . import Work, training
from .multilayer import Problem


def half_mse(y: Any, prediction: Any) -> Any:
    """½ mean (ŷ − y)²."""
    return 0.5 * keras.losses.mean_squared_error(y, prediction)


def binary_cross_entropy(y: Any, logits: Any) -> Any:
    """Summed over an example's outputs."""
    return keras.ops.sum(keras.ops.binary_crossentropy(y, logits, True), -1)


def model_of(problem: Problem) -> Any:
    """Dense layers with their activations, holding the initial weights."""
    network = problem.network
    model = keras.Sequential([keras.layers.Input((network.widths[0],))])
    for width, activation in zip(network.widths[1:], network.activations, strict=True):
        model.add(keras.layers.Dense(width, activation=activation))
    for layer, (weight, bias) in zip(model.layers, problem.layers, strict=True):
        layer.set_weights([weight.T, bias])
    return model


def loss_of(problem: Problem) -> Any:
    """The loss, from logits."""
    losses = {
        "cross_entropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "binary_cross_entropy": binary_cross_entropy,
        "half_mse": half_mse,
    }
    return losses[problem.network.loss]


def by_fit(problem: Problem) -> Work:
    """``fit`` over arrays in memory, all steps of a pass in one call of its graph."""
    model = model_of(problem)
    inputs, targets = np.concatenate(problem.inputs), np.concatenate(problem.targets)
    model.compile(
        training.optimizer_in_keras(problem),
        loss_of(problem),
        steps_per_execution=len(problem.inputs),
        jit_compile=False,
    )

    def train(passes: int) -> list[float]:
        history = model.fit(
            inputs,
            targets,
            batch_size=problem.batch_size,
            epochs=passes,
            shuffle=False,
            verbose=0,
        )
        return [float(loss) for loss in history.history["loss"]]

    return train


def by_batch(problem: Problem) -> Work:
    """``train_on_batch``, which answers the loss of the batch."""
    return training.in_keras(model_of(problem), loss_of(problem), problem, xla=True)
