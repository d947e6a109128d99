"""A ``scan`` taken apart, so that a pass can change it, and put together again.

Place on the road: what the passes on loops are written with, on top of ``rewrite``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ....graph import Graph, Node, in_order
from ....ops.control import Split
from ...rewrite import applied, is_op, remade, rewrite


@dataclass(eq=False)
class Carry:
    """What is handed from step to step.

    Attributes:
        inside: the input of the body that stands for the value a step starts with.
        first: the value that the first step starts with, a node outside.
        following: the value for the next step, a node of the body.
    """

    inside: Node
    first: Node
    following: Node


@dataclass(eq=False)
class Loop:
    """A loop as lists that may be changed.

    Attributes:
        outside, sequences: the name inside of the body → what it stands for outside.
        carries: in the order of the loop's first results.
        emitted: what a step emits, in the order of the results behind those.
        node: the scan that this was.
    """

    outside: dict[Node, Node]
    carries: list[Carry]
    sequences: dict[Node, Node]
    emitted: list[Node]
    node: Node

    @classmethod
    def of(cls, node: Node, inputs: Sequence[Node] | None = None) -> Loop:
        """The parts of a scan, with these inputs instead of its own."""
        body, split = node.params["body"], node.params["split"]
        values = node.inputs if inputs is None else inputs
        pairs = list(zip(body.inputs, values, strict=True))
        met = pairs[split.outside :][: split.carry]
        carries = [
            Carry(inside, first, following)
            for (inside, first), following in zip(met, body.outputs, strict=False)
        ]
        return cls(
            dict(pairs[: split.outside]),
            carries,
            dict(pairs[split.outside + split.carry :]),
            list(body.outputs[split.carry :]),
            node,
        )

    @property
    def length(self) -> int:
        """The number of steps."""
        length: int = self.node.params["length"]
        return length

    @property
    def recompute(self) -> bool:
        """Whether memory matters more than time."""
        return bool(self.node.params["recompute"])

    @property
    def given(self) -> list[Node]:
        """The inputs of the body."""
        met = (each.inside for each in self.carries)
        return [*self.outside, *met, *self.sequences]

    @property
    def outputs(self) -> list[Node]:
        """The outputs of the body."""
        return [*(each.following for each in self.carries), *self.emitted]

    @property
    def nodes(self) -> list[Node]:
        """Everything in the body, in order, its inputs included."""
        return in_order([*self.outputs, *self.given], stop=self.given)

    @property
    def used(self) -> set[Node]:
        """The inputs of the body that its outputs depend on."""
        given = set(self.given)
        return given.intersection(in_order(self.outputs, stop=given))

    def replace(self, new: Mapping[Node, Node]) -> None:
        """Replaces nodes of the body by others."""
        unchanged = {node: node for node in self.given}
        outputs = iter(renewed(self.outputs, {**unchanged, **new}))
        for carry in self.carries:
            carry.following = next(outputs)
        self.emitted = list(outputs)

    def emit(self, node: Node) -> int:
        """Lets every step emit this node too; returns its number among those."""
        for number, emitted in enumerate(self.emitted):
            if emitted is node:
                return number
        self.emitted.append(node)
        return len(self.emitted) - 1

    def build(self) -> list[Node]:
        """The results of the changed loop; inputs that its body does not use are left
        out.
        """
        used = self.used
        outside = {a: b for a, b in self.outside.items() if a in used}
        sequences = {a: b for a, b in self.sequences.items() if a in used}
        met = [each.inside for each in self.carries]
        name = self.node.params["body"].name
        body = Graph([*outside, *met, *sequences], self.outputs, name=name)
        first = [each.first for each in self.carries]
        inputs = [*outside.values(), *first, *sequences.values()]
        split = Split(len(outside), len(met), len(sequences))
        params = {**self.node.params, "body": body, "split": split}
        loop = applied("scan", inputs, self.node, **params)
        return [
            applied("project", [loop], self.node, index=i)
            for i in range(len(self.outputs))
        ]


def fixed_nodes(loop: Loop) -> set[Node]:
    """The nodes of a loop's body that have the same value in every step."""
    fixed, given = set(loop.outside), set(loop.given)
    for node in loop.nodes:
        if node not in given and all(each in fixed for each in node.inputs):
            fixed.add(node)
    return fixed


def is_loop(node: Node) -> bool:
    """Whether a node is a scan."""
    return is_op(node, "scan")


def placeholder(like: Node, name: str = "") -> Node:
    """A new input of a body for values like this node's."""
    return Node.kind(None, (), {}, like.shape, like.dtype, None, name or like.name)


def renewed(outputs: Sequence[Node], new: Mapping[Node, Node]) -> list[Node]:
    """Nodes, computed from others where ``new`` replaces what they depend on."""
    known = dict(new)
    for node in in_order(outputs, stop=new):
        if node in known:
            continue
        inputs = tuple(known[each] for each in node.inputs)
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        known[node] = node if same else remade(node, inputs)
    return [known[node] for node in outputs]


#: What a pass makes of a loop, given its new inputs: the nodes for its results, in
#: order, each None if nothing reads it; or None to keep the loop.
Change = Callable[[Node, tuple[Node, ...]], "Sequence[Node | None] | None"]


def rewrite_loops(graph: Graph, change: Change) -> Graph:
    """The graph with the results of loops replaced."""
    results: dict[Node, Sequence[Node | None]] = {}

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if is_loop(node):
            replaced = change(node, inputs)
            if replaced is not None:
                results[node] = replaced
                return node
        elif is_op(node, "project"):
            if node.inputs[0] in results:
                index = cast(int, node.params["index"])
                return results[node.inputs[0]][index]
        return None

    return rewrite(graph, rule)


Run = Callable[[Graph], Graph]


def in_bodies(run: Run) -> Run:
    """The pass on the bodies of a graph's loops."""

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        if not is_loop(node):
            return None
        body = node.params["body"]
        new = run(body)
        if all(a is b for a, b in zip(new.outputs, body.outputs, strict=True)):
            return None
        changed = remade(node, inputs)
        changed.params = {**node.params, "body": new}
        return changed

    return lambda graph: rewrite(graph, rule) if has_loops(graph) else graph


def within_loops(run: Run) -> Run:
    """The pass on a graph, and before that on the bodies of its loops."""

    @functools.wraps(run)
    def everywhere(graph: Graph) -> Graph:
        return run(in_bodies(everywhere)(graph))

    return everywhere


def has_loops(graph: Graph) -> bool:
    """Whether a scan is among the operations."""
    return any(map(is_loop, graph.nodes))


def where_loops_are(run: Run) -> Run:
    """The pass within loops, for graphs that have any: it has been run before."""
    inside = within_loops(run)

    @functools.wraps(run)
    def again(graph: Graph) -> Graph:
        return inside(graph) if has_loops(graph) else graph

    return again
