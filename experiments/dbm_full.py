"""A deep Boltzmann machine on MNIST, for as long as the published one was trained.

``dbm-long`` with 100 epochs of each restricted machine in place of 50, and 500 of the
deep one in place of 200: about three and a half hours on one thread.

    chainrule experiment dbm-full [--quick] [--seed 0] [--resume]

It has not been recorded. Source: Salakhutdinov & Hinton (2009): a bound of −84.62 nats
a test image, 0.95 % wrong. Goal: −87 or more, and at most 1.1 % wrong.
"""

from __future__ import annotations

from . import dbm, dbm_long
from .record import Options, Record

SUMMARY = "deep Boltzmann machine 784-500-1000 on MNIST, nats a test image, longest"
DATA = "mnist"
EPOCHS = (100, 500, 120, 50)


def run(options: Options) -> Record:
    """The same, for longest."""
    return dbm.run(options, "dbm-full", SUMMARY, EPOCHS, dbm_long.DROPOUT)
