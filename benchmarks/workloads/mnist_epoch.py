"""One epoch over MNIST's 60 000 training images: 784-512-512-10, ReLU, batch 128, Adam.

The files are looked for in ``$CHAINRULE_DATA/mnist``.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import multilayer
from .multilayer import Network, Problem, initial

SUMMARY = "MNIST, MLP 784-512-512-10, ReLU, batch 128, Adam: one epoch"
MEASURE = "step"
MOST_ROUNDS = 3
NETWORK = Network(
    (784, 512, 512, 10), ("relu", "relu", "linear"), "cross_entropy", "adam", 1e-3
)
WITHOUT = ("chainrule-eager", "chainrule-rows", "jax-scan", "keras-step", "sklearn")
BUILDERS = multilayer.builders(*WITHOUT)
#: After 468 updates the order of additions shows in the third digit.
TOLERANCE = 0.02
BATCH = 128


def path(name: str) -> Path:
    """One of the original files."""
    return Path(os.environ.get("CHAINRULE_DATA", "")) / "mnist" / name


def missing() -> str | None:
    """Why it cannot be run here."""
    if path("train-images-idx3-ubyte.gz").is_file():
        return None
    return "skipped: CHAINRULE_DATA names no folder with mnist/"


def read(name: str, header: int) -> NDArray[Any]:
    """The bytes of an IDX file after its header."""
    with gzip.open(path(name)) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def problem() -> Problem:
    """All full batches, in the order of the file."""
    images = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 784)
    labels = read("train-labels-idx1-ubyte.gz", 8).astype(np.int64)
    full = len(images) // BATCH * BATCH
    starts = range(0, full, BATCH)
    inputs = [images[i : i + BATCH].astype(np.float32) / 255 for i in starts]
    targets = [labels[i : i + BATCH] for i in starts]
    weights, biases = initial(NETWORK.widths, seed=0)
    return Problem(NETWORK, inputs, targets, weights, biases, whole=True)
