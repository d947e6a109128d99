"""What a loop carries or emits and nobody reads is dropped.

The backward rule asks for the history of every carry and for the gradient of all that a
step reads; most of it is not wanted. A carry that stays as it was is a value from
outside, and an element that is emitted as it came is the sequence itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....graph import Graph, Node
from ...rewrite import is_op
from .loop import Loop, has_loops, rewrite_loops, within_loops


@within_loops
def drop_unused_results_of_loops(graph: Graph) -> Graph:
    """The graph whose loops, and those inside of them, compute only what is read."""
    return drop_unused_results(graph)


def drop_unused_results(graph: Graph) -> Graph:
    """The graph whose loops compute only what is read; the loops inside as they are."""
    read: dict[Node, set[int]] = {}
    for node in graph.nodes:
        if is_op(node, "project"):
            read.setdefault(node.inputs[0], set()).add(node.params["index"])

    def change(node: Node, inputs: tuple[Node, ...]) -> list[Node | None] | None:
        return _shortened(Loop.of(node, inputs), read.get(node, set()))

    return rewrite_loops(graph, change) if has_loops(graph) else graph


def _shortened(loop: Loop, read: set[int]) -> list[Node | None] | None:
    """The results of the loop without what nobody reads; None where all is read."""
    before = len(loop.outputs), len(loop.given), len(loop.used)
    count = len(loop.carries)
    found: list[Node | None] = [None] * len(loop.outputs)
    merged = _merged(loop)
    wanted = {i: n for i, n in enumerate(loop.emitted, count) if i in read}
    constant = _unchanged(loop)
    kept = _needed(loop, read, list(wanted.values()))
    for number, carry in enumerate(loop.carries):
        if carry.inside in constant:
            found[number] = carry.first
    places: dict[Node, int] = {}
    for number, node in list(wanted.items()):
        if node in loop.sequences:
            found[number] = loop.sequences[node]
            del wanted[number]
        else:
            places.setdefault(node, len(places))
    rest = [c for c in loop.carries if c.inside not in constant and c.inside in kept]
    order = {c.inside: i for i, c in enumerate(loop.carries)}
    numbers = [order[c.inside] for c in rest]
    loop.carries, loop.emitted = rest, list(places)
    if (len(loop.outputs), len(loop.given), len(loop.used)) == before and not merged:
        return None
    if not loop.outputs:
        return found
    results = loop.build()
    for new, number in enumerate(numbers):
        found[number] = results[new]
    for number, node in wanted.items():
        found[number] = results[len(numbers) + places[node]]
    return found


def _merged(loop: Loop) -> bool:
    """The same value from outside, or sequence, needs one name only."""
    new: dict[Node, Node] = {}
    for names in (loop.outside, loop.sequences):
        first: dict[Node, Node] = {}
        for inside, value in list(names.items()):
            name = first.setdefault(value, inside)
            if name is not inside:
                new[inside] = name
                del names[inside]
    if new:
        loop.replace(new)
    return bool(new)


def _unchanged(loop: Loop) -> set[Node]:
    """The carries that stay as they were; they become values from outside."""
    found = [each for each in loop.carries if each.following is each.inside]
    for carry in found:
        loop.outside[carry.inside] = carry.first
    return {each.inside for each in found}


def _needed(loop: Loop, read: set[int], emitted: Sequence[Node]) -> set[Node]:
    """The carries that a result which is read depends on, in the same step or a later
    one.
    """
    given = set(loop.given)
    following = {each.inside: each.following for each in loop.carries}
    kept = {c.inside for i, c in enumerate(loop.carries) if i in read}
    pending = [*emitted, *(following[each] for each in kept)]
    seen: set[Node] = set()
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in following:
            if node not in kept:
                kept.add(node)
                pending.append(following[node])
        elif node not in given:
            pending.extend(node.inputs)
    return kept
