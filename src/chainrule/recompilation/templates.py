"""Graphs that differ in nothing but their variables: what one became serves the others.

Place on the road: between a traced graph and its program. A network of the same layers
and sizes is traced to the same operations on other parameters: in every fold of a
cross-validation, for every candidate of a search, in each cell of a notebook. What the
passes and the engine made of the first graph is kept, with blanks for its variables,
and filled in for the next. It must not know the passes, nor an engine.

Two graphs are alike if nobody could tell them apart by looking at nodes: operations,
static arguments, shapes, dtypes, names, constants, and their order. What cannot be read
in full makes a graph unlike every other. Variables are told apart by where they stand;
lines of the user's program by which nodes share one, so that messages name the new
line.

Templates outlive the process, in files: a script that is started again traces its
functions, and finds the rest (``kept``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import EllipsisType
from typing import Any, Generic, TypeVar

import numpy as np

from ..config import config
from ..graph import Array, Graph, Node
from ..graph.node import NO_PARAMS
from ..graph.source import Position
from ..ops.primitive import REGISTRY
from . import kept

#: What makes executables for programs of one kind.
Maker = TypeVar("Maker")

#: The passes, and how many operations each has left.
Stages = list[tuple[str, int]]
#: How many are kept; the one that was not asked for longest makes room.
MOST_TEMPLATES = 64
#: Graphs with larger constants, in bytes, are not kept: they would be data.
MOST_CONSTANTS = 1 << 20
#: Types of static arguments that are read as they are.
PLAIN = (bool, int, str, bytes, type(None), EllipsisType, np.dtype, Enum)

#: Numbers of the inputs, of the outputs, of (variable, its new value); the name.
Ends = tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, int], ...], str]
#: A node as data: five values of a blank, nine of any other.
Row = tuple[Any, ...]


class Unreadable(TypeError):
    """A graph of which no template can be made; never seen outside of this file."""


@dataclass
class Walk:
    """The nodes of a graph by number, each after its inputs, those in the bodies of its
    loops included; and the lines of the user's program they were made at.
    """

    graph: Graph
    numbers: dict[Node, int] = field(default_factory=dict)
    lines: dict[tuple[int, int] | None, int] = field(default_factory=dict)
    positions: list[Position | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._visit(self.graph)

    def _visit(self, graph: Graph) -> None:
        for node in (*graph.nodes, *graph.variables):
            if node in self.numbers:
                continue
            for body in bodies(node):
                self._visit(body)
            self.numbers[node] = len(self.numbers)
            line = _line(node.position)
            if line not in self.lines:
                self.lines[line] = len(self.positions)
                self.positions.append(node.position)

    def ends(self, graph: Graph) -> Ends:
        """Where a graph begins and ends."""
        return (
            self.all(graph.inputs),
            self.all(graph.outputs),
            tuple((self.numbers[a], self.numbers[b]) for a, b in graph.updates),
            graph.name,
        )

    def all(self, nodes: Iterable[Node]) -> tuple[int, ...]:
        """The numbers of some nodes."""
        return tuple([self.numbers[node] for node in nodes])

    def line(self, node: Node) -> int | None:
        """The number of a node's line; None for one that no node of the walk has."""
        return self.lines.get(_line(node.position))

    def is_given(self, node: Node) -> bool:
        """Whether a node of the graph is an input or the value of a variable."""
        return node in self.numbers and node.op is None and node.value is None


def bodies(node: Node) -> Iterator[Graph]:
    """The graphs among a node's static arguments."""
    return (each for each in node.params.values() if isinstance(each, Graph))


def _line(position: Position | None) -> tuple[int, int] | None:
    return None if position is None else (id(position[0]), position[1])


# What a graph is known by. ------------------------------------------------------------


def key_of(walk: Walk) -> Hashable:
    """Equal for graphs that are alike.

    Raises:
        Unreadable: for a static argument of an unknown type, and large constants.
    """
    if config.debug:
        raise Unreadable("every graph is compiled anew, so that all checks are made")
    owners: dict[int, int] = {}
    constants = [node for node in walk.numbers if node.op is None]
    if sum(_nbytes(node) for node in constants) > MOST_CONSTANTS:
        raise Unreadable("constants")
    rows = []
    for node in walk.numbers:
        if node.op is not None:
            what = _arguments(node.params, walk)
        elif node.owner is not None:
            what = owners.setdefault(id(node.owner), len(owners))
        else:
            what = None if node.value is None else _contents(node.value)
        rows.append(
            (
                node.op,
                what,
                walk.all(node.inputs),
                node.shape,
                node.dtype,
                node.name,
                node.literal,
                node.origin is None,
                walk.line(node),
            )
        )
    return tuple(rows), walk.ends(walk.graph), walk.all(walk.graph.variables)


