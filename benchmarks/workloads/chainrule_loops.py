"""Training in chainrule: one step, compiled or at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr

from . import Train
from .multilayer import Problem


def train_by_step(
    problem: Problem,
    model: Any,
    optimizer: Any,
    loss_of: Callable[[Any, Any], Any],
    compiled: bool,
) -> Train:
    """Forward, backward and update; with ``compiled``, as one function."""
    model.load_state_dict(problem.state_dict())

    def step(x: Any, y: Any) -> Any:
        loss = loss_of(model(x, training=True), y)
        optimizer.step(cr.backprop(loss))
        return loss

    if compiled:
        step = cr.compile(step)
    batches = [
        (cr.tensor(x), cr.tensor(y))
        for x, y in zip(problem.inputs, problem.targets, strict=True)
    ]

    def train(passes: int) -> list[float]:
        means = []
        for _ in range(passes):
            total = 0.0
            for x, y in batches:
                total += step(x, y).item()
            means.append(total / len(batches))
        return means

    return train
