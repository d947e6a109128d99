"""Graphs as text: one node a line, with the line of the user's program.

Place on the road: between nodes and graphs, so that ``str(graph)`` is this text. It
must not know the class ``Graph``: it prints whatever has a graph's parts.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from .node import Node


@runtime_checkable
class Printable(Protocol):
    """The parts of a ``Graph`` that are printed."""

    @property
    def name(self) -> str:
        """What the function is called."""

    @property
    def inputs(self) -> Sequence[Node]:
        """The nodes given from outside."""

    @property
    def outputs(self) -> Sequence[Node]:
        """The nodes whose values are wanted."""

    @property
    def updates(self) -> Sequence[tuple[Node, Node]]:
        """Pairs (leaf of a variable, node of its new value)."""

    @property
    def variables(self) -> Sequence[Node]:
        """The leaves that are values of variables."""

    @property
    def nodes(self) -> Sequence[Node]:
        """All of them, each after its inputs."""


def format_type(node: Node) -> str:
    """Dtype and shape: ``float32[32, 784]``; in parentheses where they are several."""
    texts = [f"{dtype}[{', '.join(map(str, shape))}]" for shape, dtype in node.types]
    return f"({', '.join(texts)})" if node.several else texts[0]


class Names:
    """A distinct printed name for every node: the user's, else %0, %1, … in order.

    A single number without a name is called by its value.
    """

    def __init__(self) -> None:
        self._names: dict[Node, str] = {}
        self._taken: set[str] = set()
        self._count = itertools.count()

    def __getitem__(self, node: Node) -> str:
        if node not in self._names:
            self._names[node] = _number(node) or self._distinct(node.name)
        return self._names[node]

    def _distinct(self, wanted: str) -> str:
        name = wanted
        while not name or name in self._taken:
            name = f"{wanted}%{next(self._count)}"
        self._taken.add(name)
        return name


def _number(node: Node) -> str:
    """A nameless leaf of one known number as that number, anything else as ""."""
    if node.name or not node.is_leaf or node.value is None or node.value.ndim:
        return ""
    return f"{node.value.item():.7g}"


def format_graph(graph: Printable) -> str:
    """The graph as text, one node a line: operation, shape, dtype, source line."""
    names = Names()
    given = ", ".join(f"{names[node]}: {format_type(node)}" for node in graph.inputs)
    rows: list[tuple[str, str, str]] = []
    inputs = set(graph.inputs)
    for node in graph.variables:
        rows.append((f"{names[node]} = variable", format_type(node), _source(node)))
    for node in graph.nodes:
        if node in inputs or node.owner is not None:
            continue
        if node.op is None:
            if node.shape == ():
                continue
            rows.append((f"{names[node]} = constant", format_type(node), _source(node)))
        else:
            rows.append((_call(node, names), format_type(node), _source(node)))
    return "\n".join([f"{graph.name}({given})", *_columns(rows), *_ends(graph, names)])


def _call(node: Node, names: Names) -> str:
    assert node.op is not None
    arguments = [names[operand] for operand in node.inputs]
    for name, value in node.params.items():
        shown = f"<{value.name}>" if isinstance(value, Printable) else value
        arguments.append(f"{name}={shown}")
    return f"{names[node]} = {node.op.name}({', '.join(arguments)})"


def _source(node: Node) -> str:
    if node.line is None:
        return ""
    backward = "backward of " if node.origin is not None else ""
    text = node.line.text
    return f"# {backward}{node.line.place}" + (f"  {text}" if text else "")


def _columns(rows: list[tuple[str, str, str]]) -> list[str]:
    widths = [min(48, max((len(row[i]) for row in rows), default=0)) for i in (0, 1)]
    return [
        f"  {call:<{widths[0]}}  {type_:<{widths[1]}}  {source}".rstrip()
        for call, type_, source in rows
    ]


def _ends(graph: Printable, names: Names) -> list[str]:
    ends = [f"  return {', '.join(names[node] for node in graph.outputs)}"]
    ends += [f"  update {names[leaf]} ← {names[new]}" for leaf, new in graph.updates]
    return ends
