"""An LSTM over sequences (Hochreiter and Schmidhuber 1997; gates as today).

64 inputs, 256 cells, 64 steps, batch 32; its last hidden state through an output layer
to ten classes; Adam. Gates in the order i, f, g, o, with one bias for each, which some
split in two: there the second is kept at zero, and not trained.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Work, training

SUMMARY = "LSTM-256, 64 steps, 64 inputs, batch 32, output layer, Adam: one step"
MEASURE = "step"
INPUTS, CELLS, STEPS, BATCH, CLASSES = 64, 256, 64, 32, 10
RATE = 1e-3


def problem(batches: int = 4) -> training.Problem:
    """Ten waves of different frequencies, each in noise."""
    generator = np.random.default_rng(1)
    bound = 1 / np.sqrt(CELLS)
    shapes = {
        "input": (4 * CELLS, INPUTS),
        "hidden": (4 * CELLS, CELLS),
        "bias": (4 * CELLS,),
        "output": (CLASSES, CELLS),
        "output_bias": (CLASSES,),
    }
    weights = {
        name: generator.uniform(-bound, bound, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    inputs, targets = [], []
    times = np.arange(STEPS)[:, None]
    for _ in range(batches):
        labels = generator.integers(CLASSES, size=BATCH)
        phases = generator.uniform(0, 2 * np.pi, (BATCH, 1, INPUTS))
        waves = np.sin(0.1 * (labels[:, None, None] + 1) * times + phases)
        noise = generator.standard_normal(waves.shape)
        inputs.append((waves + 0.3 * noise).astype(np.float32))
        targets.append(labels)
    products = 2 * BATCH * STEPS * 4 * CELLS * (2 * INPUTS + 3 * CELLS)
    output = 3 * 2 * BATCH * CELLS * CLASSES
    return training.Problem(inputs, targets, weights, "adam", RATE, products + output)


def in_chainrule(problem: training.Problem) -> Work:
    """``nn.LSTM`` and ``nn.Linear``."""
    from chainrule import losses, nn

    from . import chainrule_networks

    class Network(nn.Module):
        """The class of a sequence."""

        def __init__(self) -> None:
            self.lstm = nn.LSTM(INPUTS, CELLS)
            self.output = nn.Linear(CELLS, CLASSES)

        def forward(self, x: Any, training: bool = False) -> Any:
            states, _ = self.lstm(x, training=training)
            return self.output(states[:, -1])

    model = Network()
    trained = chainrule_networks.set_lstm(model, problem.weights, "lstm", "output")
    return training.in_chainrule(
        model, losses.cross_entropy, problem, parameters=trained
    )


def in_torch(problem: training.Problem, compiled: bool = False) -> Work:
    """``nn.LSTM`` and ``nn.Linear``."""
    from torch import nn

    from . import torch_networks

    class Network(nn.Module):  # type: ignore[misc]
        """The class of a sequence."""

        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(INPUTS, CELLS, batch_first=True)
            self.output = nn.Linear(CELLS, CLASSES)

        def forward(self, x: Any) -> Any:
            states, _ = self.lstm(x)
            return self.output(states[:, -1])

    model = Network()
    torch_networks.set_lstm(model, problem.weights)
    return training.in_torch(model, nn.functional.cross_entropy, problem, compiled)


def compiled_in_torch(problem: training.Problem) -> Work:
    """The same with ``torch.compile``."""
    return in_torch(problem, compiled=True)


def in_jax(problem: training.Problem) -> Work:
    """``lax.scan``, the product with the inputs before it."""
    import optax
    from jax import lax
    from jax import numpy as jnp

    from . import jax_networks

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        from_inputs = x @ weights["input"].T + weights["bias"]

        def step(state: Any, z: Any) -> Any:
            h, c = state
            return jax_networks.lstm_gates(z + h @ weights["hidden"].T, c), None

        start = jnp.zeros((len(x), CELLS))
        (h, _), _ = lax.scan(step, (start, start), from_inputs.transpose(1, 0, 2))
        logits = h @ weights["output"].T + weights["output_bias"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return training.in_jax(loss_of, problem.weights, problem)


def in_keras(problem: training.Problem, xla: bool = True) -> Work:
    """``LSTM`` and ``Dense``."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((STEPS, INPUTS)),
            keras.layers.LSTM(CELLS),
            keras.layers.Dense(CLASSES),
        ]
    )
    weights = problem.weights
    model.layers[0].set_weights(
        [weights["input"].T, weights["hidden"].T, weights["bias"]]
    )
    model.layers[1].set_weights([weights["output"].T, weights["output_bias"]])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return training.in_keras(model, loss, problem, xla)


def graph_in_keras(problem: training.Problem) -> Work:
    """The same without XLA."""
    return in_keras(problem, xla=False)


BUILDERS = {
    "chainrule": in_chainrule,
    "torch-eager": in_torch,
    "torch-compile": compiled_in_torch,
    "jax": in_jax,
    "keras-step": in_keras,
    "keras-graph": graph_in_keras,
}
