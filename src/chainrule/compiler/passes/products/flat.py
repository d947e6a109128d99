"""Products over a batch of matrices with one common factor are one large product.

x W for x (N, T, D) is N products of T rows; as (N·T, D) times W it is one of N·T rows,
which an engine computes faster. Its gradient ∇W = Σₙ xₙᵀ δₙ is N products and their
sum; the sum over n and over t together is one product, Xᵀ Δ with X (N·T, D).
"""

from __future__ import annotations

import math

from ....graph import Graph, Node
from ....ops.primitive import Kind, Primitive
from ...rewrite import (
    applied,
    count_uses,
    is_op,
    reshaped,
    rewrite,
    turned,
)

#: A factor is worth copying where the other has at least this many columns.
MANY_COLUMNS = 64


def flatten_products(graph: Graph) -> Graph:
    """The graph with one product instead of a batch of them, where that is the same."""
    uses = count_uses(graph)

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if is_op(node, "matmul"):
            return _flattened(node, *inputs)
        if is_op(node, "sum") and uses[node.inputs[0]] == 1:
            return _contracted(node, inputs[0])
        return None

    return rewrite(graph, rule)


def _flattened(node: Node, a: Node, b: Node) -> Node | None:
    """(…, m, k) times (k, n) as (… m, k) times (k, n)."""
    if len(a.shape) < 3 or len(b.shape) != 2 or 0 in a.shape:
        return None
    if _is_spread(a) and node.shape[-1] < MANY_COLUMNS:
        return None
    product = applied("matmul", [_rows(a, node), b], node)
    return reshaped(product, node.shape, node)


def _contracted(node: Node, product: Node) -> Node | None:
    """Σ (…, m, k) times (…, k, n) over the batch, as (m, … k) times (… k, n)."""
    if not is_op(product, "matmul") or 0 in product.shape:
        return None
    a, b = product.inputs
    batch = len(product.shape) - 2
    alike = batch > 0 and a.shape[:-2] == b.shape[:-2]
    if not alike or sorted(node.params["axis"]) != list(range(batch)):
        return None
    x = turned(a, node)
    enough = min(MANY_COLUMNS, b.shape[-2])  # or a copy is no larger than what it saves
    if _is_spread(x) and b.shape[-1] < enough:
        return None
    if _is_spread(b) and x.shape[-1] < enough:
        return None
    left = applied("transpose", [_rows(x, node)], node, axes=(1, 0))
    return reshaped(applied("matmul", [left, _rows(b, node)], node), node.shape, node)


def _is_spread(node: Node) -> bool:
    """Whether the elements are not in order in memory: flattened, they are copied."""
    op = node.op
    if not isinstance(op, Primitive) or is_op(node, "reshape"):
        return False
    return op.kind is Kind.MOVEMENT and op.is_view


def _rows(x: Node, like: Node) -> Node:
    """A batch of matrices below each other."""
    return reshaped(x, (math.prod(x.shape[:-1]), x.shape[-1]), like)
