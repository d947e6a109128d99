"""How a product of matrices is cut on this processor: tiles, panels, blocks of k.

Place on the road: ``plan`` says which product; ``write.matmul`` writes it as is chosen
here. Choices by arithmetic; nothing of LLVM.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ....dtypes import DType
from ..plan.kernels import Product
from ..plan.views import View
from .processor import IN_FLIGHT, Host


@dataclass(frozen=True)
class Matmul:
    """What to multiply: sizes, and strides in elements.

    ``a_strides`` are those of (batch, i, p), ``b_strides`` of (batch, p, j),
    ``c_strides`` of (batch, i, j), the last of which is 1.
    """

    batch: int
    m: int
    n: int
    k: int
    a_strides: tuple[int, int, int]
    b_strides: tuple[int, int, int]
    c_strides: tuple[int, int, int]
    dtype: DType


@dataclass(frozen=True)
class Tiling:
    """How a product is cut.

    Attributes:
        kind: of the tiles, "outer", "tall" or "inner".
        lanes: of a vector.
        rows, columns: of a tile; the last ones may be smaller.
        blocks: the number of stretches of p.
        longest: the length of the longest of them.
        packed: whether panels are copied.
        by_panel: whether parts share the panels, or the row tiles.
        group: for inner products, how many columns are computed at a time.
        held: how many sums of a part wait in memory from one stretch of p to the next.
        streams: whether all panels are gone through for each stretch of p, or all
            stretches for each panel.
        ready: whether B has been copied to panels before (``emit_panels``).
    """

    kind: str
    lanes: int
    rows: int
    columns: int
    blocks: int
    longest: int
    packed: bool
    by_panel: bool
    group: int = 0
    held: int = 0
    streams: bool = False
    ready: bool = False


#: The longest stretch of p that is summed before C is stored: a panel of it stays in
#: the second-level cache.
LONGEST_BLOCK = 1024

#: A panel of at most this many bytes is read where it lies: it stays in the first-level
#: cache from one tile to the next.
SMALL_PANEL = 16 << 10

PAGE = 4096

#: Where C has at most so many rows, panels of B are read where they lie: copying them
#: would not pay.
MANY_ROWS = 128

#: Few rows times a matrix of more bytes than this go through it some of its rows at a
#: time, all panels for these: few pages are then in use, and what comes next is asked
#: for ahead. A vector takes fewer rows at a time.
LARGE_MATRIX, STREAMED_ROWS, STREAMS = 1 << 20, 256, 8

#: Inner products where C has at most so many rows or columns, and p is so many
#: vectors long; of long vectors they are the best way for any A that stays in the
#: second-level cache, because nothing is packed.
FEW_ROWS, FEW_COLUMNS, SHORT, LONG = 8, 12, 4, 40

SMALL_MATRIX = 512 << 10

#: The columns of a tall tile, and those that are always worth copying for inner
#: products.
NARROW = 4


def oriented(spec: Matmul) -> tuple[Matmul, bool]:
    """The product as it is best computed, and whether that is Cᵀ = Bᵀ Aᵀ.

    A C of one column, contiguous, is a row of the transposed product, whose vectors
    run along it. Rows and columns of the epilogue are then exchanged.
    """
    by_batch, by_row, _ = spec.c_strides
    if spec.n != 1 or spec.m == 1 or by_row != 1:
        return spec, False
    (of_a, i, p), (of_b, q, _) = spec.a_strides, spec.b_strides
    strides = (of_b, 0, q), (of_a, p, i), (by_batch, 0, 1)
    return Matmul(spec.batch, 1, spec.m, spec.k, *strides, spec.dtype), True


def choose_tiling(spec: Matmul, vector_bytes: int, registers: int) -> Tiling:
    """The tiling for a processor with this vector width and number of registers."""
    spec = with_plain_strides(spec)
    size = spec.dtype.itemsize
    lanes = vector_bytes // size
    if _is_inner(spec, lanes):
        return _inner_tiling(spec, lanes, registers)
    if spec.a_strides[1] == 1 and spec.n <= NARROW and spec.m >= 4 * lanes:
        fitting = (registers - 2) // (spec.n + 1)
        rows = lanes * max(1, min(-(-IN_FLIGHT // spec.n), fitting))
        return Tiling("tall", lanes, rows, spec.n, 1, spec.k, False, by_panel=False)
    while lanes * size > 16 and spec.n <= lanes // 2:
        lanes //= 2
    vectors = _vectors(spec, -(-spec.n // lanes), registers)
    rows = _rows(spec.m, vectors, registers)
    columns = lanes * vectors
    by_panel = _by_panel(spec, rows, columns)
    large = spec.k * spec.n * size > LARGE_MATRIX
    streams = _may_stream(spec, by_panel) and large
    direct = streams or _is_direct(spec, rows, columns, by_panel)
    block = LONGEST_BLOCK
    if streams:
        block = STREAMS if spec.m == 1 else STREAMED_ROWS
    elif direct and spec.m <= 2 * rows:
        block = max(1, spec.k)
    blocks = max(1, -(-spec.k // block))
    waiting = spec.m if blocks > 1 else 0
    if streams:
        waiting *= -(-spec.n // columns)
    return Tiling(
        "outer",
        lanes,
        rows,
        columns,
        blocks,
        longest=-(-spec.k // blocks),
        packed=not direct,
        by_panel=by_panel,
        held=waiting * columns,
        streams=streams,
    )


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
    spread = by_row * size % PAGE != 0  # else its rows compete for the same cache lines
    return spread and spec.k * columns * size <= SMALL_PANEL


def _may_stream(spec: Matmul, by_panel: bool) -> bool:
    """Whether a B that comes from memory may be gone through row by row."""
    return (
        by_panel and spec.batch == 1 and spec.m <= MANY_ROWS and spec.b_strides[2] == 1
    )


def _by_panel(spec: Matmul, rows: int, columns: int) -> bool:
    """Whether there are enough panels to share out."""
    return -(-spec.n // columns) * spec.batch >= 4 or spec.m <= rows


def with_plain_strides(spec: Matmul) -> Matmul:
    """Strides along axes of one element, which say nothing, made convenient."""
    (ba, ia, pa), (bb, pb, jb) = spec.a_strides, spec.b_strides
    a = (ba, ia if spec.m > 1 else 0, pa if spec.k > 1 else 1)
    b = (bb, pb if spec.k > 1 else 1, jb if spec.n > 1 else 1)
    return replace(spec, a_strides=a, b_strides=b)


def _is_inner(spec: Matmul, lanes: int) -> bool:
    if spec.k < SHORT * lanes or spec.a_strides[2] != 1:
        return False
    if spec.b_strides[1] == 1:
        small = spec.m * spec.k * spec.dtype.itemsize <= SMALL_MATRIX
        long = spec.k >= LONG * lanes and small
        return long or spec.m <= FEW_ROWS or spec.n <= FEW_COLUMNS
    # Else B is copied, which takes many rows to pay.
    filled = spec.n / (1 << (spec.n - 1).bit_length())
    wasteful = spec.n <= FEW_COLUMNS and filled < 0.75
    return spec.m >= 16 and (spec.n <= NARROW or (wasteful and spec.m >= 24 * spec.n))


def _inner_tiling(spec: Matmul, lanes: int, registers: int) -> Tiling:
    """As many sums as leave registers for their factors: all columns, or groups."""
    most = 20 if registers >= 32 else 12
    columns = min(spec.n, lanes)
    if columns == spec.n and columns <= most // 2:
        group = columns
        rows = min(most // columns, spec.m, 8)
    else:
        rows = min(spec.m, 4 if most >= 16 else 3)
        group = min(columns, 4 if rows > 2 else min(16, most) // rows)
    packed, by_panel = spec.b_strides[1] != 1, _by_panel(spec, rows, columns)
    return Tiling("inner", lanes, rows, columns, 1, spec.k, packed, by_panel, group)


def _vectors(spec: Matmul, needed: int, registers: int) -> int:
    """How many vectors wide a tile is: the wider, the fewer its rows."""
    wanted = {1: 8, 2: 6, 3: 4, 4: 4, 5: 3, 6: 3}.get(spec.m, 2)
    if needed == 3 and registers >= 32:
        wanted = max(3, wanted)
    if registers < 32:
        wanted = min(wanted, max(2, (registers - 3) // (spec.m + 1)))
    return max(1, min(wanted, needed))


def _rows(m: int, vectors: int, registers: int) -> int:
    """How many rows high a tile is: such that the last one is not much smaller."""
    most = (registers - vectors - 2) // vectors
    most = min(14 if vectors < 3 else 8, max(1, most))
    if m <= most:
        return max(1, m)

    def cost(rows: int) -> tuple[float, int, int]:
        rest = m % rows
        time = m // rows * max(rows * vectors, IN_FLIGHT)
        if rest:
            time += max(rest * vectors, IN_FLIGHT)
        return time, rest > 0, abs(rows - 8)

    return min(range(max(1, most // 2), most + 1), key=cost)


def scratch_elements(tiling: Tiling) -> int:
    """How many elements of scratch memory each part needs."""
    own = tiling.packed and not tiling.ready
    panel = tiling.longest * tiling.columns if own else 0
    return panel + tiling.held


def ready_tiling(tiling: Tiling, spec: Matmul) -> Tiling | None:
    """The tiling for a B that lies in panels; None where they would not be used.

    A factor that is multiplied again and again, as in a loop, is copied once.
    """
    if tiling.kind != "outer":
        return None
    return replace(
        tiling, packed=True, ready=True, blocks=1, longest=spec.k, held=0, streams=False
    )


def panel_elements(spec: Matmul, tiling: Tiling) -> int:
    """How many elements all panels of B have."""
    return -(-spec.n // tiling.columns) * tiling.columns * spec.k


#: A vector times a matrix that comes from memory is shared out in so many parts at
#: least, and in more of so many bytes of a row each.
FEWEST_STREAMS, STREAM_BYTES = 4, 1 << 13


def specification(kernel: Product) -> Matmul:
    """The product's sizes and strides."""
    a, b = kernel.operands
    batch, m, n = kernel.shape
    store = kernel.stores[kernel.main_store()][1]

    def strides(view: View) -> tuple[int, int, int]:
        x, y, z = view.strides
        return x, y, z

    x, y, _ = store.strides
    dtype = kernel.steps[0].call.output
    return Matmul(batch, m, n, a.shape[2], strides(a), strides(b), (x, y, 1), dtype)


