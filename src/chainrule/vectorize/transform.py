"""``cr.vmap``: a function of one example, called for a batch.

The function is traced on one example, as ``cr.trace`` does it, and its graph is done
again for all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import shapes, tree
from ..errors import ArgumentError, ShapeError, TraceError, unknown_option
from ..gradients import Gradients
from ..graph import Node, Trace, variable_trace
from ..ops.arrays import lift
from ..ops.movement import transpose
from .application import Batched, repeated
from .movement import first
from .replay import replayed

RANDOMNESS = ("different", "same")


def vmap(
    f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0,
    *, randomness: str = "different",
) -> Callable[..., Any]:  # fmt: skip
    """A function of a batch, from a function of one example.

    Formula: vmap(f)(x)ᵢ = f(xᵢ) for every example i, computed for all at once: f is
    traced on one example, and each of its operations done for the batch.

    It composes with the others: ``cr.vmap(cr.grad(loss), in_axes=(None, 0))`` has the
    gradient of every example, ``cr.compile(cr.vmap(f))`` is one native call,
    ``cr.vmap(cr.vmap(f))`` takes two axes. Variables that f reads are shared by all
    examples. What it assigns to them must be the same for every example: of one whose
    layers couple the examples of a batch, as ``BatchNorm`` does in training, it cannot
    be.

    Arguments:
        f: a function of tensors, nested in tuples, lists and dicts, which returns
            tensors nested likewise.
        in_axes: along which axis of each argument the examples lie; None for what all
            share. One for all arguments, or a tuple with one each; for nested arguments
            one for all inside, or nested as these. Keyword arguments are shared.
        out_axes: the axis of the examples in the results, nested likewise; None for
            what is the same for all.
        randomness: "different" random numbers for every example, or the "same".

    Returns:
        A function with the same arguments. A compiled f is traced like any other.

    Raises:
        ShapeError: for arguments with different numbers of examples, or without axes.
        ArgumentError: for axes that are not nested as the arguments, or all None.
        TraceError: where f looks at a value, as in ``if x > 0``; where it assigns to a
            variable a value of one example.

    Source: the transformation of this name is that of JAX (Bradbury et al., 2018).

    Example:
        >>> import chainrule as cr
        >>> w, x = cr.tensor([1.0, 2.0]), cr.tensor([[3.0, 4.0], [5.0, 6.0]])
        >>> cr.vmap(lambda w, x: w @ x, in_axes=(None, 0))(w, x).numpy()
        array([11., 17.], dtype=float32)
        >>> slope = cr.grad(lambda w, x: cr.tanh(w @ x))
        >>> cr.vmap(slope, in_axes=(None, 0))(w, 0 * x).numpy()
        array([[0., 0.],
               [0., 0.]], dtype=float32)
    """
    if not callable(f):
        raise ArgumentError(
            f"vmap: {type(f).__name__} is not a function", fix="cr.vmap(f)(x)"
        )
    if randomness not in RANDOMNESS:
        raise unknown_option("randomness", randomness, RANDOMNESS)

    @functools.wraps(f)
    def vectorized(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten(args)
        axes = _spread("in_axes", in_axes, structure)
        batches = list(map(_in_front, leaves, axes))
        size = _size(batches)
        known: dict[Node, Batched] = {}
        with _trace_of(getattr(f, "__name__", type(f).__name__)) as trace:
            given = list(leaves)
            for i, batch in enumerate(batches):
                if batch is not None:
                    given[i] = _example(batch)
                    known[given[i]] = Batched(batch, True)
            result = f(*tree.unflatten(structure, given), **kwargs)
            results, out_structure = tree.flatten(result)
            outputs = list(map(_output, results))
        for variable, leaf in trace.variables.items():
            known[leaf] = Batched(variable.read(), False)
        nodes = _inside([*outputs, *trace.updates.values()], trace.start)
        found = replayed(nodes, known, size, randomness == "same")
        for variable, new in trace.updates.items():
            _assign(variable, found.get(new, Batched(new, False)))
        places = _spread("out_axes", out_axes, out_structure)
        return tree.unflatten(
            out_structure,
            [
                _placed(found.get(node, Batched(node, False)), axis, size)
                for node, axis in zip(outputs, places, strict=True)
            ],
        )

    return vectorized


# What goes in. ------------------------------------------------------------------------


def _spread(name: str, axes: Any, structure: tree.Structure) -> list[int | None]:
    """An axis, or None, for each leaf of a structure."""
    whole = axes is None or (hasattr(axes, "__index__") and not isinstance(axes, bool))
    if structure is None:
        if not whole:
            raise _not_alike(name, axes, structure)
        return [None if axes is None else axes.__index__()]
    kind, keys, inside = structure
    if whole or kind is type(None):
        parts: Sequence[Any] = [axes] * len(inside)
    elif keys is not None:
        if not isinstance(axes, dict) or set(axes) != set(keys):
            raise _not_alike(name, axes, structure)
        parts = [axes[key] for key in keys]
    else:
        if not isinstance(axes, (tuple, list)) or len(axes) != len(inside):
            raise _not_alike(name, axes, structure)
        parts = axes
    pairs = zip(parts, inside, strict=True)
    return [axis for part, each in pairs for axis in _spread(name, part, each)]


def _not_alike(name: str, axes: Any, structure: tree.Structure) -> ArgumentError:
    what = "the arguments are" if name == "in_axes" else "the results are"
    return ArgumentError(
        f"vmap: {name}={axes!r}, but {what} {tree.describe(structure)}: expected a "
        "whole number or None for all of them, or nested likewise"
    )


def _in_front(leaf: Any, axis: int | None) -> Any:
    """What differs between the examples, with their axis in front; None for what is
    shared.
    """
    if axis is None:
        return None
    (node,) = lift([leaf])
    if not node.shape:
        raise ShapeError(
            f"vmap: argument {node.describe()}: a single number has no axis of "
            "examples",
            fix="what all examples share has in_axes=None: cr.vmap(f, (0, None))",
        )
    return first(node, shapes.normal_axis("vmap", axis, len(node.shape)))


def _size(batches: Sequence[Any]) -> int:
    """The number of examples."""
    given = [each for each in batches if each is not None]
    if not given:
        raise ArgumentError(
            "vmap: no argument has an axis of examples: in_axes is None for all",
            fix="in_axes=0 for what differs between the examples",
        )
    if len({each.shape[0] for each in given}) > 1:
        shown = ", ".join(each.describe() for each in given)
        raise ShapeError(
            f"vmap: arguments {shown}: their first axes, those of the examples, must "
            "be equal",
            fix="in_axes=None for an argument that all examples share",
        )
    return int(given[0].shape[0])


def _example(batch: Node) -> Node:
    return Node.kind(None, (), {}, batch.shape[1:], batch.dtype, None, batch.name)


def _trace_of(name: str) -> Trace:
    """A trace that knows the arrays which the trace around it reads anew."""
    around = variable_trace()
    trace = Trace(
        purpose=f"{name} of vmap",
        example=True,
        arrays=around.arrays if around is not None else None,
    )
    if around is not None:
        trace.taken = around.taken
    return trace


# What comes out. ----------------------------------------------------------------------


def _output(leaf: Any) -> Node:
    if isinstance(leaf, Gradients):
        raise ArgumentError(
            "vmap: f returned the gradients of backprop, which belong to the nodes of "
            "one example",
            fix="return what you need of them: {'W': grads[W]}; or use "
            "cr.per_example_grads",
        )
    return lift([leaf])[0]


def _inside(results: Sequence[Node], start: int) -> list[Node]:
    """The nodes that were made in a trace, each after its inputs."""
    seen: set[Node] = set()
    pending = list(results)
    while pending:
        node = pending.pop()
        if node.age > start and node not in seen:
            seen.add(node)
            pending.extend(node.inputs)
    return sorted(seen, key=lambda node: node.age)


def _assign(variable: Any, new: Batched) -> None:
    if new.batched:
        raise TraceError(
            f"vmap: f assigns {variable.describe()} a value that differs between the "
            "examples: one variable cannot hold all of them",
            fix="return the value; in place of BatchNorm, whose averages couple the "
            "examples of a batch, GroupNorm or LayerNorm, or call it with "
            "training=False",
        )
    variable.assign(new.node)


def _placed(result: Batched, axis: int | None, size: int) -> Any:
    """A result with the examples along ``axis``."""
    if axis is None:
        if result.batched:
            raise ArgumentError(
                f"vmap: out_axes=None for a result {result.node.describe()} that "
                "differs between the examples",
                fix="out_axes=0",
            )
        return result.node
    x = repeated(result.node, size, bool(result.batched))
    rank = len(x.shape)
    place = shapes.normal_axis("vmap: out_axes", axis, rank)
    order = list(range(1, rank))
    return transpose(x, [*order[:place], 0, *order[place:]])
