"""Multi-head attention.

Place on the road: above ``dot_product``; the blocks in ``transformer`` are made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from numpy.typing import DTypeLike

from ... import dtypes
from ...errors import ArgumentError, ShapeError
from ...initializers import Initializer, as_initializer
from ...ops.arrays import lift
from ...ops.elementwise import logical_and, where
from ...ops.movement import concatenate, reshape, transpose
from ...variable import Parameter
from ..arguments import features, new_parameter, number_within, positive_size
from ..linear import Linear
from ..module import Module
from .dot_product import MASKED, PROBABILITY, attention, attention_weights
from .key_value_cache import KeyValueCache
from .positions import RotaryPositions

#: The three inputs and projections, in the order of their rows in ``in_proj_weight``.
QUERY, KEY, VALUE = range(3)


class Remembered(NamedTuple):
    """The keys and values of a memory, projected for one layer, so that many queries
    share the work: what ``MultiheadAttention.remember`` returns.

    Attributes:
        keys, values: (N, heads, S, head_dim).
    """

    keys: Any
    values: Any


class MultiheadAttention(Module):
    """Several attentions side by side, each with projections of its own.

    Formula: Y = [H₁ … Hₕ] Wₒᵀ + bₒ with Hᵢ = attention(Q Wqᵢᵀ, K Wkᵢᵀ, V Wvᵢᵀ), biases
    left out, where attention(Q, K, V) = softmax(Q Kᵀ / √d + M) V.

    Shapes: query (N, T, embed_dim), key (N, S, kdim), value (N, S, vdim) →
    (N, T, embed_dim). Key and value default to the query. As in PyTorch, if all sizes
    are equal, ``in_proj_weight`` (3 · embed_dim, embed_dim) holds Wq, Wk and Wv, one
    below the other; otherwise they are ``q_proj_weight``, ``k_proj_weight`` and
    ``v_proj_weight``. Those that are not used are None. ``in_proj_bias``
    (3 · embed_dim,); ``out_proj`` is a ``Linear``.

    Initial values: every projection from ``glorot_uniform``, biases 0.

    Arguments:
        embed_dim: the number of features, split among the heads.
        num_heads: h, a divisor of ``embed_dim``.
        dropout: the probability of dropping an attention weight in training.
        bias: whether the projections have biases.
        kdim, vdim: the features of keys and values; ``embed_dim`` if not given.
        rotary: rotates queries and keys by their positions: a ``RotaryPositions`` for
            the size of a head, embed_dim / num_heads.

    Raises:
        ArgumentError: if ``num_heads`` does not divide ``embed_dim``.
        ShapeError: in a call, if the shapes do not fit.

    Source: Vaswani et al., Attention is all you need (2017), section 3.2.2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> layer = nn.MultiheadAttention(16, num_heads=4)
        >>> layer(cr.zeros((2, 5, 16)), causal=True).shape
        (2, 5, 16)
    """

    depends_on_training: ClassVar[bool] = True

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None

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
        self._make_projections(weight_init, dtype)
        self.in_proj_bias = (
            new_parameter("in_proj_bias", (3 * d,), "zeros", dtype) if bias else None
        )
        self.out_proj = Linear(d, d, bias, weight_init=weight_init, dtype=dtype)

    def _check(self) -> None:
        if self.embed_dim % self.num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim={self.embed_dim} for "
                f"num_heads={self.num_heads}: the number of heads must divide the "
                "features",
                fix=f"embed_dim={self.num_heads * max(1, self.head_dim)}",
            )
        if self.rotary is not None and self.rotary.dim != self.head_dim:
            raise ArgumentError(
                f"MultiheadAttention: rotary is for vectors of {self.rotary.dim} "
                f"elements, the heads have {self.head_dim}",
                fix=f"rotary=RotaryPositions({self.head_dim})",
            )

    def _make_projections(
        self, weight_init: Initializer | str, dtype: DTypeLike | None
    ) -> None:
        """Wq, Wk and Wv: one parameter if their sizes are equal, otherwise three."""
        d, k, v = self.embed_dim, self.kdim, self.vdim
        self.in_proj_weight = None
        self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if k == v == d:
            init = _Stacked(as_initializer(weight_init), 3)
            self.in_proj_weight = new_parameter(
                "in_proj_weight", (3 * d, d), init, dtype
            )
        else:
            self.q_proj_weight = new_parameter(
                "q_proj_weight", (d, d), weight_init, dtype
            )
            self.k_proj_weight = new_parameter(
                "k_proj_weight", (d, k), weight_init, dtype
            )
            self.v_proj_weight = new_parameter(
                "v_proj_weight", (d, v), weight_init, dtype
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
        """A cache for ``batch`` sequences of up to ``max_length`` steps."""
        dtype = self.out_proj.weight.dtype
        return KeyValueCache(batch, self.num_heads, max_length, self.head_dim, dtype)

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
        """For every query the weighted average of the values, projected by Wₒ.

        Arguments:
            key: (N, S, kdim), or what ``remember`` returned, which holds values, too.
            causal: whether step t attends to the steps 0 … t only.
            mask: bools, True where a query may attend to a key, or floats to add to
                the scores; broadcast to (N, heads, T, S), so that (T, S) and
                (N, 1, T, S) work, too.
            lengths: how many keys each sample has, (N,); the rest is padding.
            cache: the earlier steps; with ``causal=True`` and without a key.
        """
        p = self.dropout if training else 0.0
        if cache is not None:
            _check_cached(cache, key, causal, lengths)
        start = 0 if cache is None else cache.length.read()
        q, k, v = self._heads(query, key, value, start)
        if cache is not None:
            k, v, visible = cache.append(k, v)
            mask, causal = _both(mask, visible), False
        y = attention(q, k, v, causal=causal, mask=mask, lengths=lengths, dropout=p)
        joined = _swapped(y)
        return self.out_proj(reshape(joined, (*joined.shape[:-2], self.embed_dim)))

    def remember(self, key: Any, value: Any = None) -> Remembered:
        """Keys and values, projected: given as the key of many calls, they are computed
        once.

        Arguments:
            key, value: as for a call.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import nn
            >>> layer, memory = nn.MultiheadAttention(8, 2), cr.ones((1, 5, 8))
            >>> known = layer.remember(memory)
            >>> query = cr.ones((1, 1, 8))
            >>> bool(cr.all(layer(query, known) == layer(query, memory)))
            True
        """
        k = self._projected(KEY, key)
        v = self._projected(VALUE, key if value is None else value)
        return Remembered(k if self.rotary is None else self.rotary(k), v)

    def weights(
        self,
        query: Any,
        key: Any = None,
        *,
        causal: bool = False,
        mask: Any = None,
        lengths: Any = None,
    ) -> Any:
        """The attention weights, (N, heads, T, S): for every query their sum is 1.

        Arguments:
            query, key, causal, mask, lengths: as for a call.
        """
        q = self._projected(QUERY, query)
        k = self._projected(KEY, query if key is None else key)
        if self.rotary is not None:
            q, k = self.rotary(q), self.rotary(k)
        return attention_weights(q, k, causal=causal, mask=mask, lengths=lengths)

    # The projections. ----------------------------------------------------------------

    def _heads(self, query: Any, key: Any, value: Any, start: Any) -> list[Any]:
        """Queries, keys and values, projected, (N, heads, steps, head_dim)."""
        if isinstance(key, Remembered):
            q = self._projected(QUERY, query)
            return [q if self.rotary is None else self.rotary(q, start), *key]
        if key is None and value is None and self.in_proj_weight is not None:
            q, k, v = self._all_projected(query, self.in_proj_weight)
        else:
            key = query if key is None else key
            value = key if value is None else value
            q = self._projected(QUERY, query)
            k = self._projected(KEY, key)
            v = self._projected(VALUE, value)
        if self.rotary is not None:
            q, k = self.rotary(q, start), self.rotary(k, start)
        return [q, k, v]

    def _all_projected(self, x: Any, weight: Any) -> list[Any]:
        """All three projections of x as one product."""
        z = self._input(QUERY, x) @ weight.T
        if self.in_proj_bias is not None:
            z = z + self.in_proj_bias
        parts = reshape(z, (*z.shape[:-1], 3, self.num_heads, self.head_dim))
        return [_swapped(parts[..., i, :, :]) for i in range(3)]

    def _projected(self, part: int, x: Any) -> Any:
        """The projection of queries, keys or values, by heads."""
        node = self._input(part, x)
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        weight: Any
        if self.in_proj_weight is not None:
            weight = self.in_proj_weight[rows]
        else:
            weight = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)[part]
        z = node @ weight.T
        if self.in_proj_bias is not None:
            z = z + self.in_proj_bias[rows]
        return _swapped(reshape(z, (*z.shape[:-1], self.num_heads, self.head_dim)))

    def _input(self, part: int, x: Any) -> Any:
        """Queries, keys or values as floats (…, steps, features)."""
        what = ("query", "key", "value")[part]
        size = (self.embed_dim, self.kdim, self.vdim)[part]
        rule = f"the last axis of the {what} must have {size} elements"
        node = features("MultiheadAttention", x, size, rule, "MultiheadAttention({})")
        if node.ndim < 2:
            raise ShapeError(
                f"MultiheadAttention: {what} {node.shape}: expected (N, steps, {size})"
            )
        return node


def _check_cached(cache: Any, key: Any, causal: bool, lengths: Any) -> None:
    """A cache works with causal self-attention only."""
    if not isinstance(cache, KeyValueCache):
        raise ArgumentError(
            f"MultiheadAttention: cache={type(cache).__name__}: expected a "
            "KeyValueCache",
            fix="cache = layer.new_cache(batch, max_length)",
        )
    if key is not None or not causal or lengths is not None:
        raise ArgumentError(
            "MultiheadAttention: cache with a key, with lengths, or without "
            "causal=True: a cache holds the earlier steps of the query itself",
            fix="layer(x, causal=True, cache=cache)",
        )


class _Stacked:
    """An initializer for stacked matrices, each of which is drawn by itself."""

    def __init__(self, init: Initializer, count: int) -> None:
        self.init, self.count = init, count

    def __call__(
        self, shape: Sequence[int], generator: Any = None, dtype: Any = None
    ) -> Any:
        """The matrices."""
        one = (shape[0] // self.count, *shape[1:])
        return concatenate(
            [self.init(one, generator, dtype) for _ in range(self.count)]
        )


def _swapped(x: Any) -> Any:
    """x with the axes of steps and heads swapped."""
    n = len(x.shape)
    return transpose(x, (*range(n - 3), n - 2, n - 3, n - 1))


def _both(mask: Any, visible: Any) -> Any:
    """The user's mask, of bools or of floats to add, together with the cache's."""
    if mask is None:
        return visible
    (node,) = lift([mask])
    if node.dtype == dtypes.bool_:
        return logical_and(node, visible)
    return where(visible, node, MASKED)
