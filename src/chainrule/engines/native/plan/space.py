"""The index space of a kernel, made simple: fewer axes, and an axis for the lanes.

Place on the road: the first thing lowering does with a kernel. Neighbouring axes that
every access walks as one become one; an axis of length 1 disappears. The lanes of a
vector go along the axis that is contiguous in most accesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from ....shapes import Shape
from .kernels import Access, Argument, Coordinate, Fused

KernelT = TypeVar("KernelT", bound=Fused)


def simplified(kernel: KernelT) -> KernelT:
    """The same kernel with as few axes as possible."""
    walks = _walks(kernel)
    groups: list[list[int]] = []
    for axis, n in enumerate(kernel.shape):
        if n == 1:
            continue
        if groups and _mergeable(kernel, walks, groups[-1][-1], axis):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    shape = []
    for group in groups:
        size = 1
        for axis in group:
            size *= kernel.shape[axis]
        shape.append(size)
    reduced = frozenset(i for i, g in enumerate(groups) if g[0] in kernel.reduced)

    def walked(argument: Argument) -> Argument:
        if not isinstance(argument, (Access, Coordinate)):
            return argument
        strides = tuple(argument.strides[group[-1]] for group in groups)
        return replace(argument, strides=strides)

    return replace(kernel.mapped(walked), shape=tuple(shape), reduced=reduced)


def _mergeable(
    kernel: Fused, walks: Sequence[tuple[int, ...]], outer: int, inner: int
) -> bool:
    if (outer in kernel.reduced) != (inner in kernel.reduced):
        return False
    n = kernel.shape[inner]
    return all(walk[outer] == walk[inner] * n for walk in walks)


def _walks(kernel: Fused) -> list[tuple[int, ...]]:
    """The strides of everything that is walked: accesses, coordinates, stores."""
    walks = [access.strides for _, access in kernel.stores]
    for step in kernel.steps:
        for argument in step.arguments:
            if isinstance(argument, (Access, Coordinate)):
                walks.append(argument.strides)
    return walks


def reach(shape: Shape, strides: Sequence[int], offset: int) -> tuple[int, int]:
    """The lowest and the highest position of a walk.

    Example:
        >>> reach((2, 3), (10, -1), 5)
        (3, 15)
    """
    ends = [stride * (n - 1) for n, stride in zip(shape, strides, strict=True)]
    low, high = (sum(beyond(0, end) for end in ends) for beyond in (min, max))
    return offset + low, offset + high


def lane_axis(kernel: Fused, among: frozenset[int] | None = None) -> int | None:
    """The axis for the lanes: contiguous in most accesses, the last one among equals.

    A store that is not contiguous costs most. None where the space is one point.
    """
    best: tuple[int, int] | None = None
    stores = [access.strides for _, access in kernel.stores]
    for axis, n in enumerate(kernel.shape):
        if n < 2 or (among is not None and axis not in among):
            continue
        score = 0
        for walk in _walks(kernel):
            score += {0: 0, 1: 2}.get(walk[axis], -3)
        for walk in stores:
            score += {1: 2}.get(walk[axis], 0)
        if n < 4:
            score -= 4
        if best is None or (score, axis) > best:
            best = score, axis
    return None if best is None else best[1]
