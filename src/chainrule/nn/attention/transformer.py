"""The blocks of the Transformer, and stacks of them.

Place on the road: the highest floor of ``nn``, made of its layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ...arrays.activations import silu
from ...errors import ArgumentError, unknown_option
from ...ops.elementwise import gelu, relu
from ..arguments import positive_size
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..normalization.features import LayerNorm
from .key_value_cache import KeyValueCache
from .multihead import MultiheadAttention, Remembered
from .options import AttentionOptions
from .positions import RotaryPositions

#: The activations between the two products of a block, by name.
ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "relu": relu,
    "gelu": gelu,
    "silu": silu,
}


class _Block(Module):
    """What the blocks of encoder and decoder share: settings, layers, and their parts.

    Every part p of a block has a shortcut around it. With the norm after it, as in the
    paper, y = LN(x + p(x)); with the norm first, y = x + p(LN(x)), which trains deep
    stacks without a warm-up (Xiong et al., 2020).

    Class attribute:
        attends_to_memory: whether a block has a second attention, to the output of an
            encoder.
    """

    depends_on_training: ClassVar[bool] = True
    attends_to_memory: ClassVar[bool] = False

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
        if self.attends_to_memory:
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
        if self.attends_to_memory:
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
        """A cache for ``batch`` sequences of up to ``max_length`` steps."""
        return self.self_attn.new_cache(batch, max_length)

    def _around(
        self, part: Callable[[Any], Any], norm: Module, x: Any, training: bool
    ) -> Any:
        """A part with its shortcut, its dropout and its norm."""
        if self.norm_first:
            return x + self.dropout(part(norm(x)), training=training)
        return norm(x + self.dropout(part(x), training=training))

    def _attend(
        self,
        attention: MultiheadAttention,
        norm: Module,
        x: Any,
        options: AttentionOptions,
        training: bool,
        *memory: Any,
    ) -> Any:
        """Attention to x, or to the memory if there is one, with its shortcut."""

        def part(y: Any) -> Any:
            return attention(y, *memory, training=training, **options.keywords())

        return self._around(part, norm, x, training)

    def _feed_forward(self, norm: Module, x: Any, training: bool) -> Any:
        """W₂ dropout(f(W₁ x + b₁)) + b₂ for every step, with its shortcut."""

        def part(y: Any) -> Any:
            hidden = ACTIVATIONS[self.activation](self.linear1(y))
            return self.linear2(self.dropout(hidden, training=training))

        return self._around(part, norm, x, training)


class TransformerEncoderLayer(_Block):
    """One block of an encoder: attention among all steps, then a network of two layers
    for every step.

    Formula, norm first: x ← x + MultiheadAttention(LN(x)); x ← x + W₂ f(W₁ LN(x)).
    With ``norm_first=False``, as in the paper, x ← LN(x + …). With ``causal=True`` in
    the call it is the block of a GPT.

    Shapes: (N, T, d_model) → the same.

    Arguments:
        d_model: the number of features.
        nhead: the number of heads, a divisor of ``d_model``.
        dim_feedforward: the width between the two products.
        dropout: in training, of attention weights, hidden units and each part's output.
        activation: f, one of "relu", "gelu", "silu".
        norm_first: whether the norm is applied to a part's input instead of to the sum
            with the shortcut.
        bias: whether projections and norms have biases.
        rotary: rotates queries and keys by their positions.

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
        options = AttentionOptions(causal, mask, lengths, cache)
        x = self._attend(self.self_attn, self.norm1, x, options, training)
        return self._feed_forward(self.norm2, x, training)


class TransformerDecoderLayer(_Block):
    """One block of a decoder: attention to earlier steps, then to the encoder's output,
    the memory, then a network of two layers for every step.

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

    attends_to_memory: ClassVar[bool] = True

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
            memory: (N, S, d_model), or ``multihead_attn.remember`` of it.
            causal, mask, lengths, cache: of the attention to x; causal by default.
            memory_mask, memory_lengths: of the attention to the memory.
        """
        own = AttentionOptions(causal, mask, lengths, cache)
        x = self._attend(self.self_attn, self.norm1, x, own, training)
        other = AttentionOptions(mask=memory_mask, lengths=memory_lengths)
        x = self._attend(self.multihead_attn, self.norm2, x, other, training, memory)
        return self._feed_forward(self.norm3, x, training)

    def memory_weights(self, x: Any, memory: Any, *, memory_lengths: Any = None) -> Any:
        """How much each step of x attends to each of the memory, for inspection.

        Shapes: x (N, T, d_model), memory (N, S, d_model) → (N, heads, T, S).
        """
        own = AttentionOptions(causal=True)
        x = self._attend(self.self_attn, self.norm1, x, own, training=False)
        query = self.norm2(x) if self.norm_first else x
        return self.multihead_attn.weights(query, memory, lengths=memory_lengths)


