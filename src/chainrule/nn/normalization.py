"""Layers that give their inputs mean 0 and variance 1, over the batch or the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ..errors import ArgumentError, ShapeError
from ..initializers import ones, zeros
from ..ops.elementwise import sqrt, stop_gradient
from ..shapes import Shape
from .arguments import (
    features,
    floats,
    new_parameter,
    new_variable,
    number_within,
    positive_size,
)
from .module import Module
from .spatial import spatial_input


class _BatchNorm(Module):
    """Normalisation over the batch, for inputs of any number of axes."""

    depends_on_training: ClassVar[bool] = True

    #: The number of spatial axes; any where None.
    axes: ClassVar[int | None] = None

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
        node = self._input(x)
        if training:
            centred, var = self._of_batch(node)
        else:
            centred = node - self.running_mean
            var = self.running_var.read()
        return _scaled(centred, var + self.eps, self.weight, self.bias)

    def _input(self, x: Any) -> Any:
        name = type(self).__name__
        rule, instead = "the last axis of x must have num_features elements", "({})"
        if self.axes is None:
            return features(name, x, self.num_features, rule, name + instead)
        return spatial_input(
            name, x, self.axes, self.num_features, rule, name + instead
        )

    def _of_batch(self, node: Any) -> tuple[Any, Any]:
        """x − μ, and σ² of the batch; the running averages take both in."""
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
        mean = node.mean(axes)
        centred = node - mean
        var = (centred * centred).mean(axes)
        unbiased = var * (rows / (rows - 1))
        for average, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            value = stop_gradient(new).astype(average.dtype)
            average.assign(average * (1 - self.momentum) + value * self.momentum)
        return centred, var


def _scaled(centred: Any, var: Any, weight: Any, bias: Any) -> Any:
    """γ (x − μ) / √(σ² + ε) + β, with the factor worked out before it meets x."""
    factor = (1.0 if weight is None else weight) / sqrt(var)
    y = centred * factor
    return y if bias is None else y + bias


class BatchNorm1d(_BatchNorm):
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


class BatchNorm2d(_BatchNorm):
    """Every channel of images with mean 0 and variance 1 over the batch and all places,
    then scaled and shifted.

    Formula, initial values, arguments and errors: those of ``BatchNorm1d``.

    Shapes: (N, H, W, num_features) → the same; ``weight`` γ, ``bias`` β,
    ``running_mean``, ``running_var`` (num_features,).

    Source: Ioffe & Szegedy (2015), section 3.2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.BatchNorm2d(3)(cr.zeros((8, 5, 5, 3)), training=True).shape
        (8, 5, 5, 3)
    """

    axes: ClassVar[int | None] = 2


class BatchNorm3d(_BatchNorm):
    """Every channel of volumes with mean 0 and variance 1 over the batch and all
    places, then scaled and shifted.

    Formula, initial values, arguments and errors: those of ``BatchNorm1d``.

    Shapes: (N, D, H, W, num_features) → the same.

    Source: Ioffe & Szegedy (2015), section 3.2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.BatchNorm3d(3)(cr.zeros((8, 2, 5, 5, 3))).shape
        (8, 2, 5, 5, 3)
    """

    axes: ClassVar[int | None] = 3


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
        y = centred / sqrt(var + self.eps)
        if self.weight is not None:
            y = y * self.weight
        return y if self.bias is None else y + self.bias


class RMSNorm(Module):
    """Every sample divided by its root mean square over its features, then scaled.

    Formula: y = γ x / √(mean(x²) + ε), the mean over the last axes of each sample: a
    ``LayerNorm`` that does not centre, and has no β.

    Shapes: (…, normalized_shape) → the same; ``weight`` γ normalized_shape.

    Initial values: γ = 1.

    Arguments:
        normalized_shape: the size of the last axis, or the sizes of the last axes.
        eps: ε, against division by 0.
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


class GroupNorm(Module):
    """Every sample with mean 0 and variance 1 over each group of its channels, then
    scaled and shifted. The same in training and in prediction, for any batch.

    Formula: y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² over all places and the
    channels of one group, of each sample; γ and β for each channel.

    Shapes: (N, …, num_channels) → the same; ``weight`` γ and ``bias`` β
    (num_channels,).

    Initial values: γ = 1, β = 0.

    Arguments:
        num_groups: how many groups; it divides num_channels. 1 normalises all channels
            together, num_channels each by itself.
        eps: ε, against division by 0.
        affine: whether there are γ and β.

    Raises:
        ArgumentError: when the groups do not divide the channels.

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
                "the groups must divide the channels"
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
    """Every channel of every sample by itself, for any number of axes."""

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
        return _scaled(centred, var + self.eps, self.weight, self.bias)


class InstanceNorm1d(_InstanceNorm):
    """Every channel of every sequence with mean 0 and variance 1 over its length.

    Formula, arguments and errors: those of ``InstanceNorm2d``, for (N, L, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.InstanceNorm1d(3)(cr.zeros((2, 9, 3))).shape
        (2, 9, 3)
    """

    axes: ClassVar[int] = 1


class InstanceNorm2d(_InstanceNorm):
    """Every channel of every image with mean 0 and variance 1 over its places.

    Formula: y = γ (x − μ) / √(σ² + ε) + β, with μ and σ² over the places of one channel
    of one sample. The same in training and in prediction.

    Shapes: (N, H, W, num_features) → the same; ``weight`` γ and ``bias`` β
    (num_features,).

    Initial values: γ = 1, β = 0, where there are any.

    Arguments:
        eps: ε, against division by 0.
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
    """Every channel of every volume with mean 0 and variance 1 over its places.

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


def _sizes(layer: str, normalized_shape: Any) -> Shape:
    """The sizes of the last axes, from one or several."""
    several = isinstance(normalized_shape, Sequence)
    sizes = normalized_shape if several else (normalized_shape,)
    found = tuple(positive_size(layer, "normalized_shape", size) for size in sizes)
    if not found:
        raise ShapeError(f"{layer}: normalized_shape=(): expected at least 1 axis")
    return found


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
