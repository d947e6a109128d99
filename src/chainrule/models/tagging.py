"""Taggers: a tag for every word of a sentence, all of them chosen together.

Read from top to bottom: the network, what it is trained to do, and how sentences become
numbers. The shape of a value stands at the right of the line that makes it: N
sentences, T words, C characters of a word, F columns of a word, H units, K tags.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from .. import initializers, losses, nn
from ..compiler.compile import compile
from ..data.buckets import bucket_by_length, padded_batches
from ..data.datasets import Dataset
from ..data.text.spans import (
    are_spans,
    forbidden_pairs,
    rewritten,
    scheme_of,
    span_scores,
)
from ..data.text.tagged import Sentence
from ..errors import ArgumentError, DataError
from ..graph import Array
from ..ops.elementwise import logical_and, maximum, where
from ..ops.movement import concatenate
from ..random_numbers import default_generator
from ..training.callbacks import Callback

#: How many characters of a word are read; of longer ones the first and the last half.
CHARACTERS = 20

#: The number of what is unknown; that of padding is 0.
UNKNOWN = 1

#: What a word looks like; the first rule that holds.
SHAPES = (
    ("number", re.compile(r"[\d.,:/-]*\d[\d.,:/-]*")),
    ("with digits", re.compile(r".*\d.*", re.DOTALL)),
    ("no letters", re.compile(r"[\W_]+")),
    ("small", re.compile(r"[^A-Z]+", re.DOTALL)),
    ("capitals", re.compile(r"[^a-z]{2,}", re.DOTALL)),
    ("one capital", re.compile(r"[A-Z][^A-Z]*", re.DOTALL)),
    ("mixed", re.compile(r".*", re.DOTALL)),
)


class Tagger(nn.Module):
    """A bidirectional LSTM below a conditional random field: tags of the words of a
    sentence.

    Formula: a word is x = (W[word], max over its characters of relu(conv(c)), S[shape],
    features), with dropout; scores = V (h⃗ ⊕ h⃖) + b of an LSTM in both directions; the
    tags are those of the best row, argmax_y Σₜ scores[t, yₜ] + Σₜ A[yₜ₋₁, yₜ].

    Words are known by their small letters, with every digit as 0. What was seen once in
    training is now and then read as unknown there, so that the vector of unknown words
    is learned; characters and shape tell more of them (Lample et al., 2016).

    Shapes: integers (N, T, 2 + F + C), as ``rows`` makes them, and lengths (N,) →
    scores (N, T, K).

    Arguments:
        words: that are known, the frequent ones first; ``Tagger.of`` finds all these in
            sentences.
        characters: that are known, each once.
        tags: the tags, as the network counts them.
        features: for each further column, the values that are known.
        frequent: how many of the words were seen twice or more.
        scheme: how the sentences write spans, "IOB1", "IOB2" or "IOBES"; inside, spans
            are always tags of IOBES. None where tags are no spans.
        width, character_width, feature_width: sizes of the vectors of a word, a
            character, and a feature or shape.
        filters: how many numbers are made of a word's characters.
        hidden_size: H, of each direction.
        dropout: of a word's vector and of the LSTM's output, in training.

    Raises:
        ArgumentError: for an empty list of words or tags, or sizes below 1.

    Source: Huang, Xu & Yu, Bidirectional LSTM-CRF models for sequence tagging (2015);
    characters by a convolution: Ma & Hovy (2016).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import data, models
        >>> cr.manual_seed(0)
        >>> words, tags = ("She", "saw", "him"), ("B-NP", "B-VP", "B-NP")
        >>> sentences = [data.Sentence(words, tags=tags)] * 8
        >>> tagger = models.Tagger.of(sentences, hidden_size=8)
        >>> history = cr.fit(
        ...     models.Tagging(tagger), tagger.examples(sentences), epochs=20,
        ...     optimizer=cr.optim.Adam(lr=0.03), progress=False,
        ... )
        >>> tagger.tag([["He", "saw", "her", "."]])[0][:2]
        ['B-NP', 'B-VP']
    """

    def __init__(
        self,
        words: Sequence[str],
        characters: str,
        tags: Sequence[str],
        features: Sequence[Sequence[str]] = (),
        *,
        frequent: int | None = None,
        scheme: str | None = None,
        width: int = 100,
        character_width: int = 25,
        feature_width: int = 25,
        filters: int = 50,
        hidden_size: int = 150,
        dropout: float = 0.5,
        dtype: DTypeLike | None = None,
    ) -> None:
        if not words or len(set(tags)) != len(tags) or not tags:
            raise ArgumentError(
                f"Tagger: {len(words)} words and tags {list(tags)[:5]}: expected some "
                "words, and each tag once",
                fix="models.Tagger.of(sentences)",
            )
        self.words, self.characters = tuple(words), characters
        self.tags, self.features = tuple(tags), tuple(map(tuple, features))
        self.frequent = len(words) if frequent is None else int(frequent)
        self.scheme = scheme
        made: dict[str, Any] = {"padding_idx": 0, "dtype": dtype}
        small = _spread(character_width)
        self.embedding = nn.Embedding(
            len(words) + 2, width, weight_init=_spread(width), **made
        )
        self.character = nn.Embedding(
            len(characters) + 2, character_width, weight_init=small, **made
        )
        self.convolution = nn.Conv1d(
            character_width, filters, 3, padding="same", dtype=dtype
        )
        counts = [len(SHAPES), *map(len, features)]
        one = _spread(feature_width)
        self.feature = nn.Sequential(
            *(
                nn.Embedding(count + 2, feature_width, weight_init=one, **made)
                for count in counts
            )
        )
        self.dropout = nn.Dropout(dropout)
        size = width + filters + feature_width * len(counts)
        self.lstm = nn.LSTM(
            size, hidden_size, bidirectional=True, forget_bias=1.0, dtype=dtype
        )
        self.output = nn.Linear(2 * hidden_size, len(tags), dtype=dtype)
        pairs = [] if scheme is None else forbidden_pairs(tags, "IOBES")
        self.crf = nn.CRF(len(tags), forbidden=pairs, dtype=dtype)

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "words": list(self.words),
            "characters": self.characters,
            "tags": list(self.tags),
            "features": [list(each) for each in self.features],
            "frequent": self.frequent,
            "scheme": self.scheme,
            "width": self.embedding.embedding_dim,
            "character_width": self.character.embedding_dim,
            "feature_width": self.feature[0].embedding_dim,
            "filters": self.convolution.out_channels,
            "hidden_size": self.lstm.hidden_size,
            "dropout": self.dropout.p,
        }

    def describe_settings(self) -> str:
        """``9000 words, 23 tags, hidden_size=150``"""
        sizes = f"{len(self.words)} words, {len(self.tags)} tags"
        return f"{sizes}, hidden_size={self.lstm.hidden_size}"

    def forward(self, x: Any, lengths: Any = None, training: bool = False) -> Any:
        """The scores of every tag for every word."""
        vectors = self.vectors(x, training)  # (N, T, D)
        vectors = self.dropout(vectors, training=training)
        h, _ = self.lstm(vectors, lengths=lengths)  # (N, T, 2H)
        return self.output(self.dropout(h, training=training))  # (N, T, K)

    def vectors(self, x: Any, training: bool = False) -> Any:
        """The vector of each word, by itself."""
        columns = 2 + len(self.features)
        word, shape = x[:, :, 0], x[:, :, 1]  # (N, T)
        if training and self.frequent < len(self.words):
            drawn = default_generator.uniform(tuple(word.shape)) < 0.5
            rare = logical_and(word >= self.frequent + 2, drawn)
            word = where(rare, UNKNOWN, word)
        others = [x[:, :, 2 + i] for i in range(len(self.features))]
        told = zip(self.feature, [shape, *others], strict=True)
        parts = [self.embedding(word), self.spelling(x[:, :, columns:])]
        parts += [table(column) for table, column in told]
        return concatenate(parts, axis=-1)  # (N, T, D)

    def spelling(self, letters: Any) -> Any:
        """What the characters of each word tell: (N, T, C) → (N, T, filters)."""
        samples, steps, size = letters.shape
        flat = letters.reshape(samples * steps, size)
        z = self.convolution(self.character(flat))  # (N·T, C, filters)
        z = where((flat > 0)[:, :, None], z, 0.0)
        return maximum(z, 0.0).max(axis=1).reshape(samples, steps, -1)

    # Sentences to numbers, and tags back. --------------------------------------------

    @classmethod
    def of(
        cls,
        sentences: Iterable[Sentence],
        *,
        tags: Iterable[str] = (),
        **options: Any,
    ) -> Self:
        """A tagger for the words, characters and tags of sentences.

        Arguments:
            sentences: with tags; those that it will be trained on.
            tags: further ones that may be, of sentences held out.
            **options: sizes and dropout, as of the class.

        Raises:
            DataError: no sentence, one without tags, or with other features.
        """
        given = list(sentences)
        _refuse_untagged(given)
        words = Counter(_normal(word) for each in given for word in each.words)
        order = sorted(words, key=lambda word: (-words[word], word))
        letters = sorted({c for each in given for word in each.words for c in word})
        features = [
            sorted({value for each in given for value in each.features[column]})
            for column in range(len(given[0].features))
        ]
        found = {tag for each in given for tag in each.tags or ()} | set(tags)
        scheme = None
        if are_spans(found):
            scheme = scheme_of(each.tags or () for each in given)
            types = {tag.partition("-")[2] for tag in found - {"O"}}
            found = {f"{mark}-{kind}" for kind in types for mark in "BIES"} | {"O"}
        return cls(
            order,
            "".join(letters),
            sorted(found),
            features,
            frequent=sum(words[word] > 1 for word in order),
            scheme=scheme,
            **options,
        )

    def rows(self, sentences: Iterable[Sentence | Sequence[str]]) -> list[Array]:
        """Sentences as numbers, ``(Tᵢ, 2 + F + C)`` each: word, shape, features,
        characters.

        Arguments:
            sentences: with or without tags; or lists of words, where the tagger reads
                no further columns.

        Raises:
            DataError: another number of features than the tagger knows.
        """
        tables = self._tables()
        made = [
            each if isinstance(each, Sentence) else Sentence(tuple(each))
            for each in sentences
        ]
        return [self._row(each, *tables) for each in made]

    def examples(
        self, sentences: Sequence[Sentence], buckets: int = 5, name: str = "sentences"
    ) -> Dataset:
        """Sentences with tags as examples for ``cr.fit``, in a few sizes.

        Arguments:
            sentences: with tags.
            buckets: how many sizes they are padded to.
            name: what messages call them.

        Raises:
            DataError: no sentence, one without tags, or a tag that is not known.
        """
        _refuse_untagged(sentences)
        targets = [self._numbers(each.tags or ()) for each in sentences]
        rows = [
            np.concatenate([row, tags[:, None]], axis=1)
            for row, tags in zip(self.rows(sentences), targets, strict=True)
        ]
        return bucket_by_length(rows, buckets=buckets, name=name)

    def tag(self, sentences: Iterable[Sentence | Sequence[str]]) -> list[list[str]]:
        """The best tags of each sentence, written as in training.

        Arguments:
            sentences: as of ``rows``; an empty one has no tags.
        """
        rows = self.rows(sentences)
        found: list[list[str]] = [[] for _ in rows]
        for numbers, x, lengths in padded_batches(rows):
            best = self._best(x, lengths).numpy()
            for place, number in enumerate(numbers):
                states = best[place, : lengths[place]]
                found[number] = [self.tags[state] for state in states]
        if self.scheme is None:
            return found
        return [rewritten(each, self.scheme) for each in found]

    @compile
    def _best(self, x: Any, lengths: Any) -> Any:
        return self.crf(self(x, lengths), lengths)

    def _numbers(self, tags: Sequence[str]) -> Array:
        """Tags as the network counts them; spans in IOBES."""
        known = {tag: number for number, tag in enumerate(self.tags)}
        inside = tags if self.scheme is None else rewritten(tags, "IOBES")
        for tag, given in zip(inside, tags, strict=True):
            if tag not in known:
                raise DataError(
                    f"Tagger: tag {given!r}: it is none of the {len(known)} that were "
                    "there when it was made",
                    fix="Tagger.of(all sentences with their tags)",
                )
        return np.array([known[tag] for tag in inside], np.int64)

    def _tables(self) -> tuple[dict[str, int], dict[str, int], list[dict[str, int]]]:
        """Numbers of words, characters and the values of each feature."""
        words, letters, *features = (
            {each: number for number, each in enumerate(known, UNKNOWN + 1)}
            for known in (self.words, self.characters, *self.features)
        )
        return words, letters, features

    def _row(
        self,
        sentence: Sentence,
        words: dict[str, int],
        letters: dict[str, int],
        features: list[dict[str, int]],
    ) -> Array:
        if len(sentence.features) != len(features):
            raise DataError(
                f"Tagger: a sentence with {len(sentence.features)} columns between "
                f"word and tag ({' '.join(sentence.words[:6])} …): it was trained with "
                f"{len(features)}"
            )
        before = 2 + len(features)
        row = np.zeros((len(sentence), before + CHARACTERS), np.int64)
        for place, word in enumerate(sentence.words):
            row[place, 0] = words.get(_normal(word), UNKNOWN)
            row[place, 1] = UNKNOWN + 1 + shape_of(word)
            read = _both_ends(word)
            row[place, before : before + len(read)] = [
                letters.get(letter, UNKNOWN) for letter in read
            ]
        for column, (known, values) in enumerate(
            zip(features, sentence.features, strict=True), 2
        ):
            row[:, column] = [known.get(value, UNKNOWN) for value in values]
        return row


class Tagging(nn.Module):
    """What a tagger is trained to do: a module that returns its own loss.

    Formula: the negative log-probability of the right tags of a sentence, averaged over
    sentences; see ``losses.crf``.

    ``cr.fit(models.Tagging(tagger), tagger.examples(sentences))`` trains the tagger.

    Arguments:
        tagger: the network.

    Source: Lafferty, McCallum & Pereira (2001).

    Example:
        >>> from chainrule import data, models
        >>> sentences = [data.Sentence(("Go",), tags=("VB",))]
        >>> tagger = models.Tagger.of(sentences)
        >>> models.Tagging(tagger).outputs_loss
        True
    """

    outputs_loss: ClassVar[bool] = True

    def __init__(self, tagger: Tagger) -> None:
        if not isinstance(tagger, Tagger):
            raise ArgumentError(
                f"Tagging: {type(tagger).__name__}: expected a Tagger",
                fix="models.Tagging(models.Tagger.of(sentences))",
            )
        self.tagger = tagger

    def settings(self) -> dict[str, Any]:
        """The tagger."""
        return {"tagger": self.tagger}

    def describe_settings(self) -> str:
        """Empty: the tagger is printed below it."""
        return ""

    def forward(self, x: Any, lengths: Any, training: bool = False) -> Any:
        """The loss of sentences whose tags stand in the last column of x."""
        scores = self.tagger(x[:, :, :-1], lengths, training=training)
        chain = self.tagger.crf.chain()
        return losses.crf(scores, x[:, :, -1], chain, lengths=lengths)


class TagScores(Callback):
    """The scores of held-out sentences after every epoch: ``validation_accuracy`` of
    words and, where tags are of spans, ``validation_f1``.

    Arguments:
        tagger: the network.
        sentences: with tags, as they stand in a file.

    Example:
        >>> from chainrule import data, models
        >>> sentences = [data.Sentence(("Go",), tags=("VB",))]
        >>> models.TagScores(models.Tagger.of(sentences), sentences).columns
        ('validation_accuracy',)
    """

    order = -5  # before others look at the columns
    only_observes = True

    def __init__(self, tagger: Tagger, sentences: Sequence[Sentence]) -> None:
        _refuse_untagged(sentences)
        self.tagger, self.sentences = tagger, sentences
        spans = ("validation_f1",) * (tagger.scheme is not None)
        self.columns = ("validation_accuracy", *spans)

    def on_epoch_end(self, run: Any) -> None:
        """The columns of the row of the epoch."""
        said = self.tagger.tag(self.sentences)
        scores = span_scores([each.tags or () for each in self.sentences], said)
        values = {"validation_accuracy": scores.accuracy, "validation_f1": scores.f1}
        run.row.update({name: values[name] for name in self.columns})


def shape_of(word: str) -> int:
    """What a word looks like, as a place in ``SHAPES``.

    Example:
        >>> [SHAPES[shape_of(word)][0] for word in ("1,000", "B2B", "Paris", "IBM")]
        ['number', 'with digits', 'one capital', 'capitals']
    """
    return next(i for i, (_, rule) in enumerate(SHAPES) if rule.fullmatch(word))


def _spread(width: int) -> Any:
    """Initial values of vectors: U(±√(3 / width)), of length 1 (Ma & Hovy, 2016)."""
    bound = math.sqrt(3 / width)
    return initializers.uniform(-bound, bound)


def _normal(word: str) -> str:
    """A word as it is looked up: small letters, digits as 0."""
    return re.sub(r"\d", "0", word.lower())


def _both_ends(word: str) -> str:
    half = CHARACTERS // 2
    return word if len(word) <= CHARACTERS else word[:half] + word[-half:]


def _refuse_untagged(sentences: Sequence[Sentence]) -> None:
    """An error for no sentences, one without tags, or with other columns."""
    if not sentences:
        raise DataError("Tagger: no sentences: expected some with tags")
    columns = len(sentences[0].features)
    for number, each in enumerate(sentences):
        if not isinstance(each, Sentence) or each.tags is None:
            raise DataError(
                f"Tagger: sentence {number} has no tags",
                fix="data.Sentence(words, tags=tags), or data.read_tagged(file)",
            )
        if len(each.features) != columns:
            raise DataError(
                f"Tagger: sentence {number} has {len(each.features)} columns between "
                f"word and tag, the first has {columns}"
            )
