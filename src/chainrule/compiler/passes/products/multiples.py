"""Sums of multiples of the same elements are multiples of one sum: Σ c·u = c·Σu.

The backward rules of normalisations sum the same elements with different factors: over
a batch, ∇β = Σ g and ∇μ = −Σ g·γ/σ; ∇γ = Σ g·x̂ and ∇σ = −Σ g·x̂·γ/σ. Factors that are
the same all along the summed axes are taken out, and what is left is summed once.
Likewise Σ (x − x̄), which is 0 but for rounding, is Σx − n·x̄: it need not wait for the
mean. So statistics and gradients need fewer walks over the elements.

Only sums that share their elements are touched, and a sum is split in two only where
neither part needs a walk: Σ (g·a + (x − x̄)·b), the gradient for the mean of a batch, is
a·Σg + b·(Σx − n·x̄) where Σg is computed anyway.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

from ....graph import Graph, Node
from ....shapes import Shape
from ...match import Match, Named, number, op, through
from ...rewrite import applied, is_op, reshaped, rewrite

#: A longer product is not taken apart.
MOST_FACTORS = 32
#: A longer sum is not split.
MOST_TERMS = 4

SHAPED = ("broadcast_to", "reshape")
MEAN = op(
    "divide",
    through(SHAPED, op("sum", Named("x"), name="total")),
    Named("count"),
    name="mean",
)
#: x − x̄, where the mean x̄ has been brought into the shape of x.
DEVIATIONS = op("subtract", Named("x"), through(SHAPED, MEAN))


def share_sums_of_multiples(graph: Graph) -> Graph:
    """The graph with one sum for all that are multiples of it."""
    return rewrite(graph, _Shared(graph).rule)


class _Shared:
    """Sums that stand for several, and which of a graph's sums are multiples of one.

    ``parts`` has the keys of the terms of a sum that is split; None for deviations.
    """

    def __init__(self, graph: Graph) -> None:
        sums = [node for node in graph.operations if _is_sum(node)]
        self.keys = {node: _key(node, node.inputs[0]) for node in sums}
        self.counts = Counter(self.keys.values())
        self.parts = {node: self._parts(node) for node in sums}
        for node, parts in self.parts.items():
            self.counts.update(key for key in parts if key is not None)
            self.counts[self.keys[node]] -= bool(parts)
        self.known: dict[Hashable, Node] = {}

    def rule(self, node: Node, inputs: tuple[Node, ...]) -> Node | None:
        """What replaces a sum; None if it stays."""
        if node not in self.keys:
            return None
        factors = _Factors.of(inputs[0], node.params["axis"])
        base = _deviations(node, factors)
        if base is None and self.parts[node]:
            base = self._split(node, factors)
        elif base is None and self.counts[self.keys[node]] > 1:
            base = self._one(node, factors, self.keys[node])
        return None if base is None else factors.times(node, base)

    def _one(self, node: Node, factors: _Factors, key: Hashable) -> Node:
        """The sum for all with this key."""
        if key not in self.known:
            self.known[key] = _sum_of(node, factors.elements)
        return self.known[key]

    def _parts(self, node: Node) -> list[Hashable]:
        """The keys of the terms of a sum, if these are deviations from a mean and one
        sum that is computed anyway; else nothing.
        """
        axes = node.params["axis"]
        keys: list[Hashable] = []
        for term in _terms(_Factors.of(node.inputs[0], axes)):
            zero = _deviations(node, _Factors.of(term, axes)) is not None
            keys.append(None if zero else _key(node, term))
        others = [key for key in keys if key is not None]
        alone = len(others) == 1 and len(keys) > 1 and self.counts[others[0]] > 0
        return keys if alone else []

    def _split(self, node: Node, factors: _Factors) -> Node | None:
        """The sum of a sum, term by term; None if a term has become several."""
        terms, keys = _terms(factors), self.parts[node]
        if len(terms) != len(keys):
            return None
        total: Node | None = None
        for term, key in zip(terms, keys, strict=True):
            inside = _Factors.of(term, node.params["axis"])
            base = _deviations(node, inside)
            if base is None:
                base = self._one(node, inside, key or _key(node, term))
            part = inside.times(node, base)
            if total is not None:
                part = applied("add", [total, part], node)
            total = part
        return total


def _is_sum(node: Node) -> bool:
    if not is_op(node, "sum") or node.dtype.kind != "f":
        return False
    return bool(node.params["axis"]) and 0 not in node.inputs[0].shape


def _key(node: Node, x: Node) -> Hashable:
    """Equal for sums of multiples of the same elements over the axes of a sum."""
    factors = _Factors.of(x, node.params["axis"])
    return frozenset(Counter(factors.elements).items()), x.shape, node.params["axis"]


@dataclass
class _Factors:
    """A product taken apart: ``elements`` differ along the summed axes, ``over`` and
    ``under`` (factors and divisors) do not."""

    ndim: int
    elements: list[Node] = field(default_factory=list)
    over: list[Node] = field(default_factory=list)
    under: list[Node] = field(default_factory=list)
    negative: bool = False
    doublings: int = 0

    @classmethod
    def of(cls, x: Node, axes: tuple[int, ...]) -> _Factors:
        """The factors of x for a sum over these axes."""
        found = cls(len(x.shape))
        pending = [x]
        for _ in range(MOST_FACTORS):
            if not pending:
                break
            node = pending.pop()
            name = node.op.name if node.op is not None else ""
            if _fixed(node, found.ndim, axes):
                found.over.append(_source(node))
            elif name == "negative":
                found.negative = not found.negative
                pending += node.inputs
            elif name == "multiply" and node.inputs[0] is not node.inputs[1]:
                pending += node.inputs
            elif name == "divide" and _fixed(node.inputs[1], found.ndim, axes):
                found.under.append(_source(node.inputs[1]))
                pending.append(node.inputs[0])
            elif name == "add" and node.inputs[0] is node.inputs[1]:
                found.doublings += 1
                pending.append(node.inputs[0])
            else:
                found.elements.append(node)
        if pending or _common_shape(found.elements, found.ndim) != x.shape:
            return cls(found.ndim, [x])
        found.elements.sort(key=lambda node: node.age)
        return found

    def times(self, node: Node, base: Node) -> Node:
        """The base times all factors, in the shape of a sum."""
        result = reshaped(base, node.shape, node)
        for name, factors in (("multiply", self.over), ("divide", self.under)):
            for factor in factors:
                result = applied(name, [result, self._along(node, factor)], node)
        if self.negative:
            result = applied("negative", [result], node)
        for _ in range(self.doublings):
            result = applied("add", [result, result], node)
        return result

    def _along(self, node: Node, factor: Node) -> Node:
        """A factor of the elements in a shape that fits the sum's."""
        shape = _padded(factor.shape, self.ndim)
        if len(node.shape) != self.ndim:
            axes = node.params["axis"]
            shape = tuple(n for axis, n in enumerate(shape) if axis not in axes)
        return reshaped(factor, shape, node) if factor.shape else factor


