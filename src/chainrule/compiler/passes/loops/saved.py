"""Values of the forward loop are saved for the backward loop.

The backward rule of ``scan`` computes each step again from the carry that the step
started with. So the two loops have common subexpressions: equal operations on the same
elements of the same sequences. The forward loop emits those that the backward loop
needs, and the backward loop reads them.

Not everything is worth saving. What is cheap to compute from values that are there
anyway is computed again: a movement, an elementwise operation that is neither a
division nor a function. If a value can be had in two ways, the one that saves fewer
bytes is taken. Nothing is saved for a loop that was asked to ``recompute``.

Source: the choice is partial evaluation, as in Bradbury et al., JAX (2018), where the
linearised function is split at what is known.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from ....graph import Graph, Node
from ....ops.primitive import Primitive
from ....shapes import size
from ...rewrite import applied, is_constant, is_op
from ..common_subexpressions import expression_of
from .loop import (
    Loop,
    fixed_nodes,
    in_bodies,
    is_loop,
    placeholder,
    rewrite_loops,
)
from .unused import drop_unused_results


def keep_values_for_backward_loops(graph: Graph) -> Graph:
    """The graph whose backward loops read what the forward loops have computed.

    Loops inside of loops come after those around them, whose bodies must be equal.
    """
    graph = _kept(drop_unused_results(graph))
    return in_bodies(keep_values_for_backward_loops)(graph)


def _kept(graph: Graph) -> Graph:
    loops = [node for node in graph.nodes if is_loop(node)]
    kept: dict[Node, dict[Node, tuple[Node, Node]]] = {}  # loop → value → where
    emitted: dict[Node, dict[Node, None]] = {node: {} for node in loops}
    for node in loops:
        kept[node] = {}
        for source in _sources(node):
            if not source.params["recompute"]:
                _keep(node, source, kept[node], emitted[source])
    if not any(kept.values()):
        return graph
    stacked: dict[Node, dict[Node, Node]] = {}  # loop → value of a step → all of them

    def change(node: Node, inputs: tuple[Node, ...]) -> list[Node] | None:
        if not kept[node] and not emitted[node]:
            return None
        loop = Loop.of(node, inputs)
        count = len(loop.outputs)
        numbers = {each: loop.emit(each) for each in emitted[node]}
        new = {}
        for value, (source, twin) in kept[node].items():
            new[value] = placeholder(value, "kept")
            loop.sequences[new[value]] = stacked[source][twin]
        loop.replace(new)
        results = loop.build()
        first = len(loop.carries)
        stacked[node] = {each: results[first + i] for each, i in numbers.items()}
        return results[:count]

    return rewrite_loops(graph, change)


def _sources(node: Node) -> list[Node]:
    """The loops that emitted a sequence which a loop reads, one element a step."""
    sources: dict[Node, None] = {}
    for sequence in Loop.of(node).sequences.values():
        loop = _emitted_by(sequence)
        if loop is not None and loop.params["length"] == node.params["length"]:
            sources[loop] = None
    return sorted(sources, key=lambda loop: loop.age)


def _emitted_by(node: Node) -> Node | None:
    """The loop that has emitted a sequence."""
    if not is_op(node, "project"):
        return None
    loop = node.inputs[0]
    first: int = loop.params["split"].carry
    return loop if node.params["index"] >= first else None


def _keep(
    node: Node,
    source: Node,
    kept: dict[Node, tuple[Node, Node]],
    emitted: dict[Node, None],
) -> None:
    """Decides which values of the source the loop reads instead of computing them.

    Arguments:
        node, source: the loop and the one before it.
        kept: is given the loop's values that it will read, and what they are in the
            source.
        emitted: is given the source's values that it will emit.
    """
    loop, forward = Loop.of(node), Loop.of(source)
    twins = _twins(loop, forward, source)
    frontier = [each for each in _frontier(loop, twins) if each not in kept]
    emits = {*forward.emitted, *emitted}
    free = {each for each in twins if twins[each] in emits}
    there = {*loop.given, *fixed_nodes(loop), *kept, *free}
    frontier = [each for each in frontier if each not in there or each in free]
    saved = {each for each in frontier if each in free or not _is_cheap(each)}
    for each in frontier:
        if each not in saved:
            leaves = _leaves(each, there | saved)
            if sum(map(_bytes, leaves)) < _bytes(each):
                saved |= leaves
            elif leaves:
                saved.add(each)
    for each in sorted(saved, key=lambda each: each.age):
        kept[each] = source, twins[each]
        emitted[twins[each]] = None


def _is_cheap(node: Node) -> bool:
    """Whether computing a value costs no more than reading it from memory."""
    return isinstance(node.op, Primitive) and node.op.is_cheap


def _bytes(node: Node) -> int:
    return size(node.shape) * node.dtype.itemsize


def _twins(loop: Loop, forward: Loop, source: Node) -> dict[Node, Node]:
    """node of the loop's body → node of the source's body with the same value"""
    outside = {value: inside for inside, value in forward.outside.items()}
    elements = {value: inside for inside, value in forward.sequences.items()}
    twins: dict[Node, Node] = {}
    for inside, value in loop.outside.items():
        if value in outside or is_constant(value):
            twins[inside] = outside.get(value, value)
    for inside, value in loop.sequences.items():
        if value in elements:
            twins[inside] = elements[value]
        elif _emitted_by(value) is source:
            twins[inside] = forward.outputs[value.params["index"]]
    given = set(forward.given)
    known: dict[Hashable, Node] = {}
    for node in forward.nodes:
        if node.op is not None and node not in given:
            known[expression_of(node, node.inputs)] = node
    given = set(loop.given)
    for node in loop.nodes:
        if node.op is None or node in given:
            continue
        # A constant of the one body may be given to the other.
        twins |= {n: outside.get(n, n) for n in node.inputs if is_constant(n)}
        there = [twins[each] for each in node.inputs if each in twins]
        if len(there) < len(node.inputs):
            continue
        twin = known.get(expression_of(node, there))
        if twin is None and is_op(node, "project"):
            twin = applied("project", there, there[0], **node.params)
        if twin is not None:
            twins[node] = twin
    return twins


def _frontier(loop: Loop, twins: Mapping[Node, Node]) -> list[Node]:
    """The values with a twin that values without one are computed from, in order."""
    given, frontier = set(loop.given), set()
    pending, seen = list(loop.outputs), set()
    while pending:
        node = pending.pop()
        if node in seen or node in given or node.op is None:
            continue
        seen.add(node)
        if node in twins and not node.several:
            frontier.add(node)
        else:
            pending.extend(node.inputs)
    return sorted(frontier, key=lambda node: node.age)


def _leaves(node: Node, there: set[Node]) -> set[Node]:
    """What must be saved to compute a value again with cheap operations alone."""
    leaves: set[Node] = set()
    pending = [node]
    while pending:
        source = pending.pop()
        if source in there or source.op is None:
            continue
        if _is_cheap(source):
            pending.extend(source.inputs)
        else:
            leaves.add(source)
    return leaves
