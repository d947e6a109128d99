"""Networks in PyTorch: eager, or with forward and backward compiled by Inductor."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from . import Work
from .multilayer import Network, Problem

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def half_mse(prediction: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """½ mean (ŷ − y)²."""
    return 0.5 * nn.functional.mse_loss(prediction, y)


def binary_cross_entropy(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Summed over an example's outputs."""
    total = nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="sum")
    return total / len(y)


LOSSES: dict[str, Any] = {
    "cross_entropy": nn.functional.cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "half_mse": half_mse,
}


def model_of(network: Network) -> nn.Sequential:
    """Linear layers and activations, one after the other."""
    layers: list[nn.Module] = []
    widths = network.widths
    for before, after, activation in zip(
        widths[:-1], widths[1:], network.activations, strict=True
    ):
        layers.append(nn.Linear(before, after))
        if activation != "linear":
            layers.append(ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


def eager(problem: Problem, compiled: bool = False) -> Work:
    """The usual loop, with the fused optimizer; the loss is read once a step."""
    network = problem.network
    model = model_of(network)
    state = {name: torch.from_numpy(v) for name, v in problem.state_dict().items()}
    model.load_state_dict(state)
    optimizer = OPTIMIZERS[network.optimizer](
        model.parameters(), lr=network.learning_rate, fused=True
    )
    criterion = LOSSES[network.loss]

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = criterion(model(x), y)
        return loss

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


def compiled(problem: Problem) -> Work:
    """The same loop with ``torch.compile``."""
    return eager(problem, compiled=True)
