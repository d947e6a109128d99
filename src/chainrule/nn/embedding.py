"""The embedding: a learned vector for each of a number of things."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from .. import dtypes
from ..errors import DTypeError
from ..initializers import Initializer
from ..ops.indexing import normal_index, take
from ..ops.primitive import lift
from .arguments import new_parameter, positive_size
from .module import Module


class Embedding(Module):
    """Row i of a learned table for the id i.

    Formula: y = W[id]: the product of a one-hot row with W, without the product.

    Shapes: integers of any shape (…) → (…, embedding_dim); ``weight``
    (num_embeddings, embedding_dim).

    Initial values: N(0, 1), since each output is one weight, not a sum of them.

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

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
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

    def settings(self) -> dict[str, Any]:
        """The sizes."""
        return {
            "num_embeddings": self.num_embeddings,
            "embedding_dim": self.embedding_dim,
        }

    def describe_settings(self) -> str:
        """``1000 → 16``"""
        return f"{self.num_embeddings} → {self.embedding_dim}"

    def forward(self, ids: Any) -> Any:
        """The rows of the ids."""
        (node,) = lift([ids])
        if not dtypes.is_integer(node.dtype):
            raise DTypeError(
                f"Embedding: ids {node.shape} of {node.dtype}: an id is an integer",
                fix="ids.astype('int64')",
            )
        checked = normal_index(node, size=self.num_embeddings, what="Embedding: id")
        return take(self.weight, checked)
