"""Average pooling: the mean of each window."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ...graph import Array
from ...ops.windows import Padding
from ...shapes import Pairs, Shape
from ..spatial import spatial_input
from .windows import Sizes, WindowPool


class _AvgPool(WindowPool):
    """Average pooling of any number of axes."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self._set_windows(kernel_size, stride, padding, 1, ceil_mode)
        self.count_include_pad = bool(count_include_pad)

    def settings(self) -> dict[str, Any]:
        """The windows, and what they count."""
        return {**super().settings(), "count_include_pad": self.count_include_pad}

    def forward(self, x: Any) -> Any:
        """The mean of every window."""
        views, over, whole = self._windows(x, 0.0)
        spatial = spatial_input(type(self).__name__, x, self.axes).shape[1:-1]
        count = self._counts(spatial, whole)
        if count is None:
            return views.mean(over)
        return views.sum(over) / count.astype(views.dtype)

    def _counts(self, spatial: Shape, whole: Pairs) -> Array | None:
        """How many elements count in each window, (*S′, 1); None if all do."""
        pads, _ = self._sides(spatial)
        counts = np.ones((1,) * (self.axes + 1))
        for axis, n in enumerate(spatial):
            (before, after), (_, end) = pads[axis], whole[axis]
            if not self.count_include_pad:
                counted = (before, before + n)
            else:
                counted = (0, before + n + after)
            positions = np.arange(before + n + end)
            inside = (positions >= counted[0]) & (positions < counted[1])
            k, s = self.kernel_size[axis], self.stride[axis]
            starts = np.arange(0, len(positions) - k + 1, s)
            along_axis = np.array([inside[a : a + k].sum() for a in starts], float)
            shape = [1] * (self.axes + 1)
            shape[axis] = len(along_axis)
            counts = counts * along_axis.reshape(shape)
        return None if (counts == math.prod(self.kernel_size)).all() else counts


class AvgPool1d(_AvgPool):
    """The mean of every window of a sequence, channel by channel.

    Formula, shapes, arguments and errors: those of ``AvgPool2d``, for (N, L, C).

    Example:
        >>> from chainrule import nn
        >>> nn.AvgPool1d(2)([[[1.0], [3.0], [2.0], [0.0]]]).numpy().ravel()
        array([2., 1.], dtype=float32)
    """

    axes: ClassVar[int] = 1


class AvgPool2d(_AvgPool):
    """The mean of every window of an image, channel by channel.

    Formula: y[n, i, j, c] = Σ_{a b} x[n, i·stride + a, j·stride + b, c] / count.

    Shapes: (N, H, W, C) → (N, H′, W′, C), with H′ = ⌊(H + before + after − kernel) /
    stride⌋ + 1.

    Arguments:
        kernel_size: the size of a window, a number or one for each axis.
        stride: the step from window to window; ``kernel_size`` by default.
        padding: zeros around the image, as in ``Conv2d``.
        ceil_mode: whether a last window may extend beyond the end; elements there are
            neither added nor counted.
        count_include_pad: whether the padding counts, as elements that are 0.

    Raises:
        ArgumentError: for invalid settings, and padding as large as the kernel.
        ShapeError: in a call, for an input smaller than the kernel.

    Source: LeCun et al. (1989), without their trained scale.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> x = cr.arange(16.0).reshape(1, 4, 4, 1)
        >>> nn.AvgPool2d(2)(x).numpy()[0, :, :, 0]
        array([[ 2.5,  4.5],
               [10.5, 12.5]], dtype=float32)
    """

    axes: ClassVar[int] = 2


class AvgPool3d(_AvgPool):
    """The mean of every window of a volume, channel by channel.

    Formula, shapes, arguments and errors: those of ``AvgPool2d``, for (N, D, H, W, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.AvgPool3d(2)(cr.zeros((1, 4, 4, 4, 2))).shape
        (1, 2, 2, 2, 2)
    """

    axes: ClassVar[int] = 3
