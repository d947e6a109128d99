"""Hamilton's equations in steps of time, and the step sizes that chains begin with.

Place on the road: part of ``sampling``, below the samplers. A point q has a momentum p,
drawn anew from N(0, M) for each trajectory, and H(q, p) = −log p(q) + ½ pᵀ M⁻¹ p.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..compiler.compile import compile
from ..errors import NumericsError
from ..graph import Array
from ..ops.elementwise import isnan, sqrt, where
from ..random_numbers import Generator
from .density import Density

#: An energy that has grown by so much is that of a trajectory which has left the
#: equations (Hoffman & Gelman, 2014).
MOST_ENERGY = 1000.0

#: Step sizes beyond these are not looked for.
LEAST_STEP, MOST_STEP = 1e-10, 1e7


class Phase(NamedTuple):
    """Points of chains, on their way.

    Attributes:
        q, p, slope: (chains, D); the slope is ∇ log p(q).
        value: (chains,), log p(q).
    """

    q: Any
    p: Any
    slope: Any
    value: Any


def leapfrog(
    density: Callable[[Any], tuple[Any, Any]], at: Phase, step: Any, inverse_mass: Any
) -> Phase:
    """One step of time for every chain.

    Formula::

        p ← p + ε/2 ∇ log p(q),   q ← q + ε M⁻¹ p,   p ← p + ε/2 ∇ log p(q)

    It preserves volume, and with −ε it leads back.

    Arguments:
        density: of rows; see ``Density``.
        at: where the chains are.
        step: ε, (chains, 1).
        inverse_mass: the diagonal of M⁻¹, (chains, D).

    Source: Neal, MCMC using Hamiltonian dynamics (2011), equations 2.28 to 2.30.
    """
    p = at.p + (0.5 * step) * at.slope
    q = at.q + step * inverse_mass * p
    value, slope = density(q)
    p = p + (0.5 * step) * slope
    return Phase(q, p, slope, value)


def energy(at: Phase, inverse_mass: Any) -> Any:
    """H = −log p(q) + ½ pᵀ M⁻¹ p, (chains,); ∞ where it is no number."""
    found = 0.5 * (at.p * at.p * inverse_mass).sum(axis=1) - at.value
    return where(isnan(found), float("inf"), found)


def momentum(normal: Any, inverse_mass: Any) -> Any:
    """Momenta from N(0, M), of normal numbers."""
    return normal / sqrt(inverse_mass)


def first_steps(
    density: Density, first: tuple[Any, Any], source: Generator, target: float
) -> Array:
    """Step sizes to begin with, (chains,): doubled or halved from 1 until one step is
    accepted with a probability on the other side of the target.

    Raises:
        NumericsError: where no step size does.

    Source: Hoffman & Gelman, The No-U-Turn sampler (2014), algorithm 4.
    """
    rows = density.rows
    ones = np.ones_like(rows)
    p = source.normal(rows.shape, dtype=rows.dtype)

    def gained(steps: Any, p: Any, value: Any, slope: Any) -> Any:
        at = Phase(rows, p, slope, value)
        return energy(at, ones) - energy(leapfrog(density, at, steps, ones), ones)

    compiled = compile(gained)
    value, slope = first

    def accepts(steps: Array) -> Array:
        column = steps[:, None].astype(rows.dtype)
        gain: Array = compiled(column, p, value, slope).numpy()
        return np.asarray(gain > np.log(target))

    steps = np.ones(len(rows))
    grows = accepts(steps)
    going = np.ones(len(rows), bool)
    while going.any():
        steps = np.where(going, steps * np.where(grows, 2.0, 0.5), steps)
        _check_steps(density, steps)
        going &= accepts(steps) == grows
    return steps


def _check_steps(density: Density, steps: Array) -> None:
    for chain, step in enumerate(steps):
        if step > MOST_STEP:
            raise NumericsError(
                f"{density.where}: chain {chain} accepts steps of {step:g} from its "
                "start: the density is constant there, or grows without end, and so "
                "is no density",
                fix="give every number that is sampled a proper prior",
            )
        if step < LEAST_STEP:
            raise NumericsError(
                f"{density.where}: chain {chain} accepts no step of {step:g} from its "
                "start: the gradient is not that of the value, or changes with no end",
                fix="start elsewhere; compare both with cr.check_gradients; or "
                "start.astype('float64')",
            )
