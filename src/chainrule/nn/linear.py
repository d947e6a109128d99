"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, ShapeError
from ..ops.primitive import lift
from ..random import default_generator
from ..tensor import Parameter
from .module import Module


class Linear(Module):
    """z = W a + b, for every row: y = x Wᵀ + b.

    Shapes: (…, in_features) → (…, out_features); weight (out_features, in_features), as in the
    lectures' z = Wa + b, and bias (out_features,).
    """

    settings = ("in_features", "out_features", "bias")

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self.in_features = in_features
        self.out_features = out_features
        bound = in_features**-0.5
        start = default_generator.uniform((out_features, in_features), -bound, bound)
        self.weight = Parameter(start, name="weight")
        self.bias = Parameter(start[:, 0], name="bias") if bias else None

    def forward(self, x: Any) -> Any:
        """x Wᵀ + b."""
        (node,) = lift([x])
        if not node.shape or node.shape[-1] != self.in_features:
            raise ShapeError(f"Linear: {node.describe()}", fix=ArgumentError.__name__)
        y = node @ self.weight.T  # type: ignore[operator]
        return y if self.bias is None else y + self.bias


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Any) -> Any:
        """max(x, 0)."""
        import chainrule as cr

        return cr.relu(x)


class Sequential(Module):
    """One after the other."""

    def __init__(self, *layers: Module) -> None:
        self.layers = layers

    def forward(self, x: Any, training: bool = False) -> Any:
        """One after the other."""
        for layer in self.layers:
            x = layer(x, training=training)
        return x
