"""Indexing by tensors of integers: taking elements, and adding gradients back to them.

``take`` and ``scatter_add`` are each other's backward rule, as are the pair along an
axis; ``put`` writes where ``take`` reads. Every index is checked against its axis, in
every engine: an index out of range is an error that names it, never a clamp and never a
wrong read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes, shapes
from ..dtypes import DType
from ..errors import BoundsError, DataError, DTypeError, ShapeError
from ..graph import Array, Node
from ..shapes import Shape
from .arrays import describe, lift
from .movement import zeros_like
from .primitive import Kind, Primitive, common_dtype

#: What is counted from 0 alone; any other index may count from the end, as in NumPy.
COUNTED_FROM_ZERO = {
    "label": "classes",
    "id": "rows",
    "length": "steps",
    "step": "steps",
}


def lowest_index(size: int, what: str) -> int:
    """The lowest index of an axis: 0 where things are counted from 0 alone."""
    alone = what.rsplit(" ", 1)[-1] in COUNTED_FROM_ZERO or "{row}" in what
    return 0 if alone else -size


def check_bounds(index: Array, size: int, what: str) -> None:
    """Raises a ``BoundsError`` that names the first index outside ``[-size, size)``;
    outside ``[0, size)`` when ``what`` ends in "label", "id", "length" or "step". A
    ``what`` with {row} in it is a whole message, and behind a line break its fix.
    """
    if index.size == 0:
        return
    noun = what.rsplit(" ", 1)[-1]
    wrong = (index < lowest_index(size, what)) | (index >= size)
    if wrong.any():
        position = tuple(int(i) for i in np.argwhere(wrong)[0])
        value = int(index[position])
        row = (
            f" at row {position[0]}"
            if len(position) == 1
            else f" at position {position}"
        )
        if "{row}" in what:
            text, _, fix = what.partition("\n")
            raise DataError(text.format(row=row, short=-value), fix=fix or None)
        if noun in COUNTED_FROM_ZERO:
            raise _not_counted_from_zero(what, value, size, row if position else "")
        raise BoundsError(
            f"{what}: index {value}{row if position else ''} of an axis of length "
            f"{size}: expected {-size} to {size - 1}"
        )


def _not_counted_from_zero(what: str, value: int, size: int, row: str) -> BoundsError:
    noun = what.rsplit(" ", 1)[-1]
    things = COUNTED_FROM_ZERO[noun]
    if noun == "length":  # one more than the last step is a length, too
        return BoundsError(
            f"{what} {value} of a sequence of {size - 1} steps{row}: lengths go from 0 "
            f"to {size - 1}",
            fix="pad the sequences to the longest, or correct the lengths",
        )
    if noun == "step":
        return BoundsError(
            f"{what} {value} behind the last of {size}: there is no room for more",
            fix="room for more steps: layer.new_cache(batch, max_length)",
        )
    enough = {
        "label": f"give the network {value + 1} outputs",
        "id": f"make the table {value + 1} rows long",
    }[noun]
    return BoundsError(
        f"{what} {value} for {size} {things}{row}: {noun}s go from 0 to {size - 1}",
        fix=f"{enough}, or correct the {noun}s"
        if value >= size
        else f"count the {things} from 0",
    )


def index_node(index: Any) -> Node:
    """A node for an index; an empty list holds integers, not floats."""
    if isinstance(index, (list, tuple)) and not len(index):
        index = np.zeros(0, np.int64)
    return lift([index])[0]


def _infer_normal(index: Node, size: int, what: str) -> tuple[Shape, DType]:
    _integers(what, index)
    return index.shape, dtypes.int64


def _normal_meaning(index: Array, size: int, what: str) -> Array:
    check_bounds(index, size, what)
    index = index.astype(np.int64)
    return np.where(index < 0, index + size, index)


normal_index = Primitive(
    "normal_index",
    "an index counted from the front; an error when outside of the axis",
    _infer_normal,
    _normal_meaning,
    kind=Kind.INDEXING,
)


def _integers(what: str, index: Node) -> None:
    if not dtypes.is_integer(index.dtype):
        raise DTypeError(
            f"{what}: {index.describe()} is {index.dtype}; an index is an integer",
            fix="convert it: x.astype('int64')",
        )


def _infer_take(x: Node, index: Node, axis: int) -> tuple[Shape, DType]:
    _integers("take", index)
    return x.shape[:axis] + index.shape + x.shape[axis + 1 :], x.dtype


def _take_meaning(x: Array, index: Array, axis: int) -> Array:
    check_bounds(index, x.shape[axis], "take")
    result: Array = np.take(x, index.astype(np.int64, copy=False), axis)
    return result


def _take_rule(g: Any, y: Node, x: Node, index: Node) -> tuple[Any, None]:
    axis = y.params["axis"]
    return _scatter_add(g, index, axis=axis, size=x.shape[axis]), None


_take = Primitive(
    "take",
    "the elements at index along axis",
    _infer_take,
    _take_meaning,
    _take_rule,
    kind=Kind.INDEXING,
)


def take(x: Any, index: Any, axis: int = 0) -> Any:
    """The slices of ``x`` at ``index`` along ``axis``: an embedding's look-up.

    Shapes: the axis is replaced by the axes of ``index``. Negative indices count from
    the end.

    Raises:
        BoundsError: for an index outside of the axis, with its position.
        DTypeError: for an index that is not of integers.

    Example:
        >>> import chainrule as cr
        >>> cr.take(cr.tensor([10.0, 20.0, 30.0]), [2, 0, 2]).numpy()
        array([30., 10., 30.], dtype=float32)
    """
    (node,), where = lift([x]), index_node(index)
    return _take(node, where, axis=shapes.normal_axis("take", axis, len(node.shape)))


def _infer_scatter(g: Node, index: Node, axis: int, size: int) -> tuple[Shape, DType]:
    return (*g.shape[:axis], size, *g.shape[axis + len(index.shape) :]), g.dtype


def _scatter_meaning(g: Array, index: Array, axis: int, size: int) -> Array:
    check_bounds(index, size, "scatter_add")
    before, after = g.shape[:axis], g.shape[axis + index.ndim :]
    flat = np.moveaxis(g.reshape(*before, index.size, *after), axis, 0)
    total = np.zeros((size, *before, *after), g.dtype)
    np.add.at(total, index.reshape(-1).astype(np.int64, copy=False), flat)
    return np.moveaxis(total, 0, axis)


def _scatter_rule(g: Any, y: Node, x: Node, index: Node) -> tuple[Any, None]:
    return take(g, index, y.params["axis"]), None


_scatter_add = Primitive(
    "scatter_add",
    "zeros of length size along axis, with each slice added at its index",
    _infer_scatter,
    _scatter_meaning,
    _scatter_rule,
    kind=Kind.SCATTER,
)


def scatter_add(updates: Any, index: Any, size: int, axis: int = 0) -> Any:
    """A tensor of zeros with ``updates`` added at ``index``; equal indices add up.

    Formula: yⱼ = Σ_{i: indexᵢ = j} updatesᵢ along ``axis``, which gets length ``size``.

    Raises:
        BoundsError: for an index outside of ``size``.
        ShapeError: when the axes of ``index`` are not those of ``updates`` from
            ``axis`` on.

    Example:
        >>> import chainrule as cr
        >>> cr.scatter_add(cr.tensor([1.0, 2.0, 4.0]), [0, 2, 0], size=3).numpy()
        array([5., 0., 2.], dtype=float32)
    """
    (node,), where = lift([updates]), index_node(index)
    _integers("scatter_add", where)
    first = shapes.normal_axis("scatter_add", axis, len(node.shape))
    if node.shape[first : first + len(where.shape)] != where.shape:
        raise ShapeError(
            f"scatter_add: updates {node.describe()} with index {where.describe()}: "
            f"the axes of the updates from axis {first} on must be those of the index"
        )
    return _scatter_add(node, where, axis=first, size=int(size))


def _infer_put(x: Node, index: Node, updates: Node, axis: int) -> tuple[Shape, DType]:
    _integers("put", index)
    return x.shape, x.dtype


def _put_meaning(x: Array, index: Array, updates: Array, axis: int) -> Array:
    check_bounds(index, x.shape[axis], "put")
    result = np.array(x)
    result[(slice(None),) * axis + (index.astype(np.int64, copy=False),)] = updates
    return result


def _put_rule(
    g: Any, y: Node, x: Node, index: Node, updates: Node
) -> tuple[Any, None, Any]:
    axis = y.params["axis"]
    return put(g, index, zeros_like(updates), axis), None, take(g, index, axis)


_put = Primitive(
    "put",
    "x with updates at index along axis",
    _infer_put,
    _put_meaning,
    _put_rule,
    kind=Kind.INDEXING,
)


def put(x: Any, index: Any, updates: Any, axis: int = 0) -> Any:
    """``x`` with other slices at ``index`` along ``axis``: what ``take`` would read.

    Formula: y[index] = updates, and y is x elsewhere. In compiled code that assigns the
    result to the variable that x is, only these slices are written.

    Shapes: ``updates`` as ``take(x, index, axis)``: the axis of x is replaced by the
    axes of ``index``.

    Equal indices should bring equal updates: the last one counts, and each is given
    the whole gradient of that position.

    Raises:
        BoundsError: for an index outside of the axis, with its position.
        DTypeError: for an index that is not of integers.
        ShapeError: for updates of another shape.

    Example:
        >>> import chainrule as cr
        >>> cr.put(cr.zeros(3), [2, 0], cr.tensor([5.0, 7.0])).numpy()
        array([7., 0., 5.], dtype=float32)
    """
    node, new = common_dtype("put", lift([x, updates]), real=False)
    where = index_node(index)
    first = shapes.normal_axis("put", axis, len(node.shape))
    wanted = node.shape[:first] + where.shape + node.shape[first + 1 :]
    if new.shape != wanted:
        raise ShapeError(
            f"put: updates {new.describe()} at index {where.describe()} along axis "
            f"{first} of {node.describe()}: expected updates of shape {wanted}"
        )
    return _put(node, where, new, axis=first)


def _infer_take_along(x: Node, index: Node, axis: int) -> tuple[Shape, DType]:
    _integers("take_along_axis", index)
    others = [n for i, n in enumerate(x.shape) if i != axis]
    if [n for i, n in enumerate(index.shape) if i != axis] != others or len(
        x.shape
    ) != len(index.shape):
        raise ShapeError(
            f"take_along_axis: {' with index '.join(describe((x, index)))}: every "
            f"axis but {axis} must be the same"
        )
    return index.shape, x.dtype


def _take_along_meaning(x: Array, index: Array, axis: int) -> Array:
    check_bounds(index, x.shape[axis], "take_along_axis")
    return np.take_along_axis(x, index.astype(np.int64), axis)


def _take_along_rule(g: Any, y: Node, x: Node, index: Node) -> tuple[Any, None]:
    axis = y.params["axis"]
    return _scatter_along(g, index, axis=axis, size=x.shape[axis]), None


_take_along = Primitive(
    "take_along_axis",
    "for every position its own index along axis",
    _infer_take_along,
    _take_along_meaning,
    _take_along_rule,
    kind=Kind.INDEXING,
)


def take_along_axis(x: Any, index: Any, axis: int) -> Any:
    """The elements of ``x`` at ``index`` along ``axis``, one index for every position.

    Formula, for axis 1: yᵢⱼ = x[i, indexᵢⱼ]. The other axes have equal sizes.

    Raises:
        BoundsError: for an index outside of the axis.
        ShapeError: when another axis differs.

    Example:
        >>> import chainrule as cr
        >>> x = cr.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> cr.take_along_axis(x, [[1], [0]], axis=1).numpy()
        array([[2.],
               [3.]], dtype=float32)
    """
    (node,), where = lift([x]), index_node(index)
    first = shapes.normal_axis("take_along_axis", axis, len(node.shape))
    return _take_along(node, where, axis=first)


def _infer_scatter_along(
    g: Node, index: Node, axis: int, size: int
) -> tuple[Shape, DType]:
    return (*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype


def _scatter_along_meaning(g: Array, index: Array, axis: int, size: int) -> Array:
    check_bounds(index, size, "scatter_along_axis")
    total = np.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
    where = list(np.ogrid[tuple(map(slice, g.shape))])
    where[axis] = index.astype(np.int64, copy=False)
    np.add.at(total, tuple(where), g)
    return total


def _scatter_along_rule(g: Any, y: Node, x: Node, index: Node) -> tuple[Any, None]:
    return take_along_axis(g, index, y.params["axis"]), None


_scatter_along = Primitive(
    "scatter_along_axis",
    "zeros of length size along axis, with each element added at its own index",
    _infer_scatter_along,
    _scatter_along_meaning,
    _scatter_along_rule,
    kind=Kind.SCATTER,
)
