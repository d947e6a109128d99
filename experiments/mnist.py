"""LeNet on MNIST: handwritten digits, at most 8 of 1000 wrong.

The network is ``models.lenet``, LeNet-5 of 1998 as it is trained today: more maps,
rectified units, the largest of four points instead of their mean. Training differs more
than the network does: images moved by up to two points and turned by up to ten degrees
in every epoch, dropout before the last layer, Adam, and a rate that goes up and down
once.

    chainrule experiment mnist [--quick] [--seed 0] [--resume]

Source: LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document
recognition (1998): LeNet-5 99.05 % right, 99.2 % with distorted images. Goal: 99.2 %.
"""

from __future__ import annotations

import chainrule as cr
from chainrule import data, models, nn, optim

from . import classifiers
from .record import Clock, Options, Published, Record

SUMMARY = "LeNet on MNIST, 57 000 images"
DATA = "mnist"
PUBLISHED = (
    Published("LeNet-5", 0.9905, "LeCun et al., 1998"),
    Published("LeNet-5, distorted images", 0.992, "LeCun et al., 1998"),
)
EPOCHS, BATCH_SIZE, MAX_LR, DROPOUT = 10, 64, 2e-3, 0.4


def network() -> nn.Sequential:
    """``models.lenet`` with dropout before its last layer."""
    *layers, last = models.lenet()
    return nn.Sequential(*layers, nn.Dropout(DROPOUT), last)


def run(options: Options) -> Record:
    """Trains on 57 000 images, looks at 3000 on the way, tests on 10 000 at the end."""
    clock = Clock()
    cr.manual_seed(options.seed)
    split = data.load("mnist", flatten=False, validation=0.05)
    if options.quick:
        split = classifiers.small(split)
    split = split.augmented(data.Augmentation(crop=2, rotate=10))
    epochs = classifiers.QUICK_EPOCHS if options.quick else EPOCHS
    model = network()
    steps = epochs * data.num_batches(len(split.train), BATCH_SIZE)
    rate = optim.OneCycle(MAX_LR, steps)
    optimizer = optim.Adam(model.parameters(), lr=rate)
    history = classifiers.train(model, split, optimizer, options, epochs, BATCH_SIZE)
    return classifiers.record(
        "mnist", SUMMARY, PUBLISHED, model, split, history, options, clock
    )
