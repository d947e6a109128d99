"""Windows that are computed where they are added up: ``overlap_add`` with its producer.

Place on the road: a pass over a schedule. The gradients of overlapping windows have
several times as many elements as what they are added up to. Where a kernel computes
them with a few cheap operations for nobody else, ``overlap_add`` does so itself, and
they are never in memory. What that kernel knows once for all elements of a window (the
largest, or their number) it then writes down instead.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ..kernels import Access, Argument, Buffer, Local, OverlapAdd, Schedule, Sweep
from ..views import contiguous_strides, same_walk
from .recompute import cheap_steps


def gather_windows(schedule: Schedule) -> Schedule:
    """The schedule with windows computed where they are added up, where that is cheap;
    it may get buffers for what is written down in their place."""
    kernels, buffers = list(schedule.kernels), dict(schedule.buffers)
    for position, kernel in enumerate(schedule.kernels):
        if not isinstance(kernel, OverlapAdd):
            continue
        ((buffer, _),) = kernel.inputs
        makers = [i for i, k in enumerate(kernels) if buffer in k.writes]
        readers = [k for k in kernels if buffer in k.reads]
        alone = len(makers) == len(readers) == 1 and makers[0] < position
        if not alone or buffers[buffer].kind != "arena":
            continue
        maker = kernels[makers[0]]
        changed = None
        if isinstance(maker, Sweep):
            changed = _computing(kernel, maker, buffers)
        if changed is not None:
            kernels[makers[0]], kernels[position] = changed
    return replace(schedule, kernels=kernels, buffers=buffers)


def _computing(
    kernel: OverlapAdd, maker: Sweep, buffers: dict[int, Buffer]
) -> tuple[Sweep, OverlapAdd] | None:
    """The maker, which writes down what is the same for a whole window, and the sum
    that computes the rest; None where that can not be."""
    ((buffer, shape),) = kernel.inputs
    ((number, access),) = [each for each in maker.stores if each[1].buffer == buffer]
    walk = contiguous_strides(shape)
    if (
        maker.shape != shape
        or access.offset
        or not same_walk(shape, access.strides, walk)
    ):
        return None
    rows = frozenset(i for i, step in enumerate(maker.steps) if step.row)
    again = cheap_steps(maker, number, known=rows)
    if not again:
        return None
    maker = replace(maker, stores=list(maker.stores))
    kept = sorted({i for n in again for i in maker.steps[n].locals} & rows)
    written = {each: _written(maker, each, buffers) for each in kept}
    numbers = {old: new for new, old in enumerate(again)}

    def moved(argument: Argument) -> Argument:
        if not isinstance(argument, Local):
            return argument
        if argument.step in written:
            return written[argument.step]
        return Local(numbers[argument.step])

    steps = [maker.steps[i].mapped(moved) for i in again]
    reads = sorted(
        {a.buffer for step in steps for a in step.arguments if isinstance(a, Access)}
    )
    ours = {access.buffer for access in written.values()}
    if any(each in maker.writes and each not in ours for each in reads):
        return None
    operands = {each: number for number, each in enumerate(reads)}

    def numbered(argument: Argument) -> Argument:
        if isinstance(argument, Access):
            return replace(argument, buffer=operands[argument.buffer])
        return argument

    inputs = tuple((each, (buffers[each].size,)) for each in reads)
    computed = tuple(step.mapped(numbered) for step in steps)
    return maker, replace(kernel, inputs=inputs, steps=computed)


def _written(maker: Sweep, number: int, buffers: dict[int, Buffer]) -> Access:
    """Where a row's value stands: where it is stored anyway, else in a new buffer."""
    for step, access in maker.stores:
        if step == number:
            return access
    axes = range(len(maker.shape))
    rows = tuple(n for i, n in enumerate(maker.shape) if i not in maker.reduced)
    rest = iter(contiguous_strides(rows))
    strides = tuple(0 if i in maker.reduced else next(rest) for i in axes)
    dtype = maker.steps[number].call.output
    buffer = max(buffers) + 1
    buffers[buffer] = Buffer("arena", 0, dtype, math.prod(rows))
    access = Access(buffer, strides, 0, dtype)
    maker.stores.append((number, access))
    return access
