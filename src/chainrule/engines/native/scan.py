"""The loop of a ``scan``: its body is a main function, called with other addresses.

Place on the road: lowers one kind of ``Special``. Nothing is unrolled and nothing is
copied between steps: a step reads its carry where the history keeps it and writes the
next carry to where the next step will read it; elements of sequences, and what is
emitted, are places inside the whole arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from . import emit
from .emit import I1, I8, POINTER, index
from .kernel import Special

if TYPE_CHECKING:
    from .lower import Caller


def emit_scan(caller: Caller, kernel: Special, body: Body) -> None:
    """Writes the loop where the caller stands."""
    _Scan(caller, kernel, body).emit()


class Body:
    """A scan's body as a function, the layout of its table, and its arena."""

    def __init__(self, function: ir.Function, layout: Any, arena_bytes: int) -> None:
        self.function, self.layout, self.arena_bytes = function, layout, arena_bytes


class _Scan:
    def __init__(self, caller: Caller, kernel: Special, body: Body) -> None:
        self.caller, self.kernel, self.body = caller, kernel, body
        self.b = caller.b
        split = kernel.params["split"]
        self.length, self.reverse = kernel.params["length"], kernel.params["reverse"]
        self.carries, self.outside = split.carry, split.outside
        inputs = [self._array(home) for home, _ in kernel.inputs]
        outputs = [self._array(home) for home, _ in kernel.outputs]
        self.given = inputs[: self.outside]
        self.first = inputs[self.outside :][: self.carries]
        self.sequences = inputs[self.outside + self.carries :]
        emitted = len(outputs) - 2 * self.carries
        self.last = outputs[: self.carries]
        self.emitted = outputs[self.carries :][:emitted]
        self.history = outputs[self.carries + emitted :]

    def _array(self, home: int) -> tuple[ir.Value, int]:
        """The address of an array and its size in bytes."""
        found = self.caller.schedule.homes[home]
        return self.caller.pointer(home), found.size * found.dtype.itemsize

    def emit(self) -> None:
        """The first carry goes to where the first step reads it; then every step."""
        b, length = self.b, self.length
        if length == 0:
            for (source, size), (target, _) in zip(self.first, self.last, strict=True):
                self._copy(target, source, size)
            return
        start = length - 1 if self.reverse else 0
        for (source, size), (target, _) in zip(self.first, self.history, strict=True):
            self._copy(emit.address(b, target, I8, index(start * size)), source, size)
        frame = emit.local(b, ir.ArrayType(POINTER, self.body.layout.size))
        with emit.loop(b, 0, length, name="step") as step:
            at = b.sub(index(length - 1), step) if self.reverse else step
            self._fill(frame, step, at)
            self.caller.until_failure(b.call(self.body.function, [frame]))

    def _fill(self, frame: ir.Value, step: ir.Value, at: ir.Value) -> None:
        """The table of one step."""
        b, layout = self.b, self.body.layout
        following = b.add(at, index(-1 if self.reverse else 1))
        is_last = b.icmp_signed("==", step, index(self.length - 1))

        def part(array: tuple[ir.Value, int], place: ir.Value) -> ir.Value:
            size = array[1] // self.length
            return emit.address(b, array[0], I8, b.mul(place, index(size)))

        inputs = [pointer for pointer, _ in self.given]
        inputs += [part(each, at) for each in self.history]
        inputs += [part(each, at) for each in self.sequences]
        outputs = [
            b.select(is_last, end[0], part(past, following))
            for end, past in zip(self.last, self.history, strict=True)
        ]
        outputs += [part(each, at) for each in self.emitted]
        start = self.kernel.params["constants"]
        constants = [
            self.caller.entry("constant", start + i) for i in range(layout.constants)
        ]
        arena = self.caller.scratch_pointer
        rest = [arena, self.caller.entry("pool"), self.caller.entry("callback")]
        self.caller.fill(frame, [*inputs, *outputs, *constants, *rest])

    def _copy(self, target: ir.Value, source: ir.Value, size: int) -> None:
        if size:
            values = [target, source, index(size), ir.Constant(I1, 0)]
            emit.intrinsic(self.b, "llvm.memcpy.p0.p0.i64", emit.VOID, values)
