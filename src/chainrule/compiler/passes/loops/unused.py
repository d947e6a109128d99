"""Carries and emitted values that nothing reads are dropped.

The backward rule of a loop asks for the history of every carry, and for the gradient of
all that a step reads; most of it is not wanted. A carry that never changes is a value
from outside, and an element that is emitted unchanged is the sequence it came from.

A carry that begins as zeros and is zeros after every step is no carry either: the
gradient of what no step reads, though a caller might have fed it back. Without it, what
it would be added to does not depend on a carry, and can leave the loop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....graph import Graph, Node
from ...match import through
from ...rewrite import is_constant, is_op
from .loop import Loop, has_loops, rewrite_loops, within_loops


def _zeros(node: Node, _: object) -> bool:
    return is_constant(node) and not np.asarray(node.value).tobytes().strip(b"\0")


#: Zeros, or copies of them; not −0.
ZERO = through(["broadcast_to"], _zeros)


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
    """The results of the loop, None for those that nothing reads; None for all of them
    if the loop stays as it is.
    """
    before = len(loop.outputs), len(loop.given), len(loop.used)
    count = len(loop.carries)
    results: list[Node | None] = [None] * len(loop.outputs)
    merged = _merged(loop)
    unchanged = _unchanged(loop)
    wanted = {i: n for i, n in enumerate(loop.emitted, count) if i in read}
    needed = _needed(loop, read, list(wanted.values()))
    for old, carry in enumerate(loop.carries):
        if carry.inside in unchanged:
            results[old] = carry.first
    emitted: dict[Node, int] = {}  # what is still emitted → its number among that
    for old, node in list(wanted.items()):
        if node in loop.sequences:
            results[old] = loop.sequences[node]
            del wanted[old]
        else:
            emitted.setdefault(node, len(emitted))
    carried = {
        old: carry
        for old, carry in enumerate(loop.carries)
        if carry.inside in needed and carry.inside not in unchanged
    }
    loop.carries, loop.emitted = list(carried.values()), list(emitted)
    if (len(loop.outputs), len(loop.given), len(loop.used)) == before and not merged:
        return None
    if not loop.outputs:
        return results
    new = loop.build()
    for result, old in zip(new, carried, strict=False):
        results[old] = result
    for old, node in wanted.items():
        results[old] = new[len(carried) + emitted[node]]
    return results


def _merged(loop: Loop) -> bool:
    """Gives a value from outside, or a sequence, one name; whether any had several."""
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
    """The carries that never change; they become values from outside, or zeros."""
    unchanged = [each for each in loop.carries if each.following is each.inside]
    loop.outside |= {each.inside: each.first for each in unchanged}
    zeros = [c for c in loop.carries if ZERO(c.first, {}) and ZERO(c.following, {})]
    loop.replace({each.inside: each.following for each in zeros})
    return {each.inside for each in (*unchanged, *zeros)}


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
