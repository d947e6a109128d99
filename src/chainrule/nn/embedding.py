"""The embedding: a table with a learned vector for every id."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import DTypeLike

from .. import dtypes
from ..errors import ArgumentError, DTypeError
from ..initializers import Initializer
from ..ops.composed import expand_dims
from ..ops.creation import zeros
from ..ops.elementwise import stop_gradient, where
from ..ops.indexing import index_node, normal_index, put, take
from .arguments import features, new_parameter, positive_size
from .module import Module


class Embedding(Module):
    """Row i of a learned table for the id i.

    Formula: y = W[id], which is the product of a one-hot row with W.

    The cost of a training step does not depend on the length of the table: the gradient
    has only the rows of the batch, and ``optim.SGD``, ``Adagrad`` and ``SparseAdam``
    update no others.

    Shapes: integers of any shape (…) → (…, embedding_dim); ``weight``
    (num_embeddings, embedding_dim).

    Initial values: N(0, 1), because an output is a single weight, not a sum of weights;
    0 for the row of ``padding_idx``.

    Arguments:
        num_embeddings: the number of ids.
        embedding_dim: the size of a vector.
        padding_idx: the id of padding, whose row is never trained.

    Raises:
        BoundsError: in a call, for an id outside of 0 … num_embeddings − 1.
        DTypeError: in a call, for ids that are not integers.

    Source: Bengio et al. (2003).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Embedding(1000, 16)([[5, 7, 7]]).shape
        (1, 3, 16)
    """

    takes_ids: ClassVar[bool] = True

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        weight_init: Initializer | str = "normal",
        dtype: DTypeLike | None = None,
    ) -> None:
        self.num_embeddings = positive_size(
            "Embedding", "num_embeddings", num_embeddings
        )
        self.embedding_dim = positive_size("Embedding", "embedding_dim", embedding_dim)
        shape = (self.num_embeddings, self.embedding_dim)
        self.weight = new_parameter("weight", shape, weight_init, dtype)
        self.padding_idx = self._padding(padding_idx)

    def _padding(self, padding_idx: int | None) -> int | None:
        """The id as a non-negative number; sets its row to 0."""
        if padding_idx is None:
            return None
        n = self.num_embeddings
        if (
            isinstance(padding_idx, bool)
            or not isinstance(padding_idx, int)
            or not (-n <= padding_idx < n)
        ):
            raise ArgumentError(
                f"Embedding: padding_idx={padding_idx!r} for {n} rows: expected one of "
                f"the ids 0 to {n - 1}"
            )
        row = padding_idx % n
        self.weight.assign(
            put(self.weight, row, zeros(self.embedding_dim, self.weight.dtype))
        )
        return row

    def settings(self) -> dict[str, Any]:
        """The sizes."""
        return {
            "num_embeddings": self.num_embeddings,
            "embedding_dim": self.embedding_dim,
            "padding_idx": self.padding_idx,
        }

    def describe_settings(self) -> str:
        """``1000 → 16``"""
        return f"{self.num_embeddings} → {self.embedding_dim}"

    def forward(self, ids: Any) -> Any:
        """The rows of the ids."""
        node = index_node(ids)
        if not dtypes.is_integer(node.dtype):
            kind = "floats" if dtypes.is_float(node.dtype) else f"{node.dtype}s"
            raise DTypeError(
                f"Embedding: ids {node.shape} of {kind}: an id is an integer",
                fix="ids.astype('int64')",
            )
        checked = normal_index(node, size=self.num_embeddings, what="Embedding: id")
        rows = take(self.weight, checked)
        if self.padding_idx is None:
            return rows
        padding = expand_dims(checked == self.padding_idx, -1)
        return where(padding, stop_gradient(rows), rows)

    def logits(self, x: Any) -> Any:
        """x Wᵀ, a score for every id: the table as the last layer of a network, so that
        input and output share their weights (Press & Wolf, 2017).

        Shapes: (…, embedding_dim) → (…, num_embeddings).

        Example:
            >>> import chainrule as cr
            >>> from chainrule import nn
            >>> cr.manual_seed(0)
            >>> table = nn.Embedding(1000, 64)
            >>> table.logits(table([5, 7])).argmax(axis=-1).numpy()
            array([5, 7])
        """
        rule = "the last axis of x must have embedding_dim elements"
        instead = f"Embedding({self.num_embeddings}, {{}})"
        return (
            features("Embedding", x, self.embedding_dim, rule, instead) @ self.weight.T
        )
