"""Training scikit-learn's networks a batch at a time, from given initial weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import Train
from .multilayer import Problem


def train_by_partial_fit(
    problem: Problem, model: Any, targets: Sequence[Any], settings: dict[str, Any]
) -> Train:
    """``partial_fit`` on every batch in turn.

    The interface has no initial weights: a first call makes the arrays, which are then
    overwritten, and the optimizer's state is dropped.
    """
    model.partial_fit(problem.inputs[0], targets[0], **settings)
    layers = zip(model.coefs_, model.intercepts_, problem.layers, strict=True)
    for coefficients, intercepts, (weight, bias) in layers:
        coefficients[...] = weight.T
        intercepts[...] = bias
    del model._optimizer
    batches = list(zip(problem.inputs, targets, strict=True))

    def train(passes: int) -> list[float]:
        means = []
        for _ in range(passes):
            total = 0.0
            for x, y in batches:
                model.partial_fit(x, y)
                total += float(model.loss_)
            means.append(total / len(batches))
        return means

    return train
