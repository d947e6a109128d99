"""GANs on MNIST: a convolutional and a fully connected one, judged by LeNet.

Both learn all 60 000 training images without their labels. A LeNet that is trained here
says of 10 000 samples which digits they are, and how sure it is: every digit should be
5 to 20 % of them, as it is 9 to 11 % of the images. How far samples are from images is
the Fréchet distance between two Gaussians, fitted to the 256 numbers before LeNet's
last layer; that of the test images from the training images is its floor. It is
LeNet's distance and no other's: figures of the Inception network are not comparable.
Beside samples stand the training images that are nearest to them, pixel by pixel, and
the distance to these is compared with that of test images: a network that copies would
be nearer.

    chainrule experiment gan-mnist [--quick] [--seed 0] [--resume]

The convolutional one has the form of DCGAN, two stages of 32 and 64 maps, batches of
128, 20 epochs of Adam with 2e-4 and β₁ = 0.5, as in its paper; the other one two hidden
layers of 512, normalized in the generator, and 60 epochs. Both learn by the
non-saturating loss. What is judged is an average of each network's weights over some
thousand steps: the players circle around each other, and shares of digits with them.

Sources: Goodfellow et al., Generative adversarial nets (2014); Radford, Metz & Chintala
(2016); Heusel, Ramsauer, Unterthiner, Nessler & Hochreiter, GANs trained by a two
time-scale update rule converge to a local Nash equilibrium (2017) for the distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, nn, optim, pictures
from chainrule.graph import Array
from chainrule.runs.sampling import SamplesOverTime
from chainrule.training import callbacks

from .record import (
    Clock,
    Options,
    Published,
    Record,
    fit,
    save_small,
    seconds_of_epoch,
)

SUMMARY = "DCGAN and a fully connected GAN on MNIST, judged by LeNet"
DATA = "mnist"
PUBLISHED = (Published("samples", "digits, no figure", "Goodfellow et al., 2014"),)
BATCH, RATE, LATENT, AVERAGE = 128, 2e-4, 64, 0.999
EPOCHS = {"DCGAN": 20, "fully connected": 60}
JUDGE_EPOCHS, JUDGED, QUICK_JUDGED, QUICK_TRAIN = 4, 10_000, 500, 2000
SHOWN = 10


def game(name: str, quick: bool) -> models.GAN:
    """One of the two, with its first weights."""
    if name == "DCGAN":
        return models.dcgan((28, 28, 1), LATENT, (8, 16) if quick else (32, 64))
    hidden = (64,) if quick else (512, 512)
    return models.mlp_gan(
        (28, 28, 1), LATENT, hidden, output=nn.Sigmoid, batch_norm=True
    )


def judge(train: data.Dataset, options: Options, epochs: int) -> nn.Sequential:
    """A LeNet that knows digits."""
    cr.manual_seed(options.seed)
    *layers, last = models.lenet()
    network = nn.Sequential(*layers, nn.Dropout(0.4), last)
    steps = epochs * data.num_batches(len(train), 64)
    adam = optim.Adam(lr=optim.OneCycle(2e-3, steps))
    part = options.part("lenet")
    fit(network, train, part, optimizer=adam, epochs=epochs, batch_size=64)
    return network


def features(network: nn.Sequential, images: Array) -> Array:
    """The numbers before LeNet's last layer, (N, 256)."""
    return np.asarray(cr.predict(nn.Sequential(*network[:-2]), images), np.float64)


def gaussian(x: Array) -> tuple[Array, Array]:
    """Mean (D,) and covariance (D, D) of rows."""
    return x.mean(axis=0), np.cov(x, rowvar=False)


def frechet(a: tuple[Array, Array], b: tuple[Array, Array]) -> float:
    """The squared Fréchet distance of two Gaussians.

    Formula: ‖μ − μ′‖² + tr(Σ + Σ′ − 2 (Σ Σ′)^½).

    Example:
        >>> one, two = np.eye(2), 4 * np.eye(2)
        >>> frechet((np.zeros(2), one), (np.ones(2), two))
        4.0
    """
    values, vectors = np.linalg.eigh(a[1])
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    product = np.linalg.eigvalsh(root @ b[1] @ root)
    cross = np.sqrt(np.clip(product, 0, None)).sum()
    apart = ((a[0] - b[0]) ** 2).sum()
    return float(apart + np.trace(a[1]) + np.trace(b[1]) - 2 * cross)


