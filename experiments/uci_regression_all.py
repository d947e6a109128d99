"""Regression on the larger tables of the UCI repository: kin8nm, naval, power and
protein (100 hidden units and five splits), beside those of ``uci-regression``.

    chainrule experiment uci-regression-all [--quick] [--seed 0] [--resume]
"""

from __future__ import annotations

from . import uci_regression
from .record import Options, Record

SUMMARY = "one hidden layer on nine UCI tables, the larger ones too"
DATA = "nine tables of UCI"
PUBLISHED_SETS = ("kin8nm", "naval", "power", "protein")


def run(options: Options) -> Record:
    """Measures what is not known yet, and draws all."""
    sets = (*uci_regression.SETS, *PUBLISHED_SETS)
    return uci_regression.run(options, "uci-regression-all", SUMMARY, sets)
