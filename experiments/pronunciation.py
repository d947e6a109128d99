"""How an English word is pronounced: letters in, phonemes out, on the CMU dictionary.

A bidirectional GRU of three layers reads the letters, a GRU with Bahdanau's attention
writes the phonemes; beam search with five. The protocol is the papers': stress is left
out; words, not entries, are split, so that no word is in two parts; a word is right if
any of its listed pronunciations is written exactly. One word in ten is for testing, one
in fifty for the losses beside those of training; nothing is chosen by either within a
run. (A first recipe, two layers of 384, had the same test words.) Words with other
characters than letters, hyphens and apostrophes are left out (1 in 600). The data
folder has release 0.7a, from NLTK; the papers cut theirs from others. On these words
joint n-grams of letters and phonemes (Phonetisaurus 0.3.0, with its defaults) have
26.4 % wrong, on those of a split that papers use 24.4 %.

    chainrule experiment pronunciation [--quick] [--seed 0] [--resume]

Found by others, word error rates of this protocol, in per cent: 23.55, bidirectional
LSTMs on aligned letters (Yao & Zweig, Sequence-to-sequence neural net models for
grapheme-to-phoneme conversion, 2015, arXiv:1506.00196); 21.3, an LSTM with an n-gram
model (Rao, Peng, Sak & Beaufays, Grapheme-to-phoneme conversion using long short-term
memory recurrent neural networks, ICASSP 2015); 20.24, an ensemble with attention
(Toshniwal & Livescu, Jointly learning to align and convert graphemes to phonemes with
neural attention models, 2016, arXiv:1610.06540).
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, optim, pictures
from chainrule.training import callbacks

from .record import Clock, Options, Published, Record, data_file, save_small

FILE = "nltk-corpora/cmudict.zip"
SUMMARY = "letters to phonemes, GRUs with attention, CMU dictionary without stress"
DATA = "CMU pronouncing dictionary"
PUBLISHED = (
    Published("word error rate", 0.2355, "Yao & Zweig, 2015"),
    Published("with an n-gram model", 0.213, "Rao et al., 2015"),
    Published("attention, an ensemble", 0.2024, "Toshniwal & Livescu, 2016"),
)
HIDDEN, WIDTH, LAYERS, DROPOUT, SMOOTHING = 512, 128, 3, 0.3, 0.1
EPOCHS, BATCH_SIZE, BUCKETS, LR, BEAM, AVERAGE = 15, 128, 5, 1.5e-3, 5, 0.999
TESTED, VALIDATED = 10, 50
#: Words whose attention is drawn.
DRAWN = ("KNOWLEDGE", "PHOTOGRAPH", "THOUGHTFUL", "XYLOPHONE", "SCHEDULE", "COLONEL")

#: A run, whole and quick: words (None for all), units, epochs, beam, longest result.
WHOLE = (None, HIDDEN, EPOCHS, BEAM, None)
QUICK = (600, 32, 2, 2, 10)

#: A word, and all of its pronunciations that count.
Entry = tuple[str, list[tuple[str, ...]]]


@dataclass(frozen=True)
class Parts:
    """What is trained on, what is watched, and what is measured at the end."""

    train: list[tuple[str, str]]
    validation: list[Entry]
    test: list[Entry]


def read(stress: bool) -> Mapping[str, list[tuple[str, ...]]]:
    """The dictionary, without words of unusual characters."""
    path = data_file(FILE, "the dictionary is")
    words = data.read_pronunciations(path, stress=stress)
    return {w: said for w, said in words.items() if re.fullmatch(r"[A-Z'-]+", w)}


def split(entries: Sequence[Entry], seed: int, words: int | None) -> Parts:
    """The parts; only so many ``words`` in all where that is given."""
    order = np.random.default_rng(seed).permutation(len(entries))[:words]
    test, seen = len(order) // TESTED, len(order) // VALIDATED
    chosen = [entries[i] for i in order]
    train = [
        (word, " ".join(said))
        for word, several in chosen[test + seen :]
        for said in several
    ]
    return Parts(train, chosen[test : test + seen], chosen[:test])


def speaker_of(parts: Parts, hidden: int) -> models.Translator:
    """A network without training, with its letters and phonemes."""
    letters = data.Characters.fit([w for w, _ in parts.train], special=["unknown"])
    phonemes = data.Words.fit([said for _, said in parts.train], split="blanks")
    layers = LAYERS if hidden == HIDDEN else 1
    model = models.Seq2Seq(
        len(letters), len(phonemes), hidden, WIDTH, layers, dropout=DROPOUT
    )
    return models.Translator(model, letters, phonemes)


def measure(
    speaker: models.Translator, entries: Sequence[Entry], beam: int, longest: int | None
) -> data.ErrorRates:
    """Error rates of words and of phonemes; the nearest pronunciation counts."""
    words = [word for word, _ in entries]
    found = speaker.translate(words, beam=beam, max_length=longest)
    return data.error_rates(
        [each.split() for each in found], [list(several) for _, several in entries]
    )


def train(
    speaker: models.Translator, parts: Parts, options: Options, epochs: int
) -> Any:
    """The history of a training; the weights are an average of the last steps."""
    watched = sorted(
        ((word, " ".join(several[0])) for word, several in parts.validation),
        key=lambda pair: len(pair[0]),
    )
    steps = epochs * data.num_batches(len(parts.train), BATCH_SIZE)
    model, buckets = speaker.model, 1 if options.quick else BUCKETS
    listeners: list[Any] = [
        callbacks.LearningRateLog(),
        callbacks.WeightAveraging(decay=AVERAGE),
    ]
    if options.checkpoints is not None:
        listeners.append(callbacks.Checkpoint(options.checkpoints, keep=1))
    warmup = min(500, steps // 10)
    return cr.fit(
        models.TeacherForcing(model, SMOOTHING),
        speaker.pairs(parts.train, buckets=buckets, name="pronunciations"),
        validation=speaker.pairs(watched, buckets=1),
        optimizer=optim.Adam(
            model.parameters(),
            optim.Warmup(warmup, optim.Cosine(LR, steps - warmup, LR / 100)),
            transforms=[optim.ClipNorm(2.0)],
        ),
        epochs=epochs,
        batch_size=BATCH_SIZE,
        callbacks=listeners,
        precision="bfloat16",
        seed=options.seed,
        resume=None if options.checkpoints is None else "auto",
    )


def draw(speaker: models.Translator, path: Path) -> None:
    """What was looked at while some words were said."""
    maps = [speaker.attention(word) for word in DRAWN]
    with pictures.windowless():
        figure = pictures.attention_maps(*zip(*maps, strict=True))
    save_small(figure, path)


def run(
    options: Options,
    name: str = "pronunciation",
    summary: str = SUMMARY,
    published: Sequence[Published] = PUBLISHED,
    stress: bool = False,
) -> Record:
    """The whole training, and the errors of words that were never seen.

    With stress, entries are split and only the own pronunciation counts.
    """
    clock = Clock()
    if options.quick:  # so small a network is trained before it would be compiled
        cr.config.engine = "numpy"
    cr.manual_seed(options.seed)
    words = read(stress)
    entries: list[Entry] = list(words.items())
    if stress:
        entries = [(word, [said]) for word, several in entries for said in several]
    count, hidden, epochs, beam, longest = QUICK if options.quick else WHOLE
    parts = split(entries, options.seed, count)
    speaker = speaker_of(parts, hidden)
    history = train(speaker, parts, options, epochs)
    best, greedy = (measure(speaker, parts.test, n, longest) for n in (beam, 1))
    watched = measure(speaker, parts.validation, beam, longest)
    draw(speaker, options.picture(f"{name}-attention.png"))
    history.plot(options.picture(f"{name}-training.png"))
    return Record(
        name,
        summary,
        measured={
            "word error rate": best.sequences,
            "phoneme error rate": best.tokens,
            "greedy, word error rate": greedy.sequences,
            "validation, word error rate": watched.sequences,
            "greedy, phoneme error rate": greedy.tokens,
        },
        published=published,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=len(history.epochs),
        seconds_per_epoch=statistics.median(r["seconds"] for r in history.epochs),
        settings={
            **history.settings,
            "parameters": speaker.model.num_parameters,
            "words": len(words),
            "trained on": len(parts.train),
            "tested on": len(parts.test),
            "beam": beam,
        },
        history=history.epochs,
        pictures=[f"{name}-attention.png", f"{name}-training.png"],
    )
