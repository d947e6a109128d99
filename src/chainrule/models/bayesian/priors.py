"""Priors: what the weights of a network are expected to be before data are seen.

Place on the road: beside ``likelihoods``; they know no network. With a prior, the most
probable weights maximise log p(y | x, w) + log p(w); divided by −N that is the mean
loss and a penalty, which has older names:

    GaussianPrior(σ)   (1/N) ‖w‖² / 2σ²    L2 with λ = 1 / (N σ²)
    LaplacePrior(b)    (1/N) ‖w‖₁ / b      L1 with λ = 1 / (N b)
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable
from typing import Any

from ... import nn
from ...errors import ArgumentError
from ...nn.arguments import number_within
from ...ops.arrays import lift
from ...ops.elementwise import absolute


class Prior(nn.Module):
    """A density of weights, each for itself; the flat one, p(w) = 1, unless a subclass
    says otherwise.

    Example:
        >>> from chainrule import models
        >>> models.GaussianPrior(1.0).log_prob([[0.0], [1.0]]).item()
        -2.337877035140991
    """

    def log_density(self, w: Any) -> Any:
        """log p of every weight, shaped like w."""
        return 0.0 * w

    def log_prob(self, parameters: Iterable[Any]) -> Any:
        """log p(w), one number for all parameters together.

        Arguments:
            parameters: those of a network, or values in their place.
        """
        parts = [self.log_density(each).sum() for each in lift(list(parameters))]
        if not parts:
            raise ArgumentError(
                f"{type(self).__name__}: there are no parameters to expect anything of"
            )
        return functools.reduce(operator.add, parts)


class GaussianPrior(Prior):
    """Weights are expected to be near 0: w ~ N(0, σ²). What is called weight decay.

    Formula: log p(w) = −w²/2σ² − ln σ − ½ ln 2π.

    Arguments:
        std: σ.

    Raises:
        ArgumentError: for a deviation that is not above 0.

    Source: MacKay, A practical Bayesian framework for backpropagation networks (1992).

    Example:
        >>> from chainrule import models
        >>> models.GaussianPrior(0.5).l2(num_examples=1000)
        0.004
    """

    def __init__(self, std: float = 1.0) -> None:
        self.std = _scale("GaussianPrior", "std", std)

    def settings(self) -> dict[str, Any]:
        """σ."""
        return {"std": self.std}

    def log_density(self, w: Any) -> Any:
        """log N(w; 0, σ²)."""
        constant = math.log(self.std) + 0.5 * math.log(2.0 * math.pi)
        return (-0.5 / self.std**2) * (w * w) - constant

    def l2(self, num_examples: int) -> float:
        """λ of the L2 penalty λ/2 ‖w‖² that this prior is, beside a mean loss over so
        many examples: ``optim.L2(prior.l2(N))``.
        """
        return 1.0 / (num_examples * self.std**2)


class LaplacePrior(Prior):
    """Most weights are expected to be very near 0, few far away: p(w) = e^(−|w|/b)/2b.

    Formula: log p(w) = −|w|/b − ln 2b.

    Arguments:
        scale: b.

    Raises:
        ArgumentError: for a scale that is not above 0.

    Source: Williams, Bayesian regularization and pruning using a Laplace prior (1995).

    Example:
        >>> from chainrule import models
        >>> models.LaplacePrior(0.1).l1(num_examples=1000)
        0.01
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = _scale("LaplacePrior", "scale", scale)

    def settings(self) -> dict[str, Any]:
        """b."""
        return {"scale": self.scale}

    def log_density(self, w: Any) -> Any:
        """−|w|/b − ln 2b."""
        return (-1.0 / self.scale) * absolute(w) - math.log(2.0 * self.scale)

    def l1(self, num_examples: int) -> float:
        """λ of the L1 penalty λ ‖w‖₁ that this prior is, beside a mean loss over so
        many examples: ``optim.L1(prior.l1(N))``.
        """
        return 1.0 / (num_examples * self.scale)


def _scale(prior: str, name: str, value: Any) -> float:
    return number_within(prior, name, value, 1e-30, rule="a finite number above 0")
