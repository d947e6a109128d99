"""Word vectors of the Brown corpus, beside gensim's.

``models.WordVectors``: skip-gram with negative sampling, 100 numbers a word, windows of
5 words to either side, 5 negative words, words that occur 5 times, 5 epochs; the same
sentences, in small letters, and the same settings for gensim where that is installed
(``pip install gensim``), which is not deterministic with two threads. Seeds are 0 to 4
from ``--seed`` on; both libraries take turns, each with as many threads as
``CHAINRULE_THREADS`` says, and a second is one of the whole, from sentences to vectors;
the processor's seconds stand beside, as other work may go on.

    chainrule experiment word-vectors [--quick] [--seed 0]

Likeness is measured by WordSim-353 and SimLex-999 as Spearman's ρ over the pairs that
are known, analogies by word2vec's questions-words.txt among those known. Published
numbers are of texts a thousand times as long: WordSim 0.6 to 0.7, analogies 74 %
(Mikolov et al., 2013, vectors of Google News). Goal: ρ within 0.03 of gensim's, and at
least as many words a second.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from typing import Any

import chainrule as cr
from chainrule import data, models, pictures

from .record import Clock, Options, Published, Record, save_small

SUMMARY = "word vectors of Brown by skip-gram, beside gensim's"
DATA = "Brown corpus, three lists"
PUBLISHED = (
    Published("Google News, analogies", 0.74, "Mikolov et al., 2013"),
    Published("large corpora, WordSim-353, ρ", "0.6 to 0.7", "as quoted"),
)
SIZE, WINDOW, NEGATIVES, MIN_COUNT, EPOCHS, SEEDS = 100, 5, 5, 5, 5, 5
SHOWN, LETTERS = 250, 4
#: Of a quick run: sentences, numbers a word, epochs.
FEW, SMALL, SHORT = 12_000, 30, 3

TESTS = {"WordSim-353": "wordsim353.tsv", "SimLex-999": "simlex999.txt"}


def run(options: Options) -> Record:
    """Vectors of five seeds by each library, what they are worth, and a map."""
    clock = Clock()
    measured: dict[str, float] = {}
    settings: dict[str, Any] = {}
    sentences = data.brown_sentences()
    seeds = range(options.seed, options.seed + SEEDS)
    if options.quick:
        sentences, seeds = sentences[:FEW], seeds[:1]
    libraries = {"chainrule": learned}
    if gensim_is_there():
        libraries["gensim"] = by_gensim
    rows: list[dict[str, Any]] = []
    first = None
    for seed in seeds:
        for name, learn in libraries.items():
            watch, processor = Clock(), time.process_time()
            vectors = learn(sentences, seed, options.quick)
            times = {
                "seconds": watch.seconds,
                "processor seconds": time.process_time() - processor,
            }
            first = first or vectors
            rows.append({"library": name, "seed": seed, **times})
            rows[-1] |= worth(vectors, settings)
    words = sum(map(len, sentences)) * (SHORT if options.quick else EPOCHS)
    for name in libraries:
        own = [row for row in rows if row["library"] == name]
        for figure in (*TESTS, "analogies"):
            values = [row[figure] for row in own]
            measured[f"{figure}, {name}"] = statistics.mean(values)
            if len(values) > 1:
                error = statistics.stdev(values) / len(values) ** 0.5
                settings[f"{figure}, {name}, ± standard error"] = error
        for kind in ("seconds", "processor seconds"):
            taken = statistics.median(row[kind] for row in own)
            figure = f"thousand words in a {kind[:-1]}, {name}"
            measured[figure] = words / taken / 1000
    assert first is not None
    return Record(
        "word-vectors",
        SUMMARY,
        measured,
        PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=SHORT if options.quick else EPOCHS,
        settings={**settings, "threads": cr.config.threads, "words": len(first)},
        history=rows,
        pictures=[draw(first, options)],
    )


def gensim_is_there() -> bool:
    """Whether there is something to compare with."""
    return importlib.util.find_spec("gensim") is not None


def learned(sentences: Any, seed: int, quick: bool) -> models.WordVectors:
    """By this library."""
    return models.WordVectors.fit(
        sentences,
        size=SMALL if quick else SIZE,
        window=WINDOW,
        negatives=NEGATIVES,
        min_count=MIN_COUNT,
        epochs=SHORT if quick else EPOCHS,
        seed=seed,
    )


def by_gensim(sentences: Any, seed: int, quick: bool) -> models.WordVectors:
    """By gensim, with the same settings."""
    from gensim.models import Word2Vec

    model = Word2Vec(
        sentences,
        vector_size=SMALL if quick else SIZE,
        window=WINDOW,
        negative=NEGATIVES,
        min_count=MIN_COUNT,
        epochs=SHORT if quick else EPOCHS,
        sg=1,
        seed=seed + 1,
        workers=cr.config.threads,
    )
    return models.WordVectors(model.wv.index_to_key, model.wv.vectors)


def worth(vectors: models.WordVectors, settings: dict[str, Any]) -> dict[str, float]:
    """ρ of both tests and the share of analogies solved; and, into the settings, how
    many pairs and analogies are known.
    """
    folder = cr.config.data_folder
    if folder is None:
        raise cr.errors.FileError(
            "word-vectors: the tests of likeness are files of a data folder",
            fix="export CHAINRULE_DATA=…, with wordsim/wordsim353.tsv in it",
        )
    found: dict[str, float] = {}
    for name, file in TESTS.items():
        agreement = vectors.agreement(folder / "wordsim" / file)
        found[name] = agreement.rho
        settings[f"{name}, pairs known"] = f"{agreement.known} of {agreement.pairs}"
    solved = vectors.solve(folder / "wordsim" / "questions-words.txt")
    found["analogies"] = solved.accuracy
    settings["analogies known"] = f"{solved.known} of {solved.analogies}"
    return found


def draw(vectors: models.WordVectors, options: Options) -> str:
    """The commonest words of four letters and more, in two dimensions."""
    long = [word for word in vectors if word.isalpha() and len(word) >= LETTERS]
    with pictures.windowless():
        ax = vectors.plot(long[:SHOWN], "pca" if options.quick else "tsne")
        save_small(ax.figure, options.picture("word-vectors.png"), dpi=100)
    return "word-vectors.png"