def tiling_of(kernel: Product, host: Host) -> Tiling:
    """How the product is cut on this processor."""
    spec = specification(kernel)
    tiling = choose_tiling(spec, host.vector_bytes, host.registers)
    if kernel.in_panels:
        found = ready_tiling(tiling, spec)
        assert found is not None
        return found
    return tiling


def prepared_tiling(kernel: Product, host: Host) -> Tiling | None:
    """The tiling for a second factor in panels; None where that would not be used."""
    if kernel.operands[1].strides[0]:
        return None  # another matrix for every one of the batch
    return ready_tiling(tiling_of(kernel, host), specification(kernel))


def scratch_bytes(kernel: Product, host: Host) -> int:
    """Scratch memory for each part."""
    return (
        scratch_elements(tiling_of(kernel, host)) * kernel.steps[0].call.output.itemsize
    )


def units_of(kernel: Product, host: Host) -> int:
    """Into how many pieces at most the product can be shared out."""
    spec, tiling = specification(kernel), tiling_of(kernel, host)
    if kernel.across and not tiling.by_panel:
        return 1  # a part has whole columns
    if tiling.streams and spec.m == 1:  # long pieces of rows are read faster
        return max(FEWEST_STREAMS, spec.n * spec.dtype.itemsize // STREAM_BYTES)
    pieces = (
        -(-spec.n // tiling.columns) if tiling.by_panel else -(-spec.m // tiling.rows)
    )
    return spec.batch * pieces
