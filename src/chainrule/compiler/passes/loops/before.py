"""Products that do not depend on a carry become one product, before the loop.

xₜ Wᵀ in every step is a product with few rows, and all of W is read for each. The
product for all steps at once has many rows. What is added to it and does not depend on
a carry either, such as a bias, moves with it.

A loop that was asked to ``recompute`` is left alone, because the product for all steps
needs memory for all of them.
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
    """What moves, oldest first: products of elements of sequences and fixed values,
    what these are computed from, and smaller values computed from them alone.
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
    moved: dict[Node, None] = {}
    for node in candidates:
        inside = [each for each in node.inputs if each in moved]
        smaller = sum(size(x.shape) for x in inside) >= size(node.shape)
        if is_op(node, "matmul") or (inside and smaller):
            _add_with_sources(node, set(candidates), moved)
    return sorted(moved, key=lambda node: node.age)


def _add_with_sources(node: Node, among: set[Node], moved: dict[Node, None]) -> None:
    """Adds a node and the candidates that it is computed from."""
    pending = [node]
    while pending:
        source = pending.pop()
        if source in among and source not in moved:
            moved[source] = None
            pending.extend(source.inputs)


def _values(loop: Loop, moved: list[Node], fixed: set[Node]) -> dict[Node, Value]:
    """The moved nodes and what they use, as values outside of the loop."""
    wanted = [x for n in moved for x in n.inputs if x in fixed]
    outside = renewed(wanted, loop.outside)
    values = {n: Value(v, False) for n, v in zip(wanted, outside, strict=True)}
    values |= {inside: Value(v, True) for inside, v in loop.sequences.items()}
    for node in moved:
        inputs = [values[each] for each in node.inputs]
        values[node] = Value(at_all_steps(node, inputs, loop.length), True)
    return values
