"""What a decoder's numbers mean: the likelihoods of binary and of real data.

Place on the road: below ``vae``. A likelihood is given what the decoder makes of codes,
and says how probable data are, what they are on average, and draws some.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, unknown_option
from ..graph import Array
from ..nn.arguments import number_within
from ..ops.elementwise import exp, sigmoid, softplus, sqrt
from ..ops.movement import broadcast_to
from ..random_numbers import Generator

LOG_TWO_PI = math.log(2.0 * math.pi)

#: The likelihoods, and where the variance of real data comes from.
LIKELIHOODS, VARIANCES = ("bernoulli", "gaussian"), ("network", "shared")

#: Shares of ones beyond these count as these where a bias starts.
LEAST_SHARE = 0.001


class Likelihood(ABC):
    """p(x | z) of independent numbers, by what the decoder makes of z.

    Attributes:
        per_value: how many numbers of the decoder belong to each of the data.
        rule, cure: what data must be, and what to do where they are not.
    """

    per_value: int
    rule: str
    cure: str | None = None

    @abstractmethod
    def valid(self, x: Any) -> Any:
        """Which values may be; of arrays and nodes alike."""

    @abstractmethod
    def check_outcomes(self, where: str, rows: Array) -> None:
        """An error for values, valid as averages, that have no probability."""

    @abstractmethod
    def parameters(self, made: Any) -> tuple[Any, ...]:
        """What the decoder made, (…, per_value · C), as arrays (…, C) or one number."""

    @abstractmethod
    def log_prob(self, x: Any, *parameters: Any) -> Any:
        """log p of every number, (…, C)."""

    @abstractmethod
    def moments(self, *parameters: Any) -> tuple[Any, Any]:
        """Mean and variance of every number, (…, C)."""

    @abstractmethod
    def sample(self, mean: Any, variance: Any, source: Generator) -> Any:
        """Data with these moments, (…, C)."""

    @abstractmethod
    def first_bias(self, mean: Any, variance: Any) -> Any:
        """What a decoder that knows nothing of z says for data of these moments, in
        NumPy: (per_value · C,).
        """


@dataclass(frozen=True)
class BernoulliData(Likelihood):
    """0 or 1: the decoder makes logits ℓ.

    Formula: log p = x ℓ − log(1 + e^ℓ), for values between 0 and 1 an average over 0
    and 1 with that probability.

    Example:
        >>> import chainrule as cr
        >>> BernoulliData().log_prob(cr.ones(1), cr.zeros(1)).numpy().round(4)
        array([-0.6931], dtype=float32)
    """

    per_value = 1
    rule = "from 0 to 1 of a Bernoulli likelihood"
    cure = "images of 0 … 255 divided by 255; likelihood='gaussian' for real data"

    def valid(self, x: Any) -> Any:
        """0 … 1."""
        return (x >= 0) & (x <= 1)

    def check_outcomes(self, where: str, rows: Array) -> None:
        """An error for what is neither 0 nor 1."""
        between = np.argwhere((rows != 0) & (rows != 1))
        if len(between):
            place = tuple(map(int, between[0]))
            raise DataError(
                f"{where}: data {rows.shape}: {rows[place]:g} at position {place}: "
                "expected 0 or 1: the model has no probability for what is between",
                fix="(x > 0.5).astype('float32'), or values drawn with these "
                "probabilities",
            )

    def parameters(self, made: Any) -> tuple[Any, ...]:
        """The logits."""
        return (made,)

    def log_prob(self, x: Any, logits: Any) -> Any:
        """x ℓ − log(1 + e^ℓ)"""
        return x * logits - softplus(logits)

    def moments(self, logits: Any) -> tuple[Any, Any]:
        """σ(ℓ), and σ(ℓ) (1 − σ(ℓ))."""
        mean = sigmoid(logits)
        return mean, mean * (1.0 - mean)

    def sample(self, mean: Any, variance: Any, source: Generator) -> Any:
        """1 with the probability of the mean."""
        return source.bernoulli(mean).astype(mean.dtype)

    def first_bias(self, mean: Any, variance: Any) -> Any:
        """log p / (1 − p)"""
        share = np.clip(mean, LEAST_SHARE, 1 - LEAST_SHARE)
        return np.log(share / (1 - share))


@dataclass(frozen=True)
class GaussianData(Likelihood):
    """Real numbers: the decoder makes means μ and, behind them on the last axis, s;
    or one s is a parameter, or σ² a number.

    Formula: log p = −½ [log 2π + log σ² + (x − μ)² / σ²], where
    log σ² = a + log(1 + e^(s − a)) stays above the logarithm a of the least variance.

    Arguments:
        least: the least variance.
        shared: s as one parameter of the model.
        variance: σ², where it is known.

    Example:
        >>> import chainrule as cr
        >>> kind = GaussianData(1e-4, variance=1.0)
        >>> kind.log_prob(cr.zeros(1), *kind.parameters(cr.zeros(1))).numpy().round(4)
        array([-0.9189], dtype=float32)
    """

    least: float
    shared: Any = None
    variance: float | None = None
    rule = "finite"

    @property
    def per_value(self) -> int:  # type: ignore[override]
        """Two where the network says both."""
        return 2 if self.shared is None and self.variance is None else 1

    def valid(self, x: Any) -> Any:
        """Neither NaN nor infinite."""
        return abs(x) < math.inf

    def check_outcomes(self, where: str, rows: Array) -> None:
        """Nothing: all have a density."""

    def parameters(self, made: Any) -> tuple[Any, ...]:
        """μ and log σ²."""
        if self.variance is not None:
            return made, math.log(self.variance)
        mean, s = made, self.shared
        if s is None:
            size = made.shape[-1] // 2
            mean, s = made[..., :size], made[..., size:]
        floor = math.log(self.least)
        return mean, floor + softplus(s - floor)

    def log_prob(self, x: Any, mean: Any, log_variance: Any) -> Any:
        """−½ [log 2π + log σ² + (x − μ)² / σ²]"""
        off = x - mean
        scaled = off * off * _exp(-log_variance)
        return -0.5 * (LOG_TWO_PI + log_variance + scaled)

    def moments(self, mean: Any, log_variance: Any) -> tuple[Any, Any]:
        """μ and σ²."""
        return mean, broadcast_to(_exp(log_variance) + 0.0 * mean, mean.shape)

    def sample(self, mean: Any, variance: Any, source: Generator) -> Any:
        """μ + σ ε"""
        return mean + sqrt(variance) * source.normal(mean.shape, dtype=mean.dtype)

    def first_bias(self, mean: Any, variance: Any) -> Any:
        """The means and, where the network says it, s of the variances."""
        if self.per_value == 1:
            return mean
        return np.concatenate([mean, self.before_floor(variance)], axis=-1)

    def before_floor(self, variance: Any) -> Any:
        """s of a variance: the inverse of the floor."""
        ratio = np.log(np.maximum(np.asarray(variance, float) / self.least, 1.001))
        return math.log(self.least) + np.log(np.expm1(ratio))


def checked_variance(variance: Any) -> str | float:
    """Where σ² of real data comes from, or its value.

    Example:
        >>> checked_variance("shared"), checked_variance(1)
        ('shared', 1.0)
    """
    if isinstance(variance, str):
        if variance not in VARIANCES:
            raise unknown_option("variance", variance, VARIANCES)
        return variance
    rule = f"a number above 0, or one of {', '.join(map(repr, VARIANCES))}"
    return number_within("VAE", "variance", variance, 1e-12, rule=rule)


def _exp(value: Any) -> Any:
    return math.exp(value) if isinstance(value, float) else exp(value)
