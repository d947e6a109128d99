"""Small machines of every kind of units, and their distributions by enumeration."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from chainrule import models
from chainrule.graph import Array
from chainrule.models import RBM
from chainrule.nn import Module

M = TypeVar("M", bound=Module)

DISCRETE = {
    "binary": lambda: RBM(4, 3, dtype="float64"),
    "softmax visible": lambda: RBM(models.Softmax(4), 3, dtype="float64"),
    "softmax hidden": lambda: RBM(4, models.Softmax(3), dtype="float64"),
    "mixed": lambda: RBM(
        (3, models.Softmax(2)), (models.Softmax(3), 2), dtype="float64"
    ),
}
REAL = {
    "Gaussian visible": lambda: RBM(models.Gaussian(2), 3, dtype="float64"),
    "Gaussian hidden": lambda: RBM(3, models.Gaussian(2), dtype="float64"),
    "real and binary": lambda: RBM((models.Gaussian(2), 2), 3, dtype="float64"),
}


def with_values(machine: M, scale: float = 0.8) -> M:
    """The machine with weights and biases that are not small."""
    generator = np.random.default_rng(3)
    for parameter in machine.parameters():
        parameter.assign(scale * generator.standard_normal(parameter.shape))
    return machine


def joint(machine: RBM) -> tuple[Array, Array, Array]:
    """All visible states, all hidden states, and E(v, h) of each pair, by the formula
    of the textbook.
    """
    v, h = machine.visible.states(), machine.hidden.states()
    weight, b, c = (
        each.numpy()
        for each in (machine.weight, machine.visible_bias, machine.hidden_bias)
    )
    return v, h, -(v @ b)[:, None] - (h @ c)[None] - v @ weight.T @ h.T
