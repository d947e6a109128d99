"""Only what is needed: stores that nobody reads, and the steps for them, are dropped.

Place on the road: after every pass that may have made a value unnecessary.
"""

from __future__ import annotations

from dataclasses import replace

from ..kernels import (
    Argument,
    Contraction,
    FusedKernel,
    Kernel,
    Local,
    Schedule,
    Special,
)


def drop_unused(schedule: Schedule) -> Schedule:
    """The schedule without stores that nobody reads, and without steps for them.

    Kernels that may end the run are needed always.
    """
    wanted = schedule.results
    kept: list[Kernel] = []
    for kernel in reversed(schedule.kernels):
        if isinstance(kernel, Special):
            used = kernel.may_fail or bool(kernel.writes & wanted)
            needed: Kernel | None = kernel if used else None
        else:
            needed = _without(kernel, wanted)
        if needed is not None:
            kept.append(needed)
            wanted |= needed.reads
    return replace(schedule, kernels=kept[::-1])


def _without(kernel: FusedKernel, wanted: set[int]) -> FusedKernel | None:
    """The kernel with the stores that are wanted; None where there are none."""
    stores = [(n, access) for n, access in kernel.stores if access.buffer in wanted]
    if not stores:
        return None
    needed = {n for n, _ in stores}
    if isinstance(kernel, Contraction):
        needed.add(0)
    for number in range(len(kernel.steps) - 1, -1, -1):
        if number in needed:
            needed.update(kernel.steps[number].locals)
    order = sorted(needed)
    numbers = {old: new for new, old in enumerate(order)}

    def moved(argument: Argument) -> Argument:
        if isinstance(argument, Local) and numbers[argument.step] != argument.step:
            return Local(numbers[argument.step])
        return argument

    steps = [kernel.steps[n].mapped(moved) for n in order]
    return replace(kernel, steps=steps, stores=[(numbers[n], a) for n, a in stores])
