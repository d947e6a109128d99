"""A deep autoencoder, Hinton and Salakhutdinov's (2006), as one trains it today.

784-1000-500-250-2-250-500-1000-784, ReLU, a linear code of two numbers, binary
cross-entropy of the pixels, Adam, batch 128. The images are made up: a bright blob
somewhere, so that there is something to encode. scikit-learn has no such network: its
hidden layers all have one activation.
"""

from __future__ import annotations

import numpy as np

from . import multilayer
from .multilayer import Network, Problem, initial

SUMMARY = "autoencoder 784-1000-500-250-2-…-784, ReLU, batch 128, Adam: one step"
MEASURE = "step"
NETWORK = Network(
    (784, 1000, 500, 250, 2, 250, 500, 1000, 784),
    ("relu", "relu", "relu", "linear", "relu", "relu", "relu", "linear"),
    "binary_cross_entropy",
    "adam",
    1e-4,
)
BUILDERS = multilayer.builders("chainrule-eager", "chainrule-rows", "sklearn")


def problem(batches: int = 8) -> Problem:
    """Images of a blob at a random place."""
    generator = np.random.default_rng(1)
    rows, columns = np.mgrid[:28, :28]
    inputs = []
    for _ in range(batches):
        y, x = generator.uniform(6, 22, (2, 128, 1, 1))
        squares = (rows - y) ** 2 + (columns - x) ** 2
        inputs.append(np.exp(-squares / 18).astype(np.float32).reshape(128, 784))
    return Problem(NETWORK, inputs, inputs, *initial(NETWORK.widths, seed=0))
