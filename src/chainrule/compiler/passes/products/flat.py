"""Products over a batch of matrices with one common factor are one large product.

x W for x (N, T, D) is N products of T rows; as (N·T, D) times W it is one of N·T rows,
which an engine computes faster. Its gradient ∇W = Σₙ xₙᵀ δₙ is N products and their
sum; the sum over n and over t together is one product, Xᵀ Δ with X (N·T, D).
"""

from __future__ import annotations

import math
from collections import Counter

from ....graph import Graph, Node
from ....ops.primitive import REGISTRY
from ....shapes import Shape
from ...rewrite import rewrite

#: Values whose elements are not in order in memory: flattened, they would be copied.
SPREAD = ("transpose", "broadcast_to", "flip", "slice")
#: A factor is worth copying where it meets at least so many columns of the other.
MANY_COLUMNS = 64


def flatten_products(graph: Graph) -> Graph:
    """The graph with one product instead of a batch of them, where that is the same."""
    uses = Counter(each for node in graph.operations for each in node.inputs)
    uses.update(graph.results)

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if _is(node, "matmul"):
            return _flat(node, *inputs)
        if _is(node, "sum") and uses[node.inputs[0]] == 1:
            return _contracted(node, inputs[0])
        return None

    return rewrite(graph, rule)


def _flat(node: Node, a: Node, b: Node) -> Node | None:
    """(…, m, k) times (k, n) as (… m, k) times (k, n)."""
    if len(a.shape) < 3 or len(b.shape) != 2 or 0 in a.shape:
        return None
    if _is_spread(a) and node.shape[-1] < MANY_COLUMNS:
        return None
    rows = _rows(node, a)
    shape = rows.shape[0], node.shape[-1]
    product = _made(node, "matmul", (rows, b), shape)
    return _reshaped(node, product, node.shape)


def _contracted(node: Node, product: Node) -> Node | None:
    """Σ (…, k, m)ᵀ times (…, k, n) over the batch, as (… k, m)ᵀ times (… k, n)."""
    if not _is(product, "matmul") or 0 in product.shape:
        return None
    a, b = product.inputs
    batch = len(product.shape) - 2
    alike = batch > 0 and a.shape[:-2] == b.shape[:-2]
    if not alike or sorted(node.params["axis"]) != list(range(batch)):
        return None
    x = _turned_back(a)
    if x is None or (_is_spread(x) and b.shape[-1] < MANY_COLUMNS):
        return None
    if _is_spread(b) and x.shape[-1] < MANY_COLUMNS:
        return None
    left, right = _rows(node, x), _rows(node, b)
    shape = left.shape[1], right.shape[1]
    turned = _made(node, "transpose", (left,), left.shape[::-1], axes=(1, 0))
    return _reshaped(node, _made(node, "matmul", (turned, right), shape), node.shape)


def _is_spread(node: Node) -> bool:
    return node.op is not None and node.op.name in SPREAD


def _is(node: Node, name: str) -> bool:
    return node.op is REGISTRY[name]


def _turned_back(node: Node) -> Node | None:
    """The node whose last two axes this one exchanges, if it is one that does that."""
    if not _is(node, "transpose"):
        return None
    ndim = len(node.shape)
    expected = (*range(ndim - 2), ndim - 1, ndim - 2)
    return node.inputs[0] if tuple(node.params["axes"]) == expected else None


def _rows(like: Node, x: Node) -> Node:
    """A batch of matrices below each other."""
    return _reshaped(like, x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _reshaped(like: Node, x: Node, shape: Shape) -> Node:
    if x.shape == shape:
        return x
    if _is(x, "reshape"):
        return _reshaped(like, x.inputs[0], shape)
    return _made(like, "reshape", (x,), shape, shape=shape)


def _made(
    like: Node, name: str, inputs: tuple[Node, ...], to: Shape, **params: object
) -> Node:
    """An operation that stands for a part of another: its line and origin."""
    made = Node.kind(REGISTRY[name], inputs, params, to, like.dtype)
    made.origin, made.position = like.origin, like.position
    return made
