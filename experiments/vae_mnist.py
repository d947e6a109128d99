"""Variational autoencoders on MNIST: nats by one and by five samples of the code.

The network of Burda, Grosse & Salakhutdinov (2016), 784-200-200-50 and its mirror with
tanh and a Bernoulli likelihood, trained by the evidence lower bound (k = 1) and by the
importance-weighted one (k = 5); log p(x) of the 10 000 test images is estimated with
5000 samples of each, L₅₀₀₀.

    chainrule experiment vae-mnist [--quick] [--seed 0] [--resume]

As in the paper: all 60 000 images, batches of 20, Adam with β₁ = 0.9, β₂ = 0.999 and
ε = 10⁻⁴, the decoder's last bias from the log-odds of the means of the pixels, and the
rate 0.001 · 10^(−i/7) for i = 0 … 7. There each rate has 3ⁱ passes over the images,
3280 together; here a third of them for k = 1 and a sixth for k = 5, 1094 and 548, which
takes most of an hour on one core each: 2.3 and 5.7 seconds a pass on Zen 4, 11 on Zen 3
with k = 5, and four minutes or more for L₅₀₀₀. ``vae-mnist-long`` has all of them,
``vae-mnist-50`` k = 50.

Digits are black and white, in two ways. Dynamic: a pixel is 1 with the probability of
its grey value, drawn anew in every step; of test images once, from the seed. Static:
all images are drawn once, from the seed. (The static digits of the paper are another
such draw, by Larochelle & Murray.) The test set is looked at once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, optim, pictures
from chainrule.graph import Array

from . import boltzmann
from .record import (
    Clock,
    Options,
    Published,
    Record,
    Results,
    fit,
    save_small,
    seconds_of_epoch,
)

SUMMARY = "VAE 784-200-200-50 on MNIST by one and five samples, nats a test image"
DATA = "mnist"
SOURCE = "Burda et al., 2016"
PUBLISHED = {
    ("dynamic", 1): -86.76, ("dynamic", 5): -85.54, ("dynamic", 50): -84.78,
    ("static", 1): -88.71, ("static", 5): -87.63, ("static", 50): -87.10,
}  # fmt: skip
HIDDEN, LATENT, BATCH_SIZE, SAMPLES = (200, 200), 50, 20, 5000
RATE, PIECES = 0.001, 8

#: k ↦ the share of the paper's passes.
SHARES: Mapping[int, float] = {1: 1 / 3, 5: 1 / 6}

#: Every so many rows of the history are kept; a code's number is in use beyond so much
#: variance of its mean over images.
EVERY, ACTIVE = 20, 0.01


@dataclass(frozen=True)
class Size:
    """What a run is made of."""

    images: int
    tested: int
    hidden: tuple[int, ...]
    latent: int
    samples: int
    passes: tuple[int, ...] | None


WHOLE = Size(60_000, 10_000, HIDDEN, LATENT, SAMPLES, None)
QUICK = Size(2000, 100, (60, 60), 10, 100, (1, 1, 2, 4, 8))


def passes_of(share: float) -> tuple[int, ...]:
    """Passes at each rate: a share of 3ⁱ, one at least."""
    return tuple(max(1, round(share * 3**i)) for i in range(PIECES))


def schedule(passes: Sequence[int], steps: int) -> optim.Piecewise:
    """The rates of Burda et al., for so many steps a pass."""
    ends = np.cumsum(passes)[:-1] * steps
    rates = [RATE * 10 ** (-i / (PIECES - 1)) for i in range(len(passes))]
    return optim.Piecewise(ends.tolist(), rates)


def learn(
    way: str, k: int, images: Array, size: Size, share: float, options: Options
) -> tuple[models.VAE, Any]:
    """A model that has learned, and the history.

    Arguments:
        way: "dynamic" or "static".
        images: grey values.
    """
    dynamic = way == "dynamic"
    x = images if dynamic else boltzmann.binarized(images, options.seed + 1)
    cr.manual_seed(options.seed)
    vae = models.VAE(784, size.hidden, size.latent, samples=k, binarize=dynamic)
    vae.fit_output_bias(x)
    passes = size.passes or passes_of(share)
    steps = data.num_batches(len(x), BATCH_SIZE)
    history = fit(
        vae,
        x,
        options.part(f"{way}-{k}"),
        optimizer=optim.Adam(lr=schedule(passes, steps), eps=1e-4),
        epochs=sum(passes),
        batch_size=BATCH_SIZE,
    )
    return vae, history


def active_units(vae: models.VAE, x: Array) -> int:
    """How many numbers of a code depend on the image."""
    means = cr.predict(vae.encode, x)
    return int((means.var(axis=0) > ACTIVE).sum())


def run(
    options: Options,
    name: str = "vae-mnist",
    summary: str = SUMMARY,
    shares: Mapping[int, float] = SHARES,
) -> Record:
    """Two kinds of digits, each by every k: log p of the test images."""
    clock = Clock()
    size = QUICK if options.quick else WHOLE
    split = data.load("mnist", flatten=True)
    images = np.asarray(split.train.inputs[: size.images], np.float32)
    grey = np.asarray(split.test.inputs[: size.tested], np.float32)
    test = boltzmann.binarized(grey, options.seed)
    results = Results(options.checkpoints)
    settings: dict[str, Any] = {"static digits": "drawn once from the grey values"}
    rows: list[dict[str, Any]] = []
    names = []
    for way in ("dynamic", "static"):
        for k, share in shares.items():
            vae, history = learn(way, k, images, size, share, options)
            key = f"{way}, k = {k}"
            if key not in results.found:
                nats = vae.log_likelihood(test, samples=size.samples, seed=options.seed)
                results.keep(key, float(nats.mean()))
            bound = vae.elbo(test, seed=options.seed)
            settings[f"{key}, bound"] = f"{bound}"
            settings[f"{key}, passes"] = len(history.epochs)
            settings[f"{key}, numbers in use"] = active_units(vae, test)
            kept = history.epochs[EVERY - 1 :: EVERY] or history.epochs[-1:]
            rows += [{"digits": way, "k": k, **row} for row in kept]
            names.append(draw(vae, f"{name}-{way}-{k}-samples.png", options))
    measured = {key: results.found[key] for key in map(str, results.found)}
    return Record(
        name,
        summary,
        measured,
        published(shares),
        seed=options.seed,
        seconds=clock.seconds,
        epochs=sum(settings[f"{key}, passes"] for key in measured),
        seconds_per_epoch=seconds_of_epoch(rows),
        settings={**settings, "samples of log p": size.samples},
        history=rows,
        pictures=names,
    )


def published(shares: Mapping[int, float]) -> list[Published]:
    """The numbers of the paper for some k."""
    return [
        Published(f"{way}, k = {k}", value, SOURCE)
        for (way, k), value in PUBLISHED.items()
        if k in shares
    ]


def draw(vae: models.VAE, name: str, options: Options) -> str:
    """Means of sixty codes from the prior; the name of the picture."""
    made = vae.sample(60, means=True, seed=options.seed).numpy().reshape(-1, 28, 28)
    with pictures.windowless():
        save_small(pictures.image_grid(made, columns=12), options.picture(name))
    return name
