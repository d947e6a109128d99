"""The computational graph: nodes, the order in which they run, and their printed form.

Place on the road: the thing that travels it. Tensor operators make nodes, ``backprop``
makes more of them, compiler passes rewrite them and engines run them. No mathematics
here: what an operation means is written in ``ops``.

A ``Node`` is one application of one operation, and never changes. A ``Graph`` is a cut
through the nodes: from some inputs to some outputs. Every walk is a loop over
``in_order``: a node is always younger than its inputs, so sorting by age is a
topological order, and no walk recurses.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType, FrameType, MappingProxyType
from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from .dtypes import DType
from .errors import SourceLine, TraceError, own_files
from .shapes import Shape

Array = NDArray[Any]

_ages = itertools.count()


class Operation(Protocol):
    """What the graph must know of an operation: its name. ``ops.primitive`` has the
    rest.
    """

    @property
    def name(self) -> str:
        """The name in printed graphs."""


class Node:
    """One application of an operation to other nodes, or a leaf without an operation.

    Attributes:
        op: the operation; None for a leaf (an input, a constant, a variable's value).
        inputs: the nodes it is applied to.
        params: the operation's static arguments, such as ``axis``.
        shape, dtype: what the operation's rule declares of the value.
        value: the array; None while tracing, where only shapes are known.
        name: the name that the user gave, or "".
        owner: for a leaf that is the value of a variable, that variable.
        origin: for a node made by a backward rule, the forward node it belongs to.
        literal: whether it is a Python number that an operator turned into a node.
    """

    __slots__ = (
        "__weakref__",
        "_line",
        "age",
        "dtype",
        "inputs",
        "literal",
        "name",
        "op",
        "origin",
        "owner",
        "params",
        "shape",
        "value",
    )  # fmt: skip

    #: The class of the nodes that operations make; ``tensor`` puts its own class here.
    kind: ClassVar[type[Node]]

    def __init__(
        self,
        op: Operation | None,
        inputs: tuple[Node, ...],
        params: Mapping[str, Any],
        shape: Shape,
        dtype: DType,
        value: Any = None,
        name: str = "",
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.value = value
        self.name = name
        self.owner: Node | None = None
        self.origin: Node | None = _origin.get()
        self.literal = False
        self.age = next(_ages)
        self._line: Place | None = (
            _user_place() if self.origin is None else self.origin._line
        )

    @property
    def line(self) -> SourceLine | None:
        """The line of the user's program that made this node."""
        return _source_line(self._line) if self._line else None

    @property
    def several(self) -> bool:
        """Whether the value is several arrays: shape and dtype are tuples then."""
        dtype: object = self.dtype
        return type(dtype) is tuple

    @property
    def is_leaf(self) -> bool:
        """Whether no operation made this node."""
        return self.op is None

    def read(self) -> Node:
        """The node that stands for this one in a new operation."""
        return self

    @property
    def label(self) -> str:
        """How messages name this node: the user's name for it, ``W.T``, or ""."""
        if self.op is not None and self.op.name == "transpose" and not self.name:
            return f"{self.inputs[0].name}.T" if self.inputs[0].name else ""
        return self.name

    def describe(self) -> str:
        """``"W (10, 512)"``: label and shape, as messages show an operand."""
        shape = str(self.shape)
        return f"{self.label} {shape}" if self.label else shape


Node.kind = Node


#: A place in a program: the code, and how far it was. The number of the line takes long
#: to find, so it is found when someone asks.
Place = tuple[CodeType, int]


def _user_place(depth: int = 2) -> Place | None:
    """Where ``errors.user_line`` would find the user: this runs for every node.

    So many calls, this one included, are known to be the package's own.
    """
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        if not own_files[code.co_filename]:
            return code, frame.f_lasti
        frame = frame.f_back
    return None


def _source_line(place: Place) -> SourceLine:
    """The line of a place."""
    code, at = place
    found = [line for first, end, line in code.co_lines() if first <= at < end]
    number = found[0] if found else None
    return SourceLine(code.co_filename, number or code.co_firstlineno, code.co_name)


class Changes:
    """When a variable of this process last changed, or was last read into a graph.

    ``last`` is another object after each time: who remembers it knows, by looking at
    this one place, that all variables are as they were.
    """

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = object()


changes = Changes()


_origin: ContextVar[Node | None] = ContextVar("origin", default=None)


#: The static arguments of a leaf.
NO_PARAMS: Mapping[str, Any] = MappingProxyType({})


def computed_leaves(
    types: Sequence[tuple[Shape, DType]], arrays: Iterable[Array], depth: int
) -> list[Node]:
    """Leaves for what a program has computed, with the line of whoever called it.

    So many calls, this one and that of ``_user_place`` included, are not the user's.

    Each is as ``Node.kind(None, (), {}, shape, dtype, array)`` makes it, in a third of
    the time: this runs for every result of every compiled call.
    """
    kind, origin = Node.kind, _origin.get()
    line = _user_place(depth) if origin is None else origin._line
    found: list[Node] = []
    for array in arrays:
        node = object.__new__(kind)
        node.op = node.owner = None
        node.inputs, node.params, node.name = (), NO_PARAMS, ""
        node.shape, node.dtype = types[len(found)]
        node.value = array
        node.origin, node._line = origin, line
        node.literal = False
        node.age = next(_ages)
        found.append(node)
    return found


@contextmanager
def on_behalf_of(node: Node) -> Iterator[None]:
    """Nodes made inside belong to the backward pass of ``node`` and carry its line."""
    token = _origin.set(node)
    try:
        yield
    finally:
        _origin.reset(token)


class Trace:
    """What is recorded while a function is traced instead of evaluated.

    While a trace is active no operation computes: nodes have shapes and no values.
    Reading a variable gives a leaf that stands for its value at the start; assigning to
    it changes what later reads give and is remembered in ``updates``. The traced
    function stays pure.

    The trace of a loop's ``body`` keeps no variables: they are read through the trace
    around it, or have their values where there is none.
    """

    def __init__(self, *, purpose: str, body: bool = False) -> None:
        self.purpose = purpose
        self.body = body
        self.around = _trace.get()
        self.start = next(_ages)
        #: variable → the leaf that stands for its value at the start
        self.variables: dict[Node, Node] = {}
        #: variable → the node that stands for its value now
        self.current: dict[Node, Node] = {}
        #: variable → its value at the end
        self.updates: dict[Node, Node] = {}
        #: node that stood for a variable's value at some time → the variable
        self.versions: dict[Node, Node] = {}

    def __enter__(self) -> Trace:
        self._token = _trace.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _trace.reset(self._token)


_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)

