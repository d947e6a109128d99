"""Digits in two numbers: an autoencoder 784-1000-500-250-2 beside two principal
components.

Hinton & Salakhutdinov (2006, figure 3) drew 500 digits of each class by both codes:
those of the network keep classes apart without having seen a label, the others do not.
Here all 10 000 test images are drawn, and a number says it as well: how often most of
the five nearest training codes have the class of a test code.

    chainrule experiment autoencoder-2d [--quick] [--seed 0] [--resume]

The network and its training are those of ``deep_autoencoder.py``, with a code of two
numbers.
"""

from __future__ import annotations

from typing import Any

import chainrule as cr
from chainrule import data, optim, pictures

from . import deep_autoencoder as deep
from .record import Clock, Options, Published, Record, of_training, save_small

SUMMARY = "autoencoder 784-1000-500-250-2 of MNIST beside two principal components"
DATA = "mnist"
PUBLISHED = (Published("classes in two numbers", "apart; by PCA, mixed", deep.SOURCE),)
SIZES = (784, 1000, 500, 250, 2)
EPOCHS = 30
QUICK_SIZES, QUICK_EPOCHS = (784, 256, 64, 2), 30


def run(options: Options) -> Record:
    """Trains on 60 000 images, then codes and draws the 10 000 others both ways."""
    clock = Clock()
    cr.manual_seed(options.seed)
    train_images, test_images = deep.images(options)
    train_labels, test_labels = labels(options)
    model = deep.network(QUICK_SIZES if options.quick else SIZES)
    epochs = QUICK_EPOCHS if options.quick else EPOCHS
    steps = epochs * data.num_batches(len(train_images), deep.BATCH_SIZE)
    optimizer = optim.Adam(model.parameters(), lr=optim.OneCycle(deep.MAX_LR, steps))
    history = deep.train(model, train_images, optimizer, options, epochs)
    pca = deep.components(train_images, 2)
    found = {
        "autoencoder": (
            cr.predict(model.encoder, x) for x in (train_images, test_images)
        ),
        "PCA": (pca.transform(x) for x in (train_images, test_images)),
    }
    panels, shares = {}, {}
    for name, (known, codes) in ((name, tuple(pair)) for name, pair in found.items()):
        share = pictures.neighbour_accuracy(codes, test_labels, (known, train_labels))
        shares[f"test accuracy of 5 neighbours, {name}"] = share
        panels[f"{name}: {100 * share:.1f} % right by five neighbours"] = codes
    with pictures.windowless():
        figure = pictures.codes(panels, test_labels)
    save_small(figure, options.picture("autoencoder-2d.png"), 100)
    return Record(
        "autoencoder-2d",
        SUMMARY,
        measured={
            **shares,
            "test error, autoencoder": deep.squared_error(model, test_images),
            "test error, PCA": deep.pca_error(pca, test_images),
        },
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        pictures=["autoencoder-2d.png"],
        **of_training(history, model),
    )


def labels(options: Options) -> tuple[Any, Any]:
    """The classes of the images, which only judge the codes."""
    split = data.load("mnist")
    part = slice(deep.QUICK_IMAGES if options.quick else None)
    return split.train.targets[part], split.test.targets[part]
