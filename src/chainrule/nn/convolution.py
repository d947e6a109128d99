"""Convolutional layers: the same small kernel on every part of an image or sequence.

Place on the road: layers over ``ops.convolution``, which says what they compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ..errors import ArgumentError, ShapeError
from ..initializers import Initializer, as_initializer
from ..ops.convolution import convolution, convolution_transposed, smallest_size
from ..ops.movement import concatenate
from ..ops.primitive import lift
from ..ops.windows import Padding, normal_padding, per_axis, sides
from ..shapes import Pairs, Shape, windowed
from .arguments import new_parameter, positive_size
from .module import Module
from .spatial import plain_padding, sizes_text, spatial_input, window_text

Sizes = int | Sequence[int]


class _Kernels(Module):
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

    def _set(
        self,
        channels: tuple[Any, Any],
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: Any,
    ) -> None:
        """The settings, looked at."""
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
                    f"{layer}: {name}={getattr(self, name)} with groups={groups}: each "
                    "group takes and gives equally many channels, so both must be "
                    f"divisible by {groups}"
                )

    def _draw(
        self,
        bias: bool,
        weight_init: Initializer | str,
        bias_init: Initializer | str,
        dtype: DTypeLike | None,
    ) -> None:
        """The parameters."""
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
        text += window_text(self.stride, self.padding, self.dilation, self.groups)
        return text if self.bias is not None else f"{text}, bias=False"

    def _input(self, x: Any) -> Any:
        layer = type(self).__name__
        return spatial_input(
            layer,
            x,
            self.axes,
            self.in_channels,
            "the last axis of x must have in_channels elements",
            f"{layer}({{}}, {self.out_channels}, …)",
        )


class _Convolution(_Kernels):
    """A convolution of any number of axes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        channels = (in_channels, out_channels)
        self._set(channels, kernel_size, stride, padding, dilation, groups)
        self._draw(bias, weight_init, bias_init, dtype)

    def forward(self, x: Any) -> Any:
        """The convolution of x with the kernels, + b."""
        node = self._input(x)
        pads = sides(self.padding, node.shape[1:-1], self.kernel_size, self.stride,
                     self.dilation)  # fmt: skip
        layer = type(self).__name__
        windowed(layer, f"x {node.shape}", node.shape[1:-1], self.kernel_size,
                 self.stride, pads, self.dilation)  # fmt: skip
        z = convolution(
            node, self.weight, self.stride, pads, self.dilation, self.groups
        )
        return z if self.bias is None else z + self.bias


class Conv1d(_Convolution):
    """The same kernels on every part of a sequence.

    Formula: z[n, i, o] = b[o] + Σ_{a c} x[n, i·stride + a·dilation, c] · W[o, a, c].
    With groups g > 1 output o of O sees only channels of part o // (O / g) of g.

    Shapes: (N, L, in_channels) → (N, L′, out_channels), with L′ = ⌊(L + before + after
    − dilation·(kernel_size − 1) − 1) / stride⌋ + 1; ``weight`` (out_channels,
    kernel_size, in_channels / groups), ``bias`` (out_channels,).

    Initial values: ``weight`` from ``glorot_uniform``, of variance 2 / (fan_in +
    fan_out), for each group by itself; ``bias`` 0. For ReLU, "he_uniform".

    Arguments:
        in_channels, out_channels: sizes of the last axis before and after.
        kernel_size, stride, dilation: a number.
        padding: zeros at the ends: a number, "valid" for none, "same" for ⌈L / stride⌉
            outputs, or [(before, after)]; [(kernel_size − 1, 0)] sees only the past.
        groups: how many parts the channels are cut into.
        bias: whether there is a b.
        weight_init, bias_init: an initializer, or its name.
        dtype: of the parameters; ``config.dtype`` when not given.

    Raises:
        ArgumentError: for sizes below 1, and channels that the groups do not divide.
        ShapeError: in a call, for other channels, or an input shorter than the kernel.

    Source: Waibel et al. (1989).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Conv1d(4, 8, kernel_size=3, padding="same")(cr.zeros((2, 10, 4))).shape
        (2, 10, 8)
    """

    axes: ClassVar[int] = 1


