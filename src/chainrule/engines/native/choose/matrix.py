"""How a product of bfloat16 is cut for a unit that multiplies small matrices.

Place on the road: asked by ``choose.matmul`` on processors that have such a unit
(x86's AMX). One of its instructions adds to 16 × 16 sums the products of 16 rows of up
to 16 words with as many rows of 16 words. A tile is two of these high and two wide, so
that what is loaded is used twice.

Rows of A must have their words side by side in memory, and p must be a whole number of
steps: where that is not so, factors are copied before the product (*rows* of A and
*panels* of B, in scratch memory), with zeros behind their end. The unit is so fast that
reading decides: blocks of both factors that stay in the second-level cache are
multiplied with one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .tiling import Matmul, Panels, Tiling, with_plain_strides
from .words import Words

#: The rows and columns of sums, and the words of p, of one instruction.
SIDE = 16

#: A tile has at most so many rows and columns.
TILE = 2 * SIDE

#: Fewer rows, columns or words than these are left to vectors.
FEWEST_ROWS, FEWEST_COLUMNS, FEWEST_WORDS = 4, 8, 4

#: A block of the factor that parts share has at most this many bytes, and a stretch of
#: p this many words: it stays in the second-level cache while the other factor passes.
BLOCK_BYTES, LONGEST_STRETCH = 768 << 10, 512

#: From this many rows of C on, panels of B are copied: they are read again and again.
WORTH_COPYING = 128

#: A block is this long, where there are enough rows or columns: every one reads the
#: whole of the other factor. Fewer are divided into ``PIECES``, which threads share.
LENGTH, PIECES = 256, 4


@dataclass(frozen=True)
class MatrixTiling(Tiling):
    """Tiles of the unit for small matrices; see the module.

    Attributes:
        words: of p that are summed in one step; the last may be zeros.
        steps: of all of p.
        blocks: the number of stretches of p.
        height, width: rows and columns of a block.
    """

    words: int
    steps: int
    blocks: int
    height: int
    width: int

    form: ClassVar[str] = "matrix"

    @property
    def depth(self) -> int:
        """The words of a row that is copied: those of p, and zeros."""
        return self.words * self.steps

    def padded(self, k: int) -> int:
        """The rows of a panel."""
        return self.depth

    def blocks_shared(self, spec: Matmul) -> int:
        """How many blocks there are, of what parts share, in one of the batch."""
        if self.by_panel:
            return -(-spec.n // self.width)
        return -(-spec.m // self.height)

    def stretches(self, k: int) -> tuple[int, int]:
        """Into how many stretches p is divided, and the length of the longest."""
        return self.blocks, -(-self.steps // self.blocks) * self.words


def matrix_tiling(
    spec: Matmul, in_panels: bool, whole_columns: bool
) -> MatrixTiling | None:
    """The tiling for a product of pairs; None where vectors are better.

    Arguments:
        in_panels: whether B lies in panels already.
        whole_columns: whether one part has to have all rows of a column.
    """
    if spec.words is not Words.PAIRS:
        return None
    spec = with_plain_strides(spec)
    few = spec.m < FEWEST_ROWS or spec.n < FEWEST_COLUMNS or spec.k < FEWEST_WORDS
    if few and not in_panels:
        return None
    steps, words = _steps(spec.k)
    padded = steps * words != spec.k
    rows, columns = _side(spec.m), _side(spec.n)
    panels = Panels.PREPARED
    if not in_panels:
        far = spec.b_strides[2] != 1 or spec.m >= WORTH_COPYING
        panels = Panels.PACKED if padded or far else Panels.DIRECT
    blocks = max(1, -(-steps * words // LONGEST_STRETCH))
    longest = -(-steps // blocks) * words
    by_panel = whole_columns or spec.m <= TILE or spec.n > spec.m
    fitting = max(1, BLOCK_BYTES // (longest * spec.dtype.itemsize))
    height, width = (-(-spec.m // rows) * rows, -(-spec.n // columns) * columns)
    if by_panel:
        width = _piece(spec.n, columns, fitting)
    else:
        height = _piece(spec.m, rows, fitting)
    return MatrixTiling(
        SIDE, rows, columns, by_panel, panels, words, steps, blocks, height, width,
        copies_rows=padded or spec.a_strides[2] != 1,
    )  # fmt: skip


def _steps(k: int) -> tuple[int, int]:
    """How many steps p takes, and their words: of equal length if they are not much
    more than the fewest."""
    fewest = -(-k // SIDE)
    for steps in range(fewest, fewest + fewest // 3 + 1):
        if k % steps == 0:
            return steps, k // steps
    return fewest, -(-k // fewest)


def _side(n: int) -> int:
    """The rows or columns of a tile."""
    return TILE if n > SIDE else SIDE


def _piece(total: int, tile: int, fitting: int) -> int:
    """The length of a block: whole tiles."""
    wanted = min(LENGTH, fitting, -(-total // PIECES))
    return tile * max(1, -(-wanted // tile))


def row_elements(spec: Matmul, tiling: MatrixTiling) -> int:
    """The size of the copied rows."""
    if not tiling.copies_rows:
        return 0
    return (spec.batch if spec.a_strides[0] else 1) * spec.m * tiling.depth


def copied_panel_elements(spec: Matmul, tiling: MatrixTiling) -> int:
    """The size of the panels that are copied before the product."""
    if tiling.panels is not Panels.PACKED:
        return 0
    panels = -(-spec.n // tiling.columns)
    copies = spec.batch if spec.b_strides[0] else 1
    return copies * panels * tiling.columns * tiling.depth


def held_by_part(tiling: MatrixTiling) -> int:
    """How many sums of a part wait from one stretch of p to the next."""
    return tiling.height * tiling.width if tiling.blocks > 1 else 0
