"""How the space of a sweep is walked: passes over a row, axes of loops, lanes.

Place on the road: ``plan`` says which steps; ``write.sweep`` writes their loops as is
chosen here. A *row* is one point of the kept axes. Steps that depend on a reduction of
the row are computed in a later pass over it; the lanes of vectors lie along one axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..plan.calls import COSTLY
from ..plan.kernels import Access, Buffer, Local, Sweep
from ..plan.space import lane_axis, simplified
from .task import WORTH_SHARING, Chooser, Task, shared_out

#: Vectors interleaved in one iteration where numbers are combined, and where functions
#: such as exp are computed; where the steps are few.
INTERLEAVED, WOVEN, FEW_STEPS = 4, 2, 12
#: How many simple steps a function such as exp takes, besides its own.
COSTLY_STEPS = 7
#: About as many floats are added to one register, one after the other; then their sum
#: goes over to float64.
MOST_ADDED = 256
#: A row that is computed once and read again in later passes may take this much stack.
MOST_SCRATCH = 1 << 16
#: The most rows that are walked together. Rows in several passes have at most
#: ``SHORT_ROW`` bytes then, and only two are together where there are many steps.
MOST_ROWS, SHORT_ROW = 4, 1024
#: In a space of at least ``FAR`` points what is read comes from memory: it is asked for
#: ``AHEAD`` bytes before it is needed. While functions are computed, a processor looks
#: too few loads ahead, and its own prefetching begins anew with every page.
FAR, AHEAD = 1 << 16, 1 << 12
#: The most bytes of sums of columns that stay in registers.
REGISTER_BYTES = 1536


def lanes_for(kernel: Sweep, vector_bytes: int, axis: int | None) -> int:
    """The lanes of a vector: as many of the widest floats as a register holds, but not
    twice as many as the axis needs.
    """
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
        """The pass that computes a step; for a reduction that of its operand."""
        return self.level[number] - int(self.kernel.steps[number].reduces)

    def roots(self, number: int) -> list[int]:
        """The steps that pass ``number`` is made for."""
        stored = {n for n, _ in self.kernel.stores}
        found = []
        for i, step in enumerate(self.kernel.steps):
            wanted = step.reduces or (i in stored and not step.row)
            if wanted and self._at(i) == number:
                found.append(i)
        return found

    def kept(self) -> dict[int, int]:
        """Costly elements that a later pass needs again → the first pass that computes
        them.
        """
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
        costly = any(step.call.name in COSTLY for step in kernel.steps)
        together = INTERLEAVED if kernel.reduced else WOVEN if costly else 1
        self.interleaved = together if few and many else 1
        self.stride = self.interleaved * max(self.lanes, 1)
        self.blocks = -(-length // self.stride) if self.lanes_kept else 1
        self.by_blocks = self.lanes_kept and self.blocks > self.rows
        self.units = self.blocks if self.by_blocks else self.rows
        self.cut = self._cut_axis() if kernel.parts and not kernel.across else None
        self.flushed, self.chunk = self._flushed()

    def _flushed(self) -> tuple[int | None, int]:
        """The axis whose loop is interrupted so that sums go over to float64, and after
        how many turns; None where few numbers are added.
        """
        turns = [(axis, self.kernel.shape[axis]) for axis in reversed(self.inner)]
        if self.axis is not None and not self.lanes_kept:
            turns.insert(0, (self.axis, self.length // self.stride))
        added = 1
        for axis, count in turns:
            if added * count > 2 * MOST_ADDED:
                return axis, max(1, MOST_ADDED // added)
            added *= max(1, count)
        return None, 0

    def _cut_axis(self) -> int:
        """The axis along which rows are cut into parts: the longest."""
        axes = [*self.inner]
        if self.axis is not None and not self.lanes_kept:
            axes.append(self.axis)
        return max(axes, key=lambda axis: self.kernel.shape[axis])


@dataclass(frozen=True)
class Reload:
    """An element that later passes over a row read back instead of computing it again.

    Attributes:
        access: where from. A buffer below 0 is a row of scratch memory on the stack.
        since: the pass that computes it.
        size: the elements of the row of scratch memory; 0 where it is stored anyway.
    """

    access: Access
    since: int
    size: int = 0


@dataclass(frozen=True)
class SweepCut:
    """How a sweep is cut.

    Attributes:
        loops: its axes; the kernel there has as few of them as possible.
        levels: its passes over a row.
        reloads: what later passes read back, by the number of the step.
        rows: how many neighbouring rows are walked together, so that what one has to
            wait for is hidden by the others.
        in_registers: whether sums across rows stay in registers, not where the results
            go.
    """

    loops: Loops
    levels: Levels
    reloads: dict[int, Reload]
    rows: int = 1
    in_registers: bool = False

    def ahead(self, number: int) -> int:
        """How many bytes before it is needed pass ``number`` asks for what it reads: 0
        where it is probably in the cache."""
        kernel = self.loops.kernel
        points = math.prod(kernel.shape) if number == 0 else kernel.row_size
        return AHEAD if points >= FAR else 0

    def __str__(self) -> str:
        loops, passes = self.loops, self.levels.passes
        text = "scalar"
        if loops.lanes:
            text = f"{loops.lanes} lanes"
        if loops.interleaved > 1:
            text += f" × {loops.interleaved}"
        if passes > 1:
            text += f", {passes} passes"
        if self.rows > 1:
            text += f", {self.rows} rows"
        if self.in_registers:
            text += ", columns in registers"
        return text


def choose_sweep(
    kernel: Sweep, buffers: tuple[Buffer, ...], chooser: Chooser
) -> Task[Sweep, SweepCut]:
    """How a sweep is cut, and into how many parts."""
    vector_bytes = chooser.host.vector_bytes
    simple = simplified(kernel)
    loops, levels = Loops(simple, vector_bytes), Levels(simple)
    rows, in_registers = _rows_together(loops, levels)
    cut = SweepCut(loops, levels, _reloads(loops, levels), rows, in_registers)
    return Task(kernel, buffers, cut, _parts(kernel, loops))


def _parts(kernel: Sweep, loops: Loops) -> int:
    """The parts that the plan wants, else a power of two of them."""
    if kernel.parts:
        return kernel.parts
    costly = sum(step.call.name in COSTLY for step in kernel.steps)
    steps = len(kernel.steps) + COSTLY_STEPS * costly
    work = math.prod(kernel.shape) * max(1, steps // 4)
    worth = 1 << (work // WORTH_SHARING).bit_length() >> 1
    return shared_out(worth, loops.units)


def _rows_together(loops: Loops, levels: Levels) -> tuple[int, bool]:
    """How many rows are walked together, and whether sums of columns stay in registers:
    those of few columns, with a set for each of the rows.
    """
    kernel = loops.kernel
    summed = {n for n, _ in kernel.stores if kernel.steps[n].across}
    if not summed or levels.passes > 1:
        return _short_rows(loops), False
    rows = MOST_ROWS
    vectors = -(-loops.length // loops.lanes) * len(summed)
    most = REGISTER_BYTES // loops.vector_bytes
    in_registers = not loops.inner and vectors <= most
    while in_registers and rows > 1 and rows * vectors > most // 2:
        rows //= 2
    return rows, in_registers


def _short_rows(loops: Loops) -> int:
    """A row waits for its maximum, then for its sum, then for a quotient; of short rows
    the processor sees too few at a time.
    """
    kernel = loops.kernel
    whole = loops.cut is None and not loops.inner
    along = kernel.reduced and whole and not loops.lanes_kept
    size = max((step.call.output.itemsize for step in kernel.steps), default=0)
    if not along or loops.rows < MOST_ROWS or loops.length * size > SHORT_ROW:
        return 1
    return MOST_ROWS if len(kernel.steps) <= FEW_STEPS else 2


def _reloads(loops: Loops, levels: Levels) -> dict[int, Reload]:
    """What is stored anyway is read from there; the rest from a row of scratch memory,
    where lanes go along the row and it is short.
    """
    kernel = loops.kernel
    found: dict[int, Reload] = {}
    stores = dict(kernel.stores)
    for number, since in sorted(levels.kept().items()):
        if number in stores:
            found[number] = Reload(stores[number], levels.level[number])
            continue
        dtype = kernel.steps[number].call.output
        if loops.lanes_kept or kernel.row_size * dtype.itemsize > MOST_SCRATCH:
            continue
        strides = [0] * len(kernel.shape)
        size = 1
        for axis in sorted(kernel.reduced, reverse=True):
            strides[axis] = size
            size *= kernel.shape[axis]
        access = Access(-1 - number, tuple(strides), 0, dtype)
        found[number] = Reload(access, since, size)
    return found
