"""The transpose of a product is a product: (A B)ᵀ = Bᵀ Aᵀ.

The backward pass makes ∇(Wᵀ) = xᵀ δ and turns it to ∇W. Computed as δᵀ x it comes out
the right way round, and the transposes of the factors cost nothing: an engine reads
them with other strides.
"""

from __future__ import annotations

from collections import Counter

from ....graph import Graph, Node
from ....ops.primitive import REGISTRY
from ...rewrite import rewrite


def fold_transposes_into_products(graph: Graph) -> Graph:
    """The graph with transposed products computed as products of the transposes."""
    uses = Counter(each for node in graph.operations for each in node.inputs)
    uses.update(graph.results)

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if not _turns(node) or uses[node.inputs[0]] > 1:
            return None
        product = inputs[0]
        if product.op is not REGISTRY["matmul"]:
            return None
        a, b = product.inputs
        if len(a.shape) != len(b.shape):
            return None
        return _made(node, "matmul", (_turned(b, node), _turned(a, node)), node.shape)

    return rewrite(graph, rule)


def _turns(node: Node) -> bool:
    """Whether a node exchanges the last two axes, and nothing else."""
    if node.op is None or node.op.name != "transpose":
        return False
    ndim = len(node.shape)
    expected = (*range(ndim - 2), ndim - 1, ndim - 2)
    return ndim >= 2 and tuple(node.params["axes"]) == expected


def _turned(x: Node, like: Node) -> Node:
    """x with its last two axes exchanged; a transpose of that kind is undone."""
    if _turns(x):
        return x.inputs[0]
    axes = like.params["axes"]
    shape = tuple(x.shape[axis] for axis in axes)
    return _made(like, "transpose", (x,), shape, axes=axes)


def _made(
    like: Node,
    name: str,
    inputs: tuple[Node, ...],
    shape: tuple[int, ...],
    **params: object,
) -> Node:
    """An operation that stands for (a part of) another: its line and origin."""
    made = Node.kind(REGISTRY[name], inputs, params, shape, like.dtype)
    made.origin, made.position = like.origin, like.position
    return made
