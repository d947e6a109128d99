"""The body of a loop ends at its inputs.

While tracing, what a body reads from outside is the very node outside, with all that it
was computed from. A pass on the body that looks at how an input was made would look
through it, to nodes that do not exist inside. Here every input becomes a leaf.

What is read through a transpose is transposed inside: the engine then sees what lies in
memory, and the forward and the backward loop read the same thing.
"""

from __future__ import annotations

from ....graph import Graph, Node
from ...rewrite import applied, is_op
from .loop import (
    Loop,
    has_loops,
    placeholder,
    rewrite_loops,
    within_loops,
)


@within_loops
def close_bodies_of_loops(graph: Graph) -> Graph:
    """The graph whose loops have bodies with leaves as inputs."""

    def change(node: Node, inputs: tuple[Node, ...]) -> list[Node] | None:
        loop = Loop.of(node, inputs)
        open_ = [
            each
            for each in loop.outside
            if not each.is_leaf or each.owner is not None or each.value is not None
        ]
        if not open_:
            return None
        new: dict[Node, Node] = {}
        for each in open_:
            value, turned = loop.outside[each], None
            if is_op(value, "transpose"):
                value, turned = value.inputs[0], value
            leaf = placeholder(value, value.label)
            loop.outside[leaf] = value
            new[each] = leaf
            if turned is not None:
                new[each] = applied("transpose", [leaf], turned, **turned.params)
        loop.replace(new)
        return loop.build()

    return rewrite_loops(graph, change) if has_loops(graph) else graph
