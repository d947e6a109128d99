"""Adaptive pooling: windows of such a size that the output has the size asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ...errors import ArgumentError, ShapeError
from ...graph import Array
from ...ops.arrays import constant
from ...ops.elementwise import where
from ...ops.indexing import take
from ...ops.matmul import matmul
from ...ops.windows import per_axis
from ...shapes import Shape
from ..module import Module
from ..spatial import spatial_input
from .windows import windowed

OutputSize = int | None | Sequence[int | None]


class _AdaptivePool(Module):
    """A given number of windows, as equal as possible, for any number of axes."""

    axes: ClassVar[int]

    def __init__(self, output_size: OutputSize) -> None:
        layer = type(self).__name__
        given: Any = output_size
        if given is None or not isinstance(given, Sequence):
            given = (given,) * self.axes
        if len(given) != self.axes:
            raise ArgumentError(
                f"{layer}: output_size={output_size!r}: expected a number, or one for "
                f"each of the {self.axes} axes"
            )
        self.output_size: tuple[int | None, ...] = tuple(
            None if size is None else per_axis(layer, "output_size", size, 1)[0]
            for size in given
        )

    def settings(self) -> dict[str, Any]:
        """The sizes."""
        return {"output_size": list(self.output_size)}

    def describe_settings(self) -> str:
        """``7×7``"""
        return "×".join("same" if n is None else str(n) for n in self.output_size)

    def _sizes(self, spatial: Shape) -> Shape:
        return tuple(
            n if wanted is None else wanted
            for n, wanted in zip(spatial, self.output_size, strict=True)
        )

    def forward(self, x: Any) -> Any:
        """One number for every window and channel."""
        layer = type(self).__name__
        node = spatial_input(layer, x, self.axes)
        if 0 in node.shape[1:-1]:
            raise ShapeError(f"{layer}: x {node.shape}: no elements to pool")
        sizes = self._sizes(node.shape[1:-1])
        pairs = list(zip(node.shape[1:-1], sizes, strict=True))
        if all(n % wanted == 0 for n, wanted in pairs):
            kernel = tuple(n // wanted for n, wanted in pairs)
            views, over = windowed(node, kernel, kernel, (1,) * self.axes)
            return self._reduce(views, over)
        for axis, (n, wanted) in enumerate(pairs, start=1):
            if n != wanted:
                node = self._along(node, axis, bins(n, wanted))
        return node

    def _reduce(self, views: Any, over: tuple[int, ...]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define it")

    def _along(self, node: Any, axis: int, limits: list[tuple[int, int]]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define it")


def bins(size: int, count: int) -> list[tuple[int, int]]:
    """Start and end of ``count`` windows along an axis: ⌊i·S / n⌋ and ⌈(i + 1)·S / n⌉,
    so that they cover everything and may overlap by an element.

    Example:
        >>> bins(5, 2), bins(2, 3)
        ([(0, 3), (2, 5)], [(0, 1), (0, 2), (1, 2)])
    """
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


class _AdaptiveAvgPool(_AdaptivePool):
    """The mean of each window, one axis after the other."""

    def _reduce(self, views: Any, over: tuple[int, ...]) -> Any:
        return views.mean(over)

    def _along(self, node: Any, axis: int, limits: list[tuple[int, int]]) -> Any:
        weights = np.zeros((len(limits), node.shape[axis]), node.dtype)
        for row, (start, stop) in zip(weights, limits, strict=True):
            row[start:stop] = 1 / (stop - start)
        return along(weights, node, axis)


def along(matrix: Array, node: Any, axis: int) -> Any:
    """A matrix times every column of a tensor along an axis.

    Example:
        >>> import chainrule as cr
        >>> along(np.ones((1, 3), np.float32), cr.ones((2, 3, 4)), axis=1).shape
        (2, 1, 4)
    """
    inner = math.prod(node.shape[axis + 1 :])
    rows = node.reshape(math.prod(node.shape[:axis]), node.shape[axis], inner)
    products = matmul(constant(matrix), rows)
    return products.reshape(*node.shape[:axis], len(matrix), *node.shape[axis + 1 :])


class _AdaptiveMaxPool(_AdaptivePool):
    """The largest element of each window, one axis after the other."""

    def _reduce(self, views: Any, over: tuple[int, ...]) -> Any:
        return views.max(over)

    def _along(self, node: Any, axis: int, limits: list[tuple[int, int]]) -> Any:
        longest = max(stop - start for start, stop in limits)
        index = np.array([range(start, start + longest) for start, _ in limits])
        ends = np.array([[stop] for _, stop in limits])
        inside = (index < ends).reshape(*index.shape, *[1] * (node.ndim - axis - 1))
        elements = take(node, np.minimum(index, node.shape[axis] - 1), axis)
        return where(inside, elements, -math.inf).max(axis + 1)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of ``output_size`` windows of a sequence, channel by channel.

    Formula, arguments and errors: those of ``AdaptiveAvgPool2d``, for (N, L, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.AdaptiveAvgPool1d(2)(cr.arange(5.0).reshape(1, 5, 1)).numpy().ravel()
        array([1., 3.], dtype=float32)
    """

    axes: ClassVar[int] = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of ``output_size`` windows of an image, channel by channel.

    Formula: along each axis window i of n goes from ⌊i·S / n⌋ to ⌈(i + 1)·S / n⌉ − 1;
    y is its mean.

    Shapes: (N, H, W, C) → (N, *output_size, C).

    Arguments:
        output_size: a number for both axes or one for each; None keeps an axis.

    Raises:
        ArgumentError: for sizes below 1.
        ShapeError: in a call, for an image without elements.

    Source: He et al. (2014), of whose spatial pyramid it is one level.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.AdaptiveAvgPool2d((7, None))(cr.zeros((2, 10, 12, 3))).shape
        (2, 7, 12, 3)
    """

    axes: ClassVar[int] = 2


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest elements of ``output_size`` windows of a sequence, by channel.

    Formula, arguments and errors: those of ``AdaptiveMaxPool2d``, for (N, L, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.AdaptiveMaxPool1d(2)(cr.arange(5.0).reshape(1, 5, 1)).numpy().ravel()
        array([2., 4.], dtype=float32)
    """

    axes: ClassVar[int] = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest elements of ``output_size`` windows of an image, by channel.

    Formula: along each axis window i of n goes from ⌊i·S / n⌋ to ⌈(i + 1)·S / n⌉ − 1;
    y is its largest element.

    Shapes, arguments and errors: those of ``AdaptiveAvgPool2d``.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.AdaptiveMaxPool2d(1)(cr.zeros((2, 10, 12, 3))).shape
        (2, 1, 1, 3)
    """

    axes: ClassVar[int] = 2
