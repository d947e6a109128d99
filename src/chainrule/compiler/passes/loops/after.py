"""Products that no later step needs become one product, after the loop.

The backward loop of a recurrent layer computes δₜ in step t, and from it

    ∇W = Σₜ δₜᵀ hₜ    and    ∂L/∂xₜ = δₜ W.

No other step needs these. So the loop emits δ, and after the loop

    ∇W = δᵀ h,    ∂L/∂x = δ W

are single products with the rows of all steps. Sums over the batch of what is emitted
anyway, such as ∇b = Σₜ Σ δₜ, move with them, and so does an output layer inside of a
forward loop.

What a loop emits needs memory for all steps, so a loop that was asked to ``recompute``
is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....dtypes import is_float
from ....graph import Graph, Node
from ....ops.primitive import Primitive
from ....shapes import size
from ...rewrite import applied, is_op
from .all_steps import Value, at_all_steps, movable
from .loop import (
    Carry,
    Loop,
    fixed_nodes,
    has_loops,
    renewed,
    rewrite_loops,
    within_loops,
)
from .sums import total
from .unused import ZERO


@within_loops
def move_products_after_loops(graph: Graph) -> Graph:
    """The graph whose loops have no product that only a result depends on."""

    def change(node: Node, inputs: tuple[Node, ...]) -> list[Node] | None:
        if node.params["recompute"] or not node.params["length"]:
            return None
        return _AfterLoop(Loop.of(node, inputs)).results()

    return rewrite_loops(graph, change) if has_loops(graph) else graph


@dataclass(eq=False)
class Sum:
    """A carry to which every step adds terms, and which no step reads.

    Attributes:
        carry: the carry.
        terms: what a step adds, the last first.
        path: the additions, in the same order.
    """

    carry: Carry
    terms: list[Node]
    path: list[Node]


class _AfterLoop:
    """What moves out of one loop, to after it."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.nodes, self.given = loop.nodes, set(loop.given)
        self.fixed = fixed_nodes(loop)
        self.users = _users(loop)
        sums = [self._sum(carry) for carry in loop.carries]
        self.sums = {id(s.carry): s for s in sums if s is not None}
        self.late = self._late()
        self.moved = self._products()
        self.values: dict[Node, Value] = {}

    # What can move. -------------------------------------------------------

    def _sum(self, carry: Carry) -> Sum | None:
        """A carry as a sum, if all that a step does with it is to add to it."""
        emitted = any(each is carry.inside for each in self.loop.emitted)
        if emitted or not is_float(carry.inside.dtype):
            return None
        terms: list[Node] = []
        path: list[Node] = []
        reached = self._reached(carry)
        node = carry.following
        while node is not carry.inside:
            alone = len(self.users[node]) == 1 and node not in self.given
            if not is_op(node, "add") or not alone:
                return None
            on, off = sorted(node.inputs, key=lambda each: each not in reached)
            if off in reached or {on.shape, off.shape} != {node.shape}:
                return None
            path.append(node)
            terms.append(off)
            node = on
        return Sum(carry, terms, path) if len(self.users[node]) == 1 else None

    def _reached(self, carry: Carry) -> set[Node]:
        """What depends on a carry, in the same step."""
        reached = {carry.inside}
        for node in self.nodes:
            if node not in self.given and any(each in reached for each in node.inputs):
                reached.add(node)
        return reached

    def _late(self) -> set[Node]:
        """The nodes that only sums and emitted values need."""
        others = [c.following for c in self.loop.carries if id(c) not in self.sums]
        early = set(self.given) | self.fixed
        pending = others
        while pending:
            node = pending.pop()
            if node not in early:
                early.add(node)
                pending.extend(node.inputs)
        on_path = {node for each in self.sums.values() for node in each.path}
        return {node for node in self.nodes if node not in early} - on_path

    def _products(self) -> set[Node]:
        """Late products and what is computed from them: for each, all of it or none."""
        banned: set[Node] = set()
        while True:
            moved: set[Node] = set()
            for node in self.nodes:
                if node not in self.late or node in banned:
                    continue
                product = is_op(node, "matmul")
                if product or any(each in moved for each in node.inputs):
                    moved.add(node)
            wrong = {each for each in moved if not self._may_move(each, moved)}
            if not wrong:
                return moved
            banned |= wrong

    def _may_move(self, node: Node, moved: set[Node]) -> bool:
        stacked = [each not in self.fixed for each in node.inputs]
        inside = [each for each in self.users[node] if each in self.late]
        return movable(node, stacked) and all(each in moved for each in inside)

    # Moving it. -------------------------------------------------------------------

    def results(self) -> list[Node] | None:
        """The results of the loop, with what has moved after it; None if nothing
        has.
        """
        loop = self.loop
        terms = [t for each in self.sums.values() for t in each.terms]
        moved_terms = [each for each in terms if each in self.moved]
        outputs = [each for each in loop.emitted if each in self.moved]
        if not moved_terms and not outputs:
            return None
        sources = self._sources([*moved_terms, *outputs])
        carries, emitted = list(loop.carries), list(loop.emitted)
        stay = [each for each in emitted if each not in self.moved]
        loop.emitted = list(dict.fromkeys([*stay, *sources]))
        moved_terms += [each for each in terms if self._is_there(each)]
        for each in self.sums.values():
            _without(each, moved_terms)
        done = {id(c) for c in carries if c.following is c.inside} & self.sums.keys()
        loop.carries = rest = [each for each in carries if id(each) not in done]
        results = loop.build() if loop.outputs else []
        self._know(dict(zip(loop.emitted, results[len(rest) :], strict=True)))
        last = dict(zip(map(id, rest), results, strict=False))
        ends = [self._end(each, last, moved_terms) for each in carries]
        return [*ends, *(self._stacked(each).node for each in emitted)]

    def _sources(self, wanted: list[Node]) -> list[Node]:
        """What the loop must emit for what is moved."""
        sources: dict[Node, None] = {}
        pending, seen = list(wanted), set(self.fixed) | set(self.loop.sequences)
        while pending:
            node = pending.pop()
            if node in seen or (node.op is None and node not in self.given):
                continue
            seen.add(node)
            if node in self.moved or self._is_view(node):
                pending.extend(node.inputs)
            else:
                sources[node] = None
        return list(sources)

    def _is_view(self, node: Node) -> bool:
        """Whether the loop emits what a view shows instead, which is as large."""
        if node in self.given or node in set(self.loop.emitted):
            return False
        if not isinstance(node.op, Primitive) or not node.op.is_view:
            return False
        same = size(node.inputs[0].shape) == size(node.shape)
        return same and movable(node, [True])

    def _is_there(self, term: Node) -> bool:
        """Whether a term is a sum over what the loop emits anyway."""
        there = {*self.loop.emitted, *self.loop.sequences, *self.fixed}
        pending, sums = [term], 0
        while pending:
            node = pending.pop()
            if node in there:
                continue
            stacked = [each not in self.fixed for each in node.inputs]
            if node not in self.late or not movable(node, stacked):
                return False
            sums += is_op(node, "sum")
            pending.extend(node.inputs)
        return sums > 0 and term not in self.moved

    def _know(self, emitted: dict[Node, Node]) -> None:
        """Notes what nodes of the body are after the loop, besides what moves."""
        loop = self.loop
        outside = renewed(list(self.fixed), loop.outside)
        pairs = zip(self.fixed, outside, strict=True)
        self.values = {n: Value(v, False) for n, v in pairs}
        self.values |= {n: Value(v, True) for n, v in loop.sequences.items()}
        self.values |= {n: Value(v, True) for n, v in emitted.items()}

    def _stacked(self, node: Node) -> Value:
        """A node of the body, as a value after the loop."""
        pending = [node]
        while pending:
            inside = pending[-1]
            missing = [x for x in inside.inputs if x not in self.values]
            if inside in self.values:
                pending.pop()
            elif inside.op is None:
                self.values[inside] = Value(inside, False)
            elif missing:
                pending.extend(missing)
            else:
                inputs = [self.values[x] for x in inside.inputs]
                if any(value.stacked for value in inputs):
                    new = Value(at_all_steps(inside, inputs, self.loop.length), True)
                else:
                    new = Value(renewed([inside], self.loop.outside)[0], False)
                self.values[inside] = new
        return self.values[node]

    def _end(self, carry: Carry, last: dict[int, Node], moved: list[Node]) -> Node:
        """The last value of a carry: that of the loop, plus what has moved."""
        end = last.get(id(carry), carry.first)
        sum_ = self.sums.get(id(carry))
        for term in sum_.terms if sum_ else ():
            if any(term is each for each in moved):
                whole = total(term, self._stacked, self.loop.length)
                end = whole if ZERO(end, {}) else applied("add", [end, whole], term)
        return end


def _users(loop: Loop) -> dict[Node, list[Node]]:
    """What reads each node; the loop's node itself for the outputs."""
    users: dict[Node, list[Node]] = {node: [] for node in loop.nodes}
    given = set(loop.given)
    for node in loop.nodes:
        if node not in given:
            for each in node.inputs:
                users[each].append(node)
    for each in loop.outputs:
        users[each].append(loop.node)
    return users


def _without(sum_: Sum, moved: list[Node]) -> None:
    """The carry without the terms that have moved."""
    rest = sum_.carry.inside
    for node, term in zip(reversed(sum_.path), reversed(sum_.terms), strict=True):
        if not any(term is each for each in moved):
            rest = applied("add", [rest, term], node)
    sum_.carry.following = rest
