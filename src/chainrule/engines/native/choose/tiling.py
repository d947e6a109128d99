"""What products of matrices are cut from, and what all ways of cutting share.

Place on the road: below ``choose.matmul`` and ``choose.matrix``, which choose.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import ClassVar

from ....dtypes import DType
from .words import Words


@dataclass(frozen=True)
class Matmul:
    """What to multiply: sizes, and strides in elements.

    ``a_strides`` are those of (batch, i, p), ``b_strides`` of (batch, p, j),
    ``c_strides`` of (batch, i, j), the last of which is 1. Where words are pairs, p
    counts these, and strides count words.
    """

    batch: int
    m: int
    n: int
    k: int
    a_strides: tuple[int, int, int]
    b_strides: tuple[int, int, int]
    c_strides: tuple[int, int, int]
    dtype: DType
    words: Words = Words.NUMBERS


class Panels(Enum):
    """How tiles read the columns of B that they need; see the table above."""

    DIRECT = "direct"
    STREAMED = "streamed"
    PACKED = "packed"
    COPIED = "copied"
    PREPARED = "prepared"


@dataclass(frozen=True)
class Tiling:
    """How a product is cut; what all forms of tiles have in common.

    Attributes:
        lanes: of a vector.
        rows, columns: of a tile; the last ones may be smaller.
        by_panel: whether parts share the panels, or the row tiles.
        panels: how panels are read.
        copies_rows: whether what tiles read of A is copied before the product, so that
            it lies together.
        together: how many panels are worked on together.
        row_block: how many rows of A all panels, or these, are multiplied by at a time;
            0: all of the part.
        chunk: of how many rows sums wait from one stretch of p to the next, where that
            is not all.
    """

    lanes: int
    rows: int
    columns: int
    by_panel: bool
    panels: Panels
    copies_rows: bool = field(default=False, kw_only=True)
    together: int = field(default=1, kw_only=True)
    row_block: int = field(default=0, kw_only=True)
    chunk: int = field(default=0, kw_only=True)

    form: ClassVar[str]

    @property
    def copies(self) -> bool:
        """Whether parts copy panels to their scratch memory."""
        return self.panels is Panels.PACKED

    @property
    def in_panels(self) -> bool:
        """Whether tiles read B from panels, not from where it lies."""
        return self.panels in (Panels.PACKED, Panels.COPIED, Panels.PREPARED)

    def units(self, spec: Matmul) -> int:
        """Into how many pieces at most the product can be divided."""
        if self.by_panel:
            pieces = -(-spec.n // (self.columns * self.together))
        else:
            pieces = -(-spec.m // (self.chunk or self.rows))
        return spec.batch * pieces

    def padded(self, k: int) -> int:
        """The rows of a panel for this length of p."""
        return k

    def stretches(self, k: int) -> tuple[int, int]:
        """Into how many stretches p is divided, and the length of the longest."""
        return 1, k

    def __str__(self) -> str:
        text = f"{self.form} {self.rows}×{self.columns}, {self.panels.value}"
        if self.copies_rows:
            text = f"{text}, rows copied"
        blocks, longest = self.stretches(0)
        text = text if blocks == 1 else f"{text} by {longest}"
        return text if self.together == 1 else f"{text}, {self.together} panels at once"


def with_plain_strides(spec: Matmul) -> Matmul:
    """The same product with convenient strides along axes of length 1, where any will
    do.
    """
    (ba, ia, pa), (bb, pb, jb) = spec.a_strides, spec.b_strides
    a = (ba, ia if spec.m > 1 else 0, pa if spec.k > 1 else 1)
    b = (bb, pb if spec.k > 1 else 1, jb if spec.n > 1 else 1)
    return replace(spec, a_strides=a, b_strides=b)
