"""One operation for all the steps of a loop at once.

Place on the road: what the passes that move work out of loops are written with. An
operation of a loop's body is applied to values that are *stacked*, one for each step
along a new first axis, or *fixed*, the same in every step. Its result is stacked. For
an elementwise operation that is broadcasting; for the others the tables below say how
their arguments change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ....graph import Node
from ....ops.primitive import Kind, Primitive
from ...rewrite import applied


class Value(NamedTuple):
    """A node outside of the loop for one inside: stacked, or the same in every step."""

    node: Node
    stacked: bool


def movable(node: Node, stacked: Sequence[bool]) -> bool:
    """Whether ``at_all_steps`` knows the operation, with such inputs stacked."""
    if not isinstance(node.op, Primitive) or not any(stacked):
        return False
    if node.op.name == "take":
        return node.params["axis"] == 0 and not stacked[0]
    return node.op.kind in BY_KIND or node.op.name in BY_NAME


def at_all_steps(node: Node, inputs: Sequence[Value], length: int) -> Node:
    """The results of an operation in all steps, stacked."""
    assert isinstance(node.op, Primitive)
    rule = BY_NAME.get(node.op.name) or BY_KIND[node.op.kind]
    return rule(node, inputs, length)


def _again(node: Node, inputs: Sequence[Node], **changed: Any) -> Node:
    assert node.op is not None
    return applied(node.op.name, inputs, node, **{**node.params, **changed})


def _aligned(value: Value, ndim: int, node: Node, length: int) -> Node:
    """A stacked value with ``ndim`` axes behind the first, as broadcasting needs it."""
    shape = value.node.shape[1:]
    if not value.stacked or len(shape) == ndim:
        return value.node
    new = (length, *(1,) * (ndim - len(shape)), *shape)
    return applied("reshape", [value.node], node, shape=new)


def _elementwise(node: Node, inputs: Sequence[Value], length: int) -> Node:
    ndim = len(node.shape)
    return _again(node, [_aligned(each, ndim, node, length) for each in inputs])


def _matmul(node: Node, inputs: Sequence[Value], length: int) -> Node:
    """One product where the right factor is a fixed matrix: the rows of all steps."""
    a, b = inputs
    if a.stacked and not b.stacked and len(b.node.shape) == 2:
        *rows, k = a.node.shape
        flat = applied("reshape", [a.node], node, shape=(math.prod(rows), k))
        product = applied("matmul", [flat, b.node], node)
        return applied("reshape", [product], node, shape=(length, *node.shape))
    ndim = len(node.shape)
    return _again(node, [_aligned(each, ndim, node, length) for each in inputs])


def _reduction(node: Node, inputs: Sequence[Value], length: int) -> Node:
    axis = node.params["axis"]
    later = axis + 1 if isinstance(axis, int) else tuple(each + 1 for each in axis)
    return _again(node, [each.node for each in inputs], axis=later)


def _along_axis(node: Node, inputs: Sequence[Value], length: int) -> Node:
    whole = [_whole(each, node, length) for each in inputs]
    return _again(node, whole, axis=node.params["axis"] + 1)


def _whole(value: Value, node: Node, length: int) -> Node:
    """The value of every step, a fixed one repeated."""
    if value.stacked:
        return value.node
    shape = (length, *value.node.shape)
    return applied("broadcast_to", [value.node], node, shape=shape)


def _reshape(node: Node, inputs: Sequence[Value], length: int) -> Node:
    return _again(node, [inputs[0].node], shape=(length, *node.shape))


def _broadcast_to(node: Node, inputs: Sequence[Value], length: int) -> Node:
    aligned = _aligned(inputs[0], len(node.shape), node, length)
    return _again(node, [aligned], shape=(length, *node.shape))


def _transpose(node: Node, inputs: Sequence[Value], length: int) -> Node:
    axes = (0, *(each + 1 for each in node.params["axes"]))
    return _again(node, [inputs[0].node], axes=axes)


def _flip(node: Node, inputs: Sequence[Value], length: int) -> Node:
    axes = tuple(each + 1 for each in node.params["axes"])
    return _again(node, [inputs[0].node], axes=axes)


def _slice(node: Node, inputs: Sequence[Value], length: int) -> Node:
    params, before = node.params, {"start": 0, "stop": length, "step": 1}
    bounds = {name: (first, *params[name]) for name, first in before.items()}
    return _again(node, [inputs[0].node], **bounds)


def _pad(node: Node, inputs: Sequence[Value], length: int) -> Node:
    widths = ((0, 0, 0), *node.params["widths"])
    return _again(node, [inputs[0].node], widths=widths)


def _take(node: Node, inputs: Sequence[Value], length: int) -> Node:
    return _again(node, [each.node for each in inputs])


Rule = Callable[[Node, Sequence[Value], int], Node]

#: Rules for every operation of a kind.
BY_KIND: dict[Kind, Rule] = {
    Kind.ELEMENTWISE: _elementwise,
    Kind.REDUCTION: _reduction,
}
#: Rules for single operations of other kinds.
BY_NAME: dict[str, Rule] = {
    "matmul": _matmul,
    "cumsum": _reduction,
    "concatenate": _along_axis,
    "take_along_axis": _along_axis,
    "reshape": _reshape,
    "broadcast_to": _broadcast_to,
    "transpose": _transpose,
    "flip": _flip,
    "slice": _slice,
    "pad": _pad,
    "take": _take,
}
