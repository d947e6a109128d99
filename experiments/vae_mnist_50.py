"""Variational autoencoders on MNIST by the bound with fifty samples of the code.

``vae-mnist`` with k = 50, and all 3280 passes over the images.

    chainrule experiment vae-mnist-50 [--quick] [--seed 0] [--resume]

It has not been recorded yet: about a day and a half on one core for each kind of
digits. Source: Burda, Grosse & Salakhutdinov (2016): −84.78 nats a test image for
dynamic digits, −87.10 for static ones.
"""

from __future__ import annotations

from . import vae_mnist
from .record import Options, Record

SUMMARY = "VAE 784-200-200-50 on MNIST by fifty samples, the whole schedule"
DATA = "mnist"
SHARES = {50: 1.0}


def run(options: Options) -> Record:
    """The same, by fifty samples."""
    return vae_mnist.run(options, "vae-mnist-50", SUMMARY, SHARES)
