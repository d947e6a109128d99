"""Attention of several heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ... import dtypes
from ...errors import ArgumentError, ShapeError
from ...initializers import Initializer, as_initializer
from ...ops.elementwise import logical_and, where
from ...ops.movement import concatenate, reshape, transpose
from ...ops.primitive import lift
from ..arguments import (
    features,
    new_parameter,
    number_within,
    positive_size,
)
from ..linear import Linear
from ..module import Module
from .dot_product import HIDDEN, PROBABILITY, attention, attention_weights
from .key_value_cache import KeyValueCache
from .positions import RotaryPositions


class MultiheadAttention(Module):
    """Attention several times side by side, each time in another projection.

    Formula: Y = [H₁ … Hₕ] Wₒᵀ + bₒ with Hᵢ = attention(Q Wqᵢᵀ, K Wkᵢᵀ, V Wvᵢᵀ), biases
    left out, where attention(Q, K, V) = softmax(Q Kᵀ / √d + M) V.

    Shapes: query (N, T, embed_dim), key (N, S, kdim), value (N, S, vdim) →
    (N, T, embed_dim). Key and value are the query where they are not given. With equal
    sizes ``in_proj_weight`` (3 · embed_dim, embed_dim) holds Wq, Wk and Wv one below
    the other, else there are ``q_proj_weight``, ``k_proj_weight``, ``v_proj_weight``;
    ``in_proj_bias`` (3 · embed_dim,); ``out_proj`` is a ``Linear``.

    Initial values: every projection from ``glorot_uniform``, biases 0.

    Arguments:
        embed_dim: the number of features, shared out among the heads.
        num_heads: h, a divisor of it.
        dropout: the probability with which a weight is dropped in training.
        bias: whether the projections have biases.
        kdim, vdim: the features of keys and values; ``embed_dim`` when not given.
        rotary: turns queries and keys by their positions: a ``RotaryPositions`` for
            the size of a head, embed_dim / num_heads.

    Raises:
        ArgumentError: where the heads do not divide the features.
        ShapeError: in a call, where shapes do not fit.

    Source: Vaswani et al., Attention is all you need (2017), section 3.2.2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.MultiheadAttention(16, num_heads=4)
        >>> layer(cr.zeros((2, 5, 16)), causal=True).shape
        (2, 5, 16)
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        rotary: RotaryPositions | None = None,
        weight_init: Initializer | str = "glorot_uniform",
        dtype: DTypeLike | None = None,
    ) -> None:
        name = "MultiheadAttention"
        self.embed_dim = positive_size(name, "embed_dim", embed_dim)
        self.num_heads = positive_size(name, "num_heads", num_heads)
        self.head_dim = self.embed_dim // self.num_heads
        self.dropout = number_within(name, "dropout", dropout, 0, 1, PROBABILITY)
        self.kdim = (
            self.embed_dim if kdim is None else positive_size(name, "kdim", kdim)
        )
        self.vdim = (
            self.embed_dim if vdim is None else positive_size(name, "vdim", vdim)
        )
        self.rotary = rotary
        self._check()
        d = self.embed_dim
        if self.kdim == self.vdim == d:
            stacked = _Stacked(as_initializer(weight_init), 3)
            self.in_proj_weight = new_parameter(
                "in_proj_weight", (3 * d, d), stacked, dtype
            )
        else:
            for each, size in (("q", d), ("k", self.kdim), ("v", self.vdim)):
                path = f"{each}_proj_weight"
                setattr(self, path, new_parameter(path, (d, size), weight_init, dtype))
        self.in_proj_bias = (
            new_parameter("in_proj_bias", (3 * d,), "zeros", dtype) if bias else None
        )
        self.out_proj = Linear(d, d, bias, weight_init=weight_init, dtype=dtype)

    def _check(self) -> None:
        if self.embed_dim % self.num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim={self.embed_dim} for "
                f"num_heads={self.num_heads}: the heads must divide the features",
                fix=f"embed_dim={self.num_heads * max(1, self.head_dim)}",
            )
        if self.rotary is not None and self.rotary.dim != self.head_dim:
            raise ArgumentError(
                f"MultiheadAttention: rotary turns vectors of {self.rotary.dim}, the "
                f"heads have {self.head_dim}",
                fix=f"rotary=RotaryPositions({self.head_dim})",
            )

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "embed_dim": self.embed_dim,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "bias": self.in_proj_bias is not None,
            "kdim": self.kdim,
            "vdim": self.vdim,
            "rotary": self.rotary,
        }

    def describe_settings(self) -> str:
        """``64, 4 heads``"""
        return f"{self.embed_dim}, {self.num_heads} heads"

    def new_cache(self, batch: int, max_length: int) -> KeyValueCache:
        """Room for the keys and values of so many sequences and steps."""
        kind = self.out_proj.weight.dtype
        return KeyValueCache(batch, self.num_heads, max_length, self.head_dim, kind)

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        *,
        causal: bool = False,
        mask: Any = None,
        lengths: Any = None,
        cache: KeyValueCache | None = None,
        training: bool = False,
    ) -> Any:
        """What every query finds.

        Arguments:
            causal: whether step t sees the steps 0 … t alone.
            mask: bools, True where a query may look, or floats to add to the scores;
                broadcast to (N, heads, T, S), so (T, S) and (N, 1, T, S) will do.
            lengths: how many keys each sample has, (N,); the rest is padding.
            cache: the steps before these; with ``causal=True`` and no key of its own.
        """
        p = self.dropout if training else 0.0
        if cache is not None and not isinstance(cache, KeyValueCache):
            raise ArgumentError(
                f"MultiheadAttention: cache={type(cache).__name__}: expected a "
                "KeyValueCache",
                fix="cache = layer.new_cache(batch, max_length)",
            )
        start = 0 if cache is None else cache.length.read()
        q, k, v = self._heads(query, key, value, start)
        if cache is not None:
            self._check_cached(key, causal, lengths)
            k, v, seen = cache.append(k, v)
            mask, causal = _both(mask, seen), False
        found = attention(q, k, v, causal=causal, mask=mask, lengths=lengths, dropout=p)
        joined = _swapped(found)
        return self.out_proj(reshape(joined, (*joined.shape[:-2], self.embed_dim)))

    def weights(
        self,
        query: Any,
        key: Any = None,
        *,
        causal: bool = False,
        mask: Any = None,
        lengths: Any = None,
    ) -> Any:
        """How much every query looks at every key: (N, heads, T, S), of sums 1.

        Arguments:
            query, key, causal, mask, lengths: as for a call.
        """
        q = self._projected(0, query)
        k = self._projected(1, query if key is None else key)
        if self.rotary is not None:
            q, k = self.rotary(q), self.rotary(k)
        return attention_weights(q, k, causal=causal, mask=mask, lengths=lengths)

    # The projections. ----------------------------------------------------------------

    def _heads(self, query: Any, key: Any, value: Any, start: Any) -> list[Any]:
        """Queries, keys and values, projected and shared out: (N, heads, steps, d)."""
        if key is None and value is None and "in_proj_weight" in vars(self):
            found = self._at_once(query)
        else:
            key = query if key is None else key
            given = query, key, key if value is None else value
            found = [self._projected(i, each) for i, each in enumerate(given)]
        if self.rotary is not None:
            found[:2] = [self.rotary(each, start) for each in found[:2]]
        return found

    def _at_once(self, query: Any) -> list[Any]:
        """All three projections of x as one product."""
        z = self._given(0, query) @ self.in_proj_weight.T
        if self.in_proj_bias is not None:
            z = z + self.in_proj_bias
        parts = reshape(z, (*z.shape[:-1], 3, self.num_heads, self.head_dim))
        return [_swapped(parts[..., i, :, :]) for i in range(3)]

    def _projected(self, part: int, x: Any) -> Any:
        """The projection of queries (0), keys (1) or values (2), shared out."""
        node = self._given(part, x)
        own = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        if "in_proj_weight" in vars(self):
            weight = self.in_proj_weight[own]
        else:
            weight = getattr(self, f"{'qkv'[part]}_proj_weight")
        z = node @ weight.T
        if self.in_proj_bias is not None:
            z = z + self.in_proj_bias[own]
        return _swapped(reshape(z, (*z.shape[:-1], self.num_heads, self.head_dim)))

    def _given(self, part: int, x: Any) -> Any:
        """An input as floats (…, steps, its features)."""
        what = ("query", "key", "value")[part]
        size = (self.embed_dim, self.kdim, self.vdim)[part]
        rule = f"the last axis of the {what} must have {size} elements"
        node = features("MultiheadAttention", x, size, rule, "MultiheadAttention({})")
        if node.ndim < 2:
            raise ShapeError(
                f"MultiheadAttention: {what} {node.shape}: expected (N, steps, {size})"
            )
        return node

    @staticmethod
    def _check_cached(key: Any, causal: bool, lengths: Any) -> None:
        if key is not None or not causal or lengths is not None:
            raise ArgumentError(
                "MultiheadAttention: cache with a key, with lengths, or without "
                "causal=True: a cache holds the earlier steps of the query itself",
                fix="layer(x, causal=True, cache=cache)",
            )


class _Stacked:
    """An initializer for several matrices one below the other, each by itself."""

    def __init__(self, each: Initializer, count: int) -> None:
        self.each, self.count = each, count

    def __call__(
        self, shape: Sequence[int], generator: Any = None, dtype: Any = None
    ) -> Any:
        """The matrices."""
        one = (shape[0] // self.count, *shape[1:])
        return concatenate(
            [self.each(one, generator, dtype) for _ in range(self.count)]
        )


def _swapped(x: Any) -> Any:
    """Steps and heads exchanged."""
    n = len(x.shape)
    return transpose(x, (*range(n - 3), n - 2, n - 3, n - 1))


def _both(mask: Any, seen: Any) -> Any:
    """A mask of a user's and that of a cache: for bools both, for floats both added."""
    if mask is None:
        return seen
    (node,) = lift([mask])
    if node.dtype == dtypes.bool_:
        return logical_and(node, seen)
    return where(seen, node, HIDDEN)
