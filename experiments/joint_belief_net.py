"""A deep belief net that knows digits and their labels, and draws them on demand.

784-500-500 and, beside ten units for the label, 2000 above: three machines trained one
after the other, the last one on features and labels together, then all layers by the
up–down algorithm. The label of an image is the one of lowest free energy. A clamped
label makes the net dream: the picture has a row for each digit, and from left to right
the states of one chain of Gibbs sampling, 200 steps apart.

    chainrule experiment joint-belief-net [--quick] [--seed 0] [--resume]

As in the paper: sizes, one step of contrastive divergence, labels as a softmax group,
images drawn as means. Unlike it: 4 epochs a layer and 2 epochs up and down, where the
paper trained for a week, and batches of 100. What is drawn is judged by the nearest of
10 000 training images, which is right for 95 of 100 real digits.

Found with seed 0 in 9 minutes on one busy core: 3.6 % of the test images wrong after
layer by layer, 3.1 % after up and down; 78 % of what is drawn for a clamped label is
taken for its digit. That is far from the paper's 1.25 %, and so is the training.

Source: Hinton, Osindero & Teh, A fast learning algorithm for deep belief nets (2006):
1.25 % of the test images wrong after long up–down tuning.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

import chainrule as cr
from chainrule import data, models, optim, pictures

from .record import (
    Clock,
    Options,
    Published,
    Record,
    fit,
    of_training,
    save_small,
    seconds_of_epoch,
)

SUMMARY = "deep belief net 784-500-500-(10)-2000 on MNIST, layer by layer, up and down"
DATA = "mnist"
PUBLISHED = (
    Published("long up–down tuning, test error", 0.0125, "Hinton et al., 2006"),
)
SIZES, EPOCHS, UP_DOWN_EPOCHS, BATCH_SIZE = (784, 500, 500, 2000), 4, 2, 100
QUICK_SIZES, QUICK_EPOCHS, QUICK_IMAGES = (784, 100, 200), 15, 2000
STEPS = 3
FRAMES, APART, JUDGED = 20, 200, 30


def trained(
    options: Options, images: Any, labels: Any
) -> tuple[models.DeepBeliefNet, dict[str, Any], Any]:
    """The net, the histories of its layers and of the tuning, and its error before."""
    sizes = QUICK_SIZES if options.quick else SIZES
    net = models.DeepBeliefNet(sizes, labels=10)
    histories = net.pretrain(
        (images, labels),
        epochs=QUICK_EPOCHS if options.quick else EPOCHS,
        batch_size=BATCH_SIZE,
        seed=options.seed,
        checkpoints=options.part("layers").checkpoints,
    )
    before = net.state_dict()
    learner = models.UpDown(net, STEPS)
    histories["all"] = fit(
        learner,
        (images, labels),
        options.part("all"),
        optimizer=optim.Momentum(lr=0.01),
        epochs=2 if options.quick else UP_DOWN_EPOCHS,
        batch_size=BATCH_SIZE,
    )
    return net, histories, before


def error(net: models.DeepBeliefNet, images: Any, labels: Any) -> float:
    """The share of images whose label is not the one of lowest free energy."""
    return 1 - float(cr.evaluate(net, (images, labels))["accuracy"])


def dreams_recognised(net: models.DeepBeliefNet, images: Any, labels: Any) -> float:
    """The share of samples of clamped labels whose nearest training image has that
    label: 30 chains of 1000 steps for each.
    """
    wanted = np.repeat(np.arange(10), JUDGED)
    drawn = net.sample(len(wanted), wanted, steps=1000)
    judge = KNeighborsClassifier(1).fit(images[:10_000], labels[:10_000])
    return float((judge.predict(drawn.numpy()) == wanted).mean())


def draw(net: models.DeepBeliefNet, options: Options) -> str:
    """A row for each label, and 20 states of its chain."""
    chains = net.sample(10, np.arange(10), steps=FRAMES * APART, keep=FRAMES)
    images = chains.numpy().reshape(10 * FRAMES, 28, 28)
    with pictures.windowless():
        figure = pictures.image_grid(images, columns=FRAMES)
    save_small(figure, options.picture("joint-belief-net.png"), 80)
    return "joint-belief-net.png"


def run(options: Options) -> Record:
    """Trains, measures on the test images before and after tuning, and dreams."""
    clock = Clock()
    cr.manual_seed(options.seed)
    split = data.load("mnist", flatten=True)
    images = np.asarray(split.train.inputs, "float32")
    labels = np.asarray(split.train.targets)
    if options.quick:
        images, labels = images[:QUICK_IMAGES], labels[:QUICK_IMAGES]
    test = np.asarray(split.test.inputs, "float32"), np.asarray(split.test.targets)
    net, histories, before = trained(options, images, labels)
    after = net.state_dict()
    net.load_state_dict(before)
    greedy = error(net, *test)
    net.load_state_dict(after)
    cr.manual_seed(options.seed)
    settings = {
        "sizes": [units.features for units in net.units],
        "images": len(images),
        "epochs of a layer": len(histories["top"].epochs),
        "seconds of an epoch": {
            path: seconds_of_epoch(each.epochs) for path, each in histories.items()
        },
        "steps of Gibbs sampling": STEPS,
    }
    return Record(
        "joint-belief-net",
        SUMMARY,
        measured={
            "test error": error(net, *test),
            "test error before up–down": greedy,
            "dreams recognised": dreams_recognised(net, images, labels),
        },
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        pictures=[draw(net, options)],
        **of_training(histories["all"], net, **settings),
    )