#: Whether a derivative of the function being called is wanted: compiled functions are
#: then run operation by operation, so that there is a graph to differentiate.
differentiating: ContextVar[bool] = ContextVar("differentiating", default=False)


def variable_trace() -> Trace | None:
    """The trace that keeps variables: the innermost that is not of a loop's body."""
    trace = _trace.get()
    while trace is not None and trace.body:
        trace = trace.around
    return trace


def current_trace() -> Trace | None:
    """The innermost active trace, or None: operations are evaluated at once."""
    return _trace.get()


def in_order(outputs: Iterable[Node], stop: Iterable[Node] = ()) -> list[Node]:
    """Every node the outputs depend on, each after its inputs; not beyond ``stop``."""
    stop = set(stop)
    found: set[Node] = set()
    pending = list(outputs)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            if node not in stop:
                pending.extend(node.inputs)
    return sorted(found, key=lambda node: node.age)


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
        self._nodes: list[Node] | None = None

    @property
    def results(self) -> tuple[Node, ...]:
        """Everything a run must compute: the outputs, then the new values."""
        return self.outputs + tuple(new for _, new in self.updates)

    @property
    def nodes(self) -> list[Node]:
        """The nodes that a run needs, each after its inputs; the graph's inputs
        included.
        """
        if self._nodes is None:
            self._nodes = in_order((*self.results, *self.inputs), stop=self.inputs)
        return self._nodes

    @property
    def variables(self) -> list[Node]:
        """The leaves that are values of variables, read or updated, oldest first."""
        leaves = {node for node in self.nodes if node.owner is not None}
        leaves.update(leaf for leaf, _ in self.updates)
        return sorted(leaves - set(self.inputs), key=lambda node: node.age)

    @property
    def constants(self) -> list[Node]:
        """The leaves whose values are part of the graph."""
        inputs = set(self.inputs)
        return [
            n for n in self.nodes if n.is_leaf and n.owner is None and n not in inputs
        ]

    @property
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


