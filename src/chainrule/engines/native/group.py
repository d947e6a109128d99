"""A kernel that is still open: who may join it, and in which place of its space.

Place on the road: the heart of ``fuse``. A kernel's space is a shape; some axes may be
reduced. An operation joins when every operand can be walked along that space with
fixed strides. Reading a value that the kernel itself computes needs no memory at all,
if it is read exactly where it was computed: the same strides over the space.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...dtypes import DType
from ...shapes import Shape
from .elementwise import Call
from .kernel import Access, Argument, Coordinate, Immediate, Local, Product, Step, Sweep
from .views import View, same_walk

#: A reduction with few rows, each of them long, is cut along the row for the threads:
#: what depends on its result is then another kernel.
FEW_ROWS, LONG_ROW = 32, 1 << 15
#: A kernel with this many steps takes no more; registers are few.
MOST_STEPS = 160
#: A view of this home walks over nothing: the positions themselves are the values.
NOWHERE = -1

#: What an operation reads: a view of a buffer, or a number of the program.
Operand = View | Immediate


@dataclass(frozen=True)
class Operation:
    """An elementwise operation or a reduction that looks for its kernel.

    Attributes:
        shape: the index space of the operation; a reduction's is its operand's.
        store: where the elements of the result lie.
        axes: the axes that a reduction removes; None for an elementwise operation.
        after: the kernel must run later than this position.
    """

    call: Call
    operands: tuple[Operand, ...]
    shape: Shape
    store: View
    axes: tuple[int, ...] | None = None
    after: int = -1


@dataclass
class Group:
    """An open kernel; ``position`` counts the kernels in the order of their start.

    ``local`` maps a home to where over the space the kernel produces its elements:
    (offset, strides, step).
    """

    kernel: Sweep
    position: int
    local: dict[int, list[tuple[int, tuple[int, ...], int]]] = field(
        default_factory=dict
    )
    depends: set[int] = field(default_factory=set)  # steps after a reduction

    @property
    def cut(self) -> bool:
        """Whether the reduction's rows are few and long."""
        return is_cut(self.kernel)

    def snapshot(self) -> tuple[Any, ...]:
        """What ``restore`` needs to forget operations that have joined since."""
        kernel = self.kernel
        local = {home: list(walks) for home, walks in self.local.items()}
        counts = len(kernel.steps), len(kernel.stores)
        return (*counts, kernel.reduced, local, set(self.depends))

    def restore(self, before: tuple[Any, ...]) -> None:
        """The kernel as it was at a snapshot."""
        steps, stores, self.kernel.reduced, self.local, self.depends = before
        del self.kernel.steps[steps:], self.kernel.stores[stores:]

    def join(
        self, operation: Operation, ready: Mapping[int, int], types: Mapping[int, DType]
    ) -> bool:
        """Takes an operation in, if it fits; ``ready`` has each home's last writer."""
        kernel = self.kernel
        if len(kernel.steps) >= MOST_STEPS or self.position <= operation.after:
            return False
        if operation.axes is not None:
            return self._join_reduction(operation, ready, types)
        for row in (False, True) if kernel.reduced else (False,):
            arguments = self._arguments(operation, row, ready, types)
            place = self._strides(operation.store, operation.shape, row)
            if arguments is not None and place is not None:
                self._add(Step(operation.call, arguments, row), operation, place)
                return True
        return False

    def _join_reduction(
        self, operation: Operation, ready: Mapping[int, int], types: Mapping[int, DType]
    ) -> bool:
        kernel = self.kernel
        if isinstance(kernel, Product) or operation.axes is None:
            return False
        axes = axes_within(kernel.shape, operation.shape, operation.axes)
        if axes is None or (kernel.reduced and kernel.reduced != axes):
            return False
        arguments = self._arguments(operation, False, ready, types)
        if arguments is None:
            return False
        before, kernel.reduced = kernel.reduced, axes
        place = self._strides(operation.store, operation.store.shape, row=True)
        depending = any(
            isinstance(a, Local) and a.step in self.depends for a in arguments
        )
        if place is None or (self.cut and depending):
            kernel.reduced = before
            return False
        step = Step(operation.call, arguments, row=True, reduces=True)
        self._add(step, operation, place)
        return True

    def _add(
        self, step: Step, operation: Operation, place: tuple[tuple[int, ...], int]
    ) -> None:
        kernel, home = self.kernel, operation.store.home
        number = len(kernel.steps)
        kernel.steps.append(step)
        strides, offset = place
        access = Access(home, strides, offset, step.call.output)
        kernel.stores.append((number, access))
        self.local.setdefault(home, []).append((offset, strides, number))
        locals_ = (a.step for a in step.arguments if isinstance(a, Local))
        if step.reduces or any(each in self.depends for each in locals_):
            self.depends.add(number)

    def _strides(
        self, view: View, shape: Shape, row: bool
    ) -> tuple[tuple[int, ...], int] | None:
        """A view's strides over the space, None where they are not fixed."""
        kernel = self.kernel
        wanted = tuple(
            n for i, n in enumerate(kernel.shape) if not (row and i in kernel.reduced)
        )
        placed = view if view.shape == wanted else view.reshape(wanted)
        if placed is None:
            return None
        if not row:
            return placed.strides, placed.offset
        rest = iter(placed.strides)
        spread = tuple(
            0 if i in kernel.reduced else next(rest) for i in range(len(kernel.shape))
        )
        return spread, placed.offset

    def _arguments(
        self,
        operation: Operation,
        row: bool,
        ready: Mapping[int, int],
        types: Mapping[int, DType],
    ) -> tuple[Argument, ...] | None:
        """The operands as seen from this kernel; None where one does not fit."""
        found: list[Argument] = []
        for number, operand in enumerate(operation.operands):
            if isinstance(operand, Immediate):
                found.append(operand)
                continue
            place = self._strides(operand, operation.shape, row)
            if place is None:
                return None
            argument = self._argument(operand.home, place, row, ready, types)
            indirect = operation.call.name == "gather" and number == 0
            if argument is None or (indirect and isinstance(argument, Local)):
                return None
            found.append(argument)
        return tuple(found)

    def _argument(
        self,
        home: int,
        place: tuple[tuple[int, ...], int],
        row: bool,
        ready: Mapping[int, int],
        types: Mapping[int, DType],
    ) -> Argument | None:
        strides, offset = place
        if home == NOWHERE:
            return Coordinate(strides, offset)
        if ready[home] > self.position:
            return None  # it is not complete yet
        for start, walk, step in self.local.get(home, ()):
            if start == offset and same_walk(self.kernel.shape, walk, strides):
                if row and not self.kernel.steps[step].row:
                    return None
                return None if self.cut and step in self.depends else Local(step)
        if ready[home] >= self.position:
            return None
        return Access(home, strides, offset, types[home])


