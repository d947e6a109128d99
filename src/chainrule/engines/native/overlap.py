"""Windows that overlap, added up where they lie: ``overlap_add`` as LLVM.

Place on the road: beside ``specials``. Each row of the result is written by one thread:
it starts at 0, and every row of windows that covers it is added, tap after tap. A row
stays in the first-level cache while that happens, so every window is read once and
every result written once.
"""

from __future__ import annotations

import math

from llvmlite import ir

from . import emit
from .emit import I1, I8, KERNEL, VOID, address, index, linear, load, loop, store
from .host import Host
from .kernel import Special
from .views import contiguous_strides


def rows_of(kernel: Special) -> int:
    """The rows of the result: into so many pieces the work can be cut."""
    ((_, shape),) = kernel.outputs
    return math.prod(shape[:-2])


def emit_overlap(
    module: ir.Module, name: str, kernel: Special, host: Host
) -> ir.Function:
    """Writes ``name([windows, result], part, parts)``."""
    function = ir.Function(module, KERNEL, name)
    _Overlap(function, kernel, host).emit()
    return function


class _Overlap:
    def __init__(self, function: ir.Function, kernel: Special, host: Host) -> None:
        ((_, given),) = kernel.inputs
        ((_, self.shape),) = kernel.outputs
        axes = len(self.shape) - 2
        self.counts, self.taps = given[1 : axes + 1], given[axes + 1 : -1]
        self.strides = contiguous_strides(given)
        self.stride = kernel.params["stride"]
        self.dilation = kernel.params["dilation"]
        self.dtype, self.axes = kernel.params["dtype"], axes
        self.lanes = host.vector_bytes // self.dtype.itemsize
        self.b = ir.IRBuilder(function.append_basic_block("entry"))
        self.kind = emit.memory_type(self.dtype)
        table, self.part, self.parts = function.args
        pointers = emit.arguments(self.b, table, range(2))
        self.windows, self.result = pointers[0], pointers[1]

    def emit(self) -> None:
        """This part's rows."""
        b = self.b
        rows = math.prod(self.shape[:-2])
        low, high = emit.share(b, rows, self.part, self.parts)
        with loop(b, low, high, name="row") as row:
            line = self.shape[-2] * self.shape[-1]
            target = b.mul(row, index(line))
            place = address(b, self.result, self.kind, target)
            size = index(line * self.dtype.itemsize)
            arguments = [place, ir.Constant(I8, 0), size, ir.Constant(I1, 0)]
            emit.intrinsic(b, "llvm.memset.p0.i64", VOID, arguments)
            where: list[ir.Value] = []
            for n in reversed(self.shape[1:-2]):
                where.insert(0, b.srem(row, index(n)))
                row = b.sdiv(row, index(n))
            self._rows(0, where, linear(b, 0, [(row, self.strides[0])]), target)
        b.ret_void()

    def _rows(
        self, axis: int, where: list[ir.Value], at: ir.Value, target: ir.Value
    ) -> None:
        """The windows that cover this row: for every tap of the outer axes the one
        that has it here, if there is one."""
        b = self.b
        if axis == self.axes - 1:
            self._line(at, target)
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
                terms = [(number, self.strides[1 + axis])]
                terms.append((tap, self.strides[1 + self.axes + axis]))
                here = linear(b, 0, [(at, 1), *terms])
                self._rows(axis + 1, where, here, target)

    def _line(self, at: ir.Value, target: ir.Value) -> None:
        """All windows along the last axis, tap after tap."""
        b, channels, axis = self.b, self.shape[-1], self.axes - 1
        step, apart = self.stride[axis] * channels, self.dilation[axis] * channels
        with (
            loop(b, 0, self.taps[axis], name="tap") as tap,
            loop(b, 0, self.counts[axis], name="window") as number,
        ):
            terms = [(tap, self.strides[1 + self.axes + axis])]
            terms += [(number, self.strides[1 + axis]), (at, 1)]
            source = linear(b, 0, terms)
            place = linear(b, 0, [(target, 1), (number, step), (tap, apart)])
            whole = channels - channels % self.lanes
            with loop(b, 0, whole, step=self.lanes, name="channel") as channel:
                self._add(source, place, channel, None)
            if channels % self.lanes:
                first = index(whole)
                mask = emit.tail_mask(b, first, channels, self.lanes)
                self._add(source, place, first, mask)

    def _add(
        self, source: ir.Value, target: ir.Value, channel: ir.Value, mask: ir.Value
    ) -> None:
        b, lanes = self.b, self.lanes
        origin = address(b, self.windows, self.kind, b.add(source, channel))
        place = address(b, self.result, self.kind, b.add(target, channel))
        value = load(b, self.dtype, origin, lanes, mask)
        old = load(b, self.dtype, place, lanes, mask)
        added = b.fadd(old, value) if self.dtype.kind == "f" else b.add(old, value)
        store(b, self.dtype, added, place, mask)
