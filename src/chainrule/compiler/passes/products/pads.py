"""A sum of parts with zeros around them is the parts side by side.

The gradient of a slice is padded with zeros to the size of what was cut. Where several
slices cut a tensor apart, as the gates of a recurrent layer do, the gradients are
added: a concatenation says the same, and nothing is filled with zeros or added.

Where a part is −0 the sum is +0; the concatenation keeps −0, which is equal.
"""

from __future__ import annotations

from ....graph import Graph, Node
from ...rewrite import applied, count_uses, is_op, rewrite


def join_padded_parts(graph: Graph) -> Graph:
    """The graph with sums of padded parts that fill an axis as concatenations."""
    if not any(is_op(node, "pad") for node in graph.nodes):
        return graph
    uses = count_uses(graph)
    #: sums that are terms of another sum, which is joined instead
    inner = {
        each
        for node in graph.operations
        if is_op(node, "add")
        for each in node.inputs
        if is_op(each, "add") and each.shape == node.shape and uses[each] == 1
    }

    new: dict[Node, Node] = {}

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        new.update(zip(node.inputs, inputs, strict=True))
        if not is_op(node, "add") or node in inner:
            return None
        return _joined(node, [new[each] for each in _terms(node, inner)])

    return rewrite(graph, rule)


def _terms(node: Node, inner: set[Node]) -> list[Node]:
    """What is added up, sums of sums included, in order."""
    found: list[Node] = []
    pending = list(reversed(node.inputs))
    while pending:
        each = pending.pop()
        if each in inner:
            pending.extend(reversed(each.inputs))
        else:
            found.append(each)
    return found


def _joined(node: Node, terms: list[Node]) -> Node | None:
    """The concatenation that the padded ones among the terms are, plus the others."""
    padded = [each for each in terms if is_op(each, "pad") and each.shape == node.shape]
    axes = {_axis(each) for each in padded}
    if len(padded) < 2 or len(axes) != 1:
        return None
    (axis,) = axes
    if axis is None:
        return None
    padded.sort(key=lambda each: each.params["widths"][axis][0])
    end = 0
    for each in padded:
        before, after, _ = each.params["widths"][axis]
        if before != end:
            return None
        end = each.shape[axis] - after
    if end != node.shape[axis]:
        return None
    total = applied("concatenate", [p.inputs[0] for p in padded], node, axis=axis)
    for each in terms:
        if not any(each is other for other in padded):
            total = applied("add", [total, each], node)
    return total


def _axis(node: Node) -> int | None:
    """The only axis that is padded, with zeros at both ends; None for other pads."""
    widths = node.params["widths"]
    axes = [i for i, each in enumerate(widths) if any(each)]
    if len(axes) != 1 or node.params["value"] != 0 or widths[axes[0]][2]:
        return None
    return axes[0]
