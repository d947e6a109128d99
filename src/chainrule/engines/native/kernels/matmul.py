"""Products of matrices: register tiles, panels that fit the caches, fused epilogues.

C[i, j] = Σₚ A[i, p] · B[p, j], for static sizes and strides. Three nested ideas:

- **Register tile.** ``rows × columns`` of C stay in vector registers while p runs: for
  each p the ``columns`` of B are loaded as vectors, each of the ``rows`` elements of A
  is broadcast, and every pair is one fused multiply-add. Eight rows of two 512-bit
  vectors keep the multipliers busy in every cycle, and read little.
- **Panel.** The columns of B that a register tile needs. A panel that would be read
  with a bad stride is first copied to contiguous memory (``panels``).
- **Parts.** The panels (or, for narrow C, the row tiles) are shared out in a fixed way,
  so every element of C is summed by one thread in one order: results do not depend on
  how many threads there are.

The epilogue is the elementwise work that follows the product (bias, activation, an
activation's derivative): it is written on the registers of a finished tile, before they
are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from llvmlite import ir

from ....dtypes import DType
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    constant,
    index,
    intrinsic,
    linear,
    load,
    loop,
    share,
    splat,
    store,
    suffix,
    wide,
)
from .panels import emit_packer, first_lanes, wide_element

#: ``epilogue(builder, values, context, batch, row, column, mask)`` → the vector to
#: store in C. ``context`` is the pointer given to the product: the epilogue finds its
#: operands there. ``mask`` is None for a whole vector, else which columns exist.
Epilogue = Callable[..., ir.Value]
Mask: TypeAlias = ir.Value | None

#: The longest stretch of p that is summed before C is stored: a panel of it stays in
#: the second-level cache.
LONGEST_BLOCK = 1024
#: A panel of at most this many bytes is read where it lies: it stays in the first-level
#: cache from one tile to the next.
SMALL_PANEL = 16 << 10
PAGE = 4096


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
        lanes, rows, vectors: of a register tile.
        block: the length of a stretch of p.
        packed: whether panels are copied.
        by_panel: whether parts share the panels, or the row tiles.
    """

    lanes: int
    rows: int
    vectors: int
    block: int
    packed: bool
    by_panel: bool

    @property
    def columns(self) -> int:
        """The columns of a panel."""
        return self.lanes * self.vectors


