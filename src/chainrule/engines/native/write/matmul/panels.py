"""Panels: the columns of B that one tile needs, copied to contiguous memory.

Place on the road: below ``matmul``. A panel for outer products has its rows one after
the other; columns that do not exist repeat the last one, or are 0, so that the tile
need not ask. Three ways, by the strides of B: its rows lie contiguous in memory; its
columns do (B transposed), and squares of numbers are turned in registers on the way;
or neither. A panel for inner products has its columns one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from .....dtypes import DType
from ...choose.matmul import FAR_APART
from ...choose.processor import CACHE_LINE
from .. import ir
from ..emit import (
    I32,
    I64,
    POINTER,
    VOID,
    address,
    constant,
    existing_lanes,
    index,
    linear,
    load,
    loop,
    prefetch,
    register_type,
    smaller,
    store,
    wide,
)

#: The side of a square that is turned in registers: at most this many bytes. Wider
#: ones take twice the code and are hardly faster.
SQUARE_BYTES = 32

#: Rows of B that lie far apart are asked for so many rows before they are copied: no
#: processor looks ahead so far by itself.
ROWS_AHEAD = 16


@dataclass(frozen=True)
class Panel:
    """What to copy, and to where.

    Attributes:
        lanes, vectors: the width of a row of the panel, ``lanes · vectors``.
        by_row, by_column: the strides of B.
        shortest: how many rows are copied at a time, at least.
        pitch: for inner products, the distance from column to column; else 0.
    """

    dtype: DType
    lanes: int
    vectors: int
    by_row: int
    by_column: int
    shortest: int
    pitch: int = 0

    @property
    def width(self) -> int:
        """The distance from row to row."""
        return self.lanes * self.vectors


def emit_packer(module: ir.Module, name: str, panel: Panel) -> ir.Function:
    """Writes ``name(source, target, length, columns)``: ``length`` rows of a panel, of
    whose columns the first ``columns`` exist."""
    function = ir.Function(
        module, ir.FunctionType(VOID, [POINTER, POINTER, I64, I64]), name
    )
    function.linkage = "internal"
    function.attributes.append("noinline")
    packer = _Packer(ir.IRBuilder(function.append_basic_block("entry")), panel)
    packer.source, packer.target, packer.length, packer.columns = function.args
    square = min(panel.lanes, SQUARE_BYTES // panel.dtype.itemsize)
    if panel.pitch:
        packer.lines()
    elif panel.by_column == 1:
        packer.copy()
    elif panel.by_row == 1 and panel.shortest >= square > 1:
        packer.turn(square)
    else:
        packer.gather()
    packer.b.ret_void()
    return function


class _Packer:
    """A function (source, target, length, columns) while it is written."""

    source: ir.Value
    target: ir.Value
    length: ir.Value
    columns: ir.Value

    def __init__(self, builder: ir.IRBuilder, panel: Panel) -> None:
        self.b, self.panel = builder, panel
        self.element = register_type(panel.dtype)

    def _from(self, p: ir.Value, column: ir.Value) -> ir.Value:
        """Where B[p, column] is."""
        terms = [(p, self.panel.by_row), (column, self.panel.by_column)]
        return address(self.b, self.source, self.element, linear(self.b, 0, terms))

    def _to(self, p: ir.Value, column: ir.Value) -> ir.Value:
        """Where it goes."""
        pitch = self.panel.pitch
        terms = (
            [(p, 1), (column, pitch)] if pitch else [(p, self.panel.width), (column, 1)]
        )
        return address(self.b, self.target, self.element, linear(self.b, 0, terms))

    def copy(self) -> None:
        """Row by row; what does not exist becomes 0."""
        b, dtype, lanes = self.b, self.panel.dtype, self.panel.lanes
        starts = [index(v * lanes) for v in range(self.panel.vectors)]
        masks = [existing_lanes(b, b.sub(self.columns, at), lanes) for at in starts]
        with loop(b, 0, self.length, name="p") as p:
            if abs(self.panel.by_row) * dtype.itemsize >= FAR_APART:
                later = b.add(p, index(ROWS_AHEAD))
                for j in range(0, self.panel.width, CACHE_LINE // dtype.itemsize):
                    prefetch(b, self._from(later, index(j)))
            for at, mask in zip(starts, masks, strict=True):
                value = load(b, dtype, self._from(p, at), lanes, mask)
                store(b, dtype, value, self._to(p, at), None)

    def turn(self, side: int) -> None:
        """Square by square. The last ones overlap those before, or repeat columns, so
        that nothing is read that is not there."""
        b, dtype, lanes = self.b, self.panel.dtype, self.panel.lanes
        latest = b.sub(self.length, index(side))
        last = b.sub(self.columns, index(1))
        whole = b.mul(b.sdiv(b.add(last, index(lanes)), index(lanes)), index(lanes))
        with (
            loop(b, 0, whole, step=side, name="j") as j,
            loop(b, 0, self.length, step=side, name="p") as start,
        ):
            p = smaller(b, start, latest)
            rows = []
            for i in range(side):
                column = smaller(b, b.add(j, index(i)), last)
                rows.append(load(b, dtype, self._from(p, column), side, None))
            for i, row in enumerate(transposed(b, rows)):
                store(b, dtype, row, self._to(b.add(p, index(i)), j), None)

    def gather(self) -> None:
        """Number by number, with 0 for what does not exist."""
        b, dtype = self.b, self.panel.dtype
        zero = constant(self.element, 0)
        with loop(b, 0, self.length, name="p") as p:
            with loop(b, 0, self.columns, name="j") as j:
                number = load(b, dtype, self._from(p, j), 0, None)
                store(b, dtype, number, self._to(p, j), None)
            with loop(b, self.columns, self.panel.width, name="rest") as j:
                store(b, dtype, zero, self._to(p, j), None)

    def lines(self) -> None:
        """Column by column, for inner products."""
        b, dtype = self.b, self.panel.dtype
        with (
            loop(b, 0, self.columns, name="j") as j,
            loop(b, 0, self.length, name="p") as p,
        ):
            number = load(b, dtype, self._from(p, j), 0, None)
            store(b, dtype, number, self._to(p, j), None)


def transposed(b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """A square of vectors turned: log₂ n rounds that exchange blocks of 1, 2, 4, …
    lanes between rows that are as far apart."""
    n, step = len(rows), 1
    while step < n:
        low = [i - step + n if i & step else i for i in range(n)]
        high = [i + n if i & step else i + step for i in range(n)]
        turned = list(rows)
        for i in range(n):
            if not i & step:
                turned[i] = mixed(b, rows[i], rows[i + step], low)
                turned[i + step] = mixed(b, rows[i], rows[i + step], high)
        rows, step = turned, 2 * step
    return rows


def mixed(b: ir.IRBuilder, x: ir.Value, y: ir.Value, lanes: list[int]) -> ir.Value:
    """These lanes of two vectors; those of ``y`` count on from those of ``x``."""
    return b.shuffle_vector(x, y, ir.Constant(wide(I32, len(lanes)), lanes))
