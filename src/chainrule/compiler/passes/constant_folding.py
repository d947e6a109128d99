"""Operations whose inputs are all constants are computed now, once, instead of in every
call.
"""

from __future__ import annotations

from ...graph import Graph, Node
from ...ops.primitive import Primitive
from ..rewrite import constant_leaf, rewrite

#: A constant larger than this is not worth storing in the program when it can be
#: computed.
LARGEST_FOLDED = 1 << 16


def fold_constants(graph: Graph) -> Graph:
    """The graph with constant operations replaced by their values."""
    given = set(graph.inputs)

    def known(node: Node) -> bool:
        return node.is_leaf and node.owner is None and node not in given

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if not isinstance(node.op, Primitive) or not all(map(known, inputs)):
            return None
        if node.several or _elements(node) > LARGEST_FOLDED:
            return None
        if node.op.name == "broadcast_to":  # a number is smaller than its copies
            return None
        return constant_leaf(
            node, node.op.run([each.value for each in inputs], node.params)
        )

    return rewrite(graph, rule)


def _elements(node: Node) -> int:
    count = 1
    for n in node.shape:
        count *= n
    return count