def _nbytes(leaf: Node) -> int:
    return 0 if leaf.owner is not None or leaf.value is None else leaf.value.nbytes


def _arguments(params: Mapping[str, Any], walk: Walk) -> Hashable:
    """Static arguments, in which 1, 1.0 and True differ, and so do 0.0 and −0.0."""
    return tuple(
        [
            (name, walk.ends(each) if isinstance(each, Graph) else _frozen(each))
            for name, each in params.items()
        ]
    )


def _frozen(value: Any) -> Hashable:
    if isinstance(value, PLAIN):
        return type(value), value
    if isinstance(value, float):
        return float, value.hex()
    if isinstance(value, (tuple, list)):
        return type(value), *map(_frozen, value)
    if isinstance(value, slice):
        return slice, *map(_frozen, (value.start, value.stop, value.step))
    if isinstance(value, (np.ndarray, np.generic)):
        return type(value), _contents(np.asarray(value))
    if is_dataclass(value) and not isinstance(value, type):
        values = [getattr(value, each.name) for each in fields(value)]
        return type(value), *map(_frozen, values)
    raise Unreadable(type(value).__name__)


def _contents(array: Array) -> Hashable:
    """Dtype, shape and bytes of an array; of a larger one a hash of them."""
    data = array.tobytes()
    if len(data) > 64:
        data = hashlib.sha256(data).digest()
    return array.dtype, array.shape, data


# What was made of a graph, with blanks. -----------------------------------------------


class Template(Generic[Maker]):
    """An optimised graph on blanks, and what makes executables for its programs.

    It keeps no variable, and of the traced graph only copies of constants.

    Arguments:
        walk: the graph as it was traced.
        optimised: what became of it.
        stages: the passes, and how many operations each has left.
    """

    make: Maker

    def __init__(self, walk: Walk, optimised: Graph, stages: Stages) -> None:
        self._begin(stages)
        new: dict[Node, Node] = {}
        given = [node for node in walk.numbers if walk.is_given(node)]
        for node in sorted(given, key=lambda node: node.age):
            new[node] = blank = _blank(node.shape, node.dtype, node.name, node.owner)
            self._blanks[blank] = walk.numbers[node]

        def mark(old: Node, copy: Node) -> None:
            if old.owner is not None:
                raise Unreadable("a variable that was not there before the passes")
            if old.op is None and old.value is not None:
                copy.value = np.array(old.value)  # nobody else can write to it
            of = old.origin
            origin = None if of is None else walk.numbers.get(of, -1)
            self._marks[copy] = origin, walk.line(old)
            copy.position = None

        self.graph = copied(optimised, new, mark)

    def _begin(self, stages: Stages) -> None:
        self.stages = stages
        #: node → the number of its origin among the nodes of the traced graph (−1 where
        #: only that there is one is known; None for none), and that of its line
        self._marks: dict[Node, tuple[int | None, int | None]] = {}
        #: a leaf that is to be filled in → the number of what is put there
        self._blanks: dict[Node, int] = {}

    def rows(self) -> tuple[list[Row], Ends, Stages]:
        """All of it but the maker, as data; ``of_rows`` makes it again."""
        walk = Walk(self.graph)
        nodes = sorted(walk.numbers, key=lambda node: node.age)  # inputs come first
        walk.numbers = {node: number for number, node in enumerate(nodes)}
        rows: list[Row] = []
        for node in nodes:
            what = node.shape, node.dtype, node.name
            if node in self._blanks:
                rows.append((self._blanks[node], node.owner is not None, *what))
                continue
            params = [
                (name, isinstance(each, Graph), _as_ends(each, walk))
                for name, each in node.params.items()
            ]
            op = None if node.op is None else node.op.name
            rest = node.value, node.literal, self._marks[node]
            rows.append((op, walk.all(node.inputs), params, *what, *rest))
        return rows, walk.ends(self.graph), self.stages

    @classmethod
    def of_rows(cls, rows: Iterable[Row], ends: Ends, stages: Stages) -> Template[Any]:
        """The template that these rows are of."""
        made: Template[Any] = cls.__new__(cls)
        made._begin(stages)
        nodes: list[Node] = []
        for row in rows:
            if len(row) == 5:
                number, is_variable, shape, dtype, name = row
                node = _blank(shape, dtype, name, is_variable or None)
                made._blanks[node] = number
            else:
                op, inputs, params, shape, dtype, name, value, literal, mark = row
                node = Node.kind(
                    None if op is None else REGISTRY[op],
                    tuple([nodes[each] for each in inputs]),
                    {key: _graph(p, nodes) if is_graph else p
                     for key, is_graph, p in params},
                    shape,
                    dtype,
                    value,
                    name,
                )  # fmt: skip
                node.literal, node.position = literal, None
                made._marks[node] = mark
            nodes.append(node)
        made.graph = _graph(ends, nodes)
        return made

    def filled_in(self, walk: Walk) -> Graph:
        """The graph on the variables of a traced graph that is alike."""
        nodes = [*walk.numbers]

        def mark(old: Node, copy: Node) -> None:
            origin, line = self._marks[old]
            copy.origin = None if origin is None else nodes[origin]
            if line is not None:
                copy.position = walk.positions[line]

        new = {blank: nodes[number] for blank, number in self._blanks.items()}
        return copied(self.graph, new, mark)


