"""A character model: a stack of LSTMs that predicts the next character.

Read from top to bottom: the network, how text becomes examples, and how it writes text.
The shape of a value stands at the right of the line that makes it: N sequences, T
steps, D features, H units, V characters.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import nn
from ..compiler.compile import compile
from ..errors import ArgumentError, DataError
from ..graph import Array
from ..nn.arguments import number_within, positive_size
from ..ops.reduction import argmax
from ..random_numbers import Generator, default_generator


class CharLSTM(nn.Module):
    """A language model of characters: logits of the next one, for every step.

    Formula: x = W[id]; h, state = LSTM(x, state); logits = V h + b.

    Shapes: integers (N, T) → (N, T, V), for V characters.

    Arguments:
        characters: the alphabet, each character once; ``"".join(sorted(set(text)))``.
        hidden_size: H, of each layer.
        num_layers: how many LSTMs stand above each other.
        width: D, the size of a character's vector; H when not given.
        dropout: between the layers and before the output, in training.

    Raises:
        ArgumentError: for an alphabet with a character twice, or with less than two.

    Source: Graves, Generating sequences with recurrent neural networks (2013);
    Karpathy, Johnson & Fei-Fei (2016).

    Example:
        >>> import chainrule as cr
        >>> from chainrule.models import CharLSTM
        >>> text = "abcabcabcabcabcabc"
        >>> model = CharLSTM("abc", hidden_size=16)
        >>> windows = model.windows(text, 5)
        >>> model(windows[0]).shape, len(model.sample(10, "ab"))
        ((3, 5, 3), 10)
    """

    def __init__(
        self,
        characters: str,
        hidden_size: int = 256,
        num_layers: int = 2,
        width: int | None = None,
        dropout: float = 0.0,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.characters = _alphabet(characters)
        size = hidden_size if width is None else width
        between = dropout if num_layers != 1 else 0.0
        self.embedding = nn.Embedding(len(characters), size, dtype=dtype)
        self.lstm = nn.LSTM(
            size, hidden_size, num_layers, dropout=between, forget_bias=1.0, dtype=dtype
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, len(characters), dtype=dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "characters": self.characters,
            "hidden_size": self.lstm.hidden_size,
            "num_layers": self.lstm.num_layers,
            "width": self.embedding.embedding_dim,
            "dropout": self.dropout.p,
        }

    def describe_settings(self) -> str:
        """``65 characters, hidden_size=256``"""
        lstm = self.lstm
        shown = f"{len(self.characters)} characters, hidden_size={lstm.hidden_size}"
        return f"{shown}, num_layers={lstm.num_layers}"

    def forward(self, ids: Any, training: bool = False) -> Any:
        """The logits of what follows every step, from the start of a text."""
        return self.read(ids, training=training)[0]

    def read(
        self, ids: Any, state: Any = None, lengths: Any = None, training: bool = False
    ) -> tuple[Any, Any]:
        """Logits of what follows every step, and the state to read on from.

        Arguments:
            ids: (N, T) characters.
            state: what an earlier ``read`` returned: the text before these.
            lengths: how many steps of each row are real, (N,).
            training: whether dropout drops.
        """
        x = self.embedding(ids)  # (N, T, D)
        h, state = self.lstm(x, state, lengths, training=training)
        h = self.dropout(h, training=training)  # (N, T, H)
        return self.output(h), state  # (N, T, V)

    # Text to numbers, and back. ------------------------------------------------------

    def encode(self, text: str) -> Array:
        """The numbers of the characters, (T,).

        Raises:
            DataError: for a character that is not of the alphabet.
        """
        places = {each: place for place, each in enumerate(self.characters)}
        unknown = [each for each in text if each not in places]
        if unknown:
            where = text.index(unknown[0])
            raise DataError(
                f"CharLSTM: character {unknown[0]!r} at place {where} of the text: it "
                f"is not among the model's {len(places)}",
                fix='make the model with all characters: "".join(sorted(set(text)))',
            )
        return np.array([places[each] for each in text], np.int64)

    def decode(self, ids: Any) -> str:
        """The text of these numbers."""
        return "".join(self.characters[int(each)] for each in np.asarray(ids))

    def windows(self, text: str, length: int) -> tuple[Array, Array]:
        """A text as examples for ``cr.fit``: windows, and the characters that follow
        each of their characters, both (N, length). What is left at the end is dropped.

        Raises:
            DataError: for a text that has no window and a character more.
        """
        size = positive_size("CharLSTM", "length", length)
        ids = self.encode(text)
        rows = (len(ids) - 1) // size
        if rows < 1:
            raise DataError(
                f"CharLSTM: a text of {len(ids)} characters has no window of {size} "
                "and one that follows",
                fix="a longer text, or shorter windows",
            )
        inputs, targets = ids[: rows * size], ids[1 : rows * size + 1]
        return inputs.reshape(rows, size), targets.reshape(rows, size)

    def sample(
        self,
        steps: int,
        prompt: str = "",
        *,
        temperature: float = 1.0,
        generator: Generator | None = None,
    ) -> str:
        """Writes text, character by character, each drawn from what the model expects.

        Arguments:
            steps: how many characters.
            prompt: what stands before them; a line break, where the alphabet has one,
                when not given.
            temperature: what the logits are divided by: below 1 the likely becomes
                likelier; 0 takes the likeliest.
            generator: of random numbers; the default one when not given.

        Returns:
            The new characters, without the prompt.

        Raises:
            DataError: for a prompt with a character that is not of the alphabet.
        """
        count = positive_size("sample", "steps", steps)
        heat = number_within("sample", "temperature", temperature, 0)
        source = default_generator if generator is None else generator
        ids = self.encode(prompt or self._first())[None]  # (1, T)
        following, state, written = _following(self), None, []
        if ids.shape[1] > 1:  # a prompt's own program; every further step shares one
            state = following(ids[:, :-1], None, heat, heat == 0, source)[1]
        last = ids[:, -1:]  # (1, 1)
        for _ in range(count):
            state = self._start() if state is None else state
            last, state = following(last, state, heat, heat == 0, source)
            written.append(last.numpy().item())
        return self.decode(written)

    def _first(self) -> str:
        return "\n" if "\n" in self.characters else self.characters[0]

    def _start(self) -> Any:
        shape = (self.lstm.num_layers, 1, self.lstm.hidden_size)
        zeros = np.zeros(shape, self.output.weight.dtype)
        return zeros, zeros


def _alphabet(characters: Any) -> str:
    if not isinstance(characters, str) or len(characters) < 2:
        raise ArgumentError(
            f"CharLSTM: characters={characters!r}: expected a text of at least two",
            fix='"".join(sorted(set(text)))',
        )
    if len(set(characters)) != len(characters):
        twice = next(each for each in characters if characters.count(each) > 1)
        raise ArgumentError(
            f"CharLSTM: characters: {twice!r} is there twice: each is one number",
            fix='"".join(sorted(set(text)))',
        )
    return characters


#: The compiled step of each model that has generated text.
_steps: weakref.WeakKeyDictionary[CharLSTM, Any] = weakref.WeakKeyDictionary()


def _following(model: CharLSTM) -> Any:
    """The compiled function (ids, state, …) → (next characters, state) of a model."""
    if model in _steps:
        return _steps[model]
    known = weakref.ref(model)

    def step(ids: Any, state: Any, heat: Any, greedy: bool, source: Generator) -> Any:
        alive = known()
        assert alive is not None
        logits, state = alive.read(ids, state)
        last = logits[:, -1]  # (N, V)
        drawn = argmax(last, axis=-1) if greedy else source.categorical(last / heat)
        return drawn[:, None], state

    _steps[model] = compile(step)
    return _steps[model]
