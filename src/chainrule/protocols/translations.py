"""NumPy's functions whose arguments or meaning differ from ours of the same name.

Place on the road: beside ``functions``, which looks here first. Each takes NumPy's
arguments by NumPy's names. What is not here has the same arguments under both names.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import dtypes, shapes
from ..errors import ArgumentError
from ..graph import Node
from ..ops.arrays import lift
from .names import package

# What NumPy says of arrays in Python values. ------------------------------------------


def shape(a: Any) -> tuple[int, ...]:
    """The lengths of the axes; it needs no values."""
    return tuple(a.shape)


def ndim(a: Any) -> int:
    """The number of axes."""
    return len(a.shape)


def size(a: Any, axis: Any = None) -> int:
    """The number of elements, or along some axes."""
    axes = shapes.normal_axes("np.size", axis, len(a.shape))
    return math.prod(a.shape[each] for each in axes)


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype by NumPy's rules."""
    return np.result_type(
        *(each.dtype if isinstance(each, Node) else each for each in arrays_and_dtypes)
    )


# What is made of ours. ----------------------------------------------------------------


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """The choice; with the condition alone, where it is true."""
    if x is None and y is None:
        return package().nonzero(condition)
    return package().where(condition, x, y)


def take(a: Any, indices: Any, axis: int | None = None) -> Any:
    """Of the flattened tensor without an axis."""
    if axis is None:
        return package().take(package().reshape(a, (-1,)), indices, 0)
    return package().take(a, indices, axis)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """Of the flattened tensor without an axis."""
    if axis is None:
        arr, axis = package().reshape(arr, (-1,)), 0
    return package().take_along_axis(arr, indices, axis)


def dot(a: Any, b: Any) -> Any:
    """The last axis of a with the last but one of b; numbers are factors."""
    left, right = lift([a, b])
    if not left.shape or not right.shape:
        return package().multiply(left, right)
    if len(right.shape) <= 2:
        return package().matmul(left, right)
    return package().tensordot(left, right, ([-1], [-2]))


def inner(a: Any, b: Any) -> Any:
    """The last axis of a with the last axis of b."""
    left, right = lift([a, b])
    if not left.shape or not right.shape:
        return package().multiply(left, right)
    return package().tensordot(left, right, ([-1], [-1]))


def vdot(a: Any, b: Any) -> Any:
    """The sum of the products of all elements."""
    return package().matmul(ravel(a), ravel(b))


def ravel(a: Any) -> Any:
    """All elements along one axis."""
    return package().reshape(a, (-1,))


