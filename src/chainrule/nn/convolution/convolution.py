"""Convolutional layers: the same small kernel on every part of an image or sequence.

Place on the road: layers over ``ops.convolution``, which says what they compute.
"""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...initializers import Initializer
from ...ops.convolution import convolution
from ...ops.windows import Padding, sides
from ...shapes import windowed
from ..spatial import checked_padding_mode, surrounded
from .kernels import Kernels, Sizes


class _Convolution(Kernels):
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
        padding_mode: str = "zeros",
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        channels = (in_channels, out_channels)
        self._set_windows(channels, kernel_size, stride, padding, dilation, groups)
        self.padding_mode = checked_padding_mode(type(self).__name__, padding_mode)
        self._make_parameters(bias, weight_init, bias_init, dtype)

    def settings(self) -> dict[str, Any]:
        """Sizes, and how the kernel moves."""
        return {**super().settings(), "padding_mode": self.padding_mode}

    def forward(self, x: Any) -> Any:
        """The convolution of x with the kernels, + b."""
        node = self._checked_input(x)
        pads = sides(self.padding, node.shape[1:-1], self.kernel_size, self.stride,
                     self.dilation)  # fmt: skip
        layer = type(self).__name__
        windowed(layer, f"x {node.shape}", node.shape[1:-1], self.kernel_size,
                 self.stride, pads, self.dilation)  # fmt: skip
        if self.padding_mode != "zeros" and any(map(any, pads)):
            node = surrounded(node, pads, self.padding_mode)
            pads = ((0, 0),) * self.axes
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
        padding: elements at the ends: a number, "valid" for none, "same" for
            ⌈L / stride⌉ outputs, or [(before, after)]; [(kernel_size − 1, 0)] sees only
            the past.
        padding_mode: what these are, as in ``Conv2d``.
        groups: the number of parts that the channels are split into.
        bias: whether there is a b.
        weight_init, bias_init: an initializer, or its name.
        dtype: of the parameters; ``config.dtype`` by default.

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
        padding: rows and columns around the image: a number, one for each axis, a pair
            (before, after) for each, "valid" for none, or "same" for ⌈size / stride⌉
            outputs.
        padding_mode: what these are: "zeros"; "replicate" the outermost elements;
            "reflect" the mirror image without them; "circular" the other end.
        groups: the number of parts that the channels are split into.
        bias: whether there is a b.
        weight_init, bias_init: an initializer, or its name.
        dtype: of the parameters; ``config.dtype`` by default.

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
    """The same kernels on every part of a volume or video.

    Formula: that of ``Conv2d`` with one more axis.

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
