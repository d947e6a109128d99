"""Whether chains have found what they sample, and what their draws are worth.

Place on the road: part of ``sampling``, below the samplers. It is about numbers only:
draws of any origin, with chains along the first axis and draws along the second.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Array

#: Fewer draws in a chain say nothing of it: halves of a chain are compared.
LEAST_DRAWS = 4


def r_hat(values: Any) -> Array:
    """How much wider all chains together are than each of them: 1 where they agree.

    Formula: every chain is cut into halves, M of N draws each, and every draw x is
    replaced by z = Φ⁻¹((rank(x) − 3/8) / (S + 1/4)) with S = M N, so that heavy tails
    do no harm. With the variance W within and B/N between halves,

        R̂ = √(((N − 1)/N · W + B/N) / W),

    and the same of |x − median|, for chains that agree on where and not on how wide;
    the larger counts. Above 1.01 more draws are needed.

    Shapes: (chains, draws, …) → (…).

    Returns:
        One number for each; NaN where no draw differs from another, or one is not
        finite.

    Raises:
        ShapeError: for fewer than 4 draws a chain.

    Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner, Rank-normalization, folding,
    and localization: an improved R̂ for assessing convergence of MCMC (2021).

    Example:
        >>> from chainrule import sampling
        >>> draws = np.random.default_rng(0).normal(size=(4, 1000))
        >>> bool(sampling.r_hat(draws) < 1.01)
        True
        >>> bool(sampling.r_hat(draws + np.arange(4)[:, None]) > 1.3)
        True
    """
    halves = _halves("r_hat", values)
    middle = np.median(halves, axis=(0, 1))
    return np.maximum(
        _plain_r_hat(_normal_scores(halves)),
        _plain_r_hat(_normal_scores(np.abs(halves - middle))),
    )


def ess_bulk(values: Any) -> Array:
    """How many independent draws would know as much of the middle of a distribution.

    Formula: S / (−1 + 2 Σₖ (ρ₂ₖ + ρ₂ₖ₊₁)) of the normal scores z of ``r_hat``, with
    the autocorrelation ρₜ of all halves of chains together; the sum ends before the
    first negative pair, and no pair counts for more than those before it (Geyer, 1992).

    Shapes: (chains, draws, …) → (…).

    Raises:
        ShapeError: for fewer than 4 draws a chain.

    Source: Vehtari et al. (2021), section 3.

    Example:
        >>> from chainrule import sampling
        >>> draws = np.random.default_rng(0).normal(size=(4, 1000))
        >>> 3000 < float(sampling.ess_bulk(draws)) < 5000
        True
    """
    return _plain_ess(_normal_scores(_halves("ess_bulk", values)))


def ess_tail(values: Any) -> Array:
    """How many independent draws would know as much of the tails: the smaller effective
    size of whether a draw is below the 5 % and below the 95 % quantile.

    Shapes: (chains, draws, …) → (…).

    Raises:
        ShapeError: for fewer than 4 draws a chain.

    Source: Vehtari et al. (2021), section 4.2.

    Example:
        >>> from chainrule import sampling
        >>> draws = np.random.default_rng(0).normal(size=(4, 1000))
        >>> 3000 < float(sampling.ess_tail(draws)) < 5000
        True
    """
    halves = _halves("ess_tail", values)
    low, high = np.quantile(np.asarray(values, float), [0.05, 0.95], axis=(0, 1))
    return np.minimum(
        _plain_ess(1.0 * (halves <= low)), _plain_ess(1.0 * (halves <= high))
    )


def ess_mean(values: Any) -> Array:
    """How many independent draws would know the mean as well: that of the numbers
    themselves. Their standard deviation over its root is the error of the mean.

    Shapes: (chains, draws, …) → (…).

    Raises:
        ShapeError: for fewer than 4 draws a chain.

    Example:
        >>> from chainrule import sampling
        >>> draws = np.random.default_rng(0).normal(size=(4, 1000))
        >>> 3000 < float(sampling.ess_mean(draws)) < 5000
        True
    """
    return _plain_ess(_halves("ess_mean", values))


# Parts. ------------------------------------------------------------------------------


def _halves(where: str, values: Any) -> Array:
    """(chains, draws, …) as (2 · chains, draws / 2, …), in float64; of an odd number
    the middle draw is left out."""
    given = np.asarray(values, float)
    if given.ndim < 2 or given.shape[1] < LEAST_DRAWS:
        raise ShapeError(
            f"{where}: draws {given.shape}: expected (chains, draws, …), with "
            f"{LEAST_DRAWS} draws or more in each chain",
            fix="x[None] for a single chain" if given.ndim == 1 else None,
        )
    half = given.shape[1] // 2
    return np.concatenate([given[:, :half], given[:, -half:]])


def _normal_scores(halves: Array) -> Array:
    """Each number's z by its rank among all; equal numbers share their mean rank."""
    flat = halves.reshape(math.prod(halves.shape[:2]), -1)
    count = len(flat)
    inverse = NormalDist().inv_cdf  # of all ranks there can be: 1, 1½, 2 … S
    ranks = (np.arange(2 * count - 1) / 2 + 1 - 0.375) / (count + 0.25)
    table = np.array([inverse(each) for each in ranks])
    scores = np.full(flat.shape, np.nan)
    for column in np.flatnonzero(np.isfinite(flat).all(axis=0)):
        numbers = flat[:, column]
        ordered = np.sort(numbers)
        below = np.searchsorted(ordered, numbers, "left")
        scores[:, column] = table[
            below + np.searchsorted(ordered, numbers, "right") - 1
        ]
    return scores.reshape(halves.shape)


def _plain_r_hat(halves: Array) -> Array:
    count = halves.shape[1]
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    between = halves.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.sqrt((count - 1) / count + between / within)
    return found


def _plain_ess(halves: Array) -> Array:
    """S / τ of sequences, by Geyer's initial monotone sequence."""
    chains, count = halves.shape[:2]
    covariance = _autocovariance(halves).mean(axis=0)  # (lag, …)
    within = covariance[0] * count / (count - 1)
    total = covariance[0] + halves.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1 - (within - covariance) / total
    rho[0] = 1.0
    pairs = rho[: count // 2 * 2].reshape(count // 2, 2, *rho.shape[1:]).sum(axis=1)
    going = np.logical_and.accumulate(pairs > 0, axis=0)
    going[0] = True
    monotone = np.minimum.accumulate(pairs, axis=0)
    ends = going.sum(axis=0)  # the pair at which the sum ends
    after = np.take_along_axis(rho, np.minimum(2 * ends, count - 1)[None], axis=0)[0]
    after = np.where(ends < len(pairs), np.maximum(after, 0), 0.0)
    tau = -1 + 2 * np.where(going, monotone, 0.0).sum(axis=0) + after
    size = chains * count
    found = size / np.maximum(tau, 1 / np.log10(size))
    return np.where(total > 0, found, np.nan)


def _autocovariance(halves: Array) -> Array:
    """Σ (xₜ − x̄)(xₜ₊ₗ − x̄) / N for every lag l, by Fourier transforms."""
    count = halves.shape[1]
    centred = halves - halves.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, 2 * count, axis=1)
    power = (spectrum * spectrum.conj()).real
    found: Array = np.fft.irfft(power, 2 * count, axis=1)[:, :count] / count
    return found
