"""What an engine runs: instructions over numbered slots.

Place on the road: after the passes, before the engine. A slot holds one value. The
program says which slots are given (inputs, variables, constants), what to compute in
which order, after which instruction a slot is not needed any more, and which slots hold
the results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..graph import Array, Graph, Node
from ..ops.primitive import Primitive
from .cell import Cell


@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation: ``output ← op(inputs, params)``; then ``last_uses`` are free."""

    op: Primitive
    params: Mapping[str, Any]
    inputs: tuple[int, ...]
    output: int
    last_uses: tuple[int, ...]
    node: Node


@dataclass(frozen=True)
class Program:
    """A graph in the order in which it runs.

    Attributes:
        graph: what the program computes.
        nodes: the node that each slot has the value of: ``nodes[slot]``. They are the
            graph's inputs, variables, constants and operations, in this order.
        inputs: the slots of the arguments.
        variables: pairs (slot, cell that has its value).
        constants: pairs (slot, value).
        instructions: what to compute, in order.
        outputs: the slots of the results.
        updates: pairs (cell, slot of its new value).
    """

    graph: Graph
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    variables: tuple[tuple[int, Cell], ...]
    constants: tuple[tuple[int, Array], ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    updates: tuple[tuple[Cell, int], ...]

    @property
    def num_slots(self) -> int:
        """How many values there are."""
        return len(self.nodes)


def plan(graph: Graph) -> Program:
    """The program of a graph: a slot for every node, each freed after its last use."""
    nodes = (*graph.inputs, *graph.variables, *graph.constants, *graph.operations)
    slot = {node: number for number, node in enumerate(nodes)}
    freed = _freed(graph, slot)
    instructions = [
        Instruction(
            _primitive(node),
            node.params,
            tuple(slot[each] for each in node.inputs),
            slot[node],
            tuple(freed.get(node, ())),
            node,
        )
        for node in graph.operations
    ]
    return Program(
        graph=graph,
        nodes=nodes,
        inputs=tuple(slot[node] for node in graph.inputs),
        variables=tuple((slot[leaf], cell_of(leaf)) for leaf in graph.variables),
        constants=tuple((slot[node], node.value) for node in graph.constants),
        instructions=tuple(instructions),
        outputs=tuple(slot[node] for node in graph.outputs),
        updates=tuple((cell_of(leaf), slot[new]) for leaf, new in graph.updates),
    )


def cell_of(leaf: Node) -> Cell:
    """The cell of a leaf that stands for a variable's value."""
    return cast(Cell, leaf.owner)


def _freed(graph: Graph, slot: Mapping[Node, int]) -> dict[Node, list[int]]:
    """operation → the slots that nothing reads after it."""
    kept = {slot[node] for node in graph.results}
    last: dict[int, Node] = {}
    for node in graph.operations:
        for each in node.inputs:
            last[slot[each]] = node
        last.setdefault(slot[node], node)
    freed: dict[Node, list[int]] = {}
    for number, node in last.items():
        if number not in kept:
            freed.setdefault(node, []).append(number)
    return freed


def _primitive(node: Node) -> Primitive:
    assert isinstance(node.op, Primitive)
    return node.op
