"""The two ways to train in Keras: its own ``fit``, or a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Train
from .multilayer import Problem


def train_by_fit(problem: Problem, model: Any, optimizer: Any, loss: Any) -> Train:
    """``fit`` over arrays in memory, all steps of a pass in one call of its graph."""
    inputs, targets = np.concatenate(problem.inputs), np.concatenate(problem.targets)
    model.compile(optimizer, loss, steps_per_execution=len(problem.inputs))

    def train(passes: int) -> list[float]:
        history = model.fit(
            inputs,
            targets,
            batch_size=problem.batch_size,
            epochs=passes,
            shuffle=False,
            verbose=0,
        )
        return [float(loss) for loss in history.history["loss"]]

    return train


def train_by_batch(problem: Problem, model: Any, optimizer: Any, loss: Any) -> Train:
    """``train_on_batch``, which answers the loss of the batch."""
    model.compile(optimizer, loss)
    batches = list(zip(problem.inputs, problem.targets, strict=True))

    def train(passes: int) -> list[float]:
        means = []
        for _ in range(passes):
            total = 0.0
            for x, y in batches:
                total += float(model.train_on_batch(x, y))
            means.append(total / len(batches))
        return means

    return train
