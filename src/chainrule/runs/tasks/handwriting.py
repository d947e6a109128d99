"""``--task handwriting``: a network that reads what a pen wrote.

Place on the road: a task. Its file or folder holds drawings with labels, InkML or
UNIPEN; writers who are tested on are others than those who are learned from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import data, models
from ...errors import DataError
from ...models.handwriting.reading import SEEN
from ...wording import counted, spaced
from ..settings import Network, Settings, Source, Training
from .drawings import (
    PEN_FILES,
    Drawings,
    checksum_of,
    labels_of,
    lesson_of,
    parts_of,
    resampled,
)
from .parts import draw_confusion
from .task import Corpus, Task, TaskRun, epochs_within, sizes_refused, trained

#: Steps of a whole training, about, and epochs at least and at most.
STEPS, EPOCHS = 3000, (8, 60)

#: Labels of which each stands there so often, on average, are classes; others texts.
OFTEN = 4

#: How many classes the picture of confusions shows, the commonest.
SHOWN = 20


class Handwriting(Task):
    """Learns what drawings of a pen say: one of some classes, or a text."""

    name = "handwriting"
    what = "reads what a pen wrote"
    score = ("error_rate", True)
    networks = ("lstm", "ctc")
    reads_folders = reads_both = True
    learns_from, files = "drawings", PEN_FILES
    example = "ink/"

    def checksum(self, path: Path) -> str:
        """Of a file, or of all pen files in a folder."""
        return checksum_of(path)

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The drawings with labels, in parts by their writers."""
        path = Path(str(source.file or source.folder))
        given = data.read_drawings(path)
        labelled = [each for each in given if each.label]
        if not labelled:
            raise DataError(
                f"{path.name}: {counted(len(given), 'drawing')} without a label",
                fix="an annotation of type truth, a .SEGMENT, or a folder for each "
                "class; --task writing learns to draw without labels",
            )
        (train, validation, test), note = parts_of(
            labelled, path.name, source.test, asked
        )
        kinds = set(labels_of(labelled))
        if len(kinds) < 2:
            raise DataError(f"{path.name}: one label, {kinds.pop()!r}: expected two or "
                            "more")  # fmt: skip
        left = len(given) - len(labelled)
        notes = [note, f"{left} without a label left out" * (left > 0)]
        spells = len(kinds) * OFTEN > len(labelled)
        return Corpus(
            path.name,
            f"{spaced(len(labelled))} drawings, {counted(len(kinds), 'label')}",
            train,
            validation or None,
            test,
            tuple(each for each in notes if each),
            {"kinds": sorted(kinds), "spells": spells},
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """Sizes and epochs that suit the number of drawings."""
        usual = "ctc" if corpus.made["spells"] else "lstm"
        model = asked.get("model", usual)
        hidden = asked.get("hidden") or (64,) * 2
        if len(set(hidden)) != 1:
            raise sizes_refused(hidden, "all layers have one size", len(hidden))
        count = len(corpus.train)
        rows = asked.get("batch_size", max(1, min(32, count // 10)))
        count *= 2 - (model == "ctc")  # see ``lesson``
        words = trained(
            asked,
            epochs=epochs_within(EPOCHS, STEPS / -(-count // rows)),
            batch_size=rows,
            lr=3e-3,
            patience=10,
        )
        symbols = _symbols(corpus.made["kinds"], model)
        net = Network(
            SEEN,
            len(symbols) + (model == "ctc"),
            tuple(hidden),
            activation="tanh",
            dropout=asked.get("dropout", 0.2),
            model=model,
        )
        return net, words, {}

    def build(self, settings: Settings, corpus: Corpus) -> models.PenReader:
        """A reader for the labels of all drawings."""
        words = settings.network
        return models.PenReader(
            _symbols(corpus.made["kinds"], words.model),
            spells=words.model == "ctc",
            hidden_size=words.hidden[0],
            num_layers=len(words.hidden),
            dropout=words.dropout,
        )

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """The right class, or text; classes also of drawings begun elsewhere."""
        corpus = run.corpus
        if not run.model.spells:
            more = data.redrawn(corpus.train, seed=run.settings.training.seed)
            corpus = replace(corpus, train=more)
        return lesson_of(run.model, models.PenReading(run.model), corpus)

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """The share of drawings that are read wrong; of texts, of characters too."""
        return _scores(model.read(part), part, model.spells)

    def part_of(self, path: Path, model: Any, settings: Settings) -> Drawings:
        """All drawings of another file or folder, which have labels.

        Raises:
            DataError: one without.
        """
        found = data.read_drawings(path)
        for number, each in enumerate(found):
            if not each.label:
                raise DataError(
                    f"{path.name}: drawing {number} has no label to compare with",
                    fix="chainrule predict reads drawings without labels",
                )
        return found

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``98.63 % read right``, and ``character errors 0.9 %``"""
        right = f"{100 * (1 - measured['error_rate']):.2f} % read right"
        if "character_error_rate" not in measured:
            return right
        return (
            f"{right}, character errors {100 * measured['character_error_rate']:.1f} %"
        )

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """The commonest label; of classes, neighbours by eight points."""
        train, test = run.corpus.train, run.corpus.test
        usual = Counter(labels_of(train)).most_common(1)[0][0]
        spells = run.model.spells
        found = {f"always {usual!r}": _scores([usual] * len(test), test, spells)}
        if not spells and len(train) > 3:
            from sklearn.neighbors import KNeighborsClassifier

            rows = np.stack([resampled(each) for each in train])
            nearest = KNeighborsClassifier(3).fit(rows, labels_of(train))
            said = nearest.predict(np.stack([resampled(each) for each in test]))
            name = "3 nearest neighbours by 8 points"
            found[name] = _scores(said.tolist(), test, spells)
        return found

    def draw(self, run: TaskRun) -> list[str]:
        """Of classes, which was taken for which."""
        if run.model.spells:
            return []
        said, right = run.model.read(run.corpus.test), labels_of(run.corpus.test)
        pairs = Counter(zip(right, said, strict=True))
        names = [name for name, _ in Counter(right).most_common(SHOWN)]
        table = np.array([[pairs[a, b] for b in names] for a in names])
        return [draw_confusion(run.folder.path, table, names)]

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Reading, and measuring."""
        folder = str(run.folder)
        return [
            ("read other drawings", ("predict", folder, "other.inkml")),
            ("other labelled ones", ("evaluate", folder, "other.inkml")),
        ]

    def predict(self, model: Any, settings: Settings, path: Path) -> Iterator[str]:
        """What is written in each drawing, a line each."""
        yield from model.read(data.read_drawings(path))


TASK = Handwriting()


def _symbols(kinds: list[str], model: str) -> list[str]:
    """The classes, or the characters of texts."""
    if model == "ctc":
        return sorted({character for kind in kinds for character in kind})
    return kinds


def _scores(said: list[str], part: Any, spells: bool) -> dict[str, Any]:
    rates = data.error_rates(said, [[label] for label in labels_of(part)])
    found = {"error_rate": rates.sequences, "drawings": len(part)}
    return found | ({"character_error_rate": rates.tokens} if spells else {})
