"""Training in PyTorch: eager, or with forward and backward compiled by Inductor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from . import Train
from .multilayer import Problem


def train_by_step(
    problem: Problem,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: Callable[[Any, Any], torch.Tensor],
    compiled: bool,
) -> Train:
    """The usual loop; the loss is read once a step."""
    state = {name: torch.from_numpy(v) for name, v in problem.state_dict().items()}
    model.load_state_dict(state)

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return criterion(model(x), y)

    if compiled:
        loss_of = torch.compile(loss_of)
    batches = [
        (torch.from_numpy(x), torch.from_numpy(y))
        for x, y in zip(problem.inputs, problem.targets, strict=True)
    ]

    def train(passes: int) -> list[float]:
        means = []
        for _ in range(passes):
            total = 0.0
            for x, y in batches:
                optimizer.zero_grad()
                loss = loss_of(x, y)
                loss.backward()
                optimizer.step()
                total += loss.item()
            means.append(total / len(batches))
        return means

    return train
