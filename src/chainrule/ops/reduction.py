"""Reductions: primitives that combine the elements along some axes.

Each takes ``axis``, a sorted tuple of axes counted from the front, and ``keepdims``;
the public functions below accept what NumPy accepts (None, a number, a negative number,
a tuple).
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes, shapes
from ..dtypes import DType
from ..errors import ShapeError
from ..graph import Array, Node
from ..shapes import Shape
from .arrays import lift
from .blocked_sums import blocked_cumsum, blocked_sum
from .elementwise import equal
from .movement import broadcast_to, flip, pad, reshape, slice_, transpose
from .primitive import Backward, Infer, Kind, Primitive

Axis = int | Sequence[int] | None


def accumulator(dtype: DType) -> DType:
    """The dtype of a sum or product: integers in 64 bits, as in NumPy."""
    if dtype.kind in "bi":
        return dtypes.int64
    return dtypes.uint64 if dtype.kind == "u" else dtype


def _infer_total(x: Node, axis: tuple[int, ...], keepdims: bool) -> tuple[Shape, DType]:
    return shapes.reduced(x.shape, axis, keepdims), accumulator(x.dtype)


def _infer_extreme(name: str) -> Infer:
    def infer(x: Node, axis: tuple[int, ...], keepdims: bool) -> tuple[Shape, DType]:
        if any(x.shape[along] == 0 for along in axis):
            raise ShapeError(
                f"{name}: {x.describe()} over axis {axis}: no elements to choose from"
            )
        return shapes.reduced(x.shape, axis, keepdims), x.dtype

    return infer


def _spread(reduced: Any, like: Node, axis: tuple[int, ...]) -> Any:
    """A reduced value repeated along the axes that the reduction removed."""
    kept = reshape(reduced, shapes.reduced(like.shape, axis, keepdims=True))
    return broadcast_to(kept, like.shape)


def _sum_rule(g: Any, y: Node, x: Node) -> tuple[Any]:
    return (_spread(g, x, y.params["axis"]),)


def _extreme_rule(g: Any, y: Node, x: Node) -> tuple[Any]:
    """To the chosen element; where several are equal, in equal parts."""
    axis = y.params["axis"]
    chosen = equal(x, _spread(y, x, axis)).astype(x.dtype)
    count = chosen.sum(axis=axis, keepdims=y.params["keepdims"])
    return (_spread(g / count, x, axis) * chosen,)


def _prod_rule(g: Any, y: Node, x: Node) -> tuple[Any]:
    """For each element the product of all others, right also where elements are 0."""
    axis = y.params["axis"]
    rest = tuple(i for i in range(len(x.shape)) if i not in axis)
    back = tuple(int(i) for i in np.argsort(rest + axis))
    kept = tuple(x.shape[i] for i in rest)
    rows = reshape(transpose(x, rest + axis), (*kept, -1 if shapes.size(kept) else 0))
    others = _products_before(rows) * flip(_products_before(flip(rows, -1)), -1)
    folded = reshape(others, tuple(x.shape[i] for i in rest + axis))
    return (_spread(g, x, axis) * transpose(folded, back),)


def running_products(x: Any) -> Any:
    """yᵢ = x₀·…·xᵢ along the last axis, by multiplying with copies shifted by 1, 2, 4,
    …
    """
    n, shift = x.shape[-1], 1
    while shift < n:
        x = x * _shifted(x, shift)
        shift *= 2
    return x


def _shifted(x: Any, by: int) -> Any:
    """The elements moved ``by`` places along the last axis, ones in front."""
    whole = [slice(None)] * (len(x.shape) - 1)
    kept = slice_(x, (*whole, slice(0, builtins.max(0, x.shape[-1] - by))))
    return pad(kept, [(0, 0)] * len(whole) + [(by, 0)], value=1.0)


def _products_before(x: Any) -> Any:
    """yᵢ = x₀·…·xᵢ₋₁ along the last axis: of all the elements before each."""
    return running_products(_shifted(x, 1)) if x.shape[-1] else x


def _total(numpy: Callable[..., Any]) -> Callable[..., Any]:
    def meaning(x: Array, axis: tuple[int, ...], keepdims: bool) -> Any:
        return numpy(x, axis=axis, keepdims=keepdims, dtype=accumulator(x.dtype))

    return meaning


def _reduction(
    name: str,
    summary: str,
    infer: Infer,
    numpy: Callable[..., Any],
    backward: Backward,
    *,
    linear: bool = False,
) -> Primitive:
    return Primitive(
        name, summary, infer, numpy, backward, kind=Kind.REDUCTION, linear=linear,
        associative=True,
    )  # fmt: skip


_sum = _reduction(
    "sum", "Σ x along axis", _infer_total, _total(blocked_sum), _sum_rule, linear=True
)
_prod = _reduction("prod", "Π x along axis", _infer_total, _total(np.prod), _prod_rule)
_max = _reduction("max", "the largest", _infer_extreme("max"), np.max, _extreme_rule)
_min = _reduction("min", "the smallest", _infer_extreme("min"), np.min, _extreme_rule)


def _infer_position(name: str) -> Infer:
    def infer(x: Node, axis: int) -> tuple[Shape, DType]:
        if x.shape[axis] == 0:
            raise ShapeError(f"{name}: {x.describe()}: axis {axis} has no elements")
        return shapes.reduced(x.shape, (axis,), False), dtypes.int64

    return infer


_argmax = Primitive(
    "argmax",
    "the index of the first largest",
    _infer_position("argmax"),
    np.argmax,
    kind=Kind.REDUCTION,
)
_argmin = Primitive(
    "argmin",
    "the index of the first smallest",
    _infer_position("argmin"),
    np.argmin,
    kind=Kind.REDUCTION,
)


def _infer_cumsum(x: Node, axis: int) -> tuple[Shape, DType]:
    return x.shape, accumulator(x.dtype)


def _cumsum_rule(g: Any, y: Node, x: Node) -> tuple[Any]:
    axis = y.params["axis"]
    return (flip(_cumsum(flip(g, axis), axis=axis), axis),)


_cumsum = Primitive(
    "cumsum",
    "yᵢ = x₀ + … + xᵢ along axis",
    _infer_cumsum,
    lambda x, axis: blocked_cumsum(x, axis, accumulator(x.dtype)),
    _cumsum_rule,
    kind=Kind.ORDERED,
    linear=True,
)


def _infer_argsort(x: Node, axis: int) -> tuple[Shape, DType]:
    return x.shape, dtypes.int64


_argsort = Primitive(
    "argsort",
    "the indices that put x in ascending order; equal elements keep theirs",
    _infer_argsort,
    lambda x, axis: np.argsort(x, axis=axis, kind="stable"),
    kind=Kind.ORDERED,
)


def _reduce(primitive: Primitive, x: Any, axis: Axis, keepdims: bool) -> Any:
    (node,) = lift([x])
    axes = shapes.normal_axes(primitive.name, axis, len(node.shape))
    return primitive(node, axis=axes, keepdims=bool(keepdims))


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum of the elements along ``axis``: y = Σ x. Integers are added in 64 bits.

    Example:
        >>> import chainrule as cr
        >>> cr.sum(cr.tensor([[1, 2], [3, 4]]), axis=0).numpy()
        array([4, 6])
    """
    return _reduce(_sum, x, axis, keepdims)


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product of the elements along ``axis``: y = Π x; ∂y/∂xᵢ = Π_{j≠i} xⱼ.

    Example:
        >>> import chainrule as cr
        >>> cr.prod(cr.tensor([2.0, 3.0, 4.0])).item()
        24.0
    """
    return _reduce(_prod, x, axis, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element along ``axis``; equal ones share its gradient equally.

    Raises:
        ShapeError: when an axis has no elements.

    Example:
        >>> import chainrule as cr
        >>> cr.max(cr.tensor([[1.0, 7.0], [3.0, 4.0]]), axis=1).numpy()
        array([7., 4.], dtype=float32)
    """
    return _reduce(_max, x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element along ``axis``; equal ones share its gradient equally.

    Raises:
        ShapeError: when an axis has no elements.

    Example:
        >>> import chainrule as cr
        >>> cr.min(cr.tensor([3.0, 1.0, 2.0])).item()
        1.0
    """
    return _reduce(_min, x, axis, keepdims)


def _along(primitive: Primitive, x: Any, axis: int | None, keepdims: bool) -> Any:
    (node,) = lift([x])
    if axis is None:
        index_of = primitive(reshape(node, (-1,)), axis=0)
        return reshape(index_of, (1,) * len(node.shape)) if keepdims else index_of
    index = shapes.normal_axis(primitive.name, axis, len(node.shape))
    index_of = primitive(node, axis=index)
    if not keepdims:
        return index_of
    return reshape(index_of, shapes.reduced(node.shape, (index,), keepdims=True))


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the largest element along ``axis``, the first of equal ones.

    Without ``axis`` the index counts through the flattened tensor. No gradient.

    Example:
        >>> import chainrule as cr
        >>> cr.argmax(cr.tensor([[1.0, 7.0], [5.0, 4.0]]), axis=1).numpy()
        array([1, 0])
    """
    return _along(_argmax, x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the smallest element along ``axis``, the first of equal ones.

    Example:
        >>> import chainrule as cr
        >>> cr.argmin(cr.tensor([3.0, 1.0, 2.0])).item()
        1
    """
    return _along(_argmin, x, axis, keepdims)


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Running sums along ``axis``: yᵢ = x₀ + … + xᵢ; flattened first without ``axis``.

    Example:
        >>> import chainrule as cr
        >>> cr.cumsum(cr.tensor([1.0, 2.0, 3.0])).numpy()
        array([1., 3., 6.], dtype=float32)
    """
    (node,) = lift([x])
    if axis is None:
        node, axis = reshape(node, (-1,)), 0
    return _cumsum(node, axis=shapes.normal_axis("cumsum", axis, len(node.shape)))


def argsort(x: Any, axis: int = -1) -> Any:
    """The indices that sort ``x`` along ``axis``, ascending; equal elements stay in
    order.

    Example:
        >>> import chainrule as cr
        >>> cr.argsort(cr.tensor([3.0, 1.0, 2.0])).numpy()
        array([1, 2, 0])
    """
    (node,) = lift([x])
    return _argsort(node, axis=shapes.normal_axis("argsort", axis, len(node.shape)))
