"""How a convolution of bfloat16 is cut for a unit that multiplies small matrices.

Place on the road: asked by ``choose.convolution`` on processors that have such a unit;
``choose.matrix`` says what it does. A strip of the input is copied to scratch memory
with zeros around it. In a row of the kernel, taps and their channels are then a line of
words in memory, for every pixel: rows of A, a pixel's distance apart. With stride 1 the
strip is one long row, and what is computed between the ends of two rows is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..plan.convolution_spec import Axis, Correlation, Phase
from .blocks import MANY_IMAGES, Blocks, largest_counts
from .matrix import FEWEST_COLUMNS, FEWEST_WORDS, SIDE, TILE

#: The bytes of a strip with its zeros: it stays in the second-level cache.
STRIP_BYTES = 256 << 10


@dataclass(frozen=True)
class MatrixBlocks(Blocks):
    """How a correlation is cut for the unit; see the module.

    Attributes:
        steps: for each phase the words that one step of a line of words sums.
        above, left: the rows and columns of the strip before the input's first.
        height, pitch: the rows and columns of a strip.
    """

    steps: tuple[int, ...] = ()
    above: int = 0
    left: int = 0
    height: int = 0
    pitch: int = 0

    def elements(self, spec: Correlation) -> int:
        """The size of a strip, and what the last tile may read behind it."""
        reach = TILE * spec.phases[0].axes[1].stride
        return (self.height * self.pitch + reach + self.pitch) * spec.inputs

    def __str__(self) -> str:
        return f"matrix {self.columns}×{self.width}, strips of {self.strip}"


def line_of(spec: Correlation, phase: Phase) -> int:
    """How many words are neighbours along the last axis: of all its taps, or of one."""
    axis = phase.axes[-1]
    return spec.inputs * (axis.taps if joined(axis) else 1)


def joined(axis: Axis) -> bool:
    """Whether what the taps of an axis read are neighbours."""
    return axis.dilation == 1 or axis.taps == 1


def is_long_row(spec: Correlation) -> bool:
    """Whether the pixels of a strip are equally far apart, rows and all."""
    return all(axis.stride == 1 for axis in spec.phases[0].axes)


def matrix_blocks(spec: Correlation) -> MatrixBlocks | None:
    """How it is cut; None where vectors are better."""
    phases = spec.phases
    axes = len(phases[0].axes)
    if spec.depthwise or spec.groups > 1 or axes != 2 or spec.outputs < FEWEST_COLUMNS:
        return None
    steps = tuple(_words(line_of(spec, each)) if each.taps else 1 for each in phases)
    used = [n for n, phase in zip(steps, phases, strict=True) if phase.taps]
    if not used or min(used) < FEWEST_WORDS:
        return None
    above, below = around([phase.axes[0] for phase in phases if phase.taps])
    left, right = around([phase.axes[1] for phase in phases if phase.taps])
    counts = largest_counts(spec)
    first, second = phases[0].axes
    pitch = left + second.stride * (counts[1] - 1) + right + 1
    row = pitch * spec.inputs * spec.dtype.itemsize
    fitting = (STRIP_BYTES // row - above - below - 1) // first.stride + 1
    strip = max(1, min(counts[0], fitting))
    if spec.batch < MANY_IMAGES:
        strip = min(strip, -(-counts[0] // MANY_IMAGES))
    strip = -(-counts[0] // -(-counts[0] // strip))
    height = above + first.stride * (strip - 1) + below + 1
    vectors = 2 if spec.outputs > SIDE else 1
    return MatrixBlocks(
        SIDE, vectors, TILE, strip, 1, steps=steps, above=above, left=left,
        height=height, pitch=pitch,
    )  # fmt: skip


def _words(line: int) -> int:
    """The longest step of which a line is a whole number; the unit sums no more than
    ``SIDE`` at a time."""
    return next(n for n in range(min(line, SIDE), 0, -1) if line % n == 0)


def around(axes: Sequence[Axis]) -> tuple[int, int]:
    """How far before the first input of a result its taps read, and how far behind."""
    before = max([0, *(axis.low for axis in axes)])
    behind = [axis.dilation * (axis.taps - 1) - axis.low for axis in axes]
    return before, max([0, *behind])
