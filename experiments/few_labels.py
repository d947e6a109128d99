"""What layers trained without labels are worth when labels are few.

784-500-500-10 on MNIST with 100 and 1000 labels (``few-labels-all``: 10 000 and all
60 000 besides). One network starts from layers that were pre-trained as restricted
Boltzmann machines on all 60 000 images, whose labels are not looked at; the other from
random weights (Glorot's). Both are then tuned on the labelled images alone, in the same
way, for the same number of steps. Each figure is the mean of five seeds, which choose
the labelled images (as many of each digit), the weights and the order of the examples.

    chainrule experiment few-labels [--quick] [--seed 0] [--resume]

Found with seeds 0 to 4, in three parts on a busy machine (the record's time is that of
the last): 83.8 and 94.1 % right with pre-trained layers, 76.2 and 88.8 % from random
weights. With either number each pre-trained network is ahead of each that is not.

Found by others (github.com/yell/boltzmann-machines, commit 00f1838) with one layer,
784-1024-10, and with 60 000, 10 000, 1000 and 100 labels: 98.67, 97.21, 93.52 and
81.37 % right where it was pre-trained; 98.26, 94.73, 88.70 and 76.02 % from random
weights. The idea is of Hinton & Salakhutdinov (2006);
why it helps was asked by Erhan et al., Why does unsupervised pre-training help deep
learning? (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import models, optim, pictures

from .belief_net import STARTS, images_and_labels, network
from .record import Clock, Options, Published, Record, Results, save_small

SUMMARY = "784-500-500-10 on MNIST with few labels, pre-trained and from random weights"
DATA = "mnist"
RERUN = "yell/boltzmann-machines, 784-1024-10"
PUBLISHED = (
    Published("100 labels", "0.8137 pre-trained, 0.7602 random", RERUN),
    Published("1000 labels", "0.9352, 0.887", RERUN),
)
HIDDEN, EPOCHS = (500, 500), 5
QUICK_HIDDEN, QUICK_EPOCHS = (200, 200), 15
#: Labels ↦ examples of a batch, and epochs.
Tuning = dict[int, tuple[int, int]]
TUNING: Tuning = {100: (20, 200), 1000: (100, 100)}
QUICK_TUNING: Tuning = {100: (10, 60)}
SEEDS, QUICK_SEEDS = 5, 1


def chosen(labels: Any, count: int, seed: int) -> Any:
    """Positions of so many labelled images, as many of each digit."""
    if count >= len(labels):
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    of_digit = [order[labels[order] == digit][: count // 10] for digit in range(10)]
    return np.concatenate(of_digit)


def measure(options: Options, results: Results, tuning: Tuning) -> None:
    """Both networks with each number of labels, all seeds."""
    x, y, *test = images_and_labels(options.quick)
    kept, quick = options.checkpoints, options.quick
    for count, (batch_size, epochs) in tuning.items():
        for seed in range(
            options.seed, options.seed + (QUICK_SEEDS if quick else SEEDS)
        ):
            for start in STARTS:
                key = f"{count} labels, {start}, seed {seed}"
                if key in results.found:
                    continue
                cr.manual_seed(seed)
                model = network(QUICK_HIDDEN if quick else HIDDEN)
                if start == "pre-trained":
                    models.pretrain(
                        model,
                        x,
                        epochs=QUICK_EPOCHS if quick else EPOCHS,
                        seed=seed,
                        checkpoints=None if kept is None else kept / f"seed-{seed}",
                        progress=False,
                    )
                rows = chosen(y, count, seed)
                cr.fit(
                    model,
                    (x[rows], y[rows]),
                    optimizer=optim.Adam(lr=0.001),
                    epochs=epochs,
                    batch_size=batch_size,
                    seed=seed,
                    progress=False,
                )
                right = cr.evaluate(model, tuple(test))["accuracy"]
                results.keep(key, float(right))


def of_all_seeds(results: Results) -> dict[str, dict[int, list[float]]]:
    """start ↦ number of labels ↦ one share a seed."""
    table: dict[str, dict[int, list[float]]] = {start: {} for start in STARTS}
    for key, value in results.found.items():
        labels, start, _ = key.split(", ")
        table[start].setdefault(int(labels.split()[0]), []).append(value)
    return table


def draw(table: dict[str, dict[int, list[float]]], options: Options, name: str) -> str:
    """Test error over the number of labels, from the least to the most of the seeds."""
    figure = pictures.new_figure(7, 4.6)
    ax = figure.subplots()
    for (start, shares), colour in zip(
        table.items(), ("#0072B2", "#D55E00"), strict=True
    ):
        counts = sorted(shares)
        errors = [1 - np.array(shares[count]) for count in counts]
        ax.loglog(
            counts, [e.mean() for e in errors], "o-", color=colour, label=start, lw=2
        )
        low, high = [e.min() for e in errors], [e.max() for e in errors]
        ax.fill_between(counts, low, high, color=colour, alpha=0.2, lw=0)
    ax.set(xlabel="labels", ylabel="test images wrong")
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2]
    ax.set_yticks(ticks, [f"{100 * tick:g} %" for tick in ticks], minor=False)
    ax.set_yticks([], minor=True)
    every = np.array(
        [1 - share for part in table.values() for s in part.values() for share in s]
    )
    ax.set_ylim(0.8 * every.min(), 1.25 * every.max())
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    save_small(figure, options.picture(f"{name}.png"), 80)
    return f"{name}.png"


def run(
    options: Options,
    name: str = "few-labels",
    summary: str = SUMMARY,
    published: Sequence[Published] = PUBLISHED,
    tuning: Tuning = TUNING,
) -> Record:
    """Measures what is not known yet, and draws all."""
    clock = Clock()
    tuning = QUICK_TUNING if options.quick else tuning
    results = Results(options.checkpoints)
    measure(options, results, tuning)
    table = of_all_seeds(results)
    measured = {
        f"{count} labels, {start}": float(np.mean(table[start][count]))
        for count in sorted(table[STARTS[0]])
        for start in STARTS
    }
    return Record(
        name,
        summary,
        measured,
        published,
        options.seed,
        clock.seconds,
        settings={
            "hidden": list(QUICK_HIDDEN if options.quick else HIDDEN),
            "epochs of a layer": QUICK_EPOCHS if options.quick else EPOCHS,
            "labels: batch, epochs": tuning,
            "each seed": results.found,
        },
        pictures=[draw(table, options, name)],
    )
