"""What codes of a variational autoencoder mean: digits and faces over a plane of codes,
on the way from one image to another, and made again.

Two models of each data set, with codes of 2 and of 20 numbers. Digits: 784-400-200 and
its mirror, ReLU, pixels drawn from the grey values; 30 epochs (10 for 20 numbers) of
Adam in batches of 128. Faces: the 1965 images of Frey's face, 20 × 28, shuffled, 400 of
them held out; 560-200 and its mirror, tanh, a normal density whose means and variances
the decoder says; 300 epochs in batches of 50.

    chainrule experiment vae-pictures [--quick] [--seed 0] [--resume]

The pictures: what the decoder makes of 20 × 20 codes of two numbers, evenly spread over
what the prior makes likely; of ten codes of 20 numbers on straight lines between those
of two held-out images; and of the codes of held-out images.

Found with seed 0 in 80 seconds of processor time (on a busy machine, and in two parts):
−137.2 nats a test digit for 2 numbers and −98.9 for 20, squared errors of 27.1 and 6.7;
of a held-out face densities of 794 and 1111 nats, squared errors of 3.6 and 1.0. With
ReLU in place of tanh the faces at the ends of the plane, where no image has its code,
have no grey between black and white.

Source: Kingma & Welling, Auto-encoding variational Bayes (2014), figures 2 and 4: the
planes of digits and faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, nn, optim, pictures
from chainrule.graph import Array

from . import boltzmann
from .record import (
    Clock,
    Options,
    Published,
    Record,
    data_file,
    fit,
    save_small,
    seconds_of_epoch,
)

SUMMARY = "codes of 2 and of 20 numbers of digits and of Frey's face"
DATA = "mnist"
PUBLISHED = (Published("planes of codes", "digits, faces", "Kingma & Welling, 2014"),)
CODES, GRID, SHOWN, STEPS, HELD_OUT = (2, 20), 20, 12, 10, 400

#: Data ↦ hidden layers, batch size, the largest rate, and epochs by the size of codes.
TRAINING: Mapping[str, tuple[tuple[int, ...], int, float, Mapping[int, int]]] = {
    "digits": ((400, 200), 128, 2e-3, {2: 30, 20: 10}),
    "faces": ((200,), 50, 1e-3, {2: 300, 20: 300}),
}
QUICK: Mapping[str, tuple[tuple[int, ...], int, float, Mapping[int, int]]] = {
    "digits": ((100,), 50, 4e-3, {2: 8, 20: 8}),
    "faces": ((60,), 50, 2e-3, {2: 10, 20: 10}),
}
SHAPES = {"digits": (28, 28), "faces": (28, 20)}


def images(options: Options) -> dict[str, tuple[Array, Array]]:
    """Data ↦ rows from 0 to 1 to learn from, and held-out ones."""
    split = data.load("mnist", flatten=True)
    digits = [np.asarray(part.inputs, np.float32) for part in (split.train, split.test)]
    if options.quick:
        digits = [digits[0][:2000], digits[1][:300]]
    path = data_file("frey-faces/frey_faces.npz", "Frey's face is")
    faces = np.load(path)["images"].reshape(-1, 560).astype(np.float32) / 255
    order = np.random.default_rng(options.seed).permutation(len(faces))
    faces = faces[order]
    return {
        "digits": (digits[0], digits[1]),
        "faces": (faces[HELD_OUT:], faces[:HELD_OUT]),
    }


def model(name: str, hidden: tuple[int, ...], latent: int) -> models.VAE:
    """A model of digits or of faces."""
    if name == "digits":
        return models.VAE(784, hidden, latent, binarize=True, activation=nn.ReLU)
    return models.VAE(560, hidden, latent, "gaussian", least_variance=1e-3)


def learn(
    name: str, train: Array, latent: int, options: Options
) -> tuple[models.VAE, Any]:
    """A model that has learned, and the history."""
    kind = QUICK if options.quick else TRAINING
    hidden, batch_size, rate, lengths = kind[name]
    epochs = lengths[latent]
    cr.manual_seed(options.seed)
    vae = model(name, hidden, latent)
    vae.fit_output_bias(train)
    steps = epochs * data.num_batches(len(train), batch_size)
    history = fit(
        vae,
        train,
        options.part(f"{name}-{latent}"),
        optimizer=optim.Adam(lr=optim.OneCycle(rate, steps)),
        epochs=epochs,
        batch_size=batch_size,
    )
    return vae, history


def between(vae: models.VAE, first: Array, second: Array) -> Array:
    """Codes on straight lines from those of some images to those of others, decoded:
    (rows · STEPS, D).
    """
    a, b = (vae.encode(x).numpy() for x in (first, second))
    way = np.linspace(a, b, STEPS, axis=1)  # (rows, STEPS, K)
    return np.asarray(vae.decode(way.reshape(-1, vae.latent)).numpy())


def draw(
    name: str, found: Mapping[int, models.VAE], held_out: Array, options: Options
) -> list[str]:
    """The pictures of one data set; their names."""
    shape, values = SHAPES[name], "ink" if name == "digits" else "light"
    few, many = (found[latent] for latent in CODES)
    chosen = held_out[:: len(held_out) // SHOWN][:SHOWN]
    plane = few.decode(models.latent_grid(GRID)).numpy()
    lines = between(many, chosen[: SHOWN // 2], chosen[SHOWN // 2 :])
    rows = [chosen, *(found[k].reconstruct(chosen).numpy() for k in CODES)]
    names = ["held out", *(f"{k} numbers" for k in CODES)]
    with pictures.windowless():
        drawn = {
            "plane": pictures.image_grid(
                np.clip(plane, 0, 1).reshape(-1, *shape), values=values, columns=GRID
            ),
            "lines": pictures.image_grid(
                np.clip(lines, 0, 1).reshape(-1, *shape), values=values, columns=STEPS
            ),
            "again": pictures.reconstructions(
                *(np.clip(row, 0, 1).reshape(-1, *shape) for row in rows),
                names=names,
                values=values,
            ),
        }
        for what, figure in drawn.items():
            save_small(figure, options.picture(f"vae-{name}-{what}.png"), 100)
    return [f"vae-{name}-{what}.png" for what in drawn]


def run(options: Options) -> Record:
    """Four models, their bounds, and the pictures."""
    clock = Clock()
    measured: dict[str, float] = {}
    settings: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    names: list[str] = []
    for name, (train, held_out) in images(options).items():
        found = {}
        seen = held_out
        if name == "digits":
            seen = boltzmann.binarized(held_out, options.seed)
        for latent in CODES:
            vae, history = learn(name, train, latent, options)
            found[latent] = vae
            key = f"{name}, {latent} numbers"
            bound = vae.elbo(seen, samples=5, seed=options.seed)
            off = np.square(cr.predict(vae.reconstruct, held_out) - held_out)
            measured[f"bound, {key}"] = bound.mean
            measured[f"squared error, {key}"] = float(off.sum(axis=1).mean())
            settings[f"bound, {key}"] = f"{bound}"
            rows += [{"data": name, "latent": latent, **row} for row in history.epochs]
        names += draw(name, found, held_out, options)
    return Record(
        "vae-pictures",
        SUMMARY,
        measured,
        PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=len(rows),
        seconds_per_epoch=seconds_of_epoch(rows),
        settings=settings,
        history=rows[:: max(1, len(rows) // 100)],
        pictures=names,
    )
