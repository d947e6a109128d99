"""How many: elements that are not 0, integers of each value, numbers in each bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, BoundsError, DataError, ShapeError
from ..ops.arrays import constant
from ..ops.elementwise import logical_and, not_equal, where
from ..ops.indexing import scatter_add
from ..ops.movement import reshape
from ..ops.reduction import Axis, sum
from ..ops.reduction import max as largest
from ..ops.reduction import min as smallest
from .filling import linspace, ones_like
from .operands import integers, known, node, numbers, whole
from .searching import searchsorted


def count_nonzero(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """How many elements along ``axis`` are not 0.

    Example:
        >>> import chainrule as cr
        >>> cr.count_nonzero(cr.tensor([0.0, 3.0, 5.0])).item()
        2
    """
    return sum(not_equal(node(x), 0), axis, keepdims)


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each whole number from 0 on occurs, or the sum of the weights where it
    does. Gradients flow to the weights.

    Shapes: x (n,) → as long as the largest number says, or ``minlength``.

    Raises:
        BoundsError: for a negative number.
        DTypeError: for numbers that are not whole.
        ShapeError: for an x that is no vector, or other weights.
        TraceError: under ``cr.compile``, where shapes may not depend on values.

    Example:
        >>> import chainrule as cr
        >>> cr.bincount(cr.tensor([0, 2, 2])).numpy()
        array([1, 0, 2])
    """
    labels = integers("bincount", x)
    if len(labels.shape) != 1:
        raise ShapeError(f"bincount: {labels.describe()}: expected a vector, (n,)")
    value = known(
        "bincount",
        labels,
        "the size of the result depends on the values",
        "cr.scatter_add(weights, x, size=n), where n is known beforehand",
    )
    if (value < 0).any():
        row = int(np.argmax(value < 0))
        raise BoundsError(
            f"bincount: number {int(value[row])} at row {row}: expected 0 or more"
        )
    size = int(value.max()) + 1 if value.size else 0
    counted = ones_like(labels, np.int64) if weights is None else node(weights)
    if counted.shape != labels.shape:
        raise ShapeError(
            f"bincount: {labels.describe()} with weights {counted.shape}: one weight "
            "a number is needed"
        )
    least = whole("bincount", "minlength", minlength)
    return scatter_add(counted, labels, max(size, least))


def histogram(
    x: Any,
    bins: int | Sequence[float] | Any = 10,
    range: tuple[float, float] | None = None,
    density: bool = False,
    weights: Any = None,
) -> tuple[Any, Any]:
    """How many elements lie in each bin, and the edges of the bins.

    Each bin holds its left edge, the last one its right edge too; elements beyond the
    edges do not count. Gradients flow to the weights alone.

    Arguments:
        bins: their number, or their edges in ascending order.
        range: the first and the last edge, where bins are a number; by default the
            smallest and the largest element.
        density: the count over the total and the width of the bin, so that the
            integral is 1.
        weights: what each element counts, of the shape of x.

    Raises:
        ArgumentError: for less than one bin, and edges that are not in order.
        DataError: for a NaN or an infinity without a ``range``.

    Example:
        >>> import chainrule as cr
        >>> counts, edges = cr.histogram(cr.tensor([0.0, 1.0, 1.5, 2.0]), bins=2)
        >>> counts.numpy(), edges.numpy()
        (array([1, 3]), array([0., 1., 2.], dtype=float32))
    """
    value = reshape(node(x), (-1,))
    if not dtypes.is_float(value.dtype):
        value = value.astype(np.float64)  # whole numbers are compared exactly
    edges = _edges(value, bins, range)
    count = edges.shape[0] - 1
    place = searchsorted(edges, value, "right") - 1
    place = where(value == edges[count], count - 1, place)
    inside = logical_and(value >= edges[0], value <= edges[count])
    place = where(inside, place, count)
    if weights is None:
        counted = ones_like(value, np.int64)
    else:
        counted = reshape(node(weights), (-1,))
        if counted.shape != value.shape:
            raise ShapeError(
                f"histogram: x {node(x).shape} with weights {node(weights).shape}: one "
                "weight an element is needed"
            )
    counts = scatter_add(counted, place, count + 1)[:count]
    if density:
        widths = edges[1:] - edges[:-1]
        counts = counts.astype(edges.dtype) / widths / sum(counts).astype(edges.dtype)
    return counts, edges


def _edges(value: Any, bins: Any, range: tuple[float, float] | None) -> Any:
    """The edges of the bins, in the dtype of the elements."""
    if not isinstance(bins, SupportsIndex):
        edges = node(bins).astype(value.dtype)
        if len(edges.shape) != 1 or edges.shape[0] < 2:
            raise ArgumentError(
                f"histogram: bins {edges.shape}: expected a number, or a vector of at "
                "least two edges"
            )
        if edges.value is not None and not (np.diff(edges.value) >= 0).all():
            raise ArgumentError("histogram: bins: the edges must be in ascending order")
        return edges
    count = bins.__index__()
    if count < 1:
        raise ArgumentError(f"histogram: bins={count}: expected at least 1")
    if range is not None:
        ends = numbers("histogram", "range", range)
        ordered = ends.shape == (2,) and np.isfinite(ends).all() and ends[0] <= ends[1]
        if not ordered:
            raise ArgumentError(
                f"histogram: range={range}: expected two numbers, the smaller first"
            )
        first, last = (float(end) for end in ends)
        if first == last:
            first, last = first - 0.5, last + 0.5
        return constant(np.linspace(first, last, count + 1), value.dtype)
    if not value.shape[0]:
        return constant(np.linspace(0.0, 1.0, count + 1), value.dtype)
    if value.value is not None and not np.isfinite(value.value).all():
        raise DataError(
            f"histogram: x {value.shape} has a NaN or an infinity: its range is not "
            "finite",
            fix="range=(first, last), or x[cr.isfinite(x)]",
        )
    low, high = smallest(value), largest(value)
    room = where(low == high, 0.5, 0.0)
    return linspace(low - room, high + room, count + 1)
