"""Texts of any length as vectors, and as one of several classes.

Read from top to bottom: how a row of vectors becomes one vector, the network, and how
texts become numbers. The shape of a value stands at the right of the line that makes
it: N texts, T tokens, D features of a token, H features of a text, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from .. import initializers, nn
from ..compiler.compile import compile
from ..data.buckets import bucket_by_length, padded_batches
from ..data.datasets import Dataset
from ..data.text.kinds import tokenizer_from_json
from ..data.text.tokenizers import Tokenizer, Words
from ..errors import ArgumentError, DataError, unknown_option
from ..graph import Array
from ..nn.arguments import new_parameter, number_within, positive_size
from ..nn.lengths import real_steps
from ..ops.composed import softmax
from ..ops.elementwise import maximum, minimum, sqrt, tanh, where
from ..ops.movement import concatenate

#: What reads the tokens.
NETWORKS = ("convolution", "lstm", "gru", "embeddings")

#: How the vectors of all tokens become one.
POOLINGS = ("attention", "mean", "max", "last")


class Pool(nn.Module):
    """One vector for a row of vectors of any length.

    Formula: "mean" Σₜ hₜ / T; "max" maxₜ hₜ; "attention" Σₜ aₜ hₜ with a = softmax(u),
    uₜ = vᵀ tanh(W hₜ + b); "last" h_T, of two directions the last that each has read.
    Over the real steps; without any, 0.

    Shapes: (N, T, H), lengths (N,) → (N, H).

    Arguments:
        kind: one of the four.
        size: H.
        directions: 2 where the first half of h is of a network that reads forward, and
            the second of one that reads backward.

    Source: attention: Yang et al., Hierarchical attention networks (2016).

    Example:
        >>> import chainrule as cr
        >>> h = cr.tensor([[[1.0, 5.0], [3.0, 1.0], [0.0, 0.0]]])
        >>> Pool("mean", 2)(h, [2]).numpy(), Pool("max", 2)(h, [2]).numpy()
        (array([[2., 3.]], dtype=float32), array([[3., 5.]], dtype=float32))
    """

    def __init__(
        self,
        kind: str,
        size: int,
        directions: int = 1,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        if kind not in POOLINGS:
            raise unknown_option("pooling", kind, POOLINGS)
        self.kind, self.size, self.directions = kind, size, directions
        if kind == "attention":
            self.hidden = nn.Linear(size, size, dtype=dtype)
            self.query = new_parameter("query", (size,), "zeros", dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"kind": self.kind, "size": self.size, "directions": self.directions}

    def forward(self, h: Any, lengths: Any = None) -> Any:
        """The vector of each row."""
        samples, steps, size = h.shape
        count = np.full(samples, steps) if lengths is None else lengths
        real = real_steps("Pool: row", count, samples, steps)[:, :, None]  # (N, T, 1)
        if self.kind == "attention":
            return (self.weights(h, real)[:, :, None] * h).sum(axis=1)
        if self.kind == "max":
            top = where(real, h, -np.inf).max(axis=1)
            return where(real.any(axis=1), top, 0.0)
        if self.kind == "mean":
            total = where(real, h, 0.0).sum(axis=1)
            return total / maximum(real.astype(h.dtype).sum(axis=1), 1.0)
        last = nn.LastStep()(h, count)
        if self.directions == 1:
            return last
        half = size // 2
        first = where(real[:, 0], h[:, 0, half:], 0.0)
        return concatenate([last[:, :half], first], axis=-1)

    def weights(self, h: Any, real: Any) -> Any:
        """a, how much each step counts, (N, T)."""
        u = tanh(self.hidden(h)) @ self.query  # (N, T)
        inside = real[:, :, 0]
        return where(inside, softmax(where(inside, u, -1e30), axis=1), 0.0)


class TextClassifier(nn.Module):
    """A class for a text of any length, by way of a vector.

    Formula: x = W[token]; h = what reads the tokens, v = one vector for all of them;
    logits = V dropout(v) + b, where no row of V is longer than ``max_norm``.
        "convolution"   v = (maxₜ relu(conv₃ x), maxₜ relu(conv₄ x), maxₜ relu(conv₅ x))
        "lstm", "gru"   h = both directions of a recurrent layer, v = their pool
        "embeddings"    v = the pool of x itself

    Shapes: integers (N, T), lengths (N,) → logits (N, K).

    Arguments:
        tokenizer: what cuts texts into tokens, with "pad" and "unknown"; or its
            JSON form as a text. ``TextClassifier.of`` makes one for texts.
        classes: the names of the classes, each once.
        network: "convolution", "lstm", "gru" or "embeddings".
        pooling: "attention", "mean", "max" or "last"; a convolution always takes the
            maximum.
        width: D.
        hidden_size: units of each direction; or the filters of each width.
        widths: how many tokens the filters see.
        dropout: of v, in training.
        max_norm: the bound of ‖Vₖ‖; None for none.

    Raises:
        ArgumentError, OptionError: for another network, pooling or size.

    Source: Kim, Convolutional neural networks for sentence classification (2014).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> cr.manual_seed(0)
        >>> texts, labels = ["good fun", "a bore", "good", "bad"] * 4, [1, 0, 1, 0] * 4
        >>> model = models.TextClassifier.of(texts, labels, width=8, hidden_size=4)
        >>> history = cr.fit(model, model.examples(texts, labels), epochs=30,
        ...                  optimizer=cr.optim.Adam(lr=0.02), progress=False)
        >>> model.classify(["a bad bore", "good"]), model.embed(texts).shape
        ([0, 1], (16, 12))
    """

    def __init__(
        self,
        tokenizer: Tokenizer | str,
        classes: Sequence[Any],
        *,
        network: str = "convolution",
        pooling: str | None = None,
        width: int = 300,
        hidden_size: int = 100,
        widths: Sequence[int] = (3, 4, 5),
        dropout: float = 0.5,
        max_norm: float | None = 3.0,
        dtype: DTypeLike | None = None,
    ) -> None:
        if network not in NETWORKS:
            raise unknown_option("network", network, NETWORKS)
        self.tokenizer = _tokenizer(tokenizer)
        self.classes = _classes(classes)
        self.class_names = tuple(map(str, self.classes))
        self.network, self.widths = network, tuple(widths)
        self.hidden_size = positive_size("TextClassifier", "hidden_size", hidden_size)
        if max_norm is not None:
            max_norm = number_within("TextClassifier", "max_norm", max_norm, 0)
        self.max_norm = max_norm
        self.embedding = nn.Embedding(
            len(self.tokenizer),
            width,
            self.tokenizer.pad,
            weight_init=initializers.uniform(-0.25, 0.25),
            dtype=dtype,
        )
        pooling = self._pooling(pooling)
        reader, size, directions = self._reader(width, dtype)
        self.reader: Any = reader
        self.pool = Pool(pooling, size, directions, dtype=dtype)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(size, len(self.classes), dtype=dtype)

    def _pooling(self, asked: str | None) -> str:
        """How vectors are put together, and an error for what does not go together."""
        if self.network != "convolution":
            return "attention" if asked is None else asked
        if asked not in (None, "max"):
            raise ArgumentError(
                f"TextClassifier: pooling={asked!r} of a convolution: it takes the "
                "maximum over time",
                fix="network='lstm', 'gru' or 'embeddings'; or leave pooling out",
            )
        return "max"

    def _reader(self, width: int, dtype: Any) -> tuple[nn.Module, int, int]:
        """What reads the tokens, the size of its vectors, and its directions."""
        if self.network == "embeddings":
            return nn.Identity(), width, 1
        if self.network == "convolution":
            filters = (
                nn.Conv1d(width, self.hidden_size, each, padding="same", dtype=dtype)
                for each in self.widths
            )
            return nn.Sequential(*filters), self.hidden_size * len(self.widths), 1
        if self.network == "lstm":
            layer: nn.Module = nn.LSTM(
                width,
                self.hidden_size,
                bidirectional=True,
                forget_bias=1.0,
                dtype=dtype,
            )
        else:
            layer = nn.GRU(width, self.hidden_size, bidirectional=True, dtype=dtype)
        return layer, 2 * self.hidden_size, 2

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "tokenizer": json.dumps(self.tokenizer.to_json()),
            "classes": list(self.classes),
            "network": self.network,
            "pooling": self.pool.kind,
            "width": self.embedding.embedding_dim,
            "hidden_size": self.hidden_size,
            "widths": list(self.widths),
            "dropout": self.dropout.p,
            "max_norm": self.max_norm,
        }

    def describe_settings(self) -> str:
        """``convolution, 9000 tokens, 2 classes``"""
        sizes = f"{len(self.tokenizer)} tokens, {len(self.classes)} classes"
        return f"{self.network}, {sizes}"

    def forward(self, ids: Any, lengths: Any = None, training: bool = False) -> Any:
        """The logits of the classes."""
        v = self.dropout(self.vector(ids, lengths), training=training)  # (N, H)
        weight = self.output.weight  # (K, H)
        if self.max_norm is not None:
            norm = sqrt((weight * weight).sum(axis=1, keepdims=True) + 1e-12)
            weight = weight * minimum(self.max_norm / norm, 1.0)
        return v @ weight.T + self.output.bias  # (N, K)

    def vector(self, ids: Any, lengths: Any = None) -> Any:
        """One vector for each text, (N, H): what the classes are told from."""
        x = self.embedding(ids)  # (N, T, D)
        if self.network == "convolution":
            if lengths is not None:  # what is padded is seen as 0 at the ends
                steps = real_steps("text", lengths, *ids.shape)
                x = where(steps[:, :, None], x, 0.0)
            seen = [maximum(conv(x), 0.0) for conv in self.reader]
            return self.pool(concatenate(seen, axis=-1), lengths)
        if self.network == "embeddings":
            return self.pool(x, lengths)
        return self.pool(self.reader(x, lengths=lengths)[0], lengths)

    # Texts to numbers, and classes back. ---------------------------------------------

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        labels: Sequence[Any],
        *,
        size: int | None = None,
        **options: Any,
    ) -> Self:
        """A classifier for the words and classes of texts.

        Words are known that stand in them twice or more; all others, and those that
        come later, share one vector, which is learned from what stands once.

        Arguments:
            texts: those that it will be trained on.
            labels: the class of each, texts or whole numbers.
            size: how many words are known at most.
            **options: of the class.

        Raises:
            DataError: texts without a word, more or fewer labels, or one class alone.
        """
        _as_many(texts, labels)
        special = ("pad", "unknown")
        options.setdefault("tokenizer", None)
        tokenizer = options.pop("tokenizer") or Words.fit(
            texts, size, min_count=2, lower=True, special=special
        )
        if isinstance(tokenizer, Words) and not tokenizer.words:  # each word once
            tokenizer = Words.fit(texts, size, lower=True, special=special)
        return cls(tokenizer, sorted({_plain(label) for label in labels}), **options)

    def rows(self, texts: Iterable[str]) -> list[Array]:
        """Texts as the numbers of their tokens, (Tᵢ,) each."""
        return [self.tokenizer.encode(text) for text in texts]

    def examples(
        self,
        texts: Sequence[str],
        labels: Sequence[Any],
        buckets: int = 4,
        name: str = "texts",
    ) -> Dataset:
        """Texts and their classes as examples for ``cr.fit``, in a few sizes.

        Arguments:
            texts, labels: as of ``of``.
            buckets: how many sizes they are padded to.
            name: what messages call them.

        Raises:
            DataError: more or fewer labels, or a class that the model has not.
        """
        _as_many(texts, labels)
        known = {each: number for number, each in enumerate(self.classes)}
        plain = [_plain(label) for label in labels]
        for number, label in enumerate(plain):
            if label not in known:
                raise DataError(
                    f"TextClassifier: label {label!r} of text {number}: it is none of "
                    f"the classes {', '.join(map(repr, self.classes))}"
                )
        numbers = np.array([known[label] for label in plain], np.int64)
        return bucket_by_length(
            self.rows(texts),
            numbers,
            buckets=buckets,
            pad=self.tokenizer.pad,
            name=name,
            classes=self.class_names,
        )

    def logits(self, texts: Iterable[str]) -> Array:
        """The logits of texts, (N, K)."""
        return self._of_each(texts, self._logits, len(self.classes))

    def classify(self, texts: Iterable[str]) -> list[Any]:
        """The class of each text."""
        return [self.classes[place] for place in self.logits(texts).argmax(axis=1)]

    def embed(self, texts: Iterable[str]) -> Array:
        """A vector for each text, (N, H): texts that are told from others by the same
        have similar ones. Of an empty text it is 0."""
        return self._of_each(texts, self._vectors, self.output.in_features)

    def _of_each(self, texts: Iterable[str], function: Any, size: int) -> Array:
        rows = self.rows(_several(texts))
        found = np.zeros((len(rows), size), self.output.weight.dtype)
        for numbers, x, lengths in padded_batches(rows):
            found[numbers] = function(x, lengths).numpy()[: len(numbers)]
        return found

    @compile
    def _logits(self, ids: Any, lengths: Any) -> Any:
        return self(ids, lengths)

    @compile
    def _vectors(self, ids: Any, lengths: Any) -> Any:
        return self.vector(ids, lengths)


def _tokenizer(given: Any) -> Tokenizer:
    made = tokenizer_from_json(json.loads(given)) if isinstance(given, str) else given
    if not isinstance(made, Tokenizer) or not {"pad", "unknown"} <= {*made.special}:
        raise ArgumentError(
            f"TextClassifier: tokenizer {made!r}: expected one with 'pad' and "
            "'unknown'",
            fix="data.Words.fit(texts, special=('pad', 'unknown')), or "
            "models.TextClassifier.of(texts, labels)",
        )
    return made


def _classes(given: Sequence[Any]) -> tuple[Any, ...]:
    classes = tuple(map(_plain, given))
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise DataError(
            f"TextClassifier: classes {list(classes)}: expected two or more, each once",
            fix="texts of another class, to tell them from",
        )
    return classes


def _plain(label: Any) -> Any:
    """A label as JSON holds it."""
    return label.item() if isinstance(label, np.generic) else label


def _several(texts: Any) -> Any:
    if isinstance(texts, str):
        raise ArgumentError(
            f"TextClassifier: one text, {texts[:40]!r}: expected a list of texts",
            fix="model.classify([text])",
        )
    return texts


def _as_many(texts: Sequence[str], labels: Sequence[Any]) -> None:
    if len(_several(texts)) != len(labels) or not len(labels):
        raise DataError(
            f"TextClassifier: {len(texts)} texts and {len(labels)} labels: expected "
            "one label for each of some texts"
        )
