"""Movement: primitives that rearrange, repeat or cut elements and compute nothing.

They come in pairs, each the other's backward rule: slice and pad, broadcast and sum
(which ``backprop`` uses to undo broadcasting), concatenate and slice; reshape,
transpose and flip are undone by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import shapes
from ..dtypes import DType
from ..errors import ArgumentError, ShapeError
from ..graph import Array, Node
from ..shapes import Shape
from .arrays import describe, lift, literal
from .primitive import Cost, Kind, Primitive, common_dtype


def _infer_shape(x: Node, shape: Shape) -> tuple[Shape, DType]:
    return shape, x.dtype


_reshape = Primitive(
    "reshape",
    "the same elements, in the same order, in another shape",
    _infer_shape,
    lambda x, shape: np.reshape(x, shape),
    lambda g, y, x: (reshape(g, x.shape),),
    kind=Kind.MOVEMENT,
    cost=Cost.FREE,
    linear=True,
)


def reshape(x: Any, shape: int | Sequence[int]) -> Any:
    """The elements of ``x``, last axis fastest, in another shape; one size may be -1.

    Raises:
        ShapeError: when the number of elements differs.

    Example:
        >>> import chainrule as cr
        >>> cr.reshape(cr.arange(6), (2, -1)).shape
        (2, 3)
    """
    (node,) = lift([x])
    new = shapes.reshaped(node.shape, shape, node.describe() if node.label else "")
    return node if new == node.shape else _reshape(node, shape=new)


def _infer_transpose(x: Node, axes: tuple[int, ...]) -> tuple[Shape, DType]:
    return tuple(x.shape[axis] for axis in axes), x.dtype


def _transpose_rule(g: Any, y: Node, x: Node) -> tuple[Any]:
    axes = y.params["axes"]
    return (transpose(g, [axes.index(i) for i in range(len(axes))]),)


_transpose = Primitive(
    "transpose",
    "axes in another order",
    _infer_transpose,
    lambda x, axes: np.transpose(x, axes),
    _transpose_rule,
    kind=Kind.MOVEMENT,
    cost=Cost.FREE,
    linear=True,
)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in another order; reversed when ``axes`` is not given.

    Raises:
        ShapeError: when ``axes`` does not name every axis once.

    Example:
        >>> import chainrule as cr
        >>> cr.transpose(cr.zeros((2, 3, 4)), (1, 0, 2)).shape
        (3, 2, 4)
    """
    (node,) = lift([x])
    ndim = len(node.shape)
    order = tuple(range(ndim))[::-1] if axes is None else tuple(axes)
    order = tuple(shapes.normal_axis("transpose", axis, ndim) for axis in order)
    if sorted(order) != list(range(ndim)):
        raise ShapeError(
            f"transpose: {node.describe()} with axes={tuple(axes or ())}: every axis "
            f"of the {ndim} must be named once",
            fix="x.swapaxes(0, 1) exchanges two" if len(order) == 2 < ndim else None,
        )
    return node if order == tuple(range(ndim)) else _transpose(node, axes=order)


_broadcast_to = Primitive(
    "broadcast_to",
    "repeated along axes of length 1 and new leading axes",
    _infer_shape,
    lambda x, shape: np.broadcast_to(x, shape),
    lambda g, y, x: (g,),  # backprop sums over what was repeated
    kind=Kind.MOVEMENT,
    cost=Cost.FREE,
    linear=True,
)


def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """``x`` repeated to ``shape`` by NumPy's broadcasting.

    Raises:
        ShapeError: when an axis of ``x`` is neither 1 nor as long as asked.

    Example:
        >>> import chainrule as cr
        >>> cr.broadcast_to(cr.tensor([1.0, 2.0]), (2, 2)).numpy()
        array([[1., 2.],
               [1., 2.]], dtype=float32)
    """
    (node,) = lift([x])
    wanted = shapes.sizes("broadcast_to", shape)
    if wanted == node.shape:
        return node
    names = [node.describe(), f"shape {wanted}"]
    if shapes.broadcast("broadcast_to", [node.shape, wanted], names) != wanted:
        raise ShapeError(
            f"broadcast_to: {node.describe()} to {wanted}: an axis longer than 1 "
            "cannot shrink"
        )
    return _broadcast_to(node, shape=wanted)


def zeros_like(x: Any) -> Any:
    """Zeros of a node's shape and dtype: one number, seen everywhere."""
    zero = literal(0, x.dtype)
    return _broadcast_to(zero, shape=x.shape) if x.shape else zero


def _infer_slice(
    x: Node, start: Shape, stop: Shape, step: Shape
) -> tuple[Shape, DType]:
    lengths = map(shapes.sliced_length, start, stop, step)
    return tuple(lengths), x.dtype


def _slice_meaning(x: Array, start: Shape, stop: Shape, step: Shape) -> Array:
    result: Array = x[tuple(map(slice, start, stop, step))]
    return result


def _slice_rule(g: Any, y: Node, x: Node) -> tuple[Any]:
    """Zeros around the elements that were taken, and step − 1 zeros between them."""
    start, step = y.params["start"], y.params["step"]
    widths = []
    for i, n in enumerate(y.shape):
        reach = (n - 1) * step[i] + 1 if n else 0
        before = start[i] if n else 0
        widths.append(
            (before, x.shape[i] - before - reach, step[i] - 1 if n > 1 else 0)
        )
    return (_pad(g, widths=tuple(widths), value=0.0),)


_slice = Primitive(
    "slice",
    "x[start:stop:step] along every axis, steps at least 1",
    _infer_slice,
    _slice_meaning,
    _slice_rule,
    kind=Kind.MOVEMENT,
    cost=Cost.FREE,
    linear=True,
)


