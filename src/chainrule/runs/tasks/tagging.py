"""``--task tag``: a network that says a tag for every word of a sentence.

Place on the road: a task. The file has a word a line and its tag in the last column, as
those of the CoNLL shared tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import data, models
from ...data.text.spans import are_spans, scheme_of
from ...data.text.tagged import parse_tagged, written
from ...errors import DataError
from ...wording import counted, spaced
from ..bag_of_words import MostFrequentTags
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

#: Fewer sentences than these say nothing about others.
LEAST = 10

#: Steps of a whole training, about, and epochs at least and at most.
STEPS, EPOCHS = 4000, (8, 60)

#: How many tags the picture of confusions shows, the commonest.
SHOWN = 20

Sentences = list[data.Sentence]


class Tag(Task):
    """Learns the tags of words, those of a sentence together."""

    name = "tag"
    what = "tags the words of sentences"
    score = ("score", False)
    networks = ("lstm",)

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The sentences of a file, in parts of chance."""
        path = Path(str(source.file))
        given = data.read_tagged(path)
        parts = split(len(given), source.test, asked)
        if len(given) < LEAST:
            raise DataError(
                f"{path.name}: {counted(len(given), 'sentence')}: too few to learn "
                f"from, and to be tested on: expected {LEAST} or more",
                fix="an empty line ends a sentence",
            )
        train, validation, test = ([given[i] for i in rows] for rows in parts)
        tags = sorted({tag for each in given for tag in each.tags or ()})
        if len(tags) < 2:
            raise DataError(f"{path.name}: one tag, {tags[0]!r}: expected two or more")
        words = sum(map(len, given))
        return Corpus(
            path.name,
            f"{spaced(len(given))} sentences, {spaced(words)} words, "
            f"{counted(len(tags), 'tag')}",
            train,
            validation or None,
            test,
            _notes(given, tags),
            tags,
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """Sizes and epochs that suit the number of sentences."""
        count = len(corpus.train)
        hidden = asked.get("hidden") or (150 if count >= 2000 else 64,)
        if len(hidden) != 1:
            why = "a tagger has one layer, in both directions"
            raise sizes_refused(hidden, why, 1)
        size = 32 if count >= 1000 else max(1, min(8, count // 10))
        steps = -(-count // size)
        words = trained(
            asked,
            epochs=epochs_within(EPOCHS, STEPS // steps),
            batch_size=size,
            lr=4e-3,
            patience=8,
        )
        dropout = asked.get("dropout", 0.5)
        width = 100 if count >= 1000 else 50
        net = Network(
            width,
            len(corpus.made),
            tuple(hidden),
            activation="tanh",
            dropout=dropout,
            model="lstm",
        )
        return net, words, {}

    def build(self, settings: Settings, corpus: Corpus) -> models.Tagger:
        """A tagger for the words of the training sentences, and all tags."""
        words = settings.network
        return models.Tagger.of(
            corpus.train,
            tags=corpus.made,
            width=words.inputs,
            hidden_size=words.hidden[0],
            dropout=words.dropout,
        )

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """The right row of tags, among all."""
        corpus, tagger = run.corpus, run.model
        held = corpus.validation
        return (
            models.Tagging(tagger),
            tagger.examples(
                corpus.train, 5 if len(corpus.train) >= 1000 else 2, corpus.title
            ),
            None if held is None else tagger.examples(held, buckets=1),
        )

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """F1 of spans, where tags are of spans; the share of words that are right."""
        return _scores(part, model.tag(part), model.scheme is not None)

    def part_of(self, path: Path, model: Any, settings: Settings) -> Sentences:
        """All sentences of another file."""
        return data.read_tagged(path, columns=2 + len(model.features))

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``F1 94.13 % (precision 94.0, recall 94.3), 96.1 % of the words right``"""
        right = f"{100 * measured['accuracy']:.2f} % of the words right"
        if "f1" not in measured:
            return right
        return (
            f"F1 {100 * measured['f1']:.2f} % (precision "
            f"{100 * measured['precision']:.2f}, recall "
            f"{100 * measured['recall']:.2f}), {right}"
        )

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """The tag that each word has most often."""
        simple = MostFrequentTags(run.corpus.train)
        said = simple.tag([each.words for each in run.corpus.test])
        spans = run.model.scheme is not None
        scores = _scores(run.corpus.test, said, spans)
        return {"the most frequent tag of each word": scores}

    def draw(self, run: TaskRun) -> list[str]:
        """Which tag was taken for which; of spans, which type."""
        said = run.model.tag(run.corpus.test)
        spans = run.model.scheme is not None
        pairs = Counter(
            (_kind(right, spans), _kind(told, spans))
            for each, row in zip(run.corpus.test, said, strict=True)
            for right, told in zip(each.tags or (), row, strict=True)
        )
        totals: Counter[str] = Counter()
        for (right, _), count in pairs.items():
            totals[right] += count
        names = [name for name, _ in totals.most_common(SHOWN)]
        table = np.array([[pairs[a, b] for b in names] for a in names])
        return [draw_confusion(run.folder.path, table, names)]

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Tagging, and measuring."""
        folder = str(run.folder)
        return [
            ("tag other words", ("predict", folder, "other.conll")),
            ("another file", ("evaluate", folder, "other.conll")),
        ]

    def predict(self, model: Any, settings: Settings, path: Path) -> Iterator[str]:
        """The lines of a file, each with the tag of its word behind them.

        Tags that stand in it already stay, before those of the model.
        """
        lines = data.read_lines(path)
        known = 1 + len(model.features)
        first = next((line for _, line in lines if line.strip()), "")
        columns = len(first.split("\t") if "\t" in first else first.split())
        given = parse_tagged(
            lines, path.name, tags=columns > known, columns=max(columns, known)
        )
        if columns > known + 1:
            raise DataError(
                f"{path.name}: {counted(columns, 'column')}: expected {known}, or "
                f"{known + 1} with tags, as in training"
            )
        for each, tags in zip(given, model.tag(given), strict=True):
            before = (*each.features, *((each.tags,) if each.tags else ()))
            block = written([data.Sentence(each.words, before, tuple(tags))])
            yield from block.split("\n")


TASK = Tag()


def _notes(sentences: Sentences, tags: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if are_spans(tags):
        rows = (each.tags or () for each in sentences)
        notes.append(f"tags are of spans, written in {scheme_of(rows)}")
    columns = len(sentences[0].features)
    if columns:
        what = counted(columns, "column")
        notes.append(f"{what} between word and tag: read, and needed for new words")
    return tuple(notes)


def _kind(tag: str, spans: bool) -> str:
    return tag.partition("-")[2] or tag if spans else tag


def _scores(part: Any, said: Any, spans: bool) -> dict[str, Any]:
    scores = data.span_scores([each.tags for each in part], said)
    words = {
        "accuracy": scores.accuracy,
        "sentences": len(part),
        "words": sum(map(len, part)),
    }
    if not spans:
        return {"score": scores.accuracy, **words}
    return {
        "score": scores.f1,
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        **words,
        "by_type": {kind: list(each) for kind, each in scores.by_type.items()},
    }
