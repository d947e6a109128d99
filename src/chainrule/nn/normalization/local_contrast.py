"""Local contrast normalisation: each pixel relative to its neighbourhood."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ArgumentError
from ...graph import Array
from ...ops.arrays import constant
from ...ops.convolution import convolution
from ...ops.elementwise import maximum, sqrt
from ..arguments import number_within, positive_size
from ..module import Module
from ..spatial import spatial_input


class LocalContrastNorm(Module):
    """Local contrast normalisation: each pixel relative to its neighbourhood.

    Formula, with weights w of a Gaussian window, Σ w = 1 over window and channels:

    - subtractive: v[i, j, k] = x[i, j, k] − Σ_{p q c} w[p, q] x[i + p, j + q, c];
    - divisive: y = v / max(m, σ), where σ[i, j] = √(Σ_{p q c} w[p, q] v[i + p, j + q,
      c]²) and m is the mean of σ over the image.

    At the edge the weights of the pixels inside the image are scaled to a sum of 1.

    Shapes: (N, H, W, C) → the same.

    Arguments:
        kernel_size: the side of the window, an odd number.
        std: the Gaussian's standard deviation in pixels; by default a quarter of the
            window's side.
        divisive: whether to divide, after the subtraction.
        floor: m; the mean of σ if not given. Le et al. use 0.01.
        eps: the lower limit of σ.

    Raises:
        ArgumentError: for a window of even size, and numbers out of range.

    Source: Jarrett, Kavukcuoglu, Ranzato & LeCun (2009), section 2.1; Le et al. (2012).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> flat = cr.full((1, 8, 8, 3), 5.0)
        >>> bool(abs(nn.LocalContrastNorm(5)(flat).numpy()).max() < 0.1)
        True
    """

    def __init__(
        self,
        kernel_size: int = 9,
        std: float | None = None,
        divisive: bool = True,
        floor: float | None = None,
        eps: float = 1e-4,
    ) -> None:
        layer = "LocalContrastNorm"
        self.kernel_size = positive_size(layer, "kernel_size", kernel_size)
        if self.kernel_size % 2 == 0:
            raise ArgumentError(
                f"{layer}: kernel_size={kernel_size}: expected an odd number, so that "
                "the window has a middle"
            )
        self.std = None if std is None else _positive(layer, "std", std)
        self.divisive = bool(divisive)
        self.floor = None
        if floor is not None:
            self.floor = _positive(layer, "floor", floor)
        self.eps = _positive(layer, "eps", eps)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "kernel_size": self.kernel_size,
            "std": self.std,
            "divisive": self.divisive,
            "floor": self.floor,
            "eps": self.eps,
        }

    def describe_settings(self) -> str:
        """``9×9``"""
        return f"{self.kernel_size}×{self.kernel_size}"

    def forward(self, x: Any) -> Any:
        """Minus the neighbourhood's mean, divided by its deviation."""
        node = spatial_input("LocalContrastNorm", x, 2)
        v = node - self._around(node)
        if not self.divisive:
            return v
        least = self.eps * self.eps
        sigma = sqrt(maximum(self._around(v * v), least))
        floor = sigma.mean((1, 2, 3), keepdims=True)
        return v / maximum(sigma, floor if self.floor is None else self.floor)

    def _around(self, node: Any) -> Any:
        """The weighted mean over window and channels, (N, H, W, 1)."""
        line = gaussian(self.kernel_size, self.std or self.kernel_size / 4)
        half = self.kernel_size // 2
        total = node.mean(-1, keepdims=True)
        for axis in (1, 2):  # a Gaussian in the plane is the product of two
            n = node.shape[axis]
            inside = np.convolve(np.ones(n), line)[half : half + n]
            kernel = line.reshape(1, *((-1, 1) if axis == 1 else (1, -1)), 1)
            sums = convolution(
                total,
                constant(kernel.astype(node.dtype)),
                padding=(half, 0) if axis == 1 else (0, half),
            )
            part = inside.reshape((-1, 1, 1) if axis == 1 else (-1, 1))
            total = sums * constant((1 / part).astype(node.dtype))
        return total


def gaussian(size: int, std: float) -> Array:
    """A Gaussian window with sum 1.

    Example:
        >>> gaussian(3, 1.0).round(3)
        array([0.274, 0.452, 0.274])
    """
    positions = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (positions / std) ** 2)
    window: Array = weights / weights.sum()
    return window


def _positive(layer: str, name: str, value: float) -> float:
    return number_within(layer, name, value, 1e-12, rule="a number above 0")
