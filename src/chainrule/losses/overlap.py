"""Losses of overlap: how well predicted regions and true ones cover each other."""

from __future__ import annotations

import math
import numbers
from typing import Any

from .. import dtypes
from ..errors import ArgumentError, ShapeError
from ..ops import composed
from ..ops.arrays import lift
from ..ops.elementwise import sigmoid
from .classes import class_targets, logits_and_answers
from .inputs import average, float_predictions


def dice(
    logits: Any,
    targets: Any,
    *,
    smooth: float = 1.0,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """How far predicted regions are from covering the true ones: 1 minus Dice's
    coefficient, for each class of each sample, from logits.

    Formula: ℓ = 1 − (2 Σ p y + ε) / (Σ p + Σ y + ε), over all places of a sample, with
    p = σ(z) where each channel is a question of yes or no, and p = softmax(z) where the
    targets are class numbers. A class that is neither there nor predicted costs 0.

    Shapes: logits (N, …, C), targets alike of 0 and 1, or (N, …) of class numbers
    0 … C − 1 → (); the losses without reduction are (N, C).

    Arguments:
        smooth: ε, above 0.

    Raises:
        ShapeError: when the shapes do not fit, there are no places, or the batch is
            empty.
        BoundsError: for a class number outside of 0 … C − 1.
        DataError: for known targets outside of 0 … 1.

    Source: Milletari, Navab & Ahmadi (2016); Sudre et al. (2017).

    Example:
        >>> z = [[[100.0], [100.0], [-100.0]]]
        >>> dice(z, [[[1], [0], [0]]], smooth=1.0).item()  # 1 − (2 + 1) / (2 + 1 + 1)
        0.25
    """
    name = "dice"
    if not isinstance(smooth, numbers.Real) or not 0 < smooth < math.inf:
        raise ArgumentError(f"{name}: smooth={smooth!r}: expected a number above 0")
    z = float_predictions(name, logits, "logits")
    (y,) = lift([targets])
    if len(z.shape) < 3:
        raise ShapeError(
            f"{name}: logits {z.shape}: expected (samples, places …, channels)",
            fix="logits[..., None] for one channel; for whole samples, focal",
        )
    if dtypes.is_integer(y.dtype) and len(y.shape) == len(z.shape) - 1:
        z, right, _ = class_targets(name, z, y)
        p, truth = composed.softmax(z), right.astype(z.dtype)
    else:
        z, truth = logits_and_answers(name, z, y)
        p = sigmoid(z)
    places = tuple(range(1, len(z.shape) - 1))
    both = (p * truth).sum(places)
    losses = 1.0 - (2.0 * both + smooth) / (p.sum(places) + truth.sum(places) + smooth)
    return average(name, losses, "element", sample_weight, reduction)
