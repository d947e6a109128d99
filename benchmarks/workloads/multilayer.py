"""What the workloads on multilayer perceptrons share: the work and its least cost."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """One piece of work for everybody: batches, initial weights and the learning rate.

    ``weights[i]`` is ``(out, in)``, ``biases[i]`` is ``(out,)``.
    """

    widths: tuple[int, ...]
    inputs: list[Array]
    targets: list[NDArray[Any]]
    learning_rate: float
    optimizer: str
    weights: list[Array] = field(default_factory=list)
    biases: list[Array] = field(default_factory=list)

    @property
    def batch_size(self) -> int:
        """Examples in a batch."""
        return len(self.inputs[0])

    @property
    def layers(self) -> list[tuple[Array, Array]]:
        """(weight, bias) of each layer, from the inputs to the outputs."""
        return list(zip(self.weights, self.biases, strict=True))

    def state_dict(self) -> dict[str, Array]:
        """The initial weights, named as in ``Sequential(Linear, act, Linear …)``."""
        state: dict[str, Array] = {}
        for index, (weight, bias) in enumerate(self.layers):
            state[f"{2 * index}.weight"] = weight.copy()
            state[f"{2 * index}.bias"] = bias.copy()
        return state

    def operations(self) -> int:
        """The multiplications and additions that a step cannot do without.

        2·B·in·out for z = Wa + b, as many for ∂L/∂W, and for ∂L/∂a from layer 2 on.
        """
        pairs = list(itertools.pairwise(self.widths))
        products = [2 * self.batch_size * before * after for before, after in pairs]
        return 3 * sum(products) - products[0]

    def bytes_moved(self) -> int:
        """The bytes that a step cannot do without: each value read or written once.

        Weights are read and written; so are the two moments of Adam; the batch is read.
        """
        parameters = sum(weight.size + bias.size for weight, bias in self.layers)
        copies = {"sgd": 1, "adam": 3}[self.optimizer]
        batch = self.inputs[0].nbytes + self.targets[0].nbytes
        return 2 * 4 * parameters * copies + batch


def initial(widths: tuple[int, ...], seed: int) -> tuple[list[Array], list[Array]]:
    """Glorot's uniform weights and small biases, the same for every peer."""
    generator = np.random.default_rng(seed)
    weights, biases = [], []
    for before, after in itertools.pairwise(widths):
        bound = np.sqrt(6 / (before + after))
        weight = generator.uniform(-bound, bound, (after, before))
        weights.append(weight.astype(np.float32))
        biases.append(generator.uniform(-0.1, 0.1, after).astype(np.float32))
    return weights, biases
