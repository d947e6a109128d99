"""What pooling layers with windows share: settings, padding, and the windows of x.

Place on the road: beneath the layers of this room, over ``ops.windows``. Windows that
lie side by side, the usual ones, are a ``reshape`` and copy nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ... import shapes
from ...errors import ArgumentError
from ...ops.movement import pad
from ...ops.windows import normal_padding, per_axis, sides, windows
from ...shapes import Pairs, Shape
from ..module import Module
from ..spatial import plain_padding, sizes_text, spatial_input, window_text

Sizes = int | Sequence[int]


class WindowPool(Module):
    """Windows of any number of axes, each reduced to one number a channel."""

    axes: ClassVar[int]
    kernel_size: Shape
    stride: Shape
    padding: str | Pairs
    dilation: Shape
    ceil_mode: bool

    def _set_windows(
        self,
        kernel_size: Any,
        stride: Any,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> None:
        """Sets the settings, after checks."""
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
                    "a window could lie in the padding entirely; padding must be less "
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
        """The padding, and what ``ceil_mode`` adds after it."""
        pads = sides(self.padding, spatial, self.kernel_size, self.stride,
                     self.dilation)  # fmt: skip
        more = []
        for n, (before, after), k, s, d in zip(
            spatial, pads, self.kernel_size, self.stride, self.dilation, strict=True
        ):
            last = before + n + after - shapes.extent(k, d)
            rest = -last % s if self.ceil_mode else 0
            inside = last + rest < before + n  # the last window starts in or before x
            more.append((0, rest if inside else 0))
        return pads, tuple(more)

    def _windows(self, x: Any, value: float) -> tuple[Any, tuple[int, ...], Pairs]:
        """The windows of x padded with ``value``, the axes of their elements, and the
        padding.
        """
        layer = type(self).__name__
        node = spatial_input(layer, x, self.axes)
        spatial = node.shape[1:-1]
        pads, more = self._sides(spatial)
        whole = tuple((a, b + e) for (a, b), (_, e) in zip(pads, more, strict=True))
        shapes.windowed(layer, f"x {node.shape}", spatial, self.kernel_size,
                        self.stride, whole, self.dilation)  # fmt: skip
        moves = self.kernel_size, self.stride, self.dilation
        if any(map(any, whole)):  # windows of what is padded: nothing is copied
            padded = pad(node, ((0, 0), *whole, (0, 0)), value)
            views, over = windows(padded, *moves), elements(self.axes)
        else:
            views, over = windowed(node, *moves)
        return views, over, whole


def elements(axes: int) -> tuple[int, ...]:
    """The axes of a window's elements, behind those of the windows.

    Example:
        >>> elements(2)
        (3, 4)
    """
    return tuple(range(axes + 1, 2 * axes + 1))


def windowed(
    node: Any, kernel: Shape, stride: Shape, dilation: Shape
) -> tuple[Any, tuple[int, ...]]:
    """The windows of a padded input, and the axes of their elements.

    Windows that do not overlap are a reshape of the input, without the remainder at its
    end.

    Example:
        >>> import chainrule as cr
        >>> seen, over = windowed(cr.zeros((1, 5, 4, 3)), (2, 2), (2, 2), (1, 1))
        >>> seen.shape, over
        ((1, 2, 2, 2, 2, 3), (2, 4))
    """
    axes = len(kernel)
    if kernel != stride or set(dilation) != {1}:
        return windows(node, kernel, stride, dilation), elements(axes)
    counts = tuple(n // k for n, k in zip(node.shape[1:-1], kernel, strict=True))
    used = tuple(n * k for n, k in zip(counts, kernel, strict=True))
    if used != node.shape[1:-1]:
        node = node[(slice(None), *(slice(0, n) for n in used))]
    split = [size for pair in zip(counts, kernel, strict=True) for size in pair]
    shaped = node.reshape(node.shape[0], *split, node.shape[-1])
    return shaped, tuple(range(2, 2 * axes + 1, 2))
