"""``hessian-free`` on all 60 000 images, for as long as it was trained in 2010.

An iteration takes some minutes on two cores, all of them a few hours; ``--resume`` goes
on where it was stopped. Not run to its end here.

    chainrule experiment hessian-free-all [--quick] [--seed 0] [--resume]
"""

from __future__ import annotations

from . import hessian_free
from .record import Options, Record

SUMMARY = "autoencoder 784-1000-500-250-30 on all of MNIST, Hessian-free"
DATA = "mnist"
IMAGES, ITERATIONS, SHARE = 60_000, 150, 0.125


def run(options: Options) -> Record:
    """Trains on all training images, and measures on them and on all others."""
    return hessian_free.run(
        options, "hessian-free-all", SUMMARY, IMAGES, ITERATIONS, SHARE
    )
