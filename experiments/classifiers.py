"""What the experiments with images share: train, test once, and look inside.

The test set is looked at once, after the last epoch. A part of the training set is held
out to see on the way how it goes; nothing is chosen by it either, so the network is
that of the last epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import chainrule as cr
from chainrule import data, optim, pictures
from chainrule.runs import first_layer
from chainrule.training import callbacks

from .record import (
    Clock,
    Options,
    Published,
    Record,
    fit,
    of_training,
    save_small,
    to_few_colours,
)

#: Of the quick runs: examples for training, for testing, and epochs.
QUICK_TRAIN, QUICK_TEST, QUICK_EPOCHS = 1024, 512, 2


def small(split: data.Split) -> data.Split:
    """A few examples of each part."""
    assert split.validation is not None
    return data.Split(
        split.train.subset(slice(QUICK_TRAIN)),
        split.test.subset(slice(QUICK_TEST)),
        split.validation.subset(slice(QUICK_TEST)),
    )


def train(
    model: Any,
    split: data.Split,
    optimizer: optim.Optimizer,
    options: Options,
    epochs: int,
    batch_size: int,
) -> Any:
    """The history of a training, from the last checkpoint on where there is one."""
    return fit(
        model,
        split.train,
        options,
        validation=split.validation,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        callbacks=[callbacks.LearningRateLog()],
    )


def draw(
    name: str, model: Any, test: data.Dataset, history: Any, options: Options
) -> list[str]:
    """The training's curves; the first layer's filters, what they say of an image, and
    the parts of images that excite them most. Their names begin with ``name``."""
    names = [f"{name}-training.png"]
    history.plot(options.picture(names[0]))
    to_few_colours(options.picture(names[0]))
    with pictures.windowless():
        for file, drawing in first_layer.drawings(model, test).items():
            names.append(f"{name}-{file.replace('_', '-')}")
            save_small(drawing(), options.picture(names[-1]), 120)
    return names


def record(
    name: str,
    summary: str,
    published: Sequence[Published],
    model: Any,
    split: data.Split,
    history: Any,
    options: Options,
    clock: Clock,
) -> Record:
    """The one look at the test set, the pictures, and the record of it all."""
    tested = cr.evaluate(model, split.test)
    settings = {
        "augmentation": str(split.train.augmentation),
        "seconds of the fastest epoch": min(row["seconds"] for row in history.epochs),
    }
    return Record(
        name,
        summary,
        measured={
            "test accuracy": tested["accuracy"],
            "validation accuracy": history["validation_accuracy"][-1],
            "training accuracy": history["accuracy"][-1],
        },
        published=published,
        seed=options.seed,
        seconds=clock.seconds,
        pictures=draw(name, model, split.test, history, options),
        **of_training(history, model, **settings),
    )
