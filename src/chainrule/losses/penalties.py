"""Penalties: what is added to a loss so that the activations of a layer are sparse.

Place on the road: beside the losses. They take activations alone, and no targets.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

from ..errors import ArgumentError
from ..ops.elementwise import absolute, log
from .inputs import float_predictions, right_values

#: What keeps the logarithm of a mean activation of 0 or 1 finite.
SMALLEST = 1e-7


def kl_sparsity(activations: Any, target: float = 0.05) -> Any:
    """How far units are from being active in a share ρ of the examples.

    Formula: Σⱼ ρ log(ρ / ρ̂ⱼ) + (1 − ρ) log((1 − ρ) / (1 − ρ̂ⱼ)), the Kullback–Leibler
    divergence of coins with probabilities ρ and ρ̂ⱼ, where ρ̂ⱼ is the mean activation of
    unit j over the batch: it is 0 where every mean is ρ. Of both, 1e-7 + (1 − 2e-7) of
    the share counts, so that a unit that is never active has a finite slope.

    Shapes: (N, …, units) → (); the mean is that over all axes but the last.

    Arguments:
        activations: from 0 to 1, as those of ``Sigmoid``.
        target: ρ, between 0 and 1.

    Raises:
        ArgumentError: for a ρ that is not between 0 and 1.
        DataError: for activations outside of [0, 1], where values are known.

    Source: Ng, CS294A lecture notes: Sparse autoencoder (2011), section 3; after Lee,
    Ekanadham & Ng, Sparse deep belief net model for visual area V2 (2007).

    Example:
        >>> kl_sparsity([[0.1, 0.5], [0.1, 0.5]], target=0.1).item().__round__(4)
        0.3681
    """
    real = isinstance(target, numbers.Real) and not isinstance(target, bool)
    if not real or not 0 < target < 1:
        raise ArgumentError(
            f"kl_sparsity: target={target!r}: expected a number between 0 and 1",
            fix="the share of examples in which a unit is to be active, as 0.05",
        )
    a = _activations("kl_sparsity", activations)
    fix = "the activations of Sigmoid, or l1_sparsity, which takes any"
    rule = "a number from 0 to 1"
    a = right_values("kl_sparsity", a, _from_0_to_1, rule, fix, "activations")
    rho = _inside(float(target))
    mean = a.mean(axis=tuple(range(len(a.shape) - 1)))  # (units,)
    on = rho * (log(_inside(mean)) - math.log(rho))
    off = (1.0 - rho) * (log(_inside(1.0 - mean)) - math.log(1.0 - rho))
    return -(on + off).sum()


def l1_sparsity(activations: Any) -> Any:
    """The sum of the absolute activations, averaged over examples: few units are active
    at a time, whatever the scale.

    Formula: (1/N) Σᵢ Σⱼ |aᵢⱼ|. Its derivative where a = 0 is taken as 0.

    Shapes: (N, …, units) → (); N counts all axes but the last.

    Example:
        >>> l1_sparsity([[1.0, -2.0], [0.0, 0.0]]).item()
        1.5
    """
    a = _activations("l1_sparsity", activations)
    return absolute(a).sum(axis=-1).mean()


def _activations(name: str, activations: Any) -> Any:
    """Activations as a tensor of floats with an axis of examples and one of units."""
    a = float_predictions(name, activations, "activations")
    if len(a.shape) < 2:
        raise ArgumentError(
            f"{name}: activations {a.shape}: expected (N, units)",
            fix="activations[None] for a single example",
        )
    return a


def _inside(share: Any) -> Any:
    """A share from 0 to 1, drawn a little to ½: its logarithm and slope are finite."""
    return SMALLEST + (1.0 - 2.0 * SMALLEST) * share


def _from_0_to_1(values: Any) -> Any:
    return (values >= 0) & (values <= 1)
