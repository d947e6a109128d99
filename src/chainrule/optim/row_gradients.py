"""Gradients that are zero but for some rows: those of a table that is looked up.

Place on the road: beside the optimizer, which asks here whether a gradient is of that
kind. The graph says so: it is a ``scatter_add`` along the first axis. Then only the
rows that were looked up are read, computed and written, and a step costs as much as
the tokens of the batch, however long the table is. It must not know of algorithms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..ops.creation import arange, zeros
from ..ops.elementwise import cast, where
from ..ops.indexing import normal_index, put, scatter_add, take
from ..ops.movement import concatenate, reshape
from ..ops.reduction import argsort, cumsum

#: A table is gone through as a whole where the batch looks up one row in so many.
WORTH = 2
#: What is done to updates.
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Rows:
    """The rows of a gradient that are not zero, each once.

    Attributes:
        index: the numbers of the rows, (n,) for n look-ups; where rows were looked up
            several times, some places are left over and hold the first row again.
        sums: the gradient of each, (n, …).
        used: which of the places are not left over, (n,).
    """

    index: Any
    sums: Any
    used: Any

    @property
    def total(self) -> Any:
        """The sums, with 0 in the places that are left over."""
        return where(_column(self.used, self.sums), self.sums, 0.0)


def rows_of(gradient: Any) -> Rows | None:
    """The rows of a gradient; None for one that may have something in every row.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.optim.row_gradients import rows_of
        >>> W = cr.parameter([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
        >>> rows = rows_of(cr.backprop(cr.take(W, [5, 5]).sum())[W])
        >>> rows.index.numpy(), rows.total.numpy()
        (array([5, 5]), array([[2.],
               [0.]], dtype=float32))
    """
    found = _lookups(gradient)
    if found is None:
        return None
    index, updates = found
    count = index.shape[0]
    if count == 0 or count * WORTH > gradient.shape[0]:
        return None
    return _each_once(index, updates)


def _lookups(gradient: Any) -> tuple[Any, Any] | None:
    """Index (n,) and updates (n, …) whose sum a gradient is.

    It may be a sum of several, each scaled by numbers, as clipping does.
    """
    found: list[tuple[Any, Any]] = []
    pending: list[tuple[Any, tuple[Change, ...]]] = [(gradient, ())]
    while pending:
        node, after = pending.pop()
        name = node.op.name if node.op is not None else ""
        if node.shape != gradient.shape:
            return None
        if name == "scatter_add" and node.params["axis"] == 0:
            updates, index = node.inputs
            for change in reversed(after):
                updates = change(updates)
            index = normal_index(index, size=node.shape[0], what="take")
            updates = reshape(updates, (-1, *node.shape[1:]))
            found.append((reshape(index, (-1,)), updates))
        elif name == "add":
            pending += [(each, after) for each in reversed(node.inputs)]
        else:
            step = _change(node, name)
            if step is None:
                return None
            pending.append((step[0], (*after, step[1])))
    index, updates = (concatenate(each) for each in zip(*found, strict=True))
    return index, updates


def _change(node: Any, name: str) -> tuple[Any, Change] | None:
    """What a node changes, and how, where it does the same to every element."""
    if name == "cast":
        return node.inputs[0], lambda x: cast(x, dtype=node.dtype)
    if name not in ("multiply", "divide"):
        return None
    first, second = node.inputs
    if name == "multiply" and first.shape == ():
        first, second = second, first
    return (first, lambda x: node.op(x, second)) if second.shape == () else None


def _each_once(index: Any, updates: Any) -> Rows:
    """Every row once, with the sum of its updates in the order of the batch.

    Sorted, equal numbers stand together; how many others stand before a number is its
    place. All shapes are known beforehand.
    """
    count = index.shape[0]
    order = argsort(index)
    ordered = take(index, order)
    fresh = cast(ordered[1:] != ordered[:-1], dtype=index.dtype)
    group = concatenate([zeros(1, index.dtype), cumsum(fresh)])
    nothing = zeros(count, index.dtype)
    place = put(nothing, order, group)
    sums = scatter_add(updates, place, count)
    rows = put(nothing, group, ordered)
    used = arange(count) <= group[-1]
    return Rows(
        where(used, rows, rows[0]), where(_column(used, sums), sums, sums[:1]), used
    )


def _column(used: Any, like: Any) -> Any:
    """One bool a row, to be broadcast along it."""
    return reshape(used, (-1, *(1,) * (len(like.shape) - 1)))
