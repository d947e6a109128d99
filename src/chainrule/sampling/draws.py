"""Draws from a density, and how far they are to be trusted.

Place on the road: part of ``sampling``, below the samplers, which return them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import user_line
from ..graph import Array
from ..wording import signed
from . import diagnostics

#: Bounds of Vehtari et al. (2021): beyond them chains say what is not so.
MOST_R_HAT, LEAST_ESS = 1.01, 100
#: Of E-BFMI, Betancourt (2016).
LEAST_ENERGY = 0.3
#: Rows of a summary.
MOST_ROWS = 20


@dataclass(frozen=True)
class Draws:
    """Draws of several chains.

    Attributes:
        sampler: which one made them.
        values: (chains, draws, …), the points.
        log_density: (chains, draws), log p of each, + the constant.
        energy: (chains, draws), H where the draw was chosen.
        acceptance: (chains, draws), the mean acceptance probability on the way.
        leapfrog_steps: (chains, draws), gradients that each took.
        diverged: (chains, draws), whether its trajectory left Hamilton's equations.
        unfinished: (chains, draws), whether it was ended by ``max_depth``.
        step_size: (chains,), ε.
        inverse_mass: (chains, …), the diagonal of M⁻¹.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import sampling
        >>> draws = sampling.nuts(lambda q: -0.5 * (q * q).sum(), cr.zeros(3))
        >>> bool(draws.r_hat.max() < 1.01), draws.divergences
        (True, 0)
        >>> draws.flat.shape
        (4000, 3)
    """

    sampler: str
    values: Array
    log_density: Array
    energy: Array
    acceptance: Array
    leapfrog_steps: Array
    diverged: Array
    unfinished: Array
    step_size: Array
    inverse_mass: Array

    @property
    def flat(self) -> Array:
        """The draws of all chains, one after the other: (chains · draws, …)."""
        return self.values.reshape(-1, *self.values.shape[2:])

    @cached_property
    def r_hat(self) -> Array:
        """R̂ of every number; see ``sampling.r_hat``."""
        return diagnostics.r_hat(self.values)

    @cached_property
    def ess(self) -> Array:
        """The effective number of draws for the middle; see ``sampling.ess_bulk``."""
        return diagnostics.ess_bulk(self.values)

    @cached_property
    def ess_tail(self) -> Array:
        """The effective number of draws for the tails; see ``sampling.ess_tail``."""
        return diagnostics.ess_tail(self.values)

    @property
    def divergences(self) -> int:
        """How many trajectories diverged."""
        return int(self.diverged.sum())

    @property
    def energy_fraction(self) -> Array:
        """(chains,), E-BFMI: how far a new momentum moves the energy, of how far it
        goes; below 0.3 the tails are hardly reached.

        Formula: Σ (Hₙ − Hₙ₋₁)² / Σ (Hₙ − H̄)².

        Source: Betancourt, Diagnosing suboptimal cotangent disintegrations in
        Hamiltonian Monte Carlo (2016).
        """
        energy = self.energy.astype(float)
        spread = ((energy - energy.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        moved = (np.diff(energy, axis=1) ** 2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = moved / spread
        return found

    def summary(self) -> str:
        """A table: mean, deviation, quantiles, R̂ and effective draws of each number,
        of the worst by R̂ where there are very many; and what is known of the chains.
        """
        chains, count = self.values.shape[:2]
        rows = self.values.reshape(chains, count, -1).astype(float)
        names = [_name(self.values.shape[2:], i) for i in range(rows.shape[2])]
        r_hat, ess, tail = (
            np.ravel(each) for each in (self.r_hat, self.ess, self.ess_tail)
        )
        shown = np.arange(len(names))
        if len(names) > MOST_ROWS:
            worst = np.argsort(-np.nan_to_num(r_hat, nan=np.inf), kind="stable")
            shown = np.sort(worst[:MOST_ROWS])
        low, middle, high = np.quantile(rows[:, :, shown], [0.05, 0.5, 0.95], (0, 1))
        mean = rows[:, :, shown].mean(axis=(0, 1))
        spread = rows[:, :, shown].std(axis=(0, 1), ddof=1)
        head = ("", "mean", "std", "5 %", "50 %", "95 %", "R̂", "bulk", "tail")
        table: list[tuple[str, ...]] = [head]
        for k, i in enumerate(shown):
            numbers = (mean[k], spread[k], low[k], middle[k], high[k])
            table.append(
                (
                    names[i],
                    *(signed(f"{each:.4g}") for each in numbers),
                    f"{r_hat[i]:.3f}",
                    f"{ess[i]:.0f}",
                    f"{tail[i]:.0f}",
                )
            )
        return "\n".join([*_aligned(table), *self._ends(len(names))])

    def _ends(self, numbers: int) -> Iterator[str]:
        """The lines under the table."""
        chains, count = self.values.shape[:2]
        if numbers > MOST_ROWS:
            yield f"… the {MOST_ROWS} largest R̂ of {numbers} numbers"
        steps = " ".join(f"{each:.3g}" for each in self.step_size)
        yield f"{chains} chains × {count} draws by {self.sampler}; step sizes {steps}"
        yield (
            f"{self.leapfrog_steps.mean():.1f} gradients a draw, acceptance "
            f"{self.acceptance.mean():.2f}, {self.divergences} divergences"
        )

    def problems(self, *, values: bool = True) -> list[str]:
        """What is wrong, one text each, with its cure; none where nothing is.

        Arguments:
            values: whether R̂ and effective draws of the values count. For weights of a
                network, which may be permuted, they say nothing.
        """
        found = [*self._trajectory_problems()]
        if values and self.values.shape[1] >= diagnostics.LEAST_DRAWS:
            found += agreement_problems(
                self.sampler, self.values, self.r_hat, self.ess, self.ess_tail
            )
        return found

    def warn(self, *, values: bool = True) -> None:
        """One warning for each of ``problems``, at the user's line."""
        for problem in self.problems(values=values):
            warn_at_user(problem)

    def _trajectory_problems(self) -> Iterator[str]:
        count = self.values.shape[1]
        bad = self.diverged.sum(axis=1)
        if bad.any():
            named = _of_chains(
                bad > 0, lambda c: f"{bad[c]} at step size {self.step_size[c]:.3g}"
            )
            yield (
                f"{self.sampler}: of {count} trajectories a chain, diverged: {named}: "
                "the density has places more curved than the steps are short, and "
                "draws there are missing: a larger target_accept makes smaller steps; "
                "other parameters (centred or not) have fewer such places"
            )
        full = self.unfinished.mean(axis=1)
        if (full > 0.05).any():
            named = _of_chains(
                full > 0.05,
                lambda c: f"{full[c]:.0%} at step size {self.step_size[c]:.3g}",
            )
            yield (
                f"{self.sampler}: trajectories ended by max_depth before they turned: "
                f"{named}: right, but slow: a longer warmup finds better masses, a "
                "larger max_depth longer ways"
            )
        fraction = self.energy_fraction
        if count >= LEAST_ESS and (fraction < LEAST_ENERGY).any():
            named = _of_chains(fraction < LEAST_ENERGY, lambda c: f"{fraction[c]:.2f}")
            yield (
                f"{self.sampler}: E-BFMI below {LEAST_ENERGY}: {named}: momenta move "
                "the energy too little to reach the tails: other parameters with "
                "lighter tails cure it"
            )


