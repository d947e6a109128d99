"""The index space of a kernel, made simple: fewer axes, and an axis for the lanes.

Place on the road: the first thing lowering does with a kernel. Neighbouring axes that
every access walks as one become one; an axis of length 1 disappears. The lanes of a
vector go along the axis that is contiguous in most accesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from .kernels import Access, Argument, Coordinate, Step, Sweep


def simplified(kernel: Sweep) -> Sweep:
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
    return _rewalked(
        kernel, tuple(shape), reduced, lambda walk: tuple(walk[g[-1]] for g in groups)
    )


def _mergeable(
    kernel: Sweep, walks: Sequence[tuple[int, ...]], outer: int, inner: int
) -> bool:
    if (outer in kernel.reduced) != (inner in kernel.reduced):
        return False
    n = kernel.shape[inner]
    return all(walk[outer] == walk[inner] * n for walk in walks)


def _walks(kernel: Sweep) -> list[tuple[int, ...]]:
    """The strides of everything that is walked: accesses, coordinates, stores."""
    walks = [access.strides for _, access in kernel.stores]
    for step in kernel.steps:
        for argument in step.arguments:
            if isinstance(argument, (Access, Coordinate)):
                walks.append(argument.strides)
    return walks


def _rewalked(
    kernel: Sweep,
    shape: tuple[int, ...],
    reduced: frozenset[int],
    new: Callable[[tuple[int, ...]], tuple[int, ...]],
) -> Sweep:
    def argument(each: Argument) -> Argument:
        if isinstance(each, (Access, Coordinate)):
            return replace(each, strides=new(each.strides))
        return each

    def step(each: Step) -> Step:
        return replace(each, arguments=tuple(map(argument, each.arguments)))

    return replace(
        kernel,
        shape=shape,
        reduced=reduced,
        steps=[step(each) for each in kernel.steps],
        stores=[(n, replace(a, strides=new(a.strides))) for n, a in kernel.stores],
    )


def lane_axis(kernel: Sweep, among: frozenset[int] | None = None) -> int | None:
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
