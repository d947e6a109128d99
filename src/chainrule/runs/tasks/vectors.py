"""``--task vectors``: vectors of the words of a text.

Place on the road: a task. Training is ``models.word2vec.train``, as that of
``models.WordVectors.fit``. The last sentences are kept for the test: what a net
expects of words around each other there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import data, models, pictures, training
from ...errors import ArgumentError, DataError
from ...models.word2vec import CENTRES, loss_per_word, train
from ...models.word_vectors import RATES, count_words, number_words
from ...training.epochs import progress_bar
from ...wording import counted, spaced
from ..settings import Network, Settings, Source, Training
from .task import Corpus, Task, TaskRun, epochs_within, trained

Sentences = list[list[str]]

SIZE, WINDOW = 100, 5
#: Words that are read in a training, about; and epochs at least and at most.
READ, EPOCHS = 10_000_000, (5, 50)
#: How often a word has to be there: in short texts, and in those of more words.
RARE, SHORT, LONG = 2, 50_000, 5
#: Words on the map.
SHOWN = 200

#: What else a run could be asked for, and is not: a step is what the papers say.
FIXED = ("optimizer", "schedule", "weight_decay", "dropout", "batch_size", "patience")


class Part(NamedTuple):
    """Sentences, and how often a word has to be in them to be learned."""

    sentences: Sentences
    min_count: int


class Vectors(Task):
    """Learns vectors of words from their neighbours."""

    name = "vectors"
    what = "learns vectors of words"
    score = ("loss", True)
    networks = ("skip-gram", "cbow")

    def corpus(self, source: Source, asked: Mapping[str, Any]) -> Corpus:
        """The sentences, the last of which are tested on."""
        path = Path(str(source.file))
        found = data.sentences(data.read_text(path))
        words = sum(map(len, found))
        last = len(found) - max(1, round(source.test * len(found)))
        if last < 1:
            raise DataError(
                f"{path.name}: {counted(len(found), 'sentence')}: too few to learn "
                "from, and to be tested on",
                fix="a longer text",
            )
        min_count = RARE if words < SHORT else LONG
        counts, known = count_words(found[:last], min_count)
        rest = words - sum(map(int, counts))
        return Corpus(
            path.name,
            f"{spaced(words)} words, {spaced(len(found))} sentences: "
            f"{spaced(len(known))} words that occur {min_count} times or more",
            Part(found[:last], min_count),
            None,
            Part(found[last:], 1),
            (f"{100 * rest / words:.1f} % are rarer words, or tested on",),
        )

    def plan(
        self, asked: Mapping[str, Any], corpus: Corpus
    ) -> tuple[Network, Training, dict[str, Any]]:
        """100 numbers a word, and epochs that suit the length of the text."""
        for option in FIXED:
            if option in asked:
                word = f"--{option.replace('_', '-')}"
                raise ArgumentError(
                    f"{word}: --task vectors has steps of its own, and no use for it",
                    fix=f"leave {word} out",
                )
        model, hidden = asked.get("model", self.networks[0]), asked.get("hidden")
        size = hidden[0] if hidden else SIZE
        if hidden and len(hidden) > 1:
            raise ArgumentError(
                f"--hidden {','.join(map(str, hidden))}: a word has one vector",
                fix=f"--hidden {size}",
            )
        words = sum(map(len, corpus.train.sentences))
        plan = trained(
            {"lr": RATES[model], **asked, "validation": 0.0, "schedule": "linear"},
            epochs=epochs_within(EPOCHS, READ / max(1, words)),
            batch_size=CENTRES,
            lr=RATES[model],
            patience=None,
            optimizer="sgd",
        )
        counts, _ = count_words(*corpus.train)
        net = Network(len(counts), len(counts), (size,), model=model)
        return net, plan, {"window": WINDOW}

    def build(self, settings: Settings, corpus: Corpus) -> models.Word2Vec:
        """A net that has learned nothing."""
        counts, words = count_words(*corpus.train)
        wanted, details = settings.network, settings.details or {}
        return models.Word2Vec(
            counts, wanted.hidden[0], details["window"], wanted.model, words=words
        )

    def lesson(self, run: TaskRun) -> tuple[Any, Any, Any]:
        """The net and the stretches of its text."""
        return run.model, _stretches(run.model, run.corpus.train), None

    def learned(
        self, run: TaskRun, progress: Any, listening: Sequence[Any]
    ) -> training.History:
        """Trained by steps of its own."""
        plan = run.settings.training
        net, text, _ = self.lesson(run)
        return train(
            net,
            text,
            epochs=plan.epochs,
            lr=plan.lr,
            seed=plan.seed,
            engine=plan.engine,
            callbacks=[*listening, *progress_bar(progress)],
            resume="auto" if run.resume else None,
        )

    def measure(self, model: Any, part: Any) -> dict[str, Any]:
        """The loss per word; of how many words that are known."""
        text = _stretches(model, part)
        return {"loss": loss_per_word(model, text), "words": len(text.words)}

    def part_of(self, path: Path, model: Any, settings: Settings) -> Part:
        """All sentences of another text."""
        return Part(data.sentences(data.read_text(path)), 1)

    def in_words(self, measured: Mapping[str, Any]) -> str:
        """``loss 12.3 a word``"""
        return f"loss {measured['loss']:.4g} a word"

    def baselines(self, run: TaskRun) -> dict[str, dict[str, Any]]:
        """A net that has learned nothing: every question is answered by one half."""
        new = self.build(run.settings, run.corpus)
        return {"before training": self.measure(new, run.corpus.test)}

    def draw(self, run: TaskRun) -> list[str]:
        """A map of the commonest words, and the vectors as others read them."""
        vectors = models.WordVectors.of(run.model)
        vectors.save(run.folder.path / "vectors.txt")
        names = ["vectors.txt"]
        if len(vectors) > 2:
            with pictures.windowless():
                ax = vectors.plot(SHOWN)
            pictures.save(ax.figure, run.folder.path / "map.png")
            names.append("map.png")
        return names

    def following(self, run: TaskRun) -> list[tuple[str, tuple[str, ...]]]:
        """Asking for neighbours."""
        words = run.model.words
        shown = next((word for word in words if len(word) > 3), words[0])
        return [("nearest words", ("nearest", str(run.folder), shown))]


TASK = Vectors()


def _stretches(net: models.Word2Vec, part: Part) -> models.Stretches:
    """Sentences as a net reads them."""
    ids, of = number_words(part.sentences, net.words)
    return models.Stretches(ids, of, np.array(net.sampler.counts))
