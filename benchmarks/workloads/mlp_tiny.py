"""A network so small that only overhead is left: 2-16-16-1, tanh, batch 32, Adam."""

from __future__ import annotations

import numpy as np

from . import multilayer
from .multilayer import Network, Problem, initial

SUMMARY = "MLP 2-16-16-1, tanh, half mean squared error, batch 32, Adam: one step"
MEASURE = "step"
NETWORK = Network((2, 16, 16, 1), ("tanh", "tanh", "linear"), "half_mse", "adam", 0.001)
BUILDERS = multilayer.builders()


def problem(batches: int = 64) -> Problem:
    """A smooth function of two variables, sampled with a fixed seed."""
    generator = np.random.default_rng(1)
    inputs, targets = [], []
    for _ in range(batches):
        x = generator.uniform(-1, 1, (32, 2)).astype(np.float32)
        inputs.append(x)
        targets.append(np.sin(3 * x[:, :1]) * x[:, 1:])
    return Problem(NETWORK, inputs, targets, *initial(NETWORK.widths, seed=0))
