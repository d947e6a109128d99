"""What the kernels of a schedule do, in figures: for ``explain``.

Place on the road: beside the engine. It reads the schedule; nothing is computed by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ...compiler.engine import KernelReport
from ...compiler.report import loops_text
from ...ops.primitive import REGISTRY
from ...shapes import Shape
from .plan.calls import OWN_STEPS
from .plan.kernels import (
    Access,
    Callback,
    Contraction,
    Convolution,
    ConvolutionGradient,
    Fused,
    Home,
    Kernel,
    Product,
    Scan,
    Schedule,
    Special,
    SpecialKernel,
    Step,
)


def kernel_reports(schedule: Schedule) -> list[KernelReport]:
    """A report for every kernel, in the order in which they run."""
    return [_report(kernel, schedule.homes) for kernel in schedule.kernels]


def work_of(schedule: Schedule) -> int:
    """Operations, and bytes read and written, of one run."""
    reports = kernel_reports(schedule)
    return sum(r.flops + r.bytes_read + r.bytes_written for r in reports)


def _report(kernel: Kernel, homes: dict[int, Home]) -> KernelReport:
    if isinstance(kernel, Special):
        return _special(kernel, homes)
    stores = [access for _, access in kernel.stores]
    accesses = list(kernel.accesses)
    names = tuple(step.call.name for step in kernel.steps)
    flops = sum(_flops(step, kernel) for step in kernel.steps)
    kind, loops = "loop", loops_text(kernel.shape, kernel.reduced)
    read = _touched(kernel.shape, accesses, homes)
    if isinstance(kernel, (Product, Convolution)):
        if isinstance(kernel, Convolution):
            kind, computed = "convolution", kernel.computed
            terms = computed.taps * computed.inputs
            flops += 2 * computed.multiplications
        else:
            kind, terms = "product", kernel.a.shape[2]
            flops += 2 * math.prod(kernel.shape) * terms
        loops = f"{_without_ones(kernel.shape)} × [{terms}]"
        for view in (kernel.a, kernel.b):
            moved = _elements(view.shape, view.strides)
            home = homes[view.home]
            read += min(moved, home.size) * home.dtype.itemsize
    written = _touched(kernel.shape, stores, homes)
    return KernelReport(kind, loops, names, read, written, flops)


def _without_ones(shape: Shape) -> str:
    """The sizes of a product's loops, without those of a batch of one."""
    return loops_text(shape[1:] if shape[0] == 1 else shape)


def _special(kernel: SpecialKernel, homes: dict[int, Home]) -> KernelReport:
    read = sum(_size(homes[home]) for home in kernel.reads)
    written = sum(_size(homes[home]) for home in kernel.writes)
    loops = loops_text(kernel.outputs[0][1]) if kernel.outputs else ""
    if isinstance(kernel, Scan):
        inside = tuple(kernel_reports(kernel.body))
        length = kernel.length
        flops = length * sum(each.flops for each in inside)
        steps = f"{length} steps"
        return KernelReport(
            kernel.name, steps, (kernel.name,), read, written, flops, inside
        )
    name = kernel.name
    if isinstance(kernel, Callback):
        name = kernel.operation
        return KernelReport("NumPy", loops, (name,), read, written, 0)
    flops = 0
    if isinstance(kernel, ConvolutionGradient):
        flops = 2 * kernel.spec.multiplications
    return KernelReport(name, loops, (name,), read, written, flops)


def _size(home: Home) -> int:
    return home.size * home.dtype.itemsize


def _flops(step: Step, kernel: Fused) -> int:
    """The operations of a step: one for every point at which it is computed."""
    if isinstance(kernel, Contraction) and step is kernel.steps[0]:
        return 0  # the product itself
    call = step.call
    if step.reduces or step.across:
        dtype = call.inputs[0] if call.inputs else call.output
        return math.prod(kernel.shape) * (dtype.kind == "f")
    points = kernel.rows if step.row else math.prod(kernel.shape)
    return points * (call.output.kind == "f" and _is_arithmetic(call.name))


def _is_arithmetic(name: str) -> bool:
    """Whether a step computes numbers, and does not only move or choose them."""
    op = REGISTRY.get(name)
    return op.arithmetic if op is not None else name not in OWN_STEPS


def _touched(shape: Shape, accesses: Iterable[Access], homes: dict[int, Home]) -> int:
    """The bytes behind accesses; an element that several of them touch counts once
    where they walk alike, and no buffer counts for more than it holds.
    """
    walks = {(each.home, each.strides, each.offset) for each in accesses}
    counts: dict[int, int] = {}
    for home, strides, _ in walks:
        counts[home] = counts.get(home, 0) + _elements(shape, strides)
    return sum(
        min(count, homes[home].size) * homes[home].dtype.itemsize
        for home, count in counts.items()
    )


def _elements(shape: Shape, strides: tuple[int, ...]) -> int:
    """How many elements a walk meets: an axis with stride 0 stays where it is."""
    pairs = zip(shape, strides, strict=True)
    return 0 if 0 in shape else math.prod(n for n, stride in pairs if stride)
