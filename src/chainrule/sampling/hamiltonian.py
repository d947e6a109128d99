"""Hamiltonian Monte Carlo with trajectories of one length.

Place on the road: part of ``sampling``, a sampler: a loop over draws, in it one over
leapfrog steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..nn.arguments import number_within, positive_size
from ..ops.control import scan
from ..ops.creation import zeros
from ..ops.elementwise import exp, isnan, minimum, where
from ..random_numbers import Generator
from . import adaptation, dynamics
from .draws import Draws
from .dynamics import Phase
from .running import Sampler


def hmc(
    log_density: Callable[[Any], Any],
    start: Any,
    *,
    leapfrog_steps: int = 32,
    draws: int = 1000,
    warmup: int = 1000,
    chains: int | None = 4,
    target_accept: float = 0.8,
    step_size: float | None = None,
    jitter: float = 0.2,
    adapt_mass: bool = True,
    seed: int = 0,
    warn: bool = True,
) -> Draws:
    """Draws from a density by Hamiltonian Monte Carlo.

    Formula: a momentum p ~ N(0, M); L leapfrog steps from (q, p) to (q′, p′) with
    H(q, p) = −log p(q) + ½ pᵀ M⁻¹ p; the next draw is q′ with probability
    min(1, exp(H − H′)), otherwise q again.

    Where a trajectory goes round and ends where it began, draws do not move; the step
    size of every trajectory is therefore ε · (1 + jitter · u), u uniform in −1 … 1.

    Arguments:
        leapfrog_steps: L. The length L · ε of a trajectory decides how independent
            draws are, and ``nuts`` finds one by itself; with L known to be enough this
            is the faster one, for chains go on at the same pace.
        jitter: from 0 to below 1.
        log_density, start, draws, warmup, chains, target_accept, step_size,
        adapt_mass, seed, warn: those of ``nuts``.

    Returns:
        The draws, with what is known of them: ``print(draws.summary())``.

    Raises:
        ArgumentError, ShapeError, DTypeError: for arguments that make no sense.
        NumericsError: for a density that is not finite at the start, or is none.

    Warns:
        UserWarning: for trajectories that diverged, chains that do not agree, and too
            few effective draws.

    Source: Neal, MCMC using Hamiltonian dynamics (2011).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import sampling
        >>> draws = sampling.hmc(
        ...     lambda q: -0.5 * (q * q).sum(), cr.zeros(3), leapfrog_steps=8
        ... )
        >>> draws.values.std(axis=(0, 1)).round(1)
        array([1., 1., 1.], dtype=float32)
    """
    sampler = _HMC(
        "hmc", log_density, start, chains,
        warmup=warmup, target=target_accept, step_size=step_size,
        adapt_mass=adapt_mass, seed=seed,
        leapfrog_steps=leapfrog_steps, jitter=jitter,
    )  # fmt: skip
    found = sampler.run(draws)
    if warn:
        found.warn()
    return found


class _HMC(Sampler):
    """The loop over draws."""

    def __init__(
        self, *args: Any, leapfrog_steps: int = 32, jitter: float = 0.2, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.inner = positive_size(self.where, "leapfrog_steps", leapfrog_steps)
        rule = "a number from 0 to below 1"
        self.jitter = number_within(self.where, "jitter", jitter, 0, 0.999, rule)

    def noise(self, source: Generator, steps: int) -> Any:
        """Random numbers for so many draws: momenta, and two choices."""
        chains, size = self.density.rows.shape
        kind = self.density.rows.dtype
        return (
            source.normal((steps, chains, size), dtype=kind),
            source.uniform((steps, chains, 2), dtype=kind),
        )

    def begin(self, known: dict[str, Any], first: tuple[Any, Any], noise: Any) -> Any:
        """Where the chains start."""
        value, slope = first
        return {
            "known": known,
            "iteration": np.int32(0),
            "q": self.density.rows,
            "slope": slope,
            "value": value,
        }

    def step(self, carry: Any, noise: Any) -> tuple[Any, Any]:
        """One draw of every chain."""
        normal, unit = noise
        known = carry["known"]
        inverse_mass = known["inverse_mass"]
        size = exp(known["log_step"]) * (1.0 + self.jitter * (2.0 * unit[:, 1] - 1.0))
        p = dynamics.momentum(normal, inverse_mass)
        first = Phase(carry["q"], p, carry["slope"], carry["value"])
        before = dynamics.energy(first, inverse_mass)

        def move(at: Any, _: Any) -> Any:
            moved = dynamics.leapfrog(
                self.density, Phase(*at), size[:, None], inverse_mass
            )
            return tuple(moved), None

        last = Phase(*scan(move, tuple(first), length=self.inner)[0])
        energy = dynamics.energy(last, inverse_mass)
        gained = before - energy
        chance = exp(minimum(gained, 0.0))
        takes = unit[:, 0] < chance
        rows = takes[:, None]
        q = where(rows, last.q, first.q)
        value = where(takes, last.value, first.value)
        every = zeros(value.shape, "bool")
        known = adaptation.adapted(
            known, self.plan, self.target, carry["iteration"], ~every, chance, q
        )
        emitted = {
            "ended": ~every,
            "q": q,
            "value": value,
            "energy": where(takes, energy, before),
            "acceptance": chance,
            "leaves": every.astype("int32") + self.inner,
            "diverged": (gained < -dynamics.MOST_ENERGY) | isnan(gained),
            "full": every,
            "log_step": carry["known"]["log_step"],
        }
        return {
            "known": known,
            "iteration": carry["iteration"] + 1,
            "q": q,
            "slope": where(rows, last.slope, first.slope),
            "value": value,
        }, emitted
