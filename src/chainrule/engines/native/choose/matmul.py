"""How a product of matrices is cut on this processor: tiles, panels, stretches of p.

Place on the road: ``plan`` says which product; ``write.matmul`` writes it as is chosen
here. Choices by arithmetic; nothing of LLVM.

C (m × n) = A (m × k) · B (k × n), computed tile by tile; a *panel* is the columns of B
that a tile needs. The first line that fits decides the form of the tiles:

=========  =============================================================================
inner      A's rows are contiguous and k is at least 4 vectors (1 where C has one row);
           and B's columns are too, where C has at most 8 rows or 12 columns; with 32
           registers also where C has at most 32 rows and k is at least 1 KiB, or k is
           at least 40 vectors and A at most 512 KiB; or else, where C has few columns
           but many rows, B is copied
tall       A's columns are contiguous, C has at most 4 columns and at least 4 vectors of
           rows
outer      everything else
=========  =============================================================================

and for outer tiles, how they read their panels:

=========  =============================================================================
streamed   B is larger than 1 MiB and its rows are contiguous, C has at most 128 rows:
           all panels for a few rows of B at a time
direct     B's rows are contiguous, and C is at most two tiles high, or the parts share
           the rows of C, or C has at most 128 rows and B or k is small, or a panel fits
           the first-level cache: panels are read where they lie
prepared   a loop has copied B to panels before its first step
copied     C has more than 128 rows and B at most 1 MiB, or columns of C are summed in
           parts; but not if a part has to have whole columns: all panels are copied
           before the product, then parts share the rows of C; in chunks of rows and
           short stretches of p where A's numbers lie far apart and C has at most 192
           columns
packed     everything else: each part copies a panel, then uses it for all its rows;
           several panels, for one block of rows after the other, where A is larger than
           4 MiB
=========  =============================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from .matrix import (
    MatrixTiling,
    copied_panel_elements,
    held_by_part,
    row_elements,
)
from .processor import IN_FLIGHT, MANY_REGISTERS
from .tiling import Matmul, Panels, Tiling, with_plain_strides


@dataclass(frozen=True)
class OuterTiling(Tiling):
    """Tiles of outer products: columns of A times rows of B.

    Attributes:
        blocks, longest: the number of stretches of p, and the length of the longest.
        held: how many sums of a part wait in memory from one stretch of p to the next.
    """

    blocks: int
    longest: int
    held: int = 0

    form: ClassVar[str] = "outer"

    def stretches(self, k: int) -> tuple[int, int]:
        """Into how many stretches p is divided, and the length of the longest."""
        return self.blocks, self.longest


@dataclass(frozen=True)
class TallTiling(Tiling):
    """Tiles of many rows and a few columns, whose vectors run down the columns."""

    form: ClassVar[str] = "tall"


@dataclass(frozen=True)
class InnerTiling(Tiling):
    """Tiles of inner products: rows of A times columns of B.

    Attributes:
        group: how many columns are computed at a time.
    """

    group: int

    form: ClassVar[str] = "inner"


#: The longest stretch of p that is summed before sums are put aside: a panel of that
#: length stays in the second-level cache.
LONGEST_BLOCK = 1024

#: A panel of at most this many bytes is read where it lies: it stays in the first-level
#: cache from one tile to the next.
SMALL_PANEL = 16 << 10

#: Rows of B that are a multiple of this many bytes apart compete for the same lines of
#: the first-level cache: as many as it has ways stay there. Those half as far apart
#: compete for twice as many, and so on.
PAGE, WAYS = 4096, 8

#: In the second-level cache, too: where the distance is a multiple of a power of two,
#: up to ``FARTHEST``, a panel takes as much of it as if it filled that distance, and
#: one that takes more than ``CROWDED`` bytes may not stay there.
FARTHEST, CROWDED = 1 << 16, 1 << 18

#: Up to this many rows of C, panels of B are copied only where a trial says so.
MANY_ROWS = 128

#: A B of more bytes than this comes from memory. Where C has few rows, it is streamed:
#: ``STREAMED_ROWS`` rows of B at a time, ``STREAMS`` where C has one row, for all
#: panels. Few pages are then in use, and what comes next can be prefetched.
LARGE_MATRIX, STREAMED_ROWS, STREAMS = 1 << 20, 256, 8

#: An A of more than ``LARGE_ROWS`` bytes is multiplied by up to ``MOST_PANELS`` panels
#: at a time, as long as there are ``FEWEST_GROUPS`` of such groups for the threads: the
#: panels of a stretch of p, ``PANEL_OF_SEVERAL`` bytes each, and ``BLOCK_OF_ROWS``
#: bytes of A stay in the second-level cache. The sums of about ``HELD_ROWS`` rows wait
#: from one stretch to the next.
LARGE_ROWS, MOST_PANELS, FEWEST_GROUPS = 4 << 20, 8, 8
PANEL_OF_SEVERAL, BLOCK_OF_ROWS, HELD_ROWS = 32 << 10, 128 << 10, 1024

#: Where parts share the rows of C, they multiply all panels by as large a block of A's
#: rows, but at least so many tiles, at a time.
SOME_TILES = 8

#: Numbers of A that follow each other in the sum and lie at least ``FAR_APART`` bytes
#: apart compete for lines of the caches, and are on many pages, where the sum has at
#: least ``LONG_SUM`` terms.
FAR_APART, LONG_SUM = 1 << 9, 128

#: Then, for more than ``CHUNK_TERMS`` of them and at most ``CHUNK_COLUMNS`` of C, a
#: chunk of at most ``CHUNK`` rows is multiplied by stretches of at most
#: ``SHORT_STRETCH`` terms of all panels (``CHUNK_PANELS`` numbers at most), twice as
#: many where registers are few: tiles are smaller then, and sums wait more often. The
#: lines that have a tile's numbers are few, and are in the cache for the next panels,
#: and for the next tile, which has numbers there, too. The number of chunks is a
#: multiple of ``EVEN``: two threads, or four, have as many each.
CHUNK_COLUMNS, CHUNK_PANELS, CHUNK, SHORT_STRETCH = 192, 1 << 20, 192, 64
EVEN, CHUNK_TERMS = 4, 256

#: Tiles are ``PLAIN`` vectors wide. From ``WIDE_ROWS`` rows of C on ``WIDE`` are tried:
#: for each multiplication they load less, and A is read half as often.
PLAIN, WIDE, WIDE_ROWS = 2, 4, 32

#: Parts share panels, not rows, from so many on.
FEWEST_PANELS = 4

#: Inner products need at least ``SHORT`` vectors of p; of a single row of C, one. They
#: are used where C has few rows or columns; with many registers from ``LONG`` vectors
#: on, nothing being packed, for any A that stays in the second-level cache
#: (``SMALL_MATRIX`` bytes).
FEW_ROWS, FEW_COLUMNS, SHORT, LONG = 8, 12, 4, 40
#: Up to so many rows of C, and from so many bytes of p on, inner products are made
#: faster than B is copied.
SOME_ROWS, LONG_ROW = 32, 1024
SMALL_MATRIX = 512 << 10

#: The most columns of a tall tile, and of a C for whose inner products B is always
#: worth copying.
NARROW = 4


def choose_tiling(
    spec: Matmul,
    vector_bytes: int,
    registers: int,
    in_panels: bool = False,
    whole_columns: bool = False,
    wide: bool = False,
    by_rows: bool = False,
) -> Tiling:
    """The tiling for a processor with this vector width and number of registers.

    ``in_panels`` says that B is copied to panels once, before a loop, where that helps;
    ``whole_columns`` that a part has to have all rows of the columns it works on;
    ``wide`` that a tile of outer products may have four vectors of columns and fewer
    rows: see ``may_be_wide``; ``by_rows`` that a part has all columns of its rows.
    """
    spec = with_plain_strides(spec)
    size = spec.dtype.itemsize
    lanes = vector_bytes // size
    if _is_inner(spec, lanes, registers, in_panels):
        inner = _inner_tiling(spec, lanes, registers)
        return replace(inner, by_panel=False) if by_rows else inner
    if spec.a_strides[1] == 1 and spec.n <= NARROW and spec.m >= 4 * lanes:
        fitting = (registers - 2) // (spec.n + 1)
        rows = lanes * max(1, min(-(-IN_FLIGHT // spec.n), fitting))
        return TallTiling(lanes, rows, spec.n, by_panel=False, panels=Panels.DIRECT)
    while lanes * size > 16 and spec.n <= lanes // 2:
        lanes //= 2
    vectors = _vectors(spec, -(-spec.n // lanes), registers, wide)
    rows = _rows(spec.m, vectors, registers)
    shape = lanes, rows, vectors
    if not (whole_columns or by_rows) and _in_chunks(spec):
        return _chunks(spec, *shape, registers)
    return _outer_tiling(spec, *shape, whole_columns, by_rows)


def _outer_tiling(
    spec: Matmul,
    lanes: int,
    rows: int,
    vectors: int,
    whole_columns: bool,
    by_rows: bool,
) -> OuterTiling:
    """How tiles of this size read their panels, and in how many stretches of p."""
    columns = lanes * vectors
    # Stretches of p, and with them results, are those of tiles that are not wide.
    plain = lanes * min(vectors, PLAIN)
    by_panel = whole_columns or _by_panel(spec, rows, plain)
    large = spec.k * spec.n * spec.dtype.itemsize > LARGE_MATRIX
    block = LONGEST_BLOCK
    if large and _may_stream(spec, by_panel):
        panels = Panels.STREAMED
        block = STREAMS if spec.m == 1 else STREAMED_ROWS
    elif _is_direct(spec, rows, columns, by_panel or by_rows):
        panels, by_panel = Panels.DIRECT, by_panel and not by_rows
        if spec.m <= 2 * rows:
            block = max(1, spec.k)
    elif by_rows or (not (large or whole_columns) and _is_copied(spec)):
        panels, by_panel, block = Panels.COPIED, False, max(1, spec.k)
    else:
        panels = Panels.PACKED
    blocks = max(1, -(-spec.k // block))
    held = spec.m * columns if blocks > 1 else 0
    if panels is Panels.STREAMED:
        held *= -(-spec.n // columns)
    longest = -(-spec.k // blocks)
    found = OuterTiling(lanes, rows, columns, by_panel, panels, blocks, longest, held)
    if by_panel or found.copies:
        return _several(spec, found)
    tiles = BLOCK_OF_ROWS // (max(1, spec.k) * spec.dtype.itemsize * rows)
    return replace(found, row_block=max(SOME_TILES, tiles) * rows)


def _several(spec: Matmul, tiling: OuterTiling) -> OuterTiling:
    """The same tiles for several panels together, where A comes from memory: it is read
    once for all of them.
    """
    size, plain = spec.dtype.itemsize, min(tiling.columns, PLAIN * tiling.lanes)
    together = min(MOST_PANELS, -(-spec.n // plain) // FEWEST_GROUPS)
    large = spec.m * spec.k * size > LARGE_ROWS
    if together < 2 or not large or spec.batch > 1 or not tiling.copies:
        return tiling
    together = max(1, together * plain // tiling.columns)
    blocks = -(-spec.k * plain * size // PANEL_OF_SEVERAL)
    longest = -(-spec.k // blocks)
    row_block = max(1, BLOCK_OF_ROWS // (longest * size * tiling.rows)) * tiling.rows
    chunk = max(1, HELD_ROWS // row_block) * row_block
    return replace(
        tiling,
        blocks=blocks,
        longest=longest,
        held=chunk * tiling.columns * together if blocks > 1 else 0,
        together=together,
        row_block=row_block,
        chunk=chunk,
    )


def _in_chunks(spec: Matmul) -> bool:
    """Whether A's numbers lie far apart, and C has few columns: a chunk of rows stays
    in the cache until all columns are done."""
    few = spec.n <= CHUNK_COLUMNS and spec.k * spec.n <= CHUNK_PANELS
    long = spec.k > CHUNK_TERMS and is_far_apart(spec)
    return long and few and _is_copied(spec)


def _chunks(
    spec: Matmul, lanes: int, rows: int, vectors: int, registers: int
) -> OuterTiling:
    """Tiles of a short stretch of p of a chunk of rows after the other."""
    few, columns = registers < MANY_REGISTERS, lanes * vectors
    blocks = -(-spec.k // (2 * SHORT_STRETCH if few else SHORT_STRETCH))
    chunks = EVEN * -(-spec.m // (EVEN * CHUNK))
    chunk = -(-spec.m // (chunks * rows)) * rows
    width = -(-spec.n // columns) * columns
    return OuterTiling(
        lanes,
        rows,
        columns,
        by_panel=False,
        panels=Panels.COPIED,
        blocks=blocks,
        longest=-(-spec.k // blocks),
        held=chunk * width,
        row_block=rows,
        chunk=chunk,
    )


def packed(spec: Matmul, tiling: OuterTiling) -> OuterTiling:
    """The same tiles with panels that are copied, in the same stretches of p: each has
    a sum of its own, so that another division would round otherwise."""
    held = spec.m * tiling.columns if tiling.blocks > 1 else 0
    return replace(tiling, panels=Panels.PACKED, held=held)


def _is_direct(spec: Matmul, rows: int, columns: int, by_panel: bool) -> bool:
    """Whether panels of B are read where they lie.

    Parts that share the rows of C would each copy all of B.
    """
    _, by_row, by_column = spec.b_strides
    if by_column != 1:
        return False
    if spec.m <= 2 * rows or not by_panel:
        return True
    size = spec.dtype.itemsize
    small = spec.k * spec.n * size <= LARGE_MATRIX
    if spec.m <= MANY_ROWS and (small or spec.k <= LONGEST_BLOCK):
        return True
    if spec.k * columns * size > SMALL_PANEL:
        return False
    return spec.k <= WAYS * PAGE // math.gcd(by_row * size, PAGE)


def is_crowded(spec: Matmul, tiling: OuterTiling) -> bool:
    """Whether a panel that is read where it lies takes much of the second-level cache,
    because of the distance of its rows."""
    apart = math.gcd(spec.b_strides[1] * spec.dtype.itemsize, FARTHEST)
    return tiling.longest * apart > CROWDED


def is_far_apart(spec: Matmul) -> bool:
    """Whether numbers of A that follow each other in the sum lie far apart."""
    apart = abs(spec.a_strides[2]) * spec.dtype.itemsize
    return spec.a_strides[1] == 1 and apart >= FAR_APART and spec.k >= LONG_SUM


def _is_copied(spec: Matmul) -> bool:
    """Whether all panels are copied before the product. Each part reads its rows of A
    once then, and all panels from the second-level cache."""
    return spec.batch == 1 and spec.m > MANY_ROWS


def _may_stream(spec: Matmul, by_panel: bool) -> bool:
    """Whether a B that comes from memory may be streamed."""
    return (
        by_panel and spec.batch == 1 and spec.m <= MANY_ROWS and spec.b_strides[2] == 1
    )


def _by_panel(spec: Matmul, rows: int, columns: int) -> bool:
    """Whether parts share the panels: there are enough, or only one tile of rows."""
    return -(-spec.n // columns) * spec.batch >= FEWEST_PANELS or spec.m <= rows


def _is_inner(spec: Matmul, lanes: int, registers: int, in_panels: bool) -> bool:
    shortest = lanes if spec.m == 1 else SHORT * lanes
    if spec.k < shortest or spec.a_strides[2] != 1:
        return False
    if spec.b_strides[1] == 1:
        row = spec.k * spec.dtype.itemsize
        long = spec.k >= LONG * lanes and spec.m * row <= SMALL_MATRIX
        some = spec.m <= SOME_ROWS and row >= LONG_ROW and not in_panels
        if registers >= MANY_REGISTERS and (long or some):
            return True
        return spec.m <= FEW_ROWS or spec.n <= FEW_COLUMNS
    # Else B is copied, which takes many rows to pay.
    filled = spec.n / (1 << (spec.n - 1).bit_length())
    wasteful = spec.n <= FEW_COLUMNS and filled < 0.75
    return spec.m >= 16 and (spec.n <= NARROW or (wasteful and spec.m >= 24 * spec.n))


def _inner_tiling(spec: Matmul, lanes: int, registers: int) -> InnerTiling:
    """As many sums as leave registers for their factors: all columns, or groups."""
    many = registers >= MANY_REGISTERS
    most, columns = 20 if many else 12, min(spec.n, lanes)
    if columns == spec.n and columns <= most // 2:
        group = columns
        rows = min(most // columns, spec.m, 8)
    else:
        rows = min(spec.m, 6 if many else 3)
        group = min(columns, 4 if rows > 2 else min(16, most) // rows)
    panels = Panels.DIRECT if spec.b_strides[1] == 1 else Panels.PACKED
    by_panel = _by_panel(spec, rows, columns)
    return InnerTiling(lanes, rows, columns, by_panel, panels, group)


def may_be_wide(spec: Matmul, tiling: Tiling, registers: int) -> bool:
    """Whether tiles of four vectors are another way to cut this product, and leave
    enough panels to be shared out."""
    if not isinstance(tiling, OuterTiling) or tiling.panels is Panels.STREAMED:
        return False
    if registers < MANY_REGISTERS or spec.m < WIDE_ROWS:
        return False
    panels = -(-spec.n // (WIDE * tiling.lanes)) * spec.batch
    return spec.n > PLAIN * tiling.lanes and (
        panels >= FEWEST_PANELS or not tiling.by_panel
    )


def _vectors(spec: Matmul, needed: int, registers: int, wide: bool) -> int:
    """How many vectors wide a tile is: the wider, the fewer its rows."""
    if wide and spec.m >= WIDE_ROWS and registers >= MANY_REGISTERS:
        panels = -(-needed // WIDE)
        return -(-needed // panels)
    wanted = {1: 8, 2: 6, 3: 4, 4: 4, 5: 3, 6: 3}.get(spec.m, PLAIN)
    if needed == 3 and registers >= MANY_REGISTERS:
        wanted = max(3, wanted)
    if registers < MANY_REGISTERS:
        wanted = min(wanted, max(2, (registers - 3) // (spec.m + 1)))
    return max(1, min(wanted, needed))


def _rows(m: int, vectors: int, registers: int) -> int:
    """How many rows high a tile is, such that the last one is not much smaller."""
    most = (registers - vectors - 2) // vectors
    most = min(14 if vectors < 3 else 8, max(1, most))
    if m <= most:
        return max(1, m)
    loading = 0 if registers >= MANY_REGISTERS and vectors < WIDE else 1

    def cost(rows: int) -> tuple[int, bool, int]:
        rest = m % rows
        time = m // rows * (max(rows * vectors, IN_FLIGHT) + loading)
        if rest:
            time += max(rest * vectors, IN_FLIGHT) + loading
        return time, rest > 0, abs(rows - 8)

    return min(range(max(1, most // 2), most + 1), key=cost)


def scratch_elements(spec: Matmul, tiling: Tiling) -> int:
    """How many elements of scratch memory each part needs."""
    if isinstance(tiling, MatrixTiling):
        return held_by_part(tiling)
    _, longest = tiling.stretches(spec.k)
    panels = longest * tiling.columns * tiling.together if tiling.copies else 0
    return panels + held_elements(tiling)


def copied_elements(spec: Matmul, tiling: Tiling) -> int:
    """How many elements of factors are copied before the product begins."""
    return sum(copies_of(spec, tiling))


def copies_of(spec: Matmul, tiling: Tiling) -> tuple[int, int]:
    """How many are copied of A and of B."""
    if isinstance(tiling, MatrixTiling):
        return row_elements(spec, tiling), copied_panel_elements(spec, tiling)
    rows = panels = 0
    if tiling.copies_rows:
        tiles = -(-spec.m // tiling.rows)
        batches = spec.batch if spec.a_strides[0] else 1
        rows = batches * tiles * tiling.rows * spec.k
    if tiling.panels is Panels.COPIED:
        panels = panel_elements(spec, tiling)
    return rows, panels


def read_from_copies(spec: Matmul, tiling: Tiling) -> Matmul:
    """The product whose A lies in rows, or rows of tiles, where these are copied."""
    size, _ = copies_of(spec, tiling)
    if not size:
        return spec  # panels that are copied are read as such, whatever B's strides
    batch = size // spec.batch if spec.a_strides[0] else 0
    if isinstance(tiling, MatrixTiling):
        return replace(spec, a_strides=(batch, tiling.depth, 1))
    return replace(spec, a_strides=(batch, 1, tiling.rows))


def held_elements(tiling: Tiling) -> int:
    """How many of these are sums that wait; they stand behind the panel."""
    return tiling.held if isinstance(tiling, OuterTiling) else 0


def prepared(tiling: Tiling, spec: Matmul) -> Tiling | None:
    """The tiling for a B that lies in panels; None where they would not be used.

    A factor that is multiplied again and again, as in a loop, is copied once.
    """
    if isinstance(tiling, MatrixTiling):
        return replace(tiling, panels=Panels.PREPARED)
    if not isinstance(tiling, OuterTiling):
        return None
    whole = replace(tiling, together=1, row_block=0, chunk=0)
    return replace(whole, panels=Panels.PREPARED, blocks=1, longest=spec.k, held=0)


def panel_elements(spec: Matmul, tiling: Tiling) -> int:
    """How many elements all panels of B have."""
    return -(-spec.n // tiling.columns) * tiling.columns * tiling.padded(spec.k)
