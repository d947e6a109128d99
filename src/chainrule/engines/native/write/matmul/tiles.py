"""Tiles: a few rows and columns of C in registers, while p runs.

Place on the road: below ``matmul``, which cuts C into tiles. Three kinds:

- **Outer products.** For each p some columns of B are loaded as vectors, each of the
  rows' elements of A is broadcast, and every pair is one fused multiply-add.
- **Tall ones**, where C has few columns and A's columns are contiguous: the same with
  the roles of A and B exchanged, and the tile turned at the end.
- **Inner products**, where p is contiguous in A and B, and C has few rows or columns:
  vectors along p of rows of A times those of columns of B; at the end the lanes of
  each are added up.

All end alike: the epilogue on each vector of C, and the store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ...choose.matmul import InnerTiling, OuterTiling, TallTiling
from ...choose.processor import CACHE_LINE, IN_FLIGHT
from ...choose.tiling import Matmul, Panels, Tiling
from .. import ir
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    constant,
    first_lanes,
    index,
    linear,
    load,
    loop,
    prefetch,
    register_type,
    smaller,
    splat,
    store,
    wide,
    woven,
)
from ..epilogue import Epilogue, Place
from ..words import product_of_words
from .panels import mixed

#: ``ahead(builder, context, batch, row, column, columns)`` prefetches what the epilogue
#: will read in one row of a tile.
Ahead = Callable[..., None]
Mask: TypeAlias = ir.Value | None

#: One p of a loop: (p, sums) → the new sums.
Step: TypeAlias = Callable[[ir.Value, list[list[ir.Value]]], list[list[ir.Value]]]

#: Rows of Aᵀ that are at least ``FAR_APART`` bytes apart compete for the same cache
#: lines and lie on many pages: they are prefetched ``MULTIPLICATIONS_AHEAD``
#: multiplications of vectors before they are needed, ``FEWER_AHEAD`` of vectors of at
#: most ``SHORT_VECTOR`` bytes: their tiles are smaller, and a multiplication may take a
#: whole cycle.
FAR_APART, MULTIPLICATIONS_AHEAD = 1 << 10, 1 << 10
SHORT_VECTOR, FEWER_AHEAD = 32, 384
#: Of about as many turns of the loop over p each sum is made.
MOST_TURNS = 1 << 10


class Tile:
    """A function (a, c, panel, sums, context, batch, row, column, p, length): adds a
    stretch of p to rows × columns of C. Between stretches they wait in ``sums``."""

    KIND = ir.FunctionType(VOID, [POINTER] * 5 + [I64] * 5)

    def __init__(
        self,
        function: ir.Function,
        spec: Matmul,
        tiling: Tiling,
        rows: int,
        columns: int,
        epilogue: Epilogue | None,
        ahead: Ahead | None = None,
    ) -> None:
        self.spec, self.tiling = spec, tiling
        self.epilogue, self.ahead = epilogue, ahead
        self.rows, self.columns = rows, columns
        self.element = register_type(spec.dtype)
        self.vector = wide(self.element, tiling.lanes)
        self.b = ir.IRBuilder(function.append_basic_block("entry"))
        self.a, self.c, self.panel, self.waiting, self.context = function.args[:5]
        self.batch, self.row, self.column, self.p, self.length = function.args[5:]
        self.lanes = tiling.lanes
        self.vectors = -(-columns // tiling.lanes)
        #: How wide the vectors of a row are (the last one may be narrower), and which
        #: of their lanes exist.
        self.widths = [tiling.lanes] * self.vectors
        rest = columns - (self.vectors - 1) * tiling.lanes
        while (
            self.widths[-1] * spec.dtype.itemsize > 16 and rest <= self.widths[-1] // 2
        ):
            self.widths[-1] //= 2
        self.masks = [*[None] * (self.vectors - 1), first_lanes(rest, self.widths[-1])]

    def result_at(self, row: ir.Value, v: int) -> ir.Value:
        """Where a vector of the tile lies in C."""
        by_batch, by_row, _ = self.spec.c_strides
        where = [(self.batch, by_batch), (self.row, by_row), (row, by_row)]
        where.append((self.column, 1))
        at = linear(self.b, v * self.tiling.lanes, where)
        return address(self.b, self.c, self.element, at)

    def emit(self) -> None:
        """Writes the whole function."""
        raise NotImplementedError("each kind of tile computes its own sums")

    def prefetch(self) -> None:
        """Prefetches what the epilogue will need, which arrives during the sums."""
        b = self.b
        if self.ahead is not None:
            with loop(b, 0, self.rows, name="ahead") as r:
                where = self.batch, b.add(self.row, r), self.column, self.columns
                self.ahead(b, self.context, *where)

    def summed(
        self,
        starts: list[list[ir.Value]],
        step: Step,
        stop: ir.Value,
        stride: int = 1,
    ) -> list[list[ir.Value]]:
        """starts + Σ, for p from 0 to ``stop``. Where it is long, parts of it have sums
        of their own: few numbers are added to each.
        """
        b, most = self.b, MOST_TURNS * stride
        if self.tiling.stretches(self.spec.k)[1] <= 2 * most:
            return self._turns(starts, step, index(0), stop, stride)

        def stretch(p: ir.Value, totals: list[list[ir.Value]]) -> list[list[ir.Value]]:
            zeros = [[constant(x.type, 0) for x in line] for line in totals]
            end = smaller(b, b.add(p, index(most)), stop)
            sums = self._turns(zeros, step, p, end, stride)
            both = zip(totals, sums, strict=True)
            return [list(map(b.fadd, *lines)) for lines in both]

        return self._turns(starts, stretch, index(0), stop, most)

    def _turns(
        self,
        starts: list[list[ir.Value]],
        step: Step,
        first: ir.Value,
        stop: ir.Value,
        stride: int,
    ) -> list[list[ir.Value]]:
        """The loop over p, of at least one turn."""
        b = self.b
        before = b.block
        body, after = b.append_basic_block("sum"), b.append_basic_block("summed")
        b.branch(body)
        b.position_at_end(body)
        p = b.phi(I64, "p")
        p.add_incoming(first, before)
        phis = [[b.phi(value.type) for value in line] for line in starts]
        new = step(p, [list(line) for line in phis])
        following = b.add(p, index(stride))
        p.add_incoming(following, b.block)
        for line, one, last in zip(phis, starts, new, strict=True):
            for phi, x, y in zip(line, one, last, strict=True):
                phi.add_incoming(x, before)
                phi.add_incoming(y, b.block)
        b.cbranch(b.icmp_signed("<", following, stop), body, after)
        b.position_at_end(after)
        return new

    def finish(self, sums: list[list[ir.Value]]) -> None:
        """The tile through the epilogue to C.

        With an epilogue it goes row by row through memory, so that this is written
        once.
        """
        b, dtype = self.b, self.spec.dtype
        if self.epilogue is not None:
            held = self.held(self.rows * self.vectors)
        for r, line in enumerate(sums):
            for v, value in enumerate(line):
                if self.epilogue is None:
                    store(b, dtype, value, self.result_at(index(r), v), self.masks[v])
                    continue
                at = index((r * self.vectors + v) * self.lanes)
                store(b, dtype, value, address(b, held, self.element, at), None)
        if self.epilogue is not None:
            self.from_memory(held, self.vectors * self.lanes)

    def held(self, vectors: int) -> ir.Value:
        """Memory on the stack for this many vectors."""
        b = self.b
        with b.goto_entry_block():
            kind = ir.ArrayType(self.vector, vectors)
            held = b.alloca(kind, self.spec.dtype.itemsize * self.lanes)
            return address(b, held, self.element, index(0))

    def from_memory(self, held: ir.Value, pitch: int) -> None:
        """Rows of the tile, which lie ``pitch`` apart, through the epilogue to C."""
        b, dtype = self.b, self.spec.dtype
        epilogue = self.epilogue
        if epilogue is not None and epilogue.sums:
            epilogue.begin(b, [wide(self.element, width) for width in self.widths])
        with loop(b, 0, self.rows, name="finish") as r, woven(b) as begin:
            for v, (width, mask) in enumerate(
                zip(self.widths, self.masks, strict=True)
            ):
                begin()
                at = linear(b, v * self.lanes, [(r, pitch)])
                source = address(b, held, self.element, at)
                found = load(b, dtype, source, width, None)
                value: ir.Value | None = found
                if epilogue is not None:
                    column = b.add(self.column, index(v * self.lanes))
                    where = self.batch, b.add(self.row, r), column
                    place = Place(self.context, where, v, mask)
                    value = epilogue.vector(b, found, place)
                if value is not None:
                    store(b, dtype, value, self.result_at(r, v), mask)
        if epilogue is not None and epilogue.sums:
            for v, mask in enumerate(self.masks):
                column = b.add(self.column, index(v * self.lanes))
                where = self.batch, self.row, column
                epilogue.end(b, Place(self.context, where, v, mask))


class OuterProducts(Tile):
    """What tiles of outer products have in common: numbers times vectors, added."""

    def later_rows(self, start: ir.Value, count: int, work: int) -> None:
        """Prefetches ``count`` neighbours in a later row of Aᵀ, if rows are far apart;
        a row takes ``work`` multiplications of vectors.
        """
        by_p, size = self.spec.a_strides[2], self.spec.dtype.itemsize
        if abs(by_p) * size < FAR_APART:
            return
        short = self.lanes * size <= SHORT_VECTOR
        ahead = FEWER_AHEAD if short else MULTIPLICATIONS_AHEAD
        distance = by_p * -(-ahead // work)
        for at in (*range(0, count - 1, CACHE_LINE // size), count - 1):
            pointer = address(self.b, start, self.element, index(distance + at))
            prefetch(self.b, pointer)

    def scaled(
        self, number: ir.Value, vectors: list[ir.Value], sums: list[ir.Value]
    ) -> list[ir.Value]:
        """sums + number · vectors."""
        widths = {x.type.count for x in vectors}
        spread = {width: splat(self.b, number, width) for width in sorted(widths)}
        return [
            product_of_words(self.b, self.spec.words, spread[x.type.count], x, total)
            for x, total in zip(vectors, sums, strict=True)
        ]


class OuterTile(OuterProducts):
    """A tile of outer products, over one or several stretches of p."""

    tiling: OuterTiling

    def emit(self) -> None:
        """The whole stretch in registers; after the last one epilogue and store."""
        b = self.b
        if self.tiling.blocks == 1:
            self.prefetch()
            self.finish(self._sums())
            b.ret_void()
            return
        ends = b.icmp_signed(">=", b.add(self.p, self.length), index(self.spec.k))
        with b.if_then(ends):
            self.prefetch()
        sums = self._sums()
        with b.if_else(ends) as (then, otherwise):
            with then:
                self.finish(sums)
            with otherwise:
                for r, line in enumerate(sums):
                    for v, value in enumerate(line):
                        pointer = self.waiting_at(r, v)
                        store(b, self.spec.dtype, value, pointer, None)
        b.ret_void()

    def _sums(self) -> list[list[ir.Value]]:
        """Σₚ A[rows, p] ⊗ B[p, columns], and what waits of the stretches before."""
        zeros = [constant(wide(self.element, width), 0) for width in self.widths]
        if not self.spec.k:
            return [zeros] * self.rows
        sums = self.summed([zeros] * self.rows, self._step, self.length)
        if self.tiling.blocks == 1:
            return sums
        both = zip(self._before(zeros), sums, strict=True)
        return [list(map(self.b.fadd, *lines)) for lines in both]

    def waiting_at(self, r: int, v: int) -> ir.Value:
        """Where a vector of the tile waits between stretches."""
        at = index(r * self.tiling.columns + v * self.lanes)
        return address(self.b, self.waiting, self.element, at)

    def _before(self, zeros: list[ir.Value]) -> list[list[ir.Value]]:
        """What the stretches before have summed: 0 in the first."""
        b = self.b
        later = b.icmp_signed(">", self.p, index(0))
        return [
            [b.select(later, self._held(r, v), zero) for v, zero in enumerate(zeros)]
            for r in range(self.rows)
        ]

    def _held(self, r: int, v: int) -> ir.Value:
        pointer = self.waiting_at(r, v)
        return load(self.b, self.spec.dtype, pointer, self.widths[v], None)

    def _step(self, p: ir.Value, sums: list[list[ir.Value]]) -> list[list[ir.Value]]:
        """One p: every row's number of A times every vector of B, added to the sums."""
        b, dtype, packed = self.b, self.spec.dtype, self.tiling.in_panels
        stride = self.tiling.columns if packed else self.spec.b_strides[1]
        columns = []
        for v, (width, mask) in enumerate(zip(self.widths, self.masks, strict=True)):
            at = linear(b, v * self.lanes, [(p, stride)])
            source = address(b, self.panel, self.element, at)
            columns.append(load(b, dtype, source, width, None if packed else mask))
            first = v * self.lanes * dtype.itemsize % CACHE_LINE == 0  # of its line
            if self.tiling.panels is Panels.STREAMED and first:
                self._ahead(source, stride)
        by_batch, by_row, by_p = self.spec.a_strides
        by_tile = self.spec.k if self.tiling.copies_rows else by_row
        where = [(self.batch, by_batch), (self.row, by_tile), (self.p, by_p), (p, by_p)]
        start = address(b, self.a, self.element, linear(b, 0, where))
        if by_row == 1:
            self.later_rows(start, self.rows, len(columns) * self.rows)
        new = []
        for r, line in enumerate(sums):
            pointer = address(b, start, self.element, index(r * by_row))
            number = load(b, dtype, pointer, 0, None)
            new.append(self.scaled(number, columns, line))
        return new

    def _ahead(self, source: ir.Value, stride: int) -> None:
        """Prefetches what is read here later: in the next stretch where C is a single
        row, which is through with a panel at once; else in the panel after the next.
        """
        alone = self.spec.m == 1
        distance = self.tiling.longest * stride if alone else 2 * self.tiling.columns
        prefetch(self.b, address(self.b, source, self.element, index(distance)))


