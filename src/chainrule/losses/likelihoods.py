"""Negative log-likelihoods: how improbable the targets are, summed over a sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..graph import Node
from ..ops.arrays import lift
from ..ops.elementwise import exp, log, minimum
from .classes import binary_cross_entropy
from .inputs import average, pair, right_values


def gaussian_nll(
    predictions: Any,
    targets: Any,
    *,
    variance: Any = None,
    per: str = "sample",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood of targets under normal distributions.

    Formula: ℓᵢ = Σⱼ ½ [ln 2π + sᵢⱼ + (yᵢⱼ − μᵢⱼ)² e^(−sᵢⱼ)], with s = ln σ² the
    logarithm of the variance, which a network predicts without a bound.

    Shapes: μ, s and targets alike, (N, …) → ().

    Arguments:
        predictions: a pair (μ, s) of mean and log-variance; or μ, with ``variance``.
        variance: σ², shaped like μ, or one number above 0; ½‖·‖² belongs to 1.

    Raises:
        ShapeError: when the shapes differ or the batch is empty.
        ArgumentError: for both or neither of log-variance and variance.
        DataError: for a known variance that is not above 0.

    Source: Nix & Weigend (1994).

    Example:
        >>> gaussian_nll(([0.0], [0.0]), [0.0]).item()
        0.9189385175704956
        >>> gaussian_nll([0.0], [0.0], variance=1.0).item()
        0.9189385175704956
    """
    name = "gaussian_nll"
    mean, log_variance = place_and_spread(name, predictions, variance)
    mu, y = pair(name, mean, targets, "mean")
    s: Any = like(name, log_variance, mu, "log-variance", "mean")
    # e^(−s/2), kept finite for variances close to 0.
    largest = 0.45 * math.log(np.finfo(mu.dtype).max)
    scaled = (y - mu) * exp(minimum(-0.5 * s, largest))
    losses = 0.5 * (math.log(2.0 * math.pi) + s + scaled * scaled)
    return average(name, losses, per, sample_weight, reduction)


def bernoulli_nll(
    logits: Any,
    targets: Any,
    *,
    per: str = "sample",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood of targets of 0 and 1, from logits: the same terms
    as ``binary_cross_entropy``, summed over the elements of a sample.

    Formula: ℓᵢ = −Σⱼ [yᵢⱼ ln σ(zᵢⱼ) + (1 − yᵢⱼ) ln(1 − σ(zᵢⱼ))].

    Shapes: logits and targets alike, (N, …) → ().

    Raises:
        ShapeError: when the shapes differ or the batch is empty.
        BoundsError: for integer targets other than 0 and 1.

    Example:
        >>> round(bernoulli_nll([[0.0, 0.0]], [[0, 1]]).item(), 6)
        1.386294
    """
    return binary_cross_entropy(
        logits, targets, per=per, sample_weight=sample_weight, reduction=reduction
    )


def like(name: str, value: Any, first: Any, what: str, of: str) -> Any:
    """A second prediction, of the shape of the first or one number.

    Example:
        >>> import chainrule as cr
        >>> like("gaussian_nll", 1.0, cr.zeros((2, 3)), "log-variance", "mean").shape
        ()
    """
    (node,) = lift([value])
    if node.shape not in ((), first.shape):
        raise ShapeError(
            f"{name}: {of} {first.shape} with {what} {node.shape}: the shapes must be "
            "equal; a loss never broadcasts",
            fix=f"one {what} for every {of}, or a single number",
        )
    converted: Any = node
    converted = converted.astype(first.dtype)
    return converted if node.shape == first.shape else converted.reshape(())


def place_and_spread(
    name: str,
    predictions: Any,
    spread: Any,
    place: str = "mean",
    word: str = "variance",
) -> Any:
    """Two predictions: the pair that was given, or the first and ln of a known spread.

    Arguments:
        name: of the loss.
        predictions: the pair (place, log of the spread), or the place alone.
        spread: a positive number or tensor, beside a place alone.
        place, word: what the two are called in messages.

    Example:
        >>> import chainrule as cr
        >>> place_and_spread("gaussian_nll", cr.zeros(2), 1.0)[1].item()
        0.0
    """
    several = isinstance(predictions, tuple) or (
        isinstance(predictions, list)
        and any(isinstance(each, (Node, np.ndarray)) for each in predictions)
    )
    both = f"a pair ({place}, log_{word})"
    if several and spread is not None:
        raise ArgumentError(f"{name}: both {both} and {word}: expected one")
    if several and len(predictions) == 2:
        return predictions
    if spread is None:
        raise ArgumentError(
            f"{name}: a {place.replace('_', '-')} without a {word}",
            fix=f"{both}, or {word}=1.0",
        )
    (node,) = lift([spread])
    return predictions, log(
        right_values(name, node, lambda v: v > 0, "above 0", None, word)
    )
