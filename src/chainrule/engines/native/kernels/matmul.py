"""Products of matrices as LLVM IR: register tiles, panels that fit the caches, fused epilogues.

C[i, j] = Σₚ A[i, p] · B[p, j], for static sizes and strides. Three nested ideas:

- **Register tile.** ``rows × columns`` of C stay in vector registers while p runs: for each p the
  ``columns`` of B are loaded as vectors, each of the ``rows`` elements of A is broadcast, and every
  pair is one fused multiply-add. Eight rows of two 512-bit vectors keep the multipliers busy
  every cycle and read little.
- **Panel.** The columns of B that one register tile needs are a panel. A panel that would be read
  with a bad stride (B transposed, long columns) is first copied to a contiguous buffer; B
  transposed is turned in registers on the way, 16 × 16 numbers at a time.
- **Parts.** The panels (or, for narrow C, the row tiles) are shared out in a fixed way, so every
  element of C is summed by one thread in one order: results do not depend on the threads.

The epilogue is the elementwise work that follows the product (bias, activation, derivative): it
is emitted on the registers of a finished tile, before it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
BYTE = ir.IntType(8)

#: ``epilogue(builder, values, batch, row, column, mask)`` → the vector to store in C.
#: ``mask`` is None for a whole vector, else an <n x i1> value of the columns that exist.
Epilogue = Callable[..., ir.Value]


@dataclass(frozen=True)
class Matmul:
    """What to multiply: sizes, and strides in elements.

    ``a_strides`` are those of (batch, i, p), ``b_strides`` of (batch, p, j), ``c_strides`` of
    (batch, i, j), the last of which is 1.
    """

    batch: int
    m: int
    n: int
    k: int
    a_strides: tuple[int, int, int]
    b_strides: tuple[int, int, int]
    c_strides: tuple[int, int, int]
    bits: int = 32

    @property
    def type(self) -> ir.Type:
        """The element type."""
        return ir.FloatType() if self.bits == 32 else ir.DoubleType()


@dataclass(frozen=True)
class Tiling:
    """How a product is cut: vector lanes, tile rows and vectors, length of a block of p."""

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
    """The tiling for a product on a processor with this vector width and register count."""
    lanes = vector_bytes * 8 // spec.bits
    vectors = 1 if spec.n <= lanes else 2
    rows = (registers - vectors - 2) // vectors
    rows = min(rows, 8 if vectors == 2 else 14, max(1, spec.m))
    block = max(1, min(spec.k, 512))
    _, by_row, by_column = spec.b_strides
    transposed = by_column != 1
    page_stride = by_row * spec.bits // 8 % 4096 == 0
    fits = spec.k * lanes * vectors * spec.bits // 8 <= 16 << 10
    direct = not transposed and (spec.m <= 2 * rows or (fits and not page_stride))
    panels = -(-spec.n // (lanes * vectors))
    by_panel = panels * spec.batch >= 4 or spec.m <= rows
    return Tiling(lanes, rows, vectors, block, not direct, by_panel)


def scratch_elements(spec: Matmul, tiling: Tiling) -> int:
    """How many elements of scratch memory each part needs."""
    return tiling.block * tiling.columns if tiling.packed else 0


class _Emitter:
    """The state while one function is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: Matmul,
        tiling: Tiling,
        epilogue: Epilogue | None,
    ) -> None:
        self.spec, self.tiling, self.epilogue = spec, tiling, epilogue
        self.element = spec.type
        self.vector = ir.VectorType(self.element, tiling.lanes)
        self.mask_type = ir.VectorType(I1, tiling.lanes)
        pointer = self.element.as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer] * 4 + [I64, I64])
        self.function = ir.Function(module, kind, name)
        for argument, title in zip(
            self.function.args, ("a", "b", "c", "scratch", "part", "parts"), strict=True
        ):
            argument.name = title
        self.a, self.b, self.c, self.scratch, self.part, self.parts = self.function.args
        suffix = f"v{tiling.lanes}f{spec.bits}"
        vp = self.vector.as_pointer()
        declare = module.declare_intrinsic
        self.fma = declare(
            f"llvm.fma.{suffix}", fnty=ir.FunctionType(self.vector, [self.vector] * 3)
        )
        self.masked_load = declare(
            f"llvm.masked.load.{suffix}.p0",
            fnty=ir.FunctionType(self.vector, [vp, I32, self.mask_type, self.vector]),
        )
        self.masked_store = declare(
            f"llvm.masked.store.{suffix}.p0",
            fnty=ir.FunctionType(ir.VoidType(), [self.vector, vp, I32, self.mask_type]),
        )
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))

    # Small words. ----------------------------------------------------------------------

    def index(self, number: int) -> ir.Value:
        return ir.Constant(I64, number)

    def at(self, pointer: ir.Value, *terms: tuple[ir.Value, int]) -> ir.Value:
        """pointer + Σ value · stride"""
        b = self.builder
        total = self.index(0)
        for value, stride in terms:
            total = b.add(total, b.mul(value, self.index(stride)))
        return b.gep(pointer, [total])

    def mask(self, first: ir.Value, limit: int) -> ir.Value:
        """Which lanes first, first + 1, … are below the limit."""
        b = self.builder
        start = ir.Constant(ir.VectorType(I64, self.tiling.lanes), ir.Undefined)
        start = b.insert_element(start, first, ir.Constant(I32, 0))
        zero = ir.Constant(
            ir.VectorType(I32, self.tiling.lanes), [0] * self.tiling.lanes
        )
        spread = b.shuffle_vector(start, start, zero)
        steps = ir.Constant(spread.type, list(range(self.tiling.lanes)))
        bound = ir.Constant(spread.type, [limit] * self.tiling.lanes)
        return b.icmp_signed("<", b.add(spread, steps), bound)

    def load(self, pointer: ir.Value, mask: ir.Value | None) -> ir.Value:
        b = self.builder
        where = b.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            return b.load(where, align=self.spec.bits // 8)
        zero = ir.Constant(self.vector, [0.0] * self.tiling.lanes)
        size = ir.Constant(I32, self.spec.bits // 8)
        return b.call(self.masked_load, [where, size, mask, zero])

    def store(self, value: ir.Value, pointer: ir.Value, mask: ir.Value | None) -> None:
        b = self.builder
        where = b.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            b.store(value, where, align=self.spec.bits // 8)
        else:
            b.call(
                self.masked_store,
                [value, where, ir.Constant(I32, self.spec.bits // 8), mask],
            )

    def loop(
        self, start: ir.Value, stop: ir.Value, step: int, body: Callable[..., None]
    ) -> None:
        """for i in range(start, stop, step): body(i)"""
        b = self.builder
        before = b.block
        head, inside, after = (
            self.function.append_basic_block(f"{word}")
            for word in ("head", "body", "after")
        )
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(start, before)
        b.cbranch(b.icmp_signed("<", i, stop), inside, after)
        b.position_at_end(inside)
        body(i)
        following = b.add(i, self.index(step))
        i.add_incoming(following, b.block)
        b.branch(head)
        b.position_at_end(after)

    # The product. ----------------------------------------------------------------------

    def emit(self) -> ir.Function:
        """The function's body: the share of part, one panel or row tile after the other."""
        spec, tiling = self.spec, self.tiling
        panels = -(-spec.n // tiling.columns)
        tiles = -(-spec.m // tiling.rows)
        if tiling.by_panel:
            units = spec.batch * panels
        else:
            units = spec.batch * tiles
        b = self.builder
        self.own_scratch = self.at(
            self.scratch, (self.part, scratch_elements(spec, tiling))
        )
        first = b.sdiv(b.mul(self.part, self.index(units)), self.parts)
        last = b.sdiv(
            b.mul(b.add(self.part, self.index(1)), self.index(units)), self.parts
        )
        if tiling.by_panel:
            self.loop(first, last, 1, lambda unit: self._panel_unit(unit, panels))
        else:
            self._row_share(first, last, tiles, panels)
        b.ret_void()
        return self.function

    def _panel_unit(self, unit: ir.Value, panels: int) -> None:
        b = self.builder
        batch = b.sdiv(unit, self.index(panels))
        panel = b.srem(unit, self.index(panels))
        self._panel(batch, panel, self.index(0), self.index(self.spec.m))

    def _row_share(
        self, first: ir.Value, last: ir.Value, tiles: int, panels: int
    ) -> None:
        """All panels for the row tiles first … last of every batch entry they touch."""
        b = self.builder
        total = self.index(tiles)
        begin = b.sdiv(first, total)
        end = b.sdiv(b.add(last, self.index(tiles - 1)), total)

        def entry(batch: ir.Value) -> None:
            base = b.mul(batch, total)
            low = _clamp(b, b.sub(first, base), self.index(0), total)
            high = _clamp(b, b.sub(last, base), self.index(0), total)
            rows = self.index(self.tiling.rows)
            start, stop = b.mul(low, rows), b.mul(high, rows)
            stop = _clamp(b, stop, self.index(0), self.index(self.spec.m))
            self.loop(
                self.index(0),
                self.index(panels),
                1,
                lambda panel: self._panel(batch, panel, start, stop),
            )

        self.loop(begin, end, 1, entry)

    def _panel(
        self, batch: ir.Value, panel: ir.Value, start: ir.Value, stop: ir.Value
    ) -> None:
        """One panel of columns, for the rows start … stop, block of p by block."""
        spec, tiling = self.spec, self.tiling
        b = self.builder
        column = b.mul(panel, self.index(tiling.columns))
        blocks = [
            (p, min(tiling.block, spec.k - p)) for p in range(0, spec.k, tiling.block)
        ]
        ragged = spec.n % tiling.columns != 0
        for p, length in blocks or [(0, 0)]:
            first, last = p == 0, p + length >= spec.k
            if not ragged:
                self._block(
                    batch, column, p, length, start, stop, first, last, masked=False
                )
                continue
            whole = b.icmp_signed(
                "<=", b.add(column, self.index(tiling.columns)), self.index(spec.n)
            )
            with b.if_else(whole) as (then, otherwise):
                with then:
                    self._block(
                        batch, column, p, length, start, stop, first, last, False
                    )
                with otherwise:
                    self._block(
                        batch, column, p, length, start, stop, first, last, True
                    )

    def _block(
        self, batch: ir.Value, column: ir.Value, p: int, length: int, start: ir.Value,
        stop: ir.Value, first: bool, last: bool, masked: bool,
    ) -> None:  # fmt: skip
        spec, tiling = self.spec, self.tiling
        b = self.builder
        masks: list[ir.Value | None] = [None] * tiling.vectors
        if masked:
            masks = [
                self.mask(b.add(column, self.index(v * tiling.lanes)), spec.n)
                for v in range(tiling.vectors)
            ]
        by_batch, by_row, by_column = spec.b_strides
        source = self.at(
            self.b, (batch, by_batch), (self.index(p), by_row), (column, by_column)
        )
        if tiling.packed:
            if by_column == 1:
                self._copy_panel(source, length, masks)
            else:
                self._turn_panel(source, length, column, masked)
            panel, stride, load_masks = (
                self.own_scratch,
                tiling.columns,
                [None] * tiling.vectors,
            )
        else:
            panel, stride, load_masks = source, by_row, masks
        whole = b.sub(stop, b.srem(b.sub(stop, start), self.index(tiling.rows)))

        def tile(row: ir.Value, rows: int) -> None:
            self._tile(
                batch,
                row,
                rows,
                column,
                p,
                length,
                panel,
                stride,
                load_masks,
                masks,
                first,
                last,
            )

        self.loop(start, whole, tiling.rows, lambda row: tile(row, tiling.rows))
        rest = spec.m % tiling.rows
        if rest:
            with b.if_then(b.icmp_signed("<", whole, stop)):
                tile(whole, rest)

    def _tile(
        self, batch: ir.Value, row: ir.Value, rows: int, column: ir.Value, p: int, length: int,
        panel: ir.Value, stride: int, load_masks: list[ir.Value | None],
        masks: list[ir.Value | None], first: bool, last: bool,
    ) -> None:  # fmt: skip
        """rows × columns of C: all of the block's p in registers, then epilogue and store."""
        spec, tiling = self.spec, self.tiling
        b = self.builder
        by_batch, by_row, by_p = spec.a_strides
        origin = self.at(
            self.a, (batch, by_batch), (row, by_row), (self.index(p), by_p)
        )
        out = self.at(
            self.c, (batch, spec.c_strides[0]), (row, spec.c_strides[1]), (column, 1)
        )
        places = [
            [b.gep(out, [self.index(r * spec.c_strides[1] + v * tiling.lanes)])
             for v in range(tiling.vectors)]
            for r in range(rows)
        ]  # fmt: skip
        zero = ir.Constant(self.vector, [0.0] * tiling.lanes)
        starts = [
            [
                zero if first else self.load(places[r][v], masks[v])
                for v in range(tiling.vectors)
            ]
            for r in range(rows)
        ]
        sums = self._sum(
            origin, rows, by_row, by_p, length, panel, stride, load_masks, starts
        )
        for r in range(rows):
            for v in range(tiling.vectors):
                value = sums[r][v]
                if last and self.epilogue is not None:
                    value = self.epilogue(
                        b, value, batch, b.add(row, self.index(r)),
                        b.add(column, self.index(v * tiling.lanes)), masks[v],
                    )  # fmt: skip
                self.store(value, places[r][v], masks[v])

    def _sum(
        self, origin: ir.Value, rows: int, by_row: int, by_p: int, length: int, panel: ir.Value,
        stride: int, masks: list[ir.Value | None], starts: list[list[ir.Value]],
    ) -> list[list[ir.Value]]:  # fmt: skip
        """starts + Σₚ A[rows, p] ⊗ B[p, columns], the accumulators in registers."""
        tiling, b = self.tiling, self.builder
        if length == 0:
            return starts
        before = b.block
        body = self.function.append_basic_block("sum")
        after = self.function.append_basic_block("summed")
        b.branch(body)
        b.position_at_end(body)
        p = b.phi(I64)
        p.add_incoming(self.index(0), before)
        sums = []
        for r in range(rows):
            line = []
            for v in range(tiling.vectors):
                phi = b.phi(self.vector)
                phi.add_incoming(starts[r][v], before)
                line.append(phi)
            sums.append(line)
        at_b = b.gep(panel, [b.mul(p, self.index(stride))])
        columns = [
            self.load(b.gep(at_b, [self.index(v * tiling.lanes)]), masks[v])
            for v in range(tiling.vectors)
        ]
        at_a = b.gep(origin, [b.mul(p, self.index(by_p))])
        new = []
        for r in range(rows):
            scalar = b.load(
                b.gep(at_a, [self.index(r * by_row)]), align=self.spec.bits // 8
            )
            spread = self._splat(scalar)
            new.append(
                [
                    b.call(self.fma, [spread, columns[v], sums[r][v]])
                    for v in range(tiling.vectors)
                ]
            )
        following = b.add(p, self.index(1))
        p.add_incoming(following, b.block)
        for line, values in zip(sums, new, strict=True):
            for phi, value in zip(line, values, strict=True):
                phi.add_incoming(value, b.block)
        b.cbranch(b.icmp_signed("<", following, self.index(length)), body, after)
        b.position_at_end(after)
        return new

    def _splat(self, scalar: ir.Value) -> ir.Value:
        b = self.builder
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = b.insert_element(undefined, scalar, ir.Constant(I32, 0))
        zeros = ir.Constant(
            ir.VectorType(I32, self.tiling.lanes), [0] * self.tiling.lanes
        )
        return b.shuffle_vector(one, undefined, zeros)

    # Panels. ---------------------------------------------------------------------------

    def _copy_panel(
        self, source: ir.Value, length: int, masks: list[ir.Value | None]
    ) -> None:
        """Rows of a panel to contiguous memory; columns that do not exist become zeros."""
        tiling, b = self.tiling, self.builder

        def row(p: ir.Value) -> None:
            for v in range(tiling.vectors):
                offset = self.index(v * tiling.lanes)
                line = self.at(source, (p, self.spec.b_strides[1]))
                value = self.load(b.gep(line, [offset]), masks[v])
                target = self.at(self.own_scratch, (p, tiling.columns))
                self.store(value, b.gep(target, [offset]), None)

        self.loop(self.index(0), self.index(length), 1, row)

    def _turn_panel(
        self, source: ir.Value, length: int, column: ir.Value, masked: bool
    ) -> None:
        """Columns that lie contiguous in memory (B transposed) to rows of a panel: squares of
        lanes × lanes numbers, turned in registers."""
        tiling, spec, b = self.tiling, self.spec, self.builder
        lanes = tiling.lanes
        if spec.b_strides[1] != 1:
            self._gather_panel(source, length, column, masked)
            return
        whole = length - length % lanes

        def square(p: ir.Value, count: int) -> None:
            for v in range(tiling.vectors):
                rows = [
                    self._column_piece(
                        source, column, p, v * lanes + lane, count, masked
                    )
                    for lane in range(lanes)
                ]
                turned = transposed(b, rows)
                for i in range(count):
                    place = self.at(
                        self.own_scratch, (b.add(p, self.index(i)), tiling.columns)
                    )
                    self.store(turned[i], b.gep(place, [self.index(v * lanes)]), None)

        self.loop(self.index(0), self.index(whole), lanes, lambda p: square(p, lanes))
        if length > whole:
            square(self.index(whole), length - whole)

    def _column_piece(
        self, source: ir.Value, column: ir.Value, p: ir.Value, offset: int, count: int,
        masked: bool,
    ) -> ir.Value:  # fmt: skip
        """``count`` consecutive numbers of one column of B, zeros after them."""
        b, lanes = self.builder, self.tiling.lanes
        place = self.at(source, (self.index(offset), self.spec.b_strides[2]), (p, 1))
        if not masked and count == lanes:
            return self.load(place, None)
        wanted = ir.Constant(self.mask_type, [int(i < count) for i in range(lanes)])
        if masked:
            exists = b.icmp_signed(
                "<", b.add(column, self.index(offset)), self.index(self.spec.n)
            )
            nothing = ir.Constant(self.mask_type, [0] * lanes)
            wanted = b.select(exists, wanted, nothing)
        return self.load(place, wanted)

    def _gather_panel(
        self, source: ir.Value, length: int, column: ir.Value, masked: bool
    ) -> None:
        """Any strides: number by number."""
        tiling, spec, b = self.tiling, self.spec, self.builder

        def row(p: ir.Value) -> None:
            def each(j: ir.Value) -> None:
                place = self.at(self.own_scratch, (p, tiling.columns), (j, 1))
                b.store(ir.Constant(self.element, 0.0), place)
                exists = b.icmp_signed("<", b.add(column, j), self.index(spec.n))
                with b.if_then(exists):
                    number = b.load(
                        self.at(source, (p, spec.b_strides[1]), (j, spec.b_strides[2]))
                    )
                    b.store(number, place)

            self.loop(self.index(0), self.index(tiling.columns), 1, each)

        self.loop(self.index(0), self.index(length), 1, row)


def transposed(b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """A square of vectors turned, by log₂ n rounds of exchanging blocks of 1, 2, 4, … lanes."""
    n = len(rows)
    step = 1
    while step < n:
        low = [(i - step + n) if i & step else i for i in range(n)]
        high = [i + n if i & step else i + step for i in range(n)]
        turned = list(rows)
        for i in range(n):
            if not i & step:
                x, y = rows[i], rows[i + step]
                turned[i] = b.shuffle_vector(x, y, _indices(low))
                turned[i + step] = b.shuffle_vector(x, y, _indices(high))
        rows = turned
        step *= 2
    return rows


def _indices(numbers: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(I32, len(numbers)), numbers)


def _clamp(b: ir.IRBuilder, value: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
    value = b.select(b.icmp_signed("<", value, low), low, value)
    return b.select(b.icmp_signed(">", value, high), high, value)


def emit_matmul(
    module: ir.Module,
    name: str,
    spec: Matmul,
    tiling: Tiling,
    epilogue: Epilogue | None = None,
) -> ir.Function:
    """Writes ``name(a*, b*, c*, scratch*, part, parts)``, which computes its part of C.

    ``scratch`` has ``scratch_elements`` for each part.
    """
    return _Emitter(module, name, spec, tiling, epilogue).emit()
