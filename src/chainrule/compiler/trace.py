"""Tracing: a Python function becomes a graph, by calling it once with nodes without
values.

Place on the road: the entrance of the compiler. Tensors, arrays and Python floats among
the arguments become inputs; everything else (ints, strings, None …) is part of the
program, and another value is another program. Variables that the function reads or
assigns are found by themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import dtypes, tree
from ..errors import DTypeError
from ..graph import Array, Graph, Node, Trace, no_value
from ..ops.primitive import lift


@dataclass(frozen=True)
class Traced:
    """A function's graph, and the structure in which its results are nested."""

    graph: Graph
    results: tree.Structure


def is_input(leaf: Any) -> bool:
    """Whether a leaf of the arguments is an input of the graph, not part of the
    program.
    """
    return isinstance(leaf, (Node, np.ndarray, np.generic, float)) or hasattr(
        leaf, "__array__"
    )


def as_input(leaf: Any) -> Array:
    """The array that is passed for an input."""
    if isinstance(leaf, Node):
        value = leaf.read().value
        if value is None:
            raise no_value(leaf, "a compiled function's argument")
        return np.asarray(value)
    if isinstance(leaf, float):
        return np.asarray(leaf, dtypes.default_float())
    array = np.asarray(leaf)
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            f"compile: an argument is an array of {array.dtype}: a tensor holds "
            "numbers",
            fix="convert it to numbers first",
        )
    dtypes.as_dtype(array.dtype)
    return array


def argument_names(
    f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[str]:
    """A name for every leaf of the arguments: ``x``, or ``batch.0`` inside of a
    container.
    """
    try:
        bound = inspect.signature(f).bind(*args, **kwargs).arguments
        named = [n for n, p in inspect.signature(f).parameters.items() if n in bound]
        kinds = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return [""] * len(tree.flatten((args, kwargs))[0])
    positional = []
    for name in named:
        if kinds[name].kind is inspect.Parameter.VAR_POSITIONAL:
            positional += [f"{name}.{i}" for i in range(len(bound[name]))]
        elif (
            kinds[name].kind is not inspect.Parameter.VAR_KEYWORD and name not in kwargs
        ):
            positional.append(name)
    names: list[str] = []
    for name, value in [*zip(positional, args, strict=True), *sorted(kwargs.items())]:
        count = len(tree.flatten(value)[0])
        names += [name] if count == 1 else [f"{name}.{i}" for i in range(count)]
    return names


def trace_call(
    f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Traced:
    """The graph of the call ``f(*args, **kwargs)``."""
    leaves, structure = tree.flatten((tuple(args), dict(kwargs)))
    names = argument_names(f, args, kwargs)
    title = getattr(f, "__name__", type(f).__name__)
    inputs: list[Any] = []
    new: list[Any] = []
    for leaf, name in zip(leaves, names, strict=True):
        if is_input(leaf):
            array = as_input(leaf)
            node = Node.kind(
                None, (), {}, array.shape, array.dtype.newbyteorder("="), None, name
            )
            inputs.append(node)
            new.append(node)
        else:
            new.append(leaf)
    new_args, new_kwargs = tree.unflatten(structure, new)
    with Trace(purpose=title) as trace:
        answer = f(*new_args, **new_kwargs)
        out_leaves, out_structure = tree.flatten(answer)
        outputs = [lift([leaf])[0] for leaf in out_leaves]
    updates = [
        (trace.variables[variable], node) for variable, node in trace.updates.items()
    ]
    return Traced(Graph(inputs, outputs, updates, name=title), out_structure)


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
    return trace_call(f, examples, named).graph