class TallTile(OuterProducts):
    """A tile of many rows and at most four columns: vectors run down the columns."""

    def emit(self) -> None:
        """Columns in registers, then turned to rows in memory."""
        b, lanes = self.b, self.lanes
        stretches = -(-self.rows // lanes)
        #: Which rows of the last stretch exist.
        self.bottom = first_lanes(self.rows - (stretches - 1) * lanes, lanes)
        zero = constant(self.vector, 0)
        starts = [[zero] * stretches for _ in range(self.columns)]
        columns = starts
        if self.spec.k:
            columns = self.summed(starts, self._column_step, self.length)
        pitch = sum(self.widths)
        held = self.held(stretches * pitch)
        for s in range(stretches):
            turned = _interleaved(b, [column[s] for column in columns], pitch)
            for i, vector in enumerate(turned):
                at = index((s * pitch + i) * lanes)
                pointer = address(b, held, self.element, at)
                store(b, self.spec.dtype, vector, pointer, None)
        self.from_memory(held, pitch)
        b.ret_void()

    def _column_step(
        self, p: ir.Value, sums: list[list[ir.Value]]
    ) -> list[list[ir.Value]]:
        """One p: every column's number of B times the vectors of A."""
        b, dtype = self.b, self.spec.dtype
        by_batch, _, by_p = self.spec.a_strides
        where = [(self.batch, by_batch), (self.row, 1), (p, by_p)]
        start = address(b, self.a, self.element, linear(b, 0, where))
        stretches = len(sums[0])
        self.later_rows(start, self.rows, stretches * self.columns)
        vectors = []
        for s in range(stretches):
            pointer = address(b, start, self.element, index(s * self.lanes))
            mask = self.bottom if s == stretches - 1 else None
            vectors.append(load(b, dtype, pointer, self.lanes, mask))
        _, by_row, by_column = self.spec.b_strides
        new = []
        for j, line in enumerate(sums):
            at = linear(b, j * by_column, [(p, by_row)])
            number = load(b, dtype, address(b, self.panel, self.element, at), 0, None)
            new.append(self.scaled(number, vectors, line))
        return new


def _interleaved(
    b: ir.IRBuilder, vectors: list[ir.Value], pitch: int
) -> list[ir.Value]:
    """The first lanes of all vectors, then the second, …; vectors that are missing
    to ``pitch``, a power of two, repeat."""
    lanes = vectors[0].type.count
    found = [vectors[i % len(vectors)] for i in range(pitch)]
    low = [i // 2 + lanes * (i % 2) for i in range(lanes)]
    high = [i + lanes // 2 for i in low]
    half = pitch // 2
    while half:
        # Each round merges vector i with vector i + pitch / 2, whose numbers follow it
        # at half the distance; after log₂ rounds all are in order.
        pairs = [(found[i], found[i + pitch // 2]) for i in range(pitch // 2)]
        found = [mixed(b, x, y, which) for x, y in pairs for which in (low, high)]
        half //= 2
    return found


class InnerTile(Tile):
    """A tile of inner products, of at most ``lanes`` columns."""

    tiling: InnerTiling

    def emit(self) -> None:
        """A group of columns after the other to memory, then all to C."""
        b, dtype, lanes = self.b, self.spec.dtype, self.lanes
        held = self.held(self.rows)
        size = min(self.columns, self.tiling.group)
        rest = self.columns % size

        def group(start: ir.Value, columns: int) -> None:
            for r, line in enumerate(self._group(start, columns)):
                at = linear(b, r * lanes, [(start, 1)])
                store(b, dtype, line, address(b, held, self.element, at), None)

        with loop(b, 0, self.columns - rest, step=size, name="group") as start:
            group(start, size)
        if rest:
            group(index(self.columns - rest), rest)
        self.from_memory(held, lanes)
        b.ret_void()

    def _group(self, start: ir.Value, columns: int) -> list[ir.Value]:
        """For each row a vector: Σₚ A[row, p] · B[p, start …]."""
        lanes, k = self.lanes, self.spec.k
        most = max(1, k // lanes)
        self.unroll = min(most, -(-IN_FLIGHT // (self.rows * columns)))
        by_batch, by_row, _ = self.spec.a_strides
        pitch = self.spec.k if self.tiling.in_panels else self.spec.b_strides[2]
        where = [(self.batch, by_batch), (self.row, by_row)]
        a = address(self.b, self.a, self.element, linear(self.b, 0, where))
        at = linear(self.b, 0, [(start, pitch)])
        panel = address(self.b, self.panel, self.element, at)
        self.lines = [(a, r * by_row) for r in range(self.rows)]
        self.lines += [(panel, j * pitch) for j in range(columns)]

        step = lanes * self.unroll
        zero = constant(self.vector, 0)
        totals = [[zero] * (columns * self.unroll) for _ in range(self.rows)]
        whole = k - k % step
        if whole:
            totals = self.summed(totals, self._turn, index(whole), step)
        for u in range(-(-(k - whole) // lanes)):
            p = whole + u * lanes
            totals = self._step(index(p), u, first_lanes(k - p, lanes), totals)
        return [self._added(line) for line in totals]

    def _turn(self, p: ir.Value, totals: list[list[ir.Value]]) -> list[list[ir.Value]]:
        """The next vectors of p, without masks."""
        for u in range(self.unroll):
            at = self.b.add(p, index(u * self.lanes)) if u else p
            totals = self._step(at, u, None, totals)
        return totals

    def _step(
        self, p: ir.Value, u: int, mask: Mask, totals: list[list[ir.Value]]
    ) -> list[list[ir.Value]]:
        """The next lanes of p, into the sums number u of each pair."""
        b = self.b
        vectors = []
        for begin, distance in self.lines:
            at = linear(b, distance, [(p, 1)])
            source = address(b, begin, self.element, at)
            vectors.append(load(b, self.spec.dtype, source, self.lanes, mask))
        rows, columns = vectors[: self.rows], vectors[self.rows :]
        new = [list(line) for line in totals]
        for row, line in zip(rows, new, strict=True):
            for j, column in enumerate(columns):
                i = j * self.unroll + u
                line[i] = product_of_words(b, self.spec.words, row, column, line[i])
        return new

    def _added(self, line: list[ir.Value]) -> ir.Value:
        """The sums of the lanes of vectors, each in ``unroll`` pieces, as a vector."""
        vectors = []
        for j in range(0, len(line), self.unroll):
            pieces = line[j : j + self.unroll]
            while len(pieces) > 1:
                half = len(pieces) // 2
                pairs = zip(pieces[:half], pieces[half:], strict=False)
                rest = pieces[2 * half :]
                pieces = [self.b.fadd(x, y) for x, y in pairs] + rest
            vectors.append(pieces[0])
        return _lane_sums(self.b, vectors)


def _lane_sums(b: ir.IRBuilder, vectors: list[ir.Value]) -> ir.Value:
    """The sums of each vector's lanes, as a vector (some of its last lanes may repeat).

    In every round two vectors become one: the lower half of each group of lanes is
    added to the upper half, and the groups of both vectors stand side by side. Once a
    single vector is left, it becomes shorter.
    """
    group = vectors[0].type.count
    while group > 1:
        half = group // 2
        groups = vectors[0].type.count // group
        if len(vectors) == 1:
            pairs = [(vectors[0], vectors[0])]
            starts = [g * group for g in range(groups)]
        else:
            second = [*vectors[1::2], vectors[-1]]
            pairs = list(zip(vectors[::2], second, strict=False))
            starts = [g * group for g in range(2 * groups)]
        low = [start + i for start in starts for i in range(half)]
        high = [i + half for i in low]
        vectors = [b.fadd(mixed(b, x, y, low), mixed(b, x, y, high)) for x, y in pairs]
        group = half
    return vectors[0]


#: The class that writes the tiles of each kind of tiling.
TILES: dict[type[Tiling], type[Tile]] = {
    OuterTiling: OuterTile,
    TallTiling: TallTile,
    InnerTiling: InnerTile,
}
