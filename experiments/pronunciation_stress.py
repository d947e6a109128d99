"""How an English word is pronounced, with stress, and entries split at random.

As ``pronunciation``, but vowels keep their stress, entries are split and not words, so
that a word with two pronunciations may be in two parts, and only the entry's own one is
right. It is the harder task, and the one that a first try at the data is.

    chainrule experiment pronunciation-stress [--quick] [--seed 0] [--resume]

Found by others on a random split: 40.5 % of words are wrong with an 8-gram model of
joint letters and phonemes (Phonetisaurus), 33.3 % without stress.
"""

from __future__ import annotations

from . import pronunciation
from .record import Options, Published, Record

SUMMARY = "letters to phonemes with stress, GRUs with attention, entries split"
DATA = "CMU pronouncing dictionary"
PUBLISHED = (Published("word error rate", 0.405, "Phonetisaurus, 8-grams"),)


def run(options: Options) -> Record:
    """The same, with stress."""
    return pronunciation.run(
        options, "pronunciation-stress", SUMMARY, PUBLISHED, stress=True
    )
