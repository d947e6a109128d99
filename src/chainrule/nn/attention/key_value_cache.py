"""The keys and values of earlier steps, kept while a sequence is generated.

Place on the road: below ``multihead``, whose layers fill and read a cache.
"""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from ... import dtypes
from ...errors import ShapeError
from ...ops.creation import arange
from ...ops.indexing import normal_index, put, take
from ...ops.movement import reshape
from ...variable import Variable
from ..arguments import positive_size


class KeyValueCache:
    """The keys and values of the steps so far, so that each is computed once.

    While a sequence is generated, every step has one query, and the keys and values of
    all earlier steps stay the same. They are kept in arrays of a fixed size, which
    compiled code updates in place: one program serves every step.

    Shapes: ``keys`` and ``values`` (batch, num_heads, max_length, head_dim);
    ``length``, the number of steps in them, one integer.

    Arguments:
        batch: the number of sequences.
        num_heads, head_dim: those of the layer.
        max_length: the maximum number of steps.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.MultiheadAttention(8, 2)
        >>> cache = layer.new_cache(batch=1, max_length=4)
        >>> x = cr.random.normal((1, 3, 8))
        >>> steps = [layer(x[:, t : t + 1], causal=True, cache=cache) for t in range(3)]
        >>> cache.length.item()
        3
        >>> whole = layer(x, causal=True)
        >>> bool(cr.all(abs(cr.concatenate(steps, axis=1) - whole) < 1e-5))
        True
    """

    def __init__(
        self,
        batch: int,
        num_heads: int,
        max_length: int,
        head_dim: int,
        dtype: DTypeLike | None = None,
    ) -> None:
        given = batch, num_heads, max_length, head_dim
        names = ("batch", "num_heads", "max_length", "head_dim")
        shape = [
            positive_size("KeyValueCache", name, size)
            for name, size in zip(names, given, strict=True)
        ]
        kind = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
        self.keys = Variable(np.zeros(shape, kind), name="keys")
        self.values = Variable(np.zeros(shape, kind), name="values")
        self.length = Variable(0, name="length")
        self._reach = self.max_length

    @property
    def max_length(self) -> int:
        """The maximum number of steps."""
        return self.keys.shape[2]

    def within(self, steps: int) -> Self:
        """The same cache, of which only the first ``steps`` steps are looked at: while
        it holds no more, that gives the same, and costs less.

        Arguments:
            steps: how many, 1 to ``max_length``.
        """
        same = copy.copy(self)
        same._reach = min(positive_size("within", "steps", steps), self.max_length)
        return same

    def clear(self) -> None:
        """Forgets all steps."""
        self.length.assign(0)

    def select(self, rows: Any) -> None:
        """Goes on with the sequences of these rows: what a search keeps of its beam.

        Arguments:
            rows: integers (batch,); a row may be there twice, or not at all.
        """
        self.keys.assign(take(self.keys.read(), rows))
        self.values.assign(take(self.values.read(), rows))

    def append(self, keys: Any, values: Any) -> tuple[Any, Any, Any]:
        """Adds the keys and values of the next steps, (batch, heads, T, size).

        Returns:
            All keys and values, future steps included, and a mask (T, max_length):
            True where a new step may attend to a step of the cache. ``within`` some
            steps, only those of these.

        Raises:
            ShapeError: for keys of another batch or size.
            BoundsError: for more steps than the cache has room for, or than are looked
                at.
        """
        batch, heads, _, size = self.keys.shape
        steps, reach = keys.shape[-2], self._reach
        if keys.shape != (batch, heads, steps, size) or keys.shape != values.shape:
            raise ShapeError(
                f"KeyValueCache: keys {keys.shape} and values {values.shape}: expected "
                f"({batch}, {heads}, steps, {size})",
                fix="make a cache for this batch: layer.new_cache(batch, max_length)",
            )
        at = self.length.read() + arange(steps)
        at = normal_index(at, size=reach, what="KeyValueCache: step")
        self.keys.assign(put(self.keys, at, keys, axis=2))
        self.values.assign(put(self.values, at, values, axis=2))
        self.length.assign(self.length + steps)
        known: list[Any] = [self.keys.read(), self.values.read()]
        return (
            *(each[:, :, :reach] for each in known),
            arange(reach) <= reshape(at, (-1, 1)),
        )
