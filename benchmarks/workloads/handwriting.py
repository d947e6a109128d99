"""A network that writes with a pen (Graves 2013): an LSTM below a mixture density.

Offsets of 100 points in 32 drawings; 200 cells; 20 normal distributions with
correlation and a logit for the lifted pen from an output layer; Adam. One layer without
peepholes, which PyTorch's LSTM has not, and no window. Every library computes the
density by the same formulas, in logarithms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import Work, training

SUMMARY = "pen: LSTM-200, 100 points, batch 32, 20 bivariate Gaussians, Adam: one step"
MEASURE = "step"
CELLS, STEPS, BATCH, COMPONENTS = 200, 100, 32, 20
OUTPUTS = 6 * COMPONENTS + 1
RATE = 1e-3
LEAST, MOST_CORRELATION = 0.01, 0.999
LOG_LEAST, LOG_TWO_PI = math.log(LEAST), math.log(2 * math.pi)


def problem(batches: int = 4) -> training.Problem:
    """Loops of a pen, each in a size and at a pace of its own, with noise."""
    generator = np.random.default_rng(1)
    bound = 1 / np.sqrt(CELLS)
    shapes = {
        "input": (4 * CELLS, 3),
        "hidden": (4 * CELLS, CELLS),
        "bias": (4 * CELLS,),
        "output": (OUTPUTS, CELLS),
        "output_bias": (OUTPUTS,),
    }
    weights = {
        name: generator.uniform(-bound, bound, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    inputs, targets = [], []
    times = np.arange(STEPS + 1)
    for _ in range(batches):
        pace = generator.uniform(0.1, 0.5, (BATCH, 1))
        start = generator.uniform(0, 2 * np.pi, (BATCH, 1))
        angle = pace * times + start
        steps = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        steps += 0.2 * generator.standard_normal(steps.shape)
        up = generator.random((BATCH, STEPS + 1, 1)) < 0.05
        rows = np.concatenate([steps, up], axis=-1).astype(np.float32)
        inputs.append(rows[:, :-1])
        targets.append(rows[:, 1:])
    products = 2 * BATCH * STEPS * 4 * CELLS * (2 * 3 + 3 * CELLS)
    output = 3 * 2 * BATCH * STEPS * CELLS * OUTPUTS
    return training.Problem(inputs, targets, weights, "adam", RATE, products + output)


def in_chainrule(problem: training.Problem) -> Work:
    """``nn.LSTM``, ``nn.Linear`` and ``models.BivariateMixture``."""
    import chainrule as cr
    from chainrule import models, nn

    from . import chainrule_networks

    class Network(nn.Module):
        """What follows every point."""

        def __init__(self) -> None:
            self.lstm = nn.LSTM(3, CELLS)
            self.output = nn.Linear(CELLS, OUTPUTS)

        def forward(self, x: Any, training: bool = False) -> Any:
            states, _ = self.lstm(x, training=training)
            return self.output(states)

    model, density = Network(), models.BivariateMixture(COMPONENTS, LEAST)
    trained = chainrule_networks.set_lstm(model, problem.weights, "lstm", "output")

    def loss_of(outputs: Any, y: Any) -> Any:
        f, target = outputs.reshape(-1, OUTPUTS), y.reshape(-1, 3)
        up = f[:, -1]
        pen = cr.softplus(up) - target[:, 2] * up
        return (pen - density.log_prob(f[:, :-1], target[:, :2])).mean()

    return training.in_chainrule(model, loss_of, problem, parameters=trained)


def in_torch(problem: training.Problem, compiled: bool = False) -> Work:
    """``nn.LSTM``, ``nn.Linear``, and the density in a few lines."""
    import torch
    from torch import nn
    from torch.nn import functional

    from . import torch_networks

    class Network(nn.Module):  # type: ignore[misc]
        """What follows every point."""

        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, CELLS, batch_first=True)
            self.output = nn.Linear(CELLS, OUTPUTS)

        def forward(self, x: Any) -> Any:
            states, _ = self.lstm(x)
            return self.output(states)

    model = Network()
    torch_networks.set_lstm(model, problem.weights)

    def loss_of(outputs: Any, y: Any) -> Any:
        f = outputs[..., : 6 * COMPONENTS].unflatten(-1, (6, COMPONENTS))
        share, mx, my, wide, high, turn = f.unbind(-2)
        sx = LOG_LEAST + functional.softplus(wide - LOG_LEAST)
        sy = LOG_LEAST + functional.softplus(high - LOG_LEAST)
        rho = MOST_CORRELATION * torch.tanh(turn)
        u = (y[..., :1] - mx) * torch.exp(-sx)
        v = (y[..., 1:2] - my) * torch.exp(-sy)
        rest = (1 - rho) * (1 + rho)
        square = (u - rho * v) ** 2 / rest + v * v
        inside = LOG_TWO_PI + sx + sy + 0.5 * (torch.log(rest) + square)
        shares = functional.log_softmax(share, -1)
        total = torch.logsumexp(shares - inside, -1)
        up = outputs[..., -1]
        return (functional.softplus(up) - y[..., 2] * up - total).mean()

    return training.in_torch(model, loss_of, problem, compiled)


def compiled_in_torch(problem: training.Problem) -> Work:
    """The same with ``torch.compile``."""
    return in_torch(problem, compiled=True)


def in_jax(problem: training.Problem) -> Work:
    """``lax.scan``, the product with the inputs before it."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    from . import jax_networks

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        from_inputs = x @ weights["input"].T + weights["bias"]

        def step(state: Any, z: Any) -> Any:
            h, c = state
            h, c = jax_networks.lstm_gates(z + h @ weights["hidden"].T, c)
            return (h, c), h

        start = jnp.zeros((len(x), CELLS))
        _, states = lax.scan(step, (start, start), from_inputs.transpose(1, 0, 2))
        outputs = states.transpose(1, 0, 2) @ weights["output"].T
        outputs = outputs + weights["output_bias"]
        f = outputs[..., :-1].reshape(*x.shape[:2], 6, COMPONENTS)
        share, mx, my, wide, high, turn = (f[..., n, :] for n in range(6))
        sx = LOG_LEAST + jax.nn.softplus(wide - LOG_LEAST)
        sy = LOG_LEAST + jax.nn.softplus(high - LOG_LEAST)
        rho = MOST_CORRELATION * jnp.tanh(turn)
        u = (y[..., :1] - mx) * jnp.exp(-sx)
        v = (y[..., 1:2] - my) * jnp.exp(-sy)
        rest = (1 - rho) * (1 + rho)
        square = (u - rho * v) ** 2 / rest + v * v
        inside = LOG_TWO_PI + sx + sy + 0.5 * (jnp.log(rest) + square)
        total = jax.nn.logsumexp(jax.nn.log_softmax(share) - inside, axis=-1)
        up = outputs[..., -1]
        return (jax.nn.softplus(up) - y[..., 2] * up - total).mean()

    return training.in_jax(loss_of, problem.weights, problem)


BUILDERS = {
    "chainrule": in_chainrule,
    "torch-eager": in_torch,
    "torch-compile": compiled_in_torch,
    "jax": in_jax,
}
