"""A kernel that is still open: who may join it, and where in its space.

Place on the road: the heart of ``fuse``. A kernel's space is a shape; some axes may be
reduced. An operation joins when every operand can be walked along that space with
fixed strides. Reading a value that the kernel itself computes needs no memory at all,
if it is read exactly where it was computed: the same strides over the space.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from ....dtypes import DType
from ....shapes import Shape
from .calls import CUTTABLE, INDIRECT, Call
from .kernels import (
    Access,
    Argument,
    Contraction,
    Convolution,
    Coordinate,
    Fused,
    FusedKernel,
    Immediate,
    Local,
    Scope,
    Step,
    Sweep,
)
from .space import lane_axis
from .views import View, same_walk

#: A reduction with few rows, each of them long, is cut along the row for the threads:
#: what depends on its result is then another kernel.
FEW_ROWS, LONG_ROW = 32, 1 << 15
#: A reduction over the outer axes becomes sums of columns, each part of the rows with
#: its own, for at least MANY_POINTS points, and at most MOST_COLUMNS columns.
MANY_POINTS, MOST_COLUMNS = 1 << 15, 1 << 13
#: A product, whose parts have whole columns, sums those of at most as many rows.
MOST_SUMMED = 1 << 14
#: A kernel with this many steps takes no more; registers are few.
MOST_STEPS = 160
#: A view of this buffer walks over nothing: the positions themselves are the values.
NOWHERE = -1

NO_AXES: frozenset[int] = frozenset()

#: How elements lie over the space of a kernel: strides, and an offset.
Layout: TypeAlias = tuple[tuple[int, ...], int]
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

    ``local`` maps a buffer to where over the space the kernel produces its elements:
    (offset, strides, step).
    """

    kernel: FusedKernel
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
        local = {buffer: list(walks) for buffer, walks in self.local.items()}
        counts = len(kernel.steps), len(kernel.stores)
        return (*counts, kernel.reduced, local, set(self.depends))

    def restore(self, before: tuple[Any, ...]) -> None:
        """The kernel as it was at a snapshot."""
        steps, stores, self.kernel.reduced, self.local, self.depends = before
        del self.kernel.steps[steps:], self.kernel.stores[stores:]

    def join(
        self, operation: Operation, ready: Mapping[int, int], types: Mapping[int, DType]
    ) -> bool:
        """Takes an operation in, if it fits; ``ready`` has buffers' last writers."""
        kernel = self.kernel
        if len(kernel.steps) >= MOST_STEPS or self.position <= operation.after:
            return False
        if operation.axes is not None:
            return self._join_reduction(operation, ready, types)
        rows = kernel.reduced and isinstance(kernel, Sweep)
        for row in (False, True) if rows else (False,):
            arguments = self._arguments(operation, row, ready, types)
            without = kernel.reduced if row else NO_AXES
            layout = self._strides(operation.store, operation.shape, without)
            if arguments is not None and layout is not None:
                scope = Scope.ROW if row else Scope.POINT
                self._add(Step(operation.call, arguments, scope), operation, layout)
                return True
        return False

    def _join_reduction(
        self, operation: Operation, ready: Mapping[int, int], types: Mapping[int, DType]
    ) -> bool:
        kernel = self.kernel
        if isinstance(kernel, Contraction) and not kernel.sums:
            return False
        if operation.axes is None:
            return False
        axes = axes_within(kernel.shape, operation.shape, operation.axes)
        if axes is None:
            return False
        arguments = self._arguments(operation, False, ready, types)
        if arguments is None:
            return False
        step = Step(operation.call, arguments)
        if self._sums_columns(step, axes):
            return self._join_across(step, operation.store, axes)
        if isinstance(kernel, Contraction):
            return False
        if kernel.reduced and not _same_axes(kernel.shape, kernel.reduced, axes):
            return False
        before, kernel.reduced = kernel.reduced, kernel.reduced or axes
        layout = self._strides(operation.store, operation.store.shape, kernel.reduced)
        depending = any(each in self.depends for each in step.locals)
        if layout is None or (self.cut and depending):
            kernel.reduced = before
            return False
        self._add(replace(step, scope=Scope.ROW_REDUCTION), operation, layout)
        return True

    def _sums_columns(self, step: Step, axes: frozenset[int]) -> bool:
        """Whether a reduction over these axes goes across rows along the others."""
        kernel = self.kernel
        rest = frozenset(range(len(kernel.shape))) - axes
        columns = math.prod(kernel.shape[axis] for axis in rest)
        rows = math.prod(kernel.shape[axis] for axis in axes)
        if isinstance(kernel, Contraction):
            last = frozenset((len(kernel.shape) - 1,))
            types = {*step.call.inputs, step.call.output}
            fits = step.call.name == "sum" and types == {kernel.steps[0].call.output}
            fits = fits and (isinstance(kernel, Convolution) or rows <= MOST_SUMMED)
            return fits and _same_axes(kernel.shape, rest, last)
        if step.call.name not in CUTTABLE or not 1 < columns <= MOST_COLUMNS:
            return False
        if kernel.reduced:
            if not _same_axes(kernel.shape, kernel.reduced, rest):
                return False
        else:
            many = max(MANY_POINTS, columns * FEW_ROWS)
            if not _leads(kernel.shape, axes) or math.prod(kernel.shape) < many:
                return False
        return lane_axis(replace(kernel, steps=[*kernel.steps, step])) in rest

    def _join_across(self, step: Step, store: View, axes: frozenset[int]) -> bool:
        """Takes in a reduction across rows. What it finds is known when the kernel has
        ended: nobody here may read it.
        """
        kernel = self.kernel
        rest = frozenset(range(len(kernel.shape))) - axes
        layout = self._strides(store, store.shape, axes)
        if layout is None:
            return False
        kernel.reduced = kernel.reduced or rest
        strides, offset = layout
        access = Access(store.buffer, strides, offset, step.call.output)
        kernel.stores.append((len(kernel.steps), access))
        kernel.steps.append(replace(step, scope=Scope.COLUMN_REDUCTION))
        return True

    def _add(self, step: Step, operation: Operation, layout: Layout) -> None:
        kernel, buffer = self.kernel, operation.store.buffer
        number = len(kernel.steps)
        kernel.steps.append(step)
        strides, offset = layout
        access = Access(buffer, strides, offset, step.call.output)
        kernel.stores.append((number, access))
        self.local.setdefault(buffer, []).append((offset, strides, number))
        if step.reduces or any(each in self.depends for each in step.locals):
            self.depends.add(number)

    def _strides(
        self, view: View, shape: Shape, without: frozenset[int]
    ) -> Layout | None:
        """A view's strides over the space, None where they are not fixed.

        It has none of the axes ``without``: it is the same all along them.
        """
        axes = range(len(self.kernel.shape))
        wanted = tuple(self.kernel.shape[i] for i in axes if i not in without)
        reshaped = view if view.shape == wanted else view.reshape(wanted)
        if reshaped is None:
            return None
        rest = iter(reshaped.strides)
        spread = tuple(0 if i in without else next(rest) for i in axes)
        return spread, reshaped.offset

    def _arguments(
        self,
        operation: Operation,
        row: bool,
        ready: Mapping[int, int],
        types: Mapping[int, DType],
    ) -> tuple[Argument, ...] | None:
        """The operands as seen from this kernel; None where one does not fit."""
        arguments: list[Argument] = []
        for number, operand in enumerate(operation.operands):
            if isinstance(operand, Immediate):
                arguments.append(operand)
                continue
            without = self.kernel.reduced if row else NO_AXES
            layout = self._strides(operand, operation.shape, without)
            if layout is None:
                return None
            argument = self._argument(operand.buffer, layout, row, ready, types)
            indirect = operation.call.name in INDIRECT and number == 0
            if argument is None or (indirect and isinstance(argument, Local)):
                return None
            arguments.append(argument)
        return tuple(arguments)

    def _argument(
        self,
        buffer: int,
        layout: Layout,
        row: bool,
        ready: Mapping[int, int],
        types: Mapping[int, DType],
    ) -> Argument | None:
        strides, offset = layout
        if buffer == NOWHERE:
            return Coordinate(strides, offset)
        if ready[buffer] > self.position:
            return None  # it is not complete yet
        for start, walk, step in self.local.get(buffer, ()):
            if start == offset and same_walk(self.kernel.shape, walk, strides):
                if row and not self.kernel.steps[step].row:
                    return None
                return None if self.cut and step in self.depends else Local(step)
        if ready[buffer] >= self.position:
            return None
        return Access(buffer, strides, offset, types[buffer])


def is_cut(kernel: Fused) -> bool:
    """Whether a kernel reduces few rows, each of them long."""
    along = bool(kernel.reduced) and isinstance(kernel, Sweep)
    few = along and kernel.rows < FEW_ROWS
    return few and kernel.row_size >= LONG_ROW


def sums_columns(operation: Operation) -> bool:
    """Whether an operation reduces over the first axes, and these are many rows."""
    axes = frozenset(operation.axes or ())
    many = math.prod(operation.shape) >= MANY_POINTS and bool(axes)
    return many and operation.call.name in CUTTABLE and _leads(operation.shape, axes)


def _leads(space: Shape, axes: frozenset[int]) -> bool:
    """Whether these axes come before all others, and there are others."""
    inside = [axis in axes for axis, n in enumerate(space) if n > 1]
    return False in inside and inside == sorted(inside, reverse=True)


def _same_axes(space: Shape, a: frozenset[int], b: frozenset[int]) -> bool:
    """Whether two sets have the same axes; those of length 1 do not count."""
    return all(space[axis] == 1 for axis in a ^ b)


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
    within: set[int] = set()
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
            within.add(axis)
    return frozenset(within) if within else None
