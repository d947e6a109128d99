"""How a kernel's space is walked: passes over a row, axes of loops, lanes.

Place on the road: decided here, before ``sweep`` writes anything. A *row* is one point
of the kept axes. Steps that depend on a reduction of the row are computed in a later
pass over it; the lanes of vectors lie along one axis.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..plan.calls import COSTLY
from ..plan.kernels import Local, Sweep
from ..plan.space import lane_axis, simplified

#: Vectors interleaved in one iteration, where the steps are few.
INTERLEAVED, FEW_STEPS = 4, 12


def split_units(kernel: Sweep, vector_bytes: int) -> int:
    """Into how many pieces at most the work of a kernel can be shared out."""
    return Loops(simplified(kernel), vector_bytes).units


def lanes_for(kernel: Sweep, vector_bytes: int, axis: int | None) -> int:
    """How many lanes: a vector register of the widest floats, no more than needed."""
    if axis is None:
        return 0
    sizes = [4]
    for step in kernel.steps:
        for dtype in (*step.call.inputs, step.call.output):
            if dtype.kind == "f":
                sizes.append(dtype.itemsize)
    lanes = vector_bytes // max(sizes)
    while lanes > 2 and lanes // 2 >= kernel.shape[axis]:
        lanes //= 2
    return lanes


class Levels:
    """In which pass over a row each step is computed.

    ``level[i]``: an element's pass; for a row's value, the first pass that may use it.
    """

    def __init__(self, kernel: Sweep) -> None:
        self.kernel = kernel
        self.level: list[int] = []
        for step in kernel.steps:
            before = [
                self.level[a.step] for a in step.arguments if isinstance(a, Local)
            ]
            self.level.append(max(before, default=0) + int(step.reduces))
        stored = {n for n, _ in kernel.stores}
        self.passes = 1 + max(
            (self._at(i) for i, step in enumerate(kernel.steps)
             if step.reduces or (i in stored and not step.row)),
            default=0,
        )  # fmt: skip

    def _at(self, number: int) -> int:
        """The pass that computes a step: a reduction's is that of its operand."""
        return self.level[number] - int(self.kernel.steps[number].reduces)

    def roots(self, number: int) -> list[int]:
        """The elements that pass ``number`` is made for."""
        stored = {n for n, _ in self.kernel.stores}
        found = []
        for i, step in enumerate(self.kernel.steps):
            wanted = step.reduces or (i in stored and not step.row)
            if wanted and self._at(i) == number:
                found.append(i)
        return found

    def kept(self) -> dict[int, int]:
        """Costly elements that a later pass needs again → the pass that has them."""
        steps = self.kernel.steps
        first: dict[int, int] = {}  # element → the pass that computes it first
        found: dict[int, int] = {}
        for number in range(self.passes):
            pending = list(self.roots(number))
            while pending:
                i = pending.pop()
                if steps[i].row and not steps[i].reduces:
                    continue
                earlier = first.setdefault(i, number)
                if earlier < number:
                    if steps[i].call.name in COSTLY:
                        found.setdefault(i, earlier)
                        continue
                elif i in found:
                    continue
                arguments = steps[i].arguments
                inside = [a.step for a in arguments if isinstance(a, Local)]
                pending += [each for each in inside if not steps[each].row]
        return found


@dataclass
class Loops:
    """How a kernel's axes are walked: which are outer, inner, and the lanes'."""

    kernel: Sweep
    vector_bytes: int

    def __post_init__(self) -> None:
        kernel = self.kernel
        among = kernel.reduced if kernel.across else None
        self.axis = lane_axis(kernel, among)
        self.lanes = lanes_for(kernel, self.vector_bytes, self.axis)
        self.lanes_kept = self.axis is not None and self.axis not in kernel.reduced
        axes = range(len(kernel.shape))
        self.outer = [a for a in axes if a not in kernel.reduced and a != self.axis]
        self.inner = [a for a in axes if a in kernel.reduced and a != self.axis]
        self.rows = 1
        for axis in self.outer:
            self.rows *= kernel.shape[axis]
        self.length = length = 1 if self.axis is None else kernel.shape[self.axis]
        few = len(kernel.steps) <= FEW_STEPS
        many = self.lanes > 1 and length >= INTERLEAVED * self.lanes
        reduces = bool(kernel.reduced)
        self.interleaved = INTERLEAVED if few and many and reduces else 1
        self.stride = self.interleaved * max(self.lanes, 1)
        self.blocks = -(-length // self.stride) if self.lanes_kept else 1
        self.by_blocks = self.lanes_kept and self.blocks > self.rows
        self.units = self.blocks if self.by_blocks else self.rows
        self.cut = self._cut_axis() if kernel.parts and not kernel.across else None

    def _cut_axis(self) -> int:
        """The axis along which rows are cut into parts: the longest."""
        axes = [*self.inner]
        if self.axis is not None and not self.lanes_kept:
            axes.append(self.axis)
        return max(axes, key=lambda axis: self.kernel.shape[axis])
