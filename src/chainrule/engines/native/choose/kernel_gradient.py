"""How the gradient for a convolution's weights is cut on this processor.

Place on the road: ``plan.kernel_gradient_spec`` says what is computed;
``write.convolution`` writes it as is chosen here. Choices by arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..plan.kernel_gradient_spec import KernelGradient
from .convolution import MOST_SUMS, MOST_VECTORS, largest_piece
from .words import Words

#: The bytes of a block of pixels: it stays in the second-level cache.
BLOCK_BYTES = 160 << 10

#: The rows of a tile of the greatest width.
SQUARE_ROWS = MOST_SUMS // MOST_VECTORS


@dataclass(frozen=True)
class GradientBlocks:
    """How the gradient for a convolution's weights is cut.

    Attributes:
        lanes, vectors: the width of a tile, along the channels that are lanes.
        rows: its height: the numbers that are broadcast.
        images, strip: the size of a block: whole images, or rows of one.
        words: what is read at a time.
    """

    lanes: int
    vectors: int
    rows: int
    images: int
    strip: int
    words: Words = Words.NUMBERS

    def __str__(self) -> str:
        return f"tile {self.rows}×{self.lanes * self.vectors}"


def lane_count(spec: KernelGradient) -> int:
    """How many channels the lanes run along."""
    return spec.outputs if spec.along_outputs else spec.inputs


def row_count(spec: KernelGradient) -> int:
    """How many numbers are broadcast: outputs, or inputs of the taps of a row."""
    if not spec.along_outputs:
        return spec.outputs
    return spec.inputs * spec.axes[-1].taps


def choose_gradient_blocks(
    spec: KernelGradient, vector_bytes: int, registers: int
) -> GradientBlocks:
    """How it is cut for a processor."""
    size = spec.dtype.itemsize
    lanes = vector_bytes // size
    along, across = lane_count(spec), row_count(spec)
    while lanes * size > 16 and along <= lanes // 2:
        lanes //= 2
    vectors, rows = largest_piece(-(-along // lanes), across, registers)
    even = along % (lanes * MOST_VECTORS) == across % SQUARE_ROWS == 0
    if even and registers > MOST_SUMS and not spec.along_outputs:
        vectors, rows = MOST_VECTORS, SQUARE_ROWS  # whole lines of x, one after another
    pixels = math.prod(axis.count for axis in spec.axes)
    stride = math.prod(axis.stride for axis in spec.axes)
    # The channels of one walk over all tiles: those of a panel, and all of a section.
    panel = lanes * vectors
    if spec.mixed and lanes < spec.inputs:
        vectors = 1  # a vector lies within a group
        panel = lanes
    if spec.side_by_side:
        channels = panel * (1 + stride)
    elif spec.along_outputs:
        channels = panel + spec.inputs * stride
    else:
        channels = panel * stride + spec.outputs // spec.sections
    image = max(1, pixels * channels * size)
    images = max(1, BLOCK_BYTES // image)
    strip = spec.axes[0].count
    if images == 1:
        strip = max(1, min(strip, BLOCK_BYTES * strip // image))
    return GradientBlocks(lanes, vectors, rows, images, strip)
