"""What the experiments with Boltzmann machines share: digits of black and white, and
the log-likelihood on the way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, pictures
from chainrule.graph import Array
from chainrule.training import callbacks

from .record import Options, save_small

#: Of the quick runs: images for training and for testing.
QUICK_TRAIN, QUICK_TEST = 2000, 200
BATCH_SIZE = 100

#: How many filters and dreams are drawn, and the steps of the chains.
SHOWN, DREAM_STEPS = 60, 1000


def digits(options: Options) -> tuple[data.Split, Array]:
    """MNIST with its grey values, which are drawn anew in every step of training; and
    the test images as black and white, drawn once from the seed.
    """
    split = data.load("mnist", flatten=True)
    if options.quick:
        split = data.Split(
            split.train.subset(slice(QUICK_TRAIN)),
            split.test.subset(slice(QUICK_TEST)),
        )
    return split, binarized(np.asarray(split.test.inputs), options.seed)


def binarized(grey: Array, seed: int) -> Array:
    """1 with the probability of each grey value, else 0."""
    drawn = np.random.default_rng(seed).random(grey.shape) < grey
    return drawn.astype(np.float32)


class LikelihoodLog(callbacks.Callback):
    """The log-likelihood of some rows after every so many epochs, as a column.

    Arguments:
        machine: an RBM or a deep machine.
        rows: of training data; the test set is looked at once, at the end.
        every: epochs.
        temperatures: of annealed importance sampling, few.
    """

    columns = ("log_likelihood",)
    only_observes = True

    def __init__(
        self, machine: Any, rows: Array, every: int, temperatures: int
    ) -> None:
        self.machine, self.rows = machine, rows
        self.every, self.temperatures = every, temperatures

    def on_epoch_end(self, run: Any) -> None:
        """Adds the column, where it is time."""
        if run.epoch % self.every:
            return
        found = models.log_likelihood(
            self.machine, self.rows, temperatures=self.temperatures
        )
        run.row["log_likelihood"] = found.mean


def dreams(machine: Any, start: Array, steps: int, seed: int) -> Array:
    """Chains that start at these images, after so many steps: the probabilities of
    their pixels, (n, 28, 28).
    """
    source = cr.random.Generator(seed)
    found = machine.sample(len(start), steps, start=start, means=True, generator=source)
    return np.asarray(found.numpy()).reshape(-1, 28, 28)


def draw(
    machine: Any, weight: Any, test: Array, options: Options, name: str
) -> list[str]:
    """The first filters, and digits that chains dream from test images on; the names of
    the files.

    Arguments:
        weight: of the first layer, (units, 784).
    """
    steps = 20 if options.quick else DREAM_STEPS
    filters = np.asarray(weight.numpy())[:SHOWN].reshape(-1, 28, 28)
    dreamt = dreams(machine, test[:SHOWN], steps, options.seed)
    with pictures.windowless():
        drawn = {
            f"{name}-filters.png": pictures.image_grid(
                filters, values="signed", columns=10
            ),
            f"{name}-samples.png": pictures.image_grid(dreamt, columns=10),
        }
        for file, figure in drawn.items():
            save_small(figure, options.picture(file))
    return list(drawn)
