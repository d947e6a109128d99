"""Rows of A, copied before a product.

Place on the road: below ``product``. For the unit for matrices (``matrix``) the words
of each row lie side by side afterwards, with zeros behind them: where A's rows are
contiguous they are copied line by line; where its columns are (A transposed), squares
of numbers are turned in registers on the way; else number by number. For tiles of outer
products whose numbers lie far apart (A transposed, too) the rows of a tile stay side by
side, and the next p follows.
"""

from __future__ import annotations

from ...choose.matmul import OuterTiling
from ...choose.matrix import MatrixTiling
from ...choose.tiling import Matmul
from .. import ir
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    clear,
    copy,
    existing_lanes,
    index,
    linear,
    load,
    loop,
    register_type,
    share,
    smaller,
    store,
)
from .panels import SQUARE_BYTES, transposed


def emit_rows(
    module: ir.Module, name: str, spec: Matmul, tiling: MatrixTiling
) -> ir.Function:
    """Writes ``name(a, target, part, parts)``: its part of the rows of A, of all that
    the batch has."""
    return _Rows(module, name, spec, tiling).emit()


class _Rows:
    """The state while such a function is written."""

    def __init__(
        self, module: ir.Module, name: str, spec: Matmul, tiling: MatrixTiling
    ) -> None:
        self.spec, self.depth = spec, tiling.depth
        self.element = register_type(spec.dtype)
        #: The rows that are copied at a time, and the side of a square.
        self.together = self.square = SQUARE_BYTES // spec.dtype.itemsize
        kind = ir.FunctionType(VOID, [POINTER, POINTER, I64, I64])
        self.function = ir.Function(module, kind, name)
        self.source, self.target, self.part, self.parts = self.function.args
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))

    def emit(self) -> ir.Function:
        """Some rows at a time."""
        b, spec = self.b, self.spec
        groups = -(-spec.m // self.together)
        batches = spec.batch if spec.a_strides[0] else 1
        first, last = share(b, batches * groups, self.part, self.parts)
        with loop(b, first, last, name="group") as group:
            batch = b.sdiv(group, index(groups))
            start = b.mul(b.srem(group, index(groups)), index(self.together))
            self._group(batch, start)
        b.ret_void()
        return self.function

    def _group(self, batch: ir.Value, start: ir.Value) -> None:
        b, spec, square = self.b, self.spec, self.square
        _, by_row, by_p = spec.a_strides
        if by_row == 1 and by_p != 1 and spec.m >= square and spec.k >= square:
            self._turned(batch, smaller(b, start, index(spec.m - square)))
            return
        stop = smaller(b, b.add(start, index(self.together)), index(spec.m))
        with loop(b, start, stop, name="row") as row:
            self._line(batch, row)

    def _line(self, batch: ir.Value, row: ir.Value) -> None:
        """One row, and the zeros behind it."""
        b, spec = self.b, self.spec
        size = spec.dtype.itemsize
        if spec.a_strides[2] == 1:
            target, source = self._to(batch, row), self._from(batch, row, index(0))
            copy(b, target, source, index(spec.k * size))
        else:
            with loop(b, 0, spec.k, name="p") as p:
                number = load(b, spec.dtype, self._from(batch, row, p), 0, None)
                store(b, spec.dtype, number, self._to(batch, row, p), None)
        self._nothing_behind(batch, row)

    def _turned(self, batch: ir.Value, start: ir.Value) -> None:
        """A square's rows; the last squares overlap those before."""
        b, spec, square = self.b, self.spec, self.square
        with loop(b, 0, spec.k, step=square, name="p") as at:
            p = smaller(b, at, index(spec.k - square))
            lines = [
                self._from(batch, start, b.add(p, index(i))) for i in range(square)
            ]
            found = [load(b, spec.dtype, line, square, None) for line in lines]
            for number, line in enumerate(transposed(b, found)):
                target = self._to(batch, b.add(start, index(number)), p)
                store(b, spec.dtype, line, target, None)
        if self.depth > spec.k:
            with loop(b, 0, square, name="row") as i:
                self._nothing_behind(batch, b.add(start, i))

    def _nothing_behind(self, batch: ir.Value, row: ir.Value) -> None:
        missing = self.depth - self.spec.k
        if missing:
            end = self._to(batch, row, index(self.spec.k))
            clear(self.b, end, index(missing * self.spec.dtype.itemsize))

    def _from(self, batch: ir.Value, row: ir.Value, p: ir.Value) -> ir.Value:
        terms = list(zip((batch, row, p), self.spec.a_strides, strict=True))
        return address(self.b, self.source, self.element, linear(self.b, 0, terms))

    def _to(
        self, batch: ir.Value, row: ir.Value, p: ir.Value | None = None
    ) -> ir.Value:
        terms = [(batch, self.spec.m * self.depth), (row, self.depth)]
        if p is not None:
            terms.append((p, 1))
        return address(self.b, self.target, self.element, linear(self.b, 0, terms))


#: So many p of so many tiles are copied at a time: few pages are in use.
TOGETHER, TILES = 16, 32


def emit_rows_of_tiles(
    module: ir.Module, name: str, spec: Matmul, tiling: OuterTiling
) -> ir.Function:
    """Writes ``name(a, target, part, parts)``: its part of the rows of all tiles, each
    (p, row), of all that the batch has. A's columns are contiguous."""
    kind = ir.FunctionType(VOID, [POINTER, POINTER, I64, I64])
    function = ir.Function(module, kind, name)
    source, target, part, parts = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    element, rows = register_type(spec.dtype), tiling.rows
    by_batch, _, by_p = spec.a_strides
    pieces = _powers_of_two(rows)
    tiles = -(-spec.m // rows)
    groups, batches = -(-tiles // TILES), spec.batch if by_batch else 1
    first, last = share(b, batches * groups, part, parts)
    with loop(b, first, last, name="group") as group:
        batch = b.sdiv(group, index(groups))
        low = b.mul(b.srem(group, index(groups)), index(TILES))
        high = smaller(b, b.add(low, index(TILES)), index(tiles))
        with (
            loop(b, 0, spec.k, step=TOGETHER, name="block") as begin,
            loop(b, low, high, name="tile") as tile,
        ):
            end = smaller(b, b.add(begin, index(TOGETHER)), index(spec.k))
            row = b.mul(tile, index(rows))
            rest = b.sub(index(spec.m), row)
            there = [
                existing_lanes(b, b.sub(rest, index(at)), width) for at, width in pieces
            ]
            with loop(b, begin, end, name="p") as p:
                for (at, width), mask in zip(pieces, there, strict=True):
                    terms = [(batch, by_batch), (row, 1), (p, by_p)]
                    start = address(b, source, element, linear(b, at, terms))
                    line = load(b, spec.dtype, start, width, mask)
                    terms = [(batch, tiles * rows * spec.k), (row, spec.k), (p, rows)]
                    to = address(b, target, element, linear(b, at, terms))
                    store(b, spec.dtype, line, to, None)
    b.ret_void()
    return function


def _powers_of_two(count: int) -> list[tuple[int, int]]:
    """Where the vectors begin that a line of this length is made of, and their lanes:
    other vectors than those of 2ⁿ numbers are copied number by number."""
    found, at = [], 0
    while at < count:
        width = 1 << ((count - at).bit_length() - 1)
        found.append((at, width))
        at += width
    return found
