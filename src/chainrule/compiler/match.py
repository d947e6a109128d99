"""Patterns of small pieces of a graph, and rules made of them.

Place on the road: beside ``rewrite``, for passes that are tables. A pattern says what a
node and the nodes that it is computed from look like, and gives names to some::

    Rule(op("negative", op("negative", X)), X, because="−(−x) = x")

What depends on loops, or on how often a value is used, is better written as a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..graph import Graph, Node
from .rewrite import is_number, is_op, rewrite

#: name → the node that a pattern has given it to
Match = dict[str, Node]
#: Whether a node looks like this; names are added to those that the match has.
Pattern = Callable[[Node, Match], bool]


@dataclass(frozen=True)
class Named:
    """Any node; where the same name stands twice, it must be the same node."""

    name: str

    def __call__(self, node: Node, match: Match) -> bool:
        return match.setdefault(self.name, node) is node


@dataclass(frozen=True)
class Applied:
    """A primitive applied to nodes that look like the patterns inside."""

    primitive: str
    inputs: tuple[Pattern, ...]
    name: str

    def __call__(self, node: Node, match: Match) -> bool:
        if not is_op(node, self.primitive) or not self.takes(node.inputs, match):
            return False
        return not self.name or match.setdefault(self.name, node) is node

    def takes(self, inputs: Sequence[Node], match: Match) -> bool:
        """Whether these look like what it is applied to."""
        pairs = zip(self.inputs, inputs, strict=True)
        return all(pattern(node, match) for pattern, node in pairs)


def op(primitive: str, *inputs: Pattern, name: str = "") -> Applied:
    """A primitive applied to such nodes, and what to call the result."""
    return Applied(primitive, inputs, name)


def number(value: float) -> Pattern:
    """A constant single number of this value and, if it is a float, of this sign."""

    def fits(node: Node, match: Match) -> bool:
        if not is_number(node) or node.value != value:
            return False
        signs = math.copysign(1.0, node.value), math.copysign(1.0, value)
        return node.dtype.kind != "f" or signs[0] == signs[1]

    return fits


def through(primitives: Iterable[str], inside: Pattern) -> Pattern:
    """What is left when some of these primitives are taken off a node."""
    names = frozenset(primitives)

    def fits(node: Node, match: Match) -> bool:
        while node.op is not None and node.op.name in names:
            node = node.inputs[0]
        return inside(node, match)

    return fits


def always(node: Node, match: Match) -> bool:
    """No further condition."""
    return True


@dataclass(frozen=True)
class Rule:
    """One row of a pass that is a table.

    Attributes:
        pattern: what is replaced.
        by: which of the nodes in it takes its place.
        because: the equation that says so.
        when: a further condition on the node and the names in it.
    """

    pattern: Applied
    by: Named
    because: str
    when: Pattern = always

    def replacement(self, node: Node, inputs: Sequence[Node]) -> Node | None:
        """What takes the place of a node with these new inputs; None if nothing does.

        A node is never replaced by one of another shape or dtype: x + 0 is larger than
        x where 0 has more axes.
        """
        match: Match = {}
        if not self.pattern.takes(inputs, match):
            return None
        new = match[self.by.name]
        same = new.shape == node.shape and new.dtype == node.dtype
        return new if same and self.when(node, match) else None


def rewrite_by(graph: Graph, rules: Iterable[Rule]) -> Graph:
    """The graph with the first rule that fits applied to every operation."""
    by_name: dict[str, list[Rule]] = {}
    for rule in rules:
        by_name.setdefault(rule.pattern.primitive, []).append(rule)

    def replaced(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        assert node.op is not None
        for rule in by_name.get(node.op.name, ()):
            new = rule.replacement(node, inputs)
            if new is not None:
                return new
        return None

    return rewrite(graph, replaced)
