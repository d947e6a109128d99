"""Sequence to sequence: networks that read one sequence and write another, of another
length.

Read from top to bottom: what both families share, the recurrent one with attention
(Bahdanau, Luong), the Transformer of 2017, and what they are trained to do.
``decoding`` writes with them. The shape of a value stands at the right of the line that
makes it: N pairs, S steps of a source and T of a target, D features, H units, V tokens.

Tokens are whole numbers from 0. What begins a target and what ends it is one number
more, V, which no tokenizer has to know of: read, it is the beginning; written, the end.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

from numpy.typing import DTypeLike

from .. import losses, nn
from ..arrays.joining import split
from ..errors import ArgumentError, ShapeError, unknown_option
from ..initializers import normal
from ..nn.arguments import number_within, positive_size
from ..nn.lengths import checked_lengths
from ..ops.arrays import lift
from ..ops.composed import expand_dims, stack, swapaxes
from ..ops.control import scan
from ..ops.creation import arange, full
from ..ops.elementwise import tanh, where
from ..ops.movement import concatenate

#: The attention of the recurrent family: what compares the decoder with the source.
ATTENTIONS = ("bahdanau", "dot", "general")
#: Its recurrent layers: of the encoder, and one step of them, of the decoder.
CELLS: dict[str, tuple[Any, Any]] = {
    "gru": (nn.GRU, nn.GRUCell),
    "lstm": (nn.LSTM, nn.LSTMCell),
}
#: The label of a step that does not count.
NOTHING = -1


class Memory(NamedTuple):
    """What a model keeps of a source while it writes; every part has N rows.

    Attributes:
        states: what attention averages, (N, S, D); of the Transformer, keys and values
            of each block.
        keys: what it compares with; None where they are among the states.
        lengths: how many steps of each source are real, (N,).
    """

    states: Any
    keys: Any
    lengths: Any


class EncoderDecoder(nn.Module):
    """What both families share: the vocabularies, and targets as they are read and as
    they are to be written.

    Attributes:
        source_vocabulary, target_vocabulary: how many tokens there are.
        end: the number of what ends a target, and begins it: ``target_vocabulary``.
    """

    depends_on_training: ClassVar[bool] = True
    #: The longest source and target, with its end; None where there is no limit.
    max_length: int | None = None

    def __init__(self, source_vocabulary: int, target_vocabulary: int) -> None:
        name = type(self).__name__
        self.source_vocabulary = positive_size(
            name, "source_vocabulary", source_vocabulary
        )
        self.end = positive_size(name, "target_vocabulary", target_vocabulary)

    @property
    def target_vocabulary(self) -> int:
        """How many tokens a target is written with."""
        return self.end

    def encode(
        self, source: Any, lengths: Any = None, training: bool = False
    ) -> tuple[Memory, Any]:
        """The memory of a source, and the state in which its target begins.

        Arguments:
            source: integers (N, S).
            lengths: how many steps of each are real, (N,); all if not given.
        """
        raise self._undefined("encode")

    def forward(
        self, source: Any, lengths: Any, target: Any, training: bool = False
    ) -> Any:
        """Logits of every token of a target and of its end, each knowing the ones
        before it: (N, T + 1, V + 1).

        Arguments:
            source, lengths: as of ``encode``.
            target: integers (N, T), without an end.
        """
        raise self._undefined("forward")

    def attention_maps(self, source: Any, lengths: Any, target: Any) -> Any:
        """How much each token of a target, and its end, attends to each step of the
        source: (N, T + 1, S), every row with the sum 1.
        """
        raise self._undefined("attention_maps")

    def next(
        self, ids: Any, memory: Memory, state: Any, caches: Any
    ) -> tuple[Any, Any]:
        """Logits of what follows these tokens, (N, V + 1), and the next state.

        Arguments:
            ids: the last token of every target, (N,); at first ``end``.
            memory, state: as ``encode`` returned them, and then this method.
            caches: the tokens before, from ``new_caches``.
        """
        raise self._undefined("next")

    def new_caches(self, rows: int, max_length: int) -> list[nn.KeyValueCache]:
        """What is kept of up to ``max_length`` tokens of every target, beside a state;
        nothing where the state is all.
        """
        return []

    def _undefined(self, method: str) -> ArgumentError:
        return ArgumentError(f"{type(self).__name__}: {method} is not defined")

    def _begun(self, target: Any) -> Any:
        """A target behind its beginning, as a decoder reads it: (N, T + 1)."""
        (node,) = lift([target])
        if len(node.shape) != 2:
            raise ShapeError(
                f"{type(self).__name__}: target {node.shape}: expected (N, T) tokens"
            )
        first = full((node.shape[0], 1), self.end, node.dtype)
        return concatenate([first, node], axis=1)


# Recurrent networks with attention. ---------------------------------------------------


class Seq2Seq(EncoderDecoder):
    """Recurrent layers that read a source in both directions, and one that writes the
    target, looking back at the source for every token.

    Formula, of the states h₁ … h_S of the encoder and its ends →h_S and ←h₁:
        s₀ = tanh(B [→h_S; ←h₁] + b)
        sₜ = GRU([yₜ₋₁; fₜ], sₜ₋₁)
        s̃ₜ = tanh(R [sₜ; cₜ] + r);  logits of yₜ = V s̃ₜ + v
    "bahdanau": cₜ = Σⱼ αₜⱼ hⱼ attends with the state before, sₜ₋₁, and fₜ = cₜ.
    "dot", "general" (Luong): cₜ attends with sₜ, and fₜ = s̃ₜ₋₁: the input feeding.

    Shapes: integers (N, S), lengths (N,) and integers (N, T) → (N, T + 1, V + 1).

    Arguments:
        source_vocabulary, target_vocabulary: how many tokens there are.
        hidden_size: H, of the decoder; each direction of the encoder has half of it.
        width: D, the size of a token's vector; H when not given.
        num_layers: of the encoder.
        attention: "bahdanau", "dot" or "general".
        cell: "gru" or "lstm".
        dropout: of vectors, states of the encoder and s̃, in training.

    Raises:
        ArgumentError: for sizes that are none, or an odd ``hidden_size``.
        OptionError: for another attention or cell.
        BoundsError: in a call, for a token outside of the vocabulary.

    Source: Bahdanau, Cho & Bengio (2015), with a layer of tanh in the place of maxout;
    Luong, Pham & Manning (2015), sections 3.1 and 3.3.

    Example:
        >>> import numpy as np
        >>> from chainrule import models
        >>> model = models.Seq2Seq(30, 40, hidden_size=16)
        >>> source, target = np.zeros((2, 5), int), np.zeros((2, 7), int)
        >>> model(source, [5, 3], target).shape
        (2, 8, 41)
        >>> model.attention_maps(source, [5, 3], target).shape
        (2, 8, 5)
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        hidden_size: int = 256,
        width: int | None = None,
        num_layers: int = 1,
        attention: str = "bahdanau",
        cell: str = "gru",
        dropout: float = 0.0,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(source_vocabulary, target_vocabulary)
        if attention not in ATTENTIONS:
            raise unknown_option("attention of Seq2Seq", attention, ATTENTIONS)
        if cell not in CELLS:
            raise unknown_option("cell of Seq2Seq", cell, CELLS)
        hidden = positive_size("Seq2Seq", "hidden_size", hidden_size)
        if hidden % 2:
            raise ArgumentError(
                f"Seq2Seq: hidden_size={hidden}: each of the encoder's two directions "
                "has half of it",
                fix=f"hidden_size={hidden + 1}",
            )
        self.attention_kind, self.cell_kind = attention, cell
        size = hidden if width is None else width
        layer, one_step = CELLS[cell]
        between = dropout if num_layers != 1 else 0.0
        self.source_embedding = nn.Embedding(source_vocabulary, size, dtype=dtype)
        self.encoder = layer(
            size, hidden // 2, num_layers, bidirectional=True, dropout=between,
            dtype=dtype,
        )  # fmt: skip
        self.cell = one_step(size + hidden, hidden, dtype=dtype)
        self.bridge = nn.Linear(hidden, len(self.cell.states) * hidden, dtype=dtype)
        self.target_embedding = nn.Embedding(self.end + 1, size, dtype=dtype)
        self.attention: nn.BahdanauAttention | nn.LuongAttention
        if attention == "bahdanau":
            self.attention = nn.BahdanauAttention(hidden, hidden, hidden, dtype=dtype)
        else:
            self.attention = nn.LuongAttention(hidden, hidden, attention, dtype=dtype)
        self.readout = nn.Linear(2 * hidden, hidden, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, self.end + 1, dtype=dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "source_vocabulary": self.source_vocabulary,
            "target_vocabulary": self.target_vocabulary,
            "hidden_size": self.cell.hidden_size,
            "width": self.source_embedding.embedding_dim,
            "num_layers": self.encoder.num_layers,
            "attention": self.attention_kind,
            "cell": self.cell_kind,
            "dropout": self.dropout.p,
        }

    def encode(
        self, source: Any, lengths: Any = None, training: bool = False
    ) -> tuple[Memory, Any]:
        """The memory of a source, and (s₀, …, s̃₀): the cell's state, and what it is
        fed.
        """
        x = self.source_embedding(source)  # (N, S, D)
        x = self.dropout(x, training=training)
        known = _lengths_of(x, lengths)
        read = self.encoder(x, lengths=known, training=training)
        ends = nn.LastStep().forward(read)  # (N, H)
        h = self.dropout(read[0], training=training)  # (N, S, H)
        first = split(tanh(self.bridge(ends)), len(self.cell.states), axis=-1)
        fed = first[0] * 0.0  # (N, H)
        return Memory(h, self.attention.keys(h), known), (*first, fed)

    def forward(
        self, source: Any, lengths: Any, target: Any, training: bool = False
    ) -> Any:
        """Logits of every token of a target and of its end."""
        memory, state = self.encode(source, lengths, training)
        s, _ = self._along(memory, state, target, training)  # (N, T + 1, H)
        s = self.dropout(s, training=training)
        return self.output(s)  # (N, T + 1, V + 1)

    def attention_maps(self, source: Any, lengths: Any, target: Any) -> Any:
        """α: how much each token of a target, and its end, attends to each step of the
        source, (N, T + 1, S).
        """
        memory, state = self.encode(source, lengths)
        return self._along(memory, state, target, training=False)[1]

    def _along(
        self, memory: Memory, state: Any, target: Any, training: bool
    ) -> tuple[Any, Any]:
        """s̃ and α of all steps, each given the token before."""
        y = self.target_embedding(self._begun(target))  # (N, T + 1, D)
        z = self._from_token(self.dropout(y, training=training))  # (N, T + 1, G·H)

        def step(state: Any, z: Any) -> tuple[Any, Any]:
            state, weights = self._step(z, state, memory)
            return state, (state[-1], weights)

        _, (s, weights) = scan(step, state, swapaxes(z, 0, 1))
        return swapaxes(s, 0, 1), swapaxes(weights, 0, 1)

    def _from_token(self, y: Any) -> Any:
        """What the gates take from a token alone, which a loop need not wait for."""
        weights = self.cell.weights()
        token = weights.input[: self.target_embedding.embedding_dim]
        return y @ token + self.cell.input_bias(weights)

    def _step(self, z: Any, state: Any, memory: Memory) -> tuple[Any, Any]:
        """The state after one more token, and α (N, S)."""
        *before, fed = state
        weights = self.cell.weights()
        back = weights.input[self.target_embedding.embedding_dim :]
        if self.attention_kind == "bahdanau":
            context, alpha = self._attend(before[0], memory)
            after = self.cell.step(z + context @ back, tuple(before), weights)
        else:
            after = self.cell.step(z + fed @ back, tuple(before), weights)
            context, alpha = self._attend(after[0], memory)
        s = tanh(self.readout(concatenate([after[0], context], axis=-1)))  # (N, H)
        return (*after, s), alpha

    def _attend(self, query: Any, memory: Memory) -> Any:
        return self.attention(query, memory.states, memory.lengths, keys=memory.keys)

    def next(
        self, ids: Any, memory: Memory, state: Any, caches: Any = ()
    ) -> tuple[Any, Any]:
        """Logits of what follows these tokens, and the next state."""
        z = self._from_token(self.target_embedding(ids))  # (N, G·H)
        state, _ = self._step(z, state, memory)
        return self.output(state[-1]), state  # (N, V + 1)


