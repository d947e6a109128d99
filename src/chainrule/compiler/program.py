"""The plan that an engine runs: instructions over numbered slots.

Place on the road: after the passes, before the engine. A slot holds one value. The
program says which slots are given (inputs, variables, constants), what to compute in
which order, after which instruction a slot is not needed any more, and which slots are
the results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..graph import Array, Graph, Node
from ..ops.primitive import Primitive


class Cell(Protocol):
    """Where a variable's value lives; engines read it and leave the new one here."""

    array: Array


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
        inputs: the slots of the arguments.
        variables: pairs (slot, where its value lives).
        constants: pairs (slot, value).
        outputs: the slots of the results.
        updates: pairs (where a variable lives, slot of its new value).
    """

    graph: Graph
    num_slots: int
    inputs: tuple[int, ...]
    variables: tuple[tuple[int, Cell], ...]
    constants: tuple[tuple[int, Array], ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]
    updates: tuple[tuple[Cell, int], ...]


def plan(graph: Graph) -> Program:
    """The program of a graph: a slot for every node, each freed after its last use."""
    order = [*graph.inputs, *graph.variables, *graph.constants, *graph.operations]
    slot = {node: number for number, node in enumerate(order)}
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
        num_slots=len(order),
        inputs=tuple(slot[node] for node in graph.inputs),
        variables=tuple((slot[leaf], _cell(leaf)) for leaf in graph.variables),
        constants=tuple((slot[node], node.value) for node in graph.constants),
        instructions=tuple(instructions),
        outputs=tuple(slot[node] for node in graph.outputs),
        updates=tuple((_cell(leaf), slot[new]) for leaf, new in graph.updates),
    )


def _primitive(node: Node) -> Primitive:
    assert isinstance(node.op, Primitive)
    return node.op


def _cell(leaf: Node) -> Any:
    return leaf.owner
