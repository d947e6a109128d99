"""Small data and small networks, the same in every test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

Points = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def points() -> Points:
    """90 points of three classes, which a small network can tell apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    centres = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    return (centres[labels] + 0.5 * rng.normal(size=(90, 2))), labels


@pytest.fixture
def line() -> Points:
    """64 noisy values of a linear function of three variables."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, 3)).astype(np.float32)
    noise = 0.1 * rng.normal(size=(64, 1))
    return x, (x @ [[1.0], [-2.0], [0.5]] + noise).astype(np.float32)


@pytest.fixture
def network() -> Callable[..., nn.Module]:
    """A network of one hidden layer; of equal seeds, equal ones."""

    def build(*sizes: int, seed: int = 0, dropout: float = 0.0) -> nn.Module:
        cr.manual_seed(seed)
        inputs, hidden, outputs = sizes or (2, 8, 3)
        layers: list[Any] = [nn.Linear(inputs, hidden), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        return nn.Sequential(*layers, nn.Linear(hidden, outputs))

    return build