def _terms(factors: _Factors) -> list[Node]:
    """The terms of elements that are sums, where they are a few of the same shape."""
    found: list[Node] = []
    pending = factors.elements[:1] if len(factors.elements) == 1 else []
    while pending and len(found) + len(pending) <= MOST_TERMS:
        node = pending.pop()
        if is_op(node, "add") and {x.shape for x in node.inputs} == {node.shape}:
            pending += node.inputs
        else:
            found.append(node)
    return [] if pending or any(len(x.shape) < factors.ndim for x in found) else found


def _fixed(node: Node, ndim: int, axes: tuple[int, ...]) -> bool:
    """Whether a node is the same all along the axes of an array of ``ndim`` axes."""
    shape = _padded(_source(node).shape, ndim)
    return all(shape[axis] == 1 for axis in axes)


def _source(node: Node) -> Node:
    """What a node repeats along axes; else the node."""
    while is_op(node, "broadcast_to"):
        node = node.inputs[0]
    return node


def _padded(shape: Shape, ndim: int) -> Shape:
    return (1,) * (ndim - len(shape)) + shape


def _common_shape(nodes: list[Node], ndim: int) -> Shape:
    """The shape to which nodes are broadcast together."""
    shapes = [_padded(each.shape, ndim) for each in nodes]
    return tuple(max(sizes) for sizes in zip(*shapes, strict=True))


def _sum_of(node: Node, elements: list[Node]) -> Node:
    """The sum of a product over the axes of another sum."""
    product, *rest = elements
    for each in rest:
        product = applied("multiply", [product, each], node)
    product = reshaped(product, node.inputs[0].shape, node)  # with all of its axes
    return applied("sum", [product], node, **node.params)


def _deviations(node: Node, factors: _Factors) -> Node | None:
    """Σx − n·x̄, where the elements are x − x̄ with the mean over the summed axes."""
    if len(factors.elements) != 1:
        return None
    (difference,) = factors.elements
    match: Match = {}
    if len(difference.shape) != factors.ndim or not DEVIATIONS(difference, match):
        return None
    x, mean, count, total = (match[n] for n in ("x", "mean", "count", "total"))
    size = math.prod(x.shape[axis] for axis in node.params["axis"])
    if x.shape != difference.shape or total.params["axis"] != node.params["axis"]:
        return None
    if not number(size)(count, match):
        return None
    again = applied("multiply", [mean, count], node)
    return applied("subtract", [total, reshaped(again, total.shape, node)], node)
