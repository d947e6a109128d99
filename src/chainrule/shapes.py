"""The algebra of shapes: pure functions on tuples of integers.

Place on the road: below the graph. Each function answers the shape of a result, or
raises a ``ShapeError`` whose first line names the operation, the operands and the rule.
``operands`` are the descriptions that the caller has of them, such as ``"x (32,
784)"``, looked at only for the message.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from .errors import ArgumentError, ChainruleError, ShapeError

Shape = tuple[int, ...]


def size(shape: Shape) -> int:
    """The number of elements."""
    return math.prod(shape)


def broadcast(
    operation: str, shapes: Sequence[Shape], operands: Iterable[str]
) -> Shape:
    """NumPy's broadcasting: align at the last axis; sizes agree or are 1.

    Example:
        >>> broadcast("add", [(3, 1), (4,)], ["a (3, 1)", "b (4,)"])
        (3, 4)
    """
    ndim = max((len(shape) for shape in shapes), default=0)
    result = [1] * ndim
    for shape in shapes:
        for axis, length in enumerate(shape, start=ndim - len(shape)):
            if length == 1 or length == result[axis]:
                continue
            if result[axis] != 1:
                raise ShapeError(
                    f"{operation}: {' and '.join(operands)}: {result[axis]} ≠ "
                    f"{length} at axis {axis - ndim}; axes are aligned from the last, "
                    "and must be equal or 1",
                    fix="reshape one operand, or add an axis of length 1 with x[:, "
                    "None]",
                )
            result[axis] = length
    return tuple(result)


def sizes(operation: str, shape: Any, *, least: int = 0) -> Shape:
    """A shape as a tuple of whole numbers, from one number or a sequence of them.

    Raises:
        ArgumentError: for anything else, and for a size below ``least``.

    Example:
        >>> sizes("zeros", 3), sizes("zeros", [2, 3])
        ((3,), (2, 3))
    """
    single = hasattr(shape, "__index__") and getattr(shape, "ndim", 0) == 0
    try:
        found = tuple(operator.index(n) for n in ((shape,) if single else shape))
    except ChainruleError:  # of a tensor, which says more
        raise
    except TypeError:
        found = (least - 1,)
    if any(n < least for n in found):
        raise ArgumentError(
            f"{operation}: shape {shape!r}: expected whole numbers of at least {least}"
        )
    return found


def normal_axis(operation: str, axis: int, ndim: int) -> int:
    """The axis counted from the front, for one that may be counted from the back."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise ArgumentError(f"{operation}: axis={axis!r}: expected an integer")
    index = axis.__index__()
    if not -ndim <= index < ndim:
        allowed = f"{-ndim} to {ndim - 1}" if ndim else "none, it is a single number"
        raise ShapeError(
            f"{operation}: axis={index} of a tensor with {ndim} axes: expected "
            f"{allowed}"
        )
    return index % ndim


def normal_axes(
    operation: str, axis: int | Sequence[int] | None, ndim: int
) -> tuple[int, ...]:
    """The axes of a reduction, sorted and counted from the front; None means all."""
    if axis is None:
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    axes = tuple(sorted(normal_axis(operation, each, ndim) for each in given))
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{operation}: axis={given}: an axis is named twice")
    return axes


def reduced(shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Shape:
    """The shape after a reduction over ``axes``."""
    if keepdims:
        return tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)


def reshaped(shape: Shape, new: int | Sequence[int], operand: str = "") -> Shape:
    """The shape asked of a reshape, with one -1 worked out.

    Example:
        >>> reshaped((2, 3, 4), (-1, 4))
        (6, 4)
    """
    asked = sizes("reshape", new, least=-1)
    what = f"reshape: {operand or shape} to {asked}"
    total = size(shape)
    if asked.count(-1) > 1:
        raise ShapeError(f"{what}: only one size can be -1, worked out from the others")
    if -1 in asked:
        rest = math.prod(n for n in asked if n != -1)
        if not rest or total % rest:
            raise ShapeError(f"{what}: {total} elements are not divisible by {rest}")
        return tuple(total // rest if n == -1 else n for n in asked)
    if size(asked) != total:
        raise ShapeError(
            f"{what}: {total} ≠ {size(asked)} elements",
            fix="make one size -1 to have it worked out from the others",
        )
    return asked


def matmul(a: Shape, b: Shape, operands: Iterable[str]) -> Shape:
    """The shape of a product of matrices, batched over the leading axes.

    Example:
        >>> matmul((8, 2, 3), (3, 5), ["a (8, 2, 3)", "b (3, 5)"])
        (8, 2, 5)
    """
    if a[-1] != b[-2]:
        raise ShapeError(
            f"matmul: {' @ '.join(operands)}: {a[-1]} ≠ {b[-2]}; the last axis "
            "of the left side must equal the first axis of the right side's matrix",
            fix="transpose one side with .T, or use a matrix with matching sizes",
        )
    batch = broadcast("matmul", [a[:-2], b[:-2]], operands)
    return (*batch, a[-2], b[-1])


def concatenated(shapes: Sequence[Shape], axis: int, operands: Sequence[str]) -> Shape:
    """The shape of tensors joined along ``axis``; all other sizes must agree."""
    first = shapes[0]
    for shape, operand in zip(shapes[1:], operands[1:], strict=True):
        where = f"concatenate: {operands[0]} and {operand} along axis {axis}"
        if len(shape) != len(first):
            raise ShapeError(f"{where}: {len(first)} ≠ {len(shape)} axes")
        for other, (a, b) in enumerate(zip(first, shape, strict=True)):
            if other != axis and a != b:
                raise ShapeError(
                    f"{where}: {a} ≠ {b} at axis {other}; every other axis must have "
                    "the same size"
                )
    joined = sum(shape[axis] for shape in shapes)
    return (*first[:axis], joined, *first[axis + 1 :])


def sliced_length(start: int, stop: int, step: int) -> int:
    """How many elements ``start:stop:step`` takes, for a positive step."""
    return max(0, -(-(stop - start) // step))
