"""The loop of a ``Scan``: its body is a main function, called with other addresses.

Place on the road: one kind of kernel, which is called and not written; ``program``
writes its body. Nothing is unrolled and nothing is copied between steps: a step reads
its carry where ``plan.carries`` says that it lives, and writes the next carry to where
the next step will read it; elements of sequences, and what is emitted, are parts of the
whole arrays.
"""

from __future__ import annotations

from ..abi.call_table import CallTable
from ..choose.scan import ScanCut
from ..choose.task import Launch
from ..plan.carries import EMITTED, HISTORY
from ..plan.kernels import Scan
from . import emit, ir
from .calls import Array, Calls
from .emit import I1, I8, POINTER, index


def call_scan(calls: Calls, launch: Launch, body: ir.Function | None) -> None:
    """Writes the loop over the calls of ``body``."""
    assert body is not None
    kernel, cut = launch.kernel, launch.task.cut
    assert isinstance(kernel, Scan)
    assert isinstance(cut, ScanCut)
    _Loop(calls, launch.scratch, kernel, cut, body).write()


def table_of_body(kernel: Scan, cut: ScanCut) -> CallTable:
    """The table of a body: its inputs, the panels behind them, constants, outputs."""
    schedule = cut.body.schedule
    inputs = len(kernel.inputs) + len(cut.factors)
    return CallTable(inputs, 0, len(schedule.constants), len(schedule.outputs))


class _Loop:
    """One loop while it is written."""

    def __init__(
        self,
        calls: Calls,
        scratch: int,
        kernel: Scan,
        cut: ScanCut,
        body: ir.Function,
    ) -> None:
        self.calls, self.kernel, self.cut, self.body = calls, kernel, cut, body
        self.b = calls.b
        self.scratch = calls.arena(scratch)
        self.table = table_of_body(kernel, cut)
        self.length, self.reverse = kernel.length, kernel.reverse
        outside, carries = kernel.split.outside, kernel.split.carry
        inputs = [calls.array(buffer) for buffer, _ in kernel.inputs]
        self.outputs = [calls.array(buffer) for buffer, _ in kernel.outputs]
        self.given, self.first = inputs[:outside], inputs[outside:][:carries]
        self.sequences = inputs[outside + carries :]
        self.last = self.outputs[:carries]
        #: the two buffers of each carry that lives in turns
        self.turns = {
            number: (self._at(one), self._at(other))
            for number, (one, other) in cut.turns.items()
        }

    def write(self) -> None:
        """The first carry goes to where the first step reads it; then every step."""
        b, length, carried = self.b, self.length, self.kernel.carried
        if length == 0:
            for first, last in zip(self.first, self.last, strict=True):
                self._copy(last.pointer, first)
            return
        ends = length - 1 if self.reverse else 0, 0 if self.reverse else length - 1
        start, end = (index(each) for each in ends)
        for carry, first in zip(carried.carries, self.first, strict=True):
            if carry.kind == HISTORY:
                self._copy(self._result(carry.result, start), first)
        frame = emit.local(b, ir.ArrayType(POINTER, self.table.size))
        self._fill_once(frame)
        self._prepare(frame)
        with emit.loop(b, 0, length, name="step") as step:
            at = b.sub(index(length - 1), step) if self.reverse else step
            self._fill(frame, step, at)
            self.calls.until_failure(b.call(self.body, [frame]))
        for carry, last in zip(carried.carries, self.last, strict=True):
            if carry.kind == EMITTED:
                source = Array(self._result(carry.result, end), last.size)
                self._copy(last.pointer, source)

    def _at(self, offset: int) -> ir.Value:
        """An address in the loop's scratch memory."""
        return emit.address(self.b, self.scratch, I8, index(offset))

    def _result(self, number: int, at: ir.Value) -> ir.Value:
        """The address of one step's part of a result of the loop."""
        return self._element(self.outputs[number], at)

    def _element(self, array: Array, at: ir.Value) -> ir.Value:
        size = array.size // self.length
        return emit.address(self.b, array.pointer, I8, self.b.mul(at, index(size)))

    def _fill_once(self, frame: ir.Value) -> None:
        """The entries of the table that are the same in every step."""
        table, calls = self.table, self.calls
        calls.fill(frame, [array.pointer for array in self.given])
        start = self.kernel.constants
        numbers = range(start, start + table.constants)
        constants = [calls.entry("constant", number) for number in numbers]
        calls.fill(frame, constants, table.entry("constant", 0))
        rest = [self._at(0), calls.entry("pool"), calls.entry("callback")]
        calls.fill(frame, rest, table.entry("arena", 0))

    def _prepare(self, frame: ir.Value) -> None:
        """Copies factors to panels: further inputs of the body."""
        calls, inputs = self.calls, len(self.kernel.inputs)
        own = emit.local(self.b, ir.ArrayType(POINTER, 2))
        pairs = zip(self.cut.factors, self.cut.panels, strict=True)
        for number, (factor, offset) in enumerate(pairs, inputs):
            panels = self._at(offset)
            calls.fill(own, [self.given[factor.source].pointer, panels])
            function = calls.main.preparer.function(factor)
            calls.share(function, own, factor.parts)
            calls.fill(frame, [panels], number)

    def _fill(self, frame: ir.Value, step: ir.Value, at: ir.Value) -> None:
        """The other entries: carries, elements of sequences, what is emitted."""
        carries = [self._carry(i, step, at) for i in range(len(self.first))]
        inputs = [before for before, _ in carries]
        inputs += [self._element(each, at) for each in self.sequences]
        self.calls.fill(frame, inputs, self.kernel.split.outside)
        outputs = [after for _, after in carries]
        outputs += [self._result(n, at) for n in self.kernel.carried.written]
        self.calls.fill(frame, outputs, self.table.entry("output", 0))

    def _carry(
        self, number: int, step: ir.Value, at: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        """From where a step reads a carry, and to where it writes the next one."""
        b, carry = self.b, self.kernel.carried.carries[number]
        towards = index(-1 if self.reverse else 1)
        is_first = b.icmp_signed("==", step, index(0))
        is_last = b.icmp_signed("==", step, index(self.length - 1))
        first, last = self.first[number].pointer, self.last[number].pointer
        if carry.kind == HISTORY:
            following = self._result(carry.result, b.add(at, towards))
            return self._result(carry.result, at), b.select(is_last, last, following)
        if carry.kind == EMITTED:
            before = self._result(carry.result, b.sub(at, towards))
            return b.select(is_first, first, before), self._result(carry.result, at)
        one, other = self.turns[number]
        odd = b.trunc(step, I1)
        before, after = b.select(odd, one, other), b.select(odd, other, one)
        return b.select(is_first, first, before), b.select(is_last, last, after)

    def _copy(self, target: ir.Value, source: Array) -> None:
        if source.size:
            emit.copy(self.b, target, source.pointer, index(source.size))
