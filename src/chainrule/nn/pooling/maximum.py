"""Max pooling: the largest element of each window."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ...ops.arrays import lift
from ...ops.creation import arange
from ...ops.windows import Padding
from ...shapes import Pairs, Shape
from .windows import Sizes, WindowPool


class _MaxPool(WindowPool):
    """Max pooling of any number of axes."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> None:
        self._set_windows(kernel_size, stride, padding, dilation, ceil_mode)
        self.return_indices = bool(return_indices)

    def settings(self) -> dict[str, Any]:
        """The windows."""
        more = {"dilation": list(self.dilation), "return_indices": self.return_indices}
        return {**super().settings(), **more}

    def describe_settings(self) -> str:
        """``2×2``, or ``2×2, with indices``"""
        text = super().describe_settings()
        return f"{text}, with indices" if self.return_indices else text

    def forward(self, x: Any) -> Any:
        """The largest element of every window, and its index where asked for."""
        views, over, whole = self._windows(x, -math.inf)
        largest = views.max(over)
        if not self.return_indices:
            return largest
        rest = [axis for axis in range(len(views.shape)) if axis not in over]
        columns = views.transpose(*rest, *over).reshape(*largest.shape, -1)
        (node,) = lift([x])
        return largest, self._index(columns.argmax(-1), node.shape[1:-1], whole)

    def _index(self, chosen: Any, spatial: Shape, pads: Pairs) -> Any:
        """The place in x, its spatial axes flattened, of an element chosen from each
        window.
        """
        index: Any = 0
        for axis, n in enumerate(spatial):
            inside = math.prod(self.kernel_size[axis + 1 :])
            step = chosen // inside % self.kernel_size[axis]
            along = [1] * len(chosen.shape)
            along[axis + 1] = -1
            start = arange(chosen.shape[axis + 1]).reshape(along)
            place = start * self.stride[axis] + step * self.dilation[axis]
            # Where all of a window is −∞, the first may lie beyond the edge.
            index = index * n + (place - pads[axis][0]).clip(0, n - 1)
        return index


class MaxPool1d(_MaxPool):
    """The largest element of every window of a sequence, channel by channel.

    Formula, shapes, arguments and errors: those of ``MaxPool2d``, for (N, L, C).

    Example:
        >>> from chainrule import nn
        >>> nn.MaxPool1d(2)([[[1.0], [3.0], [2.0], [0.0]]]).numpy().ravel()
        array([3., 2.], dtype=float32)
    """

    axes: ClassVar[int] = 1


class MaxPool2d(_MaxPool):
    """The largest element of every window of an image, channel by channel.

    Formula: y[n, i, j, c] = max_{a b} x[n, i·stride + a·dilation, j·stride +
    b·dilation, c]. The gradient goes to the largest element, in equal parts where
    several are.

    Shapes: (N, H, W, C) → (N, H′, W′, C), with H′ = ⌊(H + before + after −
    dilation·(kernel − 1) − 1) / stride⌋ + 1; indices alike, int64.

    Arguments:
        kernel_size: the size of a window, a number or one for each axis.
        stride: the step from window to window; ``kernel_size`` by default.
        padding: how far windows extend beyond the edge, as in ``Conv2d``; elements
            there are −∞.
        dilation: the step inside a window.
        ceil_mode: whether a last window may extend beyond the end, so that H′ is
            rounded up.
        return_indices: whether a call returns (y, indices): where in x the element
            is, the first of equal ones. The spatial axes of x are numbered as one,
            row by row, without padding, for each sample and channel by itself: (i, j)
            has the number i·W + j. ``MaxUnpool2d`` takes them.

    Raises:
        ArgumentError: for invalid settings, and padding as large as the kernel.
        ShapeError: in a call, for an input smaller than the kernel.

    Source: Riesenhuber & Poggio (1999).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> x = cr.arange(16.0).reshape(1, 4, 4, 1)
        >>> nn.MaxPool2d(2)(x).numpy()[0, :, :, 0]
        array([[ 5.,  7.],
               [13., 15.]], dtype=float32)
        >>> nn.MaxPool2d(3, stride=2, padding=1)(x).shape
        (1, 2, 2, 1)
    """

    axes: ClassVar[int] = 2


class MaxPool3d(_MaxPool):
    """The largest element of every window of a volume, channel by channel.

    Formula, shapes, arguments and errors: those of ``MaxPool2d``, for (N, D, H, W, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.MaxPool3d((1, 2, 2))(cr.zeros((1, 3, 4, 4, 2))).shape
        (1, 3, 2, 2, 2)
    """

    axes: ClassVar[int] = 3
