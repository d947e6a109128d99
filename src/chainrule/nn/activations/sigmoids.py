"""Activations that level off: sigmoid, tanh, and cheaper curves of that shape."""

from __future__ import annotations

from typing import Any

from ...arrays import activations
from ...errors import ArgumentError
from ...ops import composed, elementwise
from ..arguments import (
    floats,
    number_within,
)
from ..module import Module

#: A number so large that 1 + |x| is |x| in float32 and float64.
FAR = 1e30


class Sigmoid(Module):
    """σ(x) = 1 / (1 + e⁻ˣ), between 0 and 1; σ′ = σ(1 − σ).

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Sigmoid()(cr.tensor([0.0])).numpy()
        array([0.5], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """σ(x)."""
        return elementwise.sigmoid(floats("Sigmoid", x))


class Tanh(Module):
    """tanh x = 2σ(2x) − 1, between −1 and 1; tanh′ = 1 − tanh².

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Tanh()(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """tanh x."""
        return elementwise.tanh(floats("Tanh", x))


class LogSigmoid(Module):
    """ln σ(x) = −ln(1 + e⁻ˣ): the logarithm of a probability.

    Shapes: any → the same.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LogSigmoid()(cr.tensor([0.0, -1000.0])).numpy()
        array([-6.931472e-01, -1.000000e+03], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """ln σ(x)."""
        return activations.log_sigmoid(floats("LogSigmoid", x))


class Softsign(Module):
    """x / (1 + |x|), between −1 and 1: like tanh, but slower to reach its limits.

    Shapes: any → the same.

    Source: Bergstra, Desjardins, Lamblin & Bengio (2009).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Softsign()(cr.tensor([-1.0, 3.0])).numpy()
        array([-0.5 ,  0.75], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """x / (1 + |x|)."""
        node = composed.clip(floats("Softsign", x), -FAR, FAR)  # ∞ / ∞ is 1, not NaN
        return node / (1.0 + elementwise.absolute(node))


class Hardtanh(Module):
    """x limited to the range from ``low`` to ``high``; outside its derivative is 0.

    ``Hardtanh(0.0, 6.0)`` is ReLU6.

    Shapes: any → the same.

    Source: Collobert (2004).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Hardtanh()(cr.tensor([-3.0, 0.5, 3.0])).numpy()
        array([-1. ,  0.5,  1. ], dtype=float32)
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low = number_within("Hardtanh", "low", low)
        self.high = number_within("Hardtanh", "high", high)
        if not low < high:
            raise ArgumentError(
                f"Hardtanh: low={low!r}, high={high!r}: low must be less than high"
            )

    def settings(self) -> dict[str, Any]:
        """Both ends."""
        return {"low": self.low, "high": self.high}

    def forward(self, x: Any) -> Any:
        """min(max(x, low), high)."""
        return composed.clip(floats("Hardtanh", x), self.low, self.high)
