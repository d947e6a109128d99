"""Equal operations on equal inputs are computed once.

The backward pass asks again for much that the forward pass has computed (a transpose,
an exponential), and every use of a number makes a leaf of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ...graph import Graph, Node, freeze
from ..rewrite import is_number, remade, rewrite


def share_common_subexpressions(graph: Graph) -> Graph:
    """The graph without repeated operations or repeated numbers."""
    first: dict[Hashable, Node] = {}

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        shared = tuple(
            first.setdefault(identity(each), each) if is_number(each) else each
            for each in inputs
        )
        expression = expression_of(node, shared)
        known = first.get(expression)
        if known is None:
            changed = any(a is not b for a, b in zip(shared, node.inputs, strict=True))
            known = first[expression] = remade(node, shared) if changed else node
        return known

    return rewrite(graph, rule)


def expression_of(node: Node, inputs: Sequence[Node]) -> Hashable:
    """Equal for equal operations on the same nodes or equal numbers."""
    assert node.op is not None
    return node.op.name, freeze(node.params), tuple(map(identity, inputs))


def identity(node: Node) -> Hashable:
    """Equal for equal numbers; of other nodes each has its own."""
    if is_number(node):
        return node.dtype, node.value.tobytes()
    return id(node)
