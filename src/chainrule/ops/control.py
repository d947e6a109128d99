"""Control: a loop as one primitive. ``scan`` is recurrence; its backward rule is
backpropagation through time.

The body of the loop is a graph, so the graph of a loop does not grow with its length,
and compiling takes as long for ten steps as for ten thousand. The body's inputs are, in
this order, the tensors from outside that it uses, the carry, and one element of each
sequence; its outputs are the new carry and one element of each emitted sequence. The
primitive returns the last carry and the emitted sequences, stacked.

``scan`` lets every step emit, behind what the user emits, the carry as the step met it:
the backward rule computes the steps again from there. The compiler drops what nobody
reads, and keeps more where that saves computing it again (``compiler.passes``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np

from .. import dtypes, tree
from ..dtypes import DType
from ..errors import ArgumentError, DTypeError, ShapeError
from ..graph import Array, Graph, Node, Trace
from ..shapes import Shape
from .arrays import lift, literal
from .movement import zeros_like
from .primitive import Cost, Kind, Primitive


@dataclass(frozen=True)
class Split:
    """How many of a body's inputs come from outside, are carried, and are elements of
    sequences, in this order.
    """

    outside: int
    carry: int
    sequences: int


def _infer_scan(
    *inputs: Node,
    body: Graph,
    split: Split,
    length: int,
    reverse: bool,
    recompute: bool,
) -> tuple[Any, Any]:
    carry, emitted = body.outputs[: split.carry], body.outputs[split.carry :]
    stacked = [(length, *node.shape) for node in emitted]
    kinds = tuple(node.dtype for node in body.outputs)
    return (*(node.shape for node in carry), *stacked), kinds


def run_body(body: Graph, values: Sequence[Array]) -> list[Array]:
    """The outputs of a graph, each operation with its NumPy meaning.

    NumPy's warnings are off already: the loop is an operation that ``run`` evaluates.
    """
    known: dict[Node, Any] = dict(zip(body.inputs, values, strict=True))
    for node in body.nodes:
        if node in known:
            continue
        if isinstance(node.op, Primitive):
            operands = [known[operand] for operand in node.inputs]
            known[node] = node.op.numpy(*operands, **node.params)
        else:
            known[node] = node.value
    return [np.asarray(known[node]) for node in body.outputs]


def _scan_meaning(
    *values: Array,
    body: Graph,
    split: Split,
    length: int,
    reverse: bool,
    recompute: bool,
) -> tuple[Array, ...]:
    outside = values[: split.outside]
    carry = list(values[split.outside : split.outside + split.carry])
    sequences = values[split.outside + split.carry :]
    emitted = [
        np.empty((length, *n.shape), n.dtype) for n in body.outputs[split.carry :]
    ]
    for step in range(length)[:: -1 if reverse else 1]:
        results = run_body(
            body, [*outside, *carry, *(sequence[step] for sequence in sequences)]
        )
        carry = results[: split.carry]
        for whole, sequence in zip(emitted, results[split.carry :], strict=True):
            whole[step] = sequence
    return (*carry, *emitted)


def _scan_rule(
    g: Sequence[Any], y: Node, *inputs: Node, pullback: Callable[..., list[Any]]
) -> list[Any]:
    """Backpropagation through time (Werbos, 1990): a scan from the last step to the
    first.

    It carries the gradient of the carry, and the sums for the tensors from outside.
    Each step computes the body again from the carry that the forward loop met there,
    and pulls the gradients of the step's results back through it.
    """
    body, split, length = y.params["body"], y.params["split"], y.params["length"]
    n, outside = split.carry, inputs[: split.outside]
    first, sequences = inputs[split.outside :][:n], inputs[split.outside + n :]
    count = len(body.outputs)
    history = [project(y, index=i) for i in range(count - n, count)]

    def start(gradient: Any, like: Node) -> Any:
        if not dtypes.is_float(like.dtype):
            return None
        return zeros_like(like) if gradient is None else gradient

    def step(carry: Any, elements: Any) -> Any:
        sums, g_carry = carry
        met, element, g_out = elements
        at = [*outside, *met, *element]
        gradients = pullback(replay(body, at), [*g_carry, *g_out], at)
        to_outside = gradients[: split.outside]
        to_carry = gradients[split.outside :][:n]
        sums = [_plus(a, b) for a, b in zip(sums, to_outside, strict=True)]
        before = [start(b, c) for b, c in zip(to_carry, met, strict=True)]
        to_element = zip(gradients[split.outside + n :], element, strict=True)
        return (sums, before), [start(b, x) for b, x in to_element]

    zeros = [start(None, node) for node in outside]
    last = [start(gi, x) for gi, x in zip(g[:n], first, strict=True)]
    (sums, g_first), g_sequences = scan(
        step,
        (zeros, last),
        (history, list(sequences), list(g[n:])),
        length=length,
        reverse=not y.params["reverse"],
        recompute=y.params["recompute"],
    )
    return [*sums, *g_first, *g_sequences]


def _plus(total: Any, gradient: Any) -> Any:
    return total if gradient is None or total is None else total + gradient


_scan = Primitive(
    "scan",
    "carryₜ₊₁, yₜ = body(carryₜ, xₜ) for every step t",
    _infer_scan,
    _scan_meaning,
    _scan_rule,
    kind=Kind.CONTROL,
    pulls_back=True,
)


def _infer_project(x: Node, index: int) -> tuple[Shape, DType]:
    return x.types[index]


def _project_rule(g: Any, y: Node, x: Node) -> list[Any]:
    """The gradient of one of several results, none of the others."""
    return [[g if i == y.params["index"] else None for i in range(len(x.types))]]


#: One of the results of a scan.
project = Primitive(
    "project",
    "one of several results",
    _infer_project,
    lambda parts, index: parts[index],
    _project_rule,
    kind=Kind.CONTROL,
    cost=Cost.FREE,
)


def replay(graph: Graph, inputs: Sequence[Node]) -> list[Node]:
    """The outputs of a graph with its inputs replaced by these nodes: its operations
    anew.
    """
    known: dict[Node, Node] = dict(zip(graph.inputs, inputs, strict=True))
    for node in graph.nodes:
        if node in known:
            continue
        if isinstance(node.op, Primitive):
            operands = [known[operand] for operand in node.inputs]
            known[node] = node.op(*operands, **node.params)
        else:
            known[node] = node
    return [known[node] for node in graph.outputs]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    *,
    length: int | None = None,
    reverse: bool = False,
    recompute: bool = False,
) -> tuple[Any, Any]:
    """A loop with a carry: ``carry, y = f(carry, x)`` for every x of a sequence.

    Formula: c₀ = init; cₜ₊₁, yₜ = f(cₜ, xₜ). The gradient is backpropagation through
    time.

    Arguments:
        f: one step; it is traced once, so ``if`` on a value is an error inside it.
        init: the first carry: a tensor, or tensors nested in tuples, lists and dicts.
        xs: sequences of shape (T, …), nested likewise; None for a loop without input.
        length: T; needed where ``xs`` is None.
        reverse: from the last element to the first; outputs stay in the place of
            inputs.
        recompute: whether the backward loop computes each step again from its carry, so
            that of T steps only the T carries are kept in memory (gradient
            checkpointing: Griewank & Walther, 2000). Otherwise compiled code keeps
            those values of every step that the gradient needs.

    Returns:
        The last carry, and the ys stacked along a new first axis: (T, …).

    Raises:
        ShapeError: when sequences differ in length, or a step changes the carry's
            shape.

    Example:
        >>> import chainrule as cr
        >>> xs = cr.tensor([1.0, 2.0, 3.0])
        >>> total, sums = cr.scan(lambda c, x: (c + x, c + x), 0.0, xs)
        >>> total.item(), sums.numpy()
        (6.0, array([1., 3., 6.], dtype=float32))
    """
    carry_leaves, carry_tree = tree.flatten(init)
    x_leaves, x_tree = tree.flatten(xs)
    carry = [lift([leaf])[0] for leaf in carry_leaves]
    sequences = [lift([leaf])[0] for leaf in x_leaves]
    steps = _length(sequences, length)
    loop = (f, carry_tree, sequences, x_tree)
    body, y_tree = _trace_step(carry, *loop)
    wanted = [n.dtype for n in body.outputs[: len(carry)]]
    numbers = [a.literal and a.dtype != d for a, d in zip(carry, wanted, strict=True)]
    if any(numbers):  # a number to start from takes the dtype that a step gives it
        carry = [
            literal(leaf.value.item(), dtype) if number else leaf
            for leaf, dtype, number in zip(carry, wanted, numbers, strict=True)
        ]
        body, y_tree = _trace_step(carry, *loop)
    _check_carry(carry, body)
    outside = body.inputs[: len(body.inputs) - len(carry) - len(sequences)]
    split = Split(len(outside), len(carry), len(sequences))
    node = _scan(
        *outside,
        *carry,
        *sequences,
        body=body,
        split=split,
        length=steps,
        reverse=bool(reverse),
        recompute=bool(recompute),
    )
    visible = len(body.outputs) - split.carry
    results = [project(node, index=i) for i in range(visible)]
    return (
        tree.unflatten(carry_tree, results[: split.carry]),
        tree.unflatten(y_tree, results[split.carry :]),
    )


def _length(sequences: Sequence[Node], length: int | None) -> int:
    for sequence in sequences:
        if not sequence.shape:
            raise ShapeError(
                "scan: xs has a single number: a sequence needs a first axis"
            )
    lengths: set[Any] = {sequence.shape[0] for sequence in sequences} | (
        {length} if length is not None else set()
    )
    if len(lengths) > 1:
        shown = ", ".join(sequence.describe() for sequence in sequences)
        raise ShapeError(
            f"scan: sequences {shown}"
            + (f" with length={length}" if length is not None else "")
            + ": all must have the same first axis, the number of steps"
        )
    if not lengths:
        raise ArgumentError("scan: without xs, length= must say how many steps to take")
    steps = lengths.pop()
    if not isinstance(steps, SupportsIndex) or steps.__index__() < 0:
        raise ArgumentError(
            f"scan: length={steps}: expected a whole number of at least 0"
        )
    return steps.__index__()


def _trace_step(
    carry: Sequence[Node],
    f: Callable[[Any, Any], tuple[Any, Any]],
    carry_tree: tree.Structure,
    sequences: Sequence[Node],
    x_tree: tree.Structure,
) -> tuple[Graph, tree.Structure]:
    """The graph of one step, and how what it emits is nested. Last of all it emits its
    carry.
    """
    with Trace(purpose="the body of scan", body=True) as trace:
        carry_in = _placeholders("carry", [(n.shape, n.dtype) for n in carry])
        element = _placeholders("x", [(n.shape[1:], n.dtype) for n in sequences])
        result = f(
            tree.unflatten(carry_tree, list(carry_in)),
            tree.unflatten(x_tree, list(element)),
        )
        carry_out, emitted, y_tree = _take_apart(result, carry_tree, carry_in)
    outside = _captured([*carry_out, *emitted], trace.start)
    inputs = [*outside, *carry_in, *element]
    return Graph(inputs, [*carry_out, *emitted, *carry_in], name="body"), y_tree


def _placeholders(name: str, types: Sequence[tuple[Any, Any]]) -> list[Node]:
    names = [name] if len(types) == 1 else [f"{name}.{i}" for i in range(len(types))]
    pairs = zip(types, names, strict=True)
    return [Node.kind(None, (), {}, s, d, None, one) for (s, d), one in pairs]


def _take_apart(
    result: Any, carry_tree: tree.Structure, carry_in: Sequence[Node]
) -> tuple[list[Node], list[Node], tree.Structure]:
    """The leaves of what a step returned: the new carry, and what it emits."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise ArgumentError(
            f"scan: f returned {type(result).__name__}: expected a pair (carry, y)",
            fix="return carry, None where nothing is emitted",
        )
    leaves, structure = tree.flatten(result[0])
    if structure != carry_tree:
        raise ArgumentError(
            f"scan: f was given the carry {tree.describe(carry_tree)} and returned "
            f"{tree.describe(structure)}: both must be nested alike"
        )
    # A number takes the dtype of the carry that it replaces, where it fits.
    carry_out = [
        lift([leaf, before])[0] for leaf, before in zip(leaves, carry_in, strict=True)
    ]
    emitted, y_tree = tree.flatten(result[1])
    return carry_out, [lift([leaf])[0] for leaf in emitted], y_tree


def _check_carry(carry: Sequence[Node], body: Graph) -> None:
    """A step must return a carry like the one that it was given."""
    names = ["carry"] if len(carry) == 1 else [f"carry.{i}" for i in range(len(carry))]
    outputs = body.outputs[: len(carry)]
    for name, before, after in zip(names, carry, outputs, strict=True):
        if after.shape != before.shape:
            raise ShapeError(
                f"scan: {name} {before.shape} became {after.shape} after one step: a "
                "step must keep the shape of its carry"
            )
        if after.dtype != before.dtype:
            raise DTypeError(
                f"scan: {name} {before.shape} of {before.dtype} became {after.dtype} "
                "after one step: a step must keep the dtype of its carry",
                fix="start with that dtype, or end the step with "
                f".astype('{before.dtype}')",
            )


def _captured(outputs: Sequence[Node], start: int) -> list[Node]:
    """The nodes from outside that a body uses: older than its trace, or values of
    variables.
    """
    captured: set[Node] = set()
    seen: set[Node] = set()
    pending = list(outputs)
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.literal:
            continue
        if node.age < start or node.owner is not None:
            captured.add(node)
        else:
            pending.extend(node.inputs)
    return sorted(captured, key=lambda node: node.age)