def _blank(shape: Any, dtype: Any, name: str, owner: object) -> Node:
    """A leaf in place of an input, or of a variable's value, which has an owner."""
    blank = Node.kind(None, (), NO_PARAMS, shape, dtype, None, name)
    if owner is not None:
        blank.owner = Node.kind(None, (), NO_PARAMS, shape, dtype, None, name)
    return blank


def copied(
    graph: Graph, new: dict[Node, Node], mark: Callable[[Node, Node], None]
) -> Graph:
    """The graph made of copies of its nodes.

    Arguments:
        new: the nodes that stand in for others; the copies are added.
        mark: called with every other node and its copy.
    """
    for node in (*graph.nodes, *graph.variables):
        if node in new:
            continue
        params = {
            name: copied(each, new, mark) if isinstance(each, Graph) else each
            for name, each in node.params.items()
        }
        inputs = tuple([new[each] for each in node.inputs])
        copy = Node.kind(
            node.op, inputs, params, node.shape, node.dtype, node.value, node.name
        )
        copy.literal = node.literal
        mark(node, copy)
        new[node] = copy
    return Graph(
        [new[node] for node in graph.inputs],
        [new[node] for node in graph.outputs],
        [(new[leaf], new[value]) for leaf, value in graph.updates],
        name=graph.name,
    )


def _as_ends(value: Any, walk: Walk) -> Any:
    return walk.ends(value) if isinstance(value, Graph) else value


def _graph(ends: Ends, nodes: Sequence[Node]) -> Graph:
    """The graph that begins and ends at some nodes."""
    inputs, outputs, updates, name = ends
    return Graph(
        [nodes[each] for each in inputs],
        [nodes[each] for each in outputs],
        [(nodes[leaf], nodes[new]) for leaf, new in updates],
        name=name,
    )


# The templates of this process. -------------------------------------------------------

#: Single operations on a dict are safe among threads; two threads that compile the same
#: at once both do it, and one of their templates stays.
_kept: dict[Hashable, Template[Any]] = {}


def prepared(
    graph: Graph,
    engine: kept.Engine,
    optimised: Callable[[Stages], Graph],
    maker: Callable[[Graph], Maker],
) -> tuple[Graph, Stages, Maker]:
    """The optimised graph, its stages, and what makes executables for its program; from
    a graph that was alike, if there was one.

    Arguments:
        graph: as traced.
        engine: what makes executables. The results depend on it, its passes and its
            settings, on the default dtype and the folder of machine code.
        optimised: runs the passes on the graph, and notes them as stages.
        maker: given an optimised graph on blanks, what makes executables for it.
    """
    walk, stages = Walk(graph), Stages()
    try:
        look = key_of(walk)
    except Unreadable:
        new = optimised(stages)
        return new, stages, maker(new)
    settings = engine, engine.passes, engine.settings()
    key = settings, config.dtype, config.cache_folder, look
    known = _kept.pop(key, None)
    if known is None:
        entry = kept.entry_of(engine, look, walk.numbers)
        known = None if entry is None else _read(entry, engine)
    if known is not None:
        _keep(key, known)
        return known.filled_in(walk), known.stages, known.make
    new = optimised(stages)
    try:
        made: Template[Maker] = Template(walk, new, stages)
    except Unreadable:
        return new, stages, maker(new)
    made.make = maker(made.graph)
    _keep(key, made)
    if entry is not None:
        kept.write(entry, engine, made.rows(), made.make)
    return new, stages, made.make


def _read(entry: Path, engine: kept.Engine) -> Template[Any] | None:
    """The template of an earlier process."""
    found = kept.read(entry, engine)
    if found is None:
        return None
    rows, make = found
    known: Template[Any] = Template.of_rows(*rows)
    known.make = make
    return known


def _keep(key: Hashable, template: Template[Any]) -> None:
    """Makes it the last in order."""
    _kept[key] = template
    for oldest in [*_kept][:-MOST_TEMPLATES]:
        _kept.pop(oldest, None)


def forget() -> None:
    """Forgets the templates of this process: the next graph of each kind is compiled
    anew, or found on disk.
    """
    _kept.clear()
