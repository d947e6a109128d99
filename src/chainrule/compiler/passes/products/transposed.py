"""The transpose of a product is a product: (A B)ᵀ = Bᵀ Aᵀ.

The backward pass makes ∇(Wᵀ) = xᵀ δ and turns it to ∇W. Computed as δᵀ x it comes out
the right way round, and the transposes of the factors cost nothing: an engine reads
them with other strides.
"""

from __future__ import annotations

from ....graph import Graph, Node
from ...rewrite import applied, count_uses, is_op, rewrite, swaps_last_axes, turned


def fold_transposes_into_products(graph: Graph) -> Graph:
    """The graph with transposed products computed as products of the transposes."""
    uses = count_uses(graph)

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if not swaps_last_axes(node) or uses[node.inputs[0]] > 1:
            return None
        (product,) = inputs
        if not is_op(product, "matmul"):
            return None
        a, b = product.inputs
        if len(a.shape) != len(b.shape):
            return None
        return applied("matmul", [turned(b, node), turned(a, node)], node)

    return rewrite(graph, rule)
