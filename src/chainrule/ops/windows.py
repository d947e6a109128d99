"""Windows: small parts of an image or sequence, one after the other, and how their
sizes, steps and paddings are written.

``windows`` shows every window of x, without arithmetic; ``overlap_add``, its adjoint,
adds windows up where they lie. Pooling is ``windows`` and a reduction. Static arguments
are tuples with an entry for each spatial axis: 1, 2, 3 or more of them, features last.

Place on the road: beside the other primitives, beneath ``convolution``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .. import shapes
from ..dtypes import DType
from ..errors import ArgumentError, DTypeError, ShapeError
from ..graph import Array, Node
from ..shapes import Pairs, Shape
from .arrays import lift
from .primitive import Cost, Kind, Primitive

#: One number for all axes, one for each, "valid", "same", or (before, after) for each.
Padding = str | int | Sequence[int] | Sequence[Sequence[int]]


# Primitives. -------------------------------------------------------------------------


def _infer_windows(
    x: Node, kernel: Shape, stride: Shape, dilation: Shape
) -> tuple[Shape, DType]:
    if len(x.shape) != len(kernel) + 2:
        raise ShapeError(
            f"windows: {x.describe()} with kernel {kernel}: expected "
            f"{len(kernel) + 2} axes, (samples, …, channels)"
        )
    none = ((0, 0),) * len(kernel)
    spatial = shapes.windowed(
        "windows", x.describe(), x.shape[1:-1], kernel, stride, none, dilation
    )
    return (x.shape[0], *spatial, *kernel, x.shape[-1]), x.dtype


def _infer_overlap(
    x: Node, size: Shape, stride: Shape, dilation: Shape
) -> tuple[Shape, DType]:
    axes = len(size)
    if x.dtype.kind == "b":
        raise DTypeError(
            f"overlap_add: {x.describe()}: bools have no sum",
            fix="convert them: x.astype('int64')",
        )
    if len(x.shape) != 2 * axes + 2:
        raise ShapeError(
            f"overlap_add: {x.describe()} to {size}: expected {2 * axes + 2} axes, "
            "(samples, …windows…, …kernel…, channels)"
        )
    counts, kernel = x.shape[1 : axes + 1], x.shape[axes + 1 : -1]
    expected = tuple(map(shapes.windowed_length, size, kernel, stride, dilation))
    if expected != counts:
        raise ShapeError(
            f"overlap_add: {x.describe()} to {size}: a kernel {kernel} with stride "
            f"{stride} has {expected} ≠ {counts} windows there"
        )
    return (x.shape[0], *size, x.shape[-1]), x.dtype


def view(x: Array, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """Every window of x (N, *S, C), as (N, *S′, *K, C), without a copy."""
    axes = len(kernel)
    reach = tuple(map(shapes.extent, kernel, dilation))
    every = sliding_window_view(x, reach, tuple(range(1, axes + 1)))
    every = every[
        (
            slice(None),
            *(slice(None, None, s) for s in stride),
            slice(None),
            *(slice(None, None, d) for d in dilation),
        )
    ]
    return np.moveaxis(every, axes + 1, -1)


def overlapped(x: Array, size: Shape, stride: Shape, dilation: Shape) -> Array:
    """Windows (N, *S′, *K, C) added where they lie, (N, *size, C)."""
    axes = len(size)
    counts, kernel = x.shape[1 : axes + 1], x.shape[axes + 1 : -1]
    result = np.zeros((x.shape[0], *size, x.shape[-1]), x.dtype)
    for tap in np.ndindex(*kernel):
        covered = _seen(tap, counts, stride, dilation)
        result[covered] += x[(slice(None),) * (axes + 1) + tap]
    return result


def _seen(tap: Shape, counts: Shape, stride: Shape, dilation: Shape) -> Any:
    """The elements of (N, *S, C) that one place of the kernel sees."""
    starts = [d * k for k, d in zip(tap, dilation, strict=True)]
    spans = zip(starts, counts, stride, strict=True)
    return (slice(None), *(slice(a, a + (n - 1) * s + 1, s) for a, n, s in spans))


_windows: Primitive = Primitive(
    "windows",
    "every window of the kernel's size, one after the other along new axes",
    _infer_windows,
    view,
    lambda g, y, x: (
        _overlap_add(g, size=x.shape[1:-1], stride=y.params["stride"],
                     dilation=y.params["dilation"]),
    ),
    kind=Kind.MOVEMENT,
    cost=Cost.FREE,
    linear=True,
)  # fmt: skip
_overlap_add: Primitive = Primitive(
    "overlap_add",
    "windows added up where they lie: the adjoint of windows",
    _infer_overlap,
    overlapped,
    lambda g, y, x: (
        _windows(g, kernel=x.shape[1 + len(y.shape[1:-1]) : -1],
                 stride=y.params["stride"], dilation=y.params["dilation"]),
    ),
    kind=Kind.SCATTER,
    linear=True,
)  # fmt: skip


# Arguments. --------------------------------------------------------------------------


def per_axis(
    operation: str, name: str, value: Any, axes: int, *, least: int = 1
) -> Shape:
    """An argument as a whole number of at least ``least`` for each spatial axis.

    Raises:
        ArgumentError: for anything else.

    Example:
        >>> per_axis("Conv2d", "stride", 2, 2), per_axis("Conv2d", "stride", (2, 1), 2)
        ((2, 2), (2, 1))
    """
    sizes: Any = _whole_numbers(value)
    if isinstance(sizes, int):
        sizes = (sizes,) * axes
    if sizes is None or len(sizes) != axes or min(sizes) < least:
        several = f", or {axes} of them, one for each axis" if axes > 1 else ""
        raise ArgumentError(
            f"{operation}: {name}={value!r}: expected a whole number of at least "
            f"{least}{several}"
        )
    return tuple(sizes)


def normal_padding(operation: str, padding: Any, axes: int) -> str | Pairs:
    """What ``padding`` says: "same", or (before, after) for each spatial axis.

    Raises:
        ArgumentError: for anything that is not a form of ``Padding``.

    Example:
        >>> normal_padding("Conv2d", 1, 2), normal_padding("Conv2d", (1, 0), 2)
        (((1, 1), (1, 1)), ((1, 1), (0, 0)))
        >>> normal_padding("Conv1d", [(2, 0)], 1)
        ((2, 0),)
    """
    if isinstance(padding, str) and padding in ("same", "valid"):
        return padding if padding == "same" else ((0, 0),) * axes
    given: Any = None
    if not isinstance(padding, str):
        given = _whole_numbers(padding)
        if isinstance(given, int):
            given = (given,) * axes
        if given is None and hasattr(padding, "__iter__"):
            given = tuple(_whole_numbers(pair) for pair in padding)
    pairs = tuple(
        (pair, pair) if isinstance(pair, int) else pair for pair in given or ()
    )
    if len(pairs) != axes or any(
        pair is None or len(pair) != 2 or min(pair) < 0 for pair in pairs
    ):
        raise ArgumentError(
            f"{operation}: padding={padding!r}: expected 'valid', 'same', a whole "
            f"number, or for each of the {axes} spatial axes a number or a pair "
            "(before, after)",
            fix=f"padding={((1, 0),) * axes} pads before each axis alone"
            if axes == 1 or len(pairs) == 2 * axes
            else None,
        )
    return pairs


def sides(
    padding: str | Pairs, spatial: Shape, kernel: Shape, stride: Shape, dilation: Shape
) -> Pairs:
    """(before, after) for each spatial axis; "same" gives ⌈S / stride⌉ windows, and the
    odd element goes after.

    Example:
        >>> sides("same", (7, 8), (3, 2), (1, 2), (1, 1))
        ((1, 1), (0, 0))
    """
    if not isinstance(padding, str):
        return padding
    pairs = []
    for n, k, s, d in zip(spatial, kernel, stride, dilation, strict=True):
        total = max(0, (-(-n // s) - 1) * s + shapes.extent(k, d) - n)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


def _whole_numbers(value: Any) -> Any:
    """An int, a tuple of ints, or None for anything else."""
    if isinstance(value, bool):
        return None
    if hasattr(value, "__index__") and getattr(value, "ndim", 0) == 0:
        return value.__index__()
    if isinstance(value, (str, Node)) or not hasattr(value, "__iter__"):
        return None
    numbers = tuple(_whole_numbers(n) for n in value)
    return numbers if all(isinstance(n, int) for n in numbers) else None


def spatial_axes(operation: str, x: Node) -> Shape:
    """The sizes between samples and channels, of which there must be one at least.

    Raises:
        ShapeError: where there is none.
    """
    if len(x.shape) < 3:
        raise ShapeError(
            f"{operation}: {x.describe()}: expected (samples, …, channels), with 1 "
            "spatial axis or more between",
            fix="x[None] makes one sample a batch",
        )
    return x.shape[1:-1]


# Functions. --------------------------------------------------------------------------


def windows(
    x: Any,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
) -> Any:
    """Every window of ``x``: pooling is a reduction of them.

    Formula, for one axis: y[n, i, a, c] = x[n, i·stride + a·dilation, c].

    Shapes: x (N, *S, C) → (N, *S′, *kernel, C), with S′ = ⌊(S − dilation·(K − 1) − 1) /
    stride⌋ + 1. There is no padding: ``cr.pad`` comes first.

    Arguments:
        kernel: the size of a window, one for all axes or one for each.
        stride: the step from window to window.
        dilation: the step inside a window.

    Raises:
        ShapeError: for a kernel longer than its axis.
        ArgumentError: for sizes that are not whole numbers of at least 1.

    Example:
        >>> import chainrule as cr
        >>> x = cr.arange(5).reshape(1, 5, 1)
        >>> cr.windows(x, 3, stride=2).numpy()[0, :, :, 0]
        array([[0, 1, 2],
               [2, 3, 4]])
    """
    (node,) = lift([x])
    axes = len(spatial_axes("windows", node))
    return _windows(
        node,
        kernel=per_axis("windows", "kernel", kernel, axes),
        stride=per_axis("windows", "stride", stride, axes),
        dilation=per_axis("windows", "dilation", dilation, axes),
    )


def overlap_add(
    x: Any,
    size: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
) -> Any:
    """Windows added up where they lie: the adjoint of ``windows``.

    Formula, for one axis: y[n, j, c] = Σ_{i·stride + a·dilation = j} x[n, i, a, c]. An
    element that no window covers is 0.

    Shapes: x (N, *S′, *K, C) → (N, *size, C).

    Arguments:
        size: the shape between samples and channels, one number for all axes or one
            for each.
        stride, dilation: those of the windows.

    Raises:
        ShapeError: when an input of that size has another number of windows.
        ArgumentError: for sizes that are not whole numbers of at least 1.

    Example:
        >>> import chainrule as cr
        >>> x = cr.ones((1, 2, 3, 1))
        >>> cr.overlap_add(x, 5, stride=2).numpy().ravel()
        array([1., 1., 2., 1., 1.], dtype=float32)
    """
    (node,) = lift([x])
    if len(node.shape) < 4 or len(node.shape) % 2:
        raise ShapeError(
            f"overlap_add: {node.describe()}: expected (samples, …windows…, "
            "…kernel…, channels), as cr.windows returns"
        )
    axes = len(node.shape) // 2 - 1
    return _overlap_add(
        node,
        size=per_axis("overlap_add", "size", size, axes),
        stride=per_axis("overlap_add", "stride", stride, axes),
        dilation=per_axis("overlap_add", "dilation", dilation, axes),
    )
