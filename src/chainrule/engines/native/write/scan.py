"""The loop of a ``scan``: its body is a main function, called with other addresses.

Place on the road: lowers a ``Scan``. Nothing is unrolled and nothing is
copied between steps: a step reads its carry where ``carries`` says that it lives, and
writes the next carry to where the next step will read it; elements of sequences, and
what is emitted, are places inside the whole arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from ..choose.factors import Factor, with_factors
from ..choose.memory import in_lines
from ..choose.processor import Host
from ..plan.carries import EMITTED, HISTORY
from ..plan.kernels import Scan, Schedule
from . import emit
from .emit import I1, I8, POINTER, index

if TYPE_CHECKING:
    from .lower import Caller

#: An array's address, and its size in bytes.
Whole = tuple[ir.Value, int]


@dataclass(frozen=True)
class Body:
    """A scan's body as a function, the layout of its table, its arena, and the factors
    that are prepared for it.
    """

    function: ir.Function
    layout: Any
    arena_bytes: int
    factors: list[Factor]


def body_of(kernel: Scan, host: Host) -> tuple[Schedule, list[Factor]]:
    """The schedule of a scan's body, and the factors to prepare for it."""
    outside, inputs = kernel.split.outside, len(kernel.inputs)
    return with_factors(kernel.body, outside, inputs, kernel.length, host)


def emit_scan(caller: Caller, kernel: Scan, body: Body) -> None:
    """Writes the loop where the caller stands."""
    _Scan(caller, kernel, body).emit()


def scratch_bytes(kernel: Scan, body: Body, homes: Any) -> int:
    """What the loop needs besides its operands: the body's arena, two places for each
    carry that lives in turns, and the prepared factors.
    """
    own = in_lines(body.arena_bytes) + 2 * sum(_turns(kernel, homes))
    return own + sum(in_lines(each.size) for each in body.factors)


def _turns(kernel: Scan, homes: Any) -> list[int]:
    """The bytes of one place of each carry; 0 where it lives elsewhere."""
    found = []
    for place, (output, _) in zip(kernel.carried.carries, kernel.outputs, strict=False):
        size = homes[output].size * homes[output].dtype.itemsize
        found.append(0 if place.result >= 0 else in_lines(size))
    return found


