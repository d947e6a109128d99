"""Sentences in classes: a convolutional network beside words counted.

Two sets of ten thousand sentences: praise and blame of films (MR), and subjective and
objective ones (Subj). Each is cut into ten parts by the seed, and each part is told by
a network that has learned from the other nine: vectors of words that start at random,
filters that see 3, 4 and 5 words, the maximum over time, dropout, and rows of the last
weights no longer than 3. A tenth of the nine parts chooses the epoch. Beside it stands
the linear classifier of words and pairs of words, weighted as naive Bayes does (NBSVM).

    chainrule experiment sentences [--quick] [--seed 0] [--resume]

Found by others: 76.1 and 89.6 % right (CNN-rand: Kim, Convolutional neural networks for
sentence classification, 2014); NBSVM 79.4 and 93.2 % (Wang & Manning, Baselines and
bigrams, 2012). With vectors of other texts the network reaches 81.5 and 93.4 %. Parts
differ from paper to paper, as no one has published his own.
"""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import models, optim, pictures
from chainrule.runs.bag_of_words import NBSVM
from chainrule.training import callbacks

from .record import Clock, Options, Published, Record, Results, data_file, save_small

SUMMARY = "convolutions over words, and NBSVM, ten parts of MR and of Subj"
DATA = "two archives of NLTK"
PUBLISHED = (
    Published("MR, convolutions", 76.1, "CNN-rand, Kim, 2014"),
    Published("MR, NBSVM", 79.4, "Wang & Manning, 2012"),
    Published("Subj, convolutions", 89.6, "CNN-rand, Kim, 2014"),
    Published("Subj, NBSVM", 93.2, "Wang & Manning, 2012"),
)
#: Set ↦ archive, and the files of its two classes.
SETS = {
    "MR": ("sentence_polarity", "rt-polarity.neg", "rt-polarity.pos"),
    "Subj": ("subjectivity", "plot.tok.gt9.5000", "quote.tok.gt9.5000"),
}
METHODS = ("convolutions", "NBSVM")
FOLDS, EPOCHS, BATCH_SIZE, PATIENCE = 10, 4, 50, 2
QUICK_TEXTS = 600


def texts_of(name: str) -> tuple[list[str], list[int]]:
    """The sentences of a set, and the class of each."""
    archive, *files = SETS[name]
    path = data_file(f"nltk-corpora/{archive}.zip", "sentences are")
    texts: list[str] = []
    labels: list[int] = []
    with zipfile.ZipFile(path) as opened:
        for label, file in enumerate(files):
            lines = opened.read(f"{archive}/{file}").decode("latin-1").split("\n")
            texts += [line for line in lines if line.strip()]
            labels += [label] * (len(texts) - len(labels))
    return texts, labels


def of(results: Results, name: str, method: str) -> list[float]:
    """Those of all parts that are known."""
    start = f"{name}, {method}, "
    return [value for key, value in results.found.items() if key.startswith(start)]


def convolutions(
    given: list[str], labels: list[int], told: list[str], seed: int, quick: bool
) -> list[int]:
    """What a network says of texts that has learned from others."""
    cr.manual_seed(seed)
    sizes = {"width": 32, "hidden_size": 16} if quick else {}
    model = models.TextClassifier.of(given, labels, **sizes)
    border = len(given) // 10  # the texts are in an order of chance
    buckets = 1 if quick else 4
    cr.fit(
        model,
        model.examples(given[border:], labels[border:], buckets),
        validation=model.examples(given[:border], labels[:border], buckets),
        optimizer=optim.Adam(lr=0.01 if quick else 0.001),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        callbacks=[callbacks.EarlyStopping("validation_accuracy", PATIENCE)],
        seed=seed,
        progress=False,
    )
    return model.classify(told)


def measure(name: str, options: Options, results: Results, folds: int) -> None:
    """Both methods on the first parts of a set, those that are not known yet."""
    texts, labels = texts_of(name)
    order = np.random.default_rng(options.seed).permutation(len(texts))
    order = order[: QUICK_TEXTS if options.quick else None]
    parts = np.array_split(order, FOLDS)
    for fold in range(folds):
        rest = np.concatenate([part for i, part in enumerate(parts) if i != fold])
        given, told = ([texts[i] for i in rows] for rows in (rest, parts[fold]))
        classes = [labels[i] for i in rest]
        right = np.array([labels[i] for i in parts[fold]])
        for method in METHODS:
            key = f"{name}, {method}, part {fold}"
            if key in results.found:
                continue
            if method == "NBSVM":
                said = NBSVM().fit(given, classes).predict(told)
            else:
                seed = options.seed + fold
                said = convolutions(given, classes, told, seed, options.quick)
            results.keep(key, float(np.mean(np.array(said) == right)))


def draw(results: Results, options: Options) -> str:
    """A point for each part: both methods, and what was published."""
    figure = pictures.new_figure(7, 3.6)
    ax = figure.subplots()
    places: list[str] = []
    published = {each.what: each.value for each in PUBLISHED}
    for name in SETS:
        for method, colour in zip(METHODS, ("#0072B2", "#D55E00"), strict=True):
            values = [100 * value for value in of(results, name, method)]
            if not values:
                continue
            place = len(places)
            places.append(f"{name}\n{method}")
            spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else [0]
            ax.plot(place + np.array(spread), values, "o", color=colour, alpha=0.5)
            ax.plot([place - 0.3, place + 0.3], [np.mean(values)] * 2, color=colour)
            known: Any = published[f"{name}, {method}"]
            ax.plot([place - 0.3, place + 0.3], [known] * 2, "k--", lw=1)
    ax.set_xticks(range(len(places)), places)
    ax.set_ylabel("% right; dashed: published")
    ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    save_small(figure, options.picture("sentences.png"), 80)
    return "sentences.png"


def run(options: Options) -> Record:
    """Measures what is not known yet, and draws all."""
    clock = Clock()
    results = Results(options.checkpoints)
    for name in ("Subj",) if options.quick else SETS:
        measure(name, options, results, 1 if options.quick else FOLDS)
    measured = {
        f"{name}, {method}": 100 * float(np.mean(of(results, name, method)))
        for name in SETS
        for method in METHODS
        if of(results, name, method)
    }
    return Record(
        "sentences",
        SUMMARY,
        measured,
        PUBLISHED,
        options.seed,
        clock.seconds,
        settings={
            "epochs, at most": EPOCHS,
            "batch": BATCH_SIZE,
            "each part": results.found,
        },
        pictures=[draw(results, options)],
    )
