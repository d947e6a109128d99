"""Vectors of words: learned from a text, asked for neighbours, kept in the files that
others read.

Place on the road: what a user has of ``word2vec``. Read from top to bottom: learning,
asking, measuring, files, and the way into a network.
"""

from __future__ import annotations

import difflib
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from .. import nn
from ..data.text.reading import read_text
from ..data.text.sentences import sentences
from ..data.text.vector_files import read_vectors, write_vectors
from ..data.text.word_tests import (
    Analogy,
    WordPair,
    read_analogies,
    read_word_pairs,
)
from ..errors import ArgumentError, DataError
from ..graph import Array
from ..nn.arguments import number_within, positive_size
from ..random_numbers import manual_seed
from .word2vec import Stretches, Word2Vec, train

#: The first rate where none is given. CBOW learns from means, and from fewer of them.
RATES = {"skip-gram": 0.025, "cbow": 0.075}
#: Spellings are compared with as many words, the most frequent ones; and how many
#: analogies are solved at once.
COMPARED, TOGETHER = 50_000, 256


class Similarity(NamedTuple):
    """How a measure of likeness agrees with people: Spearman's ρ over the ``known``
    pairs of all ``pairs``; those with a word that is not there do not count.
    """

    rho: float
    known: int
    pairs: int

    def __str__(self) -> str:
        return f"ρ = {self.rho:.3f} over {self.known} of {self.pairs} pairs"


class Solved(NamedTuple):
    """How many analogies were solved, of those ``known``, of which all four words are
    there, of all ``analogies``; and (solved, known) of each section.
    """

    solved: int
    known: int
    analogies: int
    sections: dict[str, tuple[int, int]]

    @property
    def accuracy(self) -> float:
        """The share of the known ones that were solved."""
        return self.solved / self.known if self.known else float("nan")

    def __str__(self) -> str:
        share = f"{100 * self.accuracy:.1f} %"
        return f"{share} of {self.known} analogies, {self.analogies} in all"


