"""Layers that give their inputs mean 0 and variance 1, over the batch or the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ..errors import ShapeError
from ..initializers import ones, zeros
from ..ops.elementwise import sqrt, stop_gradient
from .arguments import (
    features,
    floats,
    new_parameter,
    new_variable,
    number_within,
    positive_size,
)
from .module import Module


class BatchNorm1d(Module):
    """Every feature with mean 0 and variance 1 over the batch, then scaled and shifted.

    Formula: y = γ (x − μ) / √(σ² + ε) + β. In training, μ and σ² (divided by n) are
    those of the batch, and running averages take them in: r ← (1 − m) r + m · value,
    with σ² divided by n − 1 there. In prediction, μ and σ² are the running averages.

    Shapes: (…, num_features) → the same, averages over every axis but the last;
    ``weight`` γ, ``bias`` β, ``running_mean``, ``running_var`` (num_features,). The
    running averages are kept and saved, not trained.

    Initial values: γ = 1, β = 0, running mean 0, running variance 1.

    Arguments:
        eps: ε, against division by 0.
        momentum: m, the share of the newest batch in the running averages.
        affine: whether there are γ and β.

    Raises:
        ShapeError: in training, for a batch of a single row: it has no variance.

    Source: Ioffe & Szegedy (2015), algorithms 1 and 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> norm = nn.BatchNorm1d(1)
        >>> norm(cr.tensor([[1.0], [3.0]]), training=True).numpy().round(3)
        array([[-1.],
               [ 1.]], dtype=float32)
        >>> norm.running_mean.numpy()
        array([0.2], dtype=float32)
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        layer = type(self).__name__
        self.num_features = positive_size(layer, "num_features", num_features)
        self.eps = number_within(layer, "eps", eps, 0, rule="a number ≥ 0")
        rule = "a share from 0 to 1"
        self.momentum = number_within(layer, "momentum", momentum, 0, 1, rule)
        shape = (self.num_features,)
        self.weight = new_parameter("weight", shape, ones(), dtype) if affine else None
        self.bias = new_parameter("bias", shape, zeros(), dtype) if affine else None
        self.running_mean = new_variable("running_mean", shape, zeros(), dtype)
        self.running_var = new_variable("running_var", shape, ones(), dtype)

    def settings(self) -> dict[str, Any]:
        """Size, ε, momentum, and whether there are γ and β."""
        return {
            "num_features": self.num_features,
            "eps": self.eps,
            "momentum": self.momentum,
            "affine": self.weight is not None,
        }

    def describe_settings(self) -> str:
        """``64``"""
        return str(self.num_features)

    def forward(self, x: Any, training: bool = False) -> Any:
        """Normalised by the batch in training, by the running averages else."""
        name = type(self).__name__
        rule = "the last axis of x must have num_features elements"
        node = features(name, x, self.num_features, rule, f"{name}({{}})")
        if training:
            mean, var = self._of_batch(node)
        else:
            mean, var = self.running_mean.read(), self.running_var.read()
        y = (node - mean) / sqrt(var + self.eps)
        if self.weight is None or self.bias is None:
            return y
        return y * self.weight + self.bias

    def _of_batch(self, node: Any) -> tuple[Any, Any]:
        """Mean and variance of the batch; the running averages take them in."""
        rows = math.prod(node.shape[:-1])
        if rows < 2:
            raise ShapeError(
                f"{type(self).__name__}: x {node.shape} in training: {rows} row"
                f"{'' if rows == 1 else 's'} for each feature; a variance needs at "
                "least 2",
                fix="use a larger batch_size or drop the last short batch; for "
                "predictions, call without training=True",
            )
        axes = tuple(range(node.ndim - 1))
        mean, var = node.mean(axes), node.var(axes)
        unbiased = var * (rows / (rows - 1))
        for average, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            value = stop_gradient(new).astype(average.dtype)
            average.assign(average * (1 - self.momentum) + value * self.momentum)
        return mean, var


class LayerNorm(Module):
    """Every sample with mean 0 and variance 1 over its features, then scaled, shifted.

    Formula: y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² over the last axes of each
    sample. The same in training and in prediction.

    Shapes: (…, normalized_shape) → the same; ``weight`` γ and ``bias`` β
    normalized_shape.

    Initial values: γ = 1, β = 0.

    Arguments:
        normalized_shape: the size of the last axis, or the sizes of the last axes.
        eps: ε, against division by 0.
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
        sizes = (
            normalized_shape
            if isinstance(normalized_shape, Sequence)
            else (normalized_shape,)
        )
        self.normalized_shape = tuple(
            positive_size("LayerNorm", "normalized_shape", size) for size in sizes
        )
        if not self.normalized_shape:
            raise ShapeError("LayerNorm: normalized_shape=(): expected at least 1 axis")
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
        node = floats("LayerNorm", x)
        shape = self.normalized_shape
        last = node.shape[len(node.shape) - len(shape) :]
        if len(node.shape) < len(shape) or last != shape:
            raise ShapeError(
                f"LayerNorm: x {node.shape}: its last axes must be {shape}",
                fix=f"LayerNorm({last[0] if len(last) == 1 else last}), or give it "
                f"inputs with {', '.join(map(str, shape))} features",
            )
        axes = tuple(range(-len(shape), 0))
        centred = node - node.mean(axes, keepdims=True)
        var = (centred * centred).mean(axes, keepdims=True)
        y = centred / sqrt(var + self.eps)
        if self.weight is not None:
            y = y * self.weight
        return y if self.bias is None else y + self.bias
