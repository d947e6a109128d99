"""A deep Boltzmann machine on MNIST, for as long as the published one needs.

``dbm`` with 50 epochs of each restricted machine in place of 25, 200 of the deep one in
place of 60, and 40 of the network in place of 15.

    chainrule experiment dbm-long [--quick] [--seed 0] [--resume]

It has not been recorded yet. Source: Salakhutdinov & Hinton (2009): a bound of −84.62
nats a test image, 0.95 % wrong. Goal: −87 or more, and at most 1.1 % wrong.
"""

from __future__ import annotations

from . import dbm
from .record import Options, Record

SUMMARY = "deep Boltzmann machine 784-500-1000 on MNIST, nats a test image, longer"
DATA = "mnist"
EPOCHS = (50, 200, 40, 50)


def run(options: Options) -> Record:
    """The same, for longer."""
    return dbm.run(options, "dbm-long", SUMMARY, EPOCHS)
