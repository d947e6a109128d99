"""Functions made of primitives. They have no rules of their own: the chain rule goes
through them, to any order, and a compiler may fuse what they are made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import dtypes, shapes
from ..errors import ArgumentError, ShapeError
from ..graph import Node
from .arrays import constant, lift
from .elementwise import (
    cos,
    equal,
    exp,
    greater_equal,
    isfinite,
    isnan,
    less_equal,
    log,
    logical_or,
    not_equal,
    sin,
    sqrt,
    stop_gradient,
    where,
)
from .elementwise import power as elementwise_power
from .indexing import normal_index, take_along_axis
from .movement import concatenate, reshape, transpose
from .primitive import Primitive
from .reduction import Axis, accumulator, argsort, max, running_products, sum


def _count(x: Node, axes: tuple[int, ...]) -> int:
    return math.prod(x.shape[axis] for axis in axes)


def _real(x: Any) -> Any:
    """A node for x, bools and integers turned into floats."""
    (node,) = lift([x])
    return node.astype(dtypes.float_for(node.dtype))  # type: ignore[attr-defined]


def square(x: Any) -> Any:
    """x².

    Example:
        >>> import chainrule as cr
        >>> cr.square(3.0).item()
        9.0
    """
    (node,) = lift([x])
    return node * node  # type: ignore[operator]


def power(base: Any, exponent: Any) -> Any:
    """baseᵉˣᵖᵒⁿᵉⁿᵗ; 2 and 3 are multiplications, ½ is a square root, −1 and −½ divide.

    Example:
        >>> import chainrule as cr
        >>> (cr.tensor([1.0, 2.0]) ** 3).numpy()
        array([1., 8.], dtype=float32)
    """
    if isinstance(base, Node) and isinstance(exponent, (int, float)):
        node: Any = base.read()
        if exponent == 1:
            return node
        if exponent == 2:
            return node * node
        if exponent == 3:
            return node * node * node
        if dtypes.is_float(node.dtype):
            if exponent == 0.5:
                return sqrt(node)
            if exponent in (-1, -0.5):
                return 1.0 / (node if exponent == -1 else sqrt(node))
        if isinstance(exponent, float) and not dtypes.is_float(node.dtype):
            node = node.astype(dtypes.default_float())
        return elementwise_power(node, exponent)
    return elementwise_power(base, exponent)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The average along ``axis``: (1/n) Σ x. Integers become floats.

    Raises:
        ShapeError: when there are no elements to average.

    Example:
        >>> import chainrule as cr
        >>> cr.mean(cr.tensor([[1.0, 2.0], [3.0, 6.0]]), axis=1).numpy()
        array([1.5, 4.5], dtype=float32)
    """
    node = _real(x)
    count = _count(node, shapes.normal_axes("mean", axis, len(node.shape)))
    if count == 0:
        raise ShapeError(
            f"mean: {node.describe()} over axis={axis}: no elements to average"
        )
    return sum(node, axis, keepdims) / float(count)


