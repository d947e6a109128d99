"""What the workloads on multilayer perceptrons share: the work and its least cost.

How each library does it is said in ``chainrule_networks``, ``torch_networks``,
``jax_networks``, ``keras_networks`` and ``sklearn_networks``.
"""

from __future__ import annotations

import functools
import importlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import Work

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """Widths from the inputs to the outputs, and the activation after each layer.

    An activation is "linear", "relu", "sigmoid" or "tanh"; the loss is "cross_entropy"
    (classes, from logits), "binary_cross_entropy" (from logits, summed over an
    example's outputs) or "half_mse",
    ½ mean (ŷ − y)², the one of the three conventions that scikit-learn has too. The
    optimizer is "sgd" or "adam".
    """

    widths: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    optimizer: str
    learning_rate: float


@dataclass(frozen=True)
class Problem:
    """One piece of work for everybody: a network, batches and initial weights.

    ``weights[i]`` is ``(out, in)``, ``biases[i]`` is ``(out,)``. With ``whole``, a step
    is a pass over all batches.
    """

    network: Network
    inputs: list[Array]
    targets: list[NDArray[Any]]
    weights: list[Array] = field(default_factory=list)
    biases: list[Array] = field(default_factory=list)
    whole: bool = False

    @property
    def steps(self) -> int:
        """Steps in a pass."""
        return 1 if self.whole else len(self.inputs)

    @property
    def optimizer(self) -> str:
        """The network's."""
        return self.network.optimizer

    @property
    def learning_rate(self) -> float:
        """The network's."""
        return self.network.learning_rate

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
        place = 0
        pairs = zip(self.layers, self.network.activations, strict=True)
        for (weight, bias), activation in pairs:
            state[f"{place}.weight"] = weight.copy()
            state[f"{place}.bias"] = bias.copy()
            place += 1 if activation == "linear" else 2
        return state

    def operations(self) -> int:
        """The multiplications and additions that a step cannot do without.

        2·B·in·out for z = Wa + b, as many for ∂L/∂W, and for ∂L/∂a from layer 2 on.
        """
        pairs = list(itertools.pairwise(self.network.widths))
        products = [2 * self.batch_size * before * after for before, after in pairs]
        batches = len(self.inputs) // self.steps
        return batches * (3 * sum(products) - products[0])

    def traffic(self) -> tuple[int, int]:
        """The bytes that a step cannot do without: each value read or written once.

        Weights are read and written; so are the two moments of Adam; the batch is read.
        """
        parameters = sum(weight.size + bias.size for weight, bias in self.layers)
        state = 4 * parameters * {"sgd": 1, "adam": 3}[self.network.optimizer]
        batch = self.inputs[0].nbytes + self.targets[0].nbytes
        batches = len(self.inputs) // self.steps
        return batches * (state + batch), batches * state


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


#: Program → the module, and what in it, that trains a network from a ``Problem``.
PLACES = {
    "chainrule": ("chainrule_networks", "compiled"),
    "chainrule-rows": ("chainrule_networks", "by_rows"),
    "chainrule-eager": ("chainrule_networks", "eager"),
    "torch-eager": ("torch_networks", "eager"),
    "torch-compile": ("torch_networks", "compiled"),
    "jax": ("jax_networks", "by_step"),
    "jax-scan": ("jax_networks", "by_scan"),
    "keras-fit": ("keras_networks", "by_fit"),
    "keras-step": ("keras_networks", "by_batch"),
    "sklearn": ("sklearn_networks", "by_partial_fit"),
}


def build(program: str, problem: Problem) -> Work:
    """What trains the network in the named program's way."""
    module, name = PLACES[program]
    found = importlib.import_module(f"{__package__}.{module}")  # imports the library
    work: Work = getattr(found, name)(problem)
    return work


def builders(*without: str) -> dict[str, Callable[[Problem], Work]]:
    """The builders of all programs but some."""
    names = [name for name in PLACES if name not in without]
    return {name: functools.partial(build, name) for name in names}
