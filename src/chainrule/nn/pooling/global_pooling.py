"""Global pooling: the whole sequence, image or volume is one window."""

from __future__ import annotations

from typing import Any

from ...errors import ShapeError
from ..arguments import floats
from ..module import Module


class _GlobalPool(Module):
    """The whole sequence, image or volume as one window."""

    def __init__(self, keepdims: bool = False) -> None:
        self.keepdims = bool(keepdims)

    def settings(self) -> dict[str, Any]:
        """Whether the axes are kept."""
        return {"keepdims": self.keepdims}

    def describe_settings(self) -> str:
        """Empty by default."""
        return "keepdims=True" if self.keepdims else ""

    def _input(self, x: Any) -> tuple[Any, tuple[int, ...]]:
        layer = type(self).__name__
        node = floats(layer, x)
        if node.ndim < 3 or 0 in node.shape[1:-1]:
            raise ShapeError(
                f"{layer}: x {node.shape}: expected (samples, …, channels), with an "
                "element to pool",
                fix="x[None] makes one image a batch" if node.ndim == 2 else None,
            )
        return node, tuple(range(1, node.ndim - 1))


class GlobalAvgPool(_GlobalPool):
    """The mean of every channel over the whole sequence, image or volume.

    Formula, for images: y[n, c] = Σᵢⱼ x[n, i, j, c] / (H·W).

    Shapes: (N, …, C) → (N, C), or (N, 1, …, C) with ``keepdims``.

    Arguments:
        keepdims: whether the axes are kept, with length 1.

    Source: Lin, Chen & Yan (2014).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.GlobalAvgPool()(cr.zeros((8, 7, 7, 512))).shape
        (8, 512)
    """

    def forward(self, x: Any) -> Any:
        """The means."""
        node, axes = self._input(x)
        return node.mean(axes, keepdims=self.keepdims)


class GlobalMaxPool(_GlobalPool):
    """The largest element of every channel in the whole sequence, image or volume.

    Shapes: (N, …, C) → (N, C), or (N, 1, …, C) with ``keepdims``.

    Arguments:
        keepdims: whether the axes are kept, with length 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.GlobalMaxPool()(cr.zeros((8, 100, 16))).shape
        (8, 16)
    """

    def forward(self, x: Any) -> Any:
        """The largest elements."""
        node, axes = self._input(x)
        return node.max(axes, keepdims=self.keepdims)
