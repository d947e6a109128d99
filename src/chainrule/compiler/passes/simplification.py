"""Operations that change nothing are dropped: x · 1, x + 0, x / 1, −(−x), xᵀᵀ, a copy
of a node.

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
        if name in ("negative", "transpose") and _undoes(node, inputs[0]):
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


def _undoes(node: Node, before: Node) -> bool:
    """Whether an operation is the inverse of the one before it, of the same name."""
    assert node.op is not None
    if before.op is None or before.op.name != node.op.name:
        return False
    if node.op.name == "negative":
        return True
    first = before.params["axes"]
    return [first[axis] for axis in node.params["axes"]] == list(range(len(first)))


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
