"""Products in bfloat16 beside float32: LeNet, ResNet-20 and a GPT learn as well.

Each network is trained three times in each precision, from the same first weights and
on the same batches, and looked at on data that it was not trained on: LeNet on MNIST (4
epochs), ResNet-20 on CIFAR-10 (8 epochs of whichever images are there), and a GPT of
four layers of width 128 on Shakespeare's characters (1000 batches of 12 windows). The
seconds compared are those of the fastest epoch of each.

    chainrule experiment mixed-precision [--quick] [--seed 0] [--resume]

In bfloat16 the factors of all products and convolutions have 8 bits of precision, sums
and all else float32's 24. It is worth its while where a processor has instructions for
it; elsewhere it is slower.

Source: Kalamkar et al., A study of bfloat16 for deep learning training (2019): no
difference was found in networks for images, speech, language and recommendations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import data, models, optim, pictures

from . import cifar10, classifiers, mnist, shakespeare
from .record import Clock, Options, Published, Record, Results, fit, save_small

SUMMARY = "LeNet, ResNet-20 and a GPT with products in bfloat16, three seeds"
DATA = "mnist, cifar-10, Shakespeare"
PUBLISHED = (Published("difference", "none", "Kalamkar et al., 2019"),)
PRECISIONS, SEEDS, QUICK_SEEDS = ("float32", "bfloat16"), 3, 1

#: (options, precision) → the history of a training.
Training = Callable[[Options, str], Any]


def lenet(options: Options, precision: str) -> Any:
    """The history of LeNet on MNIST."""
    split = data.load("mnist", flatten=False, validation=0.05)
    split = classifiers.small(split) if options.quick else split
    epochs = classifiers.QUICK_EPOCHS if options.quick else 4
    model = mnist.network()
    steps = epochs * data.num_batches(len(split.train), mnist.BATCH_SIZE)
    return fit(
        model,
        split.train,
        options,
        validation=split.validation,
        optimizer=optim.Adam(model.parameters(), optim.OneCycle(mnist.MAX_LR, steps)),
        epochs=epochs,
        batch_size=mnist.BATCH_SIZE,
        precision=precision,
    )


def resnet(options: Options, precision: str) -> Any:
    """The history of ResNet-20 on CIFAR-10."""
    split, model = cifar10.examples(options), cifar10.network()
    epochs = classifiers.QUICK_EPOCHS if options.quick else 8
    steps = epochs * data.num_batches(len(split.train), cifar10.BATCH_SIZE)
    return fit(
        model,
        split.train,
        options,
        validation=split.validation,
        optimizer=cifar10.optimizer_of(model, optim.OneCycle(cifar10.MAX_LR, steps)),
        epochs=epochs,
        batch_size=cifar10.BATCH_SIZE,
        precision=precision,
    )


def gpt(options: Options, precision: str) -> Any:
    """The history of a GPT on Shakespeare's characters."""
    ids, held_out, alphabet = shakespeare.numbers()
    epochs, steps = (1, 60) if options.quick else (4, 250)
    held_out = held_out[: 50 * 64] if options.quick else held_out
    model = models.GPT(len(alphabet), 64, 4, 4, 128, bias=False)
    return fit(
        model,
        shakespeare.anywhere(ids, 64, 12, steps, options.seed),
        options,
        loss="cross_entropy",
        validation=shakespeare.windows(held_out, 64),
        optimizer=optim.AdamW(
            model.parameters(),
            optim.Warmup(30, optim.Cosine(1e-3, epochs * steps - 30, 1e-4)),
            transforms=[optim.ClipNorm(1.0)],
        ),
        epochs=epochs,
        batch_size=12,
        metrics=[],
        precision=precision,
    )


#: What is trained, and the column that is compared, and what it is called.
TASKS: dict[str, tuple[Training, str, str]] = {
    "LeNet": (lenet, "validation_accuracy", "held-out images right"),
    "ResNet-20": (resnet, "validation_accuracy", "held-out images right"),
    "GPT": (gpt, "validation_loss", "nats a held-out character"),
}


def measure(options: Options, results: Results) -> None:
    """Every network with every seed in both precisions."""
    seeds = range(
        options.seed, options.seed + (QUICK_SEEDS if options.quick else SEEDS)
    )
    for name, (train, column, _) in TASKS.items():
        for seed in seeds:
            for precision in PRECISIONS:
                key = f"{name}, {precision}, {seed}"
                if key in results.found:
                    continue
                cr.manual_seed(seed)
                own = options.part(f"{name}-{precision}-{seed}")
                history = train(replace(own, seed=seed), precision)
                seconds = min(row["seconds"] for row in history.epochs)
                results.keep(f"{key}, seconds", seconds)
                results.keep(key, float(history.epochs[-1][column]))


def values(results: Results, name: str, precision: str, *more: str) -> list[float]:
    """One number a seed."""
    found = (key.split(", ") for key in results.found)
    seeds = [key[2] for key in found if key[:2] == [name, precision] and len(key) == 3]
    return [results.found[", ".join((name, precision, s, *more))] for s in seeds]


def draw(results: Results, options: Options) -> str:
    """A panel a network: a dot for each seed, joined with its twin."""
    with pictures.windowless():
        figure = pictures.new_figure(9, 3.2)
        for ax, (name, (_, _, words)) in zip(
            figure.subplots(1, len(TASKS)), TASKS.items(), strict=True
        ):
            pairs = np.array([values(results, name, each) for each in PRECISIONS])
            ax.plot([0, 1], pairs, "o-", color="#0072B2", alpha=0.7)
            ax.set(xlim=(-0.4, 1.4), title=name, ylabel=words)
            ax.set_xticks([0, 1], PRECISIONS)
            ax.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        save_small(figure, options.picture("mixed-precision.png"), 100)
    return "mixed-precision.png"


def run(options: Options) -> Record:
    """All trainings, and what they say."""
    clock, results = Clock(), Results(options.checkpoints)
    measure(options, results)
    measured: dict[str, float] = {}
    for name in TASKS:
        for precision in PRECISIONS:
            mean = float(np.mean(values(results, name, precision)))
            measured[f"{name}, {precision}"] = mean
        seconds = [min(values(results, name, p, "seconds")) for p in PRECISIONS]
        measured[f"{name}, times as fast"] = seconds[0] / seconds[1]
    return Record(
        "mixed-precision",
        SUMMARY,
        measured,
        PUBLISHED,
        seed=options.seed,
        seconds=clock.seconds,
        settings={"each seed": dict(results.found)},
        pictures=[draw(results, options)],
    )
