"""The grammar of schedules, executable: what passes and writers may rely on.

Place on the road: run after each pass over a schedule when ``config.debug`` is set, and
by the tests. A mistake in a plan shows in the numbers of some program, if at all; here
it has a name, and the pass that made it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from ....errors import ChainruleError
from ....shapes import Shape
from .kernels import (
    Access,
    Buffer,
    Contraction,
    Fused,
    FusedKernel,
    Kernel,
    Local,
    OverlapAdd,
    Schedule,
    Special,
)
from .space import reach
from .views import View

#: Kinds of buffers that hold their elements before the first kernel.
GIVEN = frozenset({"input", "variable", "constant"})


class InvalidSchedule(ChainruleError, AssertionError):
    """A schedule that breaks the grammar: a mistake in the engine, not in a program.

    Smallest example: a pass that drops the kernel that writes what another one reads.
    Cure: report it, with the program.
    """


def verify(schedule: Schedule, after: str = "the plan") -> None:
    """Checks every rule of the grammar.

    1. Every buffer that a kernel touches is known, and holds elements of its dtype.
    2. What is read was given, or written by an earlier kernel; constants and inputs are
       never written, and every result is.
    3. All elements that are touched lie within their buffer; of steps that test this
       themselves, ``bordered``, machine code checks it.
    4. No two points of a kernel's space write the same element.
    5. A step uses earlier steps only: no sum of a column, which is known at the end,
       and where it is computed once a row, only what is known once a row.

    Arguments:
        schedule: in the order in which it runs, or could run.
        after: the name of the pass that made it, for the message.

    Raises:
        InvalidSchedule: naming the pass, the kernel and the rule it breaks.
    """
    buffers = schedule.buffers
    written = {buffer for buffer, each in buffers.items() if each.kind in GIVEN}
    for number, kernel in enumerate(schedule.kernels):
        where = f"verify: after {after}: kernel {number}, {type(kernel).__name__}"
        for fault in _faults(kernel, buffers, written):
            raise InvalidSchedule(f"{where}: {fault}")
        written |= kernel.writes
    for buffer in schedule.results:
        if buffer not in written and buffers[buffer].size:
            raise InvalidSchedule(f"verify: after {after}: no kernel writes %{buffer}")


def _faults(
    kernel: Kernel, buffers: dict[int, Buffer], written: set[int]
) -> Iterable[str]:
    unknown = (kernel.reads | kernel.writes) - buffers.keys()
    if unknown:
        yield f"no buffer has the number {min(unknown)}"
        return
    for buffer in sorted(kernel.reads - written):
        if buffers[buffer].size:
            yield f"reads %{buffer}, which no earlier kernel writes"
    for buffer in sorted(kernel.writes):
        if buffers[buffer].kind in ("input", "constant"):
            yield f"writes %{buffer}, which is given"
    if isinstance(kernel, Special):
        yield from _special(kernel, buffers)
    else:
        yield from _steps(kernel)
        yield from _walks(kernel, buffers)


def _special(kernel: Special, buffers: dict[int, Buffer]) -> Iterable[str]:
    for buffer, shape in (*kernel.inputs, *kernel.outputs):
        if math.prod(shape) > buffers[buffer].size:
            yield f"%{buffer} has {buffers[buffer].size} elements, not {shape}"
    if isinstance(kernel, OverlapAdd):
        for number, step in enumerate(kernel.steps):
            if any(each >= number for each in step.locals):
                yield f"step {number} uses a later one"


def _steps(kernel: FusedKernel) -> Iterable[str]:
    for number, step in enumerate(kernel.steps):
        if not step.arguments and not (isinstance(kernel, Contraction) and number == 0):
            yield f"step {number}, {step.call.name}, has no arguments"
        for argument in step.arguments:
            if not isinstance(argument, Local):
                continue
            if not 0 <= argument.step < number:
                yield f"step {number} uses step {argument.step}, which is not earlier"
            elif kernel.steps[argument.step].across:
                yield f"step {number} uses the sum of a column"
            elif step.row and not step.reduces and not kernel.steps[argument.step].row:
                yield f"step {number} of a row uses step {argument.step} of a point"
    for number, _ in kernel.stores:
        if not 0 <= number < len(kernel.steps):
            yield f"stores step {number} of {len(kernel.steps)}"


def _walks(kernel: FusedKernel, buffers: dict[int, Buffer]) -> Iterable[str]:
    """Faults of what is read and written: dtypes, bounds, elements written twice."""
    bordered = [step for step in kernel.steps if step.call.name == "bordered"]
    apart = {id(step.arguments[0]) for step in bordered}
    stores = [access for _, access in kernel.stores]
    for access in (*kernel.accesses, *stores):
        buffer = buffers[access.buffer]
        if access.dtype != buffer.dtype:
            yield f"%{access.buffer} holds {buffer.dtype}, not {access.dtype}"
        if id(access) not in apart:
            yield from _outside(kernel.shape, access, buffer)
    if isinstance(kernel, Contraction):
        for view in (kernel.a, kernel.b):
            buffer = buffers[view.buffer]
            if kernel.pairs:  # walked word by word
                words = buffer.size * buffer.dtype.itemsize // 4
                buffer = replace(buffer, size=words)
            yield from _outside(view.shape, view, buffer)
    for number, access in kernel.stores:
        if number < len(kernel.steps) and not _once(kernel, number, access):
            yield f"writes elements of %{access.buffer} more than once"


def _outside(shape: Shape, walk: Access | View, buffer: Buffer) -> Iterable[str]:
    if len(walk.strides) != len(shape):
        yield f"%{walk.buffer} is walked by {len(walk.strides)} strides over {shape}"
    elif 0 not in shape:
        low, high = reach(shape, walk.strides, walk.offset)
        if low < 0 or high >= buffer.size:
            yield f"%{walk.buffer} is walked from {low} to {high} of {buffer.size}"


def _once(kernel: Fused, number: int, access: Access) -> bool:
    """Whether each element of a store is written by one point, or one row or column.

    Sufficient, and true of all stores that views make: from the smallest stride on,
    each leads beyond all that the smaller ones reach.
    """
    if 0 in kernel.shape:
        return True
    step = kernel.steps[number]
    reach = 0
    walk = sorted(
        (abs(stride), n)
        for axis, (n, stride) in enumerate(
            zip(kernel.shape, access.strides, strict=True)
        )
        if n > 1
        if not (step.row and axis in kernel.reduced)
        if not (step.across and axis not in kernel.reduced)
    )
    for stride, n in walk:
        if stride <= reach:
            return False
        reach += stride * (n - 1)
    return True
