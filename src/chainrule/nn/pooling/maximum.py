"""Max pooling: the largest element of each window."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ...ops.windows import Padding
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
    ) -> None:
        self._set_windows(kernel_size, stride, padding, dilation, ceil_mode)

    def settings(self) -> dict[str, Any]:
        """The windows."""
        return {**super().settings(), "dilation": list(self.dilation)}

    def forward(self, x: Any) -> Any:
        """The largest element of every window."""
        views, over, _ = self._windows(x, -math.inf)
        return views.max(over)


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
    dilation·(kernel − 1) − 1) / stride⌋ + 1.

    Arguments:
        kernel_size: the size of a window, a number or one for each axis.
        stride: the step from window to window; ``kernel_size`` by default.
        padding: how far windows extend beyond the edge, as in ``Conv2d``; elements
            there are −∞.
        dilation: the step inside a window.
        ceil_mode: whether a last window may extend beyond the end, so that H′ is
            rounded up.

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