class WordVectors:
    """Words and their vectors.

    ``WordVectors.fit`` learns them from a text, ``WordVectors.load`` reads the files of
    word2vec, fastText and GloVe. ``vectors["king"]`` is one, (D,).

    Attributes:
        words: the words, the most frequent first where they were learned.
        vectors: (V, D) float32.
        counts: how often each word occurred, where known.
        losses: of each epoch, per word, where they were learned.

    Arguments:
        words, vectors: as many words as rows.

    Raises:
        DataError: for a word twice, or another number of rows.

    Example:
        >>> from chainrule import models
        >>> text = "the cat sat on a mat . the dog sat on a rug".split()
        >>> vectors = models.WordVectors.fit(
        ...     [text] * 50, size=16, window=2, min_count=1, sample=0, epochs=20)
        >>> vectors["cat"].shape, vectors.similarity("cat", "dog") > 0.5
        ((16,), True)
    """

    def __init__(self, words: Sequence[str], vectors: Any) -> None:
        self.words = tuple(words)
        self.vectors: Array = np.asarray(vectors, np.float32)
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.words):
            raise DataError(
                f"WordVectors: {len(self.words)} words, vectors {self.vectors.shape}: "
                "expected a row for each word"
            )
        self._places = {word: n for n, word in enumerate(self.words)}
        if len(self._places) != len(self.words):
            twice = Counter(self.words).most_common(1)[0][0]
            raise DataError(f"WordVectors: the word {twice!r} is there twice")
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self._units = self.vectors / np.maximum(lengths, 1e-30)
        self.counts: Array | None = None
        self.losses: tuple[float, ...] = ()

    # Learning. -----------------------------------------------------------------------

    @classmethod
    def fit(
        cls,
        text: str | os.PathLike[str] | Iterable[Any],
        *,
        size: int = 100,
        window: int = 5,
        min_count: int = 5,
        reading: str = "skip-gram",
        output: str = "negative",
        negatives: int = 5,
        sample: float = 1e-3,
        epochs: int = 5,
        lr: float | None = None,
        seed: int = 0,
        engine: str | None = None,
    ) -> Self:
        """Learns vectors from a text, by ``models.Word2Vec``; the same numbers for the
        same seed, on any number of threads.

        Arguments:
            text: the path of a text file, which is cut by ``data.sentences``; or
                sentences, each a list of words, taken as they are.
            size: D, how many numbers a word has.
            window: how far a word's neighbours are, at most.
            min_count: rarer words are left out.
            reading: "skip-gram", or "cbow": faster, for large texts.
            output: "negative" (sampling), or "tree" (hierarchical softmax).
            negatives: how many words are drawn against each pair.
            sample: words with a larger share of the text are thinned out; 0: none.
            epochs: how often the text is read.
            lr: the first rate, which falls to nearly 0; 0.025, of CBOW 0.075.
            seed: a whole number from 0 to 2⁶⁴ − 1.
            engine: the engine of ``cr.compile``.

        Raises:
            FileError, DataError: as ``data.read_text``; and where fewer than two
                words occur ``min_count`` times, or none has a neighbour.
            NumericsError: when vectors have become infinite.
        """
        given = _sentences(text)
        counts, words = count_words(given, positive_size("fit", "min_count", min_count))
        ids, of = number_words(given, words)
        thinned = number_within("fit", "sample", sample, 0, 1, "a share, 0 to 1")
        epochs = positive_size("fit", "epochs", epochs)
        manual_seed(seed)
        net = Word2Vec(
            counts, size, window, reading, output, negatives=negatives, words=words
        )
        rate = RATES[reading] if lr is None else lr
        rate = number_within("fit", "lr", rate, 0)
        history = train(
            net,
            Stretches(ids, of, counts, thinned),
            epochs=epochs,
            lr=rate,
            seed=seed,
            engine=engine,
        )
        if history.stopped == "interrupted":
            raise KeyboardInterrupt("WordVectors.fit: the training is not finished")
        learned = cls.of(net)
        learned.losses = tuple(history["loss"])
        return learned

    @classmethod
    def of(cls, net: Word2Vec) -> Self:
        """The vectors of a net that knows its words, as they are now.

        Raises:
            ArgumentError: for one that does not.
        """
        if not net.words:
            raise ArgumentError(
                "WordVectors.of: the net knows no words",
                fix="models.Word2Vec(counts, words=…)",
            )
        found = cls(net.words, net.vectors.weight.array.copy())
        found.counts = np.array(net.sampler.counts)
        return found

    # Asking. -------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __getitem__(self, word: str) -> Array:
        """The vector of a word, (D,).

        Raises:
            DataError: for a word that is not there, with words of a similar spelling.
        """
        vector: Array = self.vectors[self._place(word)]
        return vector

    def __repr__(self) -> str:
        return f"WordVectors: {len(self)} words, {self.vectors.shape[1]} numbers each"

    def similarity(self, a: str, b: str) -> float:
        """The cosine of the angle between two words' vectors, −1 to 1.

        Raises:
            DataError: for a word that is not there.
        """
        return float(self._units[self._place(a)] @ self._units[self._place(b)])

    def nearest(self, word: Any, n: int = 10) -> list[tuple[str, float]]:
        """The n words with the most similar vectors, and the cosines.

        Arguments:
            word: a word, which is left out of the answer; or a vector, (D,).

        Raises:
            DataError: for a word that is not there.
            ArgumentError: for a vector of another size.

        Example:
            >>> from chainrule import models
            >>> vectors = models.WordVectors("abc", [[1, 0], [0, 1], [0.6, 0.8]])
            >>> [word for word, _ in vectors.nearest("c", 1)]
            ['b']
        """
        count = positive_size("nearest", "n", n)
        if isinstance(word, str):
            place = self._place(word)
            return self._nearest(self._units[place], count, [place])
        vector = np.asarray(word, np.float32)
        if vector.shape != self.vectors.shape[1:]:
            raise ArgumentError(
                f"nearest: a vector {vector.shape}: expected a word, or "
                f"{self.vectors.shape[1:]}"
            )
        length = max(float(np.linalg.norm(vector)), 1e-30)
        return self._nearest(vector / length, count, [])

    def analogy(self, a: str, b: str, c: str, n: int = 1) -> list[tuple[str, float]]:
        """a is to b as c is to what: the n words nearest to b − a + c, of vectors of
        length 1; the three are left out.

        Raises:
            DataError: for a word that is not there.

        Source: Mikolov, Yih & Zweig, Linguistic regularities in continuous space word
        representations (2013).
        """
        count = positive_size("analogy", "n", n)
        places = [self._place(word) for word in (a, b, c)]
        first, second, third = self._units[places]
        target = second - first + third
        length = max(float(np.linalg.norm(target)), 1e-30)
        return self._nearest(target / length, count, places)

    def _nearest(
        self, unit: Array, count: int, without: Sequence[int]
    ) -> list[tuple[str, float]]:
        cosines = self._units @ unit
        cosines[list(without)] = -np.inf
        best = np.argsort(-cosines, kind="stable")[: min(count, len(self))]
        return [
            (self.words[k], float(cosines[k])) for k in best if k not in set(without)
        ]

    def _place(self, word: str) -> int:
        if word in self._places:
            return self._places[word]
        shown = repr(word)
        close: list[str] = []
        if isinstance(word, str):
            if word.lower() in self._places:
                close = [word.lower()]
            else:
                close = difflib.get_close_matches(word, self.words[:COMPARED], 3, 0.7)
        near = " or ".join(repr(each) for each in close)
        raise DataError(
            f"WordVectors: {shown}: not among the {len(self)} words",
            fix=f"did you mean {near}?" if close else "word in vectors says whether",
        )

    # Measuring. ----------------------------------------------------------------------

    def agreement(
        self, pairs: str | os.PathLike[str] | Iterable[WordPair]
    ) -> Similarity:
        """How cosines agree with people's judgements: Spearman's rank correlation.

        Arguments:
            pairs: a file as WordSim-353's or SimLex-999's, or what
                ``data.read_word_pairs`` returned. Words are looked up in small letters
                where they are not there as they are.

        Raises:
            FileError, DataError: as ``data.read_word_pairs``; where fewer than two
                pairs are known.
        """
        from scipy.stats import spearmanr

        given = (
            read_word_pairs(pairs) if isinstance(pairs, str | os.PathLike) else [*pairs]
        )
        known = [
            (self._known(pair.first), self._known(pair.second), pair.likeness)
            for pair in given
        ]
        covered = [each for each in known if None not in each]
        if len(covered) < 2:
            raise DataError(
                f"agreement: {len(covered)} of {len(given)} pairs have both words "
                f"among the {len(self)}: too few to rank"
            )
        a, b, likeness = zip(*covered, strict=True)
        cosines = (self._units[list(a)] * self._units[list(b)]).sum(axis=1)
        rho = float(spearmanr(cosines, likeness).statistic)
        return Similarity(rho, len(covered), len(given))

    def solve(self, analogies: str | os.PathLike[str] | Iterable[Analogy]) -> Solved:
        """How many analogies have the right word nearest to b − a + c.

        Arguments:
            analogies: a file as word2vec's questions-words.txt, or what
                ``data.read_analogies`` returned.

        Raises:
            FileError, DataError: as ``data.read_analogies``.
        """
        if isinstance(analogies, str | os.PathLike):
            analogies = read_analogies(analogies)
        given = list(analogies)
        numbers = [[self._known(word) for word in each[:4]] for each in given]
        known = [n for n, places in enumerate(numbers) if None not in places]
        sections = {given[n].section: (0, 0) for n in known}
        for start in range(0, len(known), TOGETHER):
            chosen = known[start : start + TOGETHER]
            right = self._solved(np.array([numbers[n] for n in chosen], np.int64))
            for n, solved in zip(chosen, right, strict=True):
                before = sections[given[n].section]
                sections[given[n].section] = (before[0] + int(solved), before[1] + 1)
        total = sum(solved for solved, _ in sections.values())
        return Solved(total, len(known), len(given), sections)

    def _solved(self, places: Array) -> Array:
        """Which of analogies, (Q, 4) places, are solved."""
        a, b, c, d = places.T
        cosines = (self._units[b] - self._units[a] + self._units[c]) @ self._units.T
        np.put_along_axis(cosines, places[:, :3], -np.inf, axis=1)
        right: Array = cosines.argmax(axis=1) == d
        return right

    def _known(self, word: str) -> int | None:
        place = self._places.get(word)
        return self._places.get(word.lower()) if place is None else place

    # Files, and networks. ------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], *, binary: bool | None = None) -> None:
        """Writes the file that word2vec writes: its binary form where the name ends in
        ``.bin``, else its text form. All numbers are read back as they were.

        Raises:
            ArgumentError: a word with a blank in it.
            FileError: when it cannot be written.
        """
        write_vectors(path, self.words, self.vectors, binary=binary)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, binary: bool | None = None) -> Self:
        """Vectors from a file of word2vec, fastText or GloVe: binary where the name
        ends in ``.bin``, else text; gzipped or not.

        Raises:
            FileError, DataError: as ``data.read_vectors``.
        """
        return cls(*read_vectors(path, binary=binary))

    def embedding(self, words: Iterable[str] | None = None) -> nn.Embedding:
        """A layer that begins with these vectors, to be trained further or frozen.

        Arguments:
            words: the word of each row, such as a tokenizer's ``tokens``; its own
                words where not given. A word that is not there gets a vector drawn
                with the mean and deviation of all, from the default generator.

        Raises:
            DataError: where none of the words is there.

        Example:
            >>> from chainrule import models
            >>> vectors = models.WordVectors(["cat", "dog"], [[1.0, 0.0], [0.0, 1.0]])
            >>> vectors.embedding(["<unknown>", "dog"])([1]).numpy()
            array([[0., 1.]], dtype=float32)
        """
        wanted = self.words if words is None else tuple(words)
        layer = nn.Embedding(len(wanted), self.vectors.shape[1])
        places = [self._known(word) for word in wanted]
        there = [n for n, place in enumerate(places) if place is not None]
        if not there:
            raise DataError(
                f"embedding: none of {len(wanted)} words is among the {len(self)}"
            )
        mean, std = self.vectors.mean(axis=0), self.vectors.std(axis=0)
        rows = mean + std * layer.weight.array
        rows[there] = self.vectors[[place for place in places if place is not None]]
        layer.weight.assign(rows.astype(layer.weight.dtype))
        return layer

    def plot(
        self, words: int | Iterable[str] = 200, method: str = "tsne", ax: Any = None
    ) -> Any:
        """The words as points in two dimensions, ``pictures.word_map``.

        Arguments:
            words: which; or how many, the first ones.
            method, ax: as there.

        Raises:
            DataError: for a word that is not there.
        """
        from ..pictures import word_map

        if isinstance(words, int):
            chosen = list(range(min(words, len(self))))
        else:
            chosen = [self._place(word) for word in words]
        shown = [self.words[place] for place in chosen]
        return word_map(self.vectors[chosen], shown, method, ax)