def reduced(name: str, neutral: Any, combined: str) -> Callable[..., Any]:
    """A reduction of the elements where a mask is true, together with a first value.

    Arguments:
        name: the reduction.
        neutral: what counts for nothing in it; None where there is no such number.
        combined: the operation by which the first value joins the others.
    """

    def reduce(
        a: Any,
        axis: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> Any:
        cr = package()
        if where is not None:
            rest = initial if neutral is None else neutral
            if rest is None:
                raise ArgumentError(
                    f"np.{name}: where= without initial=: of no elements there is no "
                    f"{name}",
                    fix="initial= is what is compared with the others",
                )
            a = cr.where(where, a, rest)
        result = getattr(cr, name)(a, axis, keepdims)
        return result if initial is None else getattr(cr, combined)(result, initial)

    return reduce


def mean(a: Any, axis: Any = None, keepdims: bool = False, where: Any = None) -> Any:
    """The average of the elements where a mask is true."""
    cr = package()
    if where is None:
        return cr.mean(a, axis, keepdims)
    (node,) = lift([a])
    chosen = cr.broadcast_to(where, node.shape)
    total = cr.sum(cr.where(chosen, node, 0), axis, keepdims)
    return total / cr.sum(chosen, axis, keepdims).astype(dtypes.float_for(total.dtype))


def itself(a: Any) -> Any:
    """The tensor: its value never changes, and it has no imaginary part."""
    return lift([a])[0]


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of the diagonal; ours of the name traces graphs."""
    return package().sum(package().diagonal(a, offset, axis1, axis2), axis=-1)


def cross(a: Any, b: Any, axis: int | None = None) -> Any:
    """Along the last axis without one."""
    return package().cross(a, b, -1 if axis is None else axis)


def expand_dims(a: Any, axis: int | Sequence[int]) -> Any:
    """New axes of length 1, one or several."""
    (node,) = lift([a])
    if isinstance(axis, int):
        return package().expand_dims(node, axis)
    places = shapes.normal_axes("np.expand_dims", axis, len(node.shape) + len(axis))
    for place in sorted(places):
        node = package().expand_dims(node, place)
    return node


def sort(a: Any, axis: int | None = -1) -> Any:
    """Of the flattened tensor without an axis."""
    return package().sort(ravel(a) if axis is None else a, -1 if axis is None else axis)


def argsort(a: Any, axis: int | None = -1) -> Any:
    """Of the flattened tensor without an axis."""
    cr = package()
    return cr.argsort(ravel(a) if axis is None else a, -1 if axis is None else axis)


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """One behind the other; all flattened without an axis."""
    if axis is None:
        return package().concatenate([ravel(each) for each in arrays])
    return package().concatenate(arrays, axis)


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """One behind the other; both flattened without an axis."""
    return concatenate([arr, values], axis)


def astype(x: Any, dtype: Any) -> Any:
    """The values in another dtype."""
    return lift([x])[0].astype(dtype)  # type: ignore[attr-defined]


def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """Each repeated to the common shape; beside text or None, NumPy's of the values."""
    if any(each is None or isinstance(each, str) for each in args):
        return tuple(np.broadcast_arrays(*map(_value, args)))
    nodes = lift(args)
    names = [node.describe() for node in nodes]
    common = shapes.broadcast("np.broadcast_arrays", [n.shape for n in nodes], names)
    return tuple(package().broadcast_to(node, common) for node in nodes)


def _value(a: Any) -> Any:
    return np.asarray(a) if isinstance(a, Node) else a


def isclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """|a − b| ≤ atol + rtol |b|, element by element."""
    cr = package()
    left, right = lift([a, b])
    finite = cr.logical_and(cr.isfinite(left), cr.isfinite(right))
    near = cr.absolute(cr.subtract(left, right)) <= atol + rtol * cr.absolute(right)
    close = cr.where(finite, near, cr.equal(left, right))
    if equal_nan:
        close = cr.logical_or(close, cr.logical_and(cr.isnan(left), cr.isnan(right)))
    return close


def split_along(axis: int) -> Callable[..., Any]:
    """``np.hsplit`` and its like: a split along a fixed axis."""

    def split(ary: Any, indices_or_sections: Any) -> Any:
        (node,) = lift([ary])
        along = 0 if axis == 1 and len(node.shape) == 1 else axis
        return package().split(node, indices_or_sections, along)

    return split


def at_least(axes: int) -> Callable[..., Any]:
    """``np.atleast_1d`` and its like, of one tensor or several."""

    def extend(*arys: Any) -> Any:
        made = tuple(getattr(package(), f"atleast_{axes}d")(each) for each in arys)
        return made[0] if len(made) == 1 else made

    return extend


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis."""
    (node,) = lift([x])
    return tuple(package().moveaxis(node, axis, 0))


def matrix_norm(x: Any, ord: Any = "fro", keepdims: bool = False) -> Any:
    """The norm in the last two axes."""
    return package().linalg.norm(x, ord, (-2, -1), keepdims)


def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm along an axis, or of all elements."""
    (node,) = lift([x])
    if axis is not None:
        return package().linalg.norm(node, ord, operator.index(axis), keepdims)
    whole = package().linalg.norm(ravel(node), ord)
    return package().reshape(whole, (1,) * len(node.shape)) if keepdims else whole


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """Products of vectors along an axis."""
    return package().sum(package().multiply(x1, x2), axis=axis)


def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    return package().swapaxes(x, -1, -2)


def outer(x1: Any, x2: Any) -> Any:
    """The products of every pair of elements; of NumPy's main module, flattened."""
    return package().outer(ravel(x1), ravel(x2))


#: NumPy's module and name → what it is of tensors.
TRANSLATIONS: Mapping[tuple[str, str], Callable[..., Any]] = {
    **{
        ("numpy", function.__name__): function
        for function in (
            shape, ndim, size, result_type, where, take, take_along_axis, dot, inner,
            vdot, ravel, trace, concatenate, append, astype, broadcast_arrays, isclose,
            mean, unstack, matrix_transpose, outer, cross, expand_dims, sort, argsort,
        )
    },
    **{("numpy", f"atleast_{axes}d"): at_least(axes) for axes in (1, 2, 3)},
    ("numpy", "concat"): concatenate,
    ("numpy", "sum"): reduced("sum", 0, "add"),
    ("numpy", "prod"): reduced("prod", 1, "multiply"),
    ("numpy", "any"): reduced("any", False, "logical_or"),
    ("numpy", "all"): reduced("all", True, "logical_and"),
    **{("numpy", n): reduced("max", None, "maximum") for n in ("max", "amax")},
    **{("numpy", n): reduced("min", None, "minimum") for n in ("min", "amin")},
    ("numpy", "copy"): itself,
    ("numpy", "real"): itself,
    ("numpy", "hsplit"): split_along(1),
    ("numpy", "vsplit"): split_along(0),
    ("numpy", "dsplit"): split_along(2),
    ("numpy", "iscomplexobj"): lambda x: False,
    ("numpy", "isrealobj"): lambda x: True,
    ("numpy.linalg", "matrix_norm"): matrix_norm,
    ("numpy.linalg", "vecdot"): vecdot,
    ("numpy.linalg", "vector_norm"): vector_norm,
    ("numpy.linalg", "matrix_transpose"): matrix_transpose,
}  # fmt: skip

#: NumPy's names for what has another name in NumPy, too, or another module here.
ALIASES: Mapping[tuple[str, str], str] = {
    ("numpy", "around"): "round",
    ("numpy", "cumulative_prod"): "cumprod",
    ("numpy", "cumulative_sum"): "cumsum",
    ("numpy", "empty_like"): "zeros_like",
    ("numpy", "fix"): "trunc",
    ("numpy", "permute_dims"): "transpose",
    ("numpy.linalg", "cross"): "cross",
    ("numpy.linalg", "matmul"): "matmul",
    ("numpy.linalg", "outer"): "outer",
    ("numpy.linalg", "tensordot"): "tensordot",
}

#: Arguments with another name here.
RENAMED: Mapping[str, Mapping[str, str]] = {
    "clip": {"a_min": "low", "a_max": "high", "min": "low", "max": "high"},
    "full_like": {"fill_value": "value"},
    "matrix_rank": {"rtol": "rcond"},
    "pad": {"constant_values": "value"},
    "pinv": {"rtol": "rcond"},
    "std": {"correction": "ddof"},
    "var": {"correction": "ddof"},
}

#: Arguments that change nothing here, with the values for which that is so.
HARMLESS: Mapping[str, tuple[Any, ...]] = {
    "copy": (None, True, False),
    "equal_nan": (True,),
    "kind": (None, "quicksort", "heapsort", "stable", "mergesort"),
    "optimize": (None, True, False, "greedy", "optimal"),
    "order": (None, "C", "K", "A"),
    "sorted": (True,),
    "stable": (None, True, False),
    "subok": (True, False),
}

#: Functions that compute in the dtype they are given: the operand is converted first.
CONVERTING = frozenset(
    {"cumprod", "cumsum", "mean", "prod", "std", "sum", "trace", "var"}
)


def converted(first: Any, dtype: Any) -> Any:
    """The operand in the dtype that the function shall compute in."""
    return astype(first, dtype) if isinstance(first, Node) else first
