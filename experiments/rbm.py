"""Restricted Boltzmann machines on MNIST: nats by CD-1, CD-3 and persistent CD.

A machine of 784 visible and 500 hidden binary units learns the digits by three
estimates of the same gradient; how likely it finds new digits is measured by annealed
importance sampling with 100 chains and 14 500 temperatures, and is given with its
interval of ± 3σ.

    chainrule experiment rbm [--quick] [--seed 0] [--resume]

Digits are black and white: a pixel is 1 with the probability of its grey value. In
training it is drawn anew in every step; of the test images once, from the seed. (Other
ways, as a threshold, make other numbers.) Batches of 100, gradient descent without
momentum or weight decay, at a rate that falls from 0.05 to 0 along half a cosine: 150
epochs of persistent CD, 60 of each of the others. Visible biases start at the log-odds
of the means of the pixels. The test set is looked at once, at the end.

Found with seed 0 in 18 minutes on one thread: −85.44 nats by persistent CD, −156.3 by
CD-1 and −122.2 by CD-3. Pictures show why: most chains of the last two end on an empty
page, which no short chain from a digit ever visits, so nothing has made it unlikely.

Published: Salakhutdinov & Murray, On the quantitative analysis of deep belief networks
(2008): 500 hidden units, −125.5 nats by CD-1, −105.5 by CD-3 and −86.34 by CD-25.
Persistent CD: Tieleman (2008). Goal: −86.3 or more by persistent CD.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, optim

from . import boltzmann
from .record import (
    Clock,
    Options,
    Published,
    Record,
    fit,
    seconds_of_epoch,
)

SUMMARY = "RBM of 784 and 500 units on MNIST, nats a test image"
DATA = "mnist"
PUBLISHED = (
    Published("CD-1", -125.5, "Salakhutdinov & Murray, 2008"),
    Published("CD-3", -105.5, "Salakhutdinov & Murray, 2008"),
    Published("CD-25", -86.34, "Salakhutdinov & Murray, 2008"),
)
HIDDEN, RATE = 500, 0.05
EVERY, FEW, CHAINS, TEMPERATURES = 25, 1000, 100, 14_500

#: What is compared: steps of Gibbs sampling, whether chains persist, and epochs.
METHODS = {
    "persistent CD": (1, True, 150),
    "CD-1": (1, False, 60),
    "CD-3": (3, False, 60),
}


def learn(
    method: str, train: data.Dataset, options: Options, epochs: int, hidden: int
) -> tuple[models.RBM, Any]:
    """A machine that has learned by one of the methods, and the history."""
    steps, persistent, _ = METHODS[method]
    cr.manual_seed(options.seed)
    rbm = models.RBM(784, hidden)
    images = np.asarray(train.inputs, np.float32)
    rbm.fit_visible_bias(images)
    learning = models.ContrastiveDivergence(rbm, steps, persistent, binarize=True)
    updates = epochs * data.num_batches(len(images), boltzmann.BATCH_SIZE)
    rows = boltzmann.binarized(images[:1000], options.seed + 1)
    history = fit(
        learning,
        images,
        options.part(method.replace(" ", "-")),
        optimizer=optim.SGD(lr=optim.Cosine(RATE, updates)),
        epochs=epochs,
        batch_size=boltzmann.BATCH_SIZE,
        callbacks=[boltzmann.LikelihoodLog(rbm, rows, EVERY, FEW)],
    )
    return rbm, history


def run(options: Options) -> Record:
    """Three machines, their log-likelihoods, and what they have learned."""
    clock = Clock()
    split, test = boltzmann.digits(options)
    hidden = 50 if options.quick else HIDDEN
    temperatures = 300 if options.quick else TEMPERATURES
    measured: dict[str, float] = {}
    settings: dict[str, Any] = {"binarisation": "sampled from the grey values"}
    rows, names = [], []
    for method, (_, _, usual) in METHODS.items():
        epochs = 20 if options.quick else usual
        rbm, history = learn(method, split.train, options, epochs, hidden)
        found = models.log_likelihood(
            rbm, test, chains=CHAINS, temperatures=temperatures, seed=options.seed
        )
        measured[method] = found.mean
        settings[f"{method}, ± 3σ"] = f"{found}"
        settings[f"{method}, epochs"] = epochs
        settings[f"{method}, log Z"] = f"{found.log_partition}"
        rows += [{"method": method, **row} for row in history.epochs]
        name = f"rbm-{method.replace(' ', '-').lower()}"
        names += boltzmann.draw(rbm, rbm.weight, test, options, name)
    return Record(
        "rbm",
        SUMMARY,
        measured,
        PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=len(rows),
        seconds_per_epoch=seconds_of_epoch(rows),
        settings={**settings, "temperatures": temperatures, "chains": CHAINS},
        history=rows,
        pictures=names,
    )