def agreement_problems(
    where: str, values: Array, r_hat: Array, ess: Array, tail: Array
) -> Iterator[str]:
    """What R̂ and effective draws of (chains, draws, …) say against them."""
    chains = values.shape[0]
    largest = np.nanmax(r_hat) if np.isfinite(r_hat).any() else np.inf
    if not largest <= MOST_R_HAT:
        place = int(np.nanargmax(np.nan_to_num(np.ravel(r_hat), nan=-1.0)))
        means = values.reshape(*values.shape[:2], -1)[:, :, place].mean(
            axis=1, dtype=float
        )
        chain = int(np.argmax(np.abs(means - np.median(means))))
        yield (
            f"{where}: R̂ is {largest:.4g} for {_name(r_hat.shape, place) or 'it'}, "
            f"above {MOST_R_HAT}: chains do not agree, chain {chain} is farthest from "
            "the others: more warmup and draws, or other starts"
        )
    for name, found in (("bulk", ess), ("tail", tail)):
        least = np.nanmin(found) if np.isfinite(found).any() else 0.0
        if least < LEAST_ESS * chains:
            place = int(np.argmin(np.nan_to_num(np.ravel(found), nan=np.inf)))
            yield (
                f"{where}: {least:.0f} effective draws ({name}) for "
                f"{_name(found.shape, place) or 'it'}, below {LEAST_ESS} a chain: "
                f"R̂ and intervals are not to be trusted: more draws"
            )


def warn_at_user(text: str) -> None:
    """A warning that shows the user's own line."""
    line = user_line()
    if line is None:
        warnings.warn(text, stacklevel=2)
    else:
        warnings.warn_explicit(text, UserWarning, line.file, line.line)


def _of_chains(chosen: Array, text: Callable[[int], str]) -> str:
    return ", ".join(f"chain {c} {text(int(c))}" for c in np.flatnonzero(chosen))


def _name(shape: tuple[int, ...], number: int) -> str:
    """``[2, 0]``, the place of a number in a point."""
    place = np.unravel_index(number, shape) if shape else ()
    return f"[{', '.join(str(int(i)) for i in place)}]" if shape else ""


def _aligned(table: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    for row in table:
        cells = (each.rjust(width) for each, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
