"""One candidate trained on one fold, and measured on what was held out.

Place on the road: the work of a search, done in any process: its outcome depends on its
arguments alone, so it is the same wherever it is computed. One thread each: sums of
several threads are rounded in another order.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import data, nn, training
from ..config import config
from ..errors import NumericsError
from ..random_numbers import manual_seed
from ..runs import network
from ..runs.settings import Network, Settings, Training
from .folds import Fold
from .growth import grown
from .space import Candidate

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Start:
    """A trained network to start from, of a smaller size.

    Arguments:
        hidden: the sizes of its hidden layers.
        weights: its state, by name.
    """

    hidden: tuple[int, ...]
    weights: Mapping[str, Array]


@dataclass(frozen=True)
class Task:
    """A candidate and a fold.

    Arguments:
        candidate: what is trained.
        fold: the number of the fold.
        network, training: of the candidate.
        rows: how many rows are predicted at a time.
        start: a smaller network whose weights it begins with.
        keeps: whether the outcome holds the trained weights.
    """

    candidate: Candidate
    fold: int
    network: Network
    training: Training
    rows: int
    start: Start | None = None
    keeps: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a candidate did on a fold.

    Arguments:
        candidate, fold: which.
        error: the part of wrong classes, or the RMSE in the units of the target;
            infinite where training diverged.
        seconds: of training and measuring.
        weights: those that were trained, where they are kept.
    """

    candidate: Candidate
    fold: int
    error: float
    seconds: float = 0.0
    weights: Mapping[str, Array] | None = None

    def to_json(self) -> dict[str, Any]:
        """A line of the journal; an infinite error is null."""
        error = self.error if np.isfinite(self.error) else None
        return {
            **self.candidate.to_json(),
            "fold": self.fold,
            "error": error,
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Outcome:
        """The inverse of ``to_json``.

        Raises:
            KeyError, TypeError, ValueError: they are no outcome.
        """
        error = values["error"]
        return cls(
            Candidate.from_json(values),
            int(values["fold"]),
            np.inf if error is None else float(error),
            float(values["seconds"]),
        )


def task_for(
    settings: Settings, candidate: Candidate, fold: int, rows: int, **more: Any
) -> Task:
    """The task of one fold. Every fold has first weights and an order of its own.

    Arguments:
        settings: of the run, from which candidates differ.
        candidate, fold, rows: as those of ``Task``.
        **more: ``start`` and ``keeps``.
    """
    own = with_candidate(settings, candidate)
    words = {**vars(own.training), "seed": own.training.seed + fold}
    return Task(candidate, fold, own.network, Training(**words), rows, **more)


def with_candidate(settings: Settings, candidate: Candidate) -> Settings:
    """The settings of a run of this candidate."""
    values = vars(settings)
    sizes = {"hidden": candidate.hidden, "dropout": candidate.dropout}
    rates = {"lr": candidate.lr, "weight_decay": candidate.weight_decay}
    return Settings(
        **{
            **values,
            "network": Network(**{**vars(settings.network), **sizes}),
            "training": Training(**{**vars(settings.training), **rates}),
        }
    )


class Stopped(Exception):
    """Ctrl-C during training."""


def train_fold(task: Task, fold: Fold) -> Outcome:
    """Trains a network on a fold and measures it on what was held out.

    Raises:
        Stopped: for Ctrl-C.
    """
    began = time.perf_counter()
    # On one thread, as every fold is trained wherever that is.
    with config.using(threads=1, engine=task.training.engine):
        model, error = _trained(task, fold.inputs, fold.targets), np.inf
        if model is not None:
            error = _error(model, task, fold)
    weights = None
    if task.keeps and model is not None:
        weights = {name: np.array(v) for name, v in model.state_dict().items()}
    seconds = time.perf_counter() - began
    return Outcome(task.candidate, task.fold, error, seconds, weights)


def first_model(task: Task) -> nn.Sequential:
    """The network before training: new, or grown from a smaller one."""
    manual_seed(task.training.seed)
    if task.start is None:
        return network.build(task.network)
    sizes = {**vars(task.network), "hidden": task.start.hidden}
    smaller = network.build(Network(**sizes))
    smaller.load_state_dict(dict(task.start.weights))
    return grown(smaller, task.network.hidden)


def _trained(task: Task, inputs: Array, targets: Array) -> nn.Sequential | None:
    """The trained network; None where the loss became infinite."""
    words = task.training
    model = first_model(task)
    classes = task.network.outputs if targets.dtype.kind == "i" else None
    examples = data.datasets.Part(inputs, targets, classes=classes)
    steps = data.num_batches(len(examples), words.batch_size)
    try:
        history = training.fit(
            model,
            examples,
            loss=words.loss,
            optimizer=network.make_optimizer(model, words, steps),
            epochs=words.epochs,
            batch_size=words.batch_size,
            metrics=[],
            seed=words.seed,
            progress=False,
        )
    except NumericsError:
        return None
    if history.stopped == "interrupted":
        raise Stopped("Ctrl-C")
    return model


def _error(model: nn.Sequential, task: Task, fold: Fold) -> float:
    """The error on the rows held out."""
    count = len(fold.held_inputs)
    padded = np.resize(fold.held_inputs, (task.rows, *fold.held_inputs.shape[1:]))
    outputs = np.asarray(training.predict(model, padded))[:count].astype(np.float64)
    if not np.isfinite(outputs).all():
        return np.inf
    if fold.held_targets.dtype.kind == "i":
        return float(np.mean(outputs.argmax(axis=1) != fold.held_targets))
    errors = outputs - fold.held_targets
    return float(np.sqrt(np.mean(errors**2)) * fold.unit)
