"""The blocks of the Transformer, and stacks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...errors import ArgumentError, unknown_option
from ...ops.composed import silu
from ...ops.elementwise import gelu, relu
from ..arguments import positive_size
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..normalization.features import LayerNorm
from .key_value_cache import KeyValueCache
from .multihead import MultiheadAttention
from .positions import RotaryPositions

#: What stands between the two products of a block, by name.
ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "relu": relu,
    "gelu": gelu,
    "silu": silu,
}


class _Block(Module):
    """What the blocks of encoder and decoder share: sizes, and the feed-forward part.

    Every part p of a block has a shortcut around it. With the norm behind it, as in the
    paper, y = LN(x + p(x)); with the norm first, y = x + p(LN(x)), which trains deep
    stacks without a warm-up (Xiong et al., 2020).
    """

    depends_on_training: ClassVar[bool] = True
    #: how many attentions a block has
    attentions: ClassVar[int] = 1

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = False,
        bias: bool = True,
        *,
        rotary: RotaryPositions | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        layer = type(self).__name__
        if activation not in ACTIVATIONS:
            raise unknown_option(f"activation of {layer}", activation, ACTIVATIONS)
        self.activation, self.norm_first = activation, bool(norm_first)
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, rotary=rotary, dtype=dtype
        )
        if self.attentions == 2:
            self.multihead_attn = MultiheadAttention(
                d_model, nhead, dropout, bias, dtype=dtype
            )
        first = "he_uniform" if activation == "relu" else "glorot_uniform"
        self.linear1 = Linear(
            d_model, dim_feedforward, bias, weight_init=first, dtype=dtype
        )
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype)
        self.norm1 = LayerNorm(d_model, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, bias=bias, dtype=dtype)
        if self.attentions == 2:
            self.norm3 = LayerNorm(d_model, bias=bias, dtype=dtype)
        self.dropout = Dropout(dropout)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "d_model": self.self_attn.embed_dim,
            "nhead": self.self_attn.num_heads,
            "dim_feedforward": self.linear1.out_features,
            "dropout": self.dropout.p,
            "activation": self.activation,
            "norm_first": self.norm_first,
            "bias": self.linear1.bias is not None,
            "rotary": self.self_attn.rotary,
        }

    def describe_settings(self) -> str:
        """``64, 4 heads``"""
        return self.self_attn.describe_settings()

    def new_cache(self, batch: int, max_length: int) -> KeyValueCache:
        """Room for the keys and values of so many sequences and steps."""
        return self.self_attn.new_cache(batch, max_length)

    def _around(
        self, part: Callable[[Any], Any], norm: Module, x: Any, training: bool
    ) -> Any:
        """A part with its shortcut, its dropout and its norm."""
        if self.norm_first:
            return x + self.dropout(part(norm(x)), training=training)
        return norm(x + self.dropout(part(x), training=training))

    def _feed_forward(self, x: Any, training: bool) -> Any:
        """W₂ dropout(f(W₁ x + b₁)) + b₂, for every step by itself."""
        hidden = ACTIVATIONS[self.activation](self.linear1(x))
        return self.linear2(self.dropout(hidden, training=training))


class TransformerEncoderLayer(_Block):
    """One block of an encoder: every step looks at every step, then thinks by itself.

    Formula, norm first: x ← x + MultiheadAttention(LN(x)); x ← x + W₂ f(W₁ LN(x)).
    With ``norm_first=False``, as in the paper, x ← LN(x + …). With ``causal=True`` in
    the call it is the block of a GPT.

    Shapes: (N, T, d_model) → the same.

    Arguments:
        d_model: the number of features.
        nhead: the number of heads, a divisor of it.
        dim_feedforward: the width between the two products.
        dropout: in training, of attention weights, hidden units and each part's result.
        activation: f, one of "relu", "gelu", "silu".
        norm_first: whether a part's input is normalised, or its result with the
            shortcut.
        bias: whether projections and norms have biases.
        rotary: turns queries and keys by their positions.

    Source: Vaswani et al., Attention is all you need (2017), section 3.1; norm first:
    Xiong et al. (2020).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> block = nn.TransformerEncoderLayer(16, 4, 32)
        >>> block(cr.zeros((2, 5, 16))).shape
        (2, 5, 16)
    """

    def forward(
        self,
        x: Any,
        *,
        causal: bool = False,
        mask: Any = None,
        lengths: Any = None,
        cache: KeyValueCache | None = None,
        training: bool = False,
    ) -> Any:
        """Attention, then the feed-forward part.

        Arguments:
            causal, mask, lengths, cache: as for ``MultiheadAttention``.
        """
        options = {"causal": causal, "mask": mask, "lengths": lengths, "cache": cache}

        def look(y: Any) -> Any:
            return self.self_attn(y, training=training, **options)

        x = self._around(look, self.norm1, x, training)
        think = lambda y: self._feed_forward(y, training)  # noqa: E731
        return self._around(think, self.norm2, x, training)


class TransformerDecoderLayer(_Block):
    """One block of a decoder: every step looks back at earlier ones, then at what the
    encoder made of the source, then thinks by itself.

    Formula, norm first: x ← x + MultiheadAttention(LN(x)), causal; x ← x +
    MultiheadAttention(LN(x), memory); x ← x + W₂ f(W₁ LN(x)).

    Shapes: x (N, T, d_model), memory (N, S, d_model) → (N, T, d_model).

    Arguments:
        d_model, nhead, dim_feedforward, dropout, activation, norm_first, bias, rotary:
            as for ``TransformerEncoderLayer``.

    Source: Vaswani et al., Attention is all you need (2017), section 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> block = nn.TransformerDecoderLayer(16, 4, 32)
        >>> block(cr.zeros((2, 5, 16)), cr.zeros((2, 7, 16))).shape
        (2, 5, 16)
    """

    attentions: ClassVar[int] = 2

    def forward(
        self,
        x: Any,
        memory: Any,
        *,
        causal: bool = True,
        mask: Any = None,
        lengths: Any = None,
        memory_mask: Any = None,
        memory_lengths: Any = None,
        cache: KeyValueCache | None = None,
        training: bool = False,
    ) -> Any:
        """Attention to x, to the memory, then the feed-forward part.

        Arguments:
            causal, mask, lengths, cache: of the attention to x; causal unless told.
            memory_mask, memory_lengths: of the attention to the memory.
        """
        options = {"causal": causal, "mask": mask, "lengths": lengths, "cache": cache}
        source = {"mask": memory_mask, "lengths": memory_lengths}

        def look_back(y: Any) -> Any:
            return self.self_attn(y, training=training, **options)

        def look_there(y: Any) -> Any:
            return self.multihead_attn(y, memory, training=training, **source)

        x = self._around(look_back, self.norm1, x, training)
        x = self._around(look_there, self.norm2, x, training)
        think = lambda y: self._feed_forward(y, training)  # noqa: E731
        return self._around(think, self.norm3, x, training)


class _Stack(Module):
    """Blocks of one kind, one after the other, and perhaps a norm at the end."""

    depends_on_training: ClassVar[bool] = True
    kind: ClassVar[type[_Block]] = _Block

    def __init__(
        self, layer: _Block, num_layers: int, norm: Module | None = None
    ) -> None:
        name = type(self).__name__
        if not isinstance(layer, self.kind):
            raise ArgumentError(
                f"{name}: {layer!r} is no {self.kind.__name__}",
                fix=f"{name}({self.kind.__name__}(d_model, nhead), num_layers)",
            )
        count = positive_size(name, "num_layers", num_layers)
        self.layers: Sequence[_Block] = [
            layer, *(_another(layer) for _ in range(count - 1))
        ]  # fmt: skip
        self.norm = norm

    def settings(self) -> dict[str, Any]:
        """One of the blocks, their number, and the norm."""
        return {
            "layer": self.layers[0],
            "num_layers": len(self.layers),
            "norm": self.norm,
        }

    def describe_settings(self) -> str:
        """``6 layers``"""
        return f"{len(self.layers)} layers"

    def new_caches(self, batch: int, max_length: int) -> list[KeyValueCache]:
        """A cache for each block."""
        return [layer.new_cache(batch, max_length) for layer in self.layers]

    def _run(
        self,
        x: Any,
        inputs: Sequence[Any],
        caches: Sequence[KeyValueCache] | None,
        options: Mapping[str, Any],
    ) -> Any:
        given: Sequence[Any] = caches or [None] * len(self.layers)
        if len(given) != len(self.layers):
            raise ArgumentError(
                f"{type(self).__name__}: {len(given)} caches for {len(self.layers)} "
                "layers",
                fix="caches=model.new_caches(batch, max_length)",
            )
        for layer, cache in zip(self.layers, given, strict=True):
            x = layer(x, *inputs, cache=cache, **options)
        return x if self.norm is None else self.norm(x)


def _another(layer: _Block) -> _Block:
    """A block with the same settings and dtype, and first values of its own."""
    made = type(layer).from_settings(layer.settings())
    return made.astype(layer.linear1.weight.dtype)


class TransformerEncoder(_Stack):
    """Blocks of an encoder, one after the other.

    Shapes: (N, T, d_model) → the same.

    Arguments:
        layer: the first block; the others have its settings and, unlike PyTorch's,
            first values of their own.
        num_layers: how many blocks.
        norm: what normalises the result; with ``norm_first`` blocks, ``LayerNorm(
            d_model)``.

    Source: Vaswani et al., Attention is all you need (2017), section 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> block = nn.TransformerEncoderLayer(16, 4, 32)
        >>> encoder = nn.TransformerEncoder(block, num_layers=3)
        >>> encoder(cr.zeros((2, 5, 16)), lengths=[5, 3]).shape
        (2, 5, 16)
    """

    kind: ClassVar[type[_Block]] = TransformerEncoderLayer

    def forward(
        self,
        x: Any,
        *,
        causal: bool = False,
        mask: Any = None,
        lengths: Any = None,
        caches: Sequence[KeyValueCache] | None = None,
        training: bool = False,
    ) -> Any:
        """Every block, then the norm.

        Arguments:
            causal, mask, lengths: as for ``MultiheadAttention``.
            caches: one for each block, from ``new_caches``.
        """
        options = {
            "causal": causal, "mask": mask, "lengths": lengths, "training": training
        }  # fmt: skip
        return self._run(x, (), caches, options)


class TransformerDecoder(_Stack):
    """Blocks of a decoder, one after the other.

    Shapes: x (N, T, d_model), memory (N, S, d_model) → (N, T, d_model).

    Arguments:
        layer: the first block; the others have its settings and first values of their
            own.
        num_layers: how many blocks.
        norm: what normalises the result.

    Source: Vaswani et al., Attention is all you need (2017), section 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 4, 32), 2)
        >>> decoder(cr.zeros((2, 5, 16)), cr.zeros((2, 7, 16))).shape
        (2, 5, 16)
    """

    kind: ClassVar[type[_Block]] = TransformerDecoderLayer

    def forward(
        self,
        x: Any,
        memory: Any,
        *,
        causal: bool = True,
        mask: Any = None,
        lengths: Any = None,
        memory_mask: Any = None,
        memory_lengths: Any = None,
        caches: Sequence[KeyValueCache] | None = None,
        training: bool = False,
    ) -> Any:
        """Every block, then the norm.

        Arguments:
            causal, mask, lengths, memory_mask, memory_lengths: as for the block.
            caches: one for each block, from ``new_caches``.
        """
        options = {
            "causal": causal,
            "mask": mask,
            "lengths": lengths,
            "memory_mask": memory_mask,
            "memory_lengths": memory_lengths,
            "training": training,
        }
        return self._run(x, (memory,), caches, options)
