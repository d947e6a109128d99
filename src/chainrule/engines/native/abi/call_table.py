"""What Python and machine code agree on: the table of addresses, and the statuses.

Place on the road: between ``run``, which fills the table in, and ``write``, whose code
reads it. Plain data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ....compiler.program import Program

if TYPE_CHECKING:
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
    """What a compiled program needs from the engine.

    Attributes:
        arena_bytes: memory for buffers between kernels.
        shared: whether a kernel is cut into parts, for several threads.
    """

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


@dataclass(frozen=True)
class CallTable:
    """The table of addresses that a program is called with, by what each is for.

    Arrays of Python (inputs, variables, outputs) are handed over as objects; the
    entrance function reads their addresses and writes them into the first entries.
    Python fills in the others: constants, the arena, the pool of threads, the function
    that calls Python back.

    Attributes:
        inputs, variables, constants, outputs: how many there are.
    """

    inputs: int
    variables: int
    constants: int
    outputs: int

    @classmethod
    def of(cls, program: Program, schedule: Schedule) -> CallTable:
        """The table of a program."""
        return cls(
            len(program.inputs),
            len(program.variables),
            len(schedule.constants),
            len(schedule.outputs),
        )

    def entry(self, kind: str, number: int = 0) -> int:
        """The entry for one of the buffers of a kind, such as ``"input"``, or for the
        ``"arena"``, ``"pool"`` or ``"callback"``.
        """
        return self._first[kind] + number

    @property
    def objects(self) -> int:
        """The number of array objects."""
        return self.inputs + self.variables + self.outputs

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.entry("callback") + 1

    @cached_property
    def _first(self) -> dict[str, int]:
        """The first entry of each kind."""
        arena = self.objects + self.constants
        return {
            "input": 0,
            "variable": self.inputs,
            "output": self.inputs + self.variables,
            "constant": self.objects,
            "arena": arena,
            "pool": arena + 1,
            "callback": arena + 2,
        }
