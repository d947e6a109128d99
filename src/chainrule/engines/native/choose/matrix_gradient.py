"""How the gradient for a convolution's weights is cut for a unit that multiplies
matrices.

Place on the road: above ``choose.kernel_gradient``, which cuts for vectors where there
is no such unit; ``choose.matrix`` says what it does. Pixels are what is summed over.
Images are copied to scratch memory with zeros around them (B: a pixel is a row), and
their gradients turned (A: an output is a row), so that both are one long row of pixels;
the places between two rows of an image have zeros in A.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..plan.kernel_gradient_spec import KernelGradient
from ..plan.kernels import Buffer, ConvolutionGradient
from .kernel_gradient import GradientBlocks, choose_gradient_blocks
from .matrix import FEWEST_COLUMNS, SIDE, TILE
from .matrix_convolution import around
from .task import Chooser, Task
from .words import words_of

#: The bytes of a block of images, with zeros, and of what is turned.
BLOCK_BYTES = 256 << 10

#: As many steps are summed for one tap after the other: what they read stays in the
#: first-level cache.
STEPS = 16


@dataclass(frozen=True)
class MatrixGradientBlocks(GradientBlocks):
    """How it is cut for the unit; see the module.

    Attributes:
        above, left: the rows and columns of a strip before the image's first.
        height, pitch: the rows and columns of a strip, one for each image of a block.
    """

    above: int = 0
    left: int = 0
    height: int = 0
    pitch: int = 0

    def pixels(self, spec: KernelGradient) -> int:
        """The pixels of a block, in whole steps."""
        lines = self.images * (self.height // spec.axes[0].stride)
        return -(-lines * self.pitch // SIDE) * SIDE

    def strip_elements(self, spec: KernelGradient) -> int:
        """The size of the strips of a block, and what a step may read behind them."""
        behind = (SIDE + self.pitch) * spec.axes[0].stride
        for axis, distance in zip(spec.axes, (self.pitch, 1), strict=True):
            behind += (axis.taps - 1) * axis.dilation * distance
        return (self.images * self.height * self.pitch + behind) * spec.inputs

    def turned_elements(self, spec: KernelGradient) -> int:
        """The size of the turned gradients, of all outputs."""
        return -(-spec.outputs // self.rows) * self.rows * self.pixels(spec)

    def __str__(self) -> str:
        return f"matrix {self.rows}×{self.lanes * self.vectors}"


def matrix_gradient_blocks(spec: KernelGradient) -> MatrixGradientBlocks | None:
    """How it is cut; None where vectors are better."""
    axes = spec.axes
    few = spec.inputs < FEWEST_COLUMNS or spec.outputs < FEWEST_COLUMNS
    if few or spec.groups > 1 or spec.along_outputs or len(axes) != 2:
        return None
    stride = axes[0].stride
    if axes[1].stride != stride:
        return None
    above, below = around(axes[:1])
    left, right = around(axes[1:])
    pitch = left + stride * (axes[1].count - 1) + right + 1
    rows = TILE if spec.outputs > SIDE else SIDE
    widest = max(spec.inputs, -(-spec.outputs // rows) * rows)
    line = pitch * widest * spec.dtype.itemsize

    def lines_of(strip: int) -> int:
        lines = above + stride * (strip - 1) + below + 1
        return -(-lines // stride) * stride

    strip, images = axes[0].count, 1
    if lines_of(strip) * line <= BLOCK_BYTES:
        images = min(spec.batch, BLOCK_BYTES // (lines_of(strip) * line))
    else:
        while strip > 1 and lines_of(strip) * line > BLOCK_BYTES:
            strip = -(-strip // 2)
    return MatrixGradientBlocks(
        SIDE, 2 if spec.inputs > SIDE else 1, rows, images, strip, above=above,
        left=left, height=lines_of(strip), pitch=pitch,
    )  # fmt: skip


def choose_gradient(
    kernel: ConvolutionGradient, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[ConvolutionGradient, GradientBlocks]:
    """How the gradient for a convolution's weights is cut: for the unit where there is
    one and it pays."""
    host, spec = chooser.host, kernel.spec
    parts = spec.shares * spec.sections
    if kernel.pairs and host.multiplies_matrices:
        found = matrix_gradient_blocks(spec)
        if found is not None:
            elements = found.strip_elements(spec) + found.turned_elements(spec)
            scratch = parts * elements * spec.dtype.itemsize
            return Task(kernel, buffers, found, parts, scratch_bytes=scratch)
    blocks = choose_gradient_blocks(spec, host.vector_bytes, host.registers)
    blocks = replace(blocks, words=words_of(kernel, host))
    return Task(kernel, buffers, blocks, parts)
