"""How a convolution is cut on this processor: panels of weights, tiles, strips.

Place on the road: ``plan.convolution_spec`` says what is computed;
``write.convolution`` writes it as is chosen here. Plain arithmetic; no LLVM.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..plan.convolution_spec import Correlation
from ..plan.kernels import Buffer, Convolution
from .processor import IN_FLIGHT
from .task import (
    WORTH_SHARING,
    WORTH_SHARING_PRODUCT,
    Chooser,
    Task,
    shared_out,
)
from .words import Words, words_of

#: The bytes of a strip of padded input: it stays in the second-level cache.
STRIP_BYTES = 256 << 10

#: The most vectors of a tile, side by side and together: a few more than the
#: multiplications that are under way at the same time.
MOST_VECTORS, MOST_SUMS = 4, 16

#: From this many images on, each is worked on as a whole.
MANY_IMAGES = 8


@dataclass(frozen=True)
class Blocks:
    """How a correlation is cut.

    Attributes:
        lanes, vectors: a panel of weights is ``lanes · vectors`` outputs wide.
        columns: the pixels of a tile, along the last spatial axis.
        strip: how many results of the first spatial axis are computed at a time.
        shared: into how many pieces the panels are divided, where images are few.
        words: what is read at a time.
    """

    lanes: int
    vectors: int
    columns: int
    strip: int
    shared: int
    words: Words = Words.NUMBERS

    @property
    def width(self) -> int:
        """Outputs of a panel."""
        return self.lanes * self.vectors

    def __str__(self) -> str:
        return f"tile {self.columns}×{self.width}, strips of {self.strip}"


def panels_of(spec: Correlation, blocks: Blocks) -> int:
    """Panels of one group."""
    return -(-spec.outputs // blocks.width)


def panel_elements(spec: Correlation, blocks: Blocks) -> int:
    """The size of all panels together."""
    rows = spec.taps * spec.inputs
    return spec.groups * panels_of(spec, blocks) * rows * blocks.width


def choose_blocks(spec: Correlation, vector_bytes: int, registers: int) -> Blocks:
    """How a correlation is cut for a processor."""
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
    """Vectors and pixels of a tile of a depthwise convolution, where memory is the
    limit: all channels of a few pixels. With a stride, or in phases, neighbours do not
    share what they read: then many pixels of one vector.
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
    """The vectors and numbers of a tile with which the whole takes least time."""
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
    """The time of a tile: a cycle for each multiplication, and loads, weights from the
    second-level cache.
    """
    return max(pixels * vectors, IN_FLIGHT) + 0.05 * (pixels + 3 * vectors)


def cut(total: int, piece: int) -> list[tuple[int, int]]:
    """The pieces of a length: pairs (how many, how long)."""
    whole, rest = divmod(total, piece)
    return [(n, p) for n, p in ((whole, piece), (1, rest)) if n and p]


def units_of(spec: Correlation, blocks: Blocks) -> int:
    """Into how many pieces the work can be divided."""
    strips = -(-largest_counts(spec)[0] // blocks.strip)
    return spec.batch * strips * blocks.shared


@dataclass(frozen=True)
class ConvolutionCut:
    """How a convolution is cut: what is computed, and its tiles."""

    spec: Correlation
    blocks: Blocks

    def __str__(self) -> str:
        return str(self.blocks)


def choose_convolution(
    kernel: Convolution, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[Convolution, ConvolutionCut]:
    """How a convolution is cut, into how many parts, and the panels of its weights."""
    host, spec = chooser.host, kernel.computed
    blocks = choose_blocks(spec, host.vector_bytes, host.registers)
    blocks = replace(blocks, words=words_of(kernel, host))
    elements = panel_elements(spec, blocks)
    panels = spec.groups * panels_of(spec, blocks)
    worth = spec.multiplications // WORTH_SHARING_PRODUCT
    return Task(
        kernel,
        buffers,
        ConvolutionCut(spec, blocks),
        kernel.parts or shared_out(worth, units_of(spec, blocks)),
        scratch_bytes=elements * spec.dtype.itemsize,
        packing_parts=shared_out(elements // WORTH_SHARING, panels),
    )
