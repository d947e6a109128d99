"""Convolutions of bfloat16 on a unit that multiplies small matrices (x86's AMX).

Place on the road: beside ``forward``, for what ``choose.matrix_convolution`` cuts. Each
part copies a strip of the input to its scratch memory, with zeros around it, and
multiplies it with all panels of weights. A tile is 32 pixels and up to 32 outputs; a
pixel that is no result, between two rows, or behind the last one, is computed with the
others and not stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...choose.blocks import largest_counts, panel_elements, panels_of, units_of
from ...choose.matrix import SIDE
from ...choose.matrix_convolution import MatrixBlocks, is_long_row, joined, line_of
from ...plan.convolution_spec import Correlation
from .. import ir
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    first_lanes,
    index,
    larger,
    linear,
    load,
    loop,
    register_type,
    share,
    smaller,
    store,
    wide,
)
from ..epilogue import Epilogue, Place
from ..matmul.registers import (
    OF_A,
    OF_B,
    SUMS,
    clear_registers,
    move,
    multiply,
    release,
    set_sizes,
)
from .strips import Strips


def emit_matrix_convolution(
    module: ir.Module,
    name: str,
    spec: Correlation,
    blocks: MatrixBlocks,
    epilogue: Epilogue | None = None,
) -> ir.Function:
    """Writes ``name(x, panels, y, context, part, parts)``, as ``emit_convolution``
    does; the strips of the parts lie behind the panels.
    """
    return _MatrixConvolution(module, name, spec, blocks, epilogue).emit()


@dataclass(frozen=True)
class _Strip:
    """Some rows of results of an image, as values in registers."""

    image: ir.Value
    start: ir.Value
    stop: ir.Value


class _MatrixConvolution:
    """The state while one convolution is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: Correlation,
        blocks: MatrixBlocks,
        epilogue: Epilogue | None,
    ) -> None:
        self.module, self.name = module, name
        self.spec, self.blocks, self.epilogue = spec, blocks, epilogue
        self.element = register_type(spec.dtype)
        self.tiles: dict[tuple[int, int], ir.Function] = {}
        kind = ir.FunctionType(VOID, [POINTER] * 4 + [I64, I64])
        self.function = ir.Function(module, kind, name)
        self.x, self.panels, self.y, self.context, self.part, self.parts = (
            self.function.args
        )
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        behind = panel_elements(spec, blocks)
        own = linear(self.b, behind, [(self.part, blocks.elements(spec))])
        self.strip = address(self.b, self.panels, self.element, own)
        self.strips = Strips(
            spec.phases[0].axes, spec.x_strides, spec.inputs, blocks.left,
            blocks.pitch, self.element, spec.dtype.itemsize,
        )  # fmt: skip

    def emit(self) -> ir.Function:
        """This part's strips: a copy, then all phases and panels."""
        b, spec, blocks = self.b, self.spec, self.blocks
        total = largest_counts(spec)[0]
        strips = -(-total // blocks.strip)
        low, high = share(b, units_of(spec, blocks), self.part, self.parts)
        with loop(b, low, high, name="unit") as unit:
            image, strip = b.sdiv(unit, index(strips)), b.srem(unit, index(strips))
            start = b.mul(strip, index(blocks.strip))
            stop = smaller(b, b.add(start, index(blocks.strip)), index(total))
            first = linear(b, -blocks.above, [(start, spec.phases[0].axes[0].stride)])
            self.strips.copy(b, self.x, image, first, self.strip, blocks.height)
            work = _Strip(image, start, stop)
            for number, phase in enumerate(spec.phases):
                if not phase.empty:
                    self._phase(work, number)
        release(b)
        b.ret_void()
        return self.function

    # The tiles.
    # ------------------------------------------------------------------------

    def _phase(self, strip: _Strip, number: int) -> None:
        """All panels for the results of a phase."""
        b, spec, blocks = self.b, self.spec, self.blocks
        phase = spec.phases[number]
        high = halves_of_tile(blocks)
        columns = [SIDE] * blocks.vectors
        set_sizes(b, self.name, high, columns, blocks.steps[number])
        rows = smaller(b, strip.stop, index(phase.axes[0].count))
        last, rest = panels_of(spec, blocks) - 1, spec.outputs % blocks.width
        with loop(b, 0, last + 1, name="panel") as panel:
            if not rest or not last:
                self._rows(strip, number, rows, panel, rest or blocks.width)
            else:
                full = b.icmp_signed("<", panel, index(last))
                with b.if_else(full) as (then, otherwise):
                    with then:
                        self._rows(strip, number, rows, panel, blocks.width)
                    with otherwise:
                        self._rows(strip, number, rows, panel, rest)

    def _rows(
        self,
        strip: _Strip,
        number: int,
        stop: ir.Value,
        panel: ir.Value,
        outputs: int,
    ) -> None:
        """The tiles of one panel: of one long row, or of each row by itself."""
        b, spec, blocks = self.b, self.spec, self.blocks
        phase = spec.phases[number]
        size = spec.taps * spec.inputs * blocks.width
        begin = phase.row * spec.inputs * blocks.width
        weights = address(
            b, self.panels, self.element, linear(b, begin, [(panel, size)])
        )
        output = b.mul(panel, index(blocks.width))
        count = phase.axes[1].count
        # Where the first tap of the first result lies in the strip.
        above, left = (
            around - axis.low
            for around, axis in zip(
                (blocks.above, blocks.left), phase.axes, strict=True
            )
        )
        tile = self._tile(number, outputs)

        def row_of(first: ir.Value, line: ir.Value, length: ir.Value) -> None:
            """Tiles of ``length`` pixels from result ``first`` on."""
            with loop(b, 0, length, step=blocks.columns, name="pixel") as at:
                column = linear(b, left, [(at, phase.axes[1].stride)])
                x = self.strips.at(b, self.strip, line, column)
                pointers = [x, weights, self.y, self.context]
                b.call(tile, [*pointers, strip.image, first, at, length, output])

        if is_long_row(spec):
            lines = b.sub(stop, strip.start)
            length = linear(b, count - blocks.pitch, [(lines, blocks.pitch)])
            row_of(strip.start, index(above), larger(b, length, index(0)))
            return
        with loop(b, strip.start, stop, name="row") as row:
            down = b.sub(row, strip.start)
            line = linear(b, above, [(down, phase.axes[0].stride)])
            row_of(row, line, index(count))

    def _tile(self, phase: int, outputs: int) -> ir.Function:
        """The function of a tile, written when first asked for."""
        key = phase, outputs
        if key not in self.tiles:
            title = f"{self.name}.tile{len(self.tiles)}"
            tile = _Tile(self.module, title, self.spec, self.blocks, key, self.epilogue)
            self.tiles[key] = tile.function
            tile.emit()
        return self.tiles[key]


def halves_of_tile(blocks: MatrixBlocks) -> list[int]:
    """The rows of the registers of a tile."""
    return [SIDE] * (blocks.columns // SIDE)


class _Tile:
    """A function (x, panel, y, context, image, row, first, length, output): pixels from
    ``first`` on, of ``length`` in all, counted from result ``row``. ``x`` and ``panel``
    point to what the first one reads at its first tap.
    """

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: Correlation,
        blocks: MatrixBlocks,
        key: tuple[int, int],
        epilogue: Epilogue | None,
    ) -> None:
        self.spec, self.blocks, self.epilogue = spec, blocks, epilogue
        number, outputs = key
        self.phase, self.words = spec.phases[number], blocks.steps[number]
        kind = ir.FunctionType(VOID, [POINTER] * 4 + [I64] * 5)
        self.function = ir.Function(module, kind, name)
        self.function.linkage = "internal"
        self.function.attributes.append("noinline")
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.x, self.panel, self.y, self.context, self.image = self.function.args[:5]
        self.row, self.start, self.length, self.output = self.function.args[5:]
        self.element = register_type(spec.dtype)
        self.high = halves_of_tile(blocks)
        self.vectors = -(-outputs // SIDE)
        self.masks = [
            *[None] * (self.vectors - 1),
            first_lanes(outputs - (self.vectors - 1) * SIDE, SIDE),
        ]

    def emit(self) -> None:
        """The sums, then epilogue and store of those pixels that are results."""
        b = self.b
        clear_registers(b, len(self.high), self.vectors)
        if self.phase.taps:
            self._sums()
        self._finish()
        b.ret_void()

    def _sums(self) -> None:
        """All lines of words: rows of the kernel, or its taps."""
        b, spec, blocks = self.b, self.spec, self.blocks
        first, second = self.phase.axes
        line = line_of(spec, self.phase)
        pieces = 1 if joined(second) else second.taps
        with loop(b, 0, first.taps, name="tap") as tap:
            for piece in range(pieces):
                at = linear(
                    b, piece * second.dilation * spec.inputs,
                    [(tap, first.dilation * blocks.pitch * spec.inputs)],
                )  # fmt: skip
                row = linear(b, piece * line, [(tap, pieces * line)])
                with loop(b, 0, line, step=self.words, name="word") as word:
                    self._step(b.add(at, word), b.add(row, word))

    def _step(self, at: ir.Value, row: ir.Value) -> None:
        """The next words of all pixels, times as many rows of weights."""
        b, spec, width = self.b, self.spec, self.blocks.width
        distance = self.phase.axes[-1].stride * spec.inputs
        for i, height in enumerate(self.high):
            where = linear(b, i * SIDE * distance, [(at, 1)])
            source = address(b, self.x, self.element, where)
            size = height, self.words
            move(b, "tileloadd64", OF_A[i], source, distance, size)
        for j in range(self.vectors):
            where = linear(b, j * SIDE, [(row, width)])
            source = address(b, self.panel, self.element, where)
            size = self.words, SIDE
            move(b, "tileloadd64", OF_B[j], source, width, size)
        multiply(b, len(self.high), self.vectors)

    def _finish(self) -> None:
        b, pitch = self.b, SIDE * self.vectors
        pixels = sum(self.high)
        held = self._held(pixels * self.vectors)
        for i, height in enumerate(self.high):
            for j in range(self.vectors):
                at = index(i * SIDE * pitch + j * SIDE)
                place = address(b, held, self.element, at)
                size = height, SIDE
                move(b, "tilestored64", SUMS[i][j], place, pitch, size)
        summing = self.epilogue if self.epilogue and self.epilogue.sums else None
        if summing is not None:
            summing.begin(b, [wide(self.element, SIDE)] * self.vectors)
        end = smaller(b, b.sub(self.length, self.start), index(pixels))
        with loop(b, 0, end, name="finish") as pixel:
            where = b.add(self.start, pixel)
            line = b.sdiv(where, index(self.blocks.pitch))
            column = b.srem(where, index(self.blocks.pitch))
            there = b.icmp_signed("<", column, index(self.phase.axes[1].count))
            with b.if_then(there):
                for v, mask in enumerate(self.masks):
                    at = linear(b, v * SIDE, [(pixel, pitch)])
                    source = address(b, held, self.element, at)
                    self._ended(source, b.add(self.row, line), column, v, mask)
        if summing is not None:
            for v, mask in enumerate(self.masks):
                summing.end(b, self._place(self.row, index(0), v, mask))

    def _held(self, vectors: int) -> ir.Value:
        """Memory on the stack for this many vectors."""
        b = self.b
        with b.goto_entry_block():
            held = b.alloca(ir.ArrayType(wide(self.element, SIDE), vectors), 64)
            return address(b, held, self.element, index(0))

    def _ended(
        self,
        source: ir.Value,
        line: ir.Value,
        column: ir.Value,
        v: int,
        mask: ir.Value | None,
    ) -> None:
        """One vector through the epilogue to y."""
        b, dtype = self.b, self.spec.dtype
        found = load(b, dtype, source, SIDE, None)
        place = self._place(line, column, v, mask)
        value: ir.Value | None = found
        if self.epilogue is not None:
            value = self.epilogue.vector(b, found, place)
        if value is None:
            return
        terms = list(zip(place.where[:-1], self.spec.y_strides, strict=True))
        at = linear(b, 0, [*terms, (place.where[-1], 1)])
        store(b, dtype, value, address(b, self.y, self.element, at), mask)

    def _place(
        self, line: ir.Value, column: ir.Value, v: int, mask: ir.Value | None
    ) -> Place:
        b, axes = self.b, self.phase.axes
        indices = [
            linear(b, axis.start, [(at, axis.step)])
            for axis, at in zip(axes, (line, column), strict=True)
        ]
        output = b.add(self.output, index(v * SIDE))
        return Place(self.context, (self.image, *indices, output), v, mask)
