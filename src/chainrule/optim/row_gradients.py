"""Gradients with few rows that are not zero, as those of an embedding table.

Place on the road: beside the optimizer. The graph shows whether a gradient is of
this kind: it is a ``scatter_add`` along the first axis. Then only the rows that were
looked up are read, computed and written, and the cost of a step grows with the tokens
of the batch and not with the table. It must not know of algorithms.
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

#: Where a batch looks up more than 1 / WORTH of the rows, the whole table is updated.
WORTH = 2
#: An elementwise operation on the updates of a gradient, such as clipping.
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Rows:
    """The rows of a gradient that are not zero, each once.

    Attributes:
        index: the numbers of the rows, (n,) for n look-ups; where rows repeat, the
            unused entries at the end hold the first row again.
        sums: the gradient of each, (n, …).
        used: which entries are used, (n,).
    """

    index: Any
    sums: Any
    used: Any

    @property
    def total(self) -> Any:
        """The sums, with 0 in unused entries."""
        return where(_column(self.used, self.sums), self.sums, 0.0)


def rows_of(gradient: Any) -> Rows | None:
    """The rows of a gradient that may differ from zero; None if all of them may.

    Example:
        >>> import chainrule as cr
        >>> from chainrule.optim.row_gradients import rows_of
        >>> W = cr.parameter([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
        >>> rows = rows_of(cr.backprop(cr.take(W, [5, 5]).sum())[W])
        >>> rows.index.numpy(), rows.total.numpy()
        (array([5, 5]), array([[2.],
               [0.]], dtype=float32))
    """
    lookups = _lookups(gradient)
    if lookups is None:
        return None
    index, updates = lookups
    count = index.shape[0]
    if count == 0 or count * WORTH > gradient.shape[0]:
        return None
    return _each_once(index, updates)


def _lookups(gradient: Any) -> tuple[Any, Any] | None:
    """Index (n,) and updates (n, …) that add up to a gradient, or None.

    The gradient may be a sum of several such, each multiplied by scalars, as clipping
    does.
    """
    lookups: list[tuple[Any, Any]] = []
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
            lookups.append((reshape(index, (-1,)), updates))
        elif name == "add":
            pending += [(each, after) for each in reversed(node.inputs)]
        else:
            step = _change(node, name)
            if step is None:
                return None
            pending.append((step[0], (*after, step[1])))
    index, updates = (concatenate(each) for each in zip(*lookups, strict=True))
    return index, updates


def _change(node: Any, name: str) -> tuple[Any, Change] | None:
    """The operand of an elementwise operation with scalars, and that operation."""
    if name == "negative":
        return node.inputs[0], node.op
    if name == "cast":
        return node.inputs[0], lambda x: cast(x, dtype=node.dtype)
    if name not in ("multiply", "divide"):
        return None
    first, second = node.inputs
    if name == "multiply" and first.shape == ():
        first, second = second, first
    return (first, lambda x: node.op(x, second)) if second.shape == () else None


def _each_once(index: Any, updates: Any) -> Rows:
    """Each row once, with the sum of its updates in the order of the batch.

    Sorting brings equal row numbers together; the number of distinct ones before an
    entry is its position in the result. All shapes are known beforehand.
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
    """One bool per row, with axes of size 1 so that it broadcasts along the row."""
    return reshape(used, (-1, *(1,) * (len(like.shape) - 1)))
