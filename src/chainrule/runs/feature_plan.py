"""The settings of a run that learns features: no target, a code instead of outputs.

Place on the road: above ``plan``, whose defaults it shares, and ``feature_models``. It
must not know how a model is trained.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from typing import Any

import numpy as np

from .. import __version__
from ..config import config
from ..errors import ArgumentError, DataError
from . import feature_models, network, sources
from .feature_models import OF_SHARES, FeatureModel, Usual
from .plan import SEED, VALIDATION, schedule_of
from .settings import (
    CODED,
    FEATURES,
    GENERATORS,
    Network,
    Settings,
    Source,
    Training,
)

#: Options for networks that predict.
FOR_PREDICTING = ("bayes", "augment", "dropout", "members", "baselines")

#: Options that a belief net, trained layer by layer, has no use for.
FOR_ONE_TRAINING = ("schedule", "patience", "watch")


def check_options(asked: dict[str, Any], name: str) -> None:
    """An error for options of another kind of model.

    Arguments:
        asked: options by name.
        name: of the model.

    Raises:
        ArgumentError: one of them is for networks that predict, or for another model.
    """
    if name in GENERATORS:
        _check_generator(asked, name)
        return
    machine = name not in CODED
    only_features = "learns features and predicts nothing"
    if name == "dbn":
        only_features = "learns features layer by layer, and has no use for it"
    refused = {
        **dict.fromkeys(FOR_PREDICTING, only_features),
        "find_lr": "learns features; rates are found for networks that predict",
        **({"code": "has its code in the last of --hidden"} if machine else {}),
        **({"activation": "has units of its own"} if machine else {}),
        **(
            {"patience": "may reconstruct worse while it still learns"}
            if machine
            else {}
        ),
        **(
            dict.fromkeys(FOR_ONE_TRAINING, "is trained layer by layer")
            if name == "dbn"
            else {}
        ),
    }
    for option, why in refused.items():
        if option in asked:
            raise _refusal(option, name, why)
    for option in ("target", "task"):
        if option in asked and not (name == "dbn" and "target" in asked):
            raise _target_refused(option, str(asked[option]), name)


def _check_generator(asked: dict[str, Any], name: str) -> None:
    """The same for a model that makes data and has no code of them."""
    refused = {
        **dict.fromkeys(FOR_PREDICTING, "makes data and predicts nothing"),
        "find_lr": "has two losses, which no rate makes both small",
        "activation": "has ReLU, and LeakyReLU in the discriminator",
        "patience": "has losses that do not say how good samples are",
        "schedule": "moves two networks, which keep each other in balance",
    }
    for option, why in refused.items():
        if option in asked:
            raise _refusal(option, name, why)
    for option in ("target", "task"):
        if option in asked:
            raise _target_refused(option, str(asked[option]), name)
    if network.is_minimizer(asked.get("optimizer", "adam")):
        raise ArgumentError(
            f"--optimizer {asked['optimizer']}: it looks for the least value of one "
            f"loss, and --model {name} has two",
            fix="adam, momentum, or another optimizer that takes a learning rate",
        )


def _refusal(option: str, name: str, why: str) -> ArgumentError:
    word = f"--{option.replace('_', '-')}"
    return ArgumentError(f"{word}: --model {name} {why}", fix=f"leave {word} out")


def _target_refused(option: str, value: str, name: str) -> ArgumentError:
    fix = f"leave --{option} out"
    if option == "target":
        fix += f"; --drop {shlex.quote(value)} keeps the column out of the inputs"
    return ArgumentError(
        f"--{option} {value}: --model {name} learns from the inputs alone", fix=fix
    )


def settings_for(
    asked: dict[str, Any], source: Source, examples: sources.Examples, name: str
) -> Settings:
    """The settings from the options, with defaults for the rest; see ``plan``.

    Raises:
        ArgumentError: options that do not go together, or not with the data.
        DataError: data of one number, which have no shorter code.
    """
    train, model = examples.train, feature_models.MODELS[name]
    shape = train.image_shape or ()
    inputs = math.prod(shape or np.shape(train.inputs)[1:])
    usual = model.usual(len(train), inputs, bool(shape))
    optimizer = asked.get("optimizer", usual.optimizer)
    made = _network(asked, examples, usual, name, inputs)
    loss = _loss(asked, model, made, bool(shape))
    if name == "vae":
        made = replace(made, visible=loss.removesuffix("_nll"))
    validation = asked.get("validation", VALIDATION)
    if not validation and "patience" in asked:
        raise ArgumentError(
            "--patience: early stopping needs validation data",
            fix="leave --validation 0 out",
        )
    _check_optimizer(optimizer, name)
    sizes = (usual.epochs, usual.batch_size, usual.lr)
    rates = network.Defaults((), 0.0, *sizes, None)
    if optimizer != usual.optimizer:
        rates = rates.for_optimizer(optimizer, len(train))
    return Settings(
        source=source,
        network=made,
        training=Training(
            epochs=asked.get("epochs", rates.epochs),
            batch_size=min(asked.get("batch_size", rates.batch_size), len(train)),
            optimizer=optimizer,
            loss=loss,
            lr=asked.get("lr", rates.lr),
            schedule="constant"
            if name in ("dbn", *GENERATORS)
            else schedule_of(asked, optimizer),
            weight_decay=asked.get(
                "weight_decay", network.WEIGHT_DECAY.get(optimizer, 0.0)
            ),
            seed=asked.get("seed", SEED),
            validation=validation,
            patience=asked.get("patience", rates.patience),
            engine=asked.get("engine", config.engine),
            threads=config.threads,
        ),
        title=examples.title,
        task=FEATURES,
        target="",
        classes=train.classes or (),
        image_shape=tuple(shape),
        transform=examples.transform.to_json() if examples.transform else None,
        watch=asked.get("watch", False),
        version=__version__,
    )


def _check_optimizer(optimizer: str, name: str) -> None:
    """An error for one that compares values, where a loss has none to compare."""
    if not network.is_minimizer(optimizer) or name == "autoencoder":
        return
    why = "contrastive divergence is a direction, not a function that has a smallest "
    why += "value"
    if name == "vae":
        why = "it compares values, and the bound has other draws in each"
    raise ArgumentError(
        f"--optimizer {optimizer}: {why}",
        fix="adam, momentum, or another optimizer that takes a learning rate",
    )


def _loss(
    asked: dict[str, Any], model: FeatureModel, made: Network, images: bool
) -> str:
    fitting = [name for name in model.losses if images or name not in OF_SHARES]
    loss: str = asked.get("loss", fitting[0])
    if loss not in model.losses:
        raise ArgumentError(
            f"--loss {loss}: not a loss of --model {made.model}",
            fix=f"one of {', '.join(model.losses)}",
        )
    if loss in OF_SHARES and not images:
        raise ArgumentError(
            f"--loss {loss}: for data from 0 to 1; the columns of a table are scaled "
            "to mean 0 and deviation 1",
            fix=f"--loss {fitting[0]}",
        )
    if loss.startswith("persistent") and feature_models.has_real_units(made):
        if "loss" in asked:
            raise ArgumentError(
                f"--loss {loss}: chains of real units wander off without data",
                fix="--loss contrastive_divergence",
            )
        return "contrastive_divergence"
    return loss


def _generator(
    asked: dict[str, Any],
    examples: sources.Examples,
    hidden: tuple[int, ...],
    name: str,
    inputs: int,
) -> Network:
    """The sizes of a GAN: of its noise, and of hidden layers or stages."""
    shape = examples.train.image_shape
    if not hidden:
        raise ArgumentError(
            f"--hidden none: --model {name} has one size or more",
            fix="--hidden 128,128",
        )
    if name == "dcgan":
        half = 2 ** len(hidden)
        if not shape:
            raise ArgumentError(
                f"--model dcgan: a network for images, and {examples.title} holds none",
                fix="--model gan",
            )
        if shape[0] % half or shape[1] % half:
            raise ArgumentError(
                f"--model dcgan: {len(hidden)} stages halve images of {shape[0]} × "
                f"{shape[1]} so often: expected multiples of {half}",
                fix="--model gan, or for a folder of images another --size",
            )
    code = asked.get("code", max(2, min(64, inputs // 2)))
    return Network(inputs, code, hidden, "relu", model=name)


def _network(
    asked: dict[str, Any],
    examples: sources.Examples,
    usual: Usual,
    name: str,
    inputs: int,
) -> Network:
    train = examples.train
    hidden = asked.get("hidden", usual.hidden)
    if name in GENERATORS:
        return _generator(asked, examples, hidden, name, inputs)
    if name in CODED:
        if inputs == 1:
            raise DataError(
                f"{examples.title}: one input number, and a code must have fewer "
                "numbers than the inputs",
                fix="data with more columns",
            )
        code = asked.get("code", feature_models.usual_code(inputs))
        if code >= inputs and name == "autoencoder":
            raise ArgumentError(
                f"--code {code}: the inputs of {examples.title} are {inputs} numbers: "
                "a code as wide could copy them",
                fix=f"--code {inputs - 1} or less",
            )
        # for a few columns of numbers, a smooth function
        activation = asked.get("activation", "relu" if train.image_shape else "tanh")
        return Network(inputs, code, hidden, activation, model=name)
    if not hidden or (name == "rbm" and len(hidden) != 1):
        expected = "one size" if name == "rbm" else "one size or more"
        said = ",".join(map(str, hidden)) or "none"
        raise ArgumentError(
            f"--hidden {said}: --model {name} has {expected}: of its hidden units",
            fix="--hidden 500" + "; --model dbn has several layers" * bool(hidden),
        )
    joint = name == "dbn" and train.task == "classification"
    if "target" in asked and not joint:
        raise ArgumentError(
            f"--target {asked['target']}: an amount; --model dbn joins data and "
            "classes",
            fix="--task classification, or another column",
        )
    visible = feature_models.visible_units(examples.transform, inputs)
    return Network(
        inputs, hidden[-1], hidden, "sigmoid", model=name, visible=visible,
        labels=(train.num_classes or 0) if joint else 0,
    )  # fmt: skip
