"""What a kernel reads, writes and computes, in figures: for ``explain``.

Place on the road: one function for each kind of kernel, found in ``write.kinds``.
Nothing is computed by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ....compiler.engine import KernelReport
from ....compiler.report import loops_text
from ....ops.primitive import REGISTRY
from ....shapes import Shape
from ..plan.kernels import (
    Access,
    Buffer,
    Callback,
    Contraction,
    Convolution,
    ConvolutionGradient,
    Fused,
    Product,
    Scan,
    SpecialKernel,
    Step,
    Sweep,
)
from .convolution import ConvolutionCut
from .kernel_gradient import GradientBlocks
from .product import ProductCut
from .scan import ScanCut
from .sweep import SweepCut
from .task import Cut, Task, Whole

#: The engine's own steps that move or choose numbers and compute none.
MOVING_STEPS = frozenset({"bordered", "copy", "gather", "one_at"})


def sweep_figures(task: Task[Sweep, SweepCut]) -> KernelReport:
    """Of elementwise steps and reductions."""
    kernel = task.kernel
    return _fused(task, "loop", loops_text(kernel.shape, kernel.reduced), 0, 0)


def product_figures(task: Task[Product, ProductCut]) -> KernelReport:
    """Of a product of matrices."""
    kernel = task.kernel
    terms = kernel.a.shape[2] * (1 + kernel.pairs)
    return _contraction(task, "product", terms, math.prod(kernel.shape) * terms)


def convolution_figures(task: Task[Convolution, ConvolutionCut]) -> KernelReport:
    """Of a convolution."""
    spec = task.cut.spec
    each = 1 + task.kernel.pairs
    terms = spec.taps * spec.inputs * each
    return _contraction(task, "convolution", terms, spec.multiplications * each)


def special_figures(task: Task[SpecialKernel, Cut]) -> KernelReport:
    """Of a kernel on whole buffers whose operations are not counted."""
    return _special(task, task.kernel.name, 0)


def gradient_figures(
    task: Task[ConvolutionGradient, GradientBlocks],
) -> KernelReport:
    """Of the gradient for a convolution's weights."""
    kernel = task.kernel
    flops = 2 * kernel.spec.multiplications * (1 + kernel.pairs)
    return _special(task, kernel.name, flops)


def callback_figures(task: Task[Callback, Whole]) -> KernelReport:
    """Of a primitive that runs in Python."""
    return replace(_special(task, task.kernel.operation, 0), kind="NumPy")


def scan_figures(task: Task[Scan, ScanCut]) -> KernelReport:
    """Of a loop, without its body."""
    steps = f"{task.kernel.length} steps"
    return replace(_special(task, task.kernel.name, 0), loops=steps)


def _fused(
    task: Task[Fused, Cut], kind: str, loops: str, read: int, flops: int
) -> KernelReport:
    """Of the steps of a fused kernel, besides what it reads and computes otherwise."""
    kernel, buffers = task.kernel, task.buffers
    return KernelReport(
        kind,
        loops,
        tuple(step.call.name for step in kernel.steps),
        read + _touched(kernel.shape, kernel.accesses, buffers),
        _touched(kernel.shape, (access for _, access in kernel.stores), buffers),
        flops + sum(_flops(step, kernel) for step in kernel.steps),
    )


def _contraction(
    task: Task[Contraction, Cut], kind: str, terms: int, multiplications: int
) -> KernelReport:
    """Of sums of ``terms`` products each."""
    kernel, read = task.kernel, 0
    for view in (kernel.a, kernel.b):
        buffer = task.buffers[view.buffer]
        moved = _elements(view.shape, view.strides)
        read += min(moved, buffer.size) * buffer.dtype.itemsize
    loops = f"{_without_ones(kernel.shape)} × [{terms}]"
    return _fused(task, kind, loops, read, 2 * multiplications)


def _special(task: Task[SpecialKernel, Cut], name: str, flops: int) -> KernelReport:
    kernel, buffers = task.kernel, task.buffers
    read = sum(_size(buffers[buffer]) for buffer in kernel.reads)
    written = sum(_size(buffers[buffer]) for buffer in kernel.writes)
    loops = loops_text(kernel.outputs[0][1]) if kernel.outputs else ""
    return KernelReport(name, loops, (name,), read, written, flops)


def _without_ones(shape: Shape) -> str:
    """The sizes of a product's loops, without those of a batch of one."""
    return loops_text(shape[1:] if shape[0] == 1 else shape)


def _size(buffer: Buffer) -> int:
    return buffer.size * buffer.dtype.itemsize


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
    return op.arithmetic if op is not None else name not in MOVING_STEPS


def _touched(
    shape: Shape, accesses: Iterable[Access], buffers: Sequence[Buffer]
) -> int:
    """The bytes behind accesses; an element that several of them touch counts once
    where they walk alike, and no buffer counts for more than it holds.
    """
    walks = {(each.buffer, each.strides, each.offset) for each in accesses}
    counts: dict[int, int] = {}
    for buffer, strides, _ in walks:
        counts[buffer] = counts.get(buffer, 0) + _elements(shape, strides)
    return sum(
        min(count, buffers[buffer].size) * buffers[buffer].dtype.itemsize
        for buffer, count in counts.items()
    )


def _elements(shape: Shape, strides: tuple[int, ...]) -> int:
    """How many elements a walk meets: an axis with stride 0 stays where it is."""
    pairs = zip(shape, strides, strict=True)
    return 0 if 0 in shape else math.prod(n for n, stride in pairs if stride)
