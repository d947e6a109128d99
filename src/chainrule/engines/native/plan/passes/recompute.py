"""Values that are cheaper to compute again than to write and read back.

Place on the road: a pass over a schedule. A kernel that reads a large value which an
earlier one computed with a few cheap operations computes it itself, where that takes
no more reads: from operands that it reads anyway, or from one in place of the value if
then nobody reads the value any more. What is not read is not written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ..calls import COSTLY
from ..kernels import (
    Access,
    Argument,
    Buffer,
    Check,
    Contraction,
    Fused,
    FusedKernel,
    Kernel,
    Local,
    Schedule,
    Step,
)
from ..views import same_walk

#: Smaller values stay in the first levels of cache.
LARGE = 1 << 14
#: The most operations that are done again for one value, and in one kernel.
MOST_AGAIN, MOST_TOGETHER = 12, 100

NOTHING: frozenset[int] = frozenset()

FusedT = TypeVar("FusedT", bound=Fused)
Key = tuple[int, tuple[int, ...], int]


def recompute(schedule: Schedule) -> Schedule:
    """The schedule with less that is read from memory."""
    buffers, results = schedule.buffers, schedule.results
    kernels = list(schedule.kernels)
    writers: dict[int, list[int]] = {}
    for position, kernel in enumerate(kernels):
        for buffer in kernel.writes:
            writers.setdefault(buffer, []).append(position)
    once = {buffer for buffer, at in writers.items() if len(at) == 1}
    large = [
        (buffer, at[0])
        for buffer, at in writers.items()
        if buffer in once and buffers[buffer].size >= LARGE
        if buffers[buffer].kind == "arena" and buffer not in results
        if isinstance(kernels[at[0]], Fused)
    ]
    # What each kernel reads and may do without; a check always reads it.
    reads = [set() if isinstance(k, Check) else k.reads for k in kernels]

    def exchange(position: int, kernel: Kernel) -> None:
        kernels[position], reads[position] = kernel, kernel.reads

    for buffer, writer in large:
        readers = [i for i, found in enumerate(reads) if buffer in found]
        for position in readers:
            alone = len(readers) == 1
            new = _without_reading(
                kernels, position, writer, buffer, buffers, once, int(alone)
            )
            if new is not None:
                exchange(position, new)
    for buffer, writer in reversed(large):  # what no kernel reads is not written
        changed = {
            position: _without_reading(
                kernels, position, writer, buffer, buffers, once, 1
            )
            for position, found in enumerate(reads)
            if buffer in found
        }
        for position, changed_kernel in changed.items():
            if None not in changed.values() and changed_kernel is not None:
                exchange(position, changed_kernel)
    return replace(schedule, kernels=kernels)


def _without_reading(
    kernels: list[Kernel],
    position: int,
    writer: int,
    buffer: int,
    buffers: dict[int, Buffer],
    once: set[int],
    more: int,
) -> FusedKernel | None:
    """The kernel with the buffer's elements computed, for which it reads no more bytes
    than ``more`` times those of the buffer; None where that does not do."""
    kernel, source = kernels[position], kernels[writer]
    if not isinstance(kernel, Fused) or not isinstance(source, Fused):
        return None
    stores = [(n, a) for n, a in source.stores if a.buffer == buffer]
    if len(stores) != 1 or source.shape != kernel.shape or source is kernel:
        return None
    if isinstance(kernel, Contraction) and buffer in (kernel.a.buffer, kernel.b.buffer):
        return None
    number, store = stores[0]
    reads = [a for a in kernel.accesses if a.buffer == buffer]
    if any(not _same(kernel, a, store) for a in reads):
        return None
    rows = {} if source.steps[number].row else _written_rows(source, buffers, once)
    again = cheap_steps(source, number, known=frozenset(rows))
    if again is None or len(kernel.steps) + len(again) > MOST_TOGETHER:
        return None
    steps = {i: source.steps[i].mapped(lambda a: _read(a, rows)) for i in again}
    have = {_key(a, kernel) for a in kernel.accesses if a.buffer != buffer}
    needed = {
        _key(a, kernel): a.dtype.itemsize
        for step in steps.values()
        for a in step.arguments
        if isinstance(a, Access) and buffers[a.buffer].size * 8 > buffers[buffer].size
    }
    extra = sum(size for key, size in needed.items() if key not in have)
    if extra > more * buffers[buffer].dtype.itemsize:
        return None
    return _computing(kernel, steps, buffer)


def _written_rows(
    source: Fused, buffers: dict[int, Buffer], once: set[int]
) -> dict[int, Access]:
    """Where a kernel writes values of whole rows that stay there, as no other writes
    them: step → access."""
    return {
        number: access
        for number, access in source.stores
        if source.steps[number].row and access.buffer in once
        if buffers[access.buffer].kind in ("arena", "output")
    }


def _read(argument: Argument, written: dict[int, Access]) -> Argument:
    """An argument, read from memory where it is written there."""
    if isinstance(argument, Local):
        return written.get(argument.step, argument)
    return argument


def cheap_steps(
    source: Fused, number: int, known: frozenset[int] = NOTHING
) -> list[int] | None:
    """The steps that compute a step, in order, from memory and from ``known`` ones;
    None where they are not a few cheap ones."""
    found: set[int] = set()
    pending = [number]
    while pending:
        i = pending.pop()
        if i in known:
            continue
        step = source.steps[i]
        costly = step.call.name in COSTLY and step.call.name != "divide"
        if step.reduces or step.across or costly or not step.arguments:
            return None
        found.add(i)
        if len(found) > MOST_AGAIN:
            return None
        pending += step.locals
    return sorted(found)


def _computing(kernel: FusedT, again: dict[int, Step], buffer: int) -> FusedT:
    """The kernel with these steps of another in front of its own; a contraction stays
    the first."""
    first = int(isinstance(kernel, Contraction))
    numbers = {old: first + new for new, old in enumerate(again)}
    last = Local(first + len(again) - 1)

    def inserted(argument: Argument) -> Argument:
        if isinstance(argument, Local):
            return Local(numbers[argument.step])
        return argument

    def moved(number: int) -> int:
        return number if number < first else number + len(again)

    def shifted(argument: Argument) -> Argument:
        if isinstance(argument, Local):
            return Local(moved(argument.step))
        if isinstance(argument, Access) and argument.buffer == buffer:
            return last
        return argument

    new = [Step(each.call, each.arguments) for each in again.values()]
    old = [step.mapped(shifted) for step in kernel.steps]
    steps = [*old[:first], *(step.mapped(inserted) for step in new), *old[first:]]
    return replace(
        kernel, steps=steps, stores=[(moved(n), a) for n, a in kernel.stores]
    )


def _same(kernel: Fused, a: Access, b: Access) -> bool:
    return a.offset == b.offset and same_walk(kernel.shape, a.strides, b.strides)


def _key(access: Access, kernel: Fused) -> Key:
    """Equal for accesses that read the same elements in the same order."""
    pairs = zip(kernel.shape, access.strides, strict=True)
    return access.buffer, tuple(0 if n == 1 else s for n, s in pairs), access.offset
