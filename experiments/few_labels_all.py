"""What layers trained without labels are worth, from 100 labels to all 60 000.

``few-labels`` with two more numbers of labels, which take most of its time.

    chainrule experiment few-labels-all [--quick] [--seed 0] [--resume]

Found by others: see ``few-labels``.
"""

from __future__ import annotations

from . import few_labels
from .record import Options, Published, Record

SUMMARY = "784-500-500-10 on MNIST with 100 to 60 000 labels, pre-trained and not"
DATA = "mnist"
PUBLISHED = (
    *few_labels.PUBLISHED,
    Published("10 000 labels", "0.9721, 0.9473", few_labels.RERUN),
    Published("60 000 labels", "0.9867, 0.9826", few_labels.RERUN),
)
TUNING = {**few_labels.TUNING, 10_000: (100, 30), 60_000: (100, 20)}


def run(options: Options) -> Record:
    """The same, with more."""
    return few_labels.run(options, "few-labels-all", SUMMARY, PUBLISHED, TUNING)
