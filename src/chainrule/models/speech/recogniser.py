"""What all recognisers of speech have in common: words in, sounds heard, words out.

Place on the road: below the recognisers, above their network and states. It must not
know how one of them scores what it hears.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from ... import pictures
from ...compiler.compile import compile
from ...data.audio.features import SpeechFeatures
from ...data.audio.recordings import Recording
from ...data.audio.wav import Sound
from ...data.buckets import PaddedRows, best_sizes, padded_batches
from ...data.datasets import Dataset
from ...data.text.edits import ErrorRates, error_rates
from ...errors import ArgumentError, DataError
from ...graph import Array
from ...nn.chains.bands import Band, band_best_paths
from ...nn.chains.paths import Chain, best_paths
from ...nn.module import Module
from ...ops.indexing import take, take_along_axis
from ...ops.movement import broadcast_to
from ...variable import Variable
from .states import SILENCE, WordStates

#: What a recogniser is given to hear.
Heard = Recording | Sound | str | Path


class Alignment(NamedTuple):
    """Which state each frame of a recording is in.

    Attributes:
        states: (T,), 0 of silence.
        words: the word of each frame, "" of silence, (T,).
        score: of the path, in nats.
    """

    states: Array
    words: list[str]
    score: float


class Recogniser(Module):
    """A model that says which words are in a sound.

    Arguments:
        words: that it knows, each once.
        features: what it hears; or the JSON text of it, as in ``settings``.

    Class attributes:
        hears: arguments of the features that ``of`` takes, besides their rate.

    Raises:
        ArgumentError: no words, or one twice.
    """

    hears: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, words: Sequence[str], features: SpeechFeatures | str) -> None:
        name = type(self).__name__
        if not words or len(set(words)) != len(words) or isinstance(words, str):
            raise ArgumentError(
                f"{name}: words {list(words)[:5]}: expected some, each once",
                fix=f"models.{name}.of(recordings)",
            )
        self.words = tuple(words)
        self.features = (
            SpeechFeatures(**json.loads(features))
            if isinstance(features, str)
            else features
        )

    @classmethod
    def of(cls, recordings: Sequence[Recording], **options: Any) -> Self:
        """A recogniser for the words in recordings, and their rate.

        Arguments:
            recordings: those that it will be trained on.
            options: as of the class; ``features`` too.

        Raises:
            DataError: no recordings, or none with words.
        """
        words = options.pop("words", None) or known_words(recordings, cls.__name__)
        features = options.pop("features", None) or usual_features(
            recordings, **cls.hears
        )
        return cls(words, features, **options)

    def settings(self) -> dict[str, Any]:
        """Words and features."""
        return {
            "words": list(self.words),
            "features": json.dumps(self.features.settings()),
        }

    def describe_settings(self) -> str:
        """``10 words``"""
        return f"{len(self.words)} words"

    def heard(self, sounds: Iterable[Heard]) -> list[Array]:
        """The features of sounds, (T, D) each.

        Arguments:
            sounds: recordings, sounds, or paths of WAV files.

        Raises:
            FileError, DataError: as ``data.read_wav``; a sound that is too short.
        """
        named = itertools.starmap(_named, enumerate(sounds))
        return [self.features(sound, name) for sound, name in named]

    def recognise(self, sounds: Iterable[Heard]) -> list[tuple[str, ...]]:
        """The words in each sound.

        Arguments, raises: as ``heard``.
        """
        named = list(itertools.starmap(_named, enumerate(sounds)))
        heard = [self.features(sound, name) for sound, name in named]
        self.check_heard(heard, [name for _, name in named])
        return self.said(heard)

    def check_heard(self, heard: Sequence[Array], names: Sequence[str]) -> None:
        """An error for features that no word can be in; none, where any may be short.

        Arguments:
            heard: features, (T, D) each.
            names: what messages call them.
        """

    def said(self, heard: Sequence[Array]) -> list[tuple[str, ...]]:
        """The words in what was heard, features (T, D) each."""
        raise NotImplementedError

    def error_rates(self, recordings: Sequence[Recording]) -> ErrorRates:
        """The share of recordings with a mistake, and the word error rate: words to
        insert, to remove and to replace, for each that was said.
        """
        return error_rates(
            self.recognise(recordings), [[each.words] for each in recordings]
        )

    def draw(self, recording: Recording, figure: Any = None) -> Any:
        """A picture of a recording: its spectrogram above what the model makes of it.

        Of hidden Markov models the states of the words that are said, by the forced
        alignment; of CTC the probability of each symbol in each frame.

        Arguments:
            recording: whose words are known.
            figure: where to draw; a new one when not given.

        Returns:
            The figure.
        """
        said = " ".join(recording.words)
        of_file = isinstance(recording.source, Path)
        title = f"{recording.name}: {said}" if of_file else said
        plain = replace(self.features, kind="fbank", deltas=False, normalise="none")
        heard = plain(recording.sound(), recording.name)
        (x,) = self.heard([recording])
        shown = self._shown(x, recording)
        return pictures.alignment(heard, **shown, title=title, figure=figure)

    def _shown(self, x: Array, recording: Recording) -> dict[str, Any]:
        """What stands below the spectrogram, as arguments of ``pictures.alignment``."""
        raise NotImplementedError


class StateRecogniser(Recogniser):
    """A recogniser by hidden Markov models: the best path through the states of words.

    Formula: argmax over words of max over paths Σₜ ln p(oₜ | sₜ) + ln p(sₜ | sₜ₋₁), by
    Viterbi's algorithm on one graph of all words.

    Arguments:
        words, features: as of ``Recogniser``.
        states: of each word, in a row.
        connected: whether several words may be said in a recording.

    Attributes:
        log_stay: ln of the probability to stay in each state, (K,).
        penalty: what a word costs besides, in nats, where several may be said.
    """

    def __init__(
        self,
        words: Sequence[str],
        features: SpeechFeatures | str,
        states: int,
        connected: bool,
    ) -> None:
        super().__init__(words, features)
        self.states = WordStates(words, states, connected)
        count = self.states.count
        self.log_stay = Variable(np.full(count, np.log(0.7)), name="log_stay")
        self.penalty = Variable(np.zeros(()), name="penalty")

    @classmethod
    def of(cls, recordings: Sequence[Recording], **options: Any) -> Self:
        """A recogniser for the words in recordings, and their rate; of several words
        where a recording has several.

        Arguments, raises: as of ``Recogniser.of``.
        """
        options.setdefault("connected", any(len(r.words) != 1 for r in recordings))
        return super().of(recordings, **options)

    def settings(self) -> dict[str, Any]:
        """Words, features, states of a word, and whether several may be said."""
        return {
            **super().settings(),
            "states": self.states.states,
            "connected": self.states.connected,
        }

    def describe_settings(self) -> str:
        """``10 words of 6 states``"""
        return f"{len(self.words)} words of {self.states.states} states"

    def state_scores(self, x: Any, lengths: Any) -> Any:
        """ln p(oₜ | s) of every frame and state, but for what is alike for all states.

        Shapes: x (N, T, D) → (N, T, K).
        """
        raise NotImplementedError

    def check_heard(self, heard: Sequence[Array], names: Sequence[str]) -> None:
        """An error for a sound with fewer frames than a word has states.

        Raises:
            DataError: one that is too short.
        """
        for x, name in zip(heard, names, strict=True):
            if len(x) < self.states.states:
                raise DataError(
                    f"{type(self).__name__}: {name}: {len(x)} frames of 10 ms: too "
                    f"short for a word, which has {self.states.states} states",
                    fix="was it cut off?",
                )

    def said(self, heard: Sequence[Array]) -> list[tuple[str, ...]]:
        """The words of the best path through all that may be said."""
        self.check_heard(heard, [f"sound {number}" for number in range(len(heard))])
        graph = self.states.graph(self.log_stay.numpy(), float(self.penalty.numpy()))
        chain = [np.asarray(part, np.float32) for part in graph.chain]
        found: list[tuple[str, ...]] = [()] * len(heard)
        for numbers, x, lengths in padded_batches(heard):
            paths = self._best(x, lengths, graph.emits, *chain).numpy()
            for place, number in enumerate(numbers):
                path = paths[place, : lengths[place]]
                found[number] = self.states.said(graph, path)
        return found

    @compile
    def _best(self, x: Any, lengths: Any, emits: Any, *chain: Any) -> Any:
        scores = take(self.state_scores(x, lengths), emits, axis=2)
        return best_paths(scores, Chain(*chain), lengths).states

    def aligned(
        self, heard: Sequence[Array], said: Sequence[Sequence[str]], names: Any = None
    ) -> list[Alignment]:
        """Which state each frame is in, where it is known what is said: the forced
        alignment.

        Arguments:
            heard: features, (T, D) each.
            said: the words of each.
            names: what messages call them.

        Raises:
            DataError: a recording with fewer frames than its words have states, or a
                word that is not known.
        """
        self.check_lengths(heard, said, names)
        rows = [self.states.row(words) for words in said]
        stay = self.log_stay.numpy()
        made: list[Any] = [None] * len(heard)
        for numbers, x, lengths in padded_batches(heard):
            own = [rows[number] for number in numbers]
            own += [rows[numbers[0]]] * (len(lengths) - len(own))
            width = _width(max(map(len, own)))
            band = self.states.bands(own, stay, width)
            padded = self.states.padded(own, width)
            places, scores = self._aligned(x, lengths, padded, *band)
            for place, number in enumerate(numbers):
                path = places.numpy()[place, : lengths[place]]
                made[number] = self._alignment(
                    rows[number], path, said[number], scores.numpy()[place]
                )
        return made

    @compile
    def _aligned(self, x: Any, lengths: Any, rows: Any, *band: Any) -> Any:
        scores = self.row_scores(x, lengths, rows).astype("float64")
        return band_best_paths(scores, Band(*band), lengths)

    def _shown(self, x: Array, recording: Recording) -> dict[str, Any]:
        """The states of the words, counted from the first of each."""
        (found,) = self.aligned([x], [recording.words], [recording.name])
        inside = (found.states - 1) % self.states.states
        states = np.where(found.states == SILENCE, -1, inside)
        return {"words": found.words, "states": states}

    def row_scores(self, x: Any, lengths: Any, rows: Any) -> Any:
        """The scores of the states in the row of each sequence, (N, T, P)."""
        scores = self.state_scores(x, lengths)
        index = broadcast_to(rows[:, None, :], (*scores.shape[:2], rows.shape[1]))
        return take_along_axis(scores, index, axis=2)

    def check_lengths(
        self, heard: Sequence[Array], said: Sequence[Sequence[str]], names: Any = None
    ) -> None:
        """An error for a recording with fewer frames than its words have states."""
        for number, (x, words) in enumerate(zip(heard, said, strict=True)):
            least = self.states.least_frames(words)
            if len(x) < least:
                name = f"recording {number}" if names is None else names[number]
                raise DataError(
                    f"{type(self).__name__}: {name}: {len(x)} frames of 10 ms for "
                    f"{' '.join(words)!r}, which has {least} states: a state takes a "
                    "frame at least",
                    fix="fewer states of a word, or leave it out",
                )

    def _alignment(
        self, row: Array, path: Array, said: Sequence[str], score: float
    ) -> Alignment:
        size = self.states.states + 1
        inside = path % size != 0
        words = [
            said[place // size] if real else ""
            for place, real in zip(path.tolist(), inside.tolist(), strict=True)
        ]
        return Alignment(row[path], words, float(score))


def known_words(recordings: Sequence[Recording], name: str) -> list[str]:
    """The words in recordings, in alphabetical order.

    Raises:
        DataError: no recordings, or none with words.
    """
    counts = Counter(word for each in recordings for word in each.words)
    if not counts:
        raise DataError(f"{name}: {len(recordings)} recordings without words")
    return sorted(counts)


def usual_features(recordings: Sequence[Recording], **asked: Any) -> SpeechFeatures:
    """Features that suit recordings: their own rate, up to 16 000 samples a second.

    Arguments:
        recordings: of which the first is looked at.
        asked: arguments of ``SpeechFeatures`` that are given.
    """
    rate = asked.pop("rate", None) or min(16000, recordings[0].sound().rate)
    bins = asked.pop("bins", 24 if rate <= 11025 else 40)
    return SpeechFeatures(rate=rate, bins=bins, **asked)


class SoundExamples(Dataset):
    """Recordings as examples for ``fit``: inputs x, lengths and what is to be told.

    Arguments:
        heard: features, (Tᵢ, D) each.
        said: the words of each.
        targets: (N, …), or arrays (Tᵢ,), one for each frame.
        buckets: how many sizes they are padded to.
        name: what messages call them.

    Attributes:
        sounds: the features, (N, T, D).
        frames: the targets of frames, (N, T), −1 behind the end; None where there is
            one of each recording.
        said: the words.
    """

    def __init__(
        self,
        heard: Sequence[Array],
        said: Sequence[Sequence[str]],
        targets: Array | list[Array],
        buckets: int,
        name: str,
    ) -> None:
        lengths = np.array([len(each) for each in heard])
        sizes = best_sizes(lengths, buckets)
        own = sizes[np.searchsorted(sizes, lengths)]
        self.said = [tuple(words) for words in said]
        self.sounds = PaddedRows(heard, own, 0.0)
        self.frames = None
        given: Any = targets
        if isinstance(targets, list):
            self.frames = given = PaddedRows(targets, own, -1)
        super().__init__((self.sounds, lengths, given), name=name, task="none")
        self.buckets = np.searchsorted(sizes, lengths)


def _named(number: int, given: Heard) -> tuple[Sound, str]:
    """A sound, and what messages call it."""
    if isinstance(given, Sound):
        return given, f"sound {number}"
    known = Recording((), Path(given)) if isinstance(given, str | Path) else given
    return known.sound(), known.name


def _width(least: int) -> int:
    """A width of few kinds, for which few programs are made."""
    return -(-least // 8) * 8
