"""Strided windows on a buffer: how a value is read without being moved.

Place on the road: the native engine's first step. A transpose, a slice, a broadcast
and most reshapes are another way to walk the same memory, so they cost nothing: each
is a new ``View`` of the buffer that already holds the elements. Pure functions on
integers; nothing of LLVM here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....shapes import Shape


@dataclass(frozen=True, slots=True)
class View:
    """Element (i₀, i₁, …) of a value is element ``offset + Σ iₖ·stridesₖ`` of a buffer.

    Attributes:
        buffer: the number of the buffer that holds the elements.
        shape, strides, offset: counted in elements.
    """

    buffer: int
    shape: Shape
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie one after the other, the last axis fastest."""
        return same_walk(self.shape, self.strides, contiguous_strides(self.shape))

    def broadcast(self, shape: Shape) -> View:
        """NumPy's broadcasting: repeated axes have stride 0."""
        new = len(shape) - len(self.shape)
        strides = (0,) * new + tuple(
            0 if n == 1 else stride
            for n, stride in zip(self.shape, self.strides, strict=True)
        )
        return View(self.buffer, shape, strides, self.offset)

    def transpose(self, axes: Sequence[int]) -> View:
        """The axes in another order."""
        shape = tuple([self.shape[axis] for axis in axes])
        strides = tuple([self.strides[axis] for axis in axes])
        return View(self.buffer, shape, strides, self.offset)

    def flip(self, axes: Sequence[int]) -> View:
        """Walked backwards along axes."""
        offset, strides = self.offset, list(self.strides)
        for axis in axes:
            offset += strides[axis] * max(self.shape[axis] - 1, 0)
            strides[axis] = -strides[axis]
        return View(self.buffer, self.shape, tuple(strides), offset)

    def slice(self, start: Shape, shape: Shape, step: Shape) -> View:
        """Every ``step``-th element from ``start`` on, ``shape`` of them."""
        offset = self.offset + sum(
            first * stride for first, stride in zip(start, self.strides, strict=True)
        )
        strides = tuple(a * b for a, b in zip(self.strides, step, strict=True))
        return View(self.buffer, shape, strides, offset)

    def windows(
        self, shape: Shape, stride: Sequence[int], dilation: Sequence[int]
    ) -> View:
        """Every window of (samples, spatial axes …, channels), as (samples, windows …,
        elements of a window …, channels)."""
        first, *steps, last = self.strides
        moves = tuple(a * b for a, b in zip(steps, stride, strict=True))
        inside = tuple(a * b for a, b in zip(steps, dilation, strict=True))
        return View(self.buffer, shape, (first, *moves, *inside, last), self.offset)

    def reshape(self, shape: Shape) -> View | None:
        """The same elements in another shape, or None where that needs a copy."""
        if math.prod(shape) != self.size:
            return None
        if self.size == 0:
            return View(self.buffer, shape, (0,) * len(shape), self.offset)
        strides = reshaped_strides(self.shape, self.strides, shape)
        if strides is None:
            return None
        return View(self.buffer, shape, strides, self.offset)


def whole(buffer: int, shape: Shape) -> View:
    """The view of a buffer that has this shape itself."""
    return View(buffer, shape, contiguous_strides(shape))


def contiguous_strides(shape: Shape) -> tuple[int, ...]:
    """The strides of a C-ordered array.

    Example:
        >>> contiguous_strides((2, 3, 4))
        (12, 4, 1)
    """
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return tuple(strides)


def same_walk(shape: Shape, a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two strides visit the same elements; axes of length 1 do not count."""
    return all(n == 1 or x == y for n, x, y in zip(shape, a, b, strict=True))


def reshaped_strides(
    shape: Shape, strides: Sequence[int], new: Shape
) -> tuple[int, ...] | None:
    """Strides for the same walk in another shape of the same (positive) size.

    Axes that follow each other in memory are merged first; each new axis must then lie
    within one merged axis.

    Example:
        >>> reshaped_strides((4, 6), (6, 1), (2, 2, 6))
        (12, 6, 1)
        >>> reshaped_strides((4, 6), (1, 4), (24,)) is None
        True
    """
    runs: list[tuple[int, int]] = []  # (length, stride), from the last axis on
    for n, stride in zip(reversed(shape), reversed(strides), strict=True):
        if n == 1:
            continue
        if runs and stride == runs[-1][0] * runs[-1][1]:
            runs[-1] = (runs[-1][0] * n, runs[-1][1])
        else:
            runs.append((n, stride))
    walked: list[int] = []
    left, step = runs.pop(0) if runs else (1, 0)
    for n in reversed(new):
        if n == 1:
            walked.append(0)
            continue
        if left == 1 and runs:
            left, step = runs.pop(0)
        if left % n:
            return None
        walked.append(step)
        left, step = left // n, step * n
    return tuple(reversed(walked))


def view_of(name: str, params: Mapping[str, Any], x: View, shape: Shape) -> View | None:
    """The result of a movement primitive as a view of its operand, where it is one."""
    match name:
        case "alias" | "stop_gradient":
            return x
        case "reshape":
            return x.reshape(shape)
        case "transpose":
            return x.transpose(params["axes"])
        case "broadcast_to":
            return x.broadcast(shape)
        case "flip":
            return x.flip(params["axes"])
        case "slice":
            return x.slice(params["start"], shape, params["step"])
        case "windows":
            return x.windows(shape, params["stride"], params["dilation"])
    return None