class _Scan:
    def __init__(self, caller: Caller, kernel: Scan, body: Body) -> None:
        self.caller, self.kernel, self.body = caller, kernel, body
        self.b = caller.b
        split = kernel.split
        self.length, self.reverse = kernel.length, kernel.reverse
        self.carries, self.outside = split.carry, split.outside
        self.places = kernel.carried
        inputs = [self._array(home) for home, _ in kernel.inputs]
        self.outputs = [self._array(home) for home, _ in kernel.outputs]
        self.given = inputs[: self.outside]
        self.first = inputs[self.outside :][: self.carries]
        self.sequences = inputs[self.outside + self.carries :]
        self.turns = self._own_places()

    def _array(self, home: int) -> Whole:
        found = self.caller.schedule.homes[home]
        return self.caller.pointer(home), found.size * found.dtype.itemsize

    def _own_places(self) -> list[tuple[ir.Value, ir.Value]]:
        """The two places of each carry that lives in turns, behind the arena."""
        at = in_lines(self.body.arena_bytes)
        found: list[tuple[ir.Value, ir.Value]] = []
        for size in _turns(self.kernel, self.caller.schedule.homes):
            found.append((self._scratch(at), self._scratch(at + size)))
            at += 2 * size
        return found

    def _scratch(self, offset: int) -> ir.Value:
        return emit.address(self.b, self.caller.scratch_pointer, I8, index(offset))

    def emit(self) -> None:
        """The first carry goes to where the first step reads it; then every step."""
        b, length = self.b, self.length
        last = self.outputs[: self.carries]
        if length == 0:
            for (source, size), (target, _) in zip(self.first, last, strict=True):
                self._copy(target, source, size)
            return
        ends = length - 1 if self.reverse else 0, 0 if self.reverse else length - 1
        start, end = (index(each) for each in ends)
        for place, (source, size) in zip(self.places.carries, self.first, strict=True):
            if place.kind == HISTORY:
                self._copy(self._part(place.result, start), source, size)
        frame = emit.local(b, ir.ArrayType(POINTER, self.body.layout.size))
        self._fill_once(frame)
        self._prepare(frame)
        with emit.loop(b, 0, length, name="step") as step:
            at = b.sub(index(length - 1), step) if self.reverse else step
            self._fill(frame, step, at)
            self.caller.until_failure(b.call(self.body.function, [frame]))
        for place, (target, size) in zip(self.places.carries, last, strict=True):
            if place.kind == EMITTED:
                self._copy(target, self._part(place.result, end), size)

    def _part(self, result: int, at: ir.Value) -> ir.Value:
        """The place of one step in a result of the loop."""
        return self._element(self.outputs[result], at)

    def _element(self, array: Whole, at: ir.Value) -> ir.Value:
        size = array[1] // self.length
        return emit.address(self.b, array[0], I8, self.b.mul(at, index(size)))

    def _fill_once(self, frame: ir.Value) -> None:
        """The entries of the table that are the same in every step."""
        layout, caller = self.body.layout, self.caller
        self._enter(frame, 0, [pointer for pointer, _ in self.given])
        start = self.kernel.constants
        numbers = range(start, start + layout.constants)
        constants = [caller.entry("constant", number) for number in numbers]
        self._enter(frame, layout.entry("constant", 0), constants)
        rest = [self._scratch(0), caller.entry("pool"), caller.entry("callback")]
        self._enter(frame, layout.entry("arena", 0), rest)

    def _prepare(self, frame: ir.Value) -> None:
        """Copies factors to panels, behind the carries' places."""
        caller = self.caller
        own = emit.local(self.b, ir.ArrayType(POINTER, 2))
        turns = 2 * sum(_turns(self.kernel, caller.schedule.homes))
        at = in_lines(self.body.arena_bytes) + turns
        for number, factor in enumerate(self.body.factors, len(self.kernel.inputs)):
            target = self._scratch(at)
            self._enter(own, 0, [self.given[factor.source][0], target])
            function = caller.lowerer.preparer.function(factor)
            caller.share(function, own, factor.parts)
            self._enter(frame, number, [target])
            at += in_lines(factor.size)

    def _fill(self, frame: ir.Value, step: ir.Value, at: ir.Value) -> None:
        """The other entries."""
        carries = [self._carry(i, step, at) for i in range(self.carries)]
        inputs = [before for before, _ in carries]
        inputs += [self._element(each, at) for each in self.sequences]
        self._enter(frame, self.outside, inputs)
        outputs = [after for _, after in carries]
        outputs += [self._part(result, at) for result in self.places.written]
        self._enter(frame, self.body.layout.entry("output", 0), outputs)

    def _carry(
        self, number: int, step: ir.Value, at: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        """From where a step reads a carry, and to where it writes the next one."""
        b, place = self.b, self.places.carries[number]
        towards = index(-1 if self.reverse else 1)
        is_first = b.icmp_signed("==", step, index(0))
        is_last = b.icmp_signed("==", step, index(self.length - 1))
        first, last = self.first[number][0], self.outputs[number][0]
        if place.kind == HISTORY:
            following = self._part(place.result, b.add(at, towards))
            return self._part(place.result, at), b.select(is_last, last, following)
        if place.kind == EMITTED:
            before = self._part(place.result, b.sub(at, towards))
            return b.select(is_first, first, before), self._part(place.result, at)
        turns = self.turns[number]
        odd = b.trunc(step, I1)
        before, after = b.select(odd, *turns), b.select(odd, *turns[::-1])
        return b.select(is_first, first, before), b.select(is_last, last, after)

    def _enter(self, frame: ir.Value, start: int, pointers: list[ir.Value]) -> None:
        b = self.b
        for number, pointer in enumerate(pointers, start):
            where = b.gep(frame, [index(number)], source_etype=POINTER)
            b.store(pointer, where, align=8)

    def _copy(self, target: ir.Value, source: ir.Value, size: int) -> None:
        if size:
            emit.copy(self.b, target, source, index(size))
