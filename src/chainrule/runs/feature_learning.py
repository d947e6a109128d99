"""How a run learns features: by the model's own loss, from inputs alone.

Place on the road: below ``learning``, which calls it, above ``feature_models``. What is
written and where stands in ``folder``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import data, models, training
from ..training import callbacks
from . import adversarial, feature_models, network, sources, variational
from .settings import Settings

#: β₁ and β₂ of an optimizer that has them, as GANs are usually trained.
BETAS = (0.5, 0.999)

#: Of how many examples the free energy is measured after every epoch.
MEASURED = 1000


class FreeEnergies(callbacks.Callback):
    """The mean free energy of training and of validation data after every epoch.

    While a machine learns what both have in common, the two go down together; once that
    of the training data goes on alone, it learns them by heart.

    Arguments:
        machine: the RBM.
        train, validation: inputs.

    Source: Hinton, A practical guide to training restricted Boltzmann machines (2012),
    section 6.
    """

    columns = ("free_energy", "validation_free_energy")
    only_observes = True

    def __init__(self, machine: Any, train: Any, validation: Any) -> None:
        self.machine, self.parts = machine, (train, validation)

    def on_epoch_end(self, run: Any) -> None:
        """Two numbers for the row of the epoch."""
        for column, part in zip(self.columns, self.parts, strict=True):
            run.row[column] = feature_models.free_energy(self.machine, part)


def first_rows(dataset: data.Dataset, most: int = MEASURED) -> Any:
    """The inputs of some evenly spaced examples."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, most).astype(np.int64))
    return np.asarray(dataset.take(rows)[0])


def learn(
    model: Any,
    settings: Settings,
    examples: sources.Examples,
    fitted: Mapping[str, Any],
    checkpoints: Path,
) -> training.History:
    """Trains a model.

    Arguments:
        model: what is trained.
        settings, examples: of the run.
        fitted: what ``fit`` is given in any run.
        checkpoints: the folder where a belief net's layers have theirs.

    Returns:
        As ``learning.learn``.
    """
    train, held_out = examples.train, examples.validation
    if isinstance(model, models.DeepBeliefNet):
        return _layer_by_layer(model, settings, train, checkpoints, fitted["progress"])
    if isinstance(model, models.GAN):
        held = None if held_out is None else _inputs_of(held_out)
        inputs, folder = _inputs_of(train), checkpoints.parent
        own = _of_each_player(settings, len(train))
        given = {**fitted, "optimizer": own}
        return adversarial.learn(model, settings, inputs, held, given, folder)
    listeners = list(fitted["callbacks"])
    if isinstance(model, models.RBM):
        shown = first_rows(train)
        model.fit_visible_bias(shown)
        if held_out is not None:
            listeners.append(FreeEnergies(model, shown, first_rows(held_out)))
    if isinstance(model, models.VAE):
        shown = first_rows(train)
        model.fit_output_bias(shown)
        listeners.append(variational.BoundParts(model, shown))
    return training.fit(
        feature_models.learner(model, settings.training.loss),
        _inputs_of(train),
        validation=None if held_out is None else _inputs_of(held_out),
        **{**fitted, "callbacks": listeners},
    )


def _of_each_player(settings: Settings, examples: int) -> Any:
    """What each player of a game gets one of: the optimizer, without parameters."""
    steps = data.num_batches(examples, settings.training.batch_size)
    made = network.unbound_optimizer(settings.training, steps)
    if "betas" in made.groups[0].options:
        made.betas = BETAS
    return made


def _inputs_of(dataset: data.Dataset) -> data.Dataset:
    """The same examples without their targets."""
    return data.Dataset(dataset.inputs, name=dataset.name)


def _layer_by_layer(
    net: Any,
    settings: Settings,
    train: data.Dataset,
    checkpoints: Path,
    progress: Any,
) -> training.History:
    """The history of all layers, one after the other."""
    words = settings.training
    inputs = np.asarray(train[:][0])
    histories = net.pretrain(
        (inputs, np.asarray(train.targets)) if settings.network.labels else inputs,
        epochs=words.epochs,
        batch_size=words.batch_size,
        optimizer=network.unbound_optimizer(words, len(train)),
        seed=words.seed,
        checkpoints=checkpoints,
        progress=progress,
    )
    return _joined(histories)


def _joined(histories: Mapping[str, training.History]) -> training.History:
    """One history of several layers, whose epochs are counted on."""
    rows = [
        {"epoch": 0, "layer": layer} | row
        for layer, history in histories.items()
        for row in history.epochs
    ]
    for number, row in enumerate(rows, 1):
        row["epoch"] = number
    last = list(histories.values())[-1]
    return training.History(rows, last.stopped, last.settings)
