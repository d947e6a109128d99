"""Language models: what follows, in any text, by an LSTM, a GRU or a GPT.

Read from top to bottom: a recurrent network over tokens, a network with its tokenizer,
how a text trains it, how it writes, and how well it knows a text. ``GPT`` stands in a
file of its own. The shape of a value stands at the right of the line that makes it: N
sequences, T steps, D features, H units, V tokens.

Place on the road: above ``generation``, which writes, and ``data.text``, which cuts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import losses, nn
from ..data import Stream
from ..data.text.kinds import tokenizer_from_json
from ..data.text.packing import packed_rows, packed_windows
from ..data.text.tokenizers import Tokenizer
from ..errors import ArgumentError, DataError, unknown_option
from ..graph import Array
from ..nn.arguments import new_variable, positive_size
from ..ops.elementwise import stop_gradient, where
from ..random_numbers import Generator
from ..variable import Variable
from .generation import Memory, Sampling, checked_network, write
from .gpt import GPT
from .perplexity import BEFORE, TextScore, nats, overlapping

#: The recurrent layers that there are.
CELLS: Mapping[str, type[Any]] = {"lstm": nn.LSTM, "gru": nn.GRU}

#: Tokens of a window, unless it is said or a network cannot look back so far.
LENGTH = 64


class TokenRNN(nn.Module):
    """A recurrent network that predicts the next token.

    Formula: x = W[id]; h, state = LSTM(x, state); logits = V h + b.

    Shapes: integers (N, T) → (N, T, V).

    Arguments:
        vocabulary: V, how many tokens there are.
        hidden_size: H, of each layer.
        num_layers: how many layers stand above each other.
        cell: "lstm" or "gru".
        width: D, the size of a token's vector; H when not given.
        dropout: between the layers and before the output, in training.

    Raises:
        OptionError: for another cell.

    Source: Graves, Generating sequences with recurrent neural networks (2013).

    Example:
        >>> import numpy as np
        >>> from chainrule import models
        >>> network = models.TokenRNN(65, hidden_size=16, cell="gru")
        >>> network(np.zeros((3, 5), int)).shape
        (3, 5, 65)
    """

    depends_on_training: ClassVar[bool] = True
    #: It can look back on any number of tokens.
    longest: ClassVar[None] = None

    def __init__(
        self,
        vocabulary: int,
        hidden_size: int = 256,
        num_layers: int = 2,
        cell: str = "lstm",
        width: int | None = None,
        dropout: float = 0.0,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        if cell not in CELLS:
            raise unknown_option("recurrent cell", cell, CELLS)
        self.cell = cell
        size = hidden_size if width is None else width
        options: dict[str, Any] = {"dropout": dropout if num_layers != 1 else 0.0}
        if cell == "lstm":
            options["forget_bias"] = 1.0
        self.embedding = nn.Embedding(vocabulary, size, dtype=dtype)
        self.recurrence = CELLS[cell](
            size, hidden_size, num_layers, dtype=dtype, **options
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, vocabulary, dtype=dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "vocabulary": self.vocabulary,
            "hidden_size": self.recurrence.hidden_size,
            "num_layers": self.recurrence.num_layers,
            "cell": self.cell,
            "width": self.embedding.embedding_dim,
            "dropout": self.dropout.p,
        }

    def describe_settings(self) -> str:
        """``65 tokens, lstm of 256, num_layers=2``"""
        size, layers = self.recurrence.hidden_size, self.recurrence.num_layers
        return f"{self.vocabulary} tokens, {self.cell} of {size}, num_layers={layers}"

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.embedding.num_embeddings

    def forward(self, ids: Any, training: bool = False) -> Any:
        """The logits of what follows every step, from the start of a text."""
        return self.go_on(ids, training=training)[0]

    def go_on(
        self, ids: Any, state: Any = None, training: bool = False
    ) -> tuple[Any, Any]:
        """The logits of what follows every step, and the state to go on from.

        Arguments:
            ids: (N, T) tokens.
            state: what an earlier call returned: the text before these.
            training: whether dropout drops.
        """
        x = self.embedding(ids)  # (N, T, D)
        h, state = self.recurrence(x, state, training=training)
        h = self.dropout(h, training=training)  # (N, T, H)
        return self.output(h), state  # (N, T, V)

    def new_memory(self, batch: int) -> States:
        """The state of some sequences."""
        return States(self, batch)

    def read(self, ids: Any, memory: States) -> Any:
        """The logits of what follows these tokens, after those of the memory."""
        logits, state = self.go_on(ids, memory.state())
        memory.keep(state)
        return logits


class States(Memory):
    """What a recurrence keeps of what it has read: its state, (L, N, H) each.

    Arguments:
        network: whose state it is.
        batch: N, the number of sequences.
    """

    def __init__(self, network: TokenRNN, batch: int) -> None:
        layer, dtype = network.recurrence, network.output.weight.dtype
        shape = (layer.num_layers, batch, layer.hidden_size)
        self.variables: list[Variable] = [
            new_variable(name, shape, "zeros", dtype) for name in layer.states
        ]

    def clear(self) -> None:
        """Begins anew."""
        for each in self.variables:
            each.assign(np.zeros(each.shape, each.dtype))

    def state(self, begins: Any = None) -> Any:
        """The state as the layer takes it; zeros for the rows that begin anew."""
        values: list[Any] = [each.read() for each in self.variables]
        if begins is not None:
            values = [where(begins[None, :, None], 0.0, each) for each in values]
        return tuple(values) if len(values) > 1 else values[0]

    def keep(self, state: Any) -> None:
        """What is read next goes on from this state; no gradient passes through it."""
        values = state if isinstance(state, tuple) else (state,)
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(stop_gradient(value))


class LanguageModel(nn.Module):
    """A network that predicts the next token, and the tokenizer that makes them.

    Formula: p(text) = Π p(tokenₜ | tokens before it), p = softmax(logits).

    Shapes: integers (N, T) → logits (N, T, V).

    Arguments:
        tokenizer: of ``data``; or its JSON form as a text.
        network: ``TokenRNN`` or ``GPT``, of as many tokens.

    Raises:
        ArgumentError: for a network of another number of tokens.

    Source: Bengio, Ducharme, Vincent & Jauvin, A neural probabilistic language model
    (2003); Mikolov et al., Recurrent neural network based language model (2010).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models
        >>> cr.manual_seed(0)
        >>> text = "abcabcabcabc" * 30
        >>> model = models.language_model(data.Characters.fit(text), "lstm", width=16)
        >>> learning = models.NextToken(model, batch_size=4)
        >>> batches = learning.batches(text, length=8)
        >>> history = cr.fit(learning, batches, optimizer=cr.optim.Adam(lr=0.03),
        ...                  epochs=6, progress=False)
        >>> model.generate("ab", 7, temperature=0)
        'cabcabc'
        >>> model.evaluate(text).perplexity < 1.5
        True
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(self, tokenizer: Tokenizer | str, network: nn.Module) -> None:
        if isinstance(tokenizer, str):
            tokenizer = tokenizer_from_json(json.loads(tokenizer))
        checked_network("LanguageModel", network)
        if network.vocabulary != len(tokenizer):  # type: ignore[attr-defined]
            raise ArgumentError(
                f"LanguageModel: {tokenizer!r} and a network of "
                f"{network.vocabulary} tokens",  # type: ignore[attr-defined]
                fix=f"a network of {len(tokenizer)}: len(tokenizer)",
            )
        self.tokenizer = tokenizer
        self.network: Any = network

    def settings(self) -> dict[str, Any]:
        """The tokenizer as JSON, and the network."""
        return {
            "tokenizer": json.dumps(self.tokenizer.to_json()),
            "network": self.network,
        }

    def describe_settings(self) -> str:
        """``65 characters``"""
        return f"{len(self.tokenizer)} {self.tokenizer.kind}"

    def forward(self, ids: Any, training: bool = False) -> Any:
        """The logits of what follows every step, from the start of a text."""
        return self.network(ids, training=training)

    # How it writes. ------------------------------------------------------------------

    def generate(
        self, prompt: str | Sequence[str] = "", steps: int = 200, **sampling: Any
    ) -> Any:
        """Writes on: the text that follows a prompt, token by token.

        Arguments:
            prompt: what the text begins with; or several such, each of which is
                continued. An empty one stands for the beginning of a line.
            steps: how many tokens are written.
            **sampling: ``temperature``, ``top_k``, ``top_p``, ``generator``, as of
                ``stream``.

        Returns:
            The new text without the prompt; a list of them for several prompts.

        Raises:
            DataError: for a prompt with what is none of the tokenizer's tokens.
        """
        if isinstance(prompt, str):
            return "".join(self.stream(prompt, steps, **sampling))
        starts = [self._start(each) for each in prompt]
        rules, generator = self._rules(**sampling)
        texts = [""] * len(starts)
        for length in sorted({len(each) for each in starts}):
            places = [n for n, each in enumerate(starts) if len(each) == length]
            rows = np.stack([starts[n] for n in places])
            made = list(write(self.network, rows, steps, rules, generator))
            for n, row in zip(places, np.stack(made, axis=1), strict=True):
                pieces = self.tokenizer.decode_stream(row, after=starts[n])
                texts[n] = "".join(pieces)
        return texts

    def stream(
        self,
        prompt: str = "",
        steps: int = 200,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: Generator | None = None,
    ) -> Iterator[str]:
        """The same, in pieces as they are written.

        Arguments:
            prompt, steps: as of ``generate``.
            temperature: what the logits are divided by: below 1 the likely becomes
                likelier; 0 takes the likeliest token.
            top_k: draw from the k most probable tokens; from all when not given.
            top_p: draw from the fewest tokens that have this probability together.
            generator: of random numbers; the default one when not given.

        Returns:
            An iterator of texts, whole characters each.
        """
        start = self._start(prompt)
        rules, generator = self._rules(temperature, top_k, top_p, generator)
        written = write(self.network, start[None], steps, rules, generator)
        ids = (int(each[0]) for each in written)
        return self.tokenizer.decode_stream(ids, after=start)

    def _rules(
        self,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: Generator | None = None,
    ) -> tuple[Sampling, Generator | None]:
        """How tokens are drawn; special ones never are."""
        never = len(self.tokenizer.special)
        return Sampling(temperature, top_k, top_p, never), generator

    def _start(self, prompt: str) -> Array:
        """The tokens of a prompt, (T,); of an empty one that of a line break, or the
        first that is text.
        """
        ids = self.tokenizer.encode(prompt)
        if len(ids):
            return ids
        if "begin" in self.tokenizer.special:
            return np.array([self.tokenizer.begin])
        try:
            return self.tokenizer.encode("\n")[-1:]
        except DataError:
            return np.array([len(self.tokenizer.special)])

    # How well it knows a text. -------------------------------------------------------

    def evaluate(self, text: str, *, before: int | None = None) -> TextScore:
        """How well it predicts a text: perplexity, and bits per character.

        Every token but the first is predicted once, from all tokens before it where
        those are fewer than ``before``, and from at least so many otherwise: the text
        is read in windows that overlap by ``before`` tokens.

        Arguments:
            text: any text.
            before: 128 when not given; half of what a GPT can look back on, where that
                is less. 0 measures windows by themselves.

        Raises:
            DataError: for a text of less than two tokens, or with unknown ones.
        """
        return self.evaluate_tokens(self.tokenizer.encode(text), before=before)

    def evaluate_tokens(self, ids: Array, *, before: int | None = None) -> TextScore:
        """The same of a text that has been cut already, (T,)."""
        if len(ids) < 2:
            raise DataError(
                f"evaluate: a text of {len(ids)} tokens: nothing follows anything",
                fix="a text of two tokens or more",
            )
        longest = self.network.longest or 4 * BEFORE
        known = min(BEFORE, longest // 2) if before is None else before
        if not 0 <= known < longest:
            raise ArgumentError(
                f"evaluate: before={known}: expected 0 to {longest - 1} tokens",
            )
        total = 0.0
        for windows, following, counts in overlapping(ids, longest, known):
            each = nats(self)(windows, following).numpy()
            total += float((each.astype(np.float64) * counts).sum())
        special = self.tokenizer.special
        unknown = 0
        if "unknown" in special:
            unknown = int((ids[1:] == self.tokenizer.unknown).sum())
        characters = len("".join(self.tokenizer.decode_stream(ids[1:], after=ids[:1])))
        return TextScore(len(ids) - 1, characters, total, unknown)


class NextToken(nn.Module):
    """Predicting the next token, as a module that outputs its own loss.

    Formula: L = mean of −log p(tokenₜ₊₁ | tokens up to t) over a batch.

    A recurrence reads rows of a text on and on: the state after a batch is where the
    next one begins, and gradients end there (truncated backpropagation through time). A
    GPT reads windows, each by itself.

    Shapes: tokens (B, T), whether each row begins anew (B,), and the tokens that follow
    (B, T) → one number; ``batches`` makes them.

    Arguments:
        model: the ``LanguageModel`` that learns.
        batch_size: B, the rows of a batch in training.

    Raises:
        ArgumentError: for something that is no language model.

    Source: Williams & Peng, An efficient gradient-based algorithm for on-line training
    of recurrent network trajectories (1990).

    Example:
        >>> from chainrule import data, models
        >>> text = "to be or not to be " * 20
        >>> model = models.language_model(data.Characters.fit(text), "gpt", width=16)
        >>> learning = models.NextToken(model, batch_size=4)
        >>> (ids, begins), following = next(learning.batches(text, 8).batches())
        >>> bool(abs(learning(ids, begins, following) - 2.08) < 0.2)  # log 8
        True
    """

    depends_on_training: ClassVar[bool] = True
    outputs_loss: ClassVar[bool] = True

    def __init__(self, model: LanguageModel, batch_size: int = 32) -> None:
        if not isinstance(model, LanguageModel):
            raise ArgumentError(
                f"NextToken: {type(model).__name__}: expected a language model",
                fix="models.NextToken(models.language_model(tokenizer), batch_size=32)",
            )
        self.model = model
        self.batch_size = positive_size("NextToken", "batch_size", batch_size)
        self.reads_on = isinstance(model.network, TokenRNN)
        self._states = States(model.network, batch_size) if self.reads_on else None
        for variable in self._states.variables if self._states else ():
            setattr(self, f"state_{variable.name}", variable)

    def settings(self) -> dict[str, Any]:
        """The model, and the rows."""
        return {"model": self.model, "batch_size": self.batch_size}

    def batches(
        self, text: str | Array, length: int | None = None, seed: int = 0
    ) -> Stream:
        """A text as what ``fit`` trains on.

        Arguments:
            text: any text, or its tokens, ``(N,)``.
            length: tokens of a row in a batch; 64 when not given, or less where a GPT
                cannot look back so far.
            seed: of the places where rows or windows begin, others in every epoch.

        Raises:
            DataError: for a text that is too short for one batch.
        """
        ids = self.model.tokenizer.encode(text) if isinstance(text, str) else text
        size = self.window(length)
        cut = packed_rows if self.reads_on else packed_windows
        return cut(ids, self.batch_size, size, seed)

    def window(self, length: int | None = None) -> int:
        """The tokens of a window, checked.

        Raises:
            ArgumentError: where a GPT cannot look back so far.
        """
        longest = self.model.network.longest
        if length is None:
            return LENGTH if longest is None else min(LENGTH, int(longest))
        size = positive_size("NextToken", "length", length)
        if longest is not None and size > longest:
            raise ArgumentError(
                f"NextToken: length={size}: the network looks back on {longest} tokens",
                fix=f"length={longest}, or models.GPT(vocabulary, {size})",
            )
        return size

    def forward(
        self, ids: Any, begins: Any, following: Any, training: bool = False
    ) -> Any:
        """The loss of a batch; rows go on from batch to batch in training alone."""
        if training and self._states is not None:
            state = self._states.state(begins)
            logits, state = self.model.network.go_on(ids, state, training=True)
            self._states.keep(state)
        else:
            logits = self.model(ids, training=training)  # (B, T, V)
        return losses.cross_entropy(logits, following)


def language_model(
    tokenizer: Tokenizer,
    network: str = "lstm",
    *,
    width: int = 256,
    num_layers: int | None = None,
    num_heads: int = 4,
    length: int = 128,
    dropout: float = 0.0,
) -> LanguageModel:
    """A language model of one of three kinds.

    Arguments:
        tokenizer: of ``data``: ``data.Characters.fit(text)``.
        network: "lstm", "gru" or "gpt".
        width: units of a layer, and the size of a token's vector.
        num_layers: 2 recurrent layers, 4 blocks of a GPT, when not given.
        num_heads: of a GPT.
        length: how many tokens a GPT can look back on.
        dropout: in training.

    Raises:
        OptionError: for another network.

    Example:
        >>> from chainrule import data
        >>> model = language_model(data.Bytes(), "gru", width=32)
        >>> model(data.Bytes().encode("hello")[None]).shape
        (1, 5, 256)
    """
    if network in CELLS:
        layers = 2 if num_layers is None else num_layers
        made: nn.Module = TokenRNN(
            len(tokenizer), width, layers, network, dropout=dropout
        )
    elif network == "gpt":
        layers = 4 if num_layers is None else num_layers
        made = GPT(
            len(tokenizer), length, layers, num_heads, width, dropout, bias=False
        )
    else:
        raise unknown_option("network", network, (*CELLS, "gpt"))
    return LanguageModel(tokenizer, made)
