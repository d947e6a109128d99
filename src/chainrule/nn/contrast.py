"""Normalisation by the neighbourhood: in the image, or among the channels.

Place on the road: layers without parameters, over convolution and windows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..graph import Array
from ..ops.convolution import convolution
from ..ops.elementwise import maximum, sqrt
from ..ops.movement import pad
from ..ops.primitive import constant
from ..ops.windows import windows
from .arguments import floats, number_within, positive_size
from .module import Module
from .spatial import spatial_input


class LocalContrastNorm(Module):
    """Local contrast normalisation: each pixel relative to its neighbourhood.

    Formula, with weights w of a Gaussian window, Σ w = 1 over window and channels:

    - subtractive: v[i, j, k] = x[i, j, k] − Σ_{p q c} w[p, q] x[i + p, j + q, c];
    - divisive: y = v / max(m, σ), where σ[i, j] = √(Σ_{p q c} w[p, q] v[i + p, j + q,
      c]²) and m is the mean of σ over the image.

    At the edge the weights of what lies inside the image are scaled up to a sum of 1.

    Shapes: (N, H, W, C) → the same.

    Arguments:
        kernel_size: the side of the window, an odd number.
        std: the Gaussian's standard deviation in pixels; a quarter of the window's
            side when not given.
        divisive: whether to divide, after the subtraction.
        floor: what is taken for m, where not the mean of σ; Le et al. take 0.01.
        eps: σ is at least so large.

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
        """The window, and how it divides."""
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
        for axis in (1, 2):  # a Gaussian in the plane is one along each axis
            n = node.shape[axis]
            inside = np.convolve(np.ones(n), line)[half : half + n]
            kernel = line.reshape(1, *((-1, 1) if axis == 1 else (1, -1)), 1)
            sums = convolution(
                total,
                constant(kernel.astype(node.dtype)),
                padding=(half, 0) if axis == 1 else (0, half),
            )
            share = inside.reshape((-1, 1, 1) if axis == 1 else (-1, 1))
            total = sums * constant((1 / share).astype(node.dtype))
        return total


def gaussian(size: int, std: float) -> Array:
    """A Gaussian window whose elements add up to 1.

    Example:
        >>> gaussian(3, 1.0).round(3)
        array([0.274, 0.452, 0.274])
    """
    place = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (place / std) ** 2)
    found: Array = weights / weights.sum()
    return found


def _positive(layer: str, name: str, value: float) -> float:
    return number_within(layer, name, value, 1e-12, rule="a number above 0")


class LocalResponseNorm(Module):
    """Each channel divided by how strongly its neighbours among the channels respond.

    Formula: y_c = x_c / (k + (α / n) Σ x_d²)^β, over the n channels d around c; those
    beyond the first and the last count as 0.

    Shapes: (…, C) → the same.

    Arguments:
        size: n.
        alpha, beta, k: the formula's. AlexNet's α is ours divided by n: 5 · 10⁻⁴ here
            for its 10⁻⁴, with k = 2.

    Raises:
        ArgumentError: for numbers out of range.

    Source: Krizhevsky, Sutskever & Hinton (2012), section 3.3.

    Example:
        >>> from chainrule import nn
        >>> nn.LocalResponseNorm(1, alpha=1.0, beta=0.5, k=0.0)([[3.0, -4.0]]).numpy()
        array([[ 1., -1.]], dtype=float32)
    """

    def __init__(
        self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
    ) -> None:
        layer = "LocalResponseNorm"
        self.size = positive_size(layer, "size", size)
        self.alpha = number_within(layer, "alpha", alpha, 0, rule="a number ≥ 0")
        self.beta = number_within(layer, "beta", beta, 0, rule="a number ≥ 0")
        self.k = number_within(layer, "k", k, 0, rule="a number ≥ 0")

    def settings(self) -> dict[str, Any]:
        """The formula's numbers."""
        return {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}

    def forward(self, x: Any) -> Any:
        """x over the power of its neighbours."""
        node = floats("LocalResponseNorm", x)
        if not node.shape or not math.prod(node.shape):
            return node
        around = (self.size // 2, (self.size - 1) // 2)
        rows = (node * node).reshape(-1, node.shape[-1], 1)
        seen = windows(pad(rows, ((0, 0), around, (0, 0))), self.size)
        power = seen.sum(2).reshape(node.shape) * (self.alpha / self.size)
        return node / (power + self.k) ** self.beta
