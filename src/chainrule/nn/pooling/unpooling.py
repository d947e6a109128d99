"""Max unpooling: elements put back where max pooling found them, zeros elsewhere."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ... import dtypes
from ...errors import DTypeError, ShapeError
from ...ops.arrays import constant, lift
from ...ops.indexing import normal_index, put
from ...ops.windows import Padding, normal_padding, per_axis
from ...shapes import Pairs, Shape
from ..module import Module
from ..spatial import plain_padding, sizes_text, spatial_input, window_text
from .windows import Sizes


class _MaxUnpool(Module):
    """Max unpooling of any number of axes."""

    axes: ClassVar[int]
    padding: str | Pairs

    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Padding = 0
    ) -> None:
        layer, axes = type(self).__name__, self.axes
        self.kernel_size = per_axis(layer, "kernel_size", kernel_size, axes)
        self.stride = self.kernel_size
        if stride is not None:
            self.stride = per_axis(layer, "stride", stride, axes)
        self.padding = normal_padding(layer, padding, axes)

    def settings(self) -> dict[str, Any]:
        """The windows."""
        return {
            "kernel_size": list(self.kernel_size),
            "stride": list(self.stride),
            "padding": plain_padding(self.padding),
        }

    def describe_settings(self) -> str:
        """``2×2``"""
        moves = (1,) if self.stride == self.kernel_size else self.stride
        return sizes_text(self.kernel_size) + window_text(moves, self.padding, (1,))

    def forward(self, x: Any, indices: Any, output_size: Sizes | None = None) -> Any:
        """Zeros with each element of x at its index.

        Arguments:
            indices: what ``MaxPool2d(…, return_indices=True)`` returned beside x.
            output_size: the size of what was pooled, where its last rows or columns
                were in no window.
        """
        layer = type(self).__name__
        node = spatial_input(layer, x, self.axes)
        places = _indices(layer, node, indices)
        size = self._size(node.shape[1:-1], output_size)
        samples, channels = node.shape[0], node.shape[-1]
        room = math.prod(size)
        inside = normal_index(places, size=room, what=f"{layer}: indices")
        # One number for every element of the result: sample, place, channel.
        sample = np.arange(samples).reshape(-1, *(1,) * (self.axes + 1))
        number = (inside + constant(sample * room)) * channels
        number = number + constant(np.arange(channels))
        empty = constant(np.zeros(samples * room * channels), node.dtype)
        filled = put(empty, number.reshape(-1), node.reshape(-1))
        return filled.reshape(samples, *size, channels)

    def _size(self, counts: Shape, wanted: Sizes | None) -> Shape:
        if wanted is not None:
            return per_axis(type(self).__name__, "output_size", wanted, self.axes)
        pads: Any = ((0, 0),) * self.axes if self.padding == "valid" else self.padding
        if isinstance(pads, str):
            raise ShapeError(
                f"{type(self).__name__}: padding='same' fits several sizes",
                fix="layer(x, indices, output_size=…)",
            )
        return tuple(
            (n - 1) * s + k - before - after
            for n, s, k, (before, after) in zip(
                counts, self.stride, self.kernel_size, pads, strict=True
            )
        )


def _indices(layer: str, node: Any, indices: Any) -> Any:
    (places,) = lift([indices])
    if places.shape != node.shape:
        raise ShapeError(
            f"{layer}: x {node.shape} with indices {places.shape}: one index an "
            "element is needed"
        )
    if not dtypes.is_integer(places.dtype):
        raise DTypeError(f"{layer}: indices of {places.dtype}: expected integers")
    return places


class MaxUnpool1d(_MaxUnpool):
    """Sequences with each element where max pooling found it, zeros elsewhere.

    Formula, shapes, arguments and errors: those of ``MaxUnpool2d``, for (N, L, C).

    Example:
        >>> from chainrule import nn
        >>> x = [[[1.0], [3.0], [2.0], [0.0]]]
        >>> largest, indices = nn.MaxPool1d(2, return_indices=True)(x)
        >>> nn.MaxUnpool1d(2)(largest, indices).numpy().ravel()
        array([0., 3., 2., 0.], dtype=float32)
    """

    axes: ClassVar[int] = 1


class MaxUnpool2d(_MaxUnpool):
    """Images with each element where max pooling found it, zeros elsewhere.

    Formula: y[n, p, c] = x[n, i, j, c] for the place p = indices[n, i, j, c], numbered
    as ``MaxPool2d(…, return_indices=True)`` does. Where windows overlap, equal places
    hold equal elements; each then has the whole gradient of that place.

    Shapes: (N, H, W, C) and indices alike → (N, H′, W′, C), with H′ = (H − 1)·stride +
    kernel − before − after, or ``output_size`` of the call.

    Arguments:
        kernel_size, stride, padding: those of the pooling layer.

    Raises:
        ArgumentError: for invalid settings.
        BoundsError: for an index outside of the result.
        ShapeError: for other indices than elements.

    Source: Zeiler & Fergus (2014).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> x = cr.arange(16.0).reshape(1, 4, 4, 1)
        >>> largest, indices = nn.MaxPool2d(2, return_indices=True)(x)
        >>> indices.numpy().ravel()
        array([ 5,  7, 13, 15])
        >>> nn.MaxUnpool2d(2)(largest, indices).numpy()[0, :, :, 0]
        array([[ 0.,  0.,  0.,  0.],
               [ 0.,  5.,  0.,  7.],
               [ 0.,  0.,  0.,  0.],
               [ 0., 13.,  0., 15.]], dtype=float32)
    """

    axes: ClassVar[int] = 2


class MaxUnpool3d(_MaxUnpool):
    """Volumes with each element where max pooling found it, zeros elsewhere.

    Formula, shapes, arguments and errors: those of ``MaxUnpool2d``, for (N, D, H, W,
    C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> x = cr.ones((1, 2, 2, 2, 1))
        >>> largest, indices = nn.MaxPool3d(2, return_indices=True)(x)
        >>> nn.MaxUnpool3d(2)(largest, indices).shape
        (1, 2, 2, 2, 1)
    """

    axes: ClassVar[int] = 3
