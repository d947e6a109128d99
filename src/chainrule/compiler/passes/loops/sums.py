"""Σₜ of a value of every step of a loop, computed after the loop.

Place on the road: beside ``all_steps``. A sum of products over the steps is a single
product, whose inner axis runs over the steps and over the inner axis of each:
Σₜ Aₜ Bₜ = [A₁ A₂ …] [B₁; B₂; …]. Linear operations on such a sum are done once.
"""

from __future__ import annotations

from collections.abc import Callable

from ....graph import Node
from ....ops.primitive import Primitive
from ...rewrite import applied, is_op
from .all_steps import Value

#: The value of a node of the body, in all steps.
Stacked = Callable[[Node], Value]


def total(node: Node, stacked: Stacked, length: int) -> Node:
    """Σₜ of a node of the body."""
    above: list[Node] = []
    while _is_linear(node):
        if not any(each.op is not None for each in node.inputs):
            break
        above.append(node)
        node = node.inputs[0]
    if is_op(node, "matmul"):
        result = _product(node, stacked, length)
    else:
        while above:  # what is elementwise is summed over all axes at once
            node = above.pop()
        result = _summed(node, stacked)
    for linear in reversed(above):
        assert linear.op is not None
        result = applied(linear.op.name, [result], linear, **linear.params)
    return result


def _is_linear(node: Node) -> bool:
    """Whether f(u + v) = f(u) + f(v); zeros around a value are, as of a slice's
    gradient.
    """
    if is_op(node, "pad"):
        return not node.params["value"]
    return isinstance(node.op, Primitive) and node.op.linear


def _summed(node: Node, stacked: Stacked) -> Node:
    """Over the steps, together with the axes of a reduction that comes before."""
    if is_op(node, "sum") and not node.params["keepdims"]:
        value = stacked(node.inputs[0]).node
        axes = (0, *(each + 1 for each in node.params["axis"]))
        return applied("sum", [value], node, axis=axes, keepdims=False)
    value = stacked(node).node
    return applied("sum", [value], node, axis=(0,), keepdims=False)


def _product(node: Node, stacked: Stacked, length: int) -> Node:
    """Σₜ Aₜ Bₜ, for every matrix of a batch."""
    (a, a_steps), (b, b_steps) = (stacked(each) for each in node.inputs)
    same = node.inputs[0].shape[:-2] == node.inputs[1].shape[:-2]
    if not (a_steps and b_steps and same):
        return _summed(node, stacked)
    *batch, m, n = node.shape
    k = node.inputs[0].shape[-1]
    ndim = len(node.shape)
    inner = tuple(range(1, ndim - 1))  # the axes of the batch, behind the steps
    a = applied("transpose", [a], node, axes=(*inner, ndim - 1, 0, ndim))
    b = applied("transpose", [b], node, axes=(*inner, 0, ndim - 1, ndim))
    a = applied("reshape", [a], node, shape=(*batch, m, length * k))
    b = applied("reshape", [b], node, shape=(*batch, length * k, n))
    return applied("matmul", [a, b], node)
