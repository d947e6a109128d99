"""Convolution: every output sees a small part of its input, through the same kernels.

Three primitives for 1, 2 or 3 spatial axes, features last, with static arguments that
are tuples with an entry for each axis. Where x is (N, *S, C), w is (O, *K, C / groups)
and z is (N, *S′, O), they are the adjoints of one form, Σ z · (x ⋆ w), by each of its
operands, so that each one's two gradients are the other two:

- ``convolution(x, w)`` → z,
- ``convolution_transposed(z, w)`` → x,
- ``convolution_kernel(x, z)`` → w.

Place on the road: beside the other primitives, above ``windows``. How an engine
computes them (without the matrix of all windows, which the NumPy meaning makes) is its
affair.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import dtypes, shapes
from ..dtypes import DType
from ..errors import ArgumentError, ShapeError
from ..graph import Array, Node
from ..shapes import Pairs, Shape
from .arrays import describe, lift, like, with_wide_sums
from .primitive import Kind, Primitive
from .windows import (
    Padding,
    normal_padding,
    overlapped,
    per_axis,
    sides,
    spatial_axes,
    view,
)

#: The NumPy meaning makes the matrix of the windows of a few samples at a time; this is
#: the most elements that it may have.
BLOCK = 1 << 22


# Shapes. -----------------------------------------------------------------------------


def _infer(
    x: Node, w: Node, stride: Shape, padding: Pairs, dilation: Shape, groups: int
) -> tuple[Shape, DType]:
    shape = shapes.convolved(
        "convolution", x.shape, w.shape, stride, padding, dilation, groups,
        describe((x, w)),
    )  # fmt: skip
    return shape, dtypes.of_sums(x.dtype)


def _infer_transposed(
    z: Node,
    w: Node,
    size: Shape,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
    groups: int,
) -> tuple[Shape, DType]:
    x = (*z.shape[:1], *size, w.shape[-1] * groups if w.shape else 0)
    _check_gives("convolution_transposed", x, w.shape, z, w, stride, padding,
                 dilation, groups)  # fmt: skip
    return x, dtypes.of_sums(z.dtype)


def _infer_kernel(
    x: Node,
    z: Node,
    kernel: Shape,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
    groups: int,
) -> tuple[Shape, DType]:
    if x.shape and x.shape[-1] % groups:
        raise ShapeError(
            f"convolution_kernel: {x.describe()}: {x.shape[-1]} channels are not "
            f"divisible into {groups} groups"
        )
    w = (*z.shape[-1:], *kernel, x.shape[-1] // groups if x.shape else 0)
    _check_gives("convolution_kernel", x.shape, w, z, x, stride, padding, dilation,
                 groups)  # fmt: skip
    return w, dtypes.of_sums(x.dtype)


def _check_gives(
    operation: str,
    x: Shape,
    w: Shape,
    z: Node,
    other: Node,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
    groups: int,
) -> None:
    """An error unless the convolution of such x and w has the shape of z."""
    names = [z.describe(), other.describe()]
    gives = shapes.convolved(operation, x, w, stride, padding, dilation, groups, names)
    if gives != z.shape:
        raise ShapeError(
            f"{operation}: {' and '.join(names)}: the convolution of {x} with {w} "
            f"gives {gives} ≠ {z.shape}"
        )


# Meanings. ---------------------------------------------------------------------------


def _padded(x: Array, padding: Pairs) -> Array:
    if not any(map(any, padding)):
        return x
    return np.pad(x, ((0, 0), *padding, (0, 0)))


def _cropped(x: Array, padding: Pairs) -> Array:
    inside = (slice(a, x.shape[i] - b) for i, (a, b) in enumerate(padding, start=1))
    return x[(slice(None), *inside)]


def _whole(size: Shape, padding: Pairs) -> Shape:
    return tuple(a + n + b for n, (a, b) in zip(size, padding, strict=True))


def _blocks(samples: int, elements: int) -> Iterator[slice]:
    """Samples, a few at a time, whose windows have at most ``BLOCK`` elements."""
    step = max(1, BLOCK // max(1, elements))
    for start in range(0, samples, step):
        yield slice(start, min(samples, start + step))


def _rows(windows: Array, axes: int, groups: int) -> Array:
    """(N, *S′, *K, C) as a matrix for each group: (groups, N·S′, K·C / groups)."""
    rows, kernel = math.prod(windows.shape[: axes + 1]), windows.shape[axes + 1 : -1]
    count, channels = math.prod(kernel), windows.shape[-1] // groups
    if groups == 1:
        return windows.reshape(1, rows, count * channels)
    split = windows.reshape(rows, count, groups, channels)
    return split.transpose(2, 0, 1, 3).reshape(groups, rows, count * channels)


def _grouped(z: Array, groups: int) -> Array:
    """(N, *S′, O) as (groups, N·S′, O / groups)."""
    return z.reshape(math.prod(z.shape[:-1]), groups, -1).transpose(1, 0, 2)


@with_wide_sums
def _convolution(
    x: Array, w: Array, stride: Shape, padding: Pairs, dilation: Shape, groups: int
) -> Array:
    """The matrix of all windows times the kernels as one matrix."""
    axes, kernel = len(stride), w.shape[1:-1]
    windows = view(_padded(x, padding), kernel, stride, dilation)
    z = np.empty((*windows.shape[: axes + 1], w.shape[0]), x.dtype)
    if groups > 1 and w.shape[-1] == 1:
        return _depthwise(windows, w, z)
    matrix = w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))
    for some in _blocks(len(x), math.prod(windows.shape[1:])):
        products = _rows(windows[some], axes, groups) @ matrix.swapaxes(1, 2)
        z[some] = products.transpose(1, 0, 2).reshape(z[some].shape)
    return z


def _depthwise(windows: Array, w: Array, z: Array) -> Array:
    """A kernel of its own for each channel, or several: no sum over channels."""
    axes, channels = z.ndim - 2, windows.shape[-1]
    total = np.zeros((*z.shape[:-1], channels, z.shape[-1] // channels), z.dtype)
    for tap in np.ndindex(*w.shape[1:-1]):
        window = windows[(slice(None),) * (axes + 1) + tap]
        total += window[..., None] * w[(slice(None), *tap, 0)].reshape(channels, -1)
    return total.reshape(z.shape)


@with_wide_sums
def _transposed(
    z: Array,
    w: Array,
    size: Shape,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
    groups: int,
) -> Array:
    """Each z spread over its window by the kernel, and windows added where they lie."""
    counts = z.shape[1:-1]
    channels, kernel = w.shape[-1] * groups, w.shape[1:-1]
    matrix = w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))
    x = np.empty((len(z), *size, channels), z.dtype)
    whole = _whole(size, padding)
    elements = math.prod((*counts, *kernel, channels))
    for some in _blocks(len(z), elements):
        spread = _grouped(z[some], groups) @ matrix
        split = spread.reshape(groups, spread.shape[1], math.prod(kernel), w.shape[-1])
        shape = (spread.shape[1] // max(1, math.prod(counts)), *counts, *kernel)
        windows = split.transpose(1, 2, 0, 3).reshape(*shape, channels)
        x[some] = _cropped(overlapped(windows, whole, stride, dilation), padding)
    return x


@with_wide_sums
def _kernel(
    x: Array,
    z: Array,
    kernel: Shape,
    stride: Shape,
    padding: Pairs,
    dilation: Shape,
    groups: int,
) -> Array:
    """For each place of the kernel what it saw times z, added over all windows."""
    axes, channels = len(stride), x.shape[-1] // groups
    windows = view(_padded(x, padding), kernel, stride, dilation)
    columns = math.prod(kernel) * channels
    total = np.zeros((groups, z.shape[-1] // groups, columns), x.dtype)
    for some in _blocks(len(x), math.prod(windows.shape[1:])):
        rows = _rows(windows[some], axes, groups)
        total += _grouped(z[some], groups).swapaxes(1, 2) @ rows
    return total.reshape(z.shape[-1], *kernel, channels)


# Primitives. -------------------------------------------------------------------------


def _rule(g: Any, y: Node, x: Node, w: Node) -> tuple[Any, Any]:
    return (
        like(_convolution_transposed(g, w, size=x.shape[1:-1], **y.params), x),
        like(_convolution_kernel(x, g, kernel=w.shape[1:-1], **y.params), w),
    )


def _shared(y: Node) -> dict[str, Any]:
    """The static arguments that the three forms of a convolution have in common."""
    return {key: y.params[key] for key in ("stride", "padding", "dilation", "groups")}


def _transposed_rule(g: Any, y: Node, z: Node, w: Node) -> tuple[Any, Any]:
    return (
        like(_convolved(g, w, **_shared(y)), z),
        like(_convolution_kernel(g, z, kernel=w.shape[1:-1], **_shared(y)), w),
    )


def _kernel_rule(g: Any, y: Node, x: Node, z: Node) -> tuple[Any, Any]:
    return (
        like(_convolution_transposed(z, g, size=x.shape[1:-1], **_shared(y)), x),
        like(_convolved(x, g, **_shared(y)), z),
    )


_convolved: Primitive = Primitive(
    "convolution",
    "zₙₛₒ = Σₖ꜀ xₙ,ₛ₊ₖ,꜀ wₒₖ꜀: the kernel on every window",
    _infer,
    _convolution,
    _rule,
    kind=Kind.CONTRACTION,
    real=True,
)
_convolution_transposed: Primitive = Primitive(
    "convolution_transposed",
    "the adjoint of convolution in its input: each z spread over its window",
    _infer_transposed,
    _transposed,
    _transposed_rule,
    kind=Kind.CONTRACTION,
    real=True,
)
_convolution_kernel: Primitive = Primitive(
    "convolution_kernel",
    "the adjoint of convolution in its kernel: wₒₖ꜀ = Σₙₛ xₙ,ₛ₊ₖ,꜀ zₙₛₒ",
    _infer_kernel,
    _kernel,
    _kernel_rule,
    kind=Kind.CONTRACTION,
    real=True,
)


# Functions. --------------------------------------------------------------------------


def convolution(
    x: Any,
    w: Any,
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """The kernels ``w`` on every window of ``x``, as in convolutional networks.

    Formula, for two axes: zₙᵢⱼₒ = Σ_{a b c} x[n, i·stride + a·dilation, j·stride +
    b·dilation, c] · w[o, a, b, c] on the padded x. (A mathematician's convolution has
    the kernel flipped; the field calls this one so.) For groups g > 1 the channels are
    cut into g parts, and each output sees one of them: o of O sees part o // (O / g);
    with g = C every channel has a kernel of its own ("depthwise").

    Shapes: x (N, *S, C), w (O, *K, C / groups) → (N, *S′, O) with S′ = ⌊(S + before +
    after − dilation·(K − 1) − 1) / stride⌋ + 1, for 1, 2 or 3 spatial axes and more.

    Arguments:
        stride: the step from window to window, one for all axes or one for each.
        padding: zeros around x: a number, one for each axis, a pair (before, after) for
            each, "valid" for none, or "same" for ⌈S / stride⌉ windows.
        dilation: the step inside a window.
        groups: how many parts the channels are cut into.

    Raises:
        ShapeError: for axes that do not match, and a kernel longer than its input.
        ArgumentError: for settings of another form.

    Source: LeCun et al. (1989); groups: Krizhevsky, Sutskever & Hinton (2012).

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[[1.0], [2.0], [4.0], [8.0]]])
        >>> cr.convolution(x, [[[-1.0], [1.0]]]).numpy().ravel()
        array([1., 2., 4.], dtype=float32)
        >>> cr.convolution(cr.zeros((8, 28, 28, 1)), cr.zeros((32, 5, 5, 1))).shape
        (8, 24, 24, 32)
    """
    name = "convolution"
    node, kernels = lift([x, w])
    spatial = spatial_axes(name, node)
    axes = len(spatial)
    steps, gaps = (
        per_axis(name, "stride", stride, axes),
        per_axis(name, "dilation", dilation, axes),
    )
    pairs = normal_padding(name, padding, axes)
    if len(kernels.shape) == axes + 2:
        pairs = sides(pairs, spatial, kernels.shape[1:-1], steps, gaps)
    elif isinstance(pairs, str):
        pairs = ((0, 0),) * axes
    (parts,) = per_axis(name, "groups", groups, 1)
    return _convolved(
        node, kernels, stride=steps, padding=pairs, dilation=gaps, groups=parts
    )


def convolution_transposed(
    z: Any,
    w: Any,
    size: int | Sequence[int] | None = None,
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """Each element of ``z`` spread over a window by the kernels: the adjoint of
    ``convolution`` in its input, by which a network makes its outputs larger.

    Formula: Σ x · convolution_transposed(z, w) = Σ convolution(x, w) · z for every x.
    For one axis and stride s: x[n, i·s + a, c] gets z[n, i, o] · w[o, a, c] from every
    i, a and o, and padding cuts the ends off.

    Shapes: z (N, *S′, O), w (O, *K, C / groups) → (N, *size, C).

    Arguments:
        size: S, from which the convolution makes S′; with a stride several do. The
            smallest when not given: (S′ − 1)·stride + dilation·(K − 1) + 1 − before −
            after.
        stride, padding, dilation, groups: those of the convolution.

    Raises:
        ShapeError: when the convolution of that size has another shape than z.
        ArgumentError: for settings of another form; "same" needs a size.

    Source: Zeiler et al. (2010).

    Example:
        >>> import chainrule as cr
        >>> z = cr.tensor([[[1.0], [10.0]]])
        >>> cr.convolution_transposed(z, [[[1.0], [2.0]]], stride=2).numpy().ravel()
        array([ 1.,  2., 10., 20.], dtype=float32)
    """
    name = "convolution_transposed"
    node, kernels = lift([z, w])
    counts = spatial_axes(name, node)
    axes, kernel = len(counts), kernels.shape[1:-1]
    steps, gaps = (
        per_axis(name, "stride", stride, axes),
        per_axis(name, "dilation", dilation, axes),
    )
    pairs = normal_padding(name, padding, axes)
    (parts,) = per_axis(name, "groups", groups, 1)
    whole = None if size is None else per_axis(name, "size", size, axes)
    if len(kernel) != axes:
        whole = whole or counts
    if whole is None and isinstance(pairs, str):
        raise ArgumentError(
            f"{name}: padding='same' without a size: several sizes give {counts}",
            fix="size=… says which",
        )
    if whole is None:
        whole = smallest_size(name, counts, kernel, steps, pairs, gaps)
    if isinstance(pairs, str):
        pairs = sides(pairs, whole, kernel or counts, steps, gaps)
    return _convolution_transposed(
        node, kernels, size=whole, stride=steps, padding=pairs, dilation=gaps,
        groups=parts,
    )  # fmt: skip


def smallest_size(
    operation: str,
    counts: Shape,
    kernel: Shape,
    stride: Shape,
    padding: Any,
    dilation: Shape,
) -> Shape:
    """The smallest input that has this many windows.

    Raises:
        ShapeError: where the padding is all there is.

    Example:
        >>> smallest_size("ConvTranspose1d", (4,), (3,), (2,), ((1, 1),), (1,))
        (7,)
    """
    sizes = []
    for n, k, s, (before, after), d in zip(
        counts, kernel, stride, padding, dilation, strict=True
    ):
        sizes.append((n - 1) * s + shapes.extent(k, d) - before - after)
    if min(sizes) < 1:
        raise ShapeError(
            f"{operation}: {counts} windows of a kernel {kernel} with stride {stride} "
            f"and padding {padding} come from {tuple(sizes)} elements: expected at "
            "least 1 along every axis",
            fix="less padding, a larger kernel, or a larger stride",
        )
    return tuple(sizes)


def multiplications(node: Node) -> int:
    """How many products a convolution's node adds up, those with padding included.

    Example:
        >>> import chainrule as cr
        >>> multiplications(cr.convolution(cr.zeros((1, 5, 2)), cr.zeros((4, 3, 2))))
        72
    """
    name = node.op.name if node.op is not None else ""
    z, w = {
        "convolution": (node, node.inputs[-1]),
        "convolution_transposed": (node.inputs[0], node.inputs[-1]),
        "convolution_kernel": (node.inputs[-1], node),
    }[name]
    return math.prod(z.shape) * math.prod(w.shape[1:])


#: The primitives that ``multiplications`` counts.
CONVOLUTIONS = frozenset(
    ("convolution", "convolution_transposed", "convolution_kernel")
)
