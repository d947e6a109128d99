"""The algebra of shapes: pure functions on tuples of integers.

Place on the road: below the graph. Each function returns the shape of a result, or
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
    operation: str, shapes: Sequence[Shape], operands: Iterable[str], after: int = 0
) -> Shape:
    """NumPy's broadcasting: align at the last axis; sizes agree or are 1.

    Arguments:
        operation, operands: for the message.
        shapes: what is aligned.
        after: how many axes the operands have behind these; axes are counted from the
            last one.

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
                    f"{length} at axis {axis - ndim - after}; axes are aligned from "
                    "the last, and must be equal or 1",
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
    batch = broadcast("matmul", [a[:-2], b[:-2]], operands, after=2)
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


Pairs = tuple[tuple[int, int], ...]


def extent(kernel: int, dilation: int) -> int:
    """How many elements a kernel spans: its own, and those it skips between them.

    Example:
        >>> extent(3, 1), extent(3, 2)
        (3, 5)
    """
    return dilation * (kernel - 1) + 1


def windowed_length(length: int, kernel: int, stride: int, dilation: int) -> int:
    """How many windows of a kernel fit an axis; less than 1 where none does.

    Example:
        >>> windowed_length(28, 5, 1, 1), windowed_length(8, 3, 2, 1)
        (24, 3)
    """
    return (length - extent(kernel, dilation)) // stride + 1


def windowed(
    operation: str,
    operand: str,
    spatial: Shape,
    kernel: Shape,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
) -> Shape:
    """The number of windows along every spatial axis.

    Raises:
        ShapeError: where a kernel is longer than its padded axis.

    Example:
        >>> windowed("max_pool", "x (1, 4, 6, 3)", (4, 6), (2, 2), (2, 2),
        ...          ((0, 0), (0, 0)), (1, 1))
        (2, 3)
    """
    found = []
    for axis, (n, k, s, (before, after), d) in enumerate(
        zip(spatial, kernel, stride, padding, dilation, strict=True), start=1
    ):
        whole = before + n + after
        found.append(windowed_length(whole, k, s, d))
        if found[-1] < 1:
            spread = f", which spans {extent(k, d)} with dilation {d}," if d > 1 else ""
            padded = f", {whole} with its padding" if whole != n else ""
            raise ShapeError(
                f"{operation}: {operand}: a kernel of length {k}{spread} is longer "
                f"than axis {axis} of length {n}{padded}",
                fix="a smaller kernel, larger inputs, or more padding",
            )
    return tuple(found)


def convolved(
    operation: str,
    x: Shape,
    w: Shape,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
    groups: int,
    operands: Sequence[str],
) -> Shape:
    """The shape of a convolution: x (N, *S, C), w (O, *K, C / groups) → (N, *S′, O).

    Raises:
        ShapeError: for axes that do not match, and a kernel longer than its input.

    Example:
        >>> convolved("convolution", (8, 28, 28, 1), (32, 5, 5, 1), (1, 1),
        ...           ((0, 0), (0, 0)), (1, 1), 1, ["x", "w"])
        (8, 24, 24, 32)
    """
    what = f"{operation}: {' and '.join(operands)}"
    ndim = len(stride) + 2
    if len(x) != ndim or len(w) != ndim:
        raise ShapeError(
            f"{what}: expected {ndim} axes each, (samples, …, channels) and (out "
            "channels, …kernel…, in channels / groups)"
        )
    if w[-1] * groups != x[-1]:
        share = f" · {groups} groups" if groups > 1 else ""
        raise ShapeError(
            f"{what}: {x[-1]} ≠ {w[-1]}{share}; the last axis of the input must be "
            "the channels that the kernel takes",
            fix="channels come last: move axis 1 to the end"
            if x[1] == w[-1] * groups
            else None,
        )
    if w[0] % groups:
        raise ShapeError(
            f"{what}: {w[0]} output channels are not divisible into {groups} groups"
        )
    spatial = windowed(
        operation, operands[0], x[1:-1], w[1:-1], stride, padding, dilation
    )
    return (x[0], *spatial, w[0])
