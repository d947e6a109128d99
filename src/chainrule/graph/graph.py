"""Graphs: pure functions as data, and the order in which their nodes run.

Place on the road: what tracing makes, passes rewrite and engines run. A ``Graph`` is a
cut through the nodes: from some inputs to some outputs. No mathematics here: what an
operation means is written in ``ops``.

Every walk over a graph is a loop over ``in_order``: a node is always younger than its
inputs, so sorting by age is a topological order, and no walk recurses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .node import Node
from .printing import format_graph


def in_order(outputs: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """Every node that the outputs depend on, each after its inputs.

    Arguments:
        outputs: where the walk begins.
        stop: nodes that are in the result, but not what lies behind them.
    """
    stop = set(stop)
    reached: set[Node] = set()
    pending = list(outputs)
    while pending:
        node = pending.pop()
        if node not in reached:
            reached.add(node)
            if node not in stop:
                pending.extend(node.inputs)
    return sorted(reached, key=lambda node: node.age)


class Graph:
    """A pure function as data: inputs, outputs, and new values for variables.

    Arguments:
        inputs: the nodes whose values are given from outside; the graph ends at them.
        outputs: the nodes whose values are wanted.
        updates: pairs (leaf of a variable, node of its new value).

    Two graphs are equal when they have the same operations on the same shapes in the
    same structure, whatever their names and source lines: tests compare a pass's result
    with the graph they expect.
    """

    def __init__(
        self,
        inputs: Sequence[Node],
        outputs: Sequence[Node],
        updates: Sequence[tuple[Node, Node]] = (),
        name: str = "graph",
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.updates = tuple(updates)
        self.name = name
        self._canonical: tuple[Any, ...] | None = None

    @property
    def results(self) -> tuple[Node, ...]:
        """Everything a run must compute: the outputs, then the new values."""
        return self.outputs + tuple(new for _, new in self.updates)

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes that a run needs, each after its inputs; the graph's inputs
        included.
        """
        return in_order((*self.results, *self.inputs), stop=self.inputs)

    @cached_property
    def variables(self) -> list[Node]:
        """The leaves that are values of variables, read or updated, oldest first."""
        leaves = {node for node in self.nodes if node.owner is not None}
        leaves.update(leaf for leaf, _ in self.updates)
        return sorted(leaves - set(self.inputs), key=lambda node: node.age)

    @cached_property
    def constants(self) -> list[Node]:
        """The leaves whose values are part of the graph."""
        inputs = set(self.inputs)
        return [
            n for n in self.nodes if n.is_leaf and n.owner is None and n not in inputs
        ]

    @cached_property
    def operations(self) -> list[Node]:
        """The nodes that compute something, in order."""
        inputs = set(self.inputs)
        return [n for n in self.nodes if not n.is_leaf and n not in inputs]

    def canonical(self) -> tuple[Any, ...]:
        """The structure as plain data, equal for equal graphs."""
        if self._canonical is None:
            index: dict[Node, int] = {}
            rows: list[Any] = []
            for node in (*self.inputs, *self.variables):
                index[node] = len(index)
                rows.append(("given", node.shape, str(node.dtype)))
            for node in self._depth_first(index):
                index[node] = len(index)
                rows.append(_canonical_row(node, index))
            ends = tuple(index[node] for node in self.outputs)
            updates = tuple((index[leaf], index[new]) for leaf, new in self.updates)
            self._canonical = (len(self.inputs), tuple(rows), ends, updates)
        return self._canonical

    def _depth_first(self, given: Mapping[Node, int]) -> list[Node]:
        """The remaining nodes in an order that depends on structure, not on age."""
        done = set(given)
        order: list[Node] = []
        pending = [(node, False) for node in reversed(self.results)]
        while pending:
            node, inputs_done = pending.pop()
            if node in done:
                continue
            if inputs_done:
                done.add(node)
                order.append(node)
            else:
                pending.append((node, True))
                pending.extend((each, False) for each in reversed(node.inputs))
        return order

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.canonical() == other.canonical()

    def __hash__(self) -> int:
        return hash(self.canonical())

    def __str__(self) -> str:
        return format_graph(self)

    def __repr__(self) -> str:
        return (
            f"<Graph {self.name}: {len(self.inputs)} inputs, {len(self.operations)} "
            f"operations, {len(self.outputs)} outputs, {len(self.updates)} updates>"
        )


def _canonical_row(node: Node, index: Mapping[Node, int]) -> tuple[Any, ...]:
    if node.op is None:
        value = np.asarray(node.value)
        return ("constant", node.shape, str(node.dtype), value.tobytes())
    inputs = tuple(index[each] for each in node.inputs)
    return (node.op.name, freeze(node.params), inputs, node.shape, str(node.dtype))


def freeze(params: Any) -> Any:
    """Static arguments as something that can be compared and hashed."""
    if isinstance(params, Mapping):
        return tuple((name, freeze(params[name])) for name in sorted(params))
    if isinstance(params, (list, tuple)):
        return tuple(freeze(each) for each in params)
    if isinstance(params, float):  # so that NaN equals NaN, and −0 is not 0
        return params.hex()
    return str(params) if isinstance(params, np.dtype) else params
