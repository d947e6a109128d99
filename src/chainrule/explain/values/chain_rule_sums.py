"""The chain rule of one graph with its numbers: the sum of gradients at each node.

    ∂L/∂x = Σ over the operations y that use x of (∂L/∂y · ∂y/∂x)

Beside the road, above ``backprop``: every number comes from ``backprop`` itself and
from its rules, applied to one operation at a time. It knows nothing of pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import dtypes
from ...backprop import backprop, pullback
from ...gradients import Gradients
from ...graph import Array, Node
from ...ops.arrays import constant

#: Jacobians are computed for operations with at most this many results and entries.
MOST_RESULTS, MOST_PAIRS = 32, 4096


@dataclass(frozen=True)
class Term:
    """One operation's part in a sum: ∂L/∂user · ∂user/∂x.

    Attributes:
        user: the operation that uses x.
        gradient: ∂L/∂user; None where it has several results.
        part: the product, in the shape of x.
    """

    user: Node
    gradient: Array | None
    part: Array


class Ledger:
    """A loss, the nodes it was computed from, and the gradient at each.

    Arguments:
        everything: all nodes, each after its inputs.
        root: the node whose derivatives are shown; None where no value is known.

    Attributes:
        nodes: all nodes but literals, each after its inputs.
        users: for each node the operations that use it.
        summed: whether the root has several elements, so that L is their sum.
    """

    def __init__(self, everything: Sequence[Node], root: Any = None) -> None:
        self.root = root
        self.everything = list(everything)
        self.nodes = [node for node in self.everything if not node.literal]
        self.users: dict[Node, list[Node]] = {node: [] for node in self.everything}
        for node in self.everything:
            for each in dict.fromkeys(node.inputs):
                if each in self.users:
                    self.users[each].append(node)
        self.summed = root is not None and not root.several and root.size != 1
        self.gradients = self._backprop()
        self._parts: dict[Node, dict[Node, Array]] = {}

    @property
    def has_gradients(self) -> bool:
        """Whether the root is of floats, so that it has derivatives."""
        root = self.root
        return root is not None and not root.several and dtypes.is_float(root.dtype)

    def _backprop(self) -> Gradients | None:
        if not self.has_gradients or (self.root.is_leaf and self.root.owner is None):
            return None
        return backprop(self.root.sum() if self.summed else self.root)

    def gradient(self, node: Node) -> Array | None:
        """∂L/∂node; None where no derivative flows."""
        if self.gradients is None:
            if node is self.root and self.has_gradients:
                return np.ones(node.shape, node.dtype)
            return None
        if node.literal or node not in self.gradients:
            return None
        return np.asarray(self.gradients[node].value)

    def terms(self, node: Node) -> list[Term]:
        """The parts that ∂L/∂node is the sum of, one for each operation using it."""
        terms = []
        for user in self.users[node]:
            part = self._parts_of(user).get(node)
            if part is not None:
                terms.append(Term(user, self.gradient(user), part))
        return terms

    def _parts_of(self, user: Node) -> dict[Node, Array]:
        """The gradients that one operation contributes to its inputs."""
        if user not in self._parts:
            outputs = [n for n in self._results(user) if self.gradient(n) is not None]
            seeds = [constant(self.gradient(each)) for each in outputs]
            self._parts[user] = pulled_back(outputs, seeds, user.inputs)
        return self._parts[user]

    def _results(self, user: Node) -> list[Node]:
        """The node itself, or the nodes that stand for its several results."""
        return self.users[user] if user.several else [user]

    def factors(self, user: Node, node: Node) -> Array | None:
        """The Jacobian ∂user/∂node, of shape (results, entries); None for large ones.

        Row j is what the backward rule returns for a gradient of 1 at result j.
        """
        if user.several or not dtypes.is_float(user.dtype):
            return None
        results, entries = _size(user), _size(node)
        if results > MOST_RESULTS or results * entries > MOST_PAIRS:
            return None
        rows = np.zeros((results, entries))
        for j in range(results):
            seed = np.zeros(results, user.dtype)
            seed[j] = 1
            one = constant(seed.reshape(user.shape))
            row = pulled_back([user], [one], user.inputs).get(node)
            if row is not None:
                rows[j] = row.reshape(-1)
        return rows


def pulled_back(
    outputs: Sequence[Node], seeds: Sequence[Node], inputs: Sequence[Node]
) -> dict[Node, Array]:
    """Σ seed · ∂output/∂input for the direct inputs that a gradient flows to."""
    distinct = list(dict.fromkeys(inputs))
    gradients = pullback(outputs, seeds, distinct)
    return {
        node: np.asarray(gradient.value)
        for node, gradient in zip(distinct, gradients, strict=True)
        if gradient is not None and not isinstance(gradient, list)
    }


def _size(node: Node) -> int:
    return int(np.prod(node.shape, dtype=np.int64))
