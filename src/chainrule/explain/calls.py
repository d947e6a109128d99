"""What a network's modules were called with and returned, and which node is a⁽ˡ⁾.

Beside the road, for ``explain``: it watches calls while a network runs once. It must
not know of the loss or of how layers are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import dtypes, tree
from ..graph import Node, in_order
from ..nn.module import Module
from ..variable import Parameter


def own_parameters(module: Module) -> dict[str, Parameter]:
    """The parameters that a module holds itself, not in a part of it."""
    return {
        name: held
        for name, held in module.own_variables()
        if isinstance(held, Parameter)
    }


class Calls:
    """A watcher that records every call of a module with parameters.

    Arguments:
        own: a module that returns its own loss, whose call is none of a layer; or None.

    Attributes:
        made: (module, the first tensor that it was given, those that it returned).
        inside: what modules without parts computed on the way to their results.
        results: what all modules returned, in order.
    """

    def __init__(self, own: Module | None) -> None:
        self.own = own
        self.made: list[tuple[Module, Node | None, list[Node]]] = []
        self.inside: set[Node] = set()
        self.results: list[Node] = []

    def before(self, module: Module, inputs: tuple[Any, ...]) -> None:
        """Nothing to record before a module has computed."""

    def after(self, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Records what the module returned, and what it computed on the way."""
        if module is self.own:
            return
        results = [n for n in tree.flatten(output)[0] if isinstance(n, Node)]
        self.results += results
        given = [n.read() for n in tree.flatten(inputs)[0] if isinstance(n, Node)]
        if next(module.children(), None) is None:
            self.inside.update(in_order(results, stop=given))
            self.inside.difference_update(results, given)
        floats = [each for each in results if dtypes.is_float(each.dtype)]
        if floats and own_parameters(module):
            self.made.append((module, given[0] if given else None, floats))


def activation(
    z: Node, nodes: Sequence[Node], inputs: set[Node], inside: set[Node]
) -> Node:
    """a = σ(z): the last node of z's shape that is a function of z and of nothing else.

    Constants do not count as something else; parameters, random numbers and the
    network's inputs do.

    Arguments:
        z: a layer's output.
        nodes: the nodes of the network in order.
        inputs: the network's inputs.
        inside: what layers computed on the way to their results: no a is among them.
    """
    seen = {z: True}  # node → whether z is among its causes
    last = z
    for node in nodes:
        if node in seen or node in inputs or node.owner is not None:
            continue
        if node.op is None:
            seen[node] = False
        elif all(each in seen for each in node.inputs):
            seen[node] = any(seen[each] for each in node.inputs)
            alike = node.shape == z.shape and node.dtype == z.dtype
            if seen[node] and alike and node not in inside:
                last = node
    return last
