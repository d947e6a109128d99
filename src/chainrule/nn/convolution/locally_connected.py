"""Locally connected layers: a convolution with other kernels at every position.

Place on the road: layers over ``windows`` and a product of matrices for every position.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...errors import ShapeError
from ...initializers import Initializer
from ...ops.windows import Padding, normal_padding, per_axis, sides, windows
from ...shapes import windowed
from ..arguments import by_position, new_parameter, positive_size
from ..module import Module
from ..spatial import (
    checked_padding_mode,
    plain_padding,
    sizes_text,
    spatial_input,
    surrounded,
    window_text,
)

Sizes = int | Sequence[int]


class _LocallyConnected(Module):
    """Untied kernels, for any number of axes."""

    axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: Sizes,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        layer, axes = type(self).__name__, self.axes
        self.in_channels = positive_size(layer, "in_channels", in_channels)
        self.out_channels = positive_size(layer, "out_channels", out_channels)
        self.input_size = per_axis(layer, "input_size", input_size, axes)
        self.kernel_size = per_axis(layer, "kernel_size", kernel_size, axes)
        self.stride = per_axis(layer, "stride", stride, axes)
        self.padding = normal_padding(layer, padding, axes)
        self.padding_mode = checked_padding_mode(layer, padding_mode)
        ones = (1,) * axes
        self._pads = sides(
            self.padding, self.input_size, self.kernel_size, self.stride, ones
        )
        self.output_size = windowed(
            layer, f"input_size {self.input_size}", self.input_size, self.kernel_size,
            self.stride, self._pads, ones,
        )  # fmt: skip
        kernels = (self.out_channels, *self.kernel_size, self.in_channels)
        self.weight = new_parameter(
            "weight",
            (*self.output_size, *kernels),
            by_position(weight_init, self.output_size),
            dtype,
        )
        shape = (*self.output_size, self.out_channels)
        self.bias = new_parameter("bias", shape, bias_init, dtype) if bias else None

    def settings(self) -> dict[str, Any]:
        """The sizes, and the windows."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "input_size": list(self.input_size),
            "kernel_size": list(self.kernel_size),
            "stride": list(self.stride),
            "padding": plain_padding(self.padding),
            "bias": self.bias is not None,
            "padding_mode": self.padding_mode,
        }

    def describe_settings(self) -> str:
        """``3 → 16, 5×5 at 28×28``"""
        text = f"{self.in_channels} → {self.out_channels}, "
        text += f"{sizes_text(self.kernel_size)} at {sizes_text(self.output_size)}"
        return text + window_text(
            self.stride, self.padding, (1,), padding_mode=self.padding_mode
        )

    def forward(self, x: Any) -> Any:
        """Every window times the kernels of its position, + b."""
        layer = type(self).__name__
        rule = "the last axis of x must have in_channels elements"
        instead = f"{layer}({{}}, {self.out_channels}, …)"
        node = spatial_input(layer, x, self.axes, self.in_channels, rule, instead)
        if node.shape[1:-1] != self.input_size:
            raise ShapeError(
                f"{layer}: x {node.shape}: {node.shape[1:-1]} ≠ {self.input_size}; "
                "every position has kernels of its own, so x must have input_size",
                fix=f"input_size={node.shape[1:-1]}",
            )
        if any(map(any, self._pads)):
            node = surrounded(node, self._pads, self.padding_mode)
        views = windows(node, self.kernel_size, self.stride)
        positions, rows = math.prod(self.output_size), node.shape[0]
        columns = math.prod(self.kernel_size) * self.in_channels
        last = range(self.axes + 1, 2 * self.axes + 2)
        views = views.transpose(*range(1, self.axes + 1), 0, *last)
        kernels: Any = self.weight.reshape(positions, self.out_channels, columns)
        z = views.reshape(positions, rows, columns) @ kernels.transpose(0, 2, 1)
        z = z.transpose(1, 0, 2).reshape(rows, *self.output_size, self.out_channels)
        return z if self.bias is None else z + self.bias


class LocallyConnected1d(_LocallyConnected):
    """A convolution of a sequence with other kernels at every position.

    Formula: z[n, i, o] = b[i, o] + Σ_{a c} x[n, i·stride + a, c] · W[i, o, a, c].

    Shapes: (N, input_size, in_channels) → (N, L′, out_channels); ``weight`` (L′,
    out_channels, kernel_size, in_channels), ``bias`` (L′, out_channels).

    Initial values, arguments and errors: those of ``LocallyConnected2d``.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.LocallyConnected1d(4, 8, input_size=10, kernel_size=3)
        >>> layer(cr.zeros((2, 10, 4))).shape, layer.weight.shape
        ((2, 8, 8), (8, 8, 3, 4))
    """

    axes: ClassVar[int] = 1


class LocallyConnected2d(_LocallyConnected):
    """A convolution of an image with other kernels at every position: untied weights.

    Formula: z[n, i, j, o] = b[i, j, o] + Σ_{a b c} x[n, i·s + a, j·s + b, c] · W[i, j,
    o, a, b, c] with stride s: a ``Conv2d`` whose kernels depend on the position. What
    is learned in one part of the image is not shared with the others.

    Shapes: (N, *input_size, in_channels) → (N, H′, W′, out_channels); ``weight`` (H′,
    W′, out_channels, kernel height, kernel width, in_channels), ``bias`` (H′, W′,
    out_channels).

    Initial values: the kernels of each position from ``glorot_uniform``, like those of
    a convolution; ``bias`` 0.

    Arguments:
        in_channels, out_channels: sizes of the last axis before and after.
        input_size: height and width of the images, or one number for both.
        kernel_size, stride, padding, padding_mode: as in ``Conv2d``.
        bias: whether there is a b.
        weight_init, bias_init: an initializer, or its name.
        dtype: of the parameters; ``config.dtype`` by default.

    Raises:
        ArgumentError: for sizes below 1.
        ShapeError: for a kernel larger than input_size; in a call, for other inputs.

    Source: LeCun (1989); Le et al. (2012), with kernels of 18×18 and a billion weights.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.LocallyConnected2d(3, 8, input_size=12, kernel_size=5, stride=2)
        >>> layer(cr.zeros((2, 12, 12, 3))).shape, layer.weight.shape
        ((2, 4, 4, 8), (4, 4, 8, 5, 5, 3))
    """

    axes: ClassVar[int] = 2