def slice_(x: Any, index: tuple[slice, ...]) -> Any:
    """``x[index]`` for a slice per axis; a negative step is a positive one, flipped."""
    (node,) = lift([x])
    bounds, reverse = [], []
    for axis, (part, n) in enumerate(zip(index, node.shape, strict=True)):
        start, stop, step = part.indices(n)
        if step < 0:
            count = len(range(start, stop, step))
            first = start + (count - 1) * step
            start, stop, step = (first, start + 1, -step) if count else (0, 0, 1)
            reverse.append(axis)
        bounds.append((start, max(start, stop), step))
    if any(
        (lo, hi, step) != (0, n, 1)
        for (lo, hi, step), n in zip(bounds, node.shape, strict=True)
    ):
        starts, stops, steps = (tuple(part) for part in zip(*bounds, strict=True))
        node = _slice(node, start=starts, stop=stops, step=steps)
    return flip(node, reverse) if reverse else node


Widths = tuple[tuple[int, int, int], ...]


def _infer_pad(x: Node, widths: Widths, value: float) -> tuple[Shape, DType]:
    sizes = []
    for n, (before, after, between) in zip(x.shape, widths, strict=True):
        sizes.append(before + n + between * max(n - 1, 0) + after)
    return tuple(sizes), x.dtype


def _pad_meaning(x: Array, widths: Widths, value: float) -> Array:
    shape = tuple(
        before + n + between * max(n - 1, 0) + after
        for n, (before, after, between) in zip(x.shape, widths, strict=True)
    )
    result = np.full(shape, value, x.dtype)
    inside = (
        slice(before, before + (between + 1) * max(n - 1, 0) + (n > 0), between + 1)
        for n, (before, _, between) in zip(x.shape, widths, strict=True)
    )
    result[tuple(inside)] = x
    return result


def _pad_rule(g: Any, y: Node, x: Node) -> tuple[Any]:
    inside = (
        slice(before, before + (between + 1) * max(n - 1, 0) + (n > 0), between + 1)
        for n, (before, _, between) in zip(x.shape, y.params["widths"], strict=True)
    )
    return (slice_(g, tuple(inside)),)


_pad = Primitive(
    "pad",
    "a value before, after and between the elements along every axis",
    _infer_pad,
    _pad_meaning,
    _pad_rule,
    kind=Kind.MOVEMENT,
)


def pad(x: Any, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Any:
    """``x`` with ``value`` around it: ``widths`` has (before, after) for every axis.

    Raises:
        ArgumentError: for a negative width.

    Example:
        >>> pad([1.0, 2.0], [(1, 2)]).numpy()
        array([0., 1., 2., 0., 0.], dtype=float32)
    """
    (node,) = lift([x])
    if any(width < 0 for pair in widths for width in pair):
        raise ArgumentError(f"pad: widths {list(widths)}: each must be at least 0")
    return _pad(
        node, widths=tuple((int(a), int(b), 0) for a, b in widths), value=float(value)
    )


def _infer_concatenate(*inputs: Node, axis: int) -> tuple[Shape, DType]:
    own = [node.shape for node in inputs]
    return shapes.concatenated(own, axis, describe(inputs)), inputs[0].dtype


def _concatenate_rule(g: Any, y: Node, *inputs: Node) -> list[Any]:
    axis = y.params["axis"]
    parts, start = [], 0
    for node in inputs:
        index = [slice(None)] * len(y.shape)
        index[axis] = slice(start, start + node.shape[axis])
        parts.append(slice_(g, tuple(index)))
        start += node.shape[axis]
    return parts


_concatenate = Primitive(
    "concatenate",
    "one after the other along axis",
    _infer_concatenate,
    lambda *arrays, axis: np.concatenate(arrays, axis),
    _concatenate_rule,
    kind=Kind.MOVEMENT,
)


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Any:
    """The tensors one after the other along an axis that they have.

    Raises:
        ShapeError: when another axis differs, or there is nothing to join.

    Example:
        >>> import chainrule as cr
        >>> cr.concatenate([cr.zeros((2, 3)), cr.ones((1, 3))]).shape
        (3, 3)
    """
    nodes = lift(list(tensors))
    if not nodes:
        raise ShapeError("concatenate: no tensors given: at least one is needed")
    if not nodes[0].shape:
        raise ShapeError(
            "concatenate: single numbers have no axis to join along",
            fix="cr.stack makes a new axis",
        )
    nodes = common_dtype("concatenate", nodes, real=False)
    index = shapes.normal_axis("concatenate", axis, len(nodes[0].shape))
    return nodes[0] if len(nodes) == 1 else _concatenate(*nodes, axis=index)


def _infer_flip(x: Node, axes: tuple[int, ...]) -> tuple[Shape, DType]:
    return x.shape, x.dtype


_flip: Primitive = Primitive(
    "flip",
    "in reverse order along axes",
    _infer_flip,
    lambda x, axes: np.flip(x, axes),
    lambda g, y, x: (_flip(g, axes=y.params["axes"]),),
    kind=Kind.MOVEMENT,
    cost=Cost.FREE,
    linear=True,
)


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """``x`` with the order of elements reversed along ``axis``; along all without it.

    Example:
        >>> import chainrule as cr
        >>> cr.flip(cr.tensor([1, 2, 3])).numpy()
        array([3, 2, 1])
    """
    (node,) = lift([x])
    axes = shapes.normal_axes("flip", axis, len(node.shape))
    return _flip(node, axes=axes) if axes else node
