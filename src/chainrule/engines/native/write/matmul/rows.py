"""Rows of A, copied so that the words of each lie side by side, with zeros behind them.

Place on the road: below ``matrix``, which reads such rows. Where A's rows are
contiguous they are copied line by line; where its columns are (A transposed), squares
of numbers are turned in registers on the way; else number by number.
"""

from __future__ import annotations

from llvmlite import ir

from ...choose.matrix import MatrixTiling
from ...choose.tiling import Matmul
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    clear,
    copy,
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
            for i, line in enumerate(transposed(b, found)):
                target = self._to(batch, b.add(start, index(i)), p)
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
