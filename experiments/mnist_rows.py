"""MNIST row by row: a digit is read from above to below, as 28 steps of 28 points.

The same reading by a plain recurrent network, a GRU and an LSTM of 128 units, each
followed by one linear layer at the last row. Images are moved by up to two points;
Adam, and a rate that goes up and down once. The LSTM is trained first, and nothing is
chosen by the results: 3000 images of the training set are measured on the way.

    chainrule experiment mnist-rows [--quick] [--seed 0] [--resume]

The picture shows what the LSTM believes after every row of some digits of the test set:
it is asked there what it is trained to answer at the last row only.

Goal: 98.5 % right by the LSTM. Source of the task: Le, Jaitly & Hinton, A simple way to
initialize recurrent networks of rectified linear units (2015), who read the points one
by one: 97 % with an identity at the start of a plain network.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, nn, optim, pictures

from . import classifiers
from .record import (
    Clock,
    Options,
    Published,
    Record,
    of_training,
    save_small,
    seconds_of_epoch,
)

SUMMARY = "MNIST row by row, LSTM, GRU and a plain recurrent network of 128 units"
DATA = "mnist"
PUBLISHED = (
    Published("point by point, plain network", 0.97, "Le, Jaitly & Hinton, 2015"),
)
LAYERS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "plain": nn.RNN}
UNITS, EPOCHS, BATCH_SIZE, MAX_LR = 128, 12, 64, 4e-3
#: Digits whose reading is drawn.
DRAWN = 6


def network(name: str, units: int) -> nn.Sequential:
    """Images to rows, rows to a state, the last state to classes."""
    layer = LAYERS[name](28, units)
    rows = [nn.Flatten(), nn.Unflatten((28, 28))]
    return nn.Sequential(*rows, layer, nn.LastStep(), nn.Linear(units, 10))


def run(options: Options) -> Record:
    """Trains the three on 57 000 images, and tests each once."""
    clock = Clock()
    split = data.load("mnist", flatten=False, validation=0.05)
    if options.quick:
        split = classifiers.small(split)
    split = split.augmented(data.Augmentation(crop=2))
    epochs = classifiers.QUICK_EPOCHS if options.quick else EPOCHS
    steps = epochs * data.num_batches(len(split.train), BATCH_SIZE)
    measured: dict[str, float] = {}
    models, histories = {}, {}
    for name in LAYERS:
        cr.manual_seed(options.seed)
        model = network(name, UNITS)
        rate = optim.OneCycle(MAX_LR, steps)
        clipped = [optim.ClipNorm(1.0)]
        optimizer = optim.Adam(model.parameters(), rate, transforms=clipped)
        part = options.part(name)
        history = classifiers.train(model, split, optimizer, part, epochs, BATCH_SIZE)
        measured[f"test accuracy, {name}"] = cr.evaluate(model, split.test)["accuracy"]
        models[name], histories[name] = model, history
    for name, history in histories.items():
        kept = history["validation_accuracy"][-1]
        measured[f"validation accuracy, {name}"] = kept
    with pictures.windowless():
        figure = readings(models["LSTM"], split.test)
        save_small(figure, options.picture("mnist-rows.png"), 100)
    return Record(
        "mnist-rows",
        SUMMARY,
        measured=measured,
        published=PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        pictures=["mnist-rows.png"],
        **of_training(
            histories["LSTM"],
            models["LSTM"],
            augmentation=str(split.train.augmentation),
            **{
                f"seconds an epoch, {name}": seconds_of_epoch(history.epochs)
                for name, history in histories.items()
            },
        ),
    )


def readings(model: nn.Sequential, test: data.Dataset) -> Any:
    """Digits, and beside each row the probability of every class after it."""
    *before, _, last = model
    every_row = nn.Sequential(*before, nn.AllSteps(), last)
    images = np.asarray(test.inputs[:DRAWN])
    scores = np.asarray(cr.predict(every_row, images))  # (N, 28, 10)
    chances = np.exp(scores - scores.max(-1, keepdims=True))
    chances /= chances.sum(-1, keepdims=True)
    figure = pictures.new_figure(2.1 * DRAWN, 2.6)
    axes = figure.subplots(1, 2 * DRAWN, gridspec_kw={"width_ratios": [28, 20] * DRAWN})
    for i, image in enumerate(images):
        digit, belief = axes[2 * i], axes[2 * i + 1]
        digit.imshow(image[..., 0], cmap="gray_r", aspect="auto")
        belief.imshow(chances[i], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        digit.set_xticks([]), digit.set_yticks([])
        belief.set_yticks([])
        belief.set_xticks([0, 5, 9])
        belief.tick_params(labelsize=7, length=2)
    axes[0].set_ylabel("rows, in the order of reading", fontsize=8)
    axes[1].set_title("class", fontsize=8)
    figure.subplots_adjust(0.03, 0.1, 0.99, 0.9, wspace=0.08)
    return figure
