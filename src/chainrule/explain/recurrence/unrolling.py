"""Loops taken apart into their steps, so that each step has values and derivatives.

    ∂L/∂hₜ = what comes from step t's own output + what comes back from step t + 1

Beside the road, for ``explain``: ``scan`` keeps its loop as one operation, and of a
state only the gradient before the first step. Here the same computation is made again
with the operations of every step, from the very values that it had. It knows nothing of
networks or pictures.

Source: Werbos (1990), "Backpropagation through time: what it does and how to do it".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import dtypes
from ...graph import Node, in_order
from ...ops.composed import stack
from ...ops.control import replay
from ...ops.primitive import Primitive


@dataclass(frozen=True)
class LoopStep:
    """One step of a loop.

    Attributes:
        elements: its part of each sequence.
        outside: what it takes from outside of the loop: copies for this step, so that
            their gradients are what this step adds.
        before: the state that it met, copies likewise: their gradients are what goes
            back to the step before.
        after: the state that it made; the gradient is the whole one.
        emitted: what it gave to the rest of the network: copies.
    """

    elements: list[Node]
    outside: list[Node]
    before: list[Node]
    after: list[Node]
    emitted: list[Node]


@dataclass(frozen=True)
class Loop:
    """A ``scan``, step by step.

    Attributes:
        node: the operation that it was.
        steps: in the order of the sequence.
        reverse: whether the last of them came first.
        outside: what ``LoopStep.outside`` are copies of.
    """

    node: Node
    steps: list[LoopStep]
    reverse: bool
    outside: list[Node]


@dataclass(frozen=True)
class Unrolled:
    """A computation made again without loops.

    Attributes:
        root: the new node of the same value.
        loops: those that there were, each after those that it depends on.
        new: node of the old computation ↦ the new one.
    """

    root: Any
    loops: list[Loop]
    new: dict[Node, Node]


def unrolled(root: Node) -> Unrolled:
    """A computation with each ``scan`` replaced by its steps.

    Arguments:
        root: a tensor that was computed.
    """
    new: dict[Node, Any] = {}
    results: dict[Node, list[Node]] = {}  # of a scan
    loops: list[Loop] = []
    for node in in_order([root]):
        if not isinstance(node.op, Primitive):
            new[node] = node
        elif node.op.name == "scan" and node.params["length"]:
            loop, results[node] = _steps(node, [new[each] for each in node.inputs])
            loops.append(loop)
        elif node.op.name == "project" and node.inputs[0] in results:
            new[node] = results[node.inputs[0]][node.params["index"]]
        else:
            new[node] = node.op(*(new[each] for each in node.inputs), **node.params)
    return Unrolled(new[root], loops, new)


def _steps(node: Node, inputs: Sequence[Any]) -> tuple[Loop, list[Node]]:
    """A loop, and its visible results: the last state, then what was emitted."""
    body, split, length = (node.params[each] for each in ("body", "split", "length"))
    outside = inputs[: split.outside]
    carry = list(inputs[split.outside :][: split.carry])
    sequences = inputs[split.outside + split.carry :]
    visible = len(body.outputs) - split.carry  # the rest is for the backward rule
    steps: dict[int, LoopStep] = {}
    for t in range(length)[:: -1 if node.params["reverse"] else 1]:
        own, before = ([_copy(each) for each in part] for part in (outside, carry))
        elements = [sequence[t] for sequence in sequences]
        made = replay(body, [*own, *before, *elements])
        carry = made[: split.carry]
        emitted = [_copy(each) for each in made[split.carry : visible]]
        steps[t] = LoopStep(elements, own, before, carry, emitted)
    ordered = [steps[t] for t in range(length)]
    emissions = zip(*(step.emitted for step in ordered), strict=True)
    loop = Loop(node, ordered, node.params["reverse"], list(outside))
    return loop, [*carry, *(stack(list(each)) for each in emissions)]


def _copy(node: Any) -> Any:
    """A node of the same value, through which a gradient is told apart."""
    return node * 1.0 if dtypes.is_float(node.dtype) else node
