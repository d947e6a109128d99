"""The loss of quantiles: what a prediction is above in so many of a hundred cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..ops.arrays import lift
from ..ops.elementwise import maximum
from .inputs import average, float_predictions


def pinball(
    predictions: Any,
    targets: Any,
    levels: Sequence[float] = (0.5,),
    *,
    per: str = "element",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The pinball loss, or quantile loss: least where predictions are the quantiles of
    the targets.

    Formula: for d = yᵢ − aᵢⱼ, ℓᵢⱼ = max(q_j d, (q_j − 1) d): a target above the
    prediction costs q_j a unit, one below it 1 − q_j. For q = ½ it is half of ``l1``.

    Shapes: predictions (N, …, Q), targets (N, …) → ().

    Arguments:
        levels: q, (Q,) between 0 and 1: one for each column of the predictions.

    Raises:
        ShapeError: predictions that are not a column for each level, or an empty batch.
        ArgumentError: for a level that is not between 0 and 1.

    Source: Koenker & Bassett (1978).

    Example:
        >>> pinball([[1.0, 2.0]], [4.0], levels=(0.1, 0.9)).item()
        1.0499999523162842
    """
    name = "pinball"
    wanted = np.asarray(levels, np.float64)
    if wanted.ndim != 1 or not len(wanted) or not np.all((wanted > 0) & (wanted < 1)):
        raise ArgumentError(
            f"{name}: levels={tuple(levels)}: expected numbers between 0 and 1"
        )
    a = float_predictions(name, predictions, "predictions")
    (y,) = lift([targets])
    if a.shape != (*y.shape, len(wanted)):
        raise ShapeError(
            f"{name}: predictions {a.shape} with targets {y.shape} and {len(wanted)} "
            f"levels: expected predictions {(*y.shape, len(wanted))}",
            fix="one column of predictions for each level",
        )
    converted: Any = y
    d = converted.astype(a.dtype)[..., None] - a
    q = wanted.astype(a.dtype)
    return average(name, maximum(q * d, (q - 1.0) * d), per, sample_weight, reduction)
