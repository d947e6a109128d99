"""Where things are: elements that are not zero, different ones, places in an order."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np

from .. import shapes
from ..errors import ArgumentError, ShapeError
from ..ops.arrays import constant, lift
from ..ops.elementwise import isnan, less, logical_and, logical_not, minimum, where
from ..ops.indexing import take, take_along_axis
from ..ops.movement import flip, slice_
from ..ops.primitive import common_dtype
from ..ops.reduction import argsort
from .filling import full_like
from .operands import known, node, real_pair, whole

#: What there is to do instead under ``cr.compile``.
_OUTSIDE = (
    "call it outside of the compiled function, and hand over the result; inside, "
    "cr.where(mask, x, 0.0) keeps the shape"
)


def nonzero(x: Any) -> tuple[Any, ...]:
    """The indices of the elements that are not 0, an integer tensor for each axis.

    Raises:
        TraceError: under ``cr.compile``, where shapes may not depend on values.

    Example:
        >>> import chainrule as cr
        >>> cr.nonzero(cr.tensor([0.0, 3.0, 0.0, 5.0]))[0].numpy()
        array([1, 3])
    """
    value = known("nonzero", x, "how many there are depends on the values", _OUTSIDE)
    places = np.nonzero(np.atleast_1d(value))
    return tuple(constant(along, np.int64) for along in places)


def flatnonzero(x: Any) -> Any:
    """The indices, in the flattened tensor, of the elements that are not 0.

    Raises:
        TraceError: under ``cr.compile``, where shapes may not depend on values.

    Example:
        >>> import chainrule as cr
        >>> cr.flatnonzero(cr.tensor([[0, 3], [5, 0]])).numpy()
        array([1, 2])
    """
    depends = "how many there are depends on the values"
    value = known("flatnonzero", x, depends, _OUTSIDE)
    return constant(np.flatnonzero(value), np.int64)


def argwhere(x: Any) -> Any:
    """The indices of the elements that are not 0, a row for each of them.

    Raises:
        TraceError: under ``cr.compile``, where shapes may not depend on values.

    Example:
        >>> import chainrule as cr
        >>> cr.argwhere(cr.tensor([[0, 3], [5, 0]])).numpy()
        array([[0, 1],
               [1, 0]])
    """
    value = known("argwhere", x, "how many there are depends on the values", _OUTSIDE)
    return constant(np.argwhere(value), np.int64)


def unique(
    x: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Any:
    """The different elements in ascending order; with ``axis`` the different slices. No
    gradient flows through them.

    Arguments:
        return_index: also where each stands first.
        return_inverse: also, for every element, which of them it is.
        return_counts: also how often each occurs.

    Raises:
        TraceError: under ``cr.compile``, where shapes may not depend on values.

    Example:
        >>> import chainrule as cr
        >>> values, counts = cr.unique(cr.tensor([3, 1, 3]), return_counts=True)
        >>> values.numpy(), counts.numpy()
        (array([1, 3]), array([1, 2]))
    """
    value = known("unique", x, "how many there are depends on the values", _OUTSIDE)
    if axis is not None:
        axis = shapes.normal_axis("unique", whole("unique", "axis", axis), value.ndim)
    different: Any = np.unique
    found = different(
        value,
        return_index=bool(return_index),
        return_inverse=bool(return_inverse),
        return_counts=bool(return_counts),
        axis=axis,
    )
    if not isinstance(found, tuple):
        return constant(found)
    return tuple(constant(each) for each in found)


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """The places in a sorted vector where values belong: so many elements come before.

    Formula: "left" is the number of aᵢ < v, "right" that of aᵢ ≤ v; found in ⌈log₂ n⌉
    halvings. NaN stands behind all numbers.

    Shapes: a (n,), v of any shape → that of v, int64.

    Arguments:
        sorter: the indices that sort a, where it is not sorted itself.

    Raises:
        ArgumentError: for another ``side``.
        ShapeError: for an a that is no vector.

    Example:
        >>> import chainrule as cr
        >>> cr.searchsorted(cr.tensor([1.0, 3.0, 5.0]), [0.0, 3.0, 9.0]).numpy()
        array([0, 1, 3])
    """
    if not isinstance(side, str) or side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side={side!r}: expected 'left' or 'right'")
    vector, values = common_dtype("searchsorted", lift([a, v]), real=False)
    if len(vector.shape) != 1:
        raise ShapeError(
            f"searchsorted: a {vector.shape}: expected a sorted vector, (n,)"
        )
    if sorter is not None and node(sorter).shape != vector.shape:
        raise ShapeError(
            f"searchsorted: a {vector.shape} with sorter {node(sorter).shape}: one "
            "index an element is needed"
        )
    if sorter is not None:
        vector = take(vector, sorter)
    place = full_like(values, 0, np.int64)
    n = vector.shape[0]
    step = 1 << max(0, n.bit_length() - 1)
    while step and n:
        further = place + step
        element = take(vector, minimum(further, n) - 1)
        before = _precedes(element, values)
        if side == "right":
            before = logical_not(_precedes(values, element))
        place = where(logical_and(further <= n, before), further, place)
        step //= 2
    return place


def _precedes(a: Any, b: Any) -> Any:
    """Whether a comes before b, where NaN comes last."""
    found = less(a, b)
    if a.dtype.kind != "f":
        return found
    return found | logical_and(isnan(b), logical_not(isnan(a)))


def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The number of the interval that each element lies in: i where
    binsᵢ₋₁ ≤ x < binsᵢ, for bins in ascending order; 0 before the first.

    Arguments:
        right: whether the right end belongs to an interval, instead of the left one.

    Example:
        >>> import chainrule as cr
        >>> cr.digitize(cr.tensor([0.5, 1.0, 9.0]), [1.0, 2.0]).numpy()
        array([0, 1, 2])
    """
    return searchsorted(bins, x, "left" if right else "right")


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """The broken line through the points (xp, fp), at x; beyond them the value of the
    first or last. Gradients flow to x, xp and fp.

    Shapes: xp and fp (n,), x of any shape → that of x.

    Arguments:
        xp: the points, in ascending order.
        fp: the values there.
        left, right: the values before the first point and behind the last.

    Raises:
        ShapeError: when the points are no vector, or there are not as many values.

    Example:
        >>> import chainrule as cr
        >>> cr.interp(cr.tensor([0.5, 9.0]), [0.0, 1.0, 2.0], [0.0, 10.0, 0.0]).numpy()
        array([5., 0.], dtype=float32)
    """
    value, points = real_pair("interp", x, xp)
    heights = node(fp)
    if len(points.shape) != 1 or points.shape != heights.shape or not points.shape[0]:
        raise ShapeError(
            f"interp: xp {points.shape} and fp {heights.shape}: expected two vectors "
            "with as many elements, at least one"
        )
    heights = heights.astype(value.dtype)
    n = points.shape[0]
    after = searchsorted(points, value, "right").clip(1, max(1, n - 1))
    before = after - 1
    after = minimum(after, n - 1)
    x0, y0 = take(points, before), take(heights, before)
    width, rise = take(points, after) - x0, take(heights, after) - y0
    inside = (value - x0) * rise / where(width == 0.0, 1.0, width) + y0
    first, last = heights[0] if left is None else left, heights[n - 1]
    last = last if right is None else right
    found = where(value < points[0], first, inside)
    return where(value == points[n - 1], heights[n - 1], where(
        value > points[n - 1], last, found))  # fmt: skip


def top_k(x: Any, k: int, axis: int = -1) -> tuple[Any, Any]:
    """The k largest elements along ``axis``, largest first, and their indices.

    Raises:
        ArgumentError: when the axis has fewer than k elements.

    Example:
        >>> import chainrule as cr
        >>> values, indices = cr.top_k(cr.tensor([3.0, 1.0, 7.0]), 2)
        >>> values.numpy(), indices.numpy()
        (array([7., 3.], dtype=float32), array([2, 0]))
    """
    (node,) = lift([x])
    along = shapes.normal_axis("top_k", axis, len(node.shape))
    n = node.shape[along]
    if not isinstance(k, SupportsIndex) or not 0 <= k.__index__() <= n:
        raise ArgumentError(
            f"top_k: k={k} of {node.describe()}: axis {along} has {n} elements"
        )
    index = [slice(None)] * len(node.shape)
    index[along] = slice(0, k)
    # Sorting the reversed tensor and reading it backwards keeps equal elements in
    # order.
    order = (n - 1) - flip(argsort(flip(node, along), along), along)
    chosen = slice_(order, tuple(index))
    return take_along_axis(node, chosen, along), chosen
