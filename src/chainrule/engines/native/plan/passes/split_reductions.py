"""Reductions in parts: each part is reduced on its own, then the parts are.

Place on the road: when it is known what is stored. Reductions over few long rows, and
over columns, have too few results to be shared out by result.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ..calls import CUTTABLE
from ..group import is_cut
from ..kernels import (
    Access,
    Buffer,
    Convolution,
    Kernel,
    Product,
    Schedule,
    Scope,
    Step,
    Sweep,
)
from ..views import contiguous_strides

#: Points of a space per part of a cut reduction, and the most parts.
PART_SIZE, MOST_PARTS = 1 << 14, 64
#: Points per part, and the most parts, where columns are reduced.
SHARE_SIZE, MOST_SHARES = 1 << 15, 16
#: The most rows of a part, so that each sum has few roundings. Short rows, and those of
#: a convolution's tiles, are added in sets of some.
MOST_ROWS, SHORT_ROW, MOST_SHORT_ROWS, MOST_PIXELS = 1 << 10, 48, 1 << 12, 1 << 14

#: A product is divided into at least so many parts, of at least so many rows, if its
#: second factor has at most so many elements.
FEWEST_PARTS, ROWS_OF_PRODUCT, LARGE_FACTOR = 4, 128, 1 << 20


def split_reductions(schedule: Schedule) -> Schedule:
    """The schedule with a kernel for the parts, and one that reduces these."""
    buffers = dict(schedule.buffers)
    kernels = [part for each in schedule.kernels for part in _cut(each, buffers)]
    return replace(schedule, kernels=kernels, buffers=buffers)


def _cut(kernel: Kernel, buffers: dict[int, Buffer]) -> list[Kernel]:
    """The kernel; or one that reduces parts of each row, or of each column, and one
    that reduces those.

    The number of parts depends on the sizes alone, never on the threads, so that sums
    are always added in the same order.
    """
    if not isinstance(kernel, (Sweep, Convolution, Product)):
        return [kernel]
    if not (kernel.across or is_cut(kernel)):
        return [kernel]
    if kernel.across:
        sums = [i for i, step in enumerate(kernel.steps) if step.across]
        if isinstance(kernel, Product):
            parts = _parts_of_product(kernel)
        else:
            parts = _shares(kernel)
        if parts < 2:
            return [replace(kernel, parts=parts)]
        return _in_parts(kernel, buffers, sums, parts, sorted(kernel.reduced))
    sums = [i for i, step in enumerate(kernel.steps) if step.reduces]
    if any(kernel.steps[i].call.name not in CUTTABLE for i in sums):
        return [kernel]
    parts = min(MOST_PARTS, max(2, kernel.row_size * kernel.rows // PART_SIZE))
    kept = [axis for axis in range(len(kernel.shape)) if axis not in kernel.reduced]
    return _in_parts(kernel, buffers, sums, parts, kept)


def _shares(kernel: Sweep | Convolution) -> int:
    """Into how many parts the rows are divided whose columns are summed."""
    points = kernel.rows * kernel.row_size
    parts = max(1, min(MOST_SHARES, points // SHARE_SIZE, kernel.rows))
    most = MOST_SHORT_ROWS if kernel.row_size <= SHORT_ROW else MOST_ROWS
    most = MOST_PIXELS if isinstance(kernel, Convolution) else most
    return max(parts, -(-kernel.rows // most))


def _parts_of_product(kernel: Product) -> int:
    """Into how many parts the rows of a product are divided whose columns are summed;
    0 where each part has whole columns: few rows, or large panels, which all parts
    would read."""
    _, terms, columns = kernel.b.shape
    if kernel.pairs or terms * columns > LARGE_FACTOR:
        return 0
    parts = min(MOST_SHARES, kernel.rows // ROWS_OF_PRODUCT)
    return max(parts, -(-kernel.rows // MOST_ROWS)) if parts >= FEWEST_PARTS else 0


def _in_parts(
    kernel: Sweep | Convolution | Product,
    buffers: dict[int, Buffer],
    sums: list[int],
    parts: int,
    kept: list[int],
) -> list[Kernel]:
    """The kernel with a result of its own for each part, and the sum of the parts.

    ``sums`` are the steps in question; their results have the axes ``kept``.
    """
    shape = tuple(kernel.shape[axis] for axis in kept)
    inside = dict(zip(kept, contiguous_strides(shape), strict=True))
    strides = tuple(inside.get(axis, 0) for axis in range(len(kernel.shape)))
    size = math.prod(shape)
    steps: list[Step] = []
    stores: list[tuple[int, Access]] = []
    ends: list[tuple[int, Access]] = []
    for number, access in kernel.stores:
        if number not in sums:
            stores.append((number, access))
            continue
        call = kernel.steps[number].call
        buffer = max(buffers) + 1
        buffers[buffer] = Buffer("arena", 0, call.output, parts * size)
        stores.append((number, Access(buffer, strides, 0, call.output)))
        again = replace(call, inputs=(call.output,))
        walk = (size, *contiguous_strides(shape))
        partial = Access(buffer, walk, 0, call.output)
        target = (0, *(access.strides[axis] for axis in kept))
        ends.append((len(steps), replace(access, strides=target)))
        steps.append(Step(again, (partial,), Scope.ROW_REDUCTION))
    first = replace(kernel, stores=stores, parts=parts)
    return [first, Sweep((parts, *shape), frozenset([0]), steps, ends)]
