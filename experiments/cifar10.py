"""ResNet-20 on CIFAR-10: photographs of ten kinds of things, 32 × 32.

As in the paper: shortcuts without parameters, images mirrored and moved by up to four
points, momentum 0.9, weight decay 10⁻⁴. Not as in the paper: one up and down of the
rate instead of three constant rates, batches of 32, and far fewer updates (64 000 of
128 images there); where only the first of the five training batches is there, a fifth
of the images, for which there is no published number.

    chainrule experiment cifar-10 [--quick] [--seed 0] [--resume]

``cifar-10-time`` measures an epoch beside PyTorch's.

Source: He, Zhang, Ren & Sun, Deep residual learning for image recognition (2016),
section 4.2: ResNet-20 91.25 % right, trained on all 50 000 images.
"""

from __future__ import annotations

from typing import Any

import chainrule as cr
from chainrule import data, models, nn, optim

from . import classifiers
from .record import Clock, Options, Published, Record

SUMMARY = "ResNet-20 on CIFAR-10"
DATA = "cifar-10"
PUBLISHED = (Published("all 50 000 images", 0.9125, "He et al., 2016"),)
EPOCHS, BATCH_SIZE, MAX_LR, MOMENTUM, DECAY = 15, 32, 0.1, 0.9, 1e-4

#: Of the training images' channels: mean and standard deviation.
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def network() -> nn.Sequential:
    """``models.resnet_small(20)`` of images from 0 to 1."""
    return nn.Sequential(nn.Normalization(MEAN, STD), *models.resnet_small(20))


def optimizer_of(model: Any, lr: Any) -> optim.Optimizer:
    """Momentum, and weight decay as PyTorch's ``weight_decay`` is meant."""
    return optim.Momentum(
        model.parameters(), lr, momentum=MOMENTUM, transforms=[optim.L2(DECAY)]
    )


def examples(options: Options) -> data.Split:
    """The images that are there, a twentieth of them for validation."""
    split = data.load("cifar-10", flatten=False, validation=0.05)
    if options.quick:
        split = classifiers.small(split)
    return split.augmented(data.Augmentation(flip=True, crop=4))


def run(options: Options) -> Record:
    """Trains, and tests on 10 000 images at the end."""
    clock = Clock()
    cr.manual_seed(options.seed)
    split = examples(options)
    epochs = classifiers.QUICK_EPOCHS if options.quick else EPOCHS
    model = network()
    steps = epochs * data.num_batches(len(split.train), BATCH_SIZE)
    optimizer = optimizer_of(model, optim.OneCycle(MAX_LR, steps))
    history = classifiers.train(model, split, optimizer, options, epochs, BATCH_SIZE)
    summary = f"{SUMMARY}, {len(split.train)} images"
    return classifiers.record(
        "cifar-10", summary, PUBLISHED, model, split, history, options, clock
    )
