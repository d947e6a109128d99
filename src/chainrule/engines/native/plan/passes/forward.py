"""Results that are computed where they are wanted.

Place on the road: the first pass over a schedule. A result begins as a copy of the
buffer that was computed for it; where nobody else made that buffer for himself, it is
the result, and the copy is dropped.
"""

from __future__ import annotations

from dataclasses import replace

from ..kernels import Access, Fused, Kernel, Local, Schedule, Special, Step
from ..views import same_walk


def forward(schedule: Schedule) -> Schedule:
    """The schedule with results in place of the buffers that are copied to them."""
    results = _copied(schedule)
    if not results:
        return schedule
    kernels = [_renamed(kernel, results) for kernel in schedule.kernels]
    return replace(schedule, kernels=kernels)


def _copied(schedule: Schedule) -> dict[int, int]:
    """Buffers of the arena that are copied whole into a result → that result."""
    buffers, wanted = schedule.buffers, schedule.results
    found: dict[int, int] = {}
    for kernel in schedule.kernels:
        if not isinstance(kernel, Fused):
            continue
        for number, access in kernel.stores:
            step = kernel.steps[number]
            if access.buffer not in wanted or step.call.name != "copy":
                continue
            source = _source(kernel, step, access)
            if source is None or source in found or buffers[source].kind != "arena":
                continue
            if buffers[source].size == buffers[access.buffer].size:
                found[source] = access.buffer
    return found


def _source(kernel: Fused, step: Step, target: Access) -> int | None:
    """The buffer that a copy reads, if it reads it in the order in which it writes."""
    (argument,) = step.arguments
    if isinstance(argument, Access):
        same = same_walk(kernel.shape, argument.strides, target.strides)
        return argument.buffer if same and argument.offset == target.offset else None
    if isinstance(argument, Local):
        for number, access in kernel.stores:
            if number == argument.step and access.offset == target.offset:
                if same_walk(kernel.shape, access.strides, target.strides):
                    return access.buffer
    return None


def _renamed(kernel: Kernel, results: dict[int, int]) -> Kernel:
    """The kernel on the results themselves, without copies to them."""
    if isinstance(kernel, Special):
        return kernel.renamed(results)
    stores = []
    for number, access in kernel.stores:
        step = kernel.steps[number]
        if step.call.name == "copy" and len(step.arguments) == 1:
            source = _source(kernel, step, access)
            if source is not None and results.get(source) == access.buffer:
                continue  # it is there already
        stores.append((number, access))
    return replace(kernel, stores=stores).renamed(results)
