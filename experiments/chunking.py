"""Chunks of sentences: a bidirectional LSTM below a conditional random field.

The shared task of CoNLL-2000: 8936 sentences of the Wall Street Journal for training
and 2012 for testing, whose words have a part of speech, found by a program, and are to
be put into chunks: noun phrases, verb phrases and nine other types. A tenth of the
training sentences, chosen by the seed, is held out; the epoch with the best F1 on it is
kept, and the test sentences are tagged once. F1 is of spans, as ``conlleval`` counts
them.

    chainrule experiment chunking [--quick] [--seed 0] [--resume]

Vectors of words start at random, and nothing is looked up: no list of names, no text
but the training sentences. With vectors of other texts F1 is higher.

Found by others: 94.13 by a BI-LSTM-CRF with random vectors, spelling and context
features, 94.46 with vectors of SENNA; 93.69 by a CRF with the same features (Huang, Xu
& Yu, Bidirectional LSTM-CRF models for sequence tagging, 2015); 93.48 by the best of
the shared task, 77.07 by the commonest chunk of each part of speech (Tjong Kim Sang &
Buchholz, 2000).
"""

from __future__ import annotations

import io
import statistics
import zipfile
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, optim, pictures
from chainrule.data.text.tagged import parse_tagged
from chainrule.runs.bag_of_words import MostFrequentTags
from chainrule.training import callbacks

from .record import Clock, Options, Published, Record, data_file, save_small

SUMMARY = "BiLSTM-CRF with characters, chunks of CoNLL-2000"
DATA = "conll2000.zip of NLTK"
FILE = "nltk-corpora/conll2000.zip"
PUBLISHED = (
    Published("F1, random vectors", 94.13, "BI-LSTM-CRF, Huang, Xu & Yu, 2015"),
    Published("F1, CRF with the same features", 93.69, "Huang, Xu & Yu, 2015"),
    Published("F1, best of the shared task", 93.48, "Tjong Kim Sang & Buchholz, 2000"),
)
EPOCHS, BATCH_SIZE, LR, PATIENCE = 20, 32, 0.002, 6
QUICK_SENTENCES, QUICK_EPOCHS = 300, 4


def sentences(part: str) -> list[data.Sentence]:
    """The sentences of "train" or "test"."""
    with zipfile.ZipFile(data_file(FILE, "the sentences are")) as archive:
        content = archive.read(f"conll2000/{part}.txt")
    lines = io.StringIO(content.decode("utf-8")).read().split("\n")
    return parse_tagged(enumerate(lines, 1), f"{part}.txt")


def parts(options: Options) -> tuple[list[Any], list[Any], list[Any]]:
    """Sentences for training, for choosing the epoch, and for the test."""
    train, test = sentences("train"), sentences("test")
    if options.quick:  # of one size, for which one program is made
        train, test = ([s for s in p if 16 < len(s) <= 32] for p in (train, test))
    order = np.random.default_rng(options.seed).permutation(len(train))
    held = len(train) // 10
    first, rest = order[:held], order[held:]
    if options.quick:
        first, rest, test = first[:100], rest[:QUICK_SENTENCES], test[:100]
    return [train[i] for i in rest], [train[i] for i in first], test


def train(tagger: models.Tagger, given: Any, held: Any, options: Options) -> Any:
    """The history of a training; the tagger has the weights of its best epoch."""
    epochs = QUICK_EPOCHS if options.quick else EPOCHS
    examples = tagger.examples(given, buckets=1 if options.quick else 5)
    batch_size = 16 if options.quick else BATCH_SIZE
    rate = 0.01 if options.quick else LR
    steps = epochs * -(-len(given) // batch_size)
    listeners: list[Any] = [
        models.TagScores(tagger, held),
        callbacks.EarlyStopping("validation_f1", PATIENCE),
    ]
    if options.checkpoints is not None:
        listeners.append(callbacks.Checkpoint(options.checkpoints, keep=1))
    return cr.fit(
        models.Tagging(tagger),
        examples,
        validation=tagger.examples(held, buckets=1),
        optimizer=optim.Adam(
            lr=optim.Cosine(rate, steps, rate / 20), transforms=[optim.ClipNorm(5.0)]
        ),
        epochs=epochs,
        batch_size=batch_size,
        callbacks=listeners,
        seed=options.seed,
        resume=None if options.checkpoints is None else "auto",
    )


def draw(history: Any, scores: data.SpanScores, options: Options) -> str:
    """F1 of held-out sentences over the epochs, and of the test by type of chunk."""
    figure = pictures.new_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    f1 = [100 * value for value in history["validation_f1"]]
    left.plot(range(1, len(f1) + 1), f1, "o-", color="#0072B2", lw=2)
    left.set(xlabel="epoch", ylabel="F1 of held-out sentences")
    counts = sorted(scores.by_type.items(), key=lambda item: item[1][2])
    names = [f"{kind} ({right})" for kind, (_, _, right) in counts]
    values = [200 * c / (f + r) if f + r else 0.0 for _, (c, f, r) in counts]
    right.barh(names, values, color="#0072B2")
    right.set(xlabel="F1 of test sentences, by type (how many there are)")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    save_small(figure, options.picture("chunking.png"), 80)
    return "chunking.png"


def run(options: Options) -> Record:
    """Trains, tags the test sentences once, and counts spans."""
    clock = Clock()
    cr.manual_seed(options.seed)
    given, held, test = parts(options)
    sizes = {"width": 24, "hidden_size": 32, "filters": 16} if options.quick else {}
    tags = {tag for each in held for tag in each.tags or ()}
    tagger = models.Tagger.of(given, tags=tags, **sizes)
    history = train(tagger, given, held, options)
    right = [each.tags for each in test]
    scores = data.span_scores(right, tagger.tag(test))
    simple = MostFrequentTags(given).tag([each.words for each in test])
    best = max(history["validation_f1"])
    seconds = [row["seconds"] for row in history.epochs]
    return Record(
        "chunking",
        SUMMARY,
        measured={
            "F1": 100 * scores.f1,
            "precision": 100 * scores.precision,
            "recall": 100 * scores.recall,
            "F1, held-out sentences": 100 * best,
            "F1, commonest tag of each word": 100 * data.span_scores(right, simple).f1,
        },
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=len(history.epochs),
        seconds_per_epoch=statistics.median(seconds),
        settings={
            **history.settings,
            "parameters": tagger.num_parameters,
            "types": {kind: list(each) for kind, each in scores.by_type.items()},
        },
        history=history.epochs,
        pictures=[draw(history, scores, options)],
    )