# Texts to numbers. -------------------------------------------------------------------


def _sentences(text: Any) -> list[list[str]]:
    """Sentences, of a file or as they are given."""
    if isinstance(text, str | os.PathLike):
        return sentences(read_text(text))
    try:
        given = list(text)
    except TypeError:
        given = [None]
    for n, sentence in enumerate(given):
        if isinstance(sentence, str) or not hasattr(sentence, "__iter__"):
            raise DataError(
                f"WordVectors.fit: sentence {n + 1} is {sentence!r:.40}: expected a "
                "list of words",
                fix="the path of a text file; or data.sentences(text)",
            )
    found = [s if isinstance(s, list) else [*s] for s in given]
    kinds = set(map(type, itertools.chain.from_iterable(found)))
    if all(issubclass(kind, str) for kind in kinds):
        return found
    strange = (not all(isinstance(word, str) for word in each) for each in found)
    raise DataError(
        f"WordVectors.fit: sentence {[*strange].index(True) + 1}: expected words that "
        "are texts"
    )


def count_words(
    given: Sequence[Sequence[str]], min_count: int
) -> tuple[Array, list[str]]:
    """How often the words occur that occur often enough, the most frequent first; and
    these words.

    Raises:
        DataError: for fewer than two.

    Example:
        >>> count_words([["a", "b", "a"], ["b", "a", "c"]], 2)
        (array([3., 2.]), ['a', 'b'])
    """
    counts = Counter(itertools.chain.from_iterable(given))
    if not counts:
        raise DataError("WordVectors.fit: an empty text: no word to learn from")
    often = [word for word, count in counts.items() if count >= min_count]
    often.sort(key=lambda word: (-counts[word], word))
    if len(often) < 2:
        most = counts.most_common(2)
        raise DataError(
            f"WordVectors.fit: {len(often)} of {len(counts)} words occur "
            f"min_count={min_count} times: a word is learned from others, two at least",
            fix=f"min_count={most[1][1]}, or a longer text"
            if len(most) > 1
            else "a text with other words",
        )
    return np.array([counts[word] for word in often], np.float64), often


def number_words(
    given: Sequence[Sequence[str]], words: Sequence[str]
) -> tuple[Array, Array]:
    """The number of each word of a text that is among some words, and of its sentence.

    Raises:
        DataError: where no sentence has two of them.

    Example:
        >>> number_words([["a", "b", "a"], ["c", "b", "a"]], ["b", "a"])[1]
        array([0, 0, 0, 1, 1], dtype=int32)
    """
    places = {word: n for n, word in enumerate(words)}
    text = itertools.chain.from_iterable(given)
    ids = np.fromiter(map(places.get, text, itertools.repeat(-1)), np.int32)
    of = np.repeat(np.arange(len(given), dtype=np.int32), [*map(len, given)])
    ids, of = ids[ids >= 0], of[ids >= 0]
    if np.bincount(of, minlength=1).max() < 2:
        raise DataError(
            "WordVectors.fit: no sentence has two words that occur often enough: a "
            "word is learned from its neighbours",
            fix="longer sentences, or a smaller min_count",
        )
    return ids, of
