"""Loops of all examples at once, and the loop over examples for a primitive that has no
rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph import Graph, Node, Trace
from ..ops.control import project, scan
from .application import Application, Batched, repeated
from .movement import first


def one_by_one(a: Application) -> Any:
    """The operation on one example after the other."""
    own = [each.node for each in a.given if each.batched]

    def step(carry: None, elements: list[Any]) -> tuple[None, Any]:
        parts = iter(elements)
        given = (next(parts) if each.batched else each.node for each in a.given)
        return carry, a.apply(*given)

    return scan(step, None, own)[1]


def loop(a: Application) -> Batched:
    """``scan``: what is carried differs between the examples if it does so at the start
    or after any step.
    """
    split, body = a.params["split"], a.params["body"]
    end = split.outside + split.carry
    batched = [bool(each.batched) for each in a.given]
    while True:
        new, results = _body(a, body, batched)
        after = results[: split.carry]
        met = zip(batched[split.outside : end], after, strict=True)
        carried = [before or later for before, later in met]
        if carried == batched[split.outside : end]:
            break
        batched[split.outside : end] = carried
    operands = [
        a.raw(i) if not batched[i] else a.full(i) if i < end else first(a.raw(i), 1)
        for i in range(len(a.given))
    ]
    node = a.apply(*operands, body=new)
    return Batched(node, tuple(results))


def _body(
    a: Application, body: Graph, batched: Sequence[bool]
) -> tuple[Graph, list[bool]]:
    """The body for all examples, and which of its results differ between them."""
    split = a.params["split"]
    carried = batched[split.outside :][: split.carry]
    with Trace(purpose="the body of scan", body=True):
        inputs = [
            _placeholder(node, a.size if own else None)
            for node, own in zip(body.inputs, batched, strict=True)
        ]
        given = list(map(Batched, inputs, batched))
        results = a.replay(body, given, a.size)
        flags = [bool(each.batched) for each in results]
        outputs = [each.node for each in results]
        for i, own in enumerate(carried):
            if own:
                outputs[i] = repeated(outputs[i], a.size, flags[i])
                flags[i] = True
    return Graph(inputs, outputs, name="body"), flags


def _placeholder(node: Node, size: int | None) -> Node:
    shape = node.shape if size is None else (size, *node.shape)
    return Node.kind(None, (), {}, shape, node.dtype, None, node.name)


def one_of_several(a: Application) -> Batched:
    """``project``: sequences that a loop has stacked have their steps in front."""
    loop_of_all, flags = a.given[0]
    assert isinstance(flags, tuple)
    index = a.params["index"]
    result = project(loop_of_all, index=index)
    if flags[index] and index >= loop_of_all.params["split"].carry:
        result = first(result, 1)
    return Batched(result, flags[index])
