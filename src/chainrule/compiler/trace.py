"""Tracing: a Python function becomes a graph. It is called once, with nodes that have
no values.

Place on the road: the entrance of the compiler. Tensors, arrays and Python floats among
the arguments become inputs; everything else (ints, strings, None …) is part of the
program, and another value makes another program. The variables that the function reads
or assigns need not be listed: the trace records them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import dtypes, tree
from ..derivatives import check_function
from ..dtypes import DType
from ..errors import DTypeError, TraceError
from ..graph import Array, Graph, Node, Trace, no_value
from ..ops.arrays import Number, lift
from ..variable import Variable
from .rewrite import constant_leaf, remade


@dataclass(frozen=True)
class Traced:
    """A function's graph, and the structure in which its results are nested.

    ``numbers`` has (position among what becomes an input, dtype) of the integers that
    are inputs after the arrays, ``taken`` the names of the captured arrays that follow.
    """

    graph: Graph
    results: tree.Structure
    numbers: tuple[tuple[int, DType], ...] = ()
    taken: tuple[str, ...] = ()


def is_input(leaf: Any) -> bool:
    """Whether a leaf of the arguments is an input of the graph, not of the program.

    A variable is part of the program: the function may assign to it.
    """
    if isinstance(leaf, Variable):
        return False
    return isinstance(leaf, (Node, np.ndarray, np.generic, float)) or hasattr(
        leaf, "__array__"
    )


def as_input(leaf: Any, name: str = "an argument") -> Array:
    """The array that is passed for an input."""
    if isinstance(leaf, Node):
        value = leaf.read().value
        if value is None:
            raise no_value(leaf, "a compiled function's argument")
        return np.asarray(value)
    if isinstance(leaf, float):
        return np.asarray(leaf, dtypes.default_float())
    array = np.asarray(leaf)
    if array.dtype.kind not in "biuf" and not dtypes.is_bfloat16(array.dtype):
        raise DTypeError(
            f"compile: {name} is an array of {array.dtype}: a tensor holds numbers",
            fix="convert it to numbers first",
        )
    native = dtypes.as_dtype(array.dtype)
    return array if array.dtype.isnative else array.astype(native)


def trace_call(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    arrays: Mapping[str, Array] | None = None,
    open: Set[int] = frozenset(),
) -> Traced:
    """The graph of the call ``f(*args, **kwargs)``.

    Where one of the named ``arrays`` meets a tensor, it is an input like an argument,
    and so is an integer at one of the ``open`` positions among the leaves.

    Raises:
        DTypeError: where the value of such an integer is needed.
    """
    from ..recompilation.arguments import argument_names  # not at the start

    leaves, structure = tree.flatten((tuple(args), dict(kwargs)))
    names = argument_names(f, args, kwargs)
    title = getattr(f, "__name__", type(f).__name__)
    inputs: list[Any] = []
    numbers: dict[int, Number] = {}
    new: list[Any] = []
    for position, (leaf, name) in enumerate(zip(leaves, names, strict=True)):
        if position in open:
            numbers[len(inputs) + len(numbers)] = number = Number(name)
            new.append(number)
        elif is_input(leaf):
            array = as_input(leaf, f"{name or 'an argument'} of {title}")
            node = Node.kind(
                None, (), {}, array.shape, array.dtype.newbyteorder("="), None, name
            )
            inputs.append(node)
            new.append(node)
        else:
            new.append(leaf)
    new_args, new_kwargs = tree.unflatten(structure, new)
    known = {
        name: a for name, a in (arrays or {}).items() if a.dtype in dtypes.SUPPORTED
    }
    read = {
        name: Node.kind(None, (), {}, a.shape, a.dtype, None, name)
        for name, a in known.items()
    }
    by_id = {id(a): read[name] for name, a in known.items()}
    with Trace(purpose=title, arrays=by_id) as trace:
        result = f(*new_args, **new_kwargs)
        out_leaves, out_structure = tree.flatten(result)
        outputs = [lift([leaf])[0] for leaf in out_leaves]
    updates = [
        (trace.variables[variable], node) for variable, node in trace.updates.items()
    ]
    if any(each.asked for each in numbers.values()):
        raise DTypeError("compile: the value of an integer was needed in the trace")
    used = {(i, d): node for i, n in numbers.items() for d, node in n.used.items()}
    taken = {name: node for name, node in read.items() if node in trace.taken}
    inputs += [*used.values(), *taken.values()]
    graph = Graph(inputs, outputs, updates, name=title)
    return Traced(close(graph, trace), out_structure, tuple(used), tuple(taken))


def close(graph: Graph, trace: Trace) -> Graph:
    """The graph with the values that were known before the trace as constants.

    A tensor from outside has its value: neither its history nor the variables it was
    once computed from are part of the program.

    Raises:
        TraceError: for a tensor without a value that another trace has left behind.
    """
    given = set(graph.inputs)
    new: dict[Node, Node] = {}
    known: set[Node] = set()
    pending = list(graph.results)
    while pending:
        node = pending.pop()
        if node not in known:
            known.add(node)
            if node.value is None and node not in given:
                pending.extend(node.inputs)
    for node in sorted(known, key=lambda node: node.age):
        if node.value is not None and (node.op is not None or node.owner is not None):
            new[node] = constant_leaf(node, node.value)
        elif node in given or node.value is not None:
            new[node] = node
        elif node.op is None:
            if trace.versions.get(node) is None:
                raise _left_behind(node)
            new[node] = node
        else:
            inputs = tuple(new[each] for each in node.inputs)
            same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
            new[node] = node if same else remade(node, inputs)
    return Graph(
        graph.inputs,
        [new[node] for node in graph.outputs],
        [(leaf, new[value]) for leaf, value in graph.updates],
        name=graph.name,
    )


def _left_behind(node: Node) -> TraceError:
    return TraceError(
        f"compile: {node.describe()} was made while another function was traced, and "
        "has no value here",
        fix="return it from that function, and pass it to this one",
    )


def trace(f: Callable[..., Any], *examples: Any, **named: Any) -> Graph:
    """The computational graph of a function, for arguments shaped like the examples.

    Only shapes and dtypes of the examples matter; nothing is computed. Assignments to
    parameters, such as an optimizer's step, are the graph's ``updates``.

    Raises:
        TraceError: when the function looks at a value, as in ``if x > 0``.

    Example:
        >>> import chainrule as cr
        >>> graph = cr.trace(lambda x, y: cr.exp(x) * y, cr.zeros(3), cr.zeros(3))
        >>> [node.op.name for node in graph.operations]
        ['exp', 'multiply']
    """
    check_function("trace", f)
    return trace_call(f, examples, named).graph
