"""Batch normalisation: mean 0 and variance 1 for each feature over the batch."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...errors import ShapeError, TraceError
from ...graph import variable_trace
from ...initializers import ones, zeros
from ...ops.elementwise import stop_gradient
from ..arguments import (
    features,
    new_parameter,
    new_variable,
    number_within,
    positive_size,
)
from ..module import Module
from ..spatial import spatial_input
from .scaling import scaled


class _BatchNorm(Module):
    """Normalisation over the batch, for inputs of any number of axes."""

    depends_on_training: ClassVar[bool] = True

    #: The number of spatial axes; any number if None.
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
        rule = "a number from 0 to 1"
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
        """Normalised by the batch in training, by the running averages otherwise."""
        node = self._input(x)
        if training:
            centred, var = self._of_batch(node)
        else:
            centred = node - self.running_mean
            var = self.running_var.read()
        return scaled(centred, var + self.eps, self.weight, self.bias)

    def _input(self, x: Any) -> Any:
        name = type(self).__name__
        rule, instead = "the last axis of x must have num_features elements", "({})"
        if self.axes is None:
            return features(name, x, self.num_features, rule, name + instead)
        return spatial_input(
            name, x, self.axes, self.num_features, rule, name + instead
        )

    def _of_batch(self, node: Any) -> tuple[Any, Any]:
        """x − μ, and σ² of the batch; updates the running averages."""
        rows = math.prod(node.shape[:-1])
        trace = variable_trace()
        if rows < 2 and trace is not None and trace.example:
            raise TraceError(
                f"{type(self).__name__}: x {node.shape} in training: it couples the "
                "examples of a batch, and here they are given one at a time",
                fix="GroupNorm or LayerNorm in its place, or call it with "
                "training=False",
            )
        if rows < 2:
            raise ShapeError(
                f"{type(self).__name__}: x {node.shape} in training: {rows} row"
                f"{'' if rows == 1 else 's'} for each feature; a variance needs at "
                "least 2",
                fix="batches of 2 or more, as cr.fit and data.batches make them; for "
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


class BatchNorm1d(_BatchNorm):
    """Normalises every feature over the batch, then scales and shifts it.

    Formula: y = γ (x − μ) / √(σ² + ε) + β. In training, μ and σ² (divided by n) are
    those of the batch, and running averages are updated: r ← (1 − m) r + m · value,
    where σ² is divided by n − 1. In prediction, μ and σ² are the running averages.

    Shapes: (…, num_features) → the same, averages over every axis but the last;
    ``weight`` γ, ``bias`` β, ``running_mean``, ``running_var`` (num_features,). The
    running averages are kept and saved, not trained.

    Initial values: γ = 1, β = 0, running mean 0, running variance 1.

    Arguments:
        eps: ε, which prevents a division by 0.
        momentum: m, the weight of the newest batch in the running averages.
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
    """Normalises every channel over the batch and all pixels, then scales and shifts.

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
    """Normalises every channel over the batch and all voxels, then scales and shifts.

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