class Conv2d(_Convolution):
    """The same kernels on every part of an image.

    Formula: z[n, i, j, o] = b[o] + Σ_{a b c} x[n, i·s + a·d, j·s + b·d, c] · W[o, a, b,
    c], with stride s and dilation d. With groups g > 1 output o of O sees only channels
    of part o // (O / g) of g; with g = in_channels each channel has kernels of its own
    ("depthwise").

    Shapes: (N, H, W, in_channels) → (N, H′, W′, out_channels), with H′ = ⌊(H + before +
    after − d·(kernel − 1) − 1) / s⌋ + 1; ``weight`` (out_channels, kernel height,
    kernel width, in_channels / groups), ``bias`` (out_channels,).

    Initial values: ``weight`` from ``glorot_uniform``, of variance 2 / (fan_in +
    fan_out), for each group by itself; ``bias`` 0. For ReLU, "he_uniform".

    Arguments:
        in_channels, out_channels: sizes of the last axis before and after.
        kernel_size, stride, dilation: a number, or one for each axis.
        padding: zeros around the image: a number, one for each axis, a pair (before,
            after) for each, "valid" for none, or "same" for ⌈size / stride⌉ outputs.
        groups: how many parts the channels are cut into.
        bias: whether there is a b.
        weight_init, bias_init: an initializer, or its name.
        dtype: of the parameters; ``config.dtype`` when not given.

    Raises:
        ArgumentError: for sizes below 1, and channels that the groups do not divide.
        ShapeError: in a call, for other channels, or an input smaller than the kernel.

    Source: LeCun et al. (1989); Krizhevsky, Sutskever & Hinton (2012) for groups.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.Conv2d(3, 16, kernel_size=3, stride=2, padding=1)
        >>> layer(cr.zeros((8, 32, 32, 3))).shape, layer.weight.shape
        ((8, 16, 16, 16), (16, 3, 3, 3))
    """

    axes: ClassVar[int] = 2


class Conv3d(_Convolution):
    """The same kernels on every part of a volume or film.

    Formula: that of ``Conv2d`` with one axis more.

    Shapes: (N, D, H, W, in_channels) → (N, D′, H′, W′, out_channels); ``weight``
    (out_channels, …kernel…, in_channels / groups), ``bias`` (out_channels,).

    Initial values, arguments and errors: those of ``Conv2d``.

    Source: Ji et al. (2010).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Conv3d(1, 4, kernel_size=(1, 3, 3))(cr.zeros((2, 5, 8, 8, 1))).shape
        (2, 5, 6, 6, 4)
    """

    axes: ClassVar[int] = 3


class _TransposedConvolution(_Kernels):
    """A transposed convolution of any number of axes."""

    transposed: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        layer, channels = type(self).__name__, (in_channels, out_channels)
        self._set(channels, kernel_size, stride, padding, dilation, groups)
        more = per_axis(layer, "output_padding", output_padding, self.axes, least=0)
        if any(a >= s for a, s in zip(more, self.stride, strict=True)):
            raise ArgumentError(
                f"{layer}: output_padding={output_padding} with stride={stride}: it "
                "chooses among the sizes that a stride makes alike, so it must be less "
                "than the stride"
            )
        if self.padding == "same" and any(more):
            raise ArgumentError(
                f"{layer}: output_padding={output_padding} with padding='same', which "
                "gives stride times the size: leave one of them out"
            )
        self.output_padding = more
        self._draw(bias, weight_init, bias_init, dtype)

    def settings(self) -> dict[str, Any]:
        """Sizes, and how the kernel moves."""
        return {**super().settings(), "output_padding": list(self.output_padding)}

    def forward(self, x: Any, output_size: Sizes | None = None) -> Any:
        """Each element of x spread over a window by the kernels, + b.

        Arguments:
            output_size: one of the sizes that the stride makes alike, instead of
                ``output_padding``.
        """
        node = self._input(x)
        size = self._size(node.shape[1:-1], output_size)
        pads = sides(self.padding, size, self.kernel_size, self.stride, self.dilation)
        z = convolution_transposed(
            node, self.weight, size, self.stride, pads, self.dilation, self.groups
        )
        return z if self.bias is None else z + self.bias

    def _size(self, counts: Shape, wanted: Sizes | None) -> Shape:
        layer = type(self).__name__
        if isinstance(self.padding, str):
            least = tuple((n - 1) * s + 1 for n, s in zip(counts, self.stride,
                                                          strict=True))  # fmt: skip
            more = tuple(s - 1 for s in self.stride)
        else:
            least = smallest_size(layer, counts, self.kernel_size, self.stride,
                                  self.padding, self.dilation)  # fmt: skip
            more = self.output_padding
        if wanted is None:
            return tuple(map(sum, zip(least, more, strict=True)))
        size = per_axis(layer, "output_size", wanted, self.axes)
        for n, low, s in zip(size, least, self.stride, strict=True):
            if not low <= n < low + s:
                most = tuple(map(lambda low, s: low + s - 1, least, self.stride))
                raise ShapeError(
                    f"{layer}: output_size={size} of x with {counts}: expected sizes "
                    f"from {least} to {most}"
                )
        return size


