"""``--task speech``: a recogniser of words, from a folder of WAV files.

Place on the road: a task. What is said in a recording stands in a table, beside it, in
the name of its folder or in its own (``data.read_recordings``).
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import data, models, pictures, training
from ...data.audio.recordings import is_recording
from ...data.text.edits import error_rates
from ...errors import DataError, FileError
from ...models.speech.recogniser import usual_features
from ...wording import counted, spaced
from ..settings import Network, Settings, Source, Training
from .parts import draw_confusion, split
from .task import (
    Corpus,
    Task,
    TaskRun,
    epochs_within,
    sizes_refused,
    trained,
)

#: Fewer recordings than these say nothing about others.
LEAST = 10

#: Steps of a whole training, about, and epochs at least and at most.
STEPS, EPOCHS = 3000, (12, 40)

#: More recordings than this are not also learned from slower and faster.
MOST_COPIED = 20_000

#: More words than this are spelled in characters by CTC.
MOST_WORDS = 200

#: How many words the picture of confusions shows, the commonest.
SHOWN = 20

Recordings = list[data.Recording]


class Speech(Task):
    """Learns which words are said."""

    name = "speech"
    what = "recognises words that are said"
    score = ("word_error_rate", True)
    networks = ("hybrid", "ctc", "gmm")
    reads_folders = True
    example = "recordings/"
    monitors = "validation_word_error_rate"

    def is_meant(self, asked: Mapping[str, Any]) -> bool:
        """Of a folder with WAV files in it, or in a folder in it."""
        path = Path(str(asked.get("data", "")))
        if "data" not in asked or "task" in asked or not path.is_dir():
            return False
        patterns = ("*.wav", "*.WAV", "*/*.wav", "*/*.WAV")
        return any(next(path.glob(each), None) for each in patterns)

    def checksum(self, path: Path) -> str:
        """Of the names and sizes of the files, and of what is said in them."""
        digest = hashlib.sha256()
        for each in data.read_recordings(path):
            size = Path(str(each.source)).stat().st_size
            line = f"{each.source} {size} {' '.join(each.words)} {each.speaker}\n"
            digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The recordings of a folder, in parts by speakers where those are known."""
        path = Path(str(source.folder))
        given = data.read_recordings(path)
        words = Counter(word for each in given for word in each.words)
        if len(given) < LEAST:
            raise DataError(
                f"{path.name}: {counted(len(given), 'recording')}: too few to learn "
                f"from, and to be tested on: expected {LEAST} or more"
            )
        if len(words) < 2:
            raise DataError(
                f"{path.name}: one word, {next(iter(words), '')!r}: expected two or "
                "more to tell apart"
            )
        parts, note = _parts(given, source.test, asked)
        train, validation, test = ([given[i] for i in rows] for rows in parts)
        unknown = {w for e in [*validation, *test] for w in e.words} - {
            w for e in train for w in e.words
        }
        if unknown:
            raise DataError(
                f"{path.name}: {sorted(unknown)[0]!r} is said in none of the "
                f"{len(train)} recordings to train on: each word must be said several "
                "times",
                fix="more recordings of it, or --seed 1 for other parts",
            )
        most = max(len(each.words) for each in given)
        said = f"up to {most} words each" if most > 1 else "one word each"
        return Corpus(
            path.name,
            f"{spaced(len(given))} recordings, {counted(len(words), 'word')}, {said}",
            train,
            validation or None,
            test,
            (note,),
            sorted(words),
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """Sizes and epochs that suit the number of recordings."""
        count = len(_copies(corpus.train))
        hidden = asked.get("hidden") or (128 if len(corpus.train) >= 500 else 64,)
        if len(hidden) != 1:
            raise sizes_refused(hidden, "its layers are all of one size", 1)
        model = asked.get("model", self.networks[0])
        size = max(1, min(32, count // 20))
        steps = -(-count // size)
        words = trained(
            asked,
            epochs=epochs_within(EPOCHS, STEPS / steps),
            batch_size=size,
            lr=3e-3,
            patience=10,
        )
        # Of few voices, networks learn far more from cepstra than from filter banks.
        features = usual_features(corpus.train, kind="mfcc", deltas=True)
        net = Network(
            features.size,
            len(corpus.made),
            tuple(hidden),
            dropout=0.0 if model == "gmm" else asked.get("dropout", 0.2),
            model=model,
        )
        return net, words, {"features": features.settings()}

    def build(self, settings: Settings, corpus: Corpus) -> Any:
        """A recogniser of the words of all recordings."""
        words = settings.network
        options: dict[str, Any] = {
            "words": corpus.made,
            "features": data.SpeechFeatures(**(settings.details or {})["features"]),
        }
        if words.model == "gmm":
            return models.GaussianRecogniser.of(corpus.train, **options)
        options |= {"width": words.hidden[0], "dropout": words.dropout}
        if words.model == "hybrid":
            return models.HybridRecogniser.of(corpus.train, **options)
        units = "words" if len(corpus.made) <= MOST_WORDS else "characters"
        return models.CTCRecogniser.of(corpus.train, units=units, **options)

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """The recordings, and slower and faster ones, where there are not very many."""
        held = run.corpus.validation
        title = run.corpus.title
        run.model.heard(run.corpus.test)  # what is broken is named before training
        return (
            models.SpeechTraining(run.model),
            run.model.examples(_copies(run.corpus.train), name=title),
            None if held is None else run.model.examples(held, buckets=1),
        )

    def listeners(self, run: TaskRun, examples: Any, held_out: Any) -> list[Any]:
        """Word errors of held-out recordings; of a hybrid new alignments."""
        held, made = run.corpus.validation, []
        if isinstance(run.model, models.HybridRecogniser):
            made.append(models.Realign(run.model, examples, held_out))
        return made if held is None else [*made, models.WordErrors(run.model, held)]

    def learned(
        self, run: TaskRun, progress: Any, listening: Sequence[Any]
    ) -> training.History | None:
        """Of Gaussians: by expectation–maximization."""
        if not isinstance(run.model, models.GaussianRecogniser):
            return None
        rows: list[dict[str, Any]] = []
        begun = time.perf_counter()
        for likelihood in run.model.learn(run.corpus.train):
            rows.append({"epoch": len(rows) + 1, "loss": -likelihood, "seconds": 0.0})
        for row in rows:
            row["seconds"] = (time.perf_counter() - begun) / len(rows)
        return training.History(rows, "finished", {"kept_epoch": len(rows)})

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """The word error rate, and the share of recordings with a mistake."""
        return _scores(model.recognise(part), part)

    def part_of(self, path: Path, model: Any, settings: Settings) -> Recordings:
        """All recordings of another folder."""
        return data.read_recordings(path)

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``word error rate 3.20 %, 3.2 % of the recordings with a mistake``"""
        return (
            f"word error rate {100 * measured['word_error_rate']:.2f} %, "
            f"{100 * measured['recordings_wrong']:.1f} % of the recordings with a "
            "mistake"
        )

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """The commonest word, always."""
        counts = Counter(each.words for each in run.corpus.train)
        said = [counts.most_common(1)[0][0]] * len(run.corpus.test)
        return {"always the commonest": _scores(said, run.corpus.test)}

    def draw(self, run: TaskRun) -> list[str]:
        """Which word was taken for which, and the alignment of a recording."""
        names, test = [], run.corpus.test
        if all(len(each.words) == 1 for each in test):
            names.append(_draw_confusion(run.folder.path, run.model, test))
        return [*names, _draw_alignment(run.folder.path, run.model, test)]

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Recognising, and measuring."""
        folder = str(run.folder)
        return [
            ("recognise", ("predict", folder, "other.wav")),
            ("other recordings", ("evaluate", folder, "other/")),
        ]

    def predict(self, model: Any, settings: Settings, path: Path) -> Iterator[str]:
        """``seven.wav<tab>seven``, for a WAV file or each in a folder."""
        paths = [path]
        if path.is_dir():
            paths = sorted(each for each in path.rglob("*") if is_recording(each))
            if not paths:
                raise FileError(f"{path}: no WAV files in this folder or below it")
        for each in paths:
            (words,) = model.recognise([each])
            name = each.relative_to(path) if path.is_dir() else each.name
            yield f"{name}\t{' '.join(words)}"


TASK = Speech()


def _copies(recordings: Recordings) -> Recordings:
    """Recordings, and slower and faster ones."""
    few = len(recordings) <= MOST_COPIED
    return data.at_speeds(recordings) if few else recordings


def _parts(
    given: Recordings, test: float, asked: Mapping[str, Any]
) -> tuple[list[Any], str]:
    """Rows for training, validation and the test, and a note on how they were chosen:
    by speakers, where there are three or more and all are known.
    """
    speakers = sorted({each.speaker for each in given if each.speaker is not None})
    validation = asked.get("validation", 0.1)
    known = all(each.speaker is not None for each in given)
    if not known or len(speakers) < 2 + bool(validation):
        who = f"{counted(len(speakers), 'speaker')}" if known else "speakers not known"
        note = f"{who}: tested on recordings of the voices that were trained on"
        return split(len(given), test, asked), note
    order = np.random.default_rng(asked.get("seed", 0)).permutation(len(speakers))
    tested = max(1, round(test * len(speakers)))
    held = max(1, round(validation * (len(speakers) - tested))) if validation else 0
    names = [speakers[number] for number in order]
    groups = names[tested + held :], names[tested : tested + held], names[:tested]
    rows = [
        np.array([i for i, each in enumerate(given) if each.speaker in group], int)
        for group in groups
    ]
    shown = ", ".join(names[:tested][:5])
    note = f"{len(speakers)} speakers: tested on {shown}, who are in no other part"
    return rows, note


def _scores(said: Sequence[Any], part: Recordings) -> dict[str, Any]:
    rates = error_rates(said, [[each.words] for each in part])
    return {
        "word_error_rate": rates.tokens,
        "recordings_wrong": rates.sequences,
        "recordings": len(part),
        "words": sum(len(each.words) for each in part),
    }


def _draw_confusion(folder: Path, model: Any, test: Recordings) -> str:
    said = [" ".join(words) or "–" for words in model.recognise(test)]
    right = [each.words[0] for each in test]
    names = [name for name, _ in Counter(right).most_common(SHOWN)]
    pairs = Counter(zip(right, said, strict=True))
    table = np.array([[pairs[a, b] for b in names] for a in names])
    return draw_confusion(folder, table, names)


def _draw_alignment(folder: Path, model: Any, test: Recordings) -> str:
    """The recording with the most words, of those the longest but for a few."""
    order = sorted(test, key=lambda each: len(each.words))
    chosen = next(each for each in order if len(each.words) == len(order[-1].words))
    with pictures.windowless():
        figure = model.draw(chosen)
    pictures.save(figure, folder / "alignment.png")
    return "alignment.png"
