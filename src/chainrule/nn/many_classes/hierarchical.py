"""Hierarchical softmax: one class among K by about log₂ K yes-or-no questions.

Place on the road: the last layer of a network, above ``huffman``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ... import dtypes
from ...errors import DTypeError, ShapeError
from ...graph import Node
from ...initializers import Initializer
from ...ops.arrays import lift
from ...ops.elementwise import softplus, where
from ...ops.indexing import normal_index, take
from ...ops.movement import reshape
from ...variable import Variable
from ..arguments import features, new_parameter, positive_size
from ..module import Module
from .huffman import class_counts, huffman


class HierarchicalSoftmax(Module):
    """Probabilities of K classes as products along the paths of a binary tree, and the
    cross-entropy of the true class; a layer that returns its loss (``outputs_loss``).

    Formula, with n₁ … n_L the inner nodes on the path to class y and sₗ = ±1 the ways
    taken there::

        p(y | x) = Πₗ σ(sₗ θ(nₗ)ᵀ x)          Σ_y p(y | x) = 1, as σ(z) + σ(−z) = 1
        loss     = mean over the batch of Σₗ softplus(−sₗ θ(nₗ)ᵀ x)

    The tree is Huffman's for ``counts``: an example costs as many products as its
    class's path is long, the entropy of the classes + 1 bit on average, and a step
    changes these rows of the weight alone (with SGD, Adagrad or SparseAdam).

    Shapes: x (N, D) and class numbers (N,) → one number; ``weight`` (K − 1, D).

    Initial values: 0, so that every question begins at one half.

    Arguments:
        in_features: D.
        counts: how often each class occurs, (K,), above 0.
        weight_init: an initializer, or its name.

    Raises:
        DataError: for fewer than two classes, or counts that are not above 0.
        ShapeError: in a call, for other features, or other than one class a row.
        BoundsError: in a call, for a class number outside of 0 … K − 1.

    Source: Morin & Bengio, Hierarchical probabilistic neural network language model
    (2005); with Huffman's tree and without bias: Mikolov et al. (2013).

    Example:
        >>> import numpy as np
        >>> import chainrule as cr
        >>> from chainrule import nn, optim
        >>> head = nn.HierarchicalSoftmax(2, counts=[50, 30, 15, 5])
        >>> x, labels = np.eye(2, dtype="float32"), [3, 0]
        >>> sgd = optim.SGD(lr=1.0)
        >>> history = cr.fit(head, (x, labels), optimizer=sgd, progress=False)
        >>> cr.exp(head.log_probabilities(x)).numpy().argmax(axis=1)
        array([3, 0])
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(
        self,
        in_features: int,
        counts: Any,
        *,
        weight_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        layer = "HierarchicalSoftmax"
        self.in_features = positive_size(layer, "in_features", in_features)
        self.counts = tuple(class_counts(layer, counts).tolist())
        tree = huffman(self.counts)
        self.nodes = Variable(tree.nodes, name="nodes")
        self.signs = Variable(tree.signs, name="signs")
        shape = (len(self.counts) - 1, self.in_features)
        self.weight = new_parameter("weight", shape, weight_init, dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"in_features": self.in_features, "counts": list(self.counts)}

    def describe_settings(self) -> str:
        """``512 → 22000, paths of 17 at most``"""
        sizes = f"{self.in_features} → {len(self.counts)}"
        return f"{sizes}, paths of {self.nodes.shape[1]} at most"

    def forward(self, x: Any, labels: Any) -> Any:
        """The mean of −ln p(label | x)."""
        node, of = inputs_and_labels("HierarchicalSoftmax", self, x, labels)
        return self.surprise(node, of).mean()

    def surprise(self, x: Any, labels: Any) -> Any:
        """−ln p(label | x) of each, (N, D) and (N,) → (N,); or of C inputs that share a
        label, (N, C, D) and (N,) → (N, C).
        """
        several = len(x.shape) == 3
        h = x if several else reshape(x, (-1, 1, self.in_features))  # (N, C, D)
        rows = take(self.weight, take(self.nodes.read(), labels))  # (N, L, D)
        signs = take(self.signs.read(), labels).astype(h.dtype)[:, None]  # (N, 1, L)
        z = signs * (h @ rows.transpose(0, 2, 1))  # (N, C, L)
        losses = where(signs == 0.0, 0.0, softplus(-z)).sum(axis=-1)  # (N, C)
        return losses if several else losses[:, 0]

    def log_probabilities(self, x: Any) -> Any:
        """ln p of every class, (N, D) → (N, K): for few rows, as it costs what a full
        softmax costs, and more.
        """
        node = features(*_rule("HierarchicalSoftmax", self, x))
        z = node @ self.weight.T  # (N, K − 1)
        nodes: Any = self.nodes.read()
        signs: Any = self.signs.read()
        total: Any = 0.0
        for step in range(self.nodes.shape[1]):
            at = take(z, nodes[:, step], axis=1)  # (N, K)
            sign = signs[:, step].astype(z.dtype)  # (K,)
            total = total - where(sign == 0.0, 0.0, softplus(-sign * at))
        return total


def inputs_and_labels(layer: str, head: Any, x: Any, labels: Any) -> tuple[Any, Any]:
    """Inputs (N, D) and class numbers (N,), checked.

    Raises:
        ShapeError: for other features, or other than one class a row.
        DTypeError: for classes that are not integers.
    """
    node = features(*_rule(layer, head, x))
    (y,) = lift([labels])
    if len(node.shape) != 2 or y.shape != node.shape[:1]:
        raise ShapeError(
            f"{layer}: x {node.shape} with labels {y.shape}: expected (N, D) with "
            "(N,), one class number a row",
            fix="x.reshape(-1, D) and labels.reshape(-1) of sequences",
        )
    if not dtypes.is_integer(y.dtype):
        raise DTypeError(
            f"{layer}: labels {y.shape} of {y.dtype}: a class number is an integer",
            fix="labels.astype('int64')",
        )
    return node, normal_index(y, size=len(head.counts), what=f"{layer}: label")


def _rule(layer: str, head: Any, x: Node) -> tuple[str, Any, int, str, str]:
    rule = "the last axis of x must have in_features elements"
    return layer, x, head.in_features, rule, f"{layer}({{}}, counts)"
