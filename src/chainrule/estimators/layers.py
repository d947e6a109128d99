"""The layers that the networks of several estimators end with.

Place on the road: beneath the estimators, on ``nn``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import nn
from ..errors import unknown_option

#: name ↦ the layer after each hidden layer
ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


def activation_layer(name: Any) -> nn.Module:
    """The layer of an activation.

    Raises:
        OptionError: for an unknown name.

    Example:
        >>> activation_layer("logistic")
        Sigmoid()
    """
    if name not in ACTIVATIONS:
        raise unknown_option("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()


def dense_layers(
    width: int, hidden: Any, activation: Any, dropout: float, outputs: int, dtype: Any
) -> list[nn.Module]:
    """Linear, activation and dropout of each hidden layer, and the last Linear.

    Example:
        >>> dense_layers(4, 8, "tanh", 0.0, 3, "float32")
        [Linear(4 → 8), Tanh(), Linear(8 → 3)]
    """
    layers: list[nn.Module] = []
    for size in np.atleast_1d(hidden):
        layers += [nn.Linear(width, int(size), dtype=dtype)]
        layers += [activation_layer(activation)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        width = int(size)
    return [*layers, nn.Linear(width, outputs, dtype=dtype)]
