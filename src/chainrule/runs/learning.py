"""A run from its first weights to its scores: prepared, trained, tested once.

Place on the road: below the commands, which say what is going on; above ``report`` and
``network``. What is written and where stands in ``folder``.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import data, training
from ..models.bayesian.laplace import Laplace
from ..random_numbers import manual_seed
from ..training import callbacks
from . import (
    baselines,
    feature_learning,
    feature_models,
    feature_report,
    network,
    predictions,
    report,
    sources,
)
from .folder import RATES, RunFolder
from .settings import Settings

#: Degrees by which ``--augment rotate`` turns images at most.
TURN = 10.0


@dataclass
class Run:
    """A run that is about to start or to be resumed."""

    folder: RunFolder
    settings: Settings
    examples: sources.Examples
    model: Any
    optimizer: Any
    resume: bool


def prepared(
    folder: RunFolder, settings: Settings, examples: sources.Examples, resume: bool
) -> Run:
    """The run, its network with the first weights, and its optimizer.

    Arguments:
        folder: where it is kept.
        settings: everything it is made with.
        examples: its data.
        resume: whether it goes on from its last checkpoint.
    """
    manual_seed(settings.training.seed)
    model: Any
    if settings.network.learns_features:
        model = feature_models.build(settings, network.ACTIVATIONS)
    elif settings.network.bayes:
        model = network.build_posterior(settings.network, len(examples.train))
    else:
        model = network.build(settings.network, settings.image_shape)
    steps = data.num_batches(len(examples.train), settings.training.batch_size)
    optimizer = network.make_optimizer(model, settings.training, steps)
    return Run(folder, settings, examples, model, optimizer, resume)


def learning_rates(run: Run) -> training.LearningRates:
    """How the loss changes with the learning rate, drawn in the folder. It is found on
    copies: the run is as it was, its rate too.

    Arguments:
        run: what is to be trained.
    """
    words = run.settings.training
    constant = replace(words, schedule="constant")
    found = training.find_lr(
        run.model,
        _trained_on(run),
        loss=network.loss_of(run.settings),
        optimizer=network.make_optimizer(run.model, constant, 1),
        batch_size=words.batch_size,
    )
    found.plot(run.folder.path / RATES)
    return found


def _trained_on(run: Run) -> Any:
    """The training examples, with what changes images at random."""
    changed, train = _augmentation(run.settings), run.examples.train
    return train if changed is None else train.augmented(changed)


def learn(run: Run, progress: Any = None) -> training.History:
    """Trains; the network and its history are in the folder afterwards.

    Arguments:
        run: what is trained.
        progress: as ``fit`` takes it.

    Returns:
        The history; its ``stopped`` is "interrupted" after Ctrl-C, and the run can be
        resumed. A belief net stopped among its layers is no model yet and is not
        saved.
    """
    words = run.settings.training
    listening: list[Any] = [callbacks.Checkpoint(run.folder.checkpoints)]
    if words.patience is not None and run.examples.validation is not None:
        listening.append(
            callbacks.EarlyStopping("validation_loss", patience=words.patience)
        )
    fitted: dict[str, Any] = {
        "optimizer": run.optimizer,
        "epochs": words.epochs,
        "batch_size": words.batch_size,
        "callbacks": listening,
        "watch": run.settings.watch,
        "seed": words.seed,
        "progress": progress,
        "resume": "auto" if run.resume else None,
    }
    with _keeping_history(run.folder):
        if run.settings.network.learns_features:
            folder = run.folder.checkpoints
            history = feature_learning.learn(
                run.model, run.settings, run.examples, fitted, folder
            )
        else:
            history = training.fit(
                run.model,
                _trained_on(run),
                loss=network.loss_of(run.settings),
                validation=run.examples.validation,
                **fitted,
            )
    if isinstance(run.model, Laplace) and len(history):
        run.model.measure_curvature(run.examples.train.inputs)
    history.to_json(run.folder.history)
    named = run.settings.network
    half = named.model == "dbn" and history.stopped == "interrupted"
    if not half and (len(history) or not named.learns_features):
        run.model.save(run.folder.model)
    return history


def finish(
    run: Run,
    history: training.History,
    seconds: Callable[[], float],
    cross_validation: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Evaluates on the test data, draws pictures, and writes ``metrics.json``.

    Arguments:
        run: what was trained.
        history: of its training.
        seconds: how long it has taken, asked at the end.
        cross_validation: the scores by which the network was chosen, if it was: the
            main score of the task, its ``standard_error``, the number of ``folds``.

    Returns:
        What ``metrics.json`` holds, and the names of the pictures.
    """
    examples, settings, folder = run.examples, run.settings, run.folder
    if settings.network.learns_features:
        pca = feature_report.components_of(settings, examples)
        names = feature_report.draw_all(
            folder.path, settings, run.model, history, examples, pca
        )
        result = feature_report.scores(run.model, settings, examples, pca)
        result |= _about_training(run, history)
    else:
        said = predictions.predict(run.model, examples.test, settings)
        names = report.draw_all(
            folder.path, settings, run.model, history, said, examples.test
        )
        result = _scores(run, history, said) | {"cross_validation": cross_validation}
    result["seconds"] = round(seconds(), 3)
    folder.write(folder.metrics, result)
    shutil.rmtree(folder.checkpoints, ignore_errors=True)
    return result, names


@contextlib.contextmanager
def _keeping_history(folder: RunFolder) -> Iterator[None]:
    """Writes what was trained before an error, a NaN for one, into the folder, and
    draws what was watched, which may show why.
    """
    try:
        yield
    except Exception as error:
        history = getattr(error, "history", None)
        if history is not None:
            history.to_json(folder.history)
            report.draw_watched(folder.path, history)
        raise


def _augmentation(settings: Settings) -> data.Augmentation | None:
    """What happens to training images: moved by up to an eighth, turned by 10°."""
    words = settings.training.augment
    if not words:
        return None
    side = min(settings.image_shape[:2])
    return data.Augmentation(
        flip="flip" in words,
        crop=max(1, side // 8) if "crop" in words else 0,
        rotate=TURN if "rotate" in words else 0.0,
    )


def _scores(
    run: Run, history: training.History, said: predictions.Predictions
) -> dict[str, Any]:
    """What ``metrics.json`` holds: scores of the kept weights, and beside them those of
    what costs nothing.
    """
    examples, settings = run.examples, run.settings
    parts = {"test": examples.test}
    validation = None
    if examples.validation is not None:
        parts["validation"] = examples.validation
        watched = predictions.predict(run.model, examples.validation, settings)
        validation = report.measure(watched, np.asarray(examples.validation.targets))
    found = baselines.fitted(
        examples.train,
        every=settings.baselines,
        tested=sum(map(len, parts.values())),
        columns=examples.transform.columns if examples.transform else (),
    )
    return {
        "test": report.measure(said, np.asarray(examples.test.targets)),
        "validation": validation,
        "baselines": report.measure_baselines(found, parts, settings),
        **_about_training(run, history),
    }


def _about_training(run: Run, history: training.History) -> dict[str, Any]:
    """Which weights were kept, and how long the training was."""
    return {
        "kept": report.kept_weights(history, run.settings),
        "epochs": len(history),
        "training_seconds": round(sum(history["seconds"]), 3),
        "stopped": history.stopped,
    }
