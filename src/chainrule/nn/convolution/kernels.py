"""What convolutions and their transposes share: settings, kernels, initial values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...errors import ArgumentError
from ...initializers import Initializer, as_initializer
from ...ops.arrays import lift
from ...ops.movement import concatenate
from ...ops.windows import normal_padding, per_axis
from ...shapes import Pairs, Shape
from ..arguments import new_parameter, positive_size
from ..module import Module
from ..spatial import plain_padding, sizes_text, spatial_input, window_text

Sizes = int | Sequence[int]


class Kernels(Module):
    """What convolutions of any number of axes, and their transposes, have in common."""

    axes: ClassVar[int]
    transposed: ClassVar[bool] = False

    in_channels: int
    out_channels: int
    kernel_size: Shape
    stride: Shape
    padding: str | Pairs
    dilation: Shape
    groups: int
    padding_mode: str = "zeros"

    def _set_windows(
        self,
        channels: tuple[Any, Any],
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: Any,
    ) -> None:
        """Sets the settings, after checks."""
        layer, axes = type(self).__name__, self.axes
        self.in_channels = positive_size(layer, "in_channels", channels[0])
        self.out_channels = positive_size(layer, "out_channels", channels[1])
        self.kernel_size = per_axis(layer, "kernel_size", kernel_size, axes)
        self.stride = per_axis(layer, "stride", stride, axes)
        self.padding = normal_padding(layer, padding, axes)
        self.dilation = per_axis(layer, "dilation", dilation, axes)
        self.groups = positive_size(layer, "groups", groups)
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise ArgumentError(
                    f"{layer}: {name}={getattr(self, name)} with groups={groups}: all "
                    "groups have the same number of channels, so it must be divisible "
                    f"by {groups}"
                )

    def _make_parameters(
        self,
        bias: bool,
        weight_init: Initializer | str,
        bias_init: Initializer | str,
        dtype: DTypeLike | None,
    ) -> None:
        """New parameters for the settings."""
        outs, ins = self.out_channels, self.in_channels
        first, last = (ins, outs) if self.transposed else (outs, ins)
        shape = (first, *self.kernel_size, last // self.groups)
        init = by_group(weight_init, self.groups, self.transposed)
        self.weight = new_parameter("weight", shape, init, dtype)
        self.bias = new_parameter("bias", (outs,), bias_init, dtype) if bias else None

    def settings(self) -> dict[str, Any]:
        """Sizes, and how the kernel moves."""
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": list(self.kernel_size),
            "stride": list(self.stride),
            "padding": plain_padding(self.padding),
            "dilation": list(self.dilation),
            "groups": self.groups,
            "bias": self.bias is not None,
        }

    def describe_settings(self) -> str:
        """``3 → 16, 3×3, padding 1``"""
        text = f"{self.in_channels} → {self.out_channels}, "
        text += sizes_text(self.kernel_size)
        text += window_text(
            self.stride, self.padding, self.dilation, self.groups, self.padding_mode
        )
        return text if self.bias is not None else f"{text}, bias=False"

    def _checked_input(self, x: Any) -> Any:
        layer = type(self).__name__
        return spatial_input(
            layer,
            x,
            self.axes,
            self.in_channels,
            "the last axis of x must have in_channels elements",
            f"{layer}({{}}, {self.out_channels}, …)",
        )


def by_group(
    init: Initializer | str, groups: int, transposed: bool = False
) -> Initializer:
    """An initializer that draws the kernels of each group as those of a convolution of
    its own, with that group's fans.

    Example:
        >>> from chainrule.initializers import glorot_uniform
        >>> by_group("he_normal", 4)((8, 3, 3, 1)).shape
        (8, 3, 3, 1)
    """
    make = as_initializer(init)
    if groups == 1 and not transposed:
        return make

    def draw(shape: Sequence[int], generator: Any = None, dtype: Any = None) -> Any:
        first, *kernel, last = shape
        part = (first // groups, *kernel, last)
        ours = (last, *kernel, first // groups) if transposed else part
        drawn: list[Any] = lift([make(ours, generator, dtype) for _ in range(groups)])
        if transposed:
            axes = (len(ours) - 1, *range(1, len(ours) - 1), 0)
            drawn = [each.transpose(*axes) for each in drawn]
        return concatenate(drawn)

    return draw
