"""Pooling: one number for each window of an image or sequence, channel by channel.

Place on the road: layers over ``windows`` and a reduction. Windows that lie side by
side, the usual ones, are a ``reshape`` and copy nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .. import shapes
from ..errors import ArgumentError
from ..graph import Array
from ..ops.elementwise import absolute, sqrt, where
from ..ops.movement import pad
from ..ops.windows import Padding, normal_padding, per_axis, sides, windows
from ..shapes import Pairs, Shape
from .arguments import number_within
from .module import Module
from .spatial import plain_padding, sizes_text, spatial_input, window_text

Sizes = int | Sequence[int]


class _Pool(Module):
    """Windows of any number of axes, each reduced to one number a channel."""

    axes: ClassVar[int]
    kernel_size: Shape
    stride: Shape
    padding: str | Pairs
    dilation: Shape
    ceil_mode: bool

    def _set(
        self,
        kernel_size: Any,
        stride: Any,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> None:
        """The settings, looked at."""
        layer, axes = type(self).__name__, self.axes
        self.kernel_size = per_axis(layer, "kernel_size", kernel_size, axes)
        self.stride = self.kernel_size
        if stride is not None:
            self.stride = per_axis(layer, "stride", stride, axes)
        self.padding = normal_padding(layer, padding, axes)
        self.dilation = per_axis(layer, "dilation", dilation, axes)
        self.ceil_mode = bool(ceil_mode)
        if isinstance(self.padding, str):
            return
        for pair, k, d in zip(
            self.padding, self.kernel_size, self.dilation, strict=True
        ):
            if max(pair) >= shapes.extent(k, d):
                raise ArgumentError(
                    f"{layer}: padding={padding} with kernel_size={kernel_size}: "
                    "a window would lie in the padding alone; padding must be less "
                    "than the kernel's size"
                )

    def settings(self) -> dict[str, Any]:
        """The windows."""
        return {
            "kernel_size": list(self.kernel_size),
            "stride": list(self.stride),
            "padding": plain_padding(self.padding),
            "ceil_mode": self.ceil_mode,
        }

    def describe_settings(self) -> str:
        """``2×2``, or ``3×3, stride 2, padding 1``"""
        moves = (1,) if self.stride == self.kernel_size else self.stride
        if moves != (1,) and set(moves) == {1}:
            return f"{sizes_text(self.kernel_size)}, stride 1" + window_text(
                moves, self.padding, self.dilation
            )
        return sizes_text(self.kernel_size) + window_text(
            moves, self.padding, self.dilation
        )

    def _sides(self, spatial: Shape) -> tuple[Pairs, Pairs]:
        """The padding, and what ``ceil_mode`` adds behind it."""
        pads = sides(self.padding, spatial, self.kernel_size, self.stride,
                     self.dilation)  # fmt: skip
        more = []
        for n, (before, after), k, s, d in zip(
            spatial, pads, self.kernel_size, self.stride, self.dilation, strict=True
        ):
            left = before + n + after - shapes.extent(k, d)
            rest = -left % s if self.ceil_mode else 0
            starts = left + rest < before + n  # the last window, inside or before x
            more.append((0, rest if starts else 0))
        return pads, tuple(more)

    def _windows(self, x: Any, value: float) -> tuple[Any, tuple[int, ...], Pairs]:
        """x as windows, the axes of their elements, and the padding; with ``value``
        around x.
        """
        layer = type(self).__name__
        node = spatial_input(layer, x, self.axes)
        spatial = node.shape[1:-1]
        pads, more = self._sides(spatial)
        whole = tuple((a, b + e) for (a, b), (_, e) in zip(pads, more, strict=True))
        shapes.windowed(layer, f"x {node.shape}", spatial, self.kernel_size,
                        self.stride, whole, self.dilation)  # fmt: skip
        if any(map(any, whole)):
            node = pad(node, ((0, 0), *whole, (0, 0)), value)
        seen, over = windowed(node, self.kernel_size, self.stride, self.dilation)
        return seen, over, whole


def windowed(
    node: Any, kernel: Shape, stride: Shape, dilation: Shape
) -> tuple[Any, tuple[int, ...]]:
    """Every window of a padded input, and the axes along which its elements lie.

    Windows side by side are the input itself in another shape, without what is left
    over at its end.

    Example:
        >>> import chainrule as cr
        >>> seen, over = windowed(cr.zeros((1, 5, 4, 3)), (2, 2), (2, 2), (1, 1))
        >>> seen.shape, over
        ((1, 2, 2, 2, 2, 3), (2, 4))
    """
    axes = len(kernel)
    if kernel != stride or set(dilation) != {1}:
        return windows(node, kernel, stride, dilation), tuple(
            range(axes + 1, 2 * axes + 1)
        )
    counts = tuple(n // k for n, k in zip(node.shape[1:-1], kernel, strict=True))
    used = tuple(n * k for n, k in zip(counts, kernel, strict=True))
    if used != node.shape[1:-1]:
        node = node[(slice(None), *(slice(0, n) for n in used))]
    split = [size for pair in zip(counts, kernel, strict=True) for size in pair]
    shaped = node.reshape(node.shape[0], *split, node.shape[-1])
    return shaped, tuple(range(2, 2 * axes + 1, 2))


# The largest. ------------------------------------------------------------------------


class _MaxPool(_Pool):
    """Max pooling of any number of axes."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        self._set(kernel_size, stride, padding, dilation, ceil_mode)

    def settings(self) -> dict[str, Any]:
        """The windows."""
        return {**super().settings(), "dilation": list(self.dilation)}

    def forward(self, x: Any) -> Any:
        """The largest element of every window."""
        seen, over, _ = self._windows(x, -math.inf)
        return seen.max(over)


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
        stride: the step from window to window; ``kernel_size`` when not given.
        padding: how far windows reach over the edge: as in ``Conv2d``; what is there
            is never the largest.
        dilation: the step inside a window.
        ceil_mode: whether a last window may reach over the end, so that H′ is rounded
            up.

    Raises:
        ArgumentError: for settings of another form, and padding as large as the kernel.
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


