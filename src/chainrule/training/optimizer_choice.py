"""Which optimizer trains a model: what ``fit`` was given, checked against the model and
the loss.

Place on the road: before the loop. It must not know of epochs or callbacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import nn, optim
from ..errors import ArgumentError
from ..nn.module import Module
from .examples import Examples
from .objective import Objective, OwnLoss
from .step import warn_of_moving_averages

if TYPE_CHECKING:
    from .snapshot import AnyOptimizer

#: Examples in a batch, for optimizers that take gradients.
BATCH_SIZE = 32


def usual_batch_size(optimizer: AnyOptimizer, examples: Examples) -> int:
    """32, or all examples for a minimizer."""
    if optimizer.evaluates_loss and not examples.is_stream:
        return len(examples.source)
    return BATCH_SIZE


def chosen_optimizer(optimizer: Any, model: Module) -> AnyOptimizer:
    """The requested optimizer; an error if it would train nothing of the model."""
    own = model.parameters()
    name = type(model).__name__
    if not own:
        raise ArgumentError(
            f"fit: {name} has no parameters: there is nothing to train",
            fix="keep layers and parameters in attributes of the model",
        )
    if isinstance(model, nn.Game):
        from .player_optimizers import player_optimizers  # few trainings need it

        return player_optimizers(optimizer, model)
    if optimizer is None or isinstance(optimizer, str):
        return optim.by_name(optimizer or "adam", own)
    given: AnyOptimizer = optimizer
    if not isinstance(given, optim.Updater):
        raise ArgumentError(
            f"fit: optimizer={optimizer!r}: expected a name or an optimizer",
            fix="optim.Adam(lr=1e-3)",
        )
    if not given.is_bound:
        return given.bound_to(own)
    if not set(own) & set(given.parameters):
        raise ArgumentError(
            f"fit: the optimizer has none of the parameters of {name}: it would train "
            "another model",
            fix="optim.Adam(lr=…), which is given those of the model; or "
            "optim.Adam(model.parameters(), lr=…)",
        )
    warn_of_moving_averages(model, given)
    return given


def check_adds_up(optimizer: AnyOptimizer, accumulate: int) -> AnyOptimizer:
    """The optimizer; an error where its gradients cannot be accumulated."""
    if accumulate > 1 and optimizer.evaluates_loss:
        raise ArgumentError(
            f"fit: accumulate={accumulate} with {type(optimizer).__name__}: it "
            "evaluates the loss itself, of one batch as often as it needs to",
            fix="accumulate=1, and the largest batch_size that memory has room for",
        )
    if accumulate > 1 and not isinstance(optimizer, optim.Optimizer):
        raise ArgumentError(
            f"fit: accumulate={accumulate} of a game: every turn of a step is of one "
            "batch",
            fix="accumulate=1 and a larger batch_size",
        )
    if accumulate > 1 and isinstance(optimizer, optim.SparseAdam):
        name = type(optimizer).__name__
        raise ArgumentError(
            f"fit: accumulate={accumulate} with {name}: it changes the rows of a table "
            "that one batch looks up, which a sum of gradients does not tell",
            fix="accumulate=1 and a larger batch_size, or optim.Adam",
        )
    return optimizer


def check_sees_outputs(optimizer: AnyOptimizer, objective: Objective) -> None:
    """An error where a model returns its loss, and an optimizer needs outputs, or
    compares values of a loss that is a direction.
    """
    if not isinstance(objective, OwnLoss):
        return
    if objective.is_direction and optimizer.evaluates_loss:
        raise ArgumentError(
            f"fit: {type(optimizer).__name__} compares values of the loss, and in "
            f"training that of {objective.name} only says which way to go: its "
            "gradient is not that of these values",
            fix="optim.SGD(lr=0.1), optim.Momentum(lr=0.1) or optim.Adam()",
        )
    curvature = (optim.GaussNewton, optim.LevenbergMarquardt, optim.HessianFree)
    if isinstance(optimizer, curvature):
        raise ArgumentError(
            f"fit: {type(optimizer).__name__} needs outputs and their loss apart, and "
            f"{objective.name} returns its loss",
            fix="optim.LBFGS() or optim.Adam(); or the network inside it with a loss: "
            "cr.fit(network, (x, y), loss='mse')",
        )
