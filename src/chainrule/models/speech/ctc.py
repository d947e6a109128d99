"""Speech without states: a network spells words in order, and one that tells one word.

Read from top to bottom: the recogniser by connectionist temporal classification, then
the classifier. N recordings, T frames, D features, C symbols.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import losses, nn
from ...compiler.compile import compile
from ...data.audio.features import SpeechFeatures
from ...data.audio.recordings import Recording
from ...data.buckets import padded_batches
from ...errors import ArgumentError, DataError, unknown_option
from ...graph import Array
from ...nn.lengths import real_steps
from ...ops import composed
from ...ops.elementwise import maximum, where
from ...ops.movement import concatenate
from .network import AcousticNetwork
from .recogniser import Recogniser, SoundExamples

UNITS = ("words", "characters")


class NetworkRecogniser(Recogniser):
    """A recogniser whose network needs no states: what two kinds of it share."""

    def numbers(self, said: Sequence[str], name: str) -> list[int]:
        """Words as numbers.

        Raises:
            DataError: a word that is not known.
        """
        known = {word: number for number, word in enumerate(self.words)}
        for word in said:
            if word not in known:
                raise DataError(
                    f"{type(self).__name__}: {name}: the word {word!r} is none of the "
                    f"{len(self.words)} that are known"
                )
        return [known[word] for word in said]


class CTCRecogniser(NetworkRecogniser):
    """A network that spells what is said: connectionist temporal classification.

    Formula: p(words | o) = Σ over paths that spell them of Πₜ p(πₜ | o), see
    ``losses.ctc``; the words are the best of a search over prefixes.

    Shapes: x (N, T, D), lengths (N,) → logits (N, T, C), the blank first.

    Arguments:
        words: that it knows; ``CTCRecogniser.of`` finds them in recordings.
        features: what it hears.
        units: what is spelled: "words", each a symbol of its own; or "characters" of
            these words, for so many words that most are rare. Then any word may be
            written, known or not.
        network: that gives logits; ``AcousticNetwork`` when not given.
        beam_width: how many prefixes the search keeps.
        options: of that network: ``width``, ``recurrent``, ``dropout``, ``masked``.

    Source: Graves, Fernández, Gomez & Schmidhuber (2006).

    Example:
        >>> from chainrule import data, models
        >>> model = models.CTCRecogniser(
        ...     ["no", "yes"], data.SpeechFeatures(), units="characters"
        ... )
        >>> model.symbols
        (' ', 'e', 'n', 'o', 's', 'y')
    """

    def __init__(
        self,
        words: Sequence[str],
        features: SpeechFeatures | str,
        *,
        units: str = "words",
        network: nn.Module | None = None,
        beam_width: int = 8,
        **options: Any,
    ) -> None:
        super().__init__(words, features)
        if units not in UNITS:
            raise unknown_option("units", units, UNITS)
        self.units, self.beam_width = units, beam_width
        letters = sorted({" ", *"".join(self.words)})
        self.symbols = self.words if units == "words" else tuple(letters)
        if network is None:
            options.setdefault("recurrent", 96)
            count = 1 + len(self.symbols)
            network = AcousticNetwork(self.features.size, count, **options)
        self.network = network

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().settings(),
            "units": self.units,
            "network": self.network,
            "beam_width": self.beam_width,
        }

    def forward(self, x: Any, lengths: Any, training: bool = False) -> Any:
        """The logits of every symbol in every frame."""
        return self.network(x, lengths, training=training)

    def loss(self, x: Any, lengths: Any, targets: Any, training: bool = False) -> Any:
        """−ln p of the symbols, (N, S), −1 behind the last."""
        logits = self(x, lengths, training=training)
        return losses.ctc(logits, targets, input_lengths=lengths)

    def examples(
        self,
        recordings: Sequence[Recording],
        buckets: int = 4,
        name: str = "recordings",
    ) -> SoundExamples:
        """Recordings as examples for ``cr.fit``: features, lengths and symbols.

        Arguments:
            recordings: with words that are known.
            buckets: how many sizes they are padded to.
            name: what messages call them.

        Raises:
            DataError: a word, or a character, that is not known; more symbols than
                frames.
        """
        heard = self.heard(recordings)
        spelled = [self.spelled(each.words, each.name) for each in recordings]
        for x, symbols, each in zip(heard, spelled, recordings, strict=True):
            pairs = itertools.pairwise(symbols)
            least = len(symbols) + sum(a == b for a, b in pairs)
            if len(x) < least:
                raise DataError(
                    f"CTCRecogniser: {each.name}: {len(x)} frames of 10 ms for "
                    f"{least} symbols: a symbol takes a frame at least",
                    fix="leave it out",
                )
        targets = np.full((len(spelled), max(1, *map(len, spelled))), -1)
        for row, symbols in enumerate(spelled):
            targets[row, : len(symbols)] = symbols
        return SoundExamples(
            heard, [each.words for each in recordings], targets, buckets, name
        )

    def spelled(self, said: Sequence[str], name: str = "a text") -> list[int]:
        """Words as numbers of symbols, from 1.

        Raises:
            DataError: a word, or a character, that is not known.
        """
        if self.units == "words":
            return [1 + number for number in self.numbers(said, name)]
        known = {symbol: 1 + number for number, symbol in enumerate(self.symbols)}
        for letter in "".join(said):
            if letter not in known:
                raise DataError(
                    f"CTCRecogniser: {name}: the character {letter!r} is in no word "
                    "that is known"
                )
        return [known[letter] for letter in " ".join(said)]

    def said(self, heard: Sequence[Array]) -> list[tuple[str, ...]]:
        """The most probable words, by a search over prefixes."""
        found: list[tuple[str, ...]] = [()] * len(heard)
        for numbers, x, lengths in padded_batches(heard):
            logits = self._logits(x, lengths).numpy()[: len(numbers)]
            decoded = losses.ctc_decode(
                logits, lengths[: len(numbers)], beam_width=self.beam_width
            )
            for number, each in zip(numbers, decoded, strict=True):
                symbols = [self.symbols[label - 1] for label in each.labels]
                words = symbols if self.units == "words" else "".join(symbols).split()
                found[number] = tuple(words)
        return found

    def _shown(self, x: Array, recording: Recording) -> dict[str, Any]:
        """The probabilities of the symbols that are said."""
        p = composed.softmax(self(x[None], np.array([len(x)]))).numpy()[0]
        symbols = sorted(set(self.spelled(recording.words, recording.name)))
        return {
            "words": [""] * len(x),
            "scores": p[:, [0, *symbols]],
            "symbols": ["blank", *(self.symbols[symbol - 1] for symbol in symbols)],
        }

    @compile
    def _logits(self, x: Any, lengths: Any) -> Any:
        return self(x, lengths)


class WordClassifier(NetworkRecogniser):
    """A convolutional network that tells which one word is said.

    Formula: z = W (mean over frames of h ⊕ maximum over frames of h) + b, h that of
    ``AcousticNetwork``; the word is argmax z.

    Shapes: x (N, T, D), lengths (N,) → logits (N, words).

    Arguments:
        words: that it knows; ``WordClassifier.of`` finds them in recordings.
        features: what it hears.
        network: that gives h, an ``AcousticNetwork`` without outputs.
        options: of that network.

    Example:
        >>> from chainrule import data, models
        >>> model = models.WordClassifier(["no", "yes"], data.SpeechFeatures())
        >>> model.said([np.zeros((30, 40), np.float32)])
        [('no',)]
    """

    def __init__(
        self,
        words: Sequence[str],
        features: SpeechFeatures | str,
        *,
        network: AcousticNetwork | None = None,
        **options: Any,
    ) -> None:
        super().__init__(words, features)
        if network is None:
            network = AcousticNetwork(self.features.size, 0, **options)
        self.network = network
        width = 2 * network.recurrent or network.width
        self.output = nn.Linear(2 * width, len(self.words))

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().settings(), "network": self.network}

    def forward(self, x: Any, lengths: Any, training: bool = False) -> Any:
        """The logits of every word."""
        h = self.network(x, lengths, training=training)  # (N, T, H), 0 behind the end
        real = real_steps("WordClassifier: sound", lengths, *x.shape[:2])[:, :, None]
        mean = h.sum(axis=1) / maximum(lengths, 1)[:, None].astype(h.dtype)
        top = where(real, h, -1e30).max(axis=1)
        top = where(lengths[:, None] > 0, top, 0.0)
        return self.output(concatenate([mean, top], axis=1))  # (N, words)

    def loss(self, x: Any, lengths: Any, targets: Any, training: bool = False) -> Any:
        """The cross-entropy of the words, (N,)."""
        logits = self(x, lengths, training=training)
        return losses.cross_entropy(logits, targets)

    def examples(
        self,
        recordings: Sequence[Recording],
        buckets: int = 4,
        name: str = "recordings",
    ) -> SoundExamples:
        """Recordings of one word each as examples for ``cr.fit``.

        Arguments:
            recordings: with words that are known.
            buckets: how many sizes they are padded to.
            name: what messages call them.

        Raises:
            ArgumentError: a recording of more words, or none.
            DataError: a word that is not known.
        """
        for each in recordings:
            if len(each.words) != 1:
                raise ArgumentError(
                    f"WordClassifier: {each.name}: {len(each.words)} words: it tells "
                    "one",
                    fix="models.HybridRecogniser or models.CTCRecogniser",
                )
        targets = [self.numbers(each.words, each.name)[0] for each in recordings]
        return SoundExamples(
            self.heard(recordings),
            [each.words for each in recordings],
            np.array(targets),
            buckets,
            name,
        )

    def said(self, heard: Sequence[Array]) -> list[tuple[str, ...]]:
        """The word with the largest logit."""
        found: list[tuple[str, ...]] = [()] * len(heard)
        for numbers, x, lengths in padded_batches(heard):
            best = self._logits(x, lengths).numpy().argmax(axis=1)
            for number, word in zip(numbers, best, strict=False):
                found[number] = (self.words[word],)
        return found

    def _shown(self, x: Array, recording: Recording) -> dict[str, Any]:
        """The probabilities of the words, alike for all frames."""
        p = composed.softmax(self(x[None], np.array([len(x)]))).numpy()[0]
        best = np.argsort(-p)[:4]
        return {
            "words": [""] * len(x),
            "scores": np.tile(p[best], (len(x), 1)),
            "symbols": [self.words[number] for number in best],
        }

    @compile
    def _logits(self, x: Any, lengths: Any) -> Any:
        return self(x, lengths)