def nearest(images: Array, train: Array) -> tuple[Array, Array]:
    """The number of the training image that is nearest to each, and how far it is."""
    flat, known = images.reshape(len(images), -1), train.reshape(len(train), -1)
    lengths = (known**2).sum(axis=1)
    numbers = []
    for part in np.array_split(flat, max(1, len(flat) // 250)):
        numbers.append((lengths - 2 * part @ known.T).argmin(axis=1))
    found = np.concatenate(numbers)
    return found, np.linalg.norm(flat - known[found], axis=1)


def measured_of(
    drawn: Array, network: nn.Sequential, known: tuple[Array, Array]
) -> dict[str, float]:
    """What LeNet says of samples."""
    logits = np.asarray(cr.predict(network, drawn), np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances = powers / powers.sum(axis=1, keepdims=True)
    shares = np.bincount(chances.argmax(axis=1), minlength=10) / len(drawn)
    return {
        "digits of 5 to 20 %": int(((shares >= 0.05) & (shares <= 0.2)).sum()),
        "rarest digit": float(shares.min()),
        "commonest digit": float(shares.max()),
        "LeNet's confidence": float(chances.max(axis=1).mean()),
        "Fréchet distance": frechet(known, gaussian(features(network, drawn))),
    }


def draw(
    name: str, log: SamplesOverTime, drawn: Array, train: Array, options: Options
) -> list[str]:
    """Samples, samples over time, and what is nearest to some; the files' names."""
    word = name.lower().replace(" ", "-")
    found, _ = nearest(drawn[:SHOWN], train)
    over_time = sorted(log.samples.items())
    with pictures.windowless():
        made = {
            f"gan-mnist-{word}.png": pictures.image_grid(drawn[:100]),
            f"gan-mnist-{word}-over-time.png": pictures.reconstructions(
                *(images for _, images in over_time),
                names=[f"epoch {epoch}" for epoch, _ in over_time],
            ),
            f"gan-mnist-{word}-nearest.png": pictures.reconstructions(
                drawn[:SHOWN],
                train[found],
                names=["samples", "nearest of training"],
            ),
        }
        for file, figure in made.items():
            save_small(figure, options.picture(file), 120)
    return list(made)


def run(options: Options) -> Record:
    """LeNet, both networks, and what the first says of the others."""
    clock = Clock()
    split = data.load("mnist", flatten=False)
    train, test, count = split.train, split.test, JUDGED
    if options.quick:
        train, count = train.subset(slice(QUICK_TRAIN)), QUICK_JUDGED
        test = test.subset(slice(count))
    images = np.asarray(train.inputs, np.float32)
    network = judge(train, options, 1 if options.quick else JUDGE_EPOCHS)
    known = gaussian(features(network, images))
    tested = np.asarray(test.inputs, np.float32)
    floor = frechet(known, gaussian(features(network, tested)))
    measured: dict[str, float] = {}
    settings: dict[str, Any] = {
        "LeNet, test accuracy": cr.evaluate(network, test)["accuracy"],
        "Fréchet distance of test images": floor,
        "test images to nearest of training, median": float(
            np.median(nearest(tested[:1000], images)[1])
        ),
    }
    rows, names = [], []
    for name, usual in EPOCHS.items():
        cr.manual_seed(options.seed)
        gan = game(name, options.quick)
        log = SamplesOverTime(gan, SHOWN, options.seed)
        history = fit(
            gan, images, options.part(name.replace(" ", "-")),
            optimizer=optim.Adam(lr=RATE, betas=(0.5, 0.999)),
            callbacks=[log, callbacks.WeightAveraging(AVERAGE)],
            epochs=1 if options.quick else usual, batch_size=BATCH,
        )  # fmt: skip
        drawn = np.asarray(gan.sample(count, seed=options.seed).numpy())
        found = measured_of(drawn, network, known)
        measured |= {f"{what}, {name}": value for what, value in found.items()}
        settings[f"samples to nearest of training, median, {name}"] = float(
            np.median(nearest(drawn[:1000], images)[1])
        )
        settings[f"{name}, epochs"] = len(history.epochs)
        settings[f"{name}, parameters"] = gan.num_parameters
        rows += [{"network": name, **row} for row in history.epochs]
        names += draw(name, log, drawn, images, options)
    measured["Fréchet distance, test images"] = floor
    return Record(
        "gan-mnist",
        SUMMARY,
        measured,
        PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        epochs=len(rows),
        seconds_per_epoch=seconds_of_epoch(rows),
        settings=settings,
        history=rows,
        pictures=names,
    )
