"""Checks of the inputs of all losses, and how losses are averaged.

Predictions and targets have one shape: nothing broadcasts. Values that break a rule are
an error where they are known, and NaN in a compiled function, which knows none: so is
its loss, by which ``fit`` and ``evaluate`` find the batch and compute it again openly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import DataError, DTypeError, ShapeError, unknown_option
from ..graph import Node
from ..ops.arrays import lift
from ..ops.elementwise import where
from ..ops.movement import broadcast_to


def average(
    name: str,
    losses: Any,
    per: str,
    sample_weight: Any,
    reduction: str,
    mass: Any = None,
) -> Any:
    """The losses of a batch as one number, weighted; or as they are.

    ``mass`` is the weight that each loss already contains, where classes have weights.
    """
    if per not in ("element", "sample"):
        raise unknown_option(f"{name} per", per, ["element", "sample"])
    if reduction not in ("mean", "sum", "none"):
        raise unknown_option(f"{name} reduction", reduction, ["mean", "sum", "none"])
    if per == "sample" and len(losses.shape) > 1:
        losses = losses.sum(axis=tuple(range(1, len(losses.shape))))
    if sample_weight is not None:
        w = _sample_weights(name, sample_weight, losses)
        losses = losses * w
        mass = broadcast_to(w, losses.shape) if mass is None else mass * w
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if mass is None:
        return losses.mean()
    total = mass.sum()
    return losses.sum() / where(total == 0.0, 1.0, total)


def _sample_weights(name: str, sample_weight: Any, losses: Any) -> Any:
    """The weights with as many axes as the losses."""
    (w,) = lift([sample_weight])
    axes = len(w.shape)
    if not w.shape or w.shape != losses.shape[:axes]:
        raise ShapeError(
            f"{name}: sample_weight {w.shape} for losses {losses.shape}: one weight a "
            "sample is needed",
            fix=f"a weight for each of the {losses.shape[0]} samples"
            if losses.shape
            else None,
        )
    weights: Any = w
    weights = right_values(
        name,
        weights.astype(losses.dtype),
        lambda v: v >= 0,
        "0 or more",
        None,
        "sample_weight",
    )
    return weights.reshape(*w.shape, *[1] * (len(losses.shape) - axes))


def pair(
    name: str, predictions: Any, targets: Any, what: str = "predictions"
) -> tuple[Any, Any]:
    """Predictions and targets of one shape, the targets in the predictions' dtype."""
    a = float_predictions(name, predictions, what)
    (y,) = lift([targets])
    if a.shape != y.shape:
        raise ShapeError(
            f"{name}: {what} {a.shape} with targets {y.shape}: the shapes must be "
            "equal; a loss never broadcasts",
            fix=_how_to_fit(a, y, what),
        )
    converted: Any = y
    return a, converted.astype(a.dtype)


def float_predictions(name: str, predictions: Any, what: str) -> Any:
    """Predictions as one tensor of floats with at least one sample."""
    if isinstance(predictions, (tuple, list)) and any(
        isinstance(each, Node) for each in predictions
    ):
        raise ShapeError(
            f"{name}: {what}: {len(predictions)} tensors: expected one",
            fix="call the loss on one output of the network at a time and add up",
        )
    (a,) = lift([predictions])
    if not dtypes.is_float(a.dtype):
        raise DTypeError(
            f"{name}: {what} {a.shape} of {a.dtype}: expected floats",
            fix="are predictions and targets exchanged? The predictions come first",
        )
    if 0 in a.shape:
        raise ShapeError(
            f"{name}: {what} {a.shape}: there is nothing to average",
            fix="skip empty batches",
        )
    return a


def _how_to_fit(a: Node, y: Node, what: str) -> str:
    if a.shape == (*y.shape, 1):
        return f"{what}.squeeze(-1), or targets[..., None]"
    if y.shape == (*a.shape, 1):
        return f"targets.squeeze(-1), or {what}[..., None]"
    if len(a.shape) == len(y.shape) + 1 and a.shape[:-1] == y.shape:
        if dtypes.is_integer(y.dtype):
            return "for class numbers use cross_entropy, or cr.one_hot(targets, …)"
        return (
            f"give the network 1 output instead of {a.shape[-1]}; for class numbers, "
            "targets.astype('int64') with cross_entropy"
        )
    if a.shape == y.shape[::-1]:
        return "one of them lies on its side: targets.T"
    if a.shape[:1] != y.shape[:1]:
        return "as many targets as predictions: one row a sample"
    return "give the network as many outputs as there are targets"


def right_values(
    name: str,
    node: Any,
    right: Callable[[Any], Any],
    rule: str,
    fix: str | None,
    what: str = "targets",
) -> Any:
    """Floats that all keep a rule: an error for the first that breaks it; in a compiled
    function, where they are arguments without values, NaN for those that break it.

    Arguments:
        name: of the loss.
        node: the floats.
        right: which of them keep the rule; of arrays, and of nodes alike.
        rule, fix, what: words of the error.

    Example:
        >>> import chainrule as cr
        >>> def f(y):
        ...     return right_values("loss", y, lambda v: v >= 0, "0 or more", None)
        >>> cr.compile(f)(np.array([1.0, -1.0])).numpy()
        array([ 1., nan])
    """
    if node.value is None:
        return where(right(node), node, math.nan)
    places = np.argwhere(~right(node.value))
    if len(places):  # (1, 0) for a single number
        first = tuple(int(i) for i in places[0])
        raise DataError(
            f"{name}: {what} {node.shape}: {node.value[first]:g} {place(first)}: "
            f"expected {rule}",
            fix=fix,
        )
    return node


def place(position: tuple[int, ...]) -> str:
    """The position of a value, for messages."""
    if not position:
        return "as its only value"
    if len(position) == 1:
        return f"at row {position[0]}"
    return f"at position {position}"
