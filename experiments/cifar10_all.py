"""ResNet-20 on all 50 000 photographs of CIFAR-10, in an hour.

The network, the images mirrored and moved by up to four points, batches of 128, and a
rate of at most 0.1 are the paper's. Its training is a fifth as long, 40 epochs where
64 000 updates are 164 to 182, so the rate goes up and down once instead of being three
constants, with Nesterov's momentum, and weights decay by 5 · 10⁻⁴ instead of 10⁻⁴: a
short training ends nearer to the long one that way. One image in fifty is held out.

    chainrule experiment cifar-10-all [--quick] [--seed 0] [--resume]

It needs the six files of the author's binary version, ``cifar-10-binary.tar.gz`` of
https://www.cs.toronto.edu/~kriz/cifar.html, unpacked in the folder of data.

An epoch is 40.8 million products and sums an image, three times: 245 million operations
times 50 000, which at the 116 thousand million that a core of 2026 computes in a second
are 106 s; measured 110, of which changing the images takes 1.2. On Zen 5, beside other
work, an epoch took 77 s, and 91.45 % of the test images were right at the end.

Source: He, Zhang, Ren & Sun, Deep residual learning for image recognition (2016),
section 4.2: ResNet-20 91.25 % right. The decay: Budgeted training, Li, Yumer & Ramanan
(2020), for rates that end near 0 when the epochs are few.
"""

from __future__ import annotations

from typing import Any

import chainrule as cr
from chainrule import data, optim

from . import cifar10, classifiers
from .record import Clock, Options, Published, Record

SUMMARY = "ResNet-20 on CIFAR-10, all images"
DATA = "cifar-10, all six files"
PUBLISHED = (Published("164 epochs or more", 0.9125, "He et al., 2016"),)
IMAGES, EPOCHS, BATCH_SIZE = 50_000, 40, 128
MAX_LR, DECAY = 0.1, 5e-4


def optimizer_of(model: Any, steps: int) -> optim.Optimizer:
    """Nesterov's momentum, and a rate that goes up and down once."""
    rate = optim.OneCycle(MAX_LR, steps)
    decay = [optim.L2(DECAY)]
    return optim.Nesterov(
        model.parameters(), rate, momentum=cifar10.MOMENTUM, transforms=decay
    )


def examples(options: Options) -> data.Split:
    """All images, one in fifty held out; the program ends where they are not there."""
    split = data.load("cifar-10", flatten=False, validation=0.02)
    assert split.validation is not None
    there = len(split.train) + len(split.validation)
    if options.quick:
        split = classifiers.small(split)
    elif there < IMAGES:
        raise SystemExit(
            f"cifar-10-all: {there} of the {IMAGES} training images are there: unpack "
            "cifar-10-binary.tar.gz, from https://www.cs.toronto.edu/~kriz/cifar.html, "
            "in the folder that CHAINRULE_DATA names"
        )
    return split.augmented(data.Augmentation(flip=True, crop=4))


def run(options: Options) -> Record:
    """Trains, and tests on 10 000 images at the end."""
    clock = Clock()
    cr.manual_seed(options.seed)
    split = examples(options)
    epochs = classifiers.QUICK_EPOCHS if options.quick else EPOCHS
    model = cifar10.network()
    steps = epochs * data.num_batches(len(split.train), BATCH_SIZE)
    optimizer = optimizer_of(model, steps)
    history = classifiers.train(model, split, optimizer, options, epochs, BATCH_SIZE)
    return classifiers.record(
        "cifar-10-all", SUMMARY, PUBLISHED, model, split, history, options, clock
    )
