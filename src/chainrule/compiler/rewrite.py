"""Rebuilding a graph node by node: what the passes are written with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..graph import Graph, Node
from ..ops.primitive import REGISTRY, Primitive
from ..shapes import Shape

#: Given a node and its new inputs, the node to use in its place; None keeps the
#: operation.
Rule = Callable[[Node, tuple[Node, ...]], Node | None]


def rewrite(graph: Graph, rule: Rule) -> Graph:
    """The graph with the rule applied to every operation, inputs first.

    Where the rule returns None and no input changed, the node itself is kept.
    """
    new: dict[Node, Node] = {}
    given = set(graph.inputs)
    for node in graph.nodes:
        if node.is_leaf or node in given:
            new[node] = node
            continue
        inputs = tuple(new[each] for each in node.inputs)
        replaced = rule(node, inputs)
        if replaced is not None:
            new[node] = replaced
        elif all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            new[node] = node
        else:
            new[node] = remade(node, inputs)
    return Graph(
        graph.inputs,
        [new[node] for node in graph.outputs],
        [(leaf, new[value]) for leaf, value in graph.updates],
        name=graph.name,
    )


def remade(node: Node, inputs: Sequence[Node]) -> Node:
    """The same operation on other inputs, with the name, line and origin of the old
    node.
    """
    op, params, name = node.op, node.params, node.name
    made = tuple(inputs)
    return Node.kind(op, made, params, node.shape, node.dtype, name=name, like=node)


def applied(name: str, inputs: Sequence[Node], like: Node, **params: Any) -> Node:
    """An operation that stands for (a part of) another: its line and origin."""
    op: Primitive = REGISTRY[name]
    shape, dtype = op.infer(*inputs, **params)
    return Node.kind(op, tuple(inputs), params, shape, dtype, like=like)


def reshaped(x: Node, shape: Shape, like: Node) -> Node:
    """x in another shape, by at most one reshape."""
    while x.shape != shape and is_op(x, "reshape"):
        x = x.inputs[0]
    return x if x.shape == shape else applied("reshape", [x], like, shape=shape)


def turned(x: Node, like: Node) -> Node:
    """Matrices with their last two axes exchanged, by at most one transpose."""
    order = range(len(x.shape))
    axes = (*order[:-2], order[-1], order[-2])
    if is_op(x, "transpose"):
        axes = tuple(x.params["axes"][each] for each in axes)
        (x,) = x.inputs
    if axes == tuple(order):
        return x
    return applied("transpose", [x], like, axes=axes)


def constant_leaf(node: Node, value: object) -> Node:
    """A leaf with this value in place of an operation."""
    shape, dtype, name = node.shape, node.dtype, node.name
    return Node.kind(None, (), {}, shape, dtype, value, name, like=node)


# Questions that many passes ask. ------------------------------------------------------


def is_op(node: Node, name: str) -> bool:
    """Whether a node applies the primitive of that name."""
    return node.op is not None and node.op.name == name


def is_constant(node: Node) -> bool:
    """Whether a node is a leaf whose value is part of the program."""
    return node.op is None and node.owner is None and node.value is not None


def is_number(node: Node) -> bool:
    """Whether a node is a constant without axes."""
    return not node.shape and is_constant(node)


def count_uses(graph: Graph) -> Counter[Node]:
    """How often each node is an input of an operation or a result of the graph."""
    uses = Counter(each for node in graph.operations for each in node.inputs)
    uses.update(graph.results)
    return uses


def swaps_last_axes(node: Node) -> bool:
    """Whether a node is xᵀ for every matrix of a batch, and nothing else."""
    ndim = len(node.shape)
    if ndim < 2 or not is_op(node, "transpose"):
        return False
    return tuple(node.params["axes"]) == (*range(ndim - 2), ndim - 1, ndim - 2)
