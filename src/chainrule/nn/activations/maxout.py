"""Maxout: the largest of several linear functions."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from ...initializers import Initializer
from ..arguments import (
    features,
    new_parameter,
    positive_size,
)
from ..module import Module


class Maxout(Module):
    """The largest of several linear functions: a learned convex activation.

    Formula: yⱼ = maxₚ (Wₚ x + bₚ)ⱼ over p = 1 … pieces.

    Shapes: (…, in_features) → (…, out_features); ``weight`` (out_features · pieces,
    in_features), the pieces of one output next to each other; ``bias`` (out_features ·
    pieces,).

    Initial values: ``weight`` from ``glorot_uniform``, ``bias`` 0.

    Source: Goodfellow et al. (2013).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Maxout(3, 4, pieces=2)(cr.zeros((5, 3))).shape
        (5, 4)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        self.in_features = positive_size("Maxout", "in_features", in_features)
        self.out_features = positive_size("Maxout", "out_features", out_features)
        self.pieces = positive_size("Maxout", "pieces", pieces)
        rows = self.out_features * self.pieces
        self.weight = new_parameter(
            "weight", (rows, self.in_features), weight_init, dtype
        )
        self.bias = new_parameter("bias", (rows,), bias_init, dtype)

    def settings(self) -> dict[str, Any]:
        """The sizes."""
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "pieces": self.pieces,
        }

    def describe_settings(self) -> str:
        """``3 → 4, pieces=2``"""
        return f"{self.in_features} → {self.out_features}, pieces={self.pieces}"

    def forward(self, x: Any) -> Any:
        """The largest piece of each output."""
        node = features(
            "Maxout",
            x,
            self.in_features,
            "the last axis of x must have in_features elements",
            f"Maxout({{}}, {self.out_features}, pieces={self.pieces})",
        )
        z = node @ self.weight.T + self.bias
        return z.reshape(*z.shape[:-1], self.out_features, self.pieces).max(axis=-1)
