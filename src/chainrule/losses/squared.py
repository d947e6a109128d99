"""Losses of numbers: squared, absolute, and Huber's between the two."""

from __future__ import annotations

import math
import numbers
from typing import Any

from ..errors import ArgumentError
from ..ops import composed
from ..ops.elementwise import absolute
from .inputs import average, pair


def half_squared_error(
    predictions: Any,
    targets: Any,
    *,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """Half the squared distance, averaged over samples: ∂/∂a of a sample is a − y.

    Formula: ℓᵢ = ½ ‖aᵢ − yᵢ‖² = ½ Σⱼ (aᵢⱼ − yᵢⱼ)².

    Shapes: predictions and targets alike, (N, …) → ().

    Raises:
        ShapeError: when the shapes differ or the batch is empty.

    Example:
        >>> half_squared_error([[1.0, 2.0]], [[0.0, 0.0]]).item()
        2.5
    """
    return 0.5 * mse(
        predictions,
        targets,
        per="sample",
        sample_weight=sample_weight,
        reduction=reduction,
    )


def squared_error(
    predictions: Any,
    targets: Any,
    *,
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The squared distance, averaged over samples: ``mse(…, per="sample")``.

    Formula: ℓᵢ = ‖aᵢ − yᵢ‖² = Σⱼ (aᵢⱼ − yᵢⱼ)².

    Shapes: predictions and targets alike, (N, …) → ().

    Raises:
        ShapeError: when the shapes differ or the batch is empty.

    Example:
        >>> squared_error([[1.0, 2.0]], [[0.0, 0.0]]).item()
        5.0
    """
    return mse(
        predictions,
        targets,
        per="sample",
        sample_weight=sample_weight,
        reduction=reduction,
    )


def mse(
    predictions: Any,
    targets: Any,
    *,
    per: str = "element",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The mean squared error: over every element, as PyTorch and Keras count it, or
    with ``per="sample"`` over samples.

    Formula: per element ℓᵢⱼ = (aᵢⱼ − yᵢⱼ)², averaged over N·K elements; per sample
    ℓᵢ = Σⱼ (aᵢⱼ − yᵢⱼ)², averaged over N samples: K times as much, and so its gradient.
    The gradient (2/N) Σ (W xᵢ − yᵢ) xᵢᵀ of linear regression belongs to the second.

    Shapes: predictions and targets alike, (N, …) → ().

    Raises:
        ShapeError: when the shapes differ or the batch is empty.

    Example:
        >>> mse([[1.0, 2.0]], [[0.0, 0.0]]).item()
        2.5
        >>> mse([[1.0, 2.0]], [[0.0, 0.0]], per="sample").item()
        5.0
    """
    a, y = pair("mse", predictions, targets)
    return average("mse", composed.square(a - y), per, sample_weight, reduction)


def l1(
    predictions: Any,
    targets: Any,
    *,
    per: str = "element",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The mean absolute error; its derivative where a = y is taken as 0.

    Formula: ℓᵢⱼ = |aᵢⱼ − yᵢⱼ|; per sample, summed over j.

    Shapes: predictions and targets alike, (N, …) → ().

    Raises:
        ShapeError: when the shapes differ or the batch is empty.

    Example:
        >>> l1([[1.0, 2.0]], [[0.0, 0.0]]).item()
        1.5
    """
    a, y = pair("l1", predictions, targets)
    return average("l1", absolute(a - y), per, sample_weight, reduction)


def huber(
    predictions: Any,
    targets: Any,
    *,
    delta: float = 1.0,
    per: str = "element",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """Squared near 0 and linear beyond, so that outliers pull with a bounded force.

    Formula: for r = aᵢⱼ − yᵢⱼ, ℓ = ½ r² where |r| ≤ δ, else δ (|r| − ½ δ).

    Shapes: predictions and targets alike, (N, …) → ().

    Arguments:
        delta: δ, where the one turns into the other; a number above 0.

    Raises:
        ShapeError: when the shapes differ or the batch is empty.
        ArgumentError: for a δ that is not above 0.

    Source: Huber (1964).

    Example:
        >>> huber([[0.5, 3.0]], [[0.0, 0.0]], reduction="none").numpy()
        array([[0.125, 2.5  ]], dtype=float32)
    """
    if not isinstance(delta, numbers.Real) or not 0 < delta < math.inf:
        raise ArgumentError(f"huber: delta={delta!r}: expected a number above 0")
    a, y = pair("huber", predictions, targets)
    r = a - y
    near = composed.clip(r, -float(delta), float(delta))
    return average("huber", near * (r - 0.5 * near), per, sample_weight, reduction)
