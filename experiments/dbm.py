"""A deep Boltzmann machine on MNIST: a bound on its nats, and how well it classifies.

A machine of 784 visible units and hidden layers of 500 and 1000 is trained before as
two restricted ones, then as a whole with mean field and persistent chains; log Z is
estimated by annealed importance sampling, given with ± 3σ. It becomes a network, which
sees the data beside what mean field makes of it, and is tuned to classify. Mixtures of
Bernoulli distributions are fitted beside it, on the same digits, by EM: a mixture is a
restricted machine whose hidden layer is one softmax unit, so its nats are exact.

    chainrule experiment dbm [--quick] [--seed 0] [--resume]

25 epochs of each restricted machine, 60 of the deep one and 15 of the network, which is
half an hour; ``dbm-long`` and ``dbm-full`` go on for longer.

Digits are black and white, as in the experiment ``rbm``: drawn anew from the grey
values in every step of training (for the mixtures once), and once from the seed for
testing. The network is tuned on grey values. The test set is looked at once, at the
end.

Published: Salakhutdinov & Hinton, Deep Boltzmann machines (2009): a bound of −84.62
nats a test image, 0.95 % wrong; mixtures of 10, 100 and 500 parts −168.95, −142.63 and
−137.64. Goal: a bound of −87 or more, and at most 1.1 % wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, nn, optim
from chainrule.graph import Array

from . import boltzmann
from .record import (
    Clock,
    Options,
    Published,
    Record,
    fit,
    seconds_of_epoch,
)

SUMMARY = "deep Boltzmann machine 784-500-1000 on MNIST, nats a test image"
DATA = "mnist"
PUBLISHED = (
    Published("bound", -84.62, "Salakhutdinov & Hinton, 2009"),
    Published("test error", 0.0095, "Salakhutdinov & Hinton, 2009"),
    Published("mixture of 10", -168.95, "Salakhutdinov & Hinton, 2009"),
    Published("mixture of 100", -142.63, "Salakhutdinov & Hinton, 2009"),
    Published("mixture of 500", -137.64, "Salakhutdinov & Hinton, 2009"),
)
SIZES, PARTS = (784, 500, 1000), (10, 100, 500)
QUICK_SIZES, QUICK_PARTS = (784, 40, 40), (2, 10)

#: Epochs of each restricted machine, of the deep one, of the network; rounds of EM.
EPOCHS, QUICK_EPOCHS = (25, 60, 15, 20), (10, 10, 30, 10)
RATES, QUICK_RATES = (0.05, 0.01, 1e-3), (0.2, 0.05, 3e-3)
#: The shares of a network's inputs, and of its units, that are dropped.
NO_DROPOUT = (0.0, 0.0)
EVERY, FEW, CHAINS, TEMPERATURES = 20, 1000, 100, 20_000


def learn(
    train: data.Dataset,
    options: Options,
    sizes: tuple[int, ...],
    epochs: tuple[int, ...],
    rates: tuple[float, ...],
) -> tuple[models.DBM, Any]:
    """A machine, trained layer by layer and then as a whole; its history."""
    cr.manual_seed(options.seed)
    dbm, batch = models.DBM(sizes), boltzmann.BATCH_SIZE
    images = np.asarray(train.inputs, np.float32)
    updates = data.num_batches(len(images), batch)
    dbm.pretrain(
        images,
        epochs=epochs[0],
        batch_size=batch,
        optimizer=optim.SGD(lr=optim.Cosine(rates[0], epochs[0] * updates)),
        seed=options.seed,
        checkpoints=options.part("layers").checkpoints,
    )
    rows = boltzmann.binarized(images[:1000], options.seed + 1)
    history = fit(
        models.ContrastiveDivergence(dbm, persistent=True, binarize=True),
        images,
        options.part("machine"),
        optimizer=optim.SGD(lr=optim.Cosine(rates[1], epochs[1] * updates)),
        epochs=epochs[1],
        batch_size=batch,
        callbacks=[boltzmann.LikelihoodLog(dbm, rows, EVERY, FEW)],
    )
    return dbm, history


def with_dropout(network: nn.Sequential, shares: tuple[float, float]) -> nn.Sequential:
    """The network with dropout of its inputs and behind each sigmoid, where any is."""
    if not any(shares):
        return network
    layers: list[nn.Module] = [nn.Dropout(shares[0])]
    for layer in network:
        layers.append(layer)
        if isinstance(layer, nn.Sigmoid):
            layers.append(nn.Dropout(shares[1]))
    return nn.Sequential(*layers)


def classify(
    dbm: models.DBM,
    split: data.Split,
    options: Options,
    epochs: int,
    rate: float,
    dropout: tuple[float, float],
) -> tuple[float, Any]:
    """The share of test images that the tuned network has wrong, and its history."""
    network = with_dropout(dbm.to_sequential(10), dropout)
    parts = [
        (dbm.augmented(np.asarray(part.inputs, np.float32)), np.asarray(part.targets))
        for part in (split.train, split.test)
    ]
    updates = epochs * data.num_batches(len(parts[0][0]), boltzmann.BATCH_SIZE)
    history = fit(
        network,
        parts[0],
        options.part("network"),
        optimizer=optim.Adam(lr=optim.Cosine(rate, updates)),
        epochs=epochs,
        batch_size=boltzmann.BATCH_SIZE,
    )
    return 1 - cr.evaluate(network, parts[1])["accuracy"], history


def mixture(x: Array, parts: int, rounds: int, seed: int) -> models.RBM:
    """Σₖ πₖ Πᵢ Bernoulli(xᵢ; qₖᵢ), fitted by EM, as a machine with a softmax unit:
    W = logit q, c = log π + Σ log(1 − q), b = 0. Each part counts two pixels more than
    there are, one of each colour, so that no probability is 0.
    """
    rbm = models.RBM(x.shape[1], models.Softmax(parts))
    responsible = cr.compile(lambda v: rbm.hidden_given(v))
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(parts), len(x)).astype(np.float32)
    blocks = np.array_split(np.arange(len(x)), max(1, len(x) // 1000))
    for number in range(rounds):
        if number:
            found = [responsible(x[rows]).numpy() for rows in blocks]
            shares = np.concatenate(found)
        counts = shares.sum(axis=0, dtype=float)
        q = (shares.T @ x + 1) / (counts[:, None] + 2)
        rbm.weight.assign((np.log(q) - np.log1p(-q)).astype(np.float32))
        pi = np.log((counts + 1) / (len(x) + parts))
        rbm.hidden_bias.assign((pi + np.log1p(-q).sum(axis=1)).astype(np.float32))
    return rbm


def run(
    options: Options,
    name: str = "dbm",
    summary: str = SUMMARY,
    epochs: tuple[int, int, int, int] = EPOCHS,
    dropout: tuple[float, float] = NO_DROPOUT,
) -> Record:
    """The machine, the network made of it, and the mixtures."""
    clock = Clock()
    split, test = boltzmann.digits(options)
    train = split.train
    quick = options.quick
    epochs = QUICK_EPOCHS if quick else epochs
    temperatures = 300 if quick else TEMPERATURES
    sizes, rates = (QUICK_SIZES, QUICK_RATES) if quick else (SIZES, RATES)
    dropout = NO_DROPOUT if quick else dropout  # forty units need each other
    dbm, history = learn(train, options, sizes, epochs, rates)
    found = models.log_likelihood(
        dbm, test, chains=CHAINS, temperatures=temperatures, seed=options.seed
    )
    error, tuned = classify(dbm, split, options, epochs[2], rates[2], dropout)
    measured = {"bound": found.mean, "test error": error}
    black = boltzmann.binarized(np.asarray(train.inputs), options.seed + 2)
    for parts in QUICK_PARTS if quick else PARTS:
        machine = mixture(black, parts, epochs[3], options.seed)
        exact = models.exact_log_partition(machine)
        nats = models.log_likelihood(machine, test, log_partition=exact)
        measured[f"mixture of {parts}"] = nats.mean
    return Record(
        name,
        summary,
        measured,
        PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=epochs[1],
        seconds_per_epoch=seconds_of_epoch(history.epochs),
        settings={
            "binarisation": "sampled from the grey values",
            "bound, ± 3σ": f"{found}",
            "log Z": f"{found.log_partition}",
            "temperatures": temperatures,
            "chains": CHAINS,
            "epochs of each restricted machine": epochs[0],
            "epochs of the network": epochs[2],
            "dropout of its inputs, of its layers": dropout,
            "rates": rates,
        },
        history=[
            *({"of": "machine", **row} for row in history.epochs),
            *({"of": "network", **row} for row in tuned.epochs),
        ],
        pictures=boltzmann.draw(dbm, dbm.weights[0], test, options, name),
    )
