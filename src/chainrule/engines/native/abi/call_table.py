"""What Python and machine code agree on: the table of addresses, the needs, statuses.

Place on the road: between the engine, which fills the table in, and ``lower``, which
writes the code that reads it. Plain data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....compiler.program import Program
from ..plan.kernels import Schedule

#: What Python calls: ``chainrule_enter(objects, table)``.
ENTRANCE = "chainrule_enter"
#: Where an array object keeps the address of its elements: behind what every object of
#: Python has (``PyArrayObject_fields`` in NumPy's C interface).
DATA_OFFSET = object.__basicsize__
#: The status of a run in which a guard found an access out of bounds.
OUT_OF_BOUNDS = 2


@dataclass(frozen=True)
class Needs:
    """What a compiled program needs from the engine."""

    arena_bytes: int
    shared: bool

    def packed(self, codes: Sequence[bytes]) -> bytes:
        """These and the object files of the program, in one piece."""
        head = (self.arena_bytes, self.shared, *map(len, codes))
        return np.array([len(codes), *head], np.int64).tobytes() + b"".join(codes)

    @staticmethod
    def unpacked(data: bytes) -> tuple[Needs, list[bytes]]:
        """What ``packed`` was given."""
        count = int(np.frombuffer(data, np.int64, 1)[0])
        _, arena_bytes, shared, *sizes = np.frombuffer(data, np.int64, 3 + count)
        ends = 8 * (3 + count) + np.cumsum(sizes)
        codes = [data[end - size : end] for end, size in zip(ends, sizes, strict=True)]
        return Needs(int(arena_bytes), bool(shared)), codes


@dataclass
class Layout:
    """Where in the table each address is.

    Arrays of Python (inputs, variables, outputs) are given as objects; the entrance
    function reads their addresses. The constants stand behind them in the table.
    """

    inputs: int
    variables: int
    constants: int
    outputs: int

    def entry(self, kind: str, number: int) -> int:
        """The place in the table of a buffer, or of "arena", "pool", "callback"."""
        starts = {"input": 0, "variable": self.inputs}
        starts["output"] = starts["variable"] + self.variables
        starts["constant"] = self.objects
        starts["arena"] = starts["constant"] + self.constants
        starts["pool"] = starts["arena"] + 1
        starts["callback"] = starts["arena"] + 2
        return starts[kind] + number

    @property
    def objects(self) -> int:
        """The number of array objects."""
        return self.inputs + self.variables + self.outputs

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.entry("callback", 0) + 1


def layout_of(program: Program, schedule: Schedule) -> Layout:
    """The table of a program."""
    return Layout(
        len(program.inputs),
        len(program.variables),
        len(schedule.constants),
        len(schedule.outputs),
    )
