"""Variational autoencoders on MNIST, for as long as the published ones.

``vae-mnist`` with all 3280 passes over the images in place of a third and a sixth.

    chainrule experiment vae-mnist-long [--quick] [--seed 0] [--resume]

It has not been recorded yet: 2.4 hours on one core for each of the two with k = 1, and
5.4 for each with k = 5. Source: Burda, Grosse & Salakhutdinov (2016): −86.76 and −85.54
nats a test image for dynamic digits, −88.71 and −87.63 for static ones.
"""

from __future__ import annotations

from . import vae_mnist
from .record import Options, Record

SUMMARY = "VAE 784-200-200-50 on MNIST by one and five samples, the whole schedule"
DATA = "mnist"
SHARES = {1: 1.0, 5: 1.0}


def run(options: Options) -> Record:
    """The same, for longer."""
    return vae_mnist.run(options, "vae-mnist-long", SUMMARY, SHARES)
