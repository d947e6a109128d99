"""Products of matrices: register tiles, panels that fit the caches, fused epilogues.

C[i, j] = Σₚ A[i, p] · B[p, j], for static sizes and strides. Four nested ideas:

- **Register tile** (``tiles``). ``rows × columns`` of C stay in vector registers while
  p runs. Eight rows of two 512-bit vectors keep the multipliers busy in every cycle,
  and read little.
- **Panel** (``panels``). The columns of B that a tile needs. A panel that would be read
  with a bad stride is first copied to contiguous memory.
- **Blocks.** Where A comes from memory, a block of A's rows is read once and stays in
  the cache while several panels, or all, are multiplied by it.
- **Parts.** The panels (or, for narrow C, the row tiles) are shared out in a fixed way,
  and every element of C is summed by one thread in an order that does not depend on
  the parts: results do not depend on how many threads there are.

The epilogue is the elementwise work that follows the product (bias, activation, an
activation's derivative): it is written on a finished tile, before it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from ...choose.matmul import InnerTiling, held_elements, scratch_elements
from ...choose.tiling import Matmul, Panels, Tiling, with_plain_strides
from .. import ir
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    clear,
    index,
    linear,
    loop,
    register_type,
    share,
    smaller,
)
from ..epilogue import Epilogue
from .panels import Panel, emit_packer
from .tiles import TILES, Ahead, Tile

#: Where a stretch of p begins, and its length.
Stretch: TypeAlias = tuple[ir.Value, ir.Value]


def emit_panels(
    module: ir.Module, name: str, spec: Matmul, tiling: Tiling
) -> ir.Function:
    """Writes ``name(b, target, part, parts)``: its part of the panels of B, of all
    that the batch has."""
    kind = ir.FunctionType(VOID, [POINTER, POINTER, I64, I64])
    function = ir.Function(module, kind, name)
    source, target, part, parts = function.args
    packer = emit_packer(module, f"{name}.pack", _panel_of(spec, tiling, spec.k))
    b = ir.IRBuilder(function.append_basic_block("entry"))
    element = register_type(spec.dtype)
    by_batch, _, by_column = spec.b_strides
    count, depth = -(-spec.n // tiling.columns), tiling.padded(spec.k)
    first, last = share(b, count * (spec.batch if by_batch else 1), part, parts)
    with loop(b, first, last, name="panel") as panel:
        batch, number = b.sdiv(panel, index(count)), b.srem(panel, index(count))
        column = b.mul(number, index(tiling.columns))
        terms = [(batch, by_batch), (column, by_column)]
        begin = address(b, source, element, linear(b, 0, terms))
        offset = linear(b, 0, [(panel, tiling.columns * depth)])
        columns = smaller(b, b.sub(index(spec.n), column), index(tiling.columns))
        target_panel = address(b, target, element, offset)
        b.call(packer, [begin, target_panel, index(spec.k), columns])
        if depth > spec.k:
            missing = index((depth - spec.k) * tiling.columns * spec.dtype.itemsize)
            end = index(spec.k * tiling.columns)
            clear(b, address(b, target_panel, element, end), missing)
    b.ret_void()
    return function


def _panel_of(spec: Matmul, tiling: Tiling, shortest: int) -> Panel:
    """What the packer of a product copies at a time, at least so many rows."""
    _, by_row, by_column = spec.b_strides
    return Panel(
        spec.dtype,
        tiling.lanes,
        -(-tiling.columns // tiling.lanes),
        by_row,
        by_column,
        shortest,
        pitch=spec.k if isinstance(tiling, InnerTiling) else 0,
    )


def emit_matmul(
    module: ir.Module,
    name: str,
    spec: Matmul,
    tiling: Tiling,
    epilogue: Epilogue | None = None,
    ahead: Ahead | None = None,
) -> ir.Function:
    """Writes ``name(a, b, c, scratch, context, part, parts)``, which computes its part
    of C; ``scratch`` has ``scratch_elements`` for each part.

    An element of C is written once, when it is finished: the epilogue may read from
    C's own memory what it is about to replace. Where it sums columns, parts share the
    panels (whole columns are finished from the first row to the last), or the rows, and
    each has sums of its own.
    """
    plain = with_plain_strides(spec)
    return _Product(module, name, plain, tiling, epilogue, ahead).emit()


@dataclass(frozen=True)
class _PanelWork:
    """Where the work on one panel is: values in registers; ``sums`` is where those that
    wait begin."""

    batch: ir.Value
    column: ir.Value
    start: ir.Value
    stop: ir.Value
    p: ir.Value
    length: ir.Value
    source: ir.Value
    sums: ir.Value


class _Product:
    """The state while one product is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: Matmul,
        tiling: Tiling,
        epilogue: Epilogue | None,
        ahead: Ahead | None,
    ) -> None:
        self.module, self.name = module, name
        self.spec, self.tiling = spec, tiling
        self.epilogue, self.ahead = epilogue, ahead
        self.element = register_type(spec.dtype)
        self.tiles: dict[tuple[int, int], ir.Function] = {}
        self.streams = tiling.panels is Panels.STREAMED
        self.packer = self._packer() if tiling.copies else None
        kind = ir.FunctionType(VOID, [POINTER] * 5 + [I64, I64])
        self.function = ir.Function(module, kind, name)
        self.a, self.b, self.c, scratch, self.context, self.part, self.parts = (
            self.function.args
        )
        self.ir = ir.IRBuilder(self.function.append_basic_block("entry"))
        size = scratch_elements(spec, tiling)
        own = linear(self.ir, 0, [(self.part, size)])
        self.scratch = address(self.ir, scratch, self.element, own)
        behind = index(size - held_elements(tiling))
        self.sums = address(self.ir, self.scratch, self.element, behind)

    def _packer(self) -> ir.Function:
        shortest = self.spec.k // self.tiling.stretches(self.spec.k)[0]
        panel = _panel_of(self.spec, self.tiling, shortest)
        return emit_packer(self.module, f"{self.name}.pack", panel)

    # Who computes what. ---------------------------------------------------------------

    def emit(self) -> ir.Function:
        """The share of a part: one panel, or range of row tiles, after the other."""
        panels = -(-self.spec.n // self.tiling.columns)
        units = self.tiling.units(self.spec)
        if units * panels:
            first, last = share(self.ir, units, self.part, self.parts)
            if self.tiling.chunk:
                self._block_share(first, last, panels)
            elif self.tiling.by_panel:
                self._panel_share(first, last, panels)
            else:
                self._row_share(first, last, panels)
        self.ir.ret_void()
        return self.function

    def _panel_share(self, first: ir.Value, last: ir.Value, panels: int) -> None:
        """All rows of the panels first … last, counted through the batch."""
        b, total = self.ir, index(panels)
        rows = index(0), index(self.spec.m)
        if self.streams:
            with (
                self._stretches() as stretch,
                loop(b, first, last, name="unit") as unit,
            ):
                self._panel(index(0), unit, *rows, stretch)
            return
        with loop(b, first, last, name="unit") as unit:
            batch, panel = b.sdiv(unit, total), b.srem(unit, total)
            with self._stretches() as stretch:
                self._panel(batch, panel, *rows, stretch)

    def _block_share(self, first: ir.Value, last: ir.Value, panels: int) -> None:
        """All rows of the groups of panels first … last; or where panels are copied
        before, all panels for the chunks of rows first … last.
        """
        b, m, chunk = self.ir, self.spec.m, self.tiling.chunk
        with loop(b, first, last, name="unit") as unit:
            if self.packer is None:
                self._chunk(b.mul(unit, index(chunk)), index(0), index(panels))
                return
            group = index(self.tiling.together)
            low = b.mul(unit, group)
            count = smaller(b, group, b.sub(index(panels), low))
            with loop(b, 0, m, step=chunk, name="chunk") as start:
                self._chunk(start, low, count)

    def _chunk(self, start: ir.Value, low: ir.Value, count: ir.Value) -> None:
        """``count`` panels from ``low`` on for the chunk of rows from ``start`` on: a
        stretch of p of each, which is copied where that was not done before, is
        multiplied by one block of rows after the other.
        """
        b, tiling = self.ir, self.tiling
        longest = tiling.stretches(self.spec.k)[1]
        stop = smaller(b, b.add(start, index(tiling.chunk)), index(self.spec.m))
        with self._stretches() as stretch:

            def work(g: ir.Value, row: ir.Value, end: ir.Value) -> _PanelWork:
                column = b.mul(b.add(low, g), index(tiling.columns))
                if self.packer is None:
                    source = self._source(index(0), column, stretch)
                else:
                    copy = linear(b, 0, [(g, longest * tiling.columns)])
                    source = address(b, self.scratch, self.element, copy)
                sums = b.sub(b.mul(g, index(tiling.chunk)), start)
                sums = b.mul(sums, index(tiling.columns))
                return _PanelWork(index(0), column, row, end, *stretch, source, sums)

            if self.packer is not None:
                with loop(b, 0, count, name="panel") as g:
                    where = work(g, start, stop)
                    self._copy(where.batch, where.column, stretch, where.source)
            with loop(b, start, stop, step=tiling.row_block, name="rows") as row:
                end = smaller(b, b.add(row, index(tiling.row_block)), stop)
                with loop(b, 0, count, name="panel") as g:
                    self._columns(work(g, row, end))

    def _row_share(self, first: ir.Value, last: ir.Value, panels: int) -> None:
        """All panels for the row tiles first … last, counted through the batch."""
        tiles = -(-self.spec.m // self.tiling.rows)
        b, total = self.ir, index(tiles)
        end = b.sdiv(b.add(last, index(tiles - 1)), total)
        with loop(b, b.sdiv(first, total), end, name="batch") as batch:
            base = b.mul(batch, total)
            low = self._between(b.sub(first, base), tiles)
            high = self._between(b.sub(last, base), tiles)
            start = b.mul(low, index(self.tiling.rows))
            stop = self._between(b.mul(high, index(self.tiling.rows)), self.spec.m)
            step = self.tiling.row_block or self.spec.m
            with (
                loop(b, start, stop, step=step, name="rows") as row,
                loop(b, 0, panels, name="panel") as panel,
                self._stretches() as stretch,
            ):
                rows = row, smaller(b, b.add(row, index(step)), stop)
                self._panel(batch, panel, *rows, stretch)

    def _between(self, value: ir.Value, high: int) -> ir.Value:
        """The value brought into 0 … high."""
        b = self.ir
        value = b.select(b.icmp_signed("<", value, index(0)), index(0), value)
        return b.select(b.icmp_signed(">", value, index(high)), index(high), value)

    @contextmanager
    def _stretches(self) -> Iterator[Stretch]:
        """The loop over the stretches of p: where each begins, and its length."""
        b, k = self.ir, self.spec.k
        blocks, _ = self.tiling.stretches(k)
        with loop(b, 0, blocks, name="block") as block:
            if blocks == 1:
                yield index(0), index(k)
            else:
                p, end = share(b, k, block, index(blocks))
                yield p, b.sub(end, p)

    def _panel(
        self,
        batch: ir.Value,
        number: ir.Value,
        start: ir.Value,
        stop: ir.Value,
        stretch: Stretch,
    ) -> None:
        """A stretch of p of one panel for the rows start … stop."""
        b = self.ir
        column = b.mul(number, index(self.tiling.columns))
        if self.packer is None:
            source = self._source(batch, column, stretch)
        else:
            source = self.scratch
            self._copy(batch, column, stretch, source)
        sums = b.mul(column, index(self.spec.m)) if self.streams else index(0)
        self._columns(_PanelWork(batch, column, start, stop, *stretch, source, sums))

    def _source(self, batch: ir.Value, column: ir.Value, stretch: Stretch) -> ir.Value:
        """Where a stretch of p of a panel lies in B."""
        spec, tiling, b = self.spec, self.tiling, self.ir
        by_batch, by_row, by_column = spec.b_strides
        terms = [(batch, by_batch), (stretch[0], by_row), (column, by_column)]
        if tiling.panels in (Panels.COPIED, Panels.PREPARED):
            terms = [(column, spec.k), (stretch[0], tiling.columns)]
        return address(b, self.b, self.element, linear(b, 0, terms))

    def _copy(
        self, batch: ir.Value, column: ir.Value, stretch: Stretch, target: ir.Value
    ) -> None:
        """Copies a stretch of p of a panel."""
        b = self.ir
        assert self.packer is not None
        source = self._source(batch, column, stretch)
        rest = b.sub(index(self.spec.n), column)
        columns = self._between(rest, self.tiling.columns)
        b.call(self.packer, [source, target, stretch[1], columns])

    def _columns(self, where: _PanelWork) -> None:
        """A panel of all its columns, or the last one, which may have fewer."""
        b, spec, columns = self.ir, self.spec, self.tiling.columns
        rest = spec.n % columns
        if not rest or spec.n < columns:
            self._rows(where, rest or columns)
            return
        full = b.icmp_signed("<", where.column, index(spec.n - rest))
        with b.if_else(full) as (then, otherwise):
            with then:
                self._rows(where, columns)
            with otherwise:
                self._rows(where, rest)

    def _rows(self, where: _PanelWork, columns: int) -> None:
        """The tiles of a panel, one below the other; the last may have fewer rows."""
        b, m, most = self.ir, self.spec.m, self.tiling.rows

        def call(row: ir.Value, rows: int) -> None:
            terms = [(row, self.tiling.columns), (where.sums, 1)]
            sums = address(b, self.sums, self.element, linear(b, 0, terms))
            pointers = [self.a, self.c, where.source, sums, self.context]
            position = [where.batch, row, where.column, where.p, where.length]
            b.call(self._tile(rows, columns), [*pointers, *position])

        rest = b.srem(b.sub(where.stop, where.start), index(most))
        whole = b.sub(where.stop, rest) if m % most else where.stop
        with loop(b, where.start, whole, step=most, name="row") as row:
            call(row, most)
        if m % most:
            with b.if_then(b.icmp_signed("<", whole, where.stop)):
                call(whole, m % most)

    def _tile(self, rows: int, columns: int) -> ir.Function:
        """The function of a tile, written when first asked for."""
        if (rows, columns) not in self.tiles:
            title = f"{self.name}.tile{rows}x{columns}"
            function = ir.Function(self.module, Tile.KIND, title)
            function.linkage = "internal"
            function.attributes.append("noinline")
            self.tiles[rows, columns] = function
            tile = TILES[type(self.tiling)]
            cut = self.spec, self.tiling, rows, columns
            tile(function, *cut, self.epilogue, self.ahead).emit()
        return self.tiles[rows, columns]
