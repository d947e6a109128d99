"""Loop invariants: what is the same in every step is computed once, before the loop.

Views of what comes from outside (a transpose, a slice) stay where they are: they cost
nothing, and what they show need not be stored again.
"""

from __future__ import annotations

from ....graph import Graph, Node
from ....ops.primitive import Primitive
from .loop import (
    Loop,
    fixed_nodes,
    has_loops,
    placeholder,
    renewed,
    rewrite_loops,
    within_loops,
)


@within_loops
def move_fixed_values_out_of_loops(graph: Graph) -> Graph:
    """The graph whose loops compute nothing twice."""

    def change(scan: Node, inputs: tuple[Node, ...]) -> list[Node] | None:
        loop = Loop.of(scan, inputs)
        invariants = _invariants(loop) if loop.length else []
        if not invariants:
            return None
        values = renewed(invariants, loop.outside)
        new = {node: placeholder(node) for node in invariants}
        for node, value in zip(invariants, values, strict=True):
            loop.outside[new[node]] = value
        loop.replace(new)
        return loop.build()

    return rewrite_loops(graph, change) if has_loops(graph) else graph


def _invariants(loop: Loop) -> list[Node]:
    """The fixed values that the rest of the body uses, without views at their end."""
    fixed, given = fixed_nodes(loop), set(loop.given)
    used = [
        x for n in loop.nodes if n not in fixed and n not in given for x in n.inputs
    ]
    invariants: dict[Node, None] = {}
    for node in (*used, *loop.outputs):
        if node not in fixed:
            continue
        while node not in given and _is_view(node):
            node = node.inputs[0]
        if node.op is not None and node not in given:
            invariants[node] = None
    return list(invariants)


def _is_view(node: Node) -> bool:
    return isinstance(node.op, Primitive) and node.op.is_view