def is_cut(kernel: Sweep) -> bool:
    """Whether a kernel reduces few rows, each of them long."""
    few = bool(kernel.reduced) and kernel.rows < FEW_ROWS
    return few and kernel.row_size >= LONG_ROW


def axes_within(
    space: Shape, shape: Shape, axes: tuple[int, ...]
) -> frozenset[int] | None:
    """The axes of a space that are those axes of another shape of the same size.

    Example:
        >>> sorted(axes_within((6, 4), (2, 3, 4), (0, 1)))
        [0]
        >>> axes_within((6, 4), (2, 3, 4), (0,)) is None
        True
    """
    if space == shape:
        return frozenset(axes)
    if math.prod(space) != math.prod(shape) or 0 in shape:
        return None
    runs: list[tuple[bool, int]] = []  # (reduced, size), neighbours merged
    for axis, n in enumerate(shape):
        if n == 1:
            continue
        reduced = axis in axes
        if runs and runs[-1][0] == reduced:
            runs[-1] = (reduced, runs[-1][1] * n)
        else:
            runs.append((reduced, n))
    found: set[int] = set()
    for axis, n in enumerate(space):
        if n == 1:
            continue
        while runs and runs[0][1] == 1:
            runs.pop(0)
        if not runs or runs[0][1] % n:
            return None
        reduced, left = runs[0]
        runs[0] = (reduced, left // n)
        if reduced:
            found.add(axis)
    return frozenset(found) if found else None
