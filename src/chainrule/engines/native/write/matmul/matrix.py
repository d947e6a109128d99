"""Products of bfloat16 on a unit that multiplies small matrices (x86's AMX).

Place on the road: beside ``matmul``, for what ``choose.matrix`` cuts; ``registers``
says what the unit has. The sizes of its registers are set before a tile is computed, so
that nothing is read or written that is not there. A finished tile goes through memory
to the epilogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...choose.matrix import SIDE, MatrixTiling, held_by_part
from ...choose.tiling import Matmul, with_plain_strides
from .. import ir
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    index,
    linear,
    loop,
    register_type,
    share,
    smaller,
)
from ..epilogue import Epilogue
from .registers import (
    OF_A,
    OF_B,
    SUMS,
    clear_registers,
    halves_of,
    move,
    multiply,
    release,
    set_sizes,
)
from .tiles import Ahead, Tile


def emit_matrix_product(
    module: ir.Module,
    name: str,
    spec: Matmul,
    tiling: MatrixTiling,
    epilogue: Epilogue | None = None,
    ahead: Ahead | None = None,
) -> ir.Function:
    """Writes ``name(a, b, c, scratch, context, part, parts)``, as ``emit_matmul`` does;
    factors that the tiling copies are given as their copies.
    """
    plain = with_plain_strides(spec)
    return _MatrixProduct(module, name, plain, tiling, epilogue, ahead).emit()


@dataclass(frozen=True)
class _Block:
    """A block of C, as values in registers: rows and columns from … to."""

    batch: ir.Value
    top: ir.Value
    bottom: ir.Value
    left: ir.Value
    right: ir.Value


class _MatrixProduct:
    """The state while one product is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: Matmul,
        tiling: MatrixTiling,
        epilogue: Epilogue | None,
        ahead: Ahead | None,
    ) -> None:
        self.module, self.name = module, name
        self.spec, self.tiling = spec, tiling
        self.epilogue, self.ahead = epilogue, ahead
        self.element = register_type(spec.dtype)
        self.tiles: dict[tuple[int, int], ir.Function] = {}
        kind = ir.FunctionType(VOID, [POINTER] * 5 + [I64, I64])
        self.function = ir.Function(module, kind, name)
        self.a, self.b, self.c, scratch, self.context, self.part, self.parts = (
            self.function.args
        )
        self.ir = ir.IRBuilder(self.function.append_basic_block("entry"))
        own = linear(self.ir, 0, [(self.part, held_by_part(tiling))])
        self.sums = address(self.ir, scratch, self.element, own)
        #: Whether all tiles are equal, so that the registers are set once.
        sides = (spec.m, tiling.rows), (spec.n, tiling.columns)
        self.even = all(total <= side or total % side == 0 for total, side in sides)

    def emit(self) -> ir.Function:
        """This part's blocks, one after the other."""
        b, spec, tiling = self.ir, self.spec, self.tiling
        shared = tiling.blocks_shared(spec)
        low, high = share(b, spec.batch * shared, self.part, self.parts)
        if self.even:
            self._set(min(spec.m, tiling.rows), min(spec.n, tiling.columns))
        with loop(b, low, high, name="unit") as unit:
            batch, number = b.sdiv(unit, index(shared)), b.srem(unit, index(shared))
            if tiling.by_panel:
                left, right = self._piece(number, tiling.width, spec.n)
                with self._pieces(tiling.height, spec.m) as (top, bottom):
                    self._block(_Block(batch, top, bottom, left, right))
            else:
                top, bottom = self._piece(number, tiling.height, spec.m)
                with self._pieces(tiling.width, spec.n) as (left, right):
                    self._block(_Block(batch, top, bottom, left, right))
        release(b)
        b.ret_void()
        return self.function

    def _piece(
        self, number: ir.Value, length: int, total: int
    ) -> tuple[ir.Value, ir.Value]:
        """Where a piece of rows or columns begins and ends."""
        start = self.ir.mul(number, index(length))
        end = self.ir.add(start, index(length))
        return start, smaller(self.ir, end, index(total))

    @contextmanager
    def _pieces(self, length: int, total: int) -> Iterator[tuple[ir.Value, ir.Value]]:
        """The loop over all of them."""
        with loop(self.ir, 0, -(-total // length), name="piece") as number:
            yield self._piece(number, length, total)

    def _block(self, block: _Block) -> None:
        """A block's panels, stretch of p by stretch."""
        b, tiling = self.ir, self.tiling
        with loop(b, 0, tiling.blocks, name="stretch") as stretch:
            first, last = share(b, tiling.steps, stretch, index(tiling.blocks))
            with loop(
                b, block.left, block.right, step=tiling.columns, name="column"
            ) as column:
                self._columns(block, column, first, b.sub(last, first))

    def _columns(
        self, block: _Block, column: ir.Value, step: ir.Value, steps: ir.Value
    ) -> None:
        """A panel of all its columns, or the last one, which may have fewer."""
        b, spec, columns = self.ir, self.spec, self.tiling.columns
        rest = spec.n % columns
        if not rest or spec.n < columns:
            self._rows(block, column, step, steps, rest or columns)
            return
        full = b.icmp_signed("<", column, index(spec.n - rest))
        with b.if_else(full) as (then, otherwise):
            with then:
                self._rows(block, column, step, steps, columns)
            with otherwise:
                self._rows(block, column, step, steps, rest)

    def _rows(
        self,
        block: _Block,
        column: ir.Value,
        step: ir.Value,
        steps: ir.Value,
        columns: int,
    ) -> None:
        """The tiles of a panel, one below the other; the last may have fewer rows."""
        b, spec, tiling = self.ir, self.spec, self.tiling
        p = b.mul(step, index(tiling.words))
        by_batch, by_p, by_column = spec.b_strides
        terms = [(block.batch, by_batch), (p, by_p), (column, by_column)]
        if tiling.in_panels:
            panel = tiling.columns * tiling.depth
            panels = -(-spec.n // tiling.columns)
            batch = panels * panel if by_batch else 0
            terms = [(block.batch, batch), (column, tiling.depth), (p, tiling.columns)]
        source = address(b, self.b, self.element, linear(b, 0, terms))

        def call(row: ir.Value, rows: int) -> None:
            across = b.sub(column, block.left)
            down = b.sub(row, block.top)
            at = linear(b, 0, [(across, tiling.height), (down, tiling.columns)])
            sums = address(b, self.sums, self.element, at)
            pointers = [self.a, self.c, source, sums, self.context]
            position = [block.batch, row, column, p, steps]
            b.call(self._tile(rows, columns), [*pointers, *position])

        rest = spec.m % tiling.rows
        if not rest or spec.m < tiling.rows:
            self._set_unless_even(rest or tiling.rows, columns)
            with loop(b, block.top, block.bottom, step=tiling.rows, name="row") as row:
                call(row, rest or tiling.rows)
            return
        whole = smaller(b, block.bottom, index(spec.m - rest))
        self._set_unless_even(tiling.rows, columns)
        with loop(b, block.top, whole, step=tiling.rows, name="row") as row:
            call(row, tiling.rows)
        with b.if_then(b.icmp_signed("<", whole, block.bottom)):
            self._set_unless_even(rest, columns)
            call(whole, rest)

    def _tile(self, rows: int, columns: int) -> ir.Function:
        """The function of a tile, written when first asked for."""
        if (rows, columns) not in self.tiles:
            title = f"{self.name}.tile{rows}x{columns}"
            function = ir.Function(self.module, Tile.KIND, title)
            function.linkage = "internal"
            function.attributes.append("noinline")
            self.tiles[rows, columns] = function
            cut = self.spec, self.tiling, rows, columns
            MatrixTile(function, *cut, self.epilogue, self.ahead).emit()
        return self.tiles[rows, columns]

    def _set_unless_even(self, rows: int, columns: int) -> None:
        if not self.even:
            self._set(rows, columns)

    def _set(self, rows: int, columns: int) -> None:
        """Sets the sizes of the registers for tiles of this size."""
        sizes = halves_of(rows), halves_of(columns)
        set_sizes(self.ir, self.name, *sizes, self.tiling.words)


class MatrixTile(Tile):
    """A tile on the unit; ``length`` counts steps, and ``p`` words, as everywhere."""

    tiling: MatrixTiling

    def emit(self) -> None:
        """The whole stretch in registers; after the last one epilogue and store."""
        b, tiling = self.b, self.tiling
        self.high, self.wide = halves_of(self.rows), halves_of(self.columns)
        if tiling.blocks == 1:
            self.prefetch()
            clear_registers(b, len(self.high), len(self.wide))
            self._steps()
            self._finish()
            b.ret_void()
            return
        reach = b.add(self.p, b.mul(self.length, index(tiling.words)))
        ends = b.icmp_signed(">=", reach, index(tiling.depth))
        with b.if_then(ends):
            self.prefetch()
        with b.if_else(b.icmp_signed("==", self.p, index(0))) as (then, otherwise):
            with then:
                clear_registers(b, len(self.high), len(self.wide))
            with otherwise:
                self._each_sum("tileloadd64", self.waiting, tiling.columns)
        self._steps()
        with b.if_else(ends) as (then, otherwise):
            with then:
                self._finish()
            with otherwise:
                self._each_sum("tilestored64", self.waiting, tiling.columns)
        b.ret_void()

    def _steps(self) -> None:
        """Adds the products of the stretch."""
        b, spec, words = self.b, self.spec, self.tiling.words
        by_batch, by_row, by_p = spec.a_strides
        pitch = self.tiling.columns if self.tiling.in_panels else spec.b_strides[1]
        start = [(self.batch, by_batch), (self.row, by_row), (self.p, by_p)]
        a = address(b, self.a, self.element, linear(b, 0, start))
        with loop(b, 0, self.length, name="step") as step:
            for i, height in enumerate(self.high):
                at = linear(b, i * SIDE * by_row, [(step, words)])
                source = address(b, a, self.element, at)
                move(b, "tileloadd64", OF_A[i], source, by_row, (height, words))
            for j, width in enumerate(self.wide):
                at = linear(b, j * SIDE, [(step, words * pitch)])
                source = address(b, self.panel, self.element, at)
                move(b, "tileloadd64", OF_B[j], source, pitch, (words, width))
            multiply(b, len(self.high), len(self.wide))

    def _finish(self) -> None:
        """The sums to C, through the epilogue if there is one."""
        if self.epilogue is None:
            self._each_sum(
                "tilestored64", self.result_at(index(0), 0), self.spec.c_strides[1]
            )
            return
        pitch = SIDE * len(self.wide)
        held = self.held(self.rows * len(self.wide))
        self._each_sum("tilestored64", held, pitch)
        self.from_memory(held, pitch)

    def _each_sum(self, what: str, pointer: ir.Value, pitch: int) -> None:
        """Reads or writes the registers of sums, whose rows lie ``pitch`` apart."""
        b = self.b
        for i, height in enumerate(self.high):
            for j, width in enumerate(self.wide):
                at = index(i * SIDE * pitch + j * SIDE)
                place = address(b, pointer, self.element, at)
                move(b, what, SUMS[i][j], place, pitch, (height, width))
