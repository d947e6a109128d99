"""Windows that overlap, added up where they lie: ``overlap_add`` as LLVM.

Place on the road: beside ``specials``. Each element of the result is written once, by
one thread: the windows that cover it are added in registers, tap after tap. Which these
are follows from its place, so no loop has a test. Windows that no memory holds are
computed here, element by element, from what ``gather_windows`` has found; of that, what
belongs to the place and not to the window is read once for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import mul

from ...choose.special import RowCut
from ...choose.sweep import INTERLEAVED
from ...choose.task import Task
from ...plan.calls import Call
from ...plan.kernels import Access, Argument, Coordinate, OverlapAdd, Step
from ...plan.space import reach
from ...plan.views import contiguous_strides
from .. import emit, ir
from ..emit import KERNEL, address, index, loop, store
from ..guard import checked_sizes
from ..point import Point, Values

#: Along a spatial axis: the place, and the last window that covers it; how many do.
Covering = tuple[ir.Value, ir.Value, ir.Value]


def write_overlap(
    module: ir.Module, name: str, task: Task[OverlapAdd, RowCut]
) -> ir.Function:
    """Writes ``name([windows …, result], part, parts)``."""
    function = ir.Function(module, KERNEL, name)
    _Overlap(function, task).emit()
    return function


class _Overlap:
    """One function while it is written."""

    def __init__(self, function: ir.Function, task: Task[OverlapAdd, RowCut]) -> None:
        self.kernel = kernel = task.kernel
        ((_, self.shape),) = kernel.outputs
        self.axes = axes = len(self.shape) - 2
        self.counts = kernel.windows[1 : axes + 1]
        self.taps = kernel.windows[axes + 1 : -1]
        self.dtype, self.lanes = kernel.dtype, task.cut.lanes
        self.b = ir.IRBuilder(function.append_basic_block("entry"))
        table, self.part, self.parts = function.args
        count = len(kernel.inputs)
        self.pointers = emit.arguments(self.b, table, range(count + 1))
        self.result = self.pointers[count]
        self.sizes = checked_sizes(task.buffers)
        strides = contiguous_strides(kernel.windows)
        call = Call("copy", {}, (self.dtype,), self.dtype)
        whole = Step(call, (Access(0, strides, 0, self.dtype),))
        steps = kernel.steps or (whole,)
        self.steps = [step.mapped(self._by_place) for step in steps]
        self.inside = all(map(self._never_beyond, self.steps))

    def _by_place(self, argument: Argument) -> Argument:
        """A walk over (sample, windows …, taps …, channel) as one over (sample, places
        …, windows …, taps …, channel): what belongs to a place, i·stride + a·dilation,
        is there whichever of its windows is added."""
        if not isinstance(argument, (Access, Coordinate)):
            return argument
        axes, (sample, *moves, channel) = self.axes, argument.strides
        places = [0] * axes
        for axis, n in enumerate(self.taps):
            by, of = self.kernel.dilation[axis], axis + axes
            if n == 1:  # the tap is 0, whatever its stride
                by, of = self.kernel.stride[axis], axis
            if moves[of] % by == 0:
                places[axis] = moves[of] // by
                moves[axis] -= places[axis] * self.kernel.stride[axis]
                moves[axis + axes] -= places[axis] * self.kernel.dilation[axis]
        return replace(argument, strides=(sample, *places, *moves, channel))

    def _never_beyond(self, step: Step) -> bool:
        """Whether nothing that it reads at a place of the result is beyond an edge."""
        if step.call.name != "bordered":
            return True
        sample, *places, channels = self.shape
        sizes = sample, *places, *self.counts, *self.taps, channels
        limits = zip(step.arguments[1:], step.call.params["sizes"], strict=True)
        for each, size in limits:
            assert isinstance(each, Coordinate)
            first = sum(map(mul, self.kernel.start, each.strides[1:]))
            low, high = reach(sizes, each.strides, each.offset + first)
            if low < 0 or high >= size:
                return False
        return True

    def emit(self) -> None:
        """This part's rows."""
        b, axes = self.b, self.axes
        rows = math.prod(self.shape[:-2])
        low, high = emit.share(b, rows, self.part, self.parts)
        with loop(b, low, high, name="row") as row:
            first, sample = b.mul(row, index(self.shape[-2])), row
            covering: list[Covering] = []
            for axis in reversed(range(axes - 1)):
                n = index(self.shape[1 + axis])
                covering.insert(0, self._covering(axis, b.srem(sample, n)))
                sample = b.sdiv(sample, n)
            with loop(b, 0, self.shape[-2], name="place") as place:
                all_axes = [*covering, self._covering(axes - 1, place)]
                target = b.mul(b.add(first, place), index(self.shape[-1]))
                self._channels(sample, all_axes, target)
        b.ret_void()

    def _covering(self, axis: int, at: ir.Value) -> Covering:
        """The windows that cover an index of the result, but for gaps between taps."""
        b, stride = self.b, self.kernel.stride[axis]
        behind = stride - 1 - self.kernel.dilation[axis] * (self.taps[axis] - 1)
        place = b.add(at, index(self.kernel.start[axis]))
        last = emit.smaller(
            b, b.udiv(place, index(stride)), index(self.counts[axis] - 1)
        )
        first = emit.larger(b, b.add(place, index(behind)), index(0))
        first = b.udiv(first, index(stride))
        return place, last, b.add(b.sub(last, first), index(1))

    def _channels(
        self, sample: ir.Value, covering: list[Covering], target: ir.Value
    ) -> None:
        """All channels of a place, some vectors at a time; the last one is masked."""
        b, lanes, channels = self.b, self.lanes, self.shape[-1]
        some = INTERLEAVED * lanes
        whole = channels - channels % some
        if whole:
            with loop(b, 0, whole, some, name="channel") as first:
                places = [b.add(first, index(i)) for i in range(0, some, lanes)]
                vectors = [(place, None) for place in places]
                self._place(sample, covering, target, vectors)
        if whole < channels:
            rest = range(whole, channels, lanes)
            masks = [emit.first_lanes(channels - i, lanes) for i in rest]
            pairs = zip(map(index, rest), masks, strict=True)
            self._place(sample, covering, target, list(pairs))

    def _place(
        self,
        sample: ir.Value,
        covering: list[Covering],
        target: ir.Value,
        vectors: Sequence[tuple[ir.Value, ir.Value | None]],
    ) -> None:
        """Some vectors of one place of the result."""
        b, lanes = self.b, self.lanes
        zero = emit.number(self.dtype, 0, lanes)
        sums = [emit.local(b, zero.type) for _ in vectors]
        for register in sums:
            b.store(zero, register)
        places = [place for place, _, _ in covering]

        def add(windows: list[ir.Value], taps: list[ir.Value]) -> None:
            for register, (channel, mask) in zip(sums, vectors, strict=True):
                at = (sample, *places, *windows, *taps, channel)
                values = self._values(Point(at, len(at) - 1, lanes, mask))
                value = values.step(len(self.steps) - 1)
                old = b.load(register, zero.type)
                floats = self.dtype.kind == "f"
                b.store(b.fadd(old, value) if floats else b.add(old, value), register)

        self._each_window(covering, add, [], [])
        kind = emit.memory_type(self.dtype)
        for register, (channel, mask) in zip(sums, vectors, strict=True):
            pointer = address(b, self.result, kind, b.add(target, channel))
            store(b, self.dtype, b.load(register, zero.type), pointer, mask)

    def _values(self, point: Point) -> Values:
        """The steps at one point of (sample, places, windows, taps, channel)."""
        sizes, inside = self.sizes, self.inside
        return Values(
            self.b, self.steps, self.pointers, point, sizes=sizes, inside=inside
        )

    def _each_window(
        self,
        covering: list[Covering],
        body: Callable[[list[ir.Value], list[ir.Value]], None],
        windows: list[ir.Value],
        taps: list[ir.Value],
    ) -> None:
        """The body for every window that covers a place, and the tap that does: the
        last window, which has its first tap there, comes first."""
        b, axis = self.b, len(taps)
        if axis == self.axes:
            body(windows, taps)
            return
        place, last, count = covering[axis]
        dilation = self.kernel.dilation[axis]
        with loop(b, 0, count, name="tap") as number:
            window = b.sub(last, number)
            offset = b.sub(place, b.mul(window, index(self.kernel.stride[axis])))
            if dilation == 1:
                self._each_window(covering, body, [*windows, window], [*taps, offset])
                return
            tap = b.udiv(offset, index(dilation))
            with b.if_then(b.icmp_signed("==", b.mul(tap, index(dilation)), offset)):
                self._each_window(covering, body, [*windows, window], [*taps, tap])
