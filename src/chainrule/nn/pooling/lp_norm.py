"""Pooling by a norm: L2 pooling and its relatives."""

from __future__ import annotations

from typing import Any, ClassVar

from ...ops.elementwise import absolute, sqrt, where
from ...ops.windows import Padding
from ..arguments import number_within
from .windows import Sizes, WindowPool


class _LPPool(WindowPool):
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
        self._set_windows(kernel_size, stride, padding, 1, ceil_mode)

    def settings(self) -> dict[str, Any]:
        """The norm, and the windows."""
        return {"norm_type": self.norm_type, **super().settings()}

    def describe_settings(self) -> str:
        """``L2, 2×2``"""
        return f"L{self.norm_type:g}, {super().describe_settings()}"

    def forward(self, x: Any) -> Any:
        """The norm of every window."""
        views, over, _ = self._windows(x, 0.0)
        p = self.norm_type
        powers = views * views if p == 2 else absolute(views) ** p
        total = powers.sum(over)
        if p == 1:
            return total
        is_zero = total == 0  # a root has no derivative at 0: 0 is taken
        safe = where(is_zero, 1.0, total)
        return where(is_zero, 0.0, sqrt(safe) if p == 2 else safe ** (1 / p))


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
        ArgumentError: for a p below 1, and other invalid settings.
        ShapeError: in a call, for an input smaller than the kernel.

    Source: Hyvärinen & Köster (2007); Le et al. (2012).

    Example:
        >>> from chainrule import nn
        >>> nn.LPPool2d(2, 2)([[[[1.0], [1.0]], [[1.0], [1.0]]]]).item()
        2.0
    """

    axes: ClassVar[int] = 2
