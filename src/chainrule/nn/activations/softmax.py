"""Softmax and its logarithm: scores become probabilities along an axis."""

from __future__ import annotations

import operator
from typing import Any

from ... import shapes
from ...errors import ArgumentError
from ...ops import composed
from ..arguments import (
    floats,
)
from ..module import Module


class Softmax(Module):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along ``axis``: probabilities.

    The losses for classes take its input, the logits: leave it out of a network that is
    trained with ``cross_entropy``.

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Softmax()(cr.tensor([[0.0, 0.0]])).numpy()
        array([[0.5, 0.5]], dtype=float32)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = _axis("Softmax", axis)

    def settings(self) -> dict[str, Any]:
        """The axis."""
        return {"axis": self.axis}

    def forward(self, x: Any) -> Any:
        """softmax(x)."""
        return composed.softmax(_with_axis("Softmax", x, self.axis), self.axis)


class LogSoftmax(Module):
    """xᵢ − ln Σⱼ e^xⱼ along ``axis``: logarithms of probabilities.

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LogSoftmax()(cr.tensor([[0.0, 0.0]])).numpy()
        array([[-0.6931472, -0.6931472]], dtype=float32)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = _axis("LogSoftmax", axis)

    def settings(self) -> dict[str, Any]:
        """The axis."""
        return {"axis": self.axis}

    def forward(self, x: Any) -> Any:
        """ln softmax(x)."""
        return composed.log_softmax(_with_axis("LogSoftmax", x, self.axis), self.axis)


def _axis(layer: str, axis: Any) -> int:
    try:
        return operator.index(axis)
    except TypeError:
        raise ArgumentError(
            f"{layer}: axis={axis!r}: expected a whole number, such as -1 for the last"
        ) from None


def _with_axis(layer: str, x: Any, axis: int) -> Any:
    node = floats(layer, x)
    shapes.normal_axis(layer, axis, len(node.shape))
    return node
