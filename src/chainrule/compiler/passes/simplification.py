"""Operations that change nothing are dropped: x · 1, x + −0, x / 1, −(−x), xᵀᵀ, a copy.

Only what holds for every float is here: x · 0 is not 0 for NaN and Inf, x − x is not 0
for them, and x + 0 is +0 where x is −0, so it is x + −0 and x − 0 that are dropped.
"""

from __future__ import annotations

from ...graph import Graph, Node
from ..match import Match, Named, Rule, number, op, rewrite_by

X = Named("x")


def _are_inverse(node: Node, match: Match) -> bool:
    """Whether the outer of two transposes undoes the inner."""
    inner = match["inner"].params["axes"]
    return [inner[axis] for axis in node.params["axes"]] == list(range(len(inner)))


RULES = (
    Rule(op("alias", X), X, because="a value never changes, so a copy is the same"),
    Rule(op("stop_gradient", X), X, because="gradients have been taken"),
    Rule(op("negative", op("negative", X)), X, because="−(−x) = x"),
    Rule(
        op("transpose", op("transpose", X, name="inner")),
        X,
        because="xᵀᵀ = x",
        when=_are_inverse,
    ),
    Rule(op("multiply", X, number(1.0)), X, because="x · 1 = x"),
    Rule(op("multiply", number(1.0), X), X, because="1 · x = x"),
    Rule(op("divide", X, number(1.0)), X, because="x / 1 = x"),
    Rule(op("add", X, number(-0.0)), X, because="x + −0 = x"),
    Rule(op("add", number(-0.0), X), X, because="−0 + x = x"),
    Rule(op("subtract", X, number(0.0)), X, because="x − 0 = x"),
)


def simplify(graph: Graph) -> Graph:
    """The graph without operations whose result is one of their inputs."""
    return rewrite_by(graph, RULES)
