"""Products that need no carry are one product over all steps, before the loop.

xₜ Wᵀ in every step is a product of few rows, for which all of W is read each time. All
steps at once are a product of many rows. What is added to it and needs no carry either,
as a bias, goes with it.

A loop that was asked to ``recompute`` is left alone: the product of all steps takes
memory for all of them.
"""

from __future__ import annotations

from ....graph import Graph, Node
from ....shapes import size
from ...rewrite import is_op
from .all_steps import Value, at_all_steps, movable
from .loop import (
    Loop,
    fixed_nodes,
    has_loops,
    placeholder,
    renewed,
    rewrite_loops,
    within_loops,
)


@within_loops
def move_products_before_loops(graph: Graph) -> Graph:
    """The graph whose loops have no product that depends on no carry."""

    def change(node: Node, inputs: tuple[Node, ...]) -> list[Node] | None:
        loop = Loop.of(node, inputs)
        if loop.recompute or not loop.length:
            return None
        fixed = fixed_nodes(loop)
        moved = _moved(loop, fixed)
        if not moved:
            return None
        values = _values(loop, moved, fixed)
        stay = [n for n in loop.nodes if n not in set(moved)]
        read = {*loop.outputs, *(x for n in stay for x in n.inputs)}
        new = {n: placeholder(n) for n in moved if n in read}
        loop.sequences |= {new[each]: values[each].node for each in new}
        loop.replace(new)
        return loop.build()

    return rewrite_loops(graph, change) if has_loops(graph) else graph


def _moved(loop: Loop, fixed: set[Node]) -> list[Node]:
    """Products of elements of sequences and fixed values, what they are made from, and
    what is made from them alone.
    """
    given = set(loop.given)
    early = {*fixed, *loop.sequences}
    candidates: list[Node] = []
    for node in loop.nodes:
        if node in early or node in given or node.several:
            continue
        if all(each in early for each in node.inputs):
            stacked = [each not in fixed for each in node.inputs]
            if movable(node, stacked):
                early.add(node)
                candidates.append(node)
    found: dict[Node, None] = {}
    for node in candidates:
        inside = [each for each in node.inputs if each in found]
        smaller = sum(size(x.shape) for x in inside) >= size(node.shape)
        if is_op(node, "matmul") or (inside and smaller):
            _with_sources(node, set(candidates), found)
    return sorted(found, key=lambda each: each.age)


def _with_sources(node: Node, among: set[Node], found: dict[Node, None]) -> None:
    """Adds a node and all that it is made from, in the body."""
    pending = [node]
    while pending:
        each = pending.pop()
        if each in among and each not in found:
            found[each] = None
            pending.extend(each.inputs)


def _values(loop: Loop, moved: list[Node], fixed: set[Node]) -> dict[Node, Value]:
    """What the moved nodes are in all steps, outside of the loop."""
    wanted = [x for n in moved for x in n.inputs if x in fixed]
    outside = renewed(wanted, loop.outside)
    values = {n: Value(v, False) for n, v in zip(wanted, outside, strict=True)}
    values |= {inside: Value(v, True) for inside, v in loop.sequences.items()}
    for node in moved:
        inputs = [values[each] for each in node.inputs]
        values[node] = Value(at_all_steps(node, inputs, loop.length), True)
    return values