class _Stack(Module):
    """Blocks of one class, one after the other, and optionally a norm at the end.

    Class attribute:
        block: that class.
    """

    depends_on_training: ClassVar[bool] = True
    block: ClassVar[type[_Block]] = _Block

    def __init__(
        self, layer: _Block, num_layers: int, norm: Module | None = None
    ) -> None:
        name = type(self).__name__
        if not isinstance(layer, self.block):
            raise ArgumentError(
                f"{name}: {layer!r}: expected a {self.block.__name__}",
                fix=f"{name}({self.block.__name__}(d_model, nhead), num_layers)",
            )
        count = positive_size(name, "num_layers", num_layers)
        others = [_another(layer) for _ in range(count - 1)]
        self.layers: Sequence[_Block] = [layer, *others]
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
        inputs: Sequence[Sequence[Any]],
        caches: Sequence[KeyValueCache] | None,
        attention: AttentionOptions,
        **others: Any,
    ) -> Any:
        """All blocks, each with its inputs, its cache and these options, then the norm.

        Arguments:
            inputs: what else blocks are given: for each of them one.
        """
        given: Sequence[Any] = caches or [None] * len(self.layers)
        if len(given) != len(self.layers):
            raise ArgumentError(
                f"{type(self).__name__}: {len(given)} caches for {len(self.layers)} "
                "layers",
                fix="caches=model.new_caches(batch, max_length)",
            )
        for i, (layer, cache) in enumerate(zip(self.layers, given, strict=True)):
            options = attention.with_cache(cache).keywords()
            own = [each[i] for each in inputs]
            x = layer(x, *own, **options, **others)
        return x if self.norm is None else self.norm(x)


def _another(layer: _Block) -> _Block:
    """A block with the same settings and dtype, and initial values of its own."""
    block = type(layer).from_settings(layer.settings())
    return block.astype(layer.linear1.weight.dtype)


class TransformerEncoder(_Stack):
    """Blocks of an encoder, one after the other.

    Shapes: (N, T, d_model) → the same.

    Arguments:
        layer: the first block; the others have its settings and, unlike PyTorch's,
            initial values of their own.
        num_layers: the number of blocks.
        norm: a layer that normalises the output; for ``norm_first`` blocks
            ``LayerNorm(d_model)``.

    Source: Vaswani et al., Attention is all you need (2017), section 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> block = nn.TransformerEncoderLayer(16, 4, 32)
        >>> encoder = nn.TransformerEncoder(block, num_layers=3)
        >>> encoder(cr.zeros((2, 5, 16)), lengths=[5, 3]).shape
        (2, 5, 16)
    """

    block: ClassVar[type[_Block]] = TransformerEncoderLayer

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
        options = AttentionOptions(causal, mask, lengths)
        return self._run(x, (), caches, options, training=training)


class TransformerDecoder(_Stack):
    """Blocks of a decoder, one after the other.

    Shapes: x (N, T, d_model), memory (N, S, d_model) → (N, T, d_model).

    Arguments:
        layer: the first block; the others have its settings and initial values of
            their own.
        num_layers: the number of blocks.
        norm: a layer that normalises the output.

    Source: Vaswani et al., Attention is all you need (2017), section 3.1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 4, 32), 2)
        >>> decoder(cr.zeros((2, 5, 16)), cr.zeros((2, 7, 16))).shape
        (2, 5, 16)
    """

    block: ClassVar[type[_Block]] = TransformerDecoderLayer

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
            memory: (N, S, d_model), or what ``remember`` made of it.
            caches: one for each block, from ``new_caches``.
        """
        parts = memory if isinstance(memory, list | tuple) else ()
        known = len(parts) > 0 and all(isinstance(each, Remembered) for each in parts)
        return self._run(
            x,
            (memory if known else [memory] * len(self.layers),),
            caches,
            AttentionOptions(causal, mask, lengths),
            memory_mask=memory_mask,
            memory_lengths=memory_lengths,
            training=training,
        )

    def remember(self, memory: Any) -> list[Remembered]:
        """A memory, projected for each block: in the place of the memory, it saves
        doing so again for every step that is written.

        Example:
            >>> import chainrule as cr
            >>> from chainrule import nn
            >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)
            >>> known = decoder.remember(cr.zeros((1, 7, 8)))
            >>> decoder(cr.zeros((1, 3, 8)), known).shape
            (1, 3, 8)
        """
        layers: Sequence[Any] = self.layers
        return [layer.multihead_attn.remember(memory) for layer in layers]
