"""The arguments of many calls in one, checked.

Place on the road: below ``compile``, whose ``repeat`` and ``for_rows`` are given them.
Nothing here knows how a program runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, BoundsError, TraceError
from ..graph import Array, Node, current_trace, differentiating
from ..tensor import tensor
from .trace import as_input


def check_times(name: str, times: Any) -> None:
    """Refuses anything but a number of calls, and a call inside of another program."""
    if current_trace() is not None or differentiating.get():
        raise TraceError(
            f"{name}: many calls in one cannot be part of another compiled function or "
            "of a gradient",
            fix="cr.scan, which is a loop inside of a graph",
        )
    whole = isinstance(times, (int, np.integer)) and not isinstance(times, bool)
    if not whole or times < 1:
        raise ArgumentError(
            f"{name}: times={times!r}: expected a whole number of at least 1"
        )


def checked_order(name: str, rows: Any, read: Sequence[Array]) -> Array:
    """Rows as int64, ``(steps, B)``, each of them a row of all that is read by rows."""
    order = np.asarray(rows)
    if order.ndim != 2 or not order.size or order.dtype.kind not in "iu":
        raise ArgumentError(
            f"{name}: rows {order.shape} of {order.dtype}: expected integers (steps, "
            "rows of a step), at least one of each",
            fix="order.reshape(-1, batch_size)",
        )
    check_times(name, len(order))
    size = min((len(each) for each in read), default=0)
    if not read:
        raise ArgumentError(
            f"{name}: no argument is an array with rows", fix="f.repeat(times, …)"
        )
    low, high = int(order.min()), int(order.max())
    if low < 0 or high >= size:
        wrong = low if low < 0 else high
        raise BoundsError(f"{name}: row {wrong} of {size}: they are 0 to {size - 1}")
    return np.ascontiguousarray(order, np.int64)


def at_rows(leaf: Any, rows: Array) -> Any:
    """Some rows of an argument, as an argument of the same kind."""
    found = as_input(leaf)[rows]
    return tensor(found) if isinstance(leaf, Node) else found