# The Transformer. ---------------------------------------------------------------------


class Transformer(EncoderDecoder):
    """A stack of blocks that reads a source, and one that writes a target, by attention
    alone.

    Formula: h = √D W[source] + P, through blocks of attention among all steps; y =
    √D U[target] + P, through blocks of attention to earlier tokens and to h; logits =
    y Uᵀ. P are the positions' waves, and U is the table of the target ("tied").

    Shapes: integers (N, S), lengths (N,) and integers (N, T) → (N, T + 1, V + 1).

    Initial values: W and U from N(0, 1/D), the rest as of its layers.

    Arguments:
        source_vocabulary, target_vocabulary: how many tokens there are.
        width: D; 512 and 6 layers of 8 heads are the paper's, with ``hidden_size``
            2048.
        num_layers: of encoder and decoder, each.
        num_heads: a divisor of D.
        hidden_size: between the two products of a block; 4 D when not given.
        dropout: in training, of vectors, weights, hidden units and parts.
        norm_first: whether the norm is applied to a part's input, which trains without
            a warm-up, instead of to the sum with the shortcut, as in the paper.
        max_length: the longest source, and the longest target with its end.

    Raises:
        ArgumentError: for sizes that are none, or heads that do not divide the width.
        BoundsError: in a call, for a token outside of the vocabulary.
        ShapeError: in a call, for sequences longer than ``max_length``.

    Source: Vaswani et al., Attention is all you need (2017); norm first: Xiong et al.
    (2020).

    Example:
        >>> import numpy as np
        >>> from chainrule import models
        >>> model = models.Transformer(30, 40, width=16, num_layers=2, num_heads=2)
        >>> source, target = np.zeros((2, 5), int), np.zeros((2, 7), int)
        >>> model(source, [5, 3], target).shape
        (2, 8, 41)
        >>> model.attention_maps(source, [5, 3], target).shape
        (2, 8, 5)
    """

    def __init__(
        self,
        source_vocabulary: int,
        target_vocabulary: int,
        width: int = 512,
        num_layers: int = 6,
        num_heads: int = 8,
        hidden_size: int | None = None,
        dropout: float = 0.1,
        norm_first: bool = False,
        max_length: int = 512,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(source_vocabulary, target_vocabulary)
        d = positive_size("Transformer", "width", width)
        hidden = 4 * d if hidden_size is None else hidden_size
        self.max_length = positive_size("Transformer", "max_length", max_length)
        table = normal(std=1 / math.sqrt(d))
        self.source_embedding = nn.Embedding(
            source_vocabulary, d, weight_init=table, dtype=dtype
        )
        self.target_embedding = nn.Embedding(
            self.end + 1, d, weight_init=table, dtype=dtype
        )
        self.positions = nn.SinusoidalPositions(d, max_length)
        self.dropout = nn.Dropout(dropout)
        first = bool(norm_first)

        def norm() -> nn.LayerNorm | None:
            return nn.LayerNorm(d, dtype=dtype) if first else None

        options = (d, num_heads, hidden, dropout, "relu", first)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(*options, dtype=dtype), num_layers, norm()
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(*options, dtype=dtype), num_layers, norm()
        )

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        block = self.encoder.layers[0].settings()
        return {
            "source_vocabulary": self.source_vocabulary,
            "target_vocabulary": self.target_vocabulary,
            "width": block["d_model"],
            "num_layers": len(self.encoder.layers),
            "num_heads": block["nhead"],
            "hidden_size": block["dim_feedforward"],
            "dropout": self.dropout.p,
            "norm_first": block["norm_first"],
            "max_length": self.max_length,
        }

    def _embedded(
        self, table: nn.Embedding, ids: Any, start: Any, training: bool
    ) -> Any:
        """√D W[id] + P, with dropout."""
        x = table(ids) * math.sqrt(table.embedding_dim)  # (N, T, D)
        return self.dropout(self.positions(x, start), training=training)

    def _read(self, source: Any, lengths: Any, training: bool) -> tuple[Any, Any]:
        """h (N, S, D), and the lengths."""
        x = self._embedded(self.source_embedding, source, 0, training)  # (N, S, D)
        known = _lengths_of(x, lengths)
        return self.encoder(x, lengths=known, training=training), known

    def encode(
        self, source: Any, lengths: Any = None, training: bool = False
    ) -> tuple[Memory, Any]:
        """The memory of a source, as keys and values of each block; no state."""
        h, known = self._read(source, lengths, training)
        return Memory(self.decoder.remember(h), None, known), ()

    def forward(
        self, source: Any, lengths: Any, target: Any, training: bool = False
    ) -> Any:
        """Logits of every token of a target and of its end."""
        h, known = self._read(source, lengths, training)  # (N, S, D)
        y = self._begun(target)
        y = self._embedded(self.target_embedding, y, 0, training)  # (N, T + 1, D)
        y = self.decoder(y, h, memory_lengths=known, training=training)
        return self.target_embedding.logits(y)  # (N, T + 1, V + 1)

    def attention_maps(
        self, source: Any, lengths: Any, target: Any, *, heads: bool = False
    ) -> Any:
        """How much each token of a target, and its end, attends to each step of the
        source: the mean of all blocks and heads, (N, T + 1, S).

        Arguments:
            heads: each by itself instead, (N, layers, heads, T + 1, S).
        """
        h, known = self._read(source, lengths, training=False)
        y = self._embedded(self.target_embedding, self._begun(target), 0, False)
        maps = []
        layers: Any = self.decoder.layers
        for layer in layers:
            maps.append(layer.memory_weights(y, h, memory_lengths=known))
            y = layer(y, h, memory_lengths=known)
        each = stack(maps, axis=1)  # (N, layers, heads, T + 1, S)
        return each if heads else each.mean(axis=(1, 2))

    def next(
        self, ids: Any, memory: Memory, state: Any, caches: Any
    ) -> tuple[Any, Any]:
        """Logits of what follows these tokens, and the state: ()."""
        start = caches[0].length.read()
        y = expand_dims(lift([ids])[0], 1)
        y = self._embedded(self.target_embedding, y, start, False)  # (N, 1, D)
        y = self.decoder(
            y, memory.states, memory_lengths=memory.lengths, caches=caches
        )  # fmt: skip
        return self.target_embedding.logits(y)[:, 0], state  # (N, V + 1)

    def new_caches(self, rows: int, max_length: int) -> list[nn.KeyValueCache]:
        """Keys and values of up to ``max_length`` tokens of every target."""
        return self.decoder.new_caches(rows, max_length)


