"""Equal operations on equal inputs are computed once.

The backward pass asks again for much that the forward pass has computed (a transpose,
an exponential), and every use of a number makes a leaf of its own.
"""

from __future__ import annotations

from typing import Any

from ...graph import Graph, Node, freeze
from ..rewrite import remade, rewrite


def share_common_subexpressions(graph: Graph) -> Graph:
    """The graph without repeated operations or repeated small constants."""
    first: dict[Any, Node] = {}

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        assert node.op is not None
        inputs = tuple(_shared_constant(each, first) for each in inputs)
        key = (node.op.name, freeze(node.params), tuple(map(id, inputs)))
        found = first.get(key)
        if found is None:
            changed = any(a is not b for a, b in zip(inputs, node.inputs, strict=True))
            found = first[key] = remade(node, inputs) if changed else node
        return found

    return rewrite(graph, rule)


def _shared_constant(node: Node, first: dict[Any, Node]) -> Node:
    """One leaf for all equal single numbers."""
    if not node.is_leaf or node.owner is not None or node.value is None or node.shape:
        return node
    return first.setdefault((str(node.dtype), node.value.tobytes()), node)
