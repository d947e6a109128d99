"""Windows that overlap, added up where they lie: ``overlap_add`` as LLVM.

Place on the road: beside ``specials``. Each row of the result is written by one thread:
it starts at 0, and every row of windows that covers it is added, tap after tap. A row
stays in the first-level cache while that happens, so every window is read once and
every result written once. Windows that no memory holds are computed here, element by
element, from what ``gather_windows`` has found.
"""

from __future__ import annotations

import math

from llvmlite import ir

from ...choose.special import RowCut
from ...choose.task import Task
from ...plan.calls import Call
from ...plan.kernels import Access, OverlapAdd, Step
from ...plan.views import contiguous_strides
from .. import emit
from ..emit import KERNEL, address, index, linear, load, loop, store
from ..guard import checked_sizes
from ..point import Point, Values


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
        kernel = task.kernel
        given = kernel.windows
        ((_, self.shape),) = kernel.outputs
        axes = len(self.shape) - 2
        self.counts, self.taps = given[1 : axes + 1], given[axes + 1 : -1]
        self.strides = contiguous_strides(given)
        self.stride, self.dilation = kernel.stride, kernel.dilation
        self.dtype, self.axes = kernel.dtype, axes
        self.lanes = task.cut.lanes
        self.b = ir.IRBuilder(function.append_basic_block("entry"))
        self.kind = emit.memory_type(self.dtype)
        table, self.part, self.parts = function.args
        count = len(kernel.inputs)
        self.pointers = emit.arguments(self.b, table, range(count + 1))
        self.result = self.pointers[count]
        self.sizes = checked_sizes(task.buffers)
        self.steps = kernel.steps or (self._whole(),)

    def _whole(self) -> Step:
        """What reads windows from memory."""
        call = Call("copy", {}, (self.dtype,), self.dtype)
        return Step(call, (Access(0, self.strides, 0, self.dtype),))

    def emit(self) -> None:
        """This part's rows."""
        b = self.b
        rows = math.prod(self.shape[:-2])
        low, high = emit.share(b, rows, self.part, self.parts)
        with loop(b, low, high, name="row") as row:
            line = self.shape[-2] * self.shape[-1]
            target = b.mul(row, index(line))
            pointer = address(b, self.result, self.kind, target)
            emit.clear(b, pointer, index(line * self.dtype.itemsize))
            where: list[ir.Value] = []
            for n in reversed(self.shape[1:-2]):
                where.insert(0, b.srem(row, index(n)))
                row = b.sdiv(row, index(n))
            self._rows(where, [row], [], target)
        b.ret_void()

    def _rows(
        self,
        where: list[ir.Value],
        windows: list[ir.Value],
        taps: list[ir.Value],
        target: ir.Value,
    ) -> None:
        """The windows that cover this row: for every tap of the outer axes the one
        that has it here, if there is one. ``windows`` begins with the sample."""
        b, axis = self.b, len(taps)
        if axis == self.axes - 1:
            self._line(windows, taps, target)
            return
        stride = index(self.stride[axis])
        with loop(b, 0, self.taps[axis], name="tap") as tap:
            offset = b.sub(where[axis], b.mul(tap, index(self.dilation[axis])))
            number = b.sdiv(offset, stride)
            covers = b.icmp_signed(">=", offset, index(0))
            even = b.icmp_signed("==", b.mul(number, stride), offset)
            covers = b.and_(covers, even)
            inside = b.icmp_signed("<", number, index(self.counts[axis]))
            with b.if_then(b.and_(covers, inside)):
                self._rows(where, [*windows, number], [*taps, tap], target)

    def _line(
        self, windows: list[ir.Value], taps: list[ir.Value], target: ir.Value
    ) -> None:
        """All windows along the last axis, tap after tap."""
        b, channels, axis = self.b, self.shape[-1], self.axes - 1
        step, apart = self.stride[axis] * channels, self.dilation[axis] * channels
        with (
            loop(b, 0, self.taps[axis], name="tap") as tap,
            loop(b, 0, self.counts[axis], name="window") as number,
        ):
            point = [*windows, number, *taps, tap]
            offset = linear(b, 0, [(target, 1), (number, step), (tap, apart)])
            whole = channels - channels % self.lanes
            with loop(b, 0, whole, step=self.lanes, name="channel") as channel:
                self._add(point, offset, channel, None)
            if channels % self.lanes:
                first = index(whole)
                mask = emit.tail_mask(b, first, channels, self.lanes)
                self._add(point, offset, first, mask)

    def _add(
        self,
        point: list[ir.Value],
        target: ir.Value,
        channel: ir.Value,
        mask: ir.Value | None,
    ) -> None:
        b, lanes = self.b, self.lanes
        at = Point((*point, channel), len(point), lanes, mask)
        values = Values(b, self.steps, self.pointers, at, sizes=self.sizes)
        value = values.step(len(self.steps) - 1)
        pointer = address(b, self.result, self.kind, b.add(target, channel))
        old = load(b, self.dtype, pointer, lanes, mask)
        added = b.fadd(old, value) if self.dtype.kind == "f" else b.add(old, value)
        store(b, self.dtype, added, pointer, mask)
