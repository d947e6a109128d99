"""Taking and adding by indices that differ between the examples: the slices of all
examples become one table, in which an index counts from its own example's first slice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.arrays import constant
from ..ops.indexing import normal_index
from ..ops.movement import reshape
from .application import Application
from .movement import backward, first, forward


def taken(a: Application) -> Any:
    """``take``."""
    axis, count = a.params["axis"], len(a.own(1))
    if not a.batched(1):
        return a.apply(a.raw(0), a.raw(1), axis=axis + 1)
    if not a.batched(0):
        return first(a.apply(a.raw(0), a.raw(1)), axis)
    found = a.apply(_table(a), _index(a, a.own(0)[axis]), axis=0)
    return backward(found, count, axis)


def added(a: Application) -> Any:
    """``scatter_add``."""
    axis, size, count = a.params["axis"], a.params["size"], len(a.own(1))
    if not a.batched(1):
        return a.apply(a.full(0), a.raw(1), axis=axis + 1)
    updates = forward(a.full(0), count, axis)
    total = a.apply(updates, _index(a, size), axis=0, size=a.size * size)
    return _cut(a, total, size)


def replaced(a: Application) -> Any:
    """``put``."""
    axis, size, count = a.params["axis"], a.node.shape[a.params["axis"]], len(a.own(1))
    if not a.batched(1):
        return a.apply(a.full(0), a.raw(1), a.full(2), axis=axis + 1)
    updates = forward(a.full(2), count, axis)
    return _cut(a, a.apply(_table(a), _index(a, size), updates, axis=0), size)


def _table(a: Application) -> Any:
    """The slices along ``axis`` of all examples, one after the other."""
    slices = forward(a.full(0), 1, a.params["axis"])
    return reshape(slices, (a.size * slices.shape[1], *slices.shape[2:]))


def _cut(a: Application, table: Any, size: int) -> Any:
    """Every example's slices, back along ``axis``."""
    slices = reshape(table, (a.size, size, *table.shape[1:]))
    return backward(slices, 1, a.params["axis"])


def _index(a: Application, size: int) -> Any:
    """The indices, of slices in the table."""
    index = normal_index(a.raw(1), size=size, what=a.node.op.name)  # type: ignore[union-attr]
    starts = np.arange(a.size) * size
    return index + constant(starts.reshape(-1, *(1,) * len(a.own(1))))