# Training. ----------------------------------------------------------------------------


class TeacherForcing(nn.Module):
    """What such a network is trained to do: to write each token of the target, given
    the true ones before it. A module that returns its own loss.

    Formula: L = −Σᵢ Σₜ Σₖ q(k | yᵢₜ) ln p(k | yᵢ,₁ … yᵢ,ₜ₋₁, xᵢ) / Σᵢ (Tᵢ + 1): over
    the real tokens of all targets of a batch and the end of each. In training
    q = (1 − ε) · [k = y] + ε / (V + 1), with ε the ``label_smoothing``; in evaluation
    ε = 0, so that exp L is the perplexity.

    Shapes: source (N, S), lengths (N,), target (N, T), lengths (N,) → (): the inputs of
    ``data.bucket_pairs``.

    Arguments:
        model: a ``Seq2Seq`` or a ``Transformer``.
        label_smoothing: ε, from 0 to less than 1; the paper of the Transformer has 0.1.

    Raises:
        ArgumentError: for another model, or an ε that is none.

    Source: Williams & Zipser (1989) for teacher forcing; Szegedy et al. (2016) for
    label smoothing; padding counts nowhere.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models
        >>> cr.manual_seed(0)
        >>> pairs = data.bucket_pairs([[1, 2], [2], [3, 1, 2]], [[0], [1, 1], [2, 0]])
        >>> model = models.Seq2Seq(4, 3, hidden_size=8)
        >>> history = cr.fit(models.TeacherForcing(model), pairs, epochs=5,
        ...                  progress=False)
        >>> history["loss"][-1] < history["loss"][0]
        True
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(self, model: EncoderDecoder, label_smoothing: float = 0.0) -> None:
        if not isinstance(model, EncoderDecoder):
            raise ArgumentError(
                f"TeacherForcing: model is a {type(model).__name__}: expected one that "
                "reads a sequence and writes another",
                fix="models.Seq2Seq(…) or models.Transformer(…)",
            )
        self.model = model
        below_1 = math.nextafter(1.0, 0.0)
        self.label_smoothing = number_within(
            "TeacherForcing", "label_smoothing", label_smoothing, 0, below_1,
            "a share from 0 to less than 1",
        )  # fmt: skip

    def settings(self) -> dict[str, Any]:
        """The network, and ε."""
        return {"model": self.model, "label_smoothing": self.label_smoothing}

    def describe_settings(self) -> str:
        """``label_smoothing=0.1``"""
        return f"label_smoothing={self.label_smoothing}" if self.label_smoothing else ""

    def forward(
        self,
        source: Any,
        source_lengths: Any,
        target: Any,
        target_lengths: Any,
        training: bool = False,
    ) -> Any:
        """The loss of a batch: see the formula."""
        logits = self.model(source, source_lengths, target, training=training)
        return losses.cross_entropy(
            logits,
            labels_of(target, target_lengths, self.model.end),
            label_smoothing=self.label_smoothing if training else 0.0,
            ignore_index=NOTHING,
        )


def labels_of(target: Any, lengths: Any, end: int) -> Any:
    """What is to be written: the target, its end, and ``NOTHING`` behind it.

    Shapes: (N, T) and (N,) → (N, T + 1).

    Arguments:
        target: integers.
        lengths: how many of its steps are real.
        end: the number of the end.

    Example:
        >>> labels_of([[4, 5], [6, 0]], [2, 1], end=9).numpy().tolist()
        [[4, 5, 9], [6, 9, -1]]
    """
    (node,) = lift([target])
    samples, steps = node.shape
    known = checked_lengths("TeacherForcing: target", lengths, samples, steps)
    written = concatenate([node, full((samples, 1), end, node.dtype)], axis=1)
    at, last = arange(steps + 1), expand_dims(known, 1)
    return where(at <= last, where(at < last, written, end), NOTHING)


def _lengths_of(x: Any, lengths: Any) -> Any:
    """The lengths of sequences (N, S, D); S where none are given."""
    samples, steps = x.shape[:2]
    return full((samples,), steps, "int64") if lengths is None else lengths
