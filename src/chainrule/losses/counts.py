"""Negative log-likelihoods of counts: Poisson's, and the negative binomial's, which
are spread more widely than their mean.
"""

from __future__ import annotations

from typing import Any

from ..ops import composed
from ..ops.elementwise import exp, log, log1p, softplus
from .inputs import average, pair, right_values
from .likelihoods import like, place_and_spread

#: Stirling's series: the coefficients of 1/z, 1/z³, 1/z⁵ …
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)

#: From where on it is exact to 1e-14.
_FAR = 8

#: The largest |ln α|: beyond it, a count is Poisson's, or nearly always 0.
_MOST = 30.0


def poisson_nll(
    log_rates: Any,
    targets: Any,
    *,
    full: bool = True,
    per: str = "sample",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood of counts under Poisson distributions.

    Formula: ℓᵢ = Σⱼ [e^zᵢⱼ − yᵢⱼ zᵢⱼ + ln yᵢⱼ!], with z = ln λ the logarithm of the
    rate, which a network predicts without a bound.

    Shapes: log-rates and targets alike, (N, …) → ().

    Arguments:
        log_rates: z.
        targets: y, counts of at least 0.
        full: whether ln y! is counted, which no gradient depends on. PyTorch leaves it
            out, or approximates it.

    Raises:
        ShapeError: when the shapes differ or the batch is empty.
        DataError: for known targets below 0.

    Source: Nelder & Wedderburn (1972): regression of counts.

    Example:
        >>> poisson_nll([0.0], [2.0], full=False).item()
        1.0
        >>> round(poisson_nll([0.0], [2.0]).item(), 4)
        1.6931
    """
    name = "poisson_nll"
    z, y = pair(name, log_rates, targets, "log-rates")
    y = _counts(name, y)
    losses = exp(z) - y * z
    if full:
        losses = losses + log_rising(1.0, y)
    return average(name, losses, per, sample_weight, reduction)


def negative_binomial_nll(
    predictions: Any,
    targets: Any,
    *,
    dispersion: Any = None,
    per: str = "sample",
    sample_weight: Any = None,
    reduction: str = "mean",
) -> Any:
    """The negative log-likelihood of counts under negative binomial distributions of
    mean μ and variance μ + α μ²; for small α they are Poisson's.

    Formula: ℓᵢ = −Σⱼ ln [Γ(y + r) / (y! Γ(r)) · (r/(r + μ))ʳ (μ/(r + μ))ʸ] with
    r = 1/α, of z = ln μ and s = ln α, which a network predicts without a bound.

    Shapes: z, s and targets alike, (N, …) → ().

    Arguments:
        predictions: a pair (z, s) of log-mean and log-dispersion; or z, with
            ``dispersion``.
        targets: y, counts of at least 0.
        dispersion: α, shaped like z, or one number above 0.

    Raises:
        ShapeError: when the shapes differ or the batch is empty.
        ArgumentError: for both or neither of log-dispersion and dispersion.
        DataError: for known targets below 0, and a known dispersion that is not above
            0.

    Source: Lawless (1987), "NB2"; Salinas et al. (2020) for networks.

    Example:
        >>> round(negative_binomial_nll(([0.0], [0.0]), [2.0]).item(), 4)
        2.0794
        >>> round(negative_binomial_nll([0.0], [2.0], dispersion=1.0).item(), 4)
        2.0794
    """
    name = "negative_binomial_nll"
    log_mean, log_dispersion = place_and_spread(
        name, predictions, dispersion, "log_mean", "dispersion"
    )
    z, y = pair(name, log_mean, targets, "log-mean")
    y = _counts(name, y)
    s = like(name, log_dispersion, z, "log-dispersion", "log-mean")
    s = composed.clip(s, -_MOST, _MOST)
    r = exp(-s)
    odds = z + s  # ln μ/r
    chosen = log_rising(r, y) - log_rising(1.0, y)
    losses = r * softplus(odds) + y * softplus(-odds) - chosen
    return average(name, losses, per, sample_weight, reduction)


def log_rising(start: Any, count: Any) -> Any:
    """ln Γ(start + count) − ln Γ(start), without the cancellation of the two; of start
    1, ln count!.

    Formula: with R = start + 8 Stirling's series for Γ(R + count) / Γ(R), less the
    eight factors that came before.

    Example:
        >>> import chainrule as cr
        >>> round(log_rising(1.0, cr.tensor(4.0)).item(), 4)  # ln 4!
        3.1781
    """
    far = start + float(_FAR)
    total = (far - 0.5) * log1p(count / far) + count * (log(count + far) - 1.0)
    total = total + _series(count + far) - _series(far)
    for step in range(_FAR):
        total = total - log1p(count / (start + float(step)))
    return total


def _series(z: Any) -> Any:
    """What Stirling's formula lacks: 1/(12 z) − 1/(360 z³) + …"""
    inverse = 1.0 / z
    squared = inverse * inverse
    total: Any = 0.0
    for coefficient in reversed(_STIRLING):
        total = total * squared + coefficient
    return total * inverse


def _counts(name: str, y: Any) -> Any:
    return right_values(name, y, lambda v: v >= 0, "a count, 0 or more", None)