def choose_tiling(spec: Matmul, vector_bytes: int, registers: int) -> Tiling:
    """The tiling for a processor with this vector width and number of registers."""
    size = spec.dtype.itemsize
    lanes = vector_bytes // size
    vectors = 1 if spec.n <= lanes else 2
    most = min(8 if vectors == 2 else 14, (registers - vectors - 2) // vectors)
    rows = min(most, max(1, spec.m))
    _, by_row, by_column = spec.b_strides
    small = spec.k * lanes * vectors * size <= SMALL_PANEL
    spread = by_row * size % PAGE != 0  # else its rows compete for the same cache lines
    direct = by_column == 1 and (spec.m <= 2 * rows or (small and spread))
    panels = -(-spec.n // (lanes * vectors))
    return Tiling(
        lanes,
        rows,
        vectors,
        block=max(1, min(spec.k, LONGEST_BLOCK)),
        packed=not direct,
        by_panel=panels * spec.batch >= 4 or spec.m <= rows,
    )


def scratch_elements(tiling: Tiling) -> int:
    """How many elements of scratch memory each part needs."""
    whole_squares = -(-tiling.block // tiling.lanes) * tiling.lanes
    return whole_squares * tiling.columns if tiling.packed else 0


def emit_matmul(
    module: ir.Module,
    name: str,
    spec: Matmul,
    tiling: Tiling,
    epilogue: Epilogue | None = None,
) -> ir.Function:
    """Writes ``name(a, b, c, scratch, context, part, parts)``, which computes its part
    of C; ``scratch`` has ``scratch_elements`` for each part."""
    return _Product(module, name, spec, tiling, epilogue).emit()


@dataclass(frozen=True)
class _Panel:
    """Where the work on one panel is: values in registers."""

    batch: ir.Value
    column: ir.Value
    columns: ir.Value
    start: ir.Value
    stop: ir.Value


class _Product:
    """The state while one product is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: Matmul,
        tiling: Tiling,
        epilogue: Epilogue | None,
    ) -> None:
        self.module, self.name = module, name
        self.spec, self.tiling, self.epilogue = spec, tiling, epilogue
        self.element = wide_element(spec.dtype)
        self.vector = wide(self.element, tiling.lanes)
        self.tiles: dict[tuple[int, bool], ir.Function] = {}
        self.packer = self._packer() if tiling.packed else None
        kind = ir.FunctionType(VOID, [POINTER] * 5 + [I64, I64])
        self.function = ir.Function(module, kind, name)
        self.a, self.b, self.c, scratch, self.context, self.part, self.parts = (
            self.function.args
        )
        self.ir = ir.IRBuilder(self.function.append_basic_block("entry"))
        own = linear(self.ir, 0, [(self.part, scratch_elements(tiling))])
        self.scratch = address(self.ir, scratch, self.element, own)

    def _packer(self) -> ir.Function:
        _, by_row, by_column = self.spec.b_strides
        lanes, vectors = self.tiling.lanes, self.tiling.vectors
        title = f"{self.name}.pack"
        return emit_packer(
            self.module, title, self.spec.dtype, lanes, vectors, by_row, by_column
        )

    # Who computes what. ---------------------------------------------------------------

    def emit(self) -> ir.Function:
        """The share of a part: one panel, or range of row tiles, after the other."""
        panels = -(-self.spec.n // self.tiling.columns)
        tiles = -(-self.spec.m // self.tiling.rows)
        b = self.ir
        units = self.spec.batch * (panels if self.tiling.by_panel else tiles)
        first, last = share(b, units, self.part, self.parts)
        if self.tiling.by_panel:
            with loop(b, first, last, name="unit") as unit:
                batch, panel = b.sdiv(unit, index(panels)), b.srem(unit, index(panels))
                self._panel(batch, panel, index(0), index(self.spec.m))
        else:
            self._row_share(first, last, tiles, panels)
        b.ret_void()
        return self.function

    def _row_share(
        self, first: ir.Value, last: ir.Value, tiles: int, panels: int
    ) -> None:
        """All panels for the row tiles first … last of the batch entries they are of."""
        b, total = self.ir, index(tiles)
        end = b.sdiv(b.add(last, index(tiles - 1)), total)
        with loop(b, b.sdiv(first, total), end, name="batch") as batch:
            base = b.mul(batch, total)
            low = self._between(b.sub(first, base), tiles)
            high = self._between(b.sub(last, base), tiles)
            start = b.mul(low, index(self.tiling.rows))
            stop = self._between(b.mul(high, index(self.tiling.rows)), self.spec.m)
            with loop(b, 0, panels, name="panel") as panel:
                self._panel(batch, panel, start, stop)

    def _between(self, value: ir.Value, high: int) -> ir.Value:
        """The value brought into 0 … high."""
        b = self.ir
        value = b.select(b.icmp_signed("<", value, index(0)), index(0), value)
        return b.select(b.icmp_signed(">", value, index(high)), index(high), value)

    def _panel(
        self, batch: ir.Value, number: ir.Value, start: ir.Value, stop: ir.Value
    ) -> None:
        """One panel for the rows start … stop, stretch of p by stretch."""
        spec, tiling, b = self.spec, self.tiling, self.ir
        column = b.mul(number, index(tiling.columns))
        columns = self._between(b.sub(index(spec.n), column), tiling.columns)
        panel = _Panel(batch, column, columns, start, stop)
        by_batch, by_row, by_column = spec.b_strides
        with loop(b, 0, max(1, spec.k), step=tiling.block, name="block") as p:
            length = self._between(b.sub(index(spec.k), p), tiling.block)
            place = linear(b, 0, [(batch, by_batch), (p, by_row), (column, by_column)])
            source = address(b, self.b, self.element, place)
            if self.packer is not None:
                b.call(self.packer, [source, self.scratch, length, columns])
                source = self.scratch
            self._tiles(panel, p, length, source)

    def _tiles(
        self, panel: _Panel, p: ir.Value, length: ir.Value, source: ir.Value
    ) -> None:
        """The tiles of a panel, one below the other; the last may have fewer rows."""
        spec, tiling, b = self.spec, self.tiling, self.ir
        size = index(tiling.rows)
        rest = b.srem(b.sub(panel.stop, panel.start), size)
        whole = b.sub(panel.stop, rest)

        def all_rows(masked: bool) -> None:
            def call(row: ir.Value, rows: int) -> None:
                where = [panel.batch, row, panel.column, panel.columns, p, length]
                pointers = [self.a, self.c, source, self.context]
                b.call(self._tile(rows, masked), [*pointers, *where])

            with loop(b, panel.start, whole, step=tiling.rows, name="row") as row:
                call(row, tiling.rows)
            if spec.m % tiling.rows:
                with b.if_then(b.icmp_signed("<", whole, panel.stop)):
                    call(whole, spec.m % tiling.rows)

        if spec.n % tiling.columns == 0:
            all_rows(masked=False)
            return
        full = b.icmp_signed("==", panel.columns, index(tiling.columns))
        with b.if_else(full) as (then, otherwise):
            with then:
                all_rows(masked=False)
            with otherwise:
                all_rows(masked=True)

    def _tile(self, rows: int, masked: bool) -> ir.Function:
        """The function of a register tile, written when first asked for."""
        if (rows, masked) not in self.tiles:
            title = f"{self.name}.tile{rows}{'.masked' if masked else ''}"
            kind = ir.FunctionType(VOID, [POINTER] * 4 + [I64] * 6)
            function = ir.Function(self.module, kind, title)
            function.linkage = "internal"
            function.attributes.add("noinline")
            self.tiles[rows, masked] = function
            _Tile(self, function, rows, masked).emit()
        return self.tiles[rows, masked]


class _Tile:
    """A function (a, c, panel, context, batch, row, column, columns, p, length): adds
    a stretch of p to rows × columns of C."""

    def __init__(
        self, product: _Product, function: ir.Function, rows: int, masked: bool
    ) -> None:
        self.product, self.rows = product, rows
        self.spec, self.tiling = product.spec, product.tiling
        self.element, self.vector = product.element, product.vector
        self.b = ir.IRBuilder(function.append_basic_block("entry"))
        pointers, where = function.args[:4], function.args[4:]
        self.a, self.c, self.panel, self.context = pointers
        self.batch, self.row, self.column, self.columns, self.p, self.length = where
        lanes, vectors = self.tiling.lanes, self.tiling.vectors
        self.masks: list[Mask] = [None] * vectors
        if masked:
            starts = [
                self.b.sub(self.columns, index(v * lanes)) for v in range(vectors)
            ]
            self.masks = [first_lanes(self.b, start, lanes) for start in starts]

    def emit(self) -> None:
        """The whole stretch in registers; after the last one epilogue and store."""
        b, spec = self.b, self.spec
        places = self._places()
        sums = self._sum(self._starts(places))
        if self.product.epilogue is None or spec.k <= self.tiling.block:
            self._finish(sums, places, last=True)
        else:
            ends = b.icmp_signed(">=", b.add(self.p, self.length), index(spec.k))
            with b.if_else(ends) as (then, otherwise):
                with then:
                    self._finish(sums, places, last=True)
                with otherwise:
                    self._finish(sums, places, last=False)
        b.ret_void()

    def _places(self) -> list[list[ir.Value]]:
        """Where the tile's vectors lie in C."""
        by_batch, by_row, _ = self.spec.c_strides
        where = [(self.batch, by_batch), (self.row, by_row), (self.column, 1)]
        out = address(self.b, self.c, self.element, linear(self.b, 0, where))
        return [
            [
                address(
                    self.b, out, self.element, index(r * by_row + v * self.tiling.lanes)
                )
                for v in range(self.tiling.vectors)
            ]
            for r in range(self.rows)
        ]

    def _starts(self, places: Sequence[Sequence[ir.Value]]) -> list[list[ir.Value]]:
        """Where the sums begin: at 0, or in later stretches at what C holds."""
        b, zero = self.b, constant(self.vector, 0)
        if self.spec.k <= self.tiling.block:
            return [[zero for _ in line] for line in places]
        entry = b.block
        with b.if_then(b.icmp_signed(">", self.p, index(0))):
            held = [
                [
                    load(b, self.spec.dtype, place, self.tiling.lanes, mask)
                    for place, mask in zip(line, self.masks, strict=True)
                ]
                for line in places
            ]
            loaded = b.block
        starts = []
        for line in held:
            phis = [b.phi(self.vector) for _ in line]
            for phi, value in zip(phis, line, strict=True):
                phi.add_incoming(zero, entry)
                phi.add_incoming(value, loaded)
            starts.append(phis)
        return starts

    def _sum(self, starts: list[list[ir.Value]]) -> list[list[ir.Value]]:
        """starts + Σₚ A[rows, p] ⊗ B[p, columns], all in registers."""
        if self.spec.k == 0:
            return starts
        b = self.b
        before = b.block
        body, after = b.append_basic_block("sum"), b.append_basic_block("summed")
        b.branch(body)
        b.position_at_end(body)
        p = b.phi(I64, "p")
        p.add_incoming(index(0), before)
        sums = [[b.phi(self.vector) for _ in line] for line in starts]
        new = self._step(p, sums)
        following = b.add(p, index(1))
        p.add_incoming(following, b.block)
        for r, line in enumerate(sums):
            for v, phi in enumerate(line):
                phi.add_incoming(starts[r][v], before)
                phi.add_incoming(new[r][v], b.block)
        b.cbranch(b.icmp_signed("<", following, self.length), body, after)
        b.position_at_end(after)
        return new

    def _step(self, p: ir.Value, sums: list[list[ir.Value]]) -> list[list[ir.Value]]:
        """One p: every row's number of A times every vector of B, added to the sums."""
        b, spec, tiling = self.b, self.spec, self.tiling
        stride = tiling.columns if tiling.packed else spec.b_strides[1]
        masks = [None] * tiling.vectors if tiling.packed else self.masks
        columns = []
        for v in range(tiling.vectors):
            place = linear(b, v * tiling.lanes, [(p, stride)])
            source = address(b, self.panel, self.element, place)
            columns.append(load(b, spec.dtype, source, tiling.lanes, masks[v]))
        by_batch, by_row, by_p = spec.a_strides
        where = [(self.batch, by_batch), (self.row, by_row), (self.p, by_p), (p, by_p)]
        at = address(b, self.a, self.element, linear(b, 0, where))
        name = f"llvm.fma.{suffix(self.vector)}"
        new = []
        for r in range(self.rows):
            place = address(b, at, self.element, index(r * by_row))
            number = splat(b, load(b, spec.dtype, place, 0, None), tiling.lanes)
            new.append(
                [
                    intrinsic(b, name, self.vector, [number, columns[v], sums[r][v]])
                    for v in range(tiling.vectors)
                ]
            )
        return new

    def _finish(
        self,
        sums: list[list[ir.Value]],
        places: list[list[ir.Value]],
        last: bool,
    ) -> None:
        """The tile to C, after the last stretch through the epilogue."""
        b, epilogue = self.b, self.product.epilogue
        for r, line in enumerate(sums):
            for v, value in enumerate(line):
                if last and epilogue is not None:
                    row = b.add(self.row, index(r))
                    column = b.add(self.column, index(v * self.tiling.lanes))
                    where = (self.batch, row, column, self.masks[v])
                    value = epilogue(b, value, self.context, *where)
                store(b, self.spec.dtype, value, places[r][v], self.masks[v])
