"""Operations that change nothing are dropped: x · 1, x + 0, x / 1, −(−x), a copy of a
node.

Only what holds for every float is here: x · 0 is not 0 for NaN and Inf, x − x is not 0
for them, and x + 0 is +0 where x is −0, so it is x + −0 and x − 0 that are dropped.
"""

from __future__ import annotations

import math

from ...graph import Graph, Node
from ..rewrite import rewrite


def simplify(graph: Graph) -> Graph:
    """The graph without operations that answer one of their inputs."""

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        assert node.op is not None
        name = node.op.name
        if name in ("alias", "stop_gradient"):
            return inputs[0]
        if (
            name == "negative"
            and inputs[0].op is not None
            and inputs[0].op.name == "negative"
        ):
            return inputs[0].inputs[0]
        if name in ("multiply", "add"):
            neutral = 1.0 if name == "multiply" else -0.0
            for this, other in (inputs, inputs[::-1]):
                if _is(this, neutral) and _same_type(other, node):
                    return other
        if name in ("subtract", "divide") and _same_type(inputs[0], node):
            if _is(inputs[1], 0.0 if name == "subtract" else 1.0):
                return inputs[0]
        return None

    return rewrite(graph, rule)


def _is(node: Node, number: float) -> bool:
    """Whether a node is a constant single number of that value, and sign if 0."""
    if not node.is_leaf or node.owner is not None or node.value is None or node.shape:
        return False
    if node.dtype.kind == "f" and math.copysign(1.0, node.value) != math.copysign(
        1.0, number
    ):
        return False
    return bool(node.value == number)


def _same_type(node: Node, other: Node) -> bool:
    return node.shape == other.shape and node.dtype == other.dtype
