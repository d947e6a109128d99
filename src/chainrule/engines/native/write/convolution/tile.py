"""A tile of a convolution: a few pixels and outputs in registers, over all taps.

Place on the road: below ``forward``, which cuts the results into tiles. For every
tap and input channel a few vectors of weights are loaded, each pixel's number is
broadcast, and every pair is one fused multiply-add. The pixels of a tile are neighbours
in a row, at fixed distances in memory, so all are read through one pointer. Where taps
of a row of the kernel and their channels are neighbours in memory, they are one loop.

At the border a tap lies outside of the input for some of a tile's pixels. Which ones is
known while the tile is written, so they are left out: zeros are neither stored nor
multiplied.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from ...choose.blocks import Blocks
from ...plan.convolution_spec import Correlation, Pattern
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
    register_type,
    splat,
    store,
    wide,
    woven,
)
from ..epilogue import Epilogue, Place
from ..words import product_of_words
from .carried import State, carried


@dataclass(frozen=True)
class Shape:
    """What one tile function is for.

    Attributes:
        phase: its number.
        columns: its pixels.
        outputs: how many outputs of the panel exist.
        pattern: the pixels that see each tap of the last axis; empty for a single
            pixel, which is told when the tile is called.
    """

    phase: int
    columns: int
    outputs: int
    pattern: Pattern


#: The most taps of a row that share what they read, pixels being written out.
MOST_SHARED = 16


class ConvolutionTile:
    """A function (x, panel, y, context, image, index …, output, taps …).

    ``x`` and ``panel`` point to what the first pixel reads at its first tap; ``index``
    is that of its result, and ``taps`` the number of taps, along each axis.
    """

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: Correlation,
        blocks: Blocks,
        shape: Shape,
        epilogue: Epilogue | None,
    ) -> None:
        self.spec, self.blocks, self.shape = spec, blocks, shape
        self.epilogue, self.phase = epilogue, spec.phases[shape.phase]
        self.ndim = len(self.phase.axes)
        kind = ir.FunctionType(VOID, [POINTER] * 4 + [I64] * (2 + 2 * self.ndim))
        self.function = ir.Function(module, kind, name)
        self.function.linkage = "internal"
        self.function.attributes.append("noinline")
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.x, self.panel, self.y, self.context, self.image = self.function.args[:5]
        rest = self.function.args[5:]
        self.first, self.output = rest[: self.ndim], rest[self.ndim]
        self.taps = rest[self.ndim + 1 :]
        self.element = register_type(spec.dtype)
        self.lanes = blocks.lanes
        self.vectors = -(-shape.outputs // self.lanes)
        last = shape.outputs - (self.vectors - 1) * self.lanes
        self.last_mask = first_lanes(last, self.lanes)
        self.steps = [
            axis.dilation * stride
            for axis, stride in zip(self.phase.axes, spec.x_strides[1:], strict=True)
        ]

    def emit(self) -> ir.Function:
        """The sums, then the epilogue and the store."""
        zero = constant(wide(self.element, self.lanes), 0)
        state = [zero] * (self.shape.columns * self.vectors)
        if self.phase.taps:
            state = self._axis(0, index(0), index(0), state)
        self._finish(state)
        self.b.ret_void()
        return self.function

    # Sums.
    # ------------------------------------------------------------------------

    def _axis(self, axis: int, at: ir.Value, row: ir.Value, state: State) -> State:
        """The taps of this axis and those after it: inputs from ``at`` on, weights
        from ``row`` on."""
        b, inputs = self.b, self.spec.inputs
        if axis == self.ndim - 1:
            return self._last_axis(at, row, state)
        later = self.phase.axes[axis + 1 :]
        rows = inputs * math.prod(each.taps for each in later)

        def body(i: ir.Value, now: State) -> State:
            here = b.add(at, b.mul(i, index(self.steps[axis])))
            return self._axis(axis + 1, here, b.add(row, b.mul(i, index(rows))), now)

        return carried(b, self.taps[axis], state, body, name="tap")

    def _last_axis(self, at: ir.Value, row: ir.Value, state: State) -> State:
        """Taps that the same pixels see are one loop, or two."""
        b, inputs, step = self.b, self.spec.inputs, self.steps[-1]
        if not self.shape.pattern:
            return self._taps(self.taps[-1], at, row, state, (0, 1))
        first = 0
        for pixels, same in itertools.groupby(self.shape.pattern):
            count = len(list(same))
            here = b.add(at, index(first * step))
            begin = b.add(row, index(first * inputs))
            first += count
            if pixels[0] == pixels[1]:
                continue
            if self.spec.depthwise and count <= MOST_SHARED:
                state = self._channels(count, here, begin, state, pixels)
                continue
            if step == inputs:
                state = self._line(count * inputs, here, begin, state, pixels)
                continue
            state = self._taps(count, here, begin, state, pixels)
        return state

    def _taps(
        self,
        count: ir.Value | int,
        at: ir.Value,
        row: ir.Value,
        state: State,
        pixels: tuple[int, int],
    ) -> State:
        b, inputs, step = self.b, self.spec.inputs, self.steps[-1]

        def body(i: ir.Value, now: State) -> State:
            here = b.add(at, b.mul(i, index(step)))
            begin = b.add(row, b.mul(i, index(inputs)))
            if self.spec.depthwise:
                return self._channels(1, here, begin, now, pixels)
            return self._line(inputs, here, begin, now, pixels)

        return carried(b, count, state, body, name="tap")

    def _channels(
        self,
        count: int,
        at: ir.Value,
        row: ir.Value,
        state: State,
        pixels: tuple[int, int],
    ) -> State:
        """Every output has its own input: vectors of one times vectors of the other.
        What one pixel reads for a tap, a neighbour reads for another."""
        b, dtype, last = self.b, self.spec.dtype, self.vectors - 1
        distance = self.phase.axes[-1].stride * self.spec.x_strides[-1]
        start = address(b, self.x, self.element, at)
        loaded: dict[int, ir.Value] = {}
        new = list(state)
        for tap, pixel in itertools.product(range(count), range(*pixels)):
            for v in range(self.vectors):
                offset = linear(
                    b, tap * self.blocks.width + v * self.lanes,
                    [(row, self.blocks.width)],
                )  # fmt: skip
                source = address(b, self.panel, self.element, offset)
                weight = load(b, dtype, source, self.lanes, None)
                where = pixel * distance + tap * self.steps[-1] + v * self.lanes
                if where not in loaded:
                    source = address(b, start, self.element, index(where))
                    mask = self._mask(v) if v == last else None
                    loaded[where] = load(b, dtype, source, self.lanes, mask)
                i = pixel * self.vectors + v
                new[i] = product_of_words(
                    b, self.blocks.words, weight, loaded[where], new[i]
                )
        return new

    def _line(
        self,
        length: int,
        at: ir.Value,
        row: ir.Value,
        state: State,
        pixels: tuple[int, int],
    ) -> State:
        """Neighbours in memory: each pixel's number times the weights' next row."""
        b = self.b

        def body(i: ir.Value, now: State) -> State:
            return self._step(b.add(at, i), b.add(row, i), now, pixels)

        return carried(b, length, state, body, name="k")

    def _step(
        self, at: ir.Value, row: ir.Value, sums: State, pixels: tuple[int, int]
    ) -> State:
        b, dtype = self.b, self.spec.dtype
        weights = []
        for v in range(self.vectors):
            offset = linear(b, v * self.lanes, [(row, self.blocks.width)])
            source = address(b, self.panel, self.element, offset)
            weights.append(load(b, dtype, source, self.lanes, None))
        start = address(b, self.x, self.element, at)
        distance = self.phase.axes[-1].stride * self.spec.x_strides[-1]
        new = list(sums)
        for pixel in range(*pixels):
            source = address(b, start, self.element, index(pixel * distance))
            number = splat(b, load(b, dtype, source, 0, None), self.lanes)
            for v, weight in enumerate(weights):
                total = sums[pixel * self.vectors + v]
                new[pixel * self.vectors + v] = product_of_words(
                    b, self.blocks.words, number, weight, total
                )
        return new

    def _added(self, x: ir.Value, y: ir.Value, total: ir.Value) -> ir.Value:
        return product_of_words(self.b, self.blocks.words, x, y, total)

    # Results.
    # ------------------------------------------------------------------------

    def _finish(self, sums: State) -> None:
        """With an epilogue the tile goes through memory, pixel by pixel, so that the
        epilogue is written once."""
        b, dtype, columns = self.b, self.spec.dtype, self.shape.columns
        if self.epilogue is None:
            for i, value in enumerate(sums):
                column, v = divmod(i, self.vectors)
                pointer = self._result(index(column), v)
                store(b, dtype, value, pointer, self._mask(v))
            return
        kind = ir.ArrayType(wide(self.element, self.lanes), len(sums))
        with b.goto_entry_block():
            held = b.alloca(kind, dtype.itemsize * self.lanes)
            start = address(b, held, self.element, index(0))
        for number, each in enumerate(sums):
            pointer = address(b, start, self.element, index(number * self.lanes))
            store(b, dtype, each, pointer, None)
        if self.epilogue.sums:
            self.epilogue.begin(b, [wide(self.element, self.lanes)] * self.vectors)
        with loop(b, 0, columns, name="column") as along, woven(b) as begin:
            for v in range(self.vectors):
                begin()
                self._ended(start, along, v)
        if self.epilogue.sums:
            for v in range(self.vectors):
                self.epilogue.end(b, self._place(index(0), v))

    def _ended(self, held: ir.Value, column: ir.Value, v: int) -> None:
        """One vector through the epilogue to y."""
        b, dtype = self.b, self.spec.dtype
        at = linear(b, v * self.lanes, [(column, self.vectors * self.lanes)])
        found = load(b, dtype, address(b, held, self.element, at), self.lanes, None)
        assert self.epilogue is not None
        value = self.epilogue.vector(b, found, self._place(column, v))
        if value is not None:
            store(b, dtype, value, self._result(column, v), self._mask(v))

    def _place(self, column: ir.Value, v: int) -> Place:
        output = self.b.add(self.output, index(v * self.lanes))
        where = (self.image, *self._indices(column), output)
        return Place(self.context, where, v, self._mask(v))

    def _indices(self, column: ir.Value) -> list[ir.Value]:
        """The indices of a pixel's result."""
        step = self.phase.axes[-1].step
        last = linear(self.b, 0, [(self.first[-1], 1), (column, step)])
        return [*self.first[:-1], last]

    def _result(self, column: ir.Value, v: int) -> ir.Value:
        indices = [self.image, *self._indices(column)]
        terms = list(zip(indices, self.spec.y_strides, strict=True))
        at = linear(self.b, v * self.lanes, [*terms, (self.output, 1)])
        return address(self.b, self.y, self.element, at)

    def _mask(self, v: int) -> ir.Value | None:
        return self.last_mask if v == self.vectors - 1 else None
