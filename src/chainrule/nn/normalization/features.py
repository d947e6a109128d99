"""Normalisation over the features of one sample: LayerNorm and RMSNorm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike

from ...errors import ShapeError
from ...initializers import ones, zeros
from ...ops.elementwise import sqrt
from ...shapes import Shape
from ..arguments import (
    floats,
    new_parameter,
    number_within,
    positive_size,
)
from ..module import Module


class LayerNorm(Module):
    """Normalises every sample over its features, then scales and shifts it.

    Formula: y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² over the last axes of each
    sample. The same in training and in prediction.

    Shapes: (…, normalized_shape) → the same; ``weight`` γ and ``bias`` β
    normalized_shape.

    Initial values: γ = 1, β = 0.

    Arguments:
        normalized_shape: the size of the last axis, or the sizes of the last axes.
        eps: ε, which prevents a division by 0.
        elementwise_affine: whether there are γ and β.
        bias: whether there is a β.

    Source: Ba, Kiros & Hinton (2016).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.LayerNorm(2)(cr.tensor([[1.0, 3.0]])).numpy().round(3)
        array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.normalized_shape = _sizes("LayerNorm", normalized_shape)
        self.eps = number_within("LayerNorm", "eps", eps, 0, rule="a number ≥ 0")
        shape = self.normalized_shape
        self.weight = (
            new_parameter("weight", shape, ones(), dtype)
            if elementwise_affine
            else None
        )
        self.bias = (
            new_parameter("bias", shape, zeros(), dtype)
            if elementwise_affine and bias
            else None
        )

    def settings(self) -> dict[str, Any]:
        """Shape, ε, and whether there are γ and β."""
        return {
            "normalized_shape": list(self.normalized_shape),
            "eps": self.eps,
            "elementwise_affine": self.weight is not None,
            "bias": self.bias is not None,
        }

    def describe_settings(self) -> str:
        """``64``"""
        return ", ".join(map(str, self.normalized_shape))

    def forward(self, x: Any) -> Any:
        """γ (x − μ) / √(σ² + ε) + β."""
        node, axes = _last_axes("LayerNorm", x, self.normalized_shape)
        centred = node - node.mean(axes, keepdims=True)
        var = (centred * centred).mean(axes, keepdims=True)
        y = centred * (1.0 / sqrt(var + self.eps))
        if self.weight is not None:
            y = y * self.weight
        return y if self.bias is None else y + self.bias


class RMSNorm(Module):
    """Divides every sample by the root mean square of its features, then scales it.

    Formula: y = γ x / √(mean(x²) + ε), the mean over the last axes of each sample: a
    ``LayerNorm`` that does not centre, and has no β.

    Shapes: (…, normalized_shape) → the same; ``weight`` γ normalized_shape.

    Initial values: γ = 1.

    Arguments:
        normalized_shape: the size of the last axis, or the sizes of the last axes.
        eps: ε, which prevents a division by 0.
        elementwise_affine: whether there is a γ.

    Raises:
        ShapeError: in a call, for other last axes.

    Source: Zhang & Sennrich (2019).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.RMSNorm(2)(cr.tensor([[3.0, 4.0]])).numpy().round(3)
        array([[0.849, 1.131]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-6,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.normalized_shape = _sizes("RMSNorm", normalized_shape)
        self.eps = number_within("RMSNorm", "eps", eps, 0, rule="a number ≥ 0")
        shape = self.normalized_shape
        self.weight = None
        if elementwise_affine:
            self.weight = new_parameter("weight", shape, ones(), dtype)

    def settings(self) -> dict[str, Any]:
        """Shape, ε, and whether there is a γ."""
        return {
            "normalized_shape": list(self.normalized_shape),
            "eps": self.eps,
            "elementwise_affine": self.weight is not None,
        }

    def describe_settings(self) -> str:
        """``64``"""
        return ", ".join(map(str, self.normalized_shape))

    def forward(self, x: Any) -> Any:
        """γ x / √(mean(x²) + ε)."""
        node, axes = _last_axes("RMSNorm", x, self.normalized_shape)
        square = (node * node).mean(axes, keepdims=True)
        y = node * (1.0 / sqrt(square + self.eps))
        return y if self.weight is None else y * self.weight


def _sizes(layer: str, normalized_shape: Any) -> Shape:
    """The sizes of the last axes, from one or several."""
    several = isinstance(normalized_shape, Sequence)
    sizes = normalized_shape if several else (normalized_shape,)
    checked = tuple(positive_size(layer, "normalized_shape", size) for size in sizes)
    if not checked:
        raise ShapeError(f"{layer}: normalized_shape=(): expected at least 1 axis")
    return checked


def _last_axes(layer: str, x: Any, shape: Shape) -> tuple[Any, tuple[int, ...]]:
    """The input, whose last axes have this shape, and those axes."""
    node = floats(layer, x)
    last = node.shape[len(node.shape) - len(shape) :]
    if len(node.shape) < len(shape) or last != shape:
        raise ShapeError(
            f"{layer}: x {node.shape}: its last axes must be {shape}",
            fix=f"{layer}({last[0] if len(last) == 1 else last}), or give it "
            f"inputs with {', '.join(map(str, shape))} features",
        )
    return node, tuple(range(-len(shape), 0))
