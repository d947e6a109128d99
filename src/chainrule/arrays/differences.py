"""Differences of neighbours, and the sums that undo them."""

from __future__ import annotations

from typing import Any

from .. import dtypes, shapes
from ..errors import ArgumentError
from ..ops.elementwise import not_equal
from ..ops.movement import broadcast_to, concatenate, slice_
from ..ops.reduction import sum
from .operands import node, real


def diff(
    x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None
) -> Any:
    """The differences of neighbours along ``axis``: yᵢ = xᵢ₊₁ − xᵢ, ``n`` times over.
    Of bools: whether they differ.

    Shapes: the axis gets shorter by n.

    Arguments:
        prepend, append: values before and after x along the axis, from which
            differences are taken too: a number, or a tensor with that axis.

    Raises:
        ArgumentError: for a negative n.
        ShapeError: for a single number, which has no axis.

    Example:
        >>> import chainrule as cr
        >>> cr.diff(cr.tensor([1.0, 4.0, 9.0])).numpy()
        array([3., 5.], dtype=float32)
    """
    value = node(x)
    if not isinstance(n, int) or n < 0:
        raise ArgumentError(f"diff: n={n!r}: expected a whole number, 0 or more")
    along = shapes.normal_axis("diff", axis, len(value.shape))
    around = [_edge(edge, value, along) for edge in (prepend, append)]
    if any(edge is not None for edge in around):
        parts = [around[0], value, around[1]]
        value = concatenate([part for part in parts if part is not None], along)
    for _ in range(n):
        before, after = _neighbours(value, along)
        bools = value.dtype == dtypes.bool_
        value = not_equal(after, before) if bools else after - before
    return value


def _edge(edge: Any, value: Any, axis: int) -> Any:
    if edge is None:
        return None
    found = node(edge)
    if found.shape:
        return found
    shape = (*value.shape[:axis], 1, *value.shape[axis + 1 :])
    return broadcast_to(found.astype(value.dtype), shape)


def _neighbours(value: Any, axis: int) -> tuple[Any, Any]:
    """All elements but the last, and all but the first, along an axis."""
    index = [slice(None)] * len(value.shape)
    pair = []
    for part in (slice(None, -1), slice(1, None)):
        index[axis] = part
        pair.append(slice_(value, tuple(index)))
    return pair[0], pair[1]


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The integral of a curve along ``axis`` by the trapezoidal rule:
    Σ (xᵢ₊₁ − xᵢ) (yᵢ + yᵢ₊₁) / 2.

    Arguments:
        y: the values.
        x: where they lie, a vector or of the shape of y; without it ``dx`` apart.

    Example:
        >>> import chainrule as cr
        >>> cr.trapezoid(cr.tensor([0.0, 1.0, 2.0])).item()
        2.0
    """
    value = real(y)
    along = shapes.normal_axis("trapezoid", axis, len(value.shape))
    before, after = _neighbours(value, along)
    if x is None:
        return sum((before + after) * (0.5 * dx), along)
    where = real(x)
    if len(where.shape) == 1:
        where = where.reshape(-1, *(1,) * (len(value.shape) - 1 - along))
        return sum((before + after) * 0.5 * diff(where, axis=0), along)
    return sum((before + after) * 0.5 * diff(where, axis=along), along)