# The mean. ---------------------------------------------------------------------------


class _AvgPool(_Pool):
    """Average pooling of any number of axes."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self._set(kernel_size, stride, padding, 1, ceil_mode)
        self.count_include_pad = bool(count_include_pad)

    def settings(self) -> dict[str, Any]:
        """The windows, and what they count."""
        return {**super().settings(), "count_include_pad": self.count_include_pad}

    def forward(self, x: Any) -> Any:
        """The mean of every window."""
        seen, over, whole = self._windows(x, 0.0)
        spatial = spatial_input(type(self).__name__, x, self.axes).shape[1:-1]
        count = self._counts(spatial, whole)
        if count is None:
            return seen.mean(over)
        return seen.sum(over) / count.astype(seen.dtype)

    def _counts(self, spatial: Shape, whole: Pairs) -> Array | None:
        """How many elements each window counts, (*S′, 1); None where all of them."""
        pads, _ = self._sides(spatial)
        counts = np.ones((1,) * (self.axes + 1))
        for axis, n in enumerate(spatial):
            (before, after), (_, end) = pads[axis], whole[axis]
            if not self.count_include_pad:
                counted = (before, before + n)
            else:
                counted = (0, before + n + after)
            place = np.arange(before + n + end)
            inside = (place >= counted[0]) & (place < counted[1])
            k, s = self.kernel_size[axis], self.stride[axis]
            starts = np.arange(0, len(place) - k + 1, s)
            each = np.array([inside[a : a + k].sum() for a in starts], float)
            shape = [1] * (self.axes + 1)
            shape[axis] = len(each)
            counts = counts * each.reshape(shape)
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
        stride: the step from window to window; ``kernel_size`` when not given.
        padding: zeros around the image, as in ``Conv2d``.
        ceil_mode: whether a last window may reach over the end; what is there is
            neither added nor counted.
        count_include_pad: whether the padding is counted as elements that are 0.

    Raises:
        ArgumentError: for settings of another form, and padding as large as the kernel.
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


# A norm. -----------------------------------------------------------------------------


class _LPPool(_Pool):
    """Pooling by a norm, of any number of axes."""

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
    ) -> None:
        layer = type(self).__name__
        rule = "a finite number of at least 1; MaxPool is the norm of ∞"
        self.norm_type = number_within(layer, "norm_type", norm_type, 1, rule=rule)
        self._set(kernel_size, stride, padding, 1, ceil_mode)

    def settings(self) -> dict[str, Any]:
        """The norm, and the windows."""
        return {"norm_type": self.norm_type, **super().settings()}

    def describe_settings(self) -> str:
        """``L2, 2×2``"""
        return f"L{self.norm_type:g}, {super().describe_settings()}"

    def forward(self, x: Any) -> Any:
        """The norm of every window."""
        seen, over, _ = self._windows(x, 0.0)
        p = self.norm_type
        powers = seen * seen if p == 2 else absolute(seen) ** p
        total = powers.sum(over)
        if p == 1:
            return total
        nothing = total == 0  # at 0 a root has no derivative: 0 is taken
        safe = where(nothing, 1.0, total)
        return where(nothing, 0.0, sqrt(safe) if p == 2 else safe ** (1 / p))


class LPPool1d(_LPPool):
    """The norm of every window of a sequence, channel by channel.

    Formula, shapes, arguments and errors: those of ``LPPool2d``, for (N, L, C).

    Example:
        >>> from chainrule import nn
        >>> nn.LPPool1d(2, 2)([[[3.0], [4.0], [0.0], [2.0]]]).numpy().ravel()
        array([5., 2.], dtype=float32)
    """

    axes: ClassVar[int] = 1


class LPPool2d(_LPPool):
    """The norm of every window of an image, channel by channel: L2 pooling for p = 2.

    Formula: y[n, i, j, c] = (Σ_{a b} |x[n, i·stride + a, j·stride + b, c]|ᵖ)^(1/p). The
    derivative of a window of zeros is taken as 0.

    Shapes: (N, H, W, C) → (N, H′, W′, C), with H′ = ⌊(H + before + after − kernel) /
    stride⌋ + 1.

    Arguments:
        norm_type: p, at least 1; 1 is the sum of magnitudes.
        kernel_size, stride, padding, ceil_mode: as in ``AvgPool2d``.

    Raises:
        ArgumentError: for a p below 1, and settings of another form.
        ShapeError: in a call, for an input smaller than the kernel.

    Source: Hyvärinen & Köster (2007); Le et al. (2012).

    Example:
        >>> from chainrule import nn
        >>> nn.LPPool2d(2, 2)([[[[1.0], [1.0]], [[1.0], [1.0]]]]).item()
        2.0
    """

    axes: ClassVar[int] = 2
