"""What a loop needs: its body's tasks, factors in panels, memory for its carries.

Place on the road: ``plan.carries`` says where each carry lives; ``write.scan`` writes
the loop with what is chosen here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..plan.carries import TURNS
from ..plan.kernels import Buffer, Scan
from .factors import Factor, with_factors
from .memory import in_lines
from .task import Chooser, Task, Tasks


@dataclass(frozen=True)
class ScanCut:
    """A loop's body, and the loop's scratch memory: first the body's arena, then two
    buffers for each carry that lives in turns, then the prepared factors.

    Attributes:
        body: the tasks of a step.
        factors: what is copied to panels before the first step. The panels are further
            inputs of the body, behind those of the loop.
        turns: the offsets of the two buffers of each carry that has them.
        panels: the offset of each factor's panels.
    """

    body: Tasks
    factors: list[Factor]
    turns: dict[int, tuple[int, int]]
    panels: list[int]

    def __str__(self) -> str:
        count = len(self.factors)
        return f"{count} factor{'s' * (count != 1)} in panels" if count else ""


def choose_scan(
    kernel: Scan, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[Scan, ScanCut]:
    """Chooses for the body, and divides the loop's scratch memory."""
    outside, inputs = kernel.split.outside, len(kernel.inputs)
    schedule, factors = with_factors(
        kernel.body, outside, inputs, kernel.length, chooser
    )
    body = chooser.tasks(schedule)
    at = in_lines(body.arena_bytes)
    turns = {}
    for number, carry in enumerate(kernel.carried.carries):
        if carry.kind == TURNS:
            last = buffers[inputs + number]
            size = in_lines(last.size * last.dtype.itemsize)
            turns[number] = at, at + size
            at += 2 * size
    panels = []
    for factor in factors:
        panels.append(at)
        at += in_lines(factor.size)
    cut = ScanCut(body, factors, turns, panels)
    return Task(kernel, buffers, cut, scratch_bytes=at)
