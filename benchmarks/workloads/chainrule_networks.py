"""Networks in chainrule: a step (forward, backward, update) compiled or at once."""

from __future__ import annotations

from typing import Any

import chainrule as cr
from chainrule import losses, nn, optim

from . import Work
from .multilayer import Network, Problem

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
OPTIMIZERS = {"adam": optim.Adam, "sgd": optim.SGD}


def half_mse(prediction: Any, y: Any) -> Any:
    """½ mean (ŷ − y)²."""
    return 0.5 * losses.mse(prediction, y)


def binary_cross_entropy(logits: Any, y: Any) -> Any:
    """Summed over an example's outputs."""
    return losses.binary_cross_entropy(logits, y, per="sample")


LOSSES = {
    "cross_entropy": losses.cross_entropy,
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
    """The usual loop; the loss is read once a step."""
    network = problem.network
    model = model_of(network)
    model.load_state_dict(problem.state_dict())
    optimizer = OPTIMIZERS[network.optimizer](
        model.parameters(), lr=network.learning_rate
    )
    loss_of = LOSSES[network.loss]

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


def compiled(problem: Problem) -> Work:
    """The same loop around a compiled step."""
    return eager(problem, compiled=True)