def format_type(node: Node) -> str:
    """``float32[32, 784]``"""
    if node.several:
        pairs = zip(cast(Any, node.dtype), node.shape, strict=True)
        return (
            "(" + ", ".join(f"{dtype}{_sizes(shape)}" for dtype, shape in pairs) + ")"
        )
    return f"{node.dtype}{_sizes(node.shape)}"


def _sizes(shape: Any) -> str:
    return f"[{', '.join(map(str, shape))}]"


class Names:
    """A distinct printed name for every node: the user's, else %0, %1, … in order."""

    def __init__(self) -> None:
        self._names: dict[Node, str] = {}
        self._taken: set[str] = set()
        self._count = itertools.count()

    def __getitem__(self, node: Node) -> str:
        if node not in self._names:
            name = node.name
            if (
                not name
                and node.is_leaf
                and node.value is not None
                and node.value.ndim == 0
            ):
                name = f"{node.value.item():.7g}"
                self._names[node] = name
                return name
            while not name or name in self._taken:
                name = f"{node.name}%{next(self._count)}"
            self._names[node] = name
            self._taken.add(name)
        return self._names[node]


def format_graph(graph: Graph) -> str:
    """The graph as text, one node a line: operation, shape, dtype, source line."""
    names = Names()
    given = ", ".join(f"{names[node]}: {format_type(node)}" for node in graph.inputs)
    rows: list[tuple[str, str, str]] = []
    inputs = set(graph.inputs)
    for node in graph.variables:
        rows.append((f"{names[node]} = variable", format_type(node), _place(node)))
    for node in graph.nodes:
        if node in inputs or node.owner is not None:
            continue
        if node.op is None:
            if node.shape == ():
                continue
            rows.append((f"{names[node]} = constant", format_type(node), _place(node)))
        else:
            rows.append((_call(node, names), format_type(node), _place(node)))
    return "\n".join([f"{graph.name}({given})", *_columns(rows), *_ends(graph, names)])


def _call(node: Node, names: Names) -> str:
    assert node.op is not None
    arguments = [names[each] for each in node.inputs]
    for name, value in node.params.items():
        shown = f"<{value.name}>" if isinstance(value, Graph) else value
        arguments.append(f"{name}={shown}")
    return f"{names[node]} = {node.op.name}({', '.join(arguments)})"


def _place(node: Node) -> str:
    if node.line is None:
        return ""
    backward = "backward of " if node.origin is not None else ""
    text = node.line.text
    return f"# {backward}{node.line.place}" + (f"  {text}" if text else "")


def _columns(rows: list[tuple[str, str, str]]) -> list[str]:
    widths = [min(48, max((len(row[i]) for row in rows), default=0)) for i in (0, 1)]
    return [
        f"  {call:<{widths[0]}}  {kind:<{widths[1]}}  {place}".rstrip()
        for call, kind, place in rows
    ]


def _ends(graph: Graph, names: Names) -> list[str]:
    ends = [f"  return {', '.join(names[node] for node in graph.outputs)}"]
    ends += [f"  update {names[leaf]} ← {names[new]}" for leaf, new in graph.updates]
    return ends


LOOKED_AT = ("item()", "numpy()", "tolist()", "a NumPy array")
LOOK_OUTSIDE = (
    "return it from the function and look at it outside; choose between values with "
    "cr.where(condition, a, b); or call the function without cr.compile"
)
CHOOSE_INSIDE = (
    "choose between values with cr.where(condition, a, b); repeat with "
    "cr.scan(f, init, xs); or call the function without cr.compile"
)


def no_value(node: Node, wanted: str) -> TraceError:
    """The error for Python asking a node without a value for it."""
    trace = current_trace()
    if trace is None:
        return TraceError(
            f"{wanted}: this tensor was traced inside a compiled function that has "
            "ended; outside of it, it has no value",
            fix="return it from the compiled function",
        )
    made_by = f"the result of {node.op.name}" if node.op is not None else "a tensor"
    return TraceError(
        f"{wanted}: {node.label or made_by} {node.shape} has no value while "
        f"{trace.purpose} is traced, so Python cannot look at it",
        fix=LOOK_OUTSIDE if wanted in LOOKED_AT else CHOOSE_INSIDE,
    )
