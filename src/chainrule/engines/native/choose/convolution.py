"""How a convolution is cut on this processor: panels of weights, tiles, strips.

Place on the road: ``plan.convolution_spec`` says what is computed;
``write.convolution`` writes it as is chosen here. Plain arithmetic; no LLVM.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..plan.convolution_spec import Correlation
from ..plan.kernels import Buffer, Convolution
from .blocks import (
    MANY_IMAGES,
    Blocks,
    largest_counts,
    panel_elements,
    panels_of,
    units_of,
)
from .matrix_convolution import MatrixBlocks, matrix_blocks
from .processor import IN_FLIGHT, MANY_REGISTERS, Host
from .task import (
    WORTH_SHARING,
    WORTH_SHARING_PRODUCT,
    Chooser,
    Task,
    shared_out,
)
from .words import words_of

#: The bytes of a strip of padded input: it stays in the second-level cache.
STRIP_BYTES = 256 << 10

#: The most vectors of a tile, side by side and together: a few more than the
#: multiplications that are under way at the same time.
MOST_VECTORS, MOST_SUMS = 4, 16


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
            time = sum(n * _cycles(c, w, registers) for n, c, w in pieces)
            time *= 1 + 0.01 * (len(pieces) - 1)
            if best is None or time < best[0]:
                best = time, v, numbers
    assert best is not None
    return best[1:]


def _cycles(pixels: int, vectors: int, registers: int) -> float:
    """The time of a tile: a cycle for each multiplication, and loads, weights from the
    second-level cache. Those of few registers have to be loaded more often.
    """
    load = 0.05 if registers >= MANY_REGISTERS else 0.2
    return max(pixels * vectors, IN_FLIGHT) + load * (pixels + 3 * vectors)


def cut(total: int, piece: int) -> list[tuple[int, int]]:
    """The pieces of a length: pairs (how many, how long)."""
    whole, rest = divmod(total, piece)
    return [(n, p) for n, p in ((whole, piece), (1, rest)) if n and p]


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
    blocks = _blocks(spec, kernel, host)
    elements = panel_elements(spec, blocks)
    panels = spec.groups * panels_of(spec, blocks)
    worth = spec.multiplications // WORTH_SHARING_PRODUCT
    parts = kernel.parts or shared_out(worth, units_of(spec, blocks))
    strips = parts * blocks.elements(spec) if isinstance(blocks, MatrixBlocks) else 0
    return Task(
        kernel,
        buffers,
        ConvolutionCut(spec, blocks),
        parts,
        scratch_bytes=(elements + strips) * spec.dtype.itemsize,
        packing_parts=shared_out(elements // WORTH_SHARING, panels),
    )


def _blocks(spec: Correlation, kernel: Convolution, host: Host) -> Blocks:
    """Those of the unit for small matrices, where there is one and it pays."""
    if kernel.pairs and host.multiplies_matrices:
        found = matrix_blocks(spec)
        if found is not None:
            return found
    blocks = choose_blocks(spec, host.vector_bytes, host.registers)
    return replace(blocks, words=words_of(kernel, host))
