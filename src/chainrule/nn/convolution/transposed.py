"""Transposed convolutions, which make a sequence, image or volume larger."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...errors import ArgumentError, ShapeError
from ...initializers import Initializer
from ...ops.convolution import convolution_transposed, smallest_size
from ...ops.windows import Padding, per_axis, sides
from ...shapes import Shape
from .kernels import Kernels, Sizes


class _TransposedConvolution(Kernels):
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
        self._set_windows(channels, kernel_size, stride, padding, dilation, groups)
        more = per_axis(layer, "output_padding", output_padding, self.axes, least=0)
        if any(a >= s for a, s in zip(more, self.stride, strict=True)):
            raise ArgumentError(
                f"{layer}: output_padding={output_padding} with stride={stride}: it "
                "chooses among output sizes that differ by less than the stride, so it "
                "must be less than the stride"
            )
        if self.padding == "same" and any(more):
            raise ArgumentError(
                f"{layer}: output_padding={output_padding} with padding='same', which "
                "gives stride times the size: leave one of them out"
            )
        self.output_padding = more
        self._make_parameters(bias, weight_init, bias_init, dtype)

    def settings(self) -> dict[str, Any]:
        """Sizes, and how the kernel moves."""
        return {**super().settings(), "output_padding": list(self.output_padding)}

    def forward(self, x: Any, output_size: Sizes | None = None) -> Any:
        """Each element of x spread over a window by the kernels, + b.

        Arguments:
            output_size: one of the possible sizes, instead of ``output_padding``.
        """
        node = self._checked_input(x)
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
    """Makes a sequence longer: the kernels spread every element over a window.

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
    """Makes an image larger: the kernels spread every element over a window.

    Formula: the adjoint of ``Conv2d`` with the same settings: at every position in the
    window of (i, j), x[n, i, j, c] · W[c, a, b, o] is added to y; and b[o] everywhere.

    Shapes: (N, H, W, in_channels) → (N, H′, W′, out_channels), with H′ = (H − 1)·stride
    + dilation·(kernel − 1) + 1 − before − after + output_padding; H·stride with padding
    "same". ``weight`` (in_channels, kernel height, kernel width, out_channels /
    groups), ``bias`` (out_channels,).

    Initial values: ``weight`` from ``glorot_uniform`` with the fans of in_channels
    inputs and out_channels outputs, for each group by itself; ``bias`` 0.

    Arguments:
        padding: the padding of the convolution, which is cut off here.
        output_padding: how many elements to add to the smallest size; less than stride.
        in_channels, out_channels, kernel_size, stride, dilation, groups, bias,
            weight_init, bias_init, dtype: as in ``Conv2d``.

    Raises:
        ArgumentError: for invalid settings.
        ShapeError: in a call, for other channels, and if padding cuts everything off.

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
    """Makes a volume larger: the kernels spread every element over a window.

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
