"""The first network of most courses: 784-128-10, ReLU, cross-entropy, batch 64, SGD.

The images are made up, in MNIST's shape and range: speed does not depend on what they
show.
"""

from __future__ import annotations

import numpy as np

from . import multilayer
from .multilayer import Network, Problem, initial

SUMMARY = "MLP 784-128-10, ReLU, cross-entropy, batch 64, SGD: one step"
MEASURE = "step"
NETWORK = Network((784, 128, 10), ("relu", "linear"), "cross_entropy", "sgd", 0.01)
BUILDERS = multilayer.builders()


def problem(batches: int = 64) -> Problem:
    """Images of noise, labelled by the largest of ten random projections."""
    generator = np.random.default_rng(1)
    projections = generator.standard_normal((784, 10)).astype(np.float32)
    inputs, targets = [], []
    for _ in range(batches):
        x = generator.random((64, 784), dtype=np.float32)
        inputs.append(x)
        targets.append(np.argmax((x - 0.5) @ projections, axis=1))
    return Problem(NETWORK, inputs, targets, *initial(NETWORK.widths, seed=0))