class ConvTranspose1d(_TransposedConvolution):
    """Makes a sequence longer: each element is spread over a window by the kernels.

    Formula: y[n, i·stride + a·dilation − before, o] gets x[n, i, c] · W[c, a, o] from
    every i, a and c, and b[o]: the adjoint of ``Conv1d``.

    Shapes: (N, L, in_channels) → (N, L′, out_channels), with L′ = (L − 1)·stride +
    dilation·(kernel_size − 1) + 1 − before − after + output_padding; L·stride with
    padding "same". ``weight`` (in_channels, kernel_size, out_channels / groups).

    Initial values, arguments and errors: those of ``ConvTranspose2d``.

    Source: Zeiler et al. (2010).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.ConvTranspose1d(4, 2, kernel_size=2, stride=2)(cr.zeros((1, 5, 4))).shape
        (1, 10, 2)
    """

    axes: ClassVar[int] = 1


class ConvTranspose2d(_TransposedConvolution):
    """Makes an image larger: each element is spread over a window by the kernels.

    Formula: the adjoint of ``Conv2d`` with the same settings: y gets, at every place
    that the window of (i, j) covers, x[n, i, j, c] · W[c, a, b, o], and b[o].

    Shapes: (N, H, W, in_channels) → (N, H′, W′, out_channels), with H′ = (H − 1)·stride
    + dilation·(kernel − 1) + 1 − before − after + output_padding; H·stride with padding
    "same". ``weight`` (in_channels, kernel height, kernel width, out_channels /
    groups), ``bias`` (out_channels,).

    Initial values: ``weight`` from ``glorot_uniform`` with the fans of in_channels
    inputs and out_channels outputs, for each group by itself; ``bias`` 0.

    Arguments:
        padding: what the convolution would pad with, and is cut off here.
        output_padding: how much longer than the smallest size, less than the stride.
        in_channels, out_channels, kernel_size, stride, dilation, groups, bias,
            weight_init, bias_init, dtype: as in ``Conv2d``.

    Raises:
        ArgumentError: for settings of another form.
        ShapeError: in a call, for other channels, and where padding cuts all off.

    Source: Zeiler et al. (2010).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.ConvTranspose2d(16, 3, kernel_size=4, stride=2, padding=1)
        >>> layer(cr.zeros((8, 16, 16, 16))).shape, layer.weight.shape
        ((8, 32, 32, 3), (16, 4, 4, 3))
    """

    axes: ClassVar[int] = 2


class ConvTranspose3d(_TransposedConvolution):
    """Makes a volume larger: each element is spread over a window by the kernels.

    Formula: the adjoint of ``Conv3d``.

    Shapes: (N, D, H, W, in_channels) → (N, D′, H′, W′, out_channels), sizes as in
    ``ConvTranspose2d``; ``weight`` (in_channels, …kernel…, out_channels / groups).

    Initial values, arguments and errors: those of ``ConvTranspose2d``.

    Source: Zeiler et al. (2010).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.ConvTranspose3d(2, 1, 2, stride=2)(cr.zeros((1, 3, 4, 4, 2))).shape
        (1, 6, 8, 8, 1)
    """

    axes: ClassVar[int] = 3


def by_group(
    init: Initializer | str, groups: int, transposed: bool = False
) -> Initializer:
    """An initializer for kernels that sees each group as the convolution that it is:
    its own inputs and outputs are the fans.

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