def var(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """The variance along ``axis``: (1/(n − ddof)) Σ (x − x̄)².

    Raises:
        ArgumentError: when n − ddof is not positive.

    Example:
        >>> import chainrule as cr
        >>> cr.var(cr.tensor([1.0, 3.0])).item()
        1.0
    """
    node = _real(x)
    count = _count(node, shapes.normal_axes("var", axis, len(node.shape)))
    if count - ddof <= 0:
        raise ArgumentError(
            f"var: {node.describe()} over axis={axis}: {count} elements with "
            f"ddof={ddof} leave nothing to divide by"
        )
    return sum(square(node - mean(node, axis, keepdims=True)), axis, keepdims) / float(
        count - ddof
    )


def std(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Any:
    """The standard deviation √var(x); its gradient is 0 where all elements are equal.

    Example:
        >>> import chainrule as cr
        >>> cr.std(cr.tensor([1.0, 5.0])).item()
        2.0
    """
    return _root(var(x, axis, keepdims, ddof))


def norm(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The Euclidean norm √Σx²; its gradient at 0 is 0.

    Example:
        >>> import chainrule as cr
        >>> cr.norm(cr.tensor([3.0, 4.0])).item()
        5.0
    """
    return _root(sum(square(x), axis, keepdims))


def _root(x: Any) -> Any:
    """√x for x ≥ 0, with a gradient of 0 at 0 instead of ∞."""
    return where(x == 0, 0.0, sqrt(where(x == 0, 1.0, x)))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """ln Σ eˣ along ``axis``, without overflow: the largest element is taken out first.

    Example:
        >>> import chainrule as cr
        >>> round(cr.logsumexp(cr.tensor([1000.0, 1000.0])).item(), 3)
        1000.693
    """
    node = _real(x)
    largest = stop_gradient(max(node, axis, keepdims=True))
    largest = where(isfinite(largest), largest, 0.0)
    total = log(sum(exp(node - largest), axis, keepdims=True)) + largest
    axes = shapes.normal_axes("logsumexp", axis, len(node.shape))
    return (
        total if keepdims else reshape(total, shapes.reduced(node.shape, axes, False))
    )


def softmax(x: Any, axis: int = -1) -> Any:
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along ``axis``: positive, and of sum 1.

    Example:
        >>> import chainrule as cr
        >>> cr.softmax(cr.tensor([0.0, 0.0])).numpy()
        array([0.5, 0.5], dtype=float32)
    """
    shifted = exp(_shift(x, axis))
    return shifted / sum(shifted, axis, keepdims=True)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """xᵢ − ln Σⱼ e^xⱼ along ``axis``: the logarithm of ``softmax``, without losing
    precision.

    Example:
        >>> import chainrule as cr
        >>> cr.log_softmax(cr.tensor([0.0, 1000.0])).numpy()
        array([-1000.,     0.], dtype=float32)
    """
    shifted = _shift(x, axis)
    return shifted - log(sum(exp(shifted), axis, keepdims=True))


def _shift(x: Any, axis: int) -> Any:
    node = _real(x)
    return node - stop_gradient(max(node, axis, keepdims=True))


def clip(x: Any, low: Any = None, high: Any = None) -> Any:
    """min(max(x, low), high); a bound that is None does not bind.

    The derivative by x is 0 outside the bounds and on them; there a bound that is a
    tensor has the gradient instead.

    Example:
        >>> import chainrule as cr
        >>> cr.clip(cr.tensor([-5.0, 0.5, 5.0]), -1.0, 1.0).numpy()
        array([-1. ,  0.5,  1. ], dtype=float32)
    """
    (node,) = lift([x])
    node = node if low is None else _bounded(less_equal, node, low)
    return node if high is None else _bounded(greater_equal, node, high)


def _bounded(beyond: Primitive, x: Any, bound: Any) -> Any:
    """x, and the bound from there on; NaN where either is NaN."""
    outside = beyond(x, bound)
    if not isinstance(bound, (int, float)) or bound != bound:
        outside = logical_or(outside, isnan(bound))
    return where(outside, bound, x)


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether any element along ``axis`` is true (not 0).

    Example:
        >>> import chainrule as cr
        >>> cr.any(cr.tensor([False, True])).item()
        True
    """
    (node,) = lift([x])
    return sum(not_equal(node, 0), axis, keepdims) > 0


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether every element along ``axis`` is true (not 0).

    Example:
        >>> import chainrule as cr
        >>> cr.all(cr.tensor([False, True])).item()
        False
    """
    (node,) = lift([x])
    return sum(equal(node, 0), axis, keepdims) == 0


def expand_dims(x: Any, axis: int) -> Any:
    """A new axis of length 1 at ``axis``.

    Example:
        >>> import chainrule as cr
        >>> cr.expand_dims(cr.zeros((2, 3)), -1).shape
        (2, 3, 1)
    """
    (node,) = lift([x])
    position = shapes.normal_axis("expand_dims", axis, len(node.shape) + 1)
    return reshape(node, (*node.shape[:position], 1, *node.shape[position:]))


def squeeze(x: Any, axis: Axis = None) -> Any:
    """Without the axes of length 1: those given, or all of them.

    Raises:
        ShapeError: when a given axis has another length.

    Example:
        >>> import chainrule as cr
        >>> cr.squeeze(cr.zeros((2, 1, 3))).shape
        (2, 3)
    """
    (node,) = lift([x])
    if axis is None:
        return reshape(node, tuple(n for n in node.shape if n != 1))
    axes = shapes.normal_axes("squeeze", axis, len(node.shape))
    for i in axes:
        if node.shape[i] != 1:
            raise ShapeError(f"squeeze: {node.describe()}: axis {i} is not of length 1")
    return reshape(node, shapes.reduced(node.shape, axes, keepdims=False))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged.

    Example:
        >>> import chainrule as cr
        >>> cr.swapaxes(cr.zeros((2, 3, 4)), 0, -1).shape
        (4, 3, 2)
    """
    (node,) = lift([x])
    order = list(range(len(node.shape)))
    first = shapes.normal_axis("swapaxes", axis1, len(order))
    second = shapes.normal_axis("swapaxes", axis2, len(order))
    order[first], order[second] = order[second], order[first]
    return transpose(node, order)


def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Tensors of one shape side by side along a new axis.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import chainrule as cr
        >>> cr.stack([cr.zeros(3), cr.ones(3)]).shape
        (2, 3)
    """
    nodes = lift(list(tensors))
    for other in nodes[1:]:
        if other.shape != nodes[0].shape:
            raise ShapeError(
                f"stack: {nodes[0].describe()} and {other.describe()}: all shapes must "
                "be equal"
            )
    return concatenate([expand_dims(part, axis) for part in nodes], axis)


def sort(x: Any, axis: int = -1) -> Any:
    """The elements along ``axis`` in ascending order; each gradient goes to its
    element.

    Example:
        >>> import chainrule as cr
        >>> cr.sort(cr.tensor([3.0, 1.0, 2.0])).numpy()
        array([1., 2., 3.], dtype=float32)
    """
    (node,) = lift([x])
    return take_along_axis(node, argsort(node, axis), axis)


def one_hot(labels: Any, num_classes: int, dtype: Any = None) -> Any:
    """A row of 0 with a single 1 at the label: shape (…,) → (…, num_classes).

    Raises:
        BoundsError: for a label outside of 0 … num_classes − 1.

    Example:
        >>> import chainrule as cr
        >>> cr.one_hot([2, 0], 3).numpy()
        array([[0., 0., 1.],
               [1., 0., 0.]], dtype=float32)
    """
    (node,) = lift([labels])
    index = normal_index(node, size=num_classes, what="label")
    classes = constant(range(num_classes)) if num_classes else constant([0])[:0]  # type: ignore[index]
    wanted = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
    return (expand_dims(index, -1) == classes).astype(wanted)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Running products along ``axis``: yᵢ = x₀ · … · xᵢ, in ⌈log₂ n⌉ multiplications;
    flattened first without ``axis``. Integers are multiplied in 64 bits.

    Example:
        >>> import chainrule as cr
        >>> cr.cumprod(cr.tensor([1.0, 2.0, 3.0]), 0).numpy()
        array([1., 2., 6.], dtype=float32)
    """
    (node,) = lift([x])
    node = node.astype(accumulator(node.dtype))  # type: ignore[attr-defined]
    if axis is None:
        node, axis = reshape(node, (-1,)), 0
    along = shapes.normal_axis("cumprod", axis, len(node.shape))
    last = swapaxes(node, along, -1)
    return swapaxes(running_products(last), along, -1)


def box_muller(uniform: Any, shape: tuple[int, ...]) -> Any:
    """Normal numbers from uniform ones of shape (2, n), two from each pair
    (Box & Muller, 1958): √(−2 ln u₁) cos 2πu₂ and √(−2 ln u₁) sin 2πu₂.
    """
    first, second = uniform[0], uniform[1]
    radius = sqrt(-2.0 * log(1.0 - first))  # 1 − u is never 0
    angle = (2.0 * math.pi) * second
    both = concatenate([radius * cos(angle), radius * sin(angle)])
    return reshape(both[: math.prod(shape)], shape)
