"""A traced function of one example, node by node, for all examples.

What is the same for every example is computed once. What differs has a batch axis in
front, and so has all that is computed from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..graph import Graph, Node
from ..ops.primitive import Primitive
from . import loops, movement
from .application import Application, Batched
from .rules import rule_of

#: What a draw from a state is: different numbers for every example, of one state.
DRAWS = ("random_bits", "random_uniform")


def replayed(
    nodes: Sequence[Node],
    known: Mapping[Node, Batched],
    size: int,
    shared_draws: bool,
) -> dict[Node, Batched]:
    """Every node for all examples.

    Arguments:
        nodes: those of one example, each after its inputs.
        known: what stands for some of them; other leaves stand for themselves.
        size: the number of examples.
        shared_draws: whether random numbers are the same for every example.
    """

    def body(graph: Graph, given: Sequence[Batched], size: int) -> list[Batched]:
        inputs = dict(zip(graph.inputs, given, strict=True))
        found = replayed(graph.nodes, inputs, size, shared_draws)
        return [found[node] for node in graph.outputs]

    found = dict(known)
    for node in nodes:
        if node in found:
            continue
        if not isinstance(node.op, Primitive):
            found[node] = Batched(node, False)
            continue
        given = tuple(found.get(each, Batched(each, False)) for each in node.inputs)
        application = Application(node, given, size, body)
        found[node] = _applied(node.op, application, shared_draws)
        made = found[node].node
        if all(made is not each.node for each in given):
            made.origin, made.position = node.origin, node.position
    return found


def _applied(op: Primitive, a: Application, shared_draws: bool) -> Batched:
    if op.name == "project":
        return loops.one_of_several(a)
    own = any(each.batched for each in a.given)
    if op.name in DRAWS and not own and not shared_draws:
        return Batched(movement.drawn(a), True)
    if not own:
        none = (False,) * len(a.node.types) if a.node.several else False
        return Batched(a.apply(*(each.node for each in a.given)), none)
    if op.name == "scan":
        return loops.loop(a)
    rule = rule_of(op) if a.size else loops.one_by_one
    return Batched(rule(a), True)
