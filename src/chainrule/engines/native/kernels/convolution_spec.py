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

#: A strip of padded input has about so many bytes: it stays in the second-level cache.
STRIP_BYTES = 256 << 10
#: The most vectors of a tile, side by side and together: a few more than the
#: multiplications that are under way at the same time.
MOST_VECTORS, MOST_SUMS = 4, 16
#: Images from which on each is worked on as a whole.
MANY_IMAGES = 8
#: Multiplications under way at the same time, at least.
IN_FLIGHT = 8


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


@dataclass(frozen=True)
class Blocks:
    """How a correlation is cut.

    Attributes:
        lanes, vectors: a panel of weights is ``lanes · vectors`` outputs wide.
        columns: the pixels of a tile, along the last spatial axis.
        strip: how many results of the first spatial axis are computed at a time.
        shared: into how many pieces the panels are cut, for few images.
    """

    lanes: int
    vectors: int
    columns: int
    strip: int
    shared: int

    @property
    def width(self) -> int:
        """Outputs of a panel."""
        return self.lanes * self.vectors


def panels_of(spec: Correlation, blocks: Blocks) -> int:
    """Panels of one group."""
    return -(-spec.outputs // blocks.width)


def panel_elements(spec: Correlation, blocks: Blocks) -> int:
    """The size of all panels together."""
    rows = spec.taps * spec.inputs
    return spec.groups * panels_of(spec, blocks) * rows * blocks.width


def choose_blocks(spec: Correlation, vector_bytes: int, registers: int) -> Blocks:
    """The way to cut a correlation for a processor."""
    size = spec.dtype.itemsize
    lanes = vector_bytes // size
    while lanes * size > 16 and spec.outputs <= lanes // 2:
        lanes //= 2
    counts = largest_counts(spec)
    vectors = -(-spec.outputs // lanes)
    if spec.depthwise:
        vectors, columns = _depthwise_piece(spec, vectors, registers)
    else:
        vectors, columns = largest_piece(vectors, counts[-1], registers)
    line = spec.x_strides[1] * spec.phases[0].axes[0].stride * size
    strip = max(1, min(counts[0], STRIP_BYTES // max(1, line)))
    if spec.batch < MANY_IMAGES:
        strip = min(strip, -(-counts[0] // MANY_IMAGES))
    strips = -(-counts[0] // strip)
    strip = -(-counts[0] // strips)
    panels = spec.groups * -(-spec.outputs // (lanes * vectors))
    shared = max(1, min(panels, MANY_IMAGES // (spec.batch * strips)))
    return Blocks(lanes, vectors, columns, strip, shared)


def _depthwise_piece(
    spec: Correlation, vectors: int, registers: int
) -> tuple[int, int]:
    """Vectors and pixels of a tile of a depthwise convolution, where memory is what
    takes time: all channels of a few pixels; with a stride, or in phases, where
    neighbours do not share what they read, many pixels of one vector.
    """
    apart = len(spec.phases) > 1 or spec.phases[0].axes[-1].stride > 1
    width = 1 if apart else min(MOST_VECTORS, vectors)
    most = max(1, min(MOST_SUMS, registers // 2) // width)
    count = max(1, largest_counts(spec)[-1])
    tiles = -(-count // most)
    return width, -(-count // tiles)


def largest_counts(spec: Correlation) -> tuple[int, ...]:
    """How many results the largest phase has along each axis."""
    return tuple(
        max(phase.axes[i].count for phase in spec.phases)
        for i in range(len(spec.phases[0].axes))
    )


def largest_piece(vectors: int, count: int, registers: int) -> tuple[int, int]:
    """Vectors and numbers of a tile such that the whole takes least time."""
    best: tuple[float, int, int] | None = None
    for v in range(1, min(MOST_VECTORS, vectors) + 1):
        most = max(1, min(MOST_SUMS, registers - 1 - v) // v)
        for numbers in range(1, min(count, most) + 1):
            pieces = [
                (n * m, c, w)
                for n, c in cut(count, numbers)
                for m, w in cut(vectors, v)
            ]
            time = sum(n * _cycles(c, w) for n, c, w in pieces)
            time *= 1 + 0.01 * (len(pieces) - 1)
            if best is None or time < best[0]:
                best = time, v, numbers
    assert best is not None
    return best[1:]


def _cycles(pixels: int, vectors: int) -> float:
    """One for each multiplication; weights come from the second-level cache."""
    return max(pixels * vectors, IN_FLIGHT) + 0.05 * (pixels + 3 * vectors)


def cut(total: int, piece: int) -> list[tuple[int, int]]:
    """Pieces of a length: (how many, how long)."""
    whole, rest = divmod(total, piece)
    return [(n, p) for n, p in ((whole, piece), (1, rest)) if n and p]


def units_of(spec: Correlation, blocks: Blocks) -> int:
    """Into how many pieces the work can be shared out."""
    strips = -(-largest_counts(spec)[0] // blocks.strip)
    return spec.batch * strips * blocks.shared
