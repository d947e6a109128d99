"""Networks in PyTorch: eager, or with forward and backward compiled by Inductor."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from . import Work, training
from .multilayer import Network, Problem

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


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


def set_lstm(model: Any, weights: dict[str, Any]) -> None:
    """Gives ``model.lstm`` and ``model.output`` their first weights, one bias for each
    gate; the second biases are 0 and stay so.
    """
    given = {name: torch.from_numpy(array) for name, array in weights.items()}
    with torch.no_grad():
        model.lstm.weight_ih_l0.copy_(given["input"])
        model.lstm.weight_hh_l0.copy_(given["hidden"])
        model.lstm.bias_ih_l0.copy_(given["bias"])
        model.lstm.bias_hh_l0.zero_().requires_grad_(False)
        model.output.weight.copy_(given["output"])
        model.output.bias.copy_(given["output_bias"])


def eager(problem: Problem, compiled: bool = False) -> Work:
    """The usual loop, with the fused optimizer; the loss is read once a step."""
    model = model_of(problem.network)
    state = {name: torch.from_numpy(v) for name, v in problem.state_dict().items()}
    model.load_state_dict(state)
    loss_of = LOSSES[problem.network.loss]
    return training.in_torch(model, loss_of, problem, compiled)


def compiled(problem: Problem) -> Work:
    """The same loop with ``torch.compile``."""
    return eager(problem, compiled=True)
