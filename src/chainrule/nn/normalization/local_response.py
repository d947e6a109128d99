"""Local response normalisation: each channel relative to its neighbouring channels."""

from __future__ import annotations

import math
from typing import Any

from ...ops.movement import pad
from ...ops.windows import windows
from ..arguments import floats, number_within, positive_size
from ..module import Module


class LocalResponseNorm(Module):
    """Divides each channel by the response of its neighbouring channels.

    Formula: y_c = x_c / (k + (α / n) Σ x_d²)^β, over the n channels d around c; those
    before the first and after the last count as 0.

    Shapes: (…, C) → the same.

    Arguments:
        size: n.
        alpha, beta, k: the formula's. AlexNet's α is ours divided by n: 5 · 10⁻⁴ here
            for its 10⁻⁴, with k = 2.

    Raises:
        ArgumentError: for numbers out of range.

    Source: Krizhevsky, Sutskever & Hinton (2012), section 3.3.

    Example:
        >>> from chainrule import nn
        >>> nn.LocalResponseNorm(1, alpha=1.0, beta=0.5, k=0.0)([[3.0, -4.0]]).numpy()
        array([[ 1., -1.]], dtype=float32)
    """

    def __init__(
        self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> None:
        layer = "LocalResponseNorm"
        self.size = positive_size(layer, "size", size)
        self.alpha = number_within(layer, "alpha", alpha, 0, rule="a number ≥ 0")
        self.beta = number_within(layer, "beta", beta, 0, rule="a number ≥ 0")
        self.k = number_within(layer, "k", k, 0, rule="a number ≥ 0")

    def settings(self) -> dict[str, Any]:
        """The formula's numbers."""
        return {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}

    def forward(self, x: Any) -> Any:
        """x divided by the power of its neighbours."""
        node = floats("LocalResponseNorm", x)
        if not node.shape or not math.prod(node.shape):
            return node
        around = (self.size // 2, (self.size - 1) // 2)
        rows = (node * node).reshape(-1, node.shape[-1], 1)
        neighbours = windows(pad(rows, ((0, 0), around, (0, 0))), self.size)
        power = neighbours.sum(2).reshape(node.shape) * (self.alpha / self.size)
        return node / (power + self.k) ** self.beta
