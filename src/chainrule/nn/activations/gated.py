"""Activations that multiply x by a gate between 0 and 1: GELU, SiLU and Mish."""

from __future__ import annotations

import math
from typing import Any

from ...arrays import activations
from ...errors import unknown_option
from ...ops import elementwise
from ..arguments import (
    floats,
)
from ..module import Module


class GELU(Module):
    """x · Φ(x), Φ the cumulative normal distribution.

    With ``approximate="tanh"``, as GPT-2 was trained: ½x(1 + tanh(√(2/π)(x + 0.044715
    x³))), within 0.0005 of it.

    Shapes: any → the same.

    Arguments:
        approximate: "none" for the exact function, with erf, or "tanh".

    Raises:
        OptionError: for another approximation.

    Source: Hendrycks & Gimpel (2016).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.GELU()(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            kind = "approximation of GELU"
            raise unknown_option(kind, approximate, ("none", "tanh"))
        self.approximate = approximate

    def settings(self) -> dict[str, Any]:
        """The approximation, if it is not "none"."""
        return {} if self.approximate == "none" else {"approximate": self.approximate}

    def forward(self, x: Any) -> Any:
        """x · Φ(x)."""
        node = floats("GELU", x)
        if self.approximate == "none":
            return elementwise.gelu(node)
        return activations.gated(node, _tanh_gate)


class SiLU(Module):
    """x · σ(x), also called swish.

    Shapes: any → the same.

    Source: Elfwing, Uchibe & Doya (2017).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.SiLU()(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """x · σ(x)."""
        return activations.silu(floats("SiLU", x))


class Mish(Module):
    """x · tanh(ln(1 + eˣ)): smooth, with a small dip below 0, like SiLU.

    Shapes: any → the same.

    Source: Misra (2019).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Mish()(cr.tensor([0.0])).numpy()
        array([0.], dtype=float32)
    """

    def forward(self, x: Any) -> Any:
        """x · tanh(ln(1 + eˣ))."""
        node = floats("Mish", x)
        tanh, softplus = elementwise.tanh, elementwise.softplus
        return activations.gated(node, lambda z: tanh(softplus(z)))


def _tanh_gate(x: Any) -> Any:
    """½(1 + tanh(√(2/π)(x + 0.044715 x³))), near Φ(x)."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * (1.0 + elementwise.tanh(inner))
