"""Values that are cheaper to compute again than to write and read back.

Place on the road: a step of ``finish``. A kernel that reads a large value which an
earlier one computed with a few cheap operations computes it itself, where that takes
no more reads: from operands that it reads anyway, or from one large operand in place of
the value. If nobody reads the value any more, it is not written at all.
"""

from __future__ import annotations

from dataclasses import replace

from .calls import COSTLY
from .kernel import Access, Argument, Home, Kernel, Local, Step, Sweep
from .views import same_walk

#: Smaller values stay in the first levels of cache.
LARGE = 1 << 14
#: The most operations that are done again for one value, and in one kernel.
MOST_AGAIN, MOST_TOGETHER = 12, 100

Key = tuple[int, tuple[int, ...], int]


def recomputed(
    kernels: list[Kernel | None], homes: dict[int, Home], results: set[int]
) -> list[Kernel | None]:
    """The kernels, each in its place, with less that is read from memory."""
    writers: dict[int, list[int]] = {}
    readers: dict[int, set[int]] = {}
    for position, kernel in enumerate(kernels):
        if kernel is None:
            continue
        for home in kernel.writes:
            writers.setdefault(home, []).append(position)
        for home in kernel.reads:
            readers.setdefault(home, set()).add(position)
    found = list(kernels)
    for position, kernel in enumerate(kernels):
        if type(kernel) is not Sweep or not kernel.steps:
            continue
        for home in sorted(kernel.reads):
            if homes[home].kind != "arena" or home in results:
                continue
            if homes[home].size < LARGE or len(writers.get(home, ())) != 1:
                continue
            source = found[writers[home][0]]
            current = found[position]
            assert isinstance(current, Sweep)
            if isinstance(source, Sweep) and source is not kernel:
                alone = readers[home] == {position}
                changed = _without_reading(current, source, home, homes, alone)
                found[position] = changed or current
    return found


def _without_reading(
    kernel: Sweep, source: Sweep, home: int, homes: dict[int, Home], alone: bool
) -> Sweep | None:
    """The kernel with the home's elements computed; None where that does not pay."""
    stores = [(n, a) for n, a in source.stores if a.home == home]
    if len(stores) != 1 or source.shape != kernel.shape:
        return None
    number, store = stores[0]
    reads = [a for a in kernel.accesses if a.home == home]
    if any(not _same(kernel, a, store) for a in reads):
        return None
    again = _again(source, number)
    if again is None or len(kernel.steps) + len(again) > MOST_TOGETHER:
        return None
    have = {_key(a, kernel) for a in kernel.accesses if a.home != home}
    needed = {
        _key(a, kernel)
        for i in again
        for a in source.steps[i].arguments
        if isinstance(a, Access) and homes[a.home].size * 8 > homes[home].size
    }
    if len(needed - have) > int(alone):
        return None
    return _computing(kernel, source, again, home)


def _again(source: Sweep, number: int) -> list[int] | None:
    """The steps that compute a step, in order; None where they are not a few cheap
    ones."""
    found: set[int] = set()
    pending = [number]
    while pending:
        i = pending.pop()
        step = source.steps[i]
        costly = step.call.name in COSTLY and step.call.name != "divide"
        if step.reduces or step.across or costly or not step.arguments:
            return None
        found.add(i)
        if len(found) > MOST_AGAIN:
            return None
        pending += [a.step for a in step.arguments if isinstance(a, Local)]
    return sorted(found)


def _computing(kernel: Sweep, source: Sweep, again: list[int], home: int) -> Sweep:
    """The kernel with these steps of another in front of its own."""
    place = {old: new for new, old in enumerate(again)}

    def moved(argument: Argument) -> Argument:
        if isinstance(argument, Local):
            return Local(place[argument.step])
        return argument

    def shifted(argument: Argument) -> Argument:
        if isinstance(argument, Local):
            return Local(argument.step + len(again))
        if isinstance(argument, Access) and argument.home == home:
            return Local(len(again) - 1)
        return argument

    steps = [
        Step(step.call, tuple(map(moved, step.arguments)))
        for step in (source.steps[i] for i in again)
    ]
    steps += [
        replace(step, arguments=tuple(map(shifted, step.arguments)))
        for step in kernel.steps
    ]
    stores = [(n + len(again), access) for n, access in kernel.stores]
    return replace(kernel, steps=steps, stores=stores)


def _same(kernel: Sweep, a: Access, b: Access) -> bool:
    return a.offset == b.offset and same_walk(kernel.shape, a.strides, b.strides)


def _key(access: Access, kernel: Sweep) -> Key:
    """Equal for accesses that read the same elements in the same order."""
    pairs = zip(kernel.shape, access.strides, strict=True)
    return access.home, tuple(0 if n == 1 else s for n, s in pairs), access.offset
