"""``--text COLUMN``: a network that tells the class of a text, from a table of texts.

Place on the road: a task. One column of the table is read as text and one is what is to
be told; the others are not used, and the report says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ... import data, models
from ...data.tables.csv_files import csv_cell
from ...errors import ArgumentError, DataError
from ...wording import counted, spaced
from ..bag_of_words import NBSVM
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

#: Fewer texts than these say nothing about others; more classes are no classes.
LEAST, CLASSES = 10, 200

#: Steps of a whole training, about, and epochs at least and at most.
STEPS, EPOCHS = 1200, (4, 40)

#: How many words are told of for each class, among how many of the commonest.
TELLING, LOOKED_AT = 10, 3000


@dataclass(frozen=True)
class Texts:
    """Texts, and the class of each."""

    texts: list[str]
    labels: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Any) -> Texts:
        """Some of them."""
        return Texts([self.texts[i] for i in rows], [self.labels[i] for i in rows])


class Classify(Task):
    """Learns to tell the class of a text."""

    name = "text"
    what = "tells the class of a text"
    score = ("accuracy", False)
    networks = ("convolution", "lstm", "gru", "embeddings")
    takes = frozenset(("target", "text", "vocabulary"))
    reads_tables = True

    def is_meant(self, asked: Mapping[str, Any]) -> bool:
        """A column of texts is named."""
        return "text" in asked and asked.get("task") in (None, "classification")

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """Texts with classes, in parts of chance."""
        path = Path(str(source.file))
        if not asked.get("text"):
            raise ArgumentError(
                f"{path.name}: which column holds the texts?", fix="--text COLUMN"
            )
        given, notes = read_texts(path, asked["text"], source.target)
        if len(given) < LEAST:
            raise DataError(
                f"{path.name}: {counted(len(given), 'text')}: too few to learn from, "
                f"and to be tested on: expected {LEAST} or more"
            )
        classes = Counter(given.labels)
        if not 2 <= len(classes) <= CLASSES:
            raise DataError(
                f"{path.name}: column {source.target!r}: "
                f"{counted(len(classes), 'class', 'classes')}: expected 2 to {CLASSES}",
                fix="--target, another column",
            )
        parts = split(len(given), source.test, asked)
        train, validation, test = map(given.take, parts)
        unseen = sorted(set(classes) - set(train.labels))
        if unseen:
            raise DataError(
                f"{path.name}: column {source.target!r}: class {unseen[0]!r} is in no "
                "text that is learned from",
                fix="leave out rows of classes that are so rare",
            )
        return Corpus(
            path.name,
            f"{spaced(len(given))} texts, {len(classes)} classes",
            train,
            validation if len(validation) else None,
            test,
            notes,
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """Sizes and epochs that suit the number of texts."""
        count = len(corpus.train)
        hidden = asked.get("hidden") or (100 if count >= 2000 else 50,)
        if len(hidden) != 1:
            raise sizes_refused(hidden, "a network for texts has one layer", 1)
        size = 50 if count >= 1000 else max(1, min(20, count // 10))
        words = trained(
            asked,
            epochs=epochs_within(EPOCHS, STEPS // -(-count // size)),
            batch_size=size,
            lr=2e-3,
            patience=4,
        )
        net = Network(
            300 if count >= 5000 else 100,
            len(set(corpus.train.labels)),
            tuple(hidden),
            dropout=asked.get("dropout", 0.5),
            model=asked.get("model", self.networks[0]),
        )
        details = {"text": asked["text"], "vocabulary": asked.get("vocabulary")}
        return net, words, details

    def build(self, settings: Settings, corpus: Corpus) -> models.TextClassifier:
        """A classifier for the words of the training texts."""
        words = settings.network
        return models.TextClassifier.of(
            corpus.train.texts,
            corpus.train.labels,
            size=(settings.details or {}).get("vocabulary"),
            network=words.model,
            width=words.inputs,
            hidden_size=words.hidden[0],
            dropout=words.dropout,
        )

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """The class of each text."""
        train, held = run.corpus.train, run.corpus.validation
        return (
            run.model,
            run.model.examples(
                train.texts, train.labels, 4 if len(train) >= 1000 else 2
            ),
            None if held is None else run.model.examples(held.texts, held.labels, 1),
        )

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """The share of the texts that are told rightly."""
        return _scores(part, model.classify(part.texts))

    def part_of(self, path: Path, model: Any, settings: Settings) -> Texts:
        """All texts of another table."""
        column = (settings.details or {})["text"]
        return read_texts(path, column, settings.target)[0]

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``79.40 % of 1066 texts right``"""
        right = f"{100 * measured['accuracy']:.2f} %"
        return f"{right} of {counted(measured['texts'], 'text')} right"

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """The commonest class, and words and pairs of words counted."""
        train, test = run.corpus.train, run.corpus.test
        commonest = Counter(train.labels).most_common(1)[0][0]
        linear = NBSVM().fit(train.texts, train.labels)
        return {
            f"always {commonest!r}": _scores(test, [commonest] * len(test)),
            "words and pairs counted (NBSVM)": _scores(
                test, linear.predict(test.texts)
            ),
        }

    def draw(self, run: TaskRun) -> list[str]:
        """Which class was taken for which, and the words that tell most."""
        model, test = run.model, run.corpus.test
        said = model.classify(test.texts)
        pairs = Counter(zip(test.labels, said, strict=True))
        names = list(model.classes)
        table = np.array([[pairs[a, b] for b in names] for a in names])
        file = run.folder.path / "telling-words.txt"
        lines = [
            f"{name}: {', '.join(words)}" for name, words in telling(model).items()
        ]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [draw_confusion(run.folder.path, table, names), file.name]

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Telling other texts, and measuring."""
        folder = str(run.folder)
        return [
            ("other texts", ("predict", folder, "other.csv")),
            ("another table", ("evaluate", folder, "other.csv")),
        ]

    def predict(self, model: Any, settings: Settings, path: Path) -> Iterator[str]:
        """A table of each text, its class, and the probability of every class."""
        column = (settings.details or {})["text"]
        texts = _text_column(data.read_columns(path), column)
        given = ["" if text is None else text for text in texts]
        names = [f"p_{name}" for name in model.classes]
        yield _csv([column, f"predicted_{settings.target}", *names])
        logits = model.logits(given)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        for text, row in zip(given, shares, strict=True):
            best = model.classes[int(row.argmax())]
            yield _csv([text, best, *(f"{share:.4f}" for share in row)])


TASK = Classify()


def read_texts(
    path: Path, column: str, target: str | None
) -> tuple[Texts, tuple[str, ...]]:
    """The texts and classes of a table, and what has to be said about it.

    Rows without a text or without a class are left out.

    Arguments:
        path: the table.
        column, target: of the texts, and of their classes.

    Raises:
        ArgumentError: no target, or the column of the texts.
        DataError: no such columns, a column of numbers instead of texts.
    """
    table = data.read_columns(path)
    others = [name for name in table.names if name != column]
    if not target:
        raise ArgumentError(
            f"{path.name}: which column is to be told? There are: {', '.join(others)}",
            fix=f"--target {others[-1] if others else 'COLUMN'}",
        )
    if target == column:
        raise ArgumentError(
            f"--target {target}: the column of the texts themselves",
            fix=f"--target {others[-1] if others else 'COLUMN'}",
        )
    texts, labels = _text_column(table, column), _labels(table[target])
    there = [
        i
        for i, (text, label) in enumerate(zip(texts, labels, strict=True))
        if text is not None and text.strip() and label is not None
    ]
    notes = []
    unused = [name for name in others if name != target]
    if unused:
        notes.append(f"not used: {', '.join(unused)}")
    missing = len(texts) - len(there)
    if missing:
        notes.append(
            f"{counted(missing, 'row')} without a text or a class left out, the first "
            f"at {table.place(next(i for i in range(len(texts)) if i not in there))}"
        )
    given = Texts([str(texts[i]) for i in there], [str(labels[i]) for i in there])
    return given, tuple(notes)


def telling(model: Any) -> dict[str, list[str]]:
    """For each class the words that alone speak most for it.

    Each of the commonest words is told as if it were a text; how much it speaks for a
    class is how much more probable, in logarithms, it makes it than no text does.
    """
    first = len(model.tokenizer.special)
    words = [
        word for word in model.tokenizer.tokens[first:][:LOOKED_AT] if word.isalpha()
    ]
    if not words:
        return {name: [] for name in model.classes}
    logits = model.logits(["", *words])
    top = logits.max(axis=1, keepdims=True)
    logits = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    gains = logits[1:] - logits[0]
    order = np.argsort(-gains, axis=0, kind="stable")[:TELLING]
    return {
        name: [words[i] for i in order[:, k] if gains[i, k] > 0]
        for k, name in enumerate(model.classes)
    }


def _text_column(table: data.Columns, column: str) -> Sequence[Any]:
    values = table[column]
    if values.dtype != object:
        raise DataError(
            f"{table.source}: column {column!r} holds numbers: expected texts",
            fix="--text, another column; without --text numbers are learned from",
        )
    cells: list[Any] = values.tolist()
    return cells


def _labels(values: Any) -> list[str | None]:
    if values.dtype == object:
        return list(values)
    return [None if np.isnan(value) else f"{value:.10g}" for value in values]


def _scores(part: Any, said: Sequence[str]) -> dict[str, Any]:
    right = sum(a == b for a, b in zip(part.labels, said, strict=True))
    return {"accuracy": right / len(part), "texts": len(part)}


def _csv(cells: Sequence[str]) -> str:
    return ",".join(map(csv_cell, cells))
