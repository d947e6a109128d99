"""Networks in chainrule: a step (forward, backward, update) compiled or at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import losses, nn

from . import Work, training
from .multilayer import Network, Problem

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


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


def set_lstm(model: nn.Module, weights: dict[str, Any], lstm: str, output: str) -> Any:
    """Gives an LSTM and the layer behind it their first weights, one bias for each
    gate; answers the parameters that are trained, all but the second biases.

    Arguments:
        lstm, output: the names of the two layers.
    """
    model.load_state_dict(
        {
            f"{lstm}.weight_ih_l0": weights["input"],
            f"{lstm}.weight_hh_l0": weights["hidden"],
            f"{lstm}.bias_ih_l0": weights["bias"],
            f"{lstm}.bias_hh_l0": np.zeros_like(weights["bias"]),
            f"{output}.weight": weights["output"],
            f"{output}.bias": weights["output_bias"],
        }
    )
    named = model.named_parameters()
    return [weight for name, weight in named if not name.endswith("bias_hh_l0")]


def eager(problem: Problem, compiled: bool = False) -> Work:
    """The usual loop; the loss is read once a step."""
    model = model_of(problem.network)
    model.load_state_dict(problem.state_dict())
    loss_of = LOSSES[problem.network.loss]
    return training.in_chainrule(model, loss_of, problem, compiled)


def compiled(problem: Problem) -> Work:
    """The same loop around a compiled step."""
    return eager(problem, compiled=True)


def by_rows(problem: Problem) -> Work:
    """All steps of a pass in one call."""
    model = model_of(problem.network)
    model.load_state_dict(problem.state_dict())
    loss_of = LOSSES[problem.network.loss]
    return training.by_rows_in_chainrule(model, loss_of, problem)
