"""The settings of a new run, from what was asked for and defaults for the rest.

Place on the road: below the commands, above ``network`` and ``sources``. It must not
know how a network is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import __version__
from ..config import config
from ..errors import ArgumentError
from . import architectures, network, posteriors, sources
from .settings import Network, Settings, Source, Training

SEED = 0
OPTIMIZER = "adam"
VALIDATION = 0.1


def model_name(asked: dict[str, Any], source: Source) -> str:
    """The name of the network, and an error for options of another kind."""
    usual = "resnet" if source.folder is not None else architectures.PERCEPTRON
    name: str = asked.get("model", usual)
    if "code" in asked:
        raise ArgumentError(
            f"--code: --model {name} predicts and has no code",
            fix="leave --code out, or --model autoencoder",
        )
    if name != architectures.PERCEPTRON:
        for option in ("hidden", "activation", "dropout", "members"):
            if option in asked:
                raise ArgumentError(
                    f"--{option}: --model {name} has its own layers",
                    fix=f"leave --{option} out, or --model {architectures.PERCEPTRON}",
                )
    return name


def members(asked: dict[str, Any], usual: int) -> int:
    """How many networks are trained side by side.

    Arguments:
        asked: options by name.
        usual: how many there are unless the optimizer is for one.
    """
    if asked.get("optimizer") in network.BEST_ALONE:
        usual = 1
    number: int = asked.get("members", usual)
    return number


def _augment(
    asked: dict[str, Any], source: Source, shape: Sequence[int], name: str
) -> tuple[str, ...]:
    """How training images are changed."""
    given: tuple[str, ...] | None = asked.get("augment")
    if given and not shape:
        raise ArgumentError(
            "--augment: it is for images",
            fix="leave --augment out",
        )
    if given is not None:
        return given
    photographs = source.folder is not None or source.name == "cifar-10"
    convolves = name != architectures.PERCEPTRON
    return ("flip", "crop") if photographs and convolves else ()


def schedule_of(asked: dict[str, Any], optimizer: str) -> str:
    """How the learning rate changes.

    Raises:
        ArgumentError: a learning rate or a schedule for a minimizer, which has none.
    """
    if not network.is_minimizer(optimizer):
        schedule: str = asked.get("schedule", "one_cycle")
        return schedule
    for option in ("lr", "schedule"):
        if option in asked:
            raise ArgumentError(
                f"--{option}: {optimizer} has no learning rate: "
                + (
                    "a line search finds the length of every step"
                    if network.has_line_search(optimizer)
                    else "it finds the length of every step itself"
                ),
                fix=f"leave --{option} out",
            )
    return network.LINE_SEARCH


def _network(
    asked: dict[str, Any],
    examples: sources.Examples,
    usual: network.Defaults,
    name: str,
    loss: str,
) -> Network:
    """The network that is asked for, of a size that fits the data."""
    train = examples.train
    shape = train.image_shape or ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    if name != architectures.PERCEPTRON:
        architectures.check(name, shape, examples.title)
        mean, std = sources.channel_scaling(train)
    classes = train.num_classes or 0
    bayes: str = asked.get("bayes", "")
    hidden = asked.get("hidden", usual.hidden)
    side_by_side = usual.members if hidden else 1  # of linear models one is the best
    dropout = asked.get("dropout", usual.dropout)
    if bayes:
        side_by_side = posteriors.MEMBERS if bayes == "ensemble" else 1
        dropout = posteriors.dropout(asked, usual.dropout)
    return Network(
        math.prod(shape or np.shape(train.inputs)[1:]),
        classes if train.task == "classification" else 1,
        hidden,
        asked.get("activation", "relu"),
        dropout,
        name,
        mean,
        std,
        members(asked, side_by_side),
        "probabilities" if bayes and classes else network.average(loss),
        bayes=bayes,
    )


def settings_for(
    asked: dict[str, Any], source: Source, examples: sources.Examples, name: str
) -> Settings:
    """The settings from the options, with defaults for the rest.

    Arguments:
        asked: options by name, those that were given.
        source, examples: the data.
        name: of the network; see ``model_name``.

    Raises:
        ArgumentError: options that do not go together, or not with the data.
    """
    train = examples.train
    task = train.task
    shape = train.image_shape or ()
    optimizer = asked.get("optimizer", OPTIMIZER)
    usual = network.defaults(len(train), bool(shape), name)
    usual = usual.for_optimizer(optimizer, len(train))
    schedule = schedule_of(asked, optimizer)
    if "bayes" in asked:
        posteriors.check_options(asked, name, network.is_minimizer(optimizer))
    loss = asked.get("loss", network.LOSSES[task][0])
    if loss not in network.LOSSES[task]:
        raise ArgumentError(
            f"--loss {loss}: not a loss for {task}",
            fix=f"one of {', '.join(network.LOSSES[task])}",
        )
    validation = asked.get("validation", VALIDATION)
    if not validation and "patience" in asked:
        raise ArgumentError(
            "--patience: early stopping needs validation data",
            fix="leave --validation 0 out",
        )
    batch_size = min(asked.get("batch_size", usual.batch_size), len(train))
    return Settings(
        source=source,
        network=_network(asked, examples, usual, name, loss),
        training=Training(
            epochs=asked.get("epochs", usual.epochs),
            batch_size=batch_size,
            optimizer=optimizer,
            loss=posteriors.LOSS if "bayes" in asked else loss,
            lr=asked.get("lr", usual.lr),
            schedule=schedule,
            weight_decay=asked.get(
                "weight_decay", network.WEIGHT_DECAY.get(optimizer, 0.0)
            ),
            seed=asked.get("seed", SEED),
            validation=validation,
            patience=asked.get("patience", usual.patience if validation else None),
            engine=asked.get("engine", config.engine),
            threads=config.threads,
            augment=_augment(asked, source, shape, name),
        ),
        title=examples.title,
        task=task,
        target=train.target_name or "class",
        classes=(train.classes or ()) if task == "classification" else (),
        image_shape=tuple(shape),
        transform=examples.transform.to_json() if examples.transform else None,
        baselines=asked.get("baselines", False),
        watch=asked.get("watch", False),
        version=__version__,
    )
