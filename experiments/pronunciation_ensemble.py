"""How an English word is pronounced: three networks that write together.

The words, the parts and the network of ``pronunciation``, trained from three seeds;
what they write together has the mean of their probabilities
(``models.Seq2SeqEnsemble``). The errors of each by itself stand beside it. Three
trainings take one to three hours; each goes on from its own checkpoints.

    chainrule experiment pronunciation-ensemble [--quick] [--seed 0] [--resume]

Found by others: 20.24 % of words wrong with an ensemble of five, 21.69 % with a single
one of them, on another split (Toshniwal & Livescu, 2016, arXiv:1610.06540).

Two of the three on record were trained at the same time, a core each, beside other
work; the last on two threads, in 19 minutes.
"""

from __future__ import annotations

import statistics
from dataclasses import replace

import chainrule as cr
from chainrule import models

from . import pronunciation
from .record import Clock, Options, Record, Results, seconds_of_epoch

SUMMARY = "letters to phonemes by three networks together, CMU dictionary"
DATA = "CMU pronouncing dictionary"
PUBLISHED = pronunciation.PUBLISHED
MEMBERS, QUICK_MEMBERS = 3, 2


def run(options: Options, name: str = "pronunciation-ensemble") -> Record:
    """Trains each, and measures each and all of them."""
    clock, quick = Clock(), options.quick
    if quick:  # so small a network is trained before it would be compiled
        cr.config.engine = "numpy"
    entries = list(pronunciation.read(stress=False).items())
    size = pronunciation.QUICK if quick else pronunciation.WHOLE
    count, hidden, epochs, beam, longest = size
    parts = pronunciation.split(entries, options.seed, count)
    results, speakers, histories = Results(options.checkpoints), [], []
    for number in range(QUICK_MEMBERS if quick else MEMBERS):
        seed = options.seed + number
        cr.manual_seed(seed)
        speaker = pronunciation.speaker_of(parts, hidden)
        own = replace(options.part(f"seed-{seed}"), seed=seed)
        histories.append(pronunciation.train(speaker, parts, own, epochs))
        speakers.append(speaker)
        key = f"word error rate, seed {seed}"
        if key not in results.found:
            found = pronunciation.measure(speaker, parts.test, beam, longest)
            results.keep(key, found.sequences)
    first = speakers[0]
    together = models.Translator(
        models.Seq2SeqEnsemble([each.model for each in speakers]),
        first.source, first.target,
    )  # fmt: skip
    best = pronunciation.measure(together, parts.test, beam, longest)
    watched = pronunciation.measure(together, parts.validation, beam, longest)
    picture = f"{name}-attention.png"
    pronunciation.draw(together, options.picture(picture))
    rows = [row for each in histories for row in each.epochs]
    return Record(
        name,
        SUMMARY,
        measured={
            "word error rate": best.sequences,
            "phoneme error rate": best.tokens,
            "validation, word error rate": watched.sequences,
            "word error rate, mean of each": statistics.mean(results.found.values()),
            **results.found,
        },
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=len(histories[0].epochs),
        seconds_per_epoch=seconds_of_epoch(rows),
        settings={
            **histories[0].settings,
            "parameters": together.model.num_parameters,
            "trained on": len(parts.train),
            "tested on": len(parts.test),
            "beam": beam,
        },
        history=rows,
        pictures=[picture],
    )
