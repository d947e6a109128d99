"""Normalisation over groups of channels, or single ones, of one sample."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...errors import ArgumentError, ShapeError
from ...initializers import ones, zeros
from ...ops.elementwise import sqrt
from ..arguments import (
    features,
    new_parameter,
    number_within,
    positive_size,
)
from ..module import Module
from ..spatial import spatial_input
from .scaling import scaled


class GroupNorm(Module):
    """Normalises every sample over groups of its channels, then scales and shifts it.
    The same in training and in prediction, for any batch.

    Formula: y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² over all pixels and all
    channels of one group of one sample; γ and β for each channel.

    Shapes: (N, …, num_channels) → the same; ``weight`` γ and ``bias`` β
    (num_channels,).

    Initial values: γ = 1, β = 0.

    Arguments:
        num_groups: the number of groups, a divisor of num_channels. With 1, all
            channels are normalised together; with num_channels, each by itself.
        eps: ε, which prevents a division by 0.
        affine: whether there are γ and β.

    Raises:
        ArgumentError: if num_groups does not divide num_channels.

    Source: Wu & He (2018).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.GroupNorm(2, 6)(cr.zeros((4, 5, 5, 6))).shape
        (4, 5, 5, 6)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.num_groups = positive_size("GroupNorm", "num_groups", num_groups)
        self.num_channels = positive_size("GroupNorm", "num_channels", num_channels)
        if self.num_channels % self.num_groups:
            raise ArgumentError(
                f"GroupNorm: num_channels={num_channels} with num_groups={num_groups}: "
                "the number of groups must divide the channels"
            )
        self.eps = number_within("GroupNorm", "eps", eps, 0, rule="a number ≥ 0")
        shape = (self.num_channels,)
        self.weight = new_parameter("weight", shape, ones(), dtype) if affine else None
        self.bias = new_parameter("bias", shape, zeros(), dtype) if affine else None

    def settings(self) -> dict[str, Any]:
        """Groups, channels, ε, and whether there are γ and β."""
        return {
            "num_groups": self.num_groups,
            "num_channels": self.num_channels,
            "eps": self.eps,
            "affine": self.weight is not None,
        }

    def describe_settings(self) -> str:
        """``4 groups of 16``"""
        return f"{self.num_groups} groups of {self.num_channels // self.num_groups}"

    def forward(self, x: Any) -> Any:
        """γ (x − μ) / √(σ² + ε) + β, group by group."""
        rule = "the last axis of x must have num_channels elements"
        instead = f"GroupNorm({self.num_groups}, {{}})"
        node = features("GroupNorm", x, self.num_channels, rule, instead)
        if node.ndim < 2:
            raise ShapeError(
                f"GroupNorm: x {node.shape}: expected (samples, …, num_channels)",
                fix="x[None] makes one sample a batch",
            )
        parts = (self.num_groups, self.num_channels // self.num_groups)
        split = node.reshape(*node.shape[:-1], *parts)
        centred, var = _standard(split, (*range(1, node.ndim - 1), node.ndim))
        y = (centred * (1.0 / sqrt(var + self.eps))).reshape(node.shape)
        if self.weight is None or self.bias is None:
            return y
        return y * self.weight + self.bias


class _InstanceNorm(Module):
    """Normalises every channel of every sample, for any number of axes."""

    axes: ClassVar[int]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        affine: bool = False,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        layer = type(self).__name__
        self.num_features = positive_size(layer, "num_features", num_features)
        self.eps = number_within(layer, "eps", eps, 0, rule="a number ≥ 0")
        shape = (self.num_features,)
        self.weight = new_parameter("weight", shape, ones(), dtype) if affine else None
        self.bias = new_parameter("bias", shape, zeros(), dtype) if affine else None

    def settings(self) -> dict[str, Any]:
        """Size, ε, and whether there are γ and β."""
        return {
            "num_features": self.num_features,
            "eps": self.eps,
            "affine": self.weight is not None,
        }

    def describe_settings(self) -> str:
        """``64``"""
        return str(self.num_features)

    def forward(self, x: Any) -> Any:
        """γ (x − μ) / √(σ² + ε) + β, channel by channel."""
        layer = type(self).__name__
        rule = "the last axis of x must have num_features elements"
        node = spatial_input(
            layer, x, self.axes, self.num_features, rule, f"{layer}({{}})"
        )
        centred, var = _standard(node, tuple(range(1, node.ndim - 1)))
        return scaled(centred, var + self.eps, self.weight, self.bias)


class InstanceNorm1d(_InstanceNorm):
    """Normalises every channel of every sequence over its steps.

    Formula, arguments and errors: those of ``InstanceNorm2d``, for (N, L, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.InstanceNorm1d(3)(cr.zeros((2, 9, 3))).shape
        (2, 9, 3)
    """

    axes: ClassVar[int] = 1


class InstanceNorm2d(_InstanceNorm):
    """Normalises every channel of every image over its pixels.

    Formula: y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² over the pixels of one channel
    of one sample. The same in training and in prediction.

    Shapes: (N, H, W, num_features) → the same; ``weight`` γ and ``bias`` β
    (num_features,).

    Initial values: γ = 1, β = 0, if there are any.

    Arguments:
        eps: ε, which prevents a division by 0.
        affine: whether there are γ and β.

    Raises:
        ShapeError: in a call, for other axes or channels.

    Source: Ulyanov, Vedaldi & Lempitsky (2016).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.InstanceNorm2d(3)(cr.zeros((2, 9, 9, 3))).shape
        (2, 9, 9, 3)
    """

    axes: ClassVar[int] = 2


class InstanceNorm3d(_InstanceNorm):
    """Normalises every channel of every volume over its voxels.

    Formula, arguments and errors: those of ``InstanceNorm2d``, for (N, D, H, W, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.InstanceNorm3d(3)(cr.zeros((2, 4, 4, 4, 3))).shape
        (2, 4, 4, 4, 3)
    """

    axes: ClassVar[int] = 3


def _standard(node: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """x − μ and σ², both with the axes they are taken over."""
    centred = node - node.mean(axes, keepdims=True)
    return centred, (centred * centred).mean(axes, keepdims=True)
