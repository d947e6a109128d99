"""A small convolutional network for digits, in the manner of LeNet-5 (LeCun 1998).

5×5×32, ReLU, pool, 5×5×64, ReLU, pool, 256, ReLU, 10; not padded, so that images of
28 × 28 are 12 × 12 and then 4 × 4 after the pools.
"""

from __future__ import annotations

from . import convolutional, training
from .convolutional import Layers

SUMMARY = "LeNet 5×5×32, pool, 5×5×64, pool, 256, 10, batch 64, SGD: one step"
MEASURE = "step"
LAYERS: Layers = [
    ("conv", 32, 5, 1, 0, True),
    ("relu",),
    ("pool", 2),
    ("conv", 64, 5, 1, 0, True),
    ("relu",),
    ("pool", 2),
    ("flatten",),
    ("linear", 256),
    ("relu",),
    ("linear", 10),
]
BUILDERS = convolutional.builders(LAYERS)


def problem() -> training.Problem:
    """Batches of 64 images."""
    return convolutional.problem(LAYERS, (28, 28, 1), batch=64, rate=0.01)
