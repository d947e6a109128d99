"""The gradient for a convolution's weights on a unit that multiplies small matrices.

Place on the road: beside ``kernel_gradient``, for what ``choose.matrix_gradient`` cuts.
For every tap the sums of some outputs and inputs are two by two registers, while some
pixels pass; then they wait in memory, where those of the next pixels are added.
"""

from __future__ import annotations

from ...choose.matrix import SIDE
from ...choose.matrix_gradient import STEPS, MatrixGradientBlocks
from ...plan.kernel_gradient_spec import KernelGradient
from .. import ir
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    clear,
    index,
    linear,
    load,
    loop,
    register_type,
    share,
    smaller,
    store,
)
from ..matmul.panels import SQUARE_BYTES, transposed
from ..matmul.registers import (
    OF_A,
    OF_B,
    SUMS,
    halves_of,
    move,
    multiply,
    release,
    set_sizes,
)
from .strips import Strips


def emit_matrix_gradient(
    module: ir.Module, name: str, spec: KernelGradient, blocks: MatrixGradientBlocks
) -> ir.Function:
    """Writes ``name(x, z, shares, scratch, part, parts)``, for ``parts = spec.shares ·
    spec.sections``."""
    return _MatrixGradient(module, name, spec, blocks).emit()


class _MatrixGradient:
    """The state while one gradient is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: KernelGradient,
        blocks: MatrixGradientBlocks,
    ) -> None:
        self.module, self.name, self.spec, self.blocks = module, name, spec, blocks
        self.element, self.size = register_type(spec.dtype), spec.dtype.itemsize
        kind = ir.FunctionType(VOID, [POINTER] * 4 + [I64, I64])
        self.function = ir.Function(module, kind, name)
        self.x, self.z, self.shares, scratch, self.part, _ = self.function.args
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.pixels = blocks.pixels(spec)
        strip, turned = blocks.strip_elements(spec), blocks.turned_elements(spec)
        own = linear(self.b, 0, [(self.part, strip + turned)])
        self.strip = address(self.b, scratch, self.element, own)
        self.turned = address(self.b, self.strip, self.element, index(strip))
        self.strips = Strips(
            spec.axes, spec.x_strides, spec.inputs, blocks.left, blocks.pitch,
            self.element, self.size,
        )  # fmt: skip
        #: Pixels of one image of a block, in A.
        self.apart = blocks.height // spec.axes[0].stride * blocks.pitch

    def emit(self) -> ir.Function:
        """This part's images and outputs, block after block."""
        b, spec, blocks = self.b, self.spec, self.blocks
        which = b.sdiv(self.part, index(spec.sections))
        section = b.srem(self.part, index(spec.sections))
        low, high = share(b, spec.batch, which, index(spec.shares))
        offset = linear(b, 0, [(which, spec.elements)])
        self.sums = address(b, self.shares, self.element, offset)
        pieces = -(-spec.outputs // blocks.rows)
        first, last = share(b, pieces, section, index(spec.sections))
        self.start = b.mul(first, index(blocks.rows))
        self.stop = smaller(b, b.mul(last, index(blocks.rows)), index(spec.outputs))
        self._clear_sums()
        clear(b, self.strip, index(blocks.strip_elements(spec) * self.size))
        with loop(b, low, high, step=blocks.images, name="image") as image:
            images = smaller(b, b.sub(high, image), index(blocks.images))
            rows = spec.axes[0].count
            with loop(b, 0, rows, step=blocks.strip, name="strip") as top:
                end = smaller(b, b.add(top, index(blocks.strip)), index(rows))
                self._block(image, images, top, b.sub(end, top))
        release(b)
        b.ret_void()
        return self.function

    def _clear_sums(self) -> None:
        """Zeros where this part will add."""
        b, line = self.b, self.spec.taps * self.spec.inputs
        count = b.mul(b.sub(self.stop, self.start), index(line * self.size))
        begin = b.mul(self.start, index(line))
        clear(b, address(b, self.sums, self.element, begin), count)

    def _block(
        self, image: ir.Value, images: ir.Value, top: ir.Value, rows: ir.Value
    ) -> None:
        """Copies a block's images, turns their gradients, and adds their products."""
        b, spec, blocks = self.b, self.spec, self.blocks
        clear(b, self.turned, index(blocks.turned_elements(spec) * self.size))
        with loop(b, 0, images, name="copy") as i:
            each = b.add(image, i)
            first = linear(b, -blocks.above, [(top, spec.axes[0].stride)])
            line = b.mul(i, index(blocks.height))
            target = self.strips.at(b, self.strip, line, index(0))
            self.strips.copy(b, self.x, each, first, target, blocks.height)
            with loop(b, 0, rows, name="row") as row:
                self._turn(
                    each,
                    b.add(top, row),
                    linear(b, 0, [(i, self.apart), (row, blocks.pitch)]),
                )
        used = linear(b, 0, [(images, self.apart)])
        with loop(b, self.start, self.stop, step=blocks.rows, name="output") as output:
            for outputs, there in self._sizes(output, spec.outputs, blocks.rows):
                with b.if_then(there):
                    self._outputs(output, outputs, used)

    def _sizes(
        self, at: ir.Value, total: int, piece: int
    ) -> list[tuple[int, ir.Value]]:
        """The sizes that a piece may have, and whether the one at ``at`` has it."""
        rest = total % piece
        if not rest or total < piece:
            return [(rest or piece, ir.Constant(ir.IntType(1), 1))]
        full = self.b.icmp_signed("<", at, index(total - rest))
        return [(piece, full), (rest, self.b.not_(full))]

    # The turned gradients.
    # ------------------------------------------------------------------------

    def _turn(self, image: ir.Value, row: ir.Value, place: ir.Value) -> None:
        """A row of results: an output's numbers become neighbours, from ``place``."""
        b, spec = self.b, self.spec
        square = SQUARE_BYTES // self.size
        count = spec.axes[1].count
        by_image, by_row, by_pixel = spec.z_strides
        begin = linear(b, 0, [(image, by_image), (row, by_row)])

        def source(pixel: ir.Value, output: ir.Value) -> ir.Value:
            at = linear(b, 0, [(begin, 1), (pixel, by_pixel), (output, 1)])
            return address(b, self.z, self.element, at)

        def target(pixel: ir.Value, output: ir.Value) -> ir.Value:
            at = linear(b, 0, [(output, self.pixels), (place, 1), (pixel, 1)])
            return address(b, self.turned, self.element, at)

        if count < square or spec.outputs < square:
            with (
                loop(b, 0, count, name="pixel") as pixel,
                loop(b, 0, spec.outputs, name="output") as output,
            ):
                number = load(b, spec.dtype, source(pixel, output), 0, None)
                store(b, spec.dtype, number, target(pixel, output), None)
            return
        with (
            loop(b, 0, spec.outputs, step=square, name="output") as o,
            loop(b, 0, count, step=square, name="pixel") as p,
        ):
            output = smaller(b, o, index(spec.outputs - square))
            pixel = smaller(b, p, index(count - square))
            lines = [
                load(
                    b, spec.dtype, source(b.add(pixel, index(i)), output), square, None
                )
                for i in range(square)
            ]
            for i, line in enumerate(transposed(b, lines)):
                store(b, spec.dtype, line, target(pixel, b.add(output, index(i))), None)

    # The products.
    # ------------------------------------------------------------------------

    def _outputs(self, output: ir.Value, outputs: int, used: ir.Value) -> None:
        """Some outputs and all inputs."""
        b, spec, blocks = self.b, self.spec, self.blocks
        width = SIDE * blocks.vectors
        with loop(b, 0, spec.inputs, step=width, name="input") as channel:
            for inputs, there in self._sizes(channel, spec.inputs, width):
                with b.if_then(there):
                    high, wide = halves_of(outputs), halves_of(inputs)
                    set_sizes(b, self.name, high, wide, SIDE)
                    self._taps(output, channel, used, high, wide)

    def _taps(
        self,
        output: ir.Value,
        channel: ir.Value,
        used: ir.Value,
        high: list[int],
        wide: list[int],
    ) -> None:
        """For some pixels after the other, all taps."""
        b, spec, blocks = self.b, self.spec, self.blocks
        first, second = spec.axes
        with (
            loop(b, 0, used, step=STEPS * SIDE, name="pixels") as start,
            loop(b, 0, first.taps, name="tap") as down,
            loop(b, 0, second.taps, name="tap") as across,
        ):
            end = smaller(b, b.add(start, index(STEPS * SIDE)), used)
            begin = (blocks.above - first.low) * blocks.pitch + blocks.left - second.low
            terms = [(down, first.dilation * blocks.pitch), (across, second.dilation)]
            shift = linear(b, begin, terms)
            tap = linear(b, 0, [(down, second.taps), (across, 1)])
            line = spec.taps * spec.inputs
            terms = [(output, line), (tap, spec.inputs), (channel, 1)]
            sums = address(b, self.sums, self.element, linear(b, 0, terms))
            self._sums("tileloadd64", sums, high, wide)
            with loop(b, start, end, step=SIDE, name="pixel") as pixel:
                self._step(pixel, shift, (output, channel), high, wide)
            self._sums("tilestored64", sums, high, wide)

    def _step(
        self,
        pixel: ir.Value,
        shift: ir.Value,
        where: tuple[ir.Value, ir.Value],
        high: list[int],
        wide: list[int],
    ) -> None:
        """Sixteen pixels of all registers."""
        b, spec = self.b, self.spec
        output, channel = where
        stride = spec.axes[0].stride
        for i, height in enumerate(high):
            at = linear(b, i * SIDE * self.pixels, [(output, self.pixels), (pixel, 1)])
            source = address(b, self.turned, self.element, at)
            move(b, "tileloadd64", OF_A[i], source, self.pixels, (height, SIDE))
        for j, width in enumerate(wide):
            terms = [(pixel, stride * spec.inputs), (shift, spec.inputs), (channel, 1)]
            source = address(b, self.strip, self.element, linear(b, j * SIDE, terms))
            pitch = stride * spec.inputs
            move(b, "tileloadd64", OF_B[j], source, pitch, (SIDE, width))
        multiply(b, len(high), len(wide))

    def _sums(
        self, what: str, pointer: ir.Value, high: list[int], wide: list[int]
    ) -> None:
        """Reads or writes the sums of a tap."""
        pitch = self.spec.taps * self.spec.inputs
        for i, height in enumerate(high):
            for j, width in enumerate(wide):
                at = index(i * SIDE * pitch + j * SIDE)
                place = address(self.b, pointer, self.element, at)
                move(self.b, what, SUMS[i][j], place, pitch, (height, width))
