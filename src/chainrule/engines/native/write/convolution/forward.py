"""Convolution: panels of weights, tiles in registers, no matrix of windows.

Place on the road: below ``kernel``; ``choose.convolution`` says how it is cut. Three
nested ideas:

- **Tile** (``tile``). Pixels × outputs in vector registers, over all taps
  and input channels. It reads its pixels where they lie.
- **Panel.** The weights for the outputs of a tile, in the order in which it reads them;
  ``emit_packing`` makes all panels, once a call.
- **Parts.** Images, strips of rows, for few images also panels are shared out in a
  fixed way. Every result is summed by one thread in a fixed order.

Taps outside of the input are left out: along the last axis when the tile is written,
along the others by the bounds of its loops. The gradient for the input is the same,
with the taps the other way round, by phases where the stride is not 1
(``plan.convolution_spec``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...choose.blocks import Blocks, largest_counts, panels_of, units_of
from ...plan.convolution_spec import Axis, Correlation
from .. import ir
from ..emit import (
    I64,
    POINTER,
    VOID,
    address,
    index,
    larger,
    linear,
    loop,
    register_type,
    smaller,
)
from ..emit import share as share_of
from ..epilogue import Epilogue
from ..matmul.panels import Panel, emit_packer
from .tile import ConvolutionTile, Shape


def emit_packing(
    module: ir.Module, name: str, spec: Correlation, blocks: Blocks, turned: bool
) -> ir.Function:
    """Writes ``name(w, panels, part, parts)``.

    ``w`` is (groups · outputs, taps …, inputs) in order; ``turned``: (groups · inputs,
    taps …, outputs), the weights of a convolution whose gradient is computed.
    """
    kind = ir.FunctionType(VOID, [POINTER, POINTER, I64, I64])
    function = ir.Function(module, kind, name)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    element = register_type(spec.dtype)
    line = spec.taps * spec.inputs  # rows of a panel
    by_row, by_column = (spec.taps * spec.outputs, 1) if turned else (1, line)
    shortest = spec.inputs if turned else line
    if spec.depthwise:
        by_row, by_column, shortest = 1, line, 1
    panel = Panel(spec.dtype, blocks.lanes, blocks.vectors, by_row, by_column, shortest)
    packer = emit_packer(module, f"{name}.pack", panel)
    w, panels, part, parts = function.args
    count = panels_of(spec, blocks)
    low, high = share_of(b, spec.groups * count, part, parts)
    with loop(b, low, high, name="panel") as number:
        group, within = b.sdiv(number, index(count)), b.srem(number, index(count))
        column = b.mul(within, index(blocks.width))
        columns = b.sub(index(spec.outputs), column)
        columns = smaller(b, columns, index(blocks.width))
        target = linear(b, 0, [(number, line * blocks.width)])
        begin, pieces = _pieces(spec, blocks, turned, b, group, column)
        for at, to in pieces:
            source = address(b, w, element, linear(b, at, begin))
            panel_row = address(b, panels, element, linear(b, to, [(target, 1)]))
            b.call(packer, [source, panel_row, index(shortest), columns])
    b.ret_void()
    return function


def _pieces(
    spec: Correlation,
    blocks: Blocks,
    turned: bool,
    b: ir.IRBuilder,
    group: ir.Value,
    column: ir.Value,
) -> tuple[list[tuple[ir.Value, int]], list[tuple[int, int]]]:
    """Where the weights of a panel begin, and pairs (of, to) of what is copied: the
    whole at once, or what belongs to each tap."""
    line = spec.taps * spec.inputs
    if spec.depthwise:
        taps = enumerate(_taps_in_order(spec))
        return [(column, line)], [(tap, row * blocks.width) for row, tap in taps]
    if not turned:
        return [(group, spec.outputs * line), (column, line)], [(0, 0)]
    pieces = [
        (tap * spec.outputs, row * spec.inputs * blocks.width)
        for row, tap in enumerate(_taps_in_order(spec))
    ]
    return [(group, line * spec.outputs), (column, 1)], pieces


def _taps_in_order(spec: Correlation) -> list[int]:
    """The number of every tap of the kernel, in the order of the phases."""
    sizes = [
        1 + max(max(phase.order[i], default=0) for phase in spec.phases)
        for i in range(len(spec.phases[0].axes))
    ]
    found: list[int] = []
    for phase in spec.phases:
        taps = [0]
        for n, order in zip(sizes, phase.order, strict=True):
            taps = [tap * n + t for tap in taps for t in order]
        found += taps
    return found


def emit_convolution(
    module: ir.Module,
    name: str,
    spec: Correlation,
    blocks: Blocks,
    epilogue: Epilogue | None = None,
) -> ir.Function:
    """Writes ``name(x, panels, y, context, part, parts)``.

    There are at least two spatial axes. An element of y is written once, when it is
    finished.
    """
    return _Convolution(module, name, spec, blocks, epilogue).emit()


#: The most patterns of a row that are worth a tile of their own.
MOST_PATTERNS = 12


@dataclass(frozen=True)
class _Work:
    """What a tile belongs to, as values in registers; ``x`` and ``panel`` are where
    its image and group, and its weights, begin."""

    image: ir.Value
    start: ir.Value
    stop: ir.Value
    x: ir.Value
    panel: ir.Value
    output: ir.Value


class _Convolution:
    """The state while one convolution is written."""

    def __init__(
        self,
        module: ir.Module,
        name: str,
        spec: Correlation,
        blocks: Blocks,
        epilogue: Epilogue | None,
    ) -> None:
        self.module, self.name = module, name
        self.spec, self.blocks, self.epilogue = spec, blocks, epilogue
        self.ndim = len(spec.phases[0].axes)
        self.element = register_type(spec.dtype)
        self.tiles: dict[Shape, ir.Function] = {}
        kind = ir.FunctionType(VOID, [POINTER] * 4 + [I64, I64])
        self.function = ir.Function(module, kind, name)
        self.x, self.panels, self.y, self.context, self.part, self.parts = (
            self.function.args
        )
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))

    def emit(self) -> ir.Function:
        """This part's units: for each the tiles of its panels."""
        b, spec, blocks = self.b, self.spec, self.blocks
        total = largest_counts(spec)[0]
        strips, shared = -(-total // blocks.strip), blocks.shared
        low, high = share_of(b, units_of(spec, blocks), self.part, self.parts)
        with loop(b, low, high, name="unit") as unit:
            piece = b.srem(unit, index(shared))
            strip = b.sdiv(unit, index(shared))
            image, strip = b.sdiv(strip, index(strips)), b.srem(strip, index(strips))
            start = b.mul(strip, index(blocks.strip))
            stop = smaller(b, b.add(start, index(blocks.strip)), index(total))
            panels = spec.groups * panels_of(spec, blocks)
            first, last = share_of(b, panels, piece, index(shared))
            with loop(b, first, last, name="panel") as panel:
                self._panel(image, start, stop, panel)
        b.ret_void()
        return self.function

    def _panel(
        self, image: ir.Value, start: ir.Value, stop: ir.Value, panel: ir.Value
    ) -> None:
        """All tiles of a strip for one panel."""
        b, spec, blocks = self.b, self.spec, self.blocks
        count = panels_of(spec, blocks)
        group, number = b.sdiv(panel, index(count)), b.srem(panel, index(count))
        column = b.mul(number, index(blocks.width))
        output = linear(b, 0, [(group, spec.outputs), (column, 1)])
        size = spec.taps * spec.inputs * blocks.width
        offset = linear(b, 0, [(panel, size)])
        weights = address(b, self.panels, self.element, offset)
        channel = output if spec.depthwise else b.mul(group, index(spec.inputs))
        offset = linear(b, 0, [(image, spec.x_strides[0]), (channel, 1)])
        x = address(b, self.x, self.element, offset)
        work = _Work(image, start, stop, x, weights, output)

        rest = spec.outputs % blocks.width
        if not rest or count == 1:
            self._phases(work, rest or blocks.width)
            return
        full = b.icmp_signed("<", number, index(count - 1))
        with b.if_else(full) as (then, otherwise):
            with then:
                self._phases(work, blocks.width)
            with otherwise:
                self._phases(work, rest)

    def _phases(self, work: _Work, outputs: int) -> None:
        for number, phase in enumerate(self.spec.phases):
            if not phase.empty:
                stop = smaller(self.b, work.stop, index(phase.axes[0].count))
                with loop(self.b, work.start, stop, name="at") as first:
                    self._rows(work, number, [first], outputs)

    def _rows(self, work: _Work, phase: int, at: list[ir.Value], outputs: int) -> None:
        """The rows of results at these indices."""
        axes = self.spec.phases[phase].axes
        if len(at) < self.ndim - 1:
            with loop(self.b, 0, axes[len(at)].count, name="at") as i:
                self._rows(work, phase, [*at, i], outputs)
            return
        for start, stop, columns in self._cut(axes[-1]):
            pattern = axes[-1].pattern(start, columns) if columns else ()
            columns = columns or 1
            shape = Shape(phase, columns, outputs, pattern)
            with loop(self.b, start, stop, step=columns, name="at") as i:
                self._call(work, shape, [*at, i])

    def _cut(self, axis: Axis) -> list[tuple[int, int, int]]:
        """Tiles along a row: runs of (start, stop, columns) of equal patterns; 0
        columns for single pixels of any pattern."""
        columns = min(self.blocks.columns, axis.count)
        runs: list[tuple[int, int, int]] = []
        for start in range(0, axis.count, columns):
            width = min(columns, axis.count - start)
            if runs and runs[-1][2] == width:
                before = axis.pattern(runs[-1][0], width)
                if axis.pattern(start, width) == before:
                    runs[-1] = (runs[-1][0], start + width, width)
                    continue
            runs.append((start, start + width, width))
        if len(runs) <= MOST_PATTERNS:
            return runs
        # Long kernels: pixels that do not see all taps are computed one by one.
        whole = tuple((0, columns) for _ in range(axis.taps))
        inner = [run for run in runs if axis.pattern(run[0], run[2]) == whole]
        start, stop = (inner[0][0], inner[0][1]) if inner else (0, 0)
        ends = [(0, start, 0), (start, stop, columns), (stop, axis.count, 0)]
        return [run for run in ends if run[0] < run[1]]

    def _call(self, work: _Work, shape: Shape, at: list[ir.Value]) -> None:
        """A tile whose first pixel is result ``at`` of the phase."""
        b, spec = self.b, self.spec
        phase = spec.phases[shape.phase]
        rows = phase.row * spec.inputs
        terms, taps, indices, lines = [], [], [], []
        for i, axis in enumerate(phase.axes):
            step = spec.x_strides[1 + i]
            terms.append((at[i], axis.stride * step))
            indices.append(linear(b, axis.start, [(at[i], axis.step)]))
            if i < self.ndim - 1 or not shape.pattern:
                first, count = self._taps_within(axis, at[i])
                taps.append(count)
                terms.append((first, axis.dilation * step))
                later = math.prod(each.taps for each in phase.axes[i + 1 :])
                lines.append((first, later * spec.inputs * self.blocks.width))
        strides = zip(phase.axes, spec.x_strides[1:], strict=True)
        begin = -sum(axis.low * step for axis, step in strides)
        x = address(b, work.x, self.element, linear(b, begin, terms))
        offset = linear(b, rows * self.blocks.width, lines)
        panel = address(b, work.panel, self.element, offset)
        pointers = [x, panel, self.y, self.context, work.image]
        taps += [index(0)] * (self.ndim - len(taps))
        b.call(self._tile(shape), [*pointers, *indices, work.output, *taps])

    def _taps_within(self, axis: Axis, at: ir.Value) -> tuple[ir.Value, ir.Value]:
        """The first tap that lies within the input for this result, and how many."""
        b = self.b
        if all(axis.seen(tap) == (0, axis.count) for tap in range(axis.taps)):
            return index(0), index(axis.taps)
        # −at·stride + low ≤ dilation · tap < size + low − at·stride
        low = linear(b, axis.low + axis.dilation - 1, [(at, -axis.stride)])
        high = linear(b, axis.size + axis.low + axis.dilation - 1, [(at, -axis.stride)])
        first = b.sdiv(larger(b, low, index(0)), index(axis.dilation))
        last = b.sdiv(larger(b, high, index(0)), index(axis.dilation))
        last = smaller(b, last, index(axis.taps))
        return first, larger(b, b.sub(last, first), index(0))

    def _tile(self, shape: Shape) -> ir.Function:
        """The function of a tile, written when first asked for."""
        if shape not in self.tiles:
            title = f"{self.name}.tile{len(self.tiles)}"
            parts = (self.spec, self.blocks, shape, self.epilogue)
            tile = ConvolutionTile(self.module, title, *parts)
            self.tiles[shape] = tile.function
            tile.emit()
        return self.tiles[shape]
