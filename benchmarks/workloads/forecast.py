"""A network that forecasts quantiles (Wen et al. 2017), as ``models.Forecaster`` is
trained.

64 windows of 48 steps, each a value and whether it was observed; an LSTM of 64 cells,
whose last state gives five quantiles of twelve steps ahead; the pinball loss; Adam.
Gates in the order i, f, g, o, with one bias for each, which some split in two: there
the second is kept at zero, and not trained.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Work, training

SUMMARY = "forecast of quantiles, LSTM-64, 48 steps, 64 windows, Adam: one step"
MEASURE = "step"
LAGS, HORIZON, CHANNELS, CELLS, BATCH = 48, 12, 2, 64, 64
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
RATE = 1e-3


def problem(batches: int = 4) -> training.Problem:
    """Noisy waves with a season of twelve steps, and what follows each window."""
    generator = np.random.default_rng(1)
    bound = 1 / np.sqrt(CELLS)
    shapes = {
        "input": (4 * CELLS, CHANNELS),
        "hidden": (4 * CELLS, CELLS),
        "bias": (4 * CELLS,),
        "output": (HORIZON * len(LEVELS), CELLS),
        "output_bias": (HORIZON * len(LEVELS),),
    }
    weights = {
        name: generator.uniform(-bound, bound, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    inputs, targets = [], []
    for _ in range(batches):
        begins = generator.uniform(0, 12, (BATCH, 1))
        steps = np.arange(LAGS + HORIZON)
        waves = np.sin(2 * np.pi * (begins + steps) / 12)
        waves += 0.3 * generator.standard_normal(waves.shape)
        windows = np.zeros((BATCH, LAGS + HORIZON, CHANNELS), np.float32)
        windows[:, :LAGS, 0] = waves[:, :LAGS]
        windows[:, :LAGS, 1] = 1
        inputs.append(windows)
        targets.append(waves[:, LAGS:].astype(np.float32))
    products = 2 * BATCH * LAGS * 4 * CELLS * (2 * CHANNELS + 3 * CELLS)
    output = 3 * 2 * BATCH * CELLS * HORIZON * len(LEVELS)
    return training.Problem(inputs, targets, weights, "adam", RATE, products + output)


def in_chainrule(problem: training.Problem) -> Work:
    """``models.Forecaster`` and ``losses.pinball``."""
    from chainrule import losses, models

    from . import chainrule_networks

    model = models.Forecaster(LAGS, HORIZON, 12, "lstm", (CELLS,), levels=LEVELS)
    trained = chainrule_networks.set_lstm(model, problem.weights, "body", "head")

    def loss_of(told: Any, came: Any) -> Any:
        return losses.pinball(told, came, LEVELS)

    return training.in_chainrule(model, loss_of, problem, parameters=trained)


def in_torch(problem: training.Problem, compiled: bool = False) -> Work:
    """``nn.LSTM`` and ``nn.Linear``."""
    import torch
    from torch import nn

    from . import torch_networks

    class Network(nn.Module):  # type: ignore[misc]
        """Quantiles of what follows."""

        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(CHANNELS, CELLS, batch_first=True)
            self.output = nn.Linear(CELLS, HORIZON * len(LEVELS))

        def forward(self, x: Any) -> Any:
            states, _ = self.lstm(x[:, :LAGS])
            return self.output(states[:, -1]).reshape(-1, HORIZON, len(LEVELS))

    model = Network()
    torch_networks.set_lstm(model, problem.weights)
    levels = torch.tensor(LEVELS)

    def loss_of(told: Any, came: Any) -> Any:
        d = came.unsqueeze(2) - told
        return torch.maximum(levels * d, (levels - 1) * d).mean()

    return training.in_torch(model, loss_of, problem, compiled)


def compiled_in_torch(problem: training.Problem) -> Work:
    """The same with ``torch.compile``."""
    return in_torch(problem, compiled=True)


def in_jax(problem: training.Problem) -> Work:
    """``lax.scan``, the product with the inputs before it."""
    from jax import lax
    from jax import numpy as jnp

    from . import jax_networks

    levels = np.array(LEVELS, np.float32)

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        from_inputs = x[:, :LAGS] @ weights["input"].T + weights["bias"]

        def step(state: Any, z: Any) -> Any:
            h, c = state
            return jax_networks.lstm_gates(z + h @ weights["hidden"].T, c), None

        start = jnp.zeros((len(x), CELLS))
        (h, _), _ = lax.scan(step, (start, start), from_inputs.transpose(1, 0, 2))
        told = h @ weights["output"].T + weights["output_bias"]
        d = y[:, :, None] - told.reshape(len(x), HORIZON, len(LEVELS))
        return jnp.maximum(levels * d, (levels - 1) * d).mean()

    return training.in_jax(loss_of, problem.weights, problem)


BUILDERS = {
    "chainrule": in_chainrule,
    "torch-eager": in_torch,
    "torch-compile": compiled_in_torch,
    "jax": in_jax,
}
