"""An engine whose values are in memory of its own, as those of a device are.

It computes with NumPy, on arrays that nobody else gets to see, and counts what it sends
there and fetches back. It shows what an engine needs besides ``prepare`` to keep
variables elsewhere: a ``Residence``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.compiler.engine import Engine
from chainrule.compiler.program import Program
from chainrule.graph import Array
from chainrule.ops.numerics import check_value, checking_numerics


class Device:
    """The memory of a device, as far as the test wants to know it."""

    def __init__(self) -> None:
        self.sent = self.fetched = 0

    def send(self, array: Array) -> Buffer:
        """A copy of an array in this memory."""
        self.sent += 1
        return Buffer(np.array(array, order="C"))


class Buffer:
    """A value in the device's memory."""

    def __init__(self, there: Any) -> None:
        self.there = there

    @cached_property
    def array(self) -> Array:
        """The value in NumPy's memory."""
        DEVICE.fetched += 1
        return np.array(self.there, order="C")


DEVICE = Device()


class Elsewhere:
    """A program that keeps the variables it uses on the device."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.constants = {slot: DEVICE.send(a) for slot, a in program.constants}

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Runs once; a value that is still on the device is not sent again."""
        program, cells = self.program, dict(self.program.variables)
        buffers = dict(self.constants)
        for slot, array in zip(program.inputs, inputs, strict=True):
            buffers[slot] = DEVICE.send(array)
        for slot, cell in cells.items():
            there = cell.residence
            buffers[slot] = (
                there if isinstance(there, Buffer) else DEVICE.send(cell.array)
            )
        with np.errstate(all="ignore"):
            self._run(buffers)
        for slot, cell in cells.items():
            cell.residence = buffers[slot]
        for cell, slot in program.updates:
            cell.residence = Buffer(buffers[slot].there)
        return [Buffer(buffers[slot].there).array for slot in program.outputs]

    def _run(self, buffers: dict[int, Buffer]) -> None:
        for each in self.program.instructions:
            values = [buffers[slot].there for slot in each.inputs]
            value = each.op.run(values, each.params)
            if checking_numerics.get():
                check_value(each.node, value, values)
            buffers[each.output] = Buffer(value)


class ElsewhereEngine(Engine):
    """Prepares programs for the device."""

    name = "elsewhere"

    def prepare(self, program: Program) -> Elsewhere:
        """The executable for a program."""
        return Elsewhere(program)


ENGINE = ElsewhereEngine()
