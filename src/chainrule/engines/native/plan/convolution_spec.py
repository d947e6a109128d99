"""What a convolution kernel computes, in figures: sizes, strides, taps, tiles.

Place on the road: below ``convolution`` and its neighbours, which write LLVM for it.
Plain data and choices by arithmetic; nothing of LLVM here.

The forward pass and the gradient for the input are the same computation, a sum over
taps and channels of inputs times weights; they differ in where a tap reads. For

    y[n, j, o] = Σ_{t, c} x[n, j·stride + t·dilation − low, c] · w[t, c, o]

the gradient with stride s splits into *phases*: results whose index is the same modulo
s see the same taps, and each phase is such a sum, with stride 1, over some of the taps.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TypeAlias

from ....dtypes import DType
from ....shapes import Shape

#: For each tap of an axis: the pixels of a tile from … to which it is not outside.
Pattern: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a phase.

    Result ``start + step·j`` reads, for its tap t, input ``stride·j + dilation·t −
    low``: 0 where that lies outside of ``size``.
    """

    count: int
    taps: int
    stride: int
    dilation: int
    low: int
    size: int
    start: int = 0
    step: int = 1

    def seen(self, tap: int) -> tuple[int, int]:
        """The results first … last + 1 for which this tap lies within the input."""
        offset = self.dilation * tap - self.low
        first = max(0, -(offset // self.stride))
        last = min(self.count, (self.size - 1 - offset) // self.stride + 1)
        return first, max(first, last)

    @property
    def multiplications(self) -> int:
        """Pairs of a result and a tap that it sees."""
        seen = [self.seen(tap) for tap in range(self.taps)]
        return sum(last - first for first, last in seen)

    def pattern(self, start: int, length: int) -> Pattern:
        """For each tap the results among ``start`` … ``start + length`` that it is
        seen by, counted from ``start``."""
        found = []
        for tap in range(self.taps):
            first, last = (min(max(n - start, 0), length) for n in self.seen(tap))
            found.append((first, last) if first < last else (0, 0))
        return tuple(found)


@dataclass(frozen=True)
class Phase:
    """Results that see the same taps.

    Attributes:
        row: the row of the panels at which its weights begin, counted in taps.
        order: for each axis, which of the kernel's taps it sees, in order.
    """

    axes: tuple[Axis, ...]
    row: int
    order: tuple[tuple[int, ...], ...]

    @property
    def taps(self) -> int:
        """How many taps there are."""
        return math.prod(len(each) for each in self.order)

    @property
    def empty(self) -> bool:
        """Whether it has no results."""
        return any(axis.count == 0 for axis in self.axes)


@dataclass(frozen=True)
class Correlation:
    """y = x ⋆ w for a batch of images, and where their elements lie.

    Attributes:
        batch: the number of images.
        groups, inputs, outputs: channels are ``groups · inputs`` and ``groups ·
            outputs``.
        x_strides, y_strides: of the batch axis and the spatial axes; channels are
            neighbours in memory.
        depthwise: each output has an input of its own. They are not called groups then:
            ``groups`` and ``inputs`` are 1.
    """

    batch: int
    groups: int
    inputs: int
    outputs: int
    phases: tuple[Phase, ...]
    x_strides: tuple[int, ...]
    y_strides: tuple[int, ...]
    dtype: DType
    depthwise: bool = False

    @property
    def taps(self) -> int:
        """The number of all taps."""
        return sum(phase.taps for phase in self.phases)

    @property
    def multiplications(self) -> int:
        """Of the whole computation; what lies outside of the input does not count."""
        each = self.batch * self.groups * self.inputs * self.outputs
        return each * sum(
            math.prod(axis.multiplications for axis in phase.axes)
            for phase in self.phases
        )


def forward_phases(
    size: Shape,
    kernel: Shape,
    out: Shape,
    stride: Shape,
    low: Shape,
    dilation: Shape,
) -> tuple[Phase, ...]:
    """The one phase of a convolution."""
    axes = tuple(
        Axis(count, taps, s, d, before, n)
        for count, taps, s, d, before, n in zip(
            out, kernel, stride, dilation, low, size, strict=True
        )
    )
    return (Phase(axes, 0, tuple(tuple(range(taps)) for taps in kernel)),)


def adjoint_phases(
    size: Shape,
    kernel: Shape,
    out: Shape,
    stride: Shape,
    low: Shape,
    dilation: Shape,
) -> tuple[Phase, ...]:
    """The phases of the gradient for the input, of ``size``, given that of ``out``."""
    found: list[Phase] = []
    row = 0
    arguments = zip(size, kernel, out, stride, low, dilation, strict=True)
    per_axis = [_adjoint_axis(*each) for each in arguments]
    for parts in itertools.product(*per_axis):
        phase = Phase(tuple(a for a, _ in parts), row, tuple(t for _, t in parts))
        row += phase.taps
        found.append(phase)
    return tuple(found)


def _adjoint_axis(
    size: int, kernel: int, out: int, stride: int, low: int, dilation: int
) -> list[tuple[Axis, tuple[int, ...]]]:
    """For every remainder modulo the stride: where its results read, by which taps."""
    found = []
    every = stride // math.gcd(stride, dilation)  # taps of a phase are so far apart
    apart = dilation * every // stride  # and what they read
    for r in range(stride):
        taps = tuple(
            t for t in reversed(range(kernel)) if (r + low - t * dilation) % stride == 0
        )
        # Result r + stride·j reads input j + (r + low − t·dilation) / stride.
        reads = (r + low - taps[0] * dilation) // stride if taps else 0
        count = len(range(r, size, stride))
        axis = Axis(count, len(taps), 1, max(1, apart), -reads, out, r, stride)
        found.append((axis, taps))
    return found
