"""Finite differences inside a graph: how the loss changes with one entry of one node.

    ∂L/∂xᵢ ≈ (L(xᵢ + h) − L(xᵢ − h)) / 2h

Beside the road, for ``explain``: the part of the graph behind the node is computed
again in float64, whatever precision it had. It uses the NumPy meaning of the
primitives and none of their backward rules, so that it is evidence for them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import dtypes
from ...graph import Array, Graph, Node
from ...ops.convolution import CONVOLUTIONS, multiplications
from ...ops.primitive import Primitive

#: h, relative to the larger of 1 and |xᵢ|: about ∛ε of float64.
STEP = 1e-5
#: Two estimates, for h and h/2, that differ by more than this are not to be trusted.
STEADY = 1e-5
#: A float32 gradient and its difference agree to about this share.
AGREE = 1e-3


@dataclass(frozen=True)
class Difference:
    """A finite difference, its step, and whether the function has a kink there."""

    value: float
    step: float
    kink: bool = False

    def verdict(self, gradient: float) -> tuple[str, bool]:
        """How a gradient compares with it, in words, and whether they agree."""
        if np.isnan(self.value) or np.isnan(gradient):
            return "NaN, so there is nothing to compare", False
        close = abs(self.value - gradient) <= AGREE * max(1e-3, abs(gradient))
        if self.kink:
            return "a kink: the slopes on both sides differ", True
        return ("agrees", True) if close else ("differs", False)


class Perturbation:
    """The loss as a function of the value of one node.

    Arguments:
        node: the node that moves.
        root: the node of the loss; of several elements, their sum.
        nodes: all nodes in order.
    """

    def __init__(self, node: Node, root: Node, nodes: Sequence[Node]) -> None:
        self.node = node
        self.root = root
        self.later = _affected(node, nodes)
        self.base = wide(node.value)
        self.start = self._loss(self.base)

    @property
    def cost(self) -> int:
        """About how many elements one difference computes; an operation counts too."""
        return 5 * sum(200 + _elements(node) for node in self.later)

    def difference(self, entry: int) -> Difference:
        """The finite difference along one entry, counted through the flattened value.

        The step is the usual one, or, where two steps disagree, one relative to a
        small xᵢ.
        """
        size = abs(float(self.base.reshape(-1)[entry]))
        steps = [STEP * max(1.0, size)] + ([STEP * size] if 0 < size < 1 else [])
        estimate = Difference(float("nan"), steps[0])
        for step in steps:
            up, down = self._moved(entry, step), self._moved(entry, -step)
            value = (up - down) / (2 * step)
            half = self._moved(entry, step / 2) - self._moved(entry, -step / 2)
            scale = max(1.0, abs(value))
            kink = abs(up - 2 * self.start + down) / step > 1e-3 * scale
            estimate = Difference(value, step, bool(kink))
            if abs(half / step - value) <= STEADY * scale:
                break
        return estimate

    def _moved(self, entry: int, by: float) -> float:
        moved = self.base.copy()
        with np.errstate(all="ignore"):
            moved.reshape(-1)[entry] += by
        return self._loss(moved)

    def _loss(self, value: Array) -> float:
        known: dict[Node, Any] = {self.node: value}
        with np.errstate(all="ignore"):
            for node in self.later:
                known[node] = compute(node, [_value(x, known) for x in node.inputs])
            return float(np.sum(known.get(self.root, wide(self.root.value))))


def _elements(node: Node) -> int:
    inputs = sum(math.prod(x.shape) for x in node.inputs if not x.several)
    if node.op is not None and node.op.name == "matmul":
        return math.prod(node.shape) * int(node.inputs[0].shape[-1]) // 40
    if node.op is not None and node.op.name in CONVOLUTIONS:
        return multiplications(node) // 40
    if node.op is not None and node.op.name == "scan":
        return 400 * int(node.params["length"]) * len(node.params["body"].nodes)
    return inputs + (0 if node.several else math.prod(node.shape))


def _affected(node: Node, nodes: Sequence[Node]) -> list[Node]:
    """The nodes behind one, in order. A gradient does not pass ``stop_gradient``: what
    is behind it keeps its value.
    """
    affected = {node}
    later = []
    first = bisect_right(nodes, node.age, key=lambda each: each.age)
    for each in nodes[first:]:
        if each.op is None or each.op.name == "stop_gradient":
            continue
        if any(x in affected for x in each.inputs):
            affected.add(each)
            later.append(each)
    return later


def _value(node: Node, known: Mapping[Node, Any]) -> Any:
    if node in known:
        return known[node]
    if node.several:
        return tuple(wide(each) for each in node.value)
    return wide(node.value)


def wide(value: Any) -> Any:
    """Floats in float64; integers and bools as they are."""
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def compute(node: Node, values: Sequence[Any]) -> Any:
    """An operation's value, of floats in float64."""
    op = node.op
    assert isinstance(op, Primitive)
    if op.name == "cast" and dtypes.is_float(node.dtype):
        return values[0].astype(np.float64)
    if op.name == "scan":
        return _loop(values, **node.params)
    return op.run(values, node.params)


def _loop(
    values: Sequence[Any],
    body: Graph,
    split: Any,
    length: int,
    reverse: bool,
    recompute: bool,
) -> tuple[Any, ...]:
    """A scan, as ``ops.control`` defines it, in float64."""
    outside = values[: split.outside]
    carry = list(values[split.outside : split.outside + split.carry])
    sequences = values[split.outside + split.carry :]
    emitted: list[Any] = [None] * length
    for step in range(length)[:: -1 if reverse else 1]:
        given = [*outside, *carry, *(each[step] for each in sequences)]
        results = _run(body, given)
        carry, emitted[step] = results[: split.carry], results[split.carry :]
    rest = body.outputs[split.carry :]
    return (*carry, *(_stack(emitted, i, each) for i, each in enumerate(rest)))


def _stack(rows: Sequence[Any], index: int, like: Node) -> Array:
    if not rows:
        return np.empty((0, *like.shape))
    return np.stack([row[index] for row in rows])


def _run(body: Graph, given: Sequence[Any]) -> list[Any]:
    known: dict[Node, Any] = dict(zip(body.inputs, given, strict=True))
    for node in body.nodes:
        if node in known:
            continue
        if node.op is None:
            known[node] = wide(node.value)
        else:
            known[node] = compute(node, [known[each] for each in node.inputs])
    return [known[node] for node in body.outputs]
