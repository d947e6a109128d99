"""Upsampling: a sequence, image or volume at another size, without parameters.

Place on the road: a layer over indexing and products. ``ConvTranspose2d`` is the layer
that learns how to upsample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError, unknown_option
from ..graph import Array
from ..ops.arrays import constant
from ..ops.indexing import take
from ..ops.movement import broadcast_to
from ..ops.windows import per_axis
from ..shapes import Shape
from .arguments import floats, number_within
from .module import Module
from .spatial import AXES

#: The modes that interpolate linearly, and their numbers of spatial axes.
LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}


class Upsample(Module):
    """An image, sequence or volume at another, usually larger size.

    Formula, along each axis of length S that becomes S′ = ⌊S · factor⌋: for "nearest",
    yᵢ = x(⌊i / factor⌋). For "linear", "bilinear" and "trilinear" (one, two and three
    axes), yᵢ = (1 − t) x(⌊p⌋) + t x(⌊p⌋ + 1) with t = p − ⌊p⌋, where the position p is
    max(0, (i + ½) / factor − ½), or i (S − 1) / (S′ − 1) with ``align_corners``.

    Shapes: (N, *S, C) → (N, *S′, C).

    Arguments:
        size: S′, a number for all axes or one for each.
        scale_factor: the factor, instead of a size.
        mode: "nearest", "linear", "bilinear" or "trilinear".
        align_corners: whether the first and the last elements keep their values; for
            the linear modes.

    Raises:
        ArgumentError: for both or neither of size and factor, and invalid settings.
        ShapeError: in a call, for a number of axes that does not fit mode or size.

    Example:
        >>> from chainrule import nn
        >>> x = [[[1.0], [3.0]]]
        >>> nn.Upsample(scale_factor=2)(x).numpy().ravel()
        array([1., 1., 3., 3.], dtype=float32)
        >>> nn.Upsample(scale_factor=2, mode="linear")(x).numpy().ravel()
        array([1. , 1.5, 2.5, 3. ], dtype=float32)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
    ) -> None:
        if (size is None) == (scale_factor is None):
            raise ArgumentError(
                f"Upsample: size={size!r}, scale_factor={scale_factor!r}: expected one "
                "of the two"
            )
        if mode not in ("nearest", *LINEAR):
            raise unknown_option("mode of Upsample", mode, ("nearest", *LINEAR))
        if align_corners and mode == "nearest":
            raise ArgumentError(
                "Upsample: align_corners=True with mode='nearest': it is for the "
                "linear modes"
            )
        self.size, self.scale_factor = _sizes(size), _factors(scale_factor)
        self.mode, self.align_corners = mode, bool(align_corners)

    def settings(self) -> dict[str, Any]:
        """Size or factor, and the mode."""
        plain: Any = self.size
        factor: Any = self.scale_factor
        return {
            "size": list(plain) if isinstance(plain, tuple) else plain,
            "scale_factor": list(factor) if isinstance(factor, tuple) else factor,
            "mode": self.mode,
            "align_corners": self.align_corners,
        }

    def describe_settings(self) -> str:
        """``×2, nearest``"""
        shown = f"×{self.scale_factor}" if self.size is None else f"{self.size}"
        corners = ", align_corners=True" if self.align_corners else ""
        return f"{shown}, {self.mode}{corners}"

    def forward(self, x: Any) -> Any:
        """x at the other size."""
        node = self._input(x)
        sizes, factors = self._wanted(node.shape[1:-1])
        if self.mode == "nearest" and all(float(f).is_integer() for f in factors):
            return repeated(node, tuple(map(int, factors)))
        for axis, (size, factor) in enumerate(
            zip(sizes, factors, strict=True), start=1
        ):
            n = node.shape[axis]
            if self.mode == "nearest":
                index = np.floor(np.arange(size) / factor).astype(np.int64)
                node = take(node, np.minimum(index, n - 1), axis)
            elif n != size or factor != 1:
                positions = self._positions(n, size, factor)
                node = interpolated(node, axis, positions)
        return node

    def _input(self, x: Any) -> Any:
        node = floats("Upsample", x)
        given = self.size if self.size is not None else self.scale_factor
        axes = LINEAR.get(self.mode, len(given) if isinstance(given, tuple) else None)
        if axes is None and not 3 <= node.ndim <= 5:
            raise ShapeError(
                f"Upsample: x {node.shape}: expected 1 to 3 axes between samples and "
                "channels"
            )
        spatial = node.ndim - 2
        if axes is not None and spatial != axes:
            others = [name for name, n in LINEAR.items() if n == spatial]
            raise ShapeError(
                f"Upsample: x {node.shape}: {node.ndim} ≠ {axes + 2} axes; expected "
                f"{AXES.get(axes, f'{axes} spatial axes')}",
                fix=f"mode={others[0]!r}" if others and self.mode in LINEAR else None,
            )
        several = isinstance(given, tuple) and len(given) != spatial
        if several or 0 in node.shape[1:-1]:
            raise ShapeError(
                f"Upsample: x {node.shape} to {given}: expected a size or factor for "
                f"each of its {spatial} spatial axes, of at least 1 element"
            )
        return node

    def _wanted(self, spatial: Shape) -> tuple[Shape, tuple[float, ...]]:
        """The size and the factor of every axis."""
        if self.size is not None:
            sizes = self.size if isinstance(self.size, tuple) else (self.size,)
            sizes = sizes * (len(spatial) // len(sizes))
            return sizes, tuple(n / s for n, s in zip(sizes, spatial, strict=True))
        factors: Any = self.scale_factor
        if not isinstance(factors, tuple):
            factors = (factors,) * len(spatial)
        sizes = tuple(math.floor(n * f) for n, f in zip(spatial, factors, strict=True))
        if min(sizes) < 1:
            raise ShapeError(
                f"Upsample: {spatial} times {self.scale_factor} is {sizes}: expected "
                "at least 1 element along every axis"
            )
        return sizes, tuple(map(float, factors))

    def _positions(self, n: int, size: int, factor: float) -> Array:
        """The positions in the input of the elements of the output."""
        index = np.arange(size)
        if self.align_corners:
            return index * ((n - 1) / (size - 1) if size > 1 else 0.0)
        positions: Array = np.clip((index + 0.5) / factor - 0.5, 0.0, n - 1)
        return positions


def repeated(node: Any, factors: Shape) -> Any:
    """Every element repeated ``factors`` times along the spatial axes, by a broadcast.

    Example:
        >>> import chainrule as cr
        >>> repeated(cr.arange(2.0).reshape(1, 2, 1), (2,)).numpy().ravel()
        array([0., 0., 1., 1.], dtype=float32)
    """
    first, *spatial, last = node.shape
    between = [size for n in spatial for size in (n, 1)]
    among = [size for n, f in zip(spatial, factors, strict=True) for size in (n, f)]
    spread = broadcast_to(node.reshape(first, *between, last), (first, *among, last))
    sizes = [n * f for n, f in zip(spatial, factors, strict=True)]
    return spread.reshape(first, *sizes, last)


def interpolated(node: Any, axis: int, positions: Array) -> Any:
    """The values at positions between the elements of an axis, interpolated linearly.

    Example:
        >>> import chainrule as cr
        >>> interpolated(cr.tensor([[1.0, 3.0]]), 1, np.array([0.25, 1.0])).numpy()
        array([[1.5, 3. ]], dtype=float32)
    """
    below = np.floor(positions).astype(np.int64)
    above = np.minimum(below + 1, node.shape[axis] - 1)
    shape = (-1, *[1] * (node.ndim - axis - 1))
    t = constant((positions - below).reshape(shape).astype(node.dtype))
    first, second = take(node, below, axis), take(node, above, axis)
    return first + (second - first) * t


def _sizes(size: Any) -> Any:
    if size is None:
        return None
    axes = len(size) if isinstance(size, Sequence) else 1
    sizes = per_axis("Upsample", "size", size, axes)
    return sizes if isinstance(size, Sequence) else sizes[0]


def _factors(factor: Any) -> Any:
    rule = "a number above 0"
    if isinstance(factor, Sequence) and not isinstance(factor, str):
        return tuple(_factors(one) for one in factor)
    if factor is None:
        return None
    number = number_within("Upsample", "scale_factor", factor, 0, rule=rule)
    if number == 0:
        raise ArgumentError(f"Upsample: scale_factor={factor!r}: expected {rule}")
    return int(number) if number.is_integer() else number
