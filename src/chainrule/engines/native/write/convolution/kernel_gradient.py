"""The gradient for a convolution's weights: tiles of them in registers, over pixels.

Place on the road: beside ``forward``; ``choose.kernel_gradient`` says how it is cut. A
tile adds, for every pixel of a block, a few broadcast numbers times a few vectors:
outputs' numbers times inputs' vectors, for one tap; or, where there are few inputs,
numbers of inputs, for all taps of a row of the kernel, times vectors of outputs. Its
sums wait in memory from block to block. The pixels that a tap does not see at all are
not visited.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...choose.kernel_gradient import GradientBlocks, lane_count, row_count
from ...choose.matrix_gradient import MatrixGradientBlocks
from ...choose.task import Task
from ...plan.convolution_spec import Axis
from ...plan.kernel_gradient_spec import KernelGradient
from ...plan.kernels import ConvolutionGradient
from .. import ir
from ..emit import (
    I32,
    I64,
    KERNEL,
    POINTER,
    VOID,
    address,
    arguments,
    clear,
    constant,
    first_lanes,
    index,
    larger,
    linear,
    load,
    loop,
    register_type,
    share,
    smaller,
    splat,
    store,
    wide,
)
from ..words import product_of_words
from .carried import State, carried
from .matrix_gradient import emit_matrix_gradient

#: The pixels that share what they read, where small groups share vectors.
TOGETHER = 4
#: Rows of at most this many pixels are unrolled, where taps can share vectors.
SHORT_ROW = 16


def write_gradient(
    module: ir.Module, name: str, task: Task[ConvolutionGradient, GradientBlocks]
) -> ir.Function:
    """Writes ``name([x, z, shares, scratch memory], part, parts)``."""
    kernel, spec, blocks = task.kernel, task.kernel.spec, task.cut
    on_unit = isinstance(blocks, MatrixGradientBlocks)
    if isinstance(blocks, MatrixGradientBlocks):
        core = emit_matrix_gradient(module, f"{name}.core", spec, blocks)
    else:
        core = emit_kernel_gradient(module, f"{name}.core", spec, blocks)
    core.linkage = "internal"
    function = ir.Function(module, KERNEL, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    table, part, parts = function.args
    pointers = arguments(b, table, range(3 + on_unit))
    element = register_type(spec.dtype)
    offsets = zip(pointers.values(), (*kernel.offsets, 0, 0), strict=False)
    starts = [address(b, pointer, element, index(at)) for pointer, at in offsets]
    b.call(core, [*starts, part, parts])
    b.ret_void()
    return function


def emit_kernel_gradient(
    module: ir.Module, name: str, spec: KernelGradient, blocks: GradientBlocks
) -> ir.Function:
    """Writes ``name(x, z, shares, part, parts)``, for ``parts = spec.shares ·
    spec.sections``. There are at least two spatial axes."""
    return _Gradient(module, name, spec, blocks).emit()


@dataclass(frozen=True)
class _Span:
    """The pixels along an axis that a tap sees: how they begin, and how many."""

    first: ir.Value
    count: ir.Value


class _Gradient:
    """The state while one gradient is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: KernelGradient,
        blocks: GradientBlocks,
    ) -> None:
        self.module, self.name, self.spec, self.blocks = module, name, spec, blocks
        self.tiles: dict[tuple[int, int, int], ir.Function] = {}
        self.element = register_type(spec.dtype)
        kind = ir.FunctionType(VOID, [POINTER] * 3 + [I64, I64])
        self.function = ir.Function(module, kind, name)
        self.x, self.z, self.shares, self.part, _ = self.function.args
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.outer = spec.axes[:-1]

    def emit(self) -> ir.Function:
        """This part's images and outputs, block after block."""
        b, spec, blocks = self.b, self.spec, self.blocks
        which = b.sdiv(self.part, index(spec.sections))
        section = b.srem(self.part, index(spec.sections))
        low, high = share(b, spec.batch, which, index(spec.shares))
        self.sums = address(
            b, self.shares, self.element, linear(b, 0, [(which, spec.elements)])
        )
        # Outputs are divided between tiles.
        pieces = -(-spec.outputs // blocks.rows)
        first, last = share(b, pieces, section, index(spec.sections))
        self.start = b.mul(first, index(blocks.rows))
        self.stop = smaller(b, b.mul(last, index(blocks.rows)), index(spec.outputs))
        self._clear()
        with loop(b, low, high, step=blocks.images, name="image") as image:
            images = smaller(b, b.sub(high, image), index(blocks.images))
            rows = spec.axes[0].count
            with loop(b, 0, rows, step=blocks.strip, name="strip") as top:
                end = smaller(b, b.add(top, index(blocks.strip)), index(rows))
                self._block(image, images, top, end)
        b.ret_void()
        return self.function

    def _clear(self) -> None:
        """Zeros where this part will add."""
        b, spec = self.b, self.spec
        line = spec.elements
        begin = index(0)
        count = index(line * spec.dtype.itemsize)
        if spec.sections > 1:
            each = spec.taps * spec.inputs
            begin = b.mul(self.start, index(each))
            size = index(each * spec.dtype.itemsize)
            count = b.mul(b.sub(self.stop, self.start), size)
        pointer = address(b, self.sums, self.element, begin)
        clear(b, pointer, count)

    # Blocks.
    # ------------------------------------------------------------------------

    def _block(
        self, image: ir.Value, images: ir.Value, top: ir.Value, end: ir.Value
    ) -> None:
        """All tiles of all taps for a block of pixels."""
        b, spec = self.b, self.spec

        def walk(axis: int, taps: list[ir.Value], spans: list[_Span]) -> None:
            each = spec.axes[axis]
            if axis == len(self.outer):
                self._last_axis(image, images, taps, spans)
                return
            low, high = (top, end) if axis == 0 else (index(0), index(each.count))
            with loop(b, 0, each.taps, name="tap") as tap:
                span = self._span(each, tap, low, high)
                walk(axis + 1, [*taps, tap], [*spans, span])

        walk(0, [], [])

    def _span(self, axis: Axis, tap: ir.Value, low: ir.Value, high: ir.Value) -> _Span:
        """The results between low and high that see a tap."""
        b = self.b
        if all(axis.seen(t) == (0, axis.count) for t in range(axis.taps)):
            return _Span(low, b.sub(high, low))
        # stride · j ≥ low − dilation · tap, and < size + low − dilation · tap
        need = linear(b, axis.low + axis.stride - 1, [(tap, -axis.dilation)])
        beyond = linear(
            b, axis.size + axis.low + axis.stride - 1, [(tap, -axis.dilation)]
        )
        first = b.sdiv(larger(b, need, index(0)), index(axis.stride))
        last = b.sdiv(larger(b, beyond, index(0)), index(axis.stride))
        first = larger(b, first, low)
        return _Span(first, b.sub(smaller(b, last, high), first))

    def _last_axis(
        self,
        image: ir.Value,
        images: ir.Value,
        taps: list[ir.Value],
        spans: list[_Span],
    ) -> None:
        b, axis = self.b, self.spec.axes[-1]
        if self.spec.along_outputs:
            whole = _Span(index(0), index(axis.count))
            self._tiles(image, images, [*taps, index(0)], [*spans, whole])
            return
        with loop(b, 0, axis.taps, name="tap") as tap:
            span = self._span(axis, tap, index(0), index(axis.count))
            self._tiles(image, images, [*taps, tap], [*spans, span])

    def _tiles(
        self,
        image: ir.Value,
        images: ir.Value,
        taps: list[ir.Value],
        spans: list[_Span],
    ) -> None:
        """The tiles of one tap, or of a row of taps."""
        b, spec, blocks = self.b, self.spec, self.blocks
        firsts = [span.first for span in spans]
        x_terms, z_terms = [(image, spec.x_strides[0])], [(image, spec.z_strides[0])]
        offset = 0
        for i, axis in enumerate(spec.axes):
            x_step, z_step = spec.x_strides[1 + i], spec.z_strides[1 + i]
            x_terms += [(firsts[i], axis.stride * x_step)]
            x_terms += [(taps[i], axis.dilation * x_step)]
            z_terms += [(firsts[i], z_step)]
            offset -= axis.low * x_step
        counts = [images, *(span.count for span in spans)]
        tap = self._tap_number(taps)
        width = blocks.lanes * blocks.vectors
        along, across = lane_count(spec), row_count(spec)
        low, high = (0, across) if spec.along_outputs else (self.start, self.stop)
        with loop(b, 0, spec.groups, name="group") as group:
            x = linear(b, offset, [*x_terms, (group, spec.inputs)])
            z = linear(b, 0, [*z_terms, (group, spec.outputs)])
            for begin, stop, step in _runs(0, along, width):
                with loop(b, begin, stop, step=step, name="lane") as lane:
                    for number, end, rows in self._row_runs(low, high, across):
                        with loop(b, number, end, step=rows, name="row") as row:
                            where = tap, group, lane, row
                            self._call(x, z, where, counts, (rows, step))

    def _tap_number(self, taps: Sequence[ir.Value]) -> ir.Value:
        """The number of a tap in order."""
        number: ir.Value = index(0)
        for tap, axis in zip(taps, self.spec.axes, strict=True):
            number = linear(self.b, 0, [(number, axis.taps), (tap, 1)])
        return number

    def _row_runs(
        self, low: ir.Value | int, high: ir.Value | int, total: int
    ) -> list[tuple[ir.Value | int, ir.Value | int, int]]:
        """Runs of equal tiles between low and high: start, stop, length of each."""
        rows = min(self.blocks.rows, total)
        if isinstance(low, int) and isinstance(high, int):
            return list(_runs(low, high, rows))
        rest = total % rows
        if not rest:
            return [(low, high, rows)]
        assert isinstance(high, ir.Value)
        whole = smaller(self.b, high, index(total - rest))
        return [(low, whole, rows), (whole, high, rest)]

    def _call(
        self,
        x: ir.Value,
        z: ir.Value,
        where: tuple[ir.Value, ...],
        counts: list[ir.Value],
        size: tuple[int, int],
    ) -> None:
        """One tile: its first pixel's operands, its sums, and how many pixels."""
        b, spec = self.b, self.spec
        tap, group, lane, row = where
        rows, lanes = size
        if spec.along_outputs:
            vectors = address(b, self.z, self.element, b.add(z, lane))
            first = x
            if spec.side_by_side:  # that of the group, where a vector lies within one
                first = b.add(x, b.sub(lane, b.srem(lane, index(spec.inputs))))
            numbers = address(b, self.x, self.element, first)
            outputs = spec.groups * spec.outputs
            terms = [(tap, spec.inputs * outputs), (row, outputs)]
            terms += [(group, spec.outputs), (lane, 1)]
        else:
            vectors = address(b, self.x, self.element, b.add(x, lane))
            numbers = address(b, self.z, self.element, b.add(z, row))
            line = spec.taps * spec.inputs
            terms = [(group, spec.outputs * line), (row, line)]
            terms += [(tap, spec.inputs), (lane, 1)]
        sums = address(b, self.sums, self.element, linear(b, 0, terms))
        pointers = [vectors, numbers, sums]
        if not spec.along_outputs:
            b.call(self._tile(rows, lanes, 0), [*pointers, *counts])
            return
        runs = _runs(0, row_count(spec), self.blocks.rows)
        starts = [s for a, e, n in runs if n == rows for s in range(a, e, n)]
        self._one_of(row, starts, rows, lanes, [*pointers, *counts])

    def _one_of(
        self,
        row: ir.Value,
        starts: list[int],
        rows: int,
        lanes: int,
        arguments: list[ir.Value],
    ) -> None:
        """Which numbers are at the border is known for each tile by itself."""
        b = self.b
        if len(starts) == 1:
            b.call(self._tile(rows, lanes, starts[0]), arguments)
            return
        after = b.append_basic_block("done")
        choice = b.switch(row, after)
        for start in starts:
            case = b.append_basic_block("tile")
            choice.add_case(index(start), case)
            b.position_at_end(case)
            b.call(self._tile(rows, lanes, start), arguments)
            b.branch(after)
        b.position_at_end(after)

    def _tile(self, rows: int, lanes: int, first: int) -> ir.Function:
        """The function of a tile, written when first asked for."""
        key = rows, lanes, first
        if key not in self.tiles:
            title = f"{self.name}.tile{len(self.tiles)}"
            tile = _Tile(self.module, title, self.spec, self.blocks, *key)
            self.tiles[key] = tile.function
            tile.emit()
        return self.tiles[key]


def _runs(low: int, high: int, step: int) -> list[tuple[int, int, int]]:
    """Stretches of equal pieces: (start, stop, length of a piece)."""
    rest = (high - low) % step
    found = [(low, high - rest, step)] if high - rest > low else []
    return [*found, (high - rest, high, rest)] if rest else found


class _Tile:
    """A function (vectors, numbers, sums, images, counts …): adds, for all pixels,
    each of the numbers times each of the vectors."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: KernelGradient,
        blocks: GradientBlocks,
        rows: int,
        width: int,
        first: int,
    ) -> None:
        self.spec, self.rows, self.first = spec, rows, first
        self.words = blocks.words
        self.ndim, self.lanes = len(spec.axes), blocks.lanes
        kind = ir.FunctionType(VOID, [POINTER] * 3 + [I64] * (1 + self.ndim))
        self.function = ir.Function(module, kind, name)
        self.function.linkage = "internal"
        self.function.attributes.append("noinline")
        self.vectors, self.numbers, self.sums = self.function.args[:3]
        self.counts = self.function.args[3:]
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.element = register_type(spec.dtype)
        count = -(-width // self.lanes)
        rest = width - (count - 1) * self.lanes
        self.masks = [*[None] * (count - 1), first_lanes(rest, self.lanes)]
        image, *steps = spec.x_strides
        pairs = zip(spec.axes, steps, strict=True)
        x = [image, *(axis.stride * step for axis, step in pairs)]
        z = list(spec.z_strides)
        self.by_vector, self.by_number = (z, x) if spec.along_outputs else (x, z)

    def emit(self) -> None:
        """Adds all pixels of the block, and their sums to those of the blocks before:
        few numbers are added to each.
        """
        b, dtype = self.b, self.spec.dtype
        if self.spec.along_outputs:
            pitch = self.spec.groups * self.spec.outputs
        else:
            pitch = self.spec.taps * self.spec.inputs
        pointers = [
            (address(b, self.sums, self.element, index(r * pitch + v * self.lanes)), m)
            for r in range(self.rows)
            for v, m in enumerate(self.masks)
        ]
        none = constant(wide(self.element, self.lanes), 0)
        state = self._axis(0, index(0), index(0), [none] * len(pointers))
        for (pointer, mask), value in zip(pointers, state, strict=True):
            old = load(b, dtype, pointer, self.lanes, mask)
            store(b, dtype, b.fadd(old, value), pointer, mask)
        b.ret_void()

    def _axis(
        self, axis: int, vectors: ir.Value, numbers: ir.Value, state: State
    ) -> State:
        """All pixels along this axis (0: images) and those after it."""
        b = self.b
        if axis == self.ndim and self.spec.along_outputs:
            return self._segments(vectors, numbers, state)

        def body(i: ir.Value, now: State) -> State:
            v = b.add(vectors, b.mul(i, index(self.by_vector[axis])))
            n = b.add(numbers, b.mul(i, index(self.by_number[axis])))
            if axis == self.ndim:
                return self._pixel(v, n, now, range(self.rows))
            return self._axis(axis + 1, v, n, now)

        return carried(b, self.counts[axis], state, body, name="pixel")

    def _segments(self, vectors: ir.Value, numbers: ir.Value, state: State) -> State:
        """A row of pixels: stretches that see the same taps."""
        b, axis, inputs = self.b, self.spec.axes[-1], self.spec.inputs
        if self.spec.depthwise and axis.count <= SHORT_ROW:
            return self._short_row(vectors, numbers, state)
        taps = {(self.first + r) // inputs for r in range(self.rows)}
        seen = {tap: axis.seen(tap) for tap in taps}
        ends = sorted({0, axis.count, *(at for each in seen.values() for at in each)})
        for start, stop in itertools.pairwise(ends):
            there = [
                r
                for r in range(self.rows)
                if seen[(self.first + r) // inputs][0] <= start
                and stop <= seen[(self.first + r) // inputs][1]
            ]
            if not there:
                continue
            v = b.add(vectors, index(start * self.by_vector[-1]))
            n = b.add(numbers, index(start * self.by_number[-1]))
            state = self._stretch(v, n, state, there, stop - start)
        return state

    def _short_row(self, vectors: ir.Value, numbers: ir.Value, state: State) -> State:
        """A whole row of pixels, channel by channel: what a pixel reads for one tap, a
        neighbour reads for another."""
        b, axis = self.b, self.spec.axes[-1]
        loaded: dict[tuple[int, int], ir.Value] = {}
        new = list(state)
        begin = address(b, self.vectors, self.element, vectors)
        start = address(b, self.numbers, self.element, numbers)
        for pixel in range(axis.count):
            at = pixel * self.by_vector[-1]
            values = [self._vector(begin, at, v) for v in range(len(self.masks))]
            for r, (first, last) in enumerate(map(axis.seen, range(axis.taps))):
                if not first <= pixel < last:
                    continue
                at = pixel * self.by_number[-1] + self._distance(r)
                for v, value in enumerate(values):
                    if (at, v) not in loaded:
                        loaded[at, v] = self._vector(start, at, v)
                    i = r * len(values) + v
                    new[i] = product_of_words(
                        b, self.words, loaded[at, v], value, new[i]
                    )
        return new

    def _vector(self, start: ir.Value, at: int, v: int) -> ir.Value:
        pointer = address(self.b, start, self.element, index(at + v * self.lanes))
        return load(self.b, self.spec.dtype, pointer, self.lanes, self.masks[v])

    def _stretch(
        self,
        vectors: ir.Value,
        numbers: ir.Value,
        state: State,
        there: list[int],
        count: int,
    ) -> State:
        b = self.b

        def body(i: ir.Value, now: State) -> State:
            v = b.add(vectors, b.mul(i, index(self.by_vector[-1])))
            n = b.add(numbers, b.mul(i, index(self.by_number[-1])))
            return self._pixel(v, n, now, there)

        if self.spec.mixed:
            return self._mixed_stretch(vectors, numbers, state, there, count)
        return carried(b, count, state, body, name="pixel")

    def _mixed_stretch(
        self,
        vectors: ir.Value,
        numbers: ir.Value,
        state: State,
        there: list[int],
        count: int,
    ) -> State:
        """A few pixels at a time: what one reads, in the order of its lanes, for one
        tap, a neighbour reads for another."""
        b = self.b

        def some(first: int, pixels: int) -> Callable[[ir.Value, State], State]:
            def body(i: ir.Value, now: State) -> State:
                at = linear(b, first, [(i, pixels)])
                v = b.add(vectors, b.mul(at, index(self.by_vector[-1])))
                n = b.add(numbers, b.mul(at, index(self.by_number[-1])))
                return self._mixed(v, n, now, there, pixels)

            return body

        for begin, stop, pixels in _runs(0, count, min(count, TOGETHER)):
            times = (stop - begin) // pixels
            state = carried(b, times, state, some(begin, pixels), name="pixel")
        return state

    def _mixed(
        self,
        vectors: ir.Value,
        numbers: ir.Value,
        state: State,
        there: list[int],
        pixels: int,
    ) -> State:
        b, spec = self.b, self.spec
        begin = address(b, self.vectors, self.element, vectors)
        start = address(b, self.numbers, self.element, numbers)
        step = spec.axes[-1].dilation * spec.x_strides[-1]
        read: dict[tuple[int, int, int], ir.Value] = {}
        new = list(state)
        for pixel, v in itertools.product(range(pixels), range(len(self.masks))):
            value = self._vector(begin, pixel * self.by_vector[-1], v)
            for r in there:
                tap, channel = divmod(self.first + r, spec.inputs)
                at = pixel * self.by_number[-1] + tap * step
                if (at, channel, v) not in read:
                    read[at, channel, v] = self._of_groups(start, at, channel, v, read)
                i = r * len(self.masks) + v
                new[i] = product_of_words(
                    b, self.words, read[at, channel, v], value, new[i]
                )
        return new

    def _of_groups(
        self,
        start: ir.Value,
        at: int,
        channel: int,
        v: int,
        read: dict[tuple[int, int, int], ir.Value],
    ) -> ir.Value:
        """In every lane this channel of the lane's group."""
        b, inputs = self.b, self.spec.inputs
        if self.lanes < inputs:
            pointer = address(b, start, self.element, index(at + channel))
            return splat(b, load(b, self.spec.dtype, pointer, 0, None), self.lanes)
        whole = at, -1, v
        if whole not in read:
            read[whole] = self._vector(start, at, v)
        lanes = [lane - lane % inputs + channel for lane in range(self.lanes)]
        order = ir.Constant(wide(I32, self.lanes), lanes)
        return b.shuffle_vector(read[whole], read[whole], order)

    def _pixel(
        self, vectors: ir.Value, numbers: ir.Value, state: State, rows: Sequence[int]
    ) -> State:
        b, dtype = self.b, self.spec.dtype
        start = address(b, self.vectors, self.element, vectors)
        values = [self._vector(start, 0, v) for v in range(len(self.masks))]
        start = address(b, self.numbers, self.element, numbers)
        new = list(state)
        for r in rows:
            pointer = address(b, start, self.element, index(self._distance(r)))
            if not self.spec.depthwise:
                number = splat(b, load(b, dtype, pointer, 0, None), self.lanes)
            for v, value in enumerate(values):
                i = r * len(values) + v
                if self.spec.depthwise:
                    number = self._vector(pointer, 0, v)
                new[i] = self._added(number, value, state[i])
        return new

    def _added(self, x: ir.Value, y: ir.Value, total: ir.Value) -> ir.Value:
        return product_of_words(self.b, self.words, x, y, total)

    def _distance(self, row: int) -> int:
        """How far a number lies from the first one of its pixel."""
        if not self.spec.along_outputs:
            return row
        tap, channel = divmod(self.first + row, self.spec.inputs)
        step = self.spec.axes[-1].dilation * self.spec.x_strides[-1]
        return tap * step + channel
