"""``BivariateMixture``: where a pen goes next, as a mixture of normal distributions
with correlation.

Place on the road: a likelihood like those of ``models.bayesian``, below the network
that writes; it may stand behind any network with two targets.
"""

from __future__ import annotations

import math
from typing import Any

from ...dtypes import is_float
from ...errors import DTypeError, ShapeError
from ...nn.arguments import number_within, positive_size
from ...ops.arrays import lift
from ...ops.composed import log_softmax, logsumexp, one_hot, stack
from ...ops.elementwise import exp, log, maximum, minimum, softplus, sqrt, tanh
from ...random_numbers import Generator
from ..bayesian.likelihoods import LOG_2PI, ConditionalLikelihood

#: The largest correlation; how far from a mean a target is taken to be at most, in its
#: units and in standard deviations. Beyond these, squares and gradients would overflow.
MOST_CORRELATION, FARTHEST, MOST_DEVIATIONS = 0.999, 1e18, 1e8


class BivariateMixture(ConditionalLikelihood):
    """Two amounts from a mixture of normal distributions, each with its own
    correlation.

    Formula: p(x, y | f) = Σₖ πₖ N((x, y); μₖ, Σₖ) of six outputs a component:
        π = softmax(f₁)                      μ = (f₂, f₃)
        ln σ = ln ε + ln(1 + e^(f − ln ε))   of f₄ for x and f₅ for y, so that σ > ε
        ρ = 0.999 tanh f₆
        ln N = −ln 2π − ln σₓ − ln σ_y − ½ ln(1 − ρ²) − ½ [(u − ρ v)²/(1 − ρ²) + v²],
    with u = (x − μₓ)/σₓ and v = (y − μ_y)/σ_y. All is added in logarithms, and the
    form of the square has no difference of nearly equal numbers: loss and gradient are
    finite for whatever finite outputs and targets.

    Shapes: f (N, 6 K), y (N, 2) → (N,).

    Arguments:
        components: K.
        least: ε, below which no standard deviation falls, in the units of the targets.

    Raises:
        ArgumentError: for less than one component, or ε not above 0.

    Source: Bishop, Mixture density networks (1994); Graves (2013), equations 18 to 25.

    Example:
        >>> from chainrule import models
        >>> density = models.BivariateMixture(1)
        >>> f = [[0.0, 1.0, 2.0, 0.0, 0.0, 0.0]]
        >>> round(density.log_prob(f, [[1.0, 2.0]]).item(), 3)  # −ln 2π − 2 ln 1.01
        -1.858
    """

    def __init__(self, components: int, least: float = 0.01) -> None:
        name = type(self).__name__
        self.components = positive_size(name, "components", components)
        rule = "a number above 0"
        self.least = number_within(name, "least", least, 1e-12, rule=rule)

    def settings(self) -> dict[str, Any]:
        """K and ε."""
        return {"components": self.components, "least": self.least}

    def num_outputs(self, num_targets: int = 2) -> int:
        """6 K."""
        return 6 * self.components

    def parts(self, outputs: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
        """ln π, μₓ, μ_y, ln σₓ, ln σ_y and ρ, each (N, K)."""
        f = self._floats(outputs)
        k, floor = self.components, math.log(self.least)
        share, x, y, wide, high, turn = (f[:, n * k : (n + 1) * k] for n in range(6))
        log_wide = floor + softplus(wide - floor)
        log_high = floor + softplus(high - floor)
        shares = log_softmax(share, axis=-1)
        return shares, x, y, log_wide, log_high, MOST_CORRELATION * tanh(turn)

    def log_prob(self, outputs: Any, targets: Any) -> Any:
        """ln Σₖ πₖ N(y; μₖ, Σₖ), (N,)."""
        shares, x, y, log_wide, log_high, rho = self.parts(outputs)
        target = self._targets(x, targets)
        u = _deviations(target[:, :1] - x, log_wide)  # (N, K)
        v = _deviations(target[:, 1:] - y, log_high)
        rest = (1.0 - rho) * (1.0 + rho)  # 1 − ρ²
        off = u - rho * v
        square = off * off / rest + v * v
        inside = LOG_2PI + log_wide + log_high + 0.5 * (log(rest) + square)
        return logsumexp(shares - inside, axis=-1)

    def mean(self, outputs: Any) -> Any:
        """Σₖ πₖ μₖ, (N, 2)."""
        shares, x, y, *_ = self.parts(outputs)
        p = exp(shares)
        return stack([(p * x).sum(axis=-1), (p * y).sum(axis=-1)], axis=-1)

    def variance(self, outputs: Any) -> Any:
        """Σₖ πₖ (σₖ² + (μₖ − μ)²) of each of the two, (N, 2)."""
        shares, x, y, log_wide, log_high, _ = self.parts(outputs)
        p, middle = exp(shares), self.mean(outputs)
        found = []
        for column, (mean, spread) in enumerate(((x, log_wide), (y, log_high))):
            off = mean - middle[:, column : column + 1]
            found.append((p * (exp(2.0 * spread) + off * off)).sum(axis=-1))
        return stack(found, axis=-1)

    def sample(self, outputs: Any, seed: int = 0) -> Any:
        """A component for every example, and a pair of amounts from it, (N, 2)."""
        source = Generator(seed)
        (f,) = lift([outputs])
        rows = f.shape[0]
        return self.drawn(
            f, source.uniform((rows, self.components)), source.normal((rows, 2))
        )

    def drawn(self, outputs: Any, chances: Any, noise: Any, bias: Any = 0.0) -> Any:
        """The pair that given random numbers draw.

        Formula: k = argmax (1 + b) ln π − ln(−ln chance); x = μₓ + σₓ e^(−b) n₁ and
        y = μ_y + σ_y e^(−b) (ρ n₁ + √(1 − ρ²) n₂).

        Arguments:
            chances: uniform in (0, 1), (N, K).
            noise: n, standard normal, (N, 2).
            bias: b, 0 or above: how much the likely is preferred to the unlikely.

        Source: Graves (2013), equations 61 and 62.
        """
        shares, x, y, log_wide, log_high, rho = self.parts(outputs)
        least = 1e-20
        heads = -log(maximum(-log(maximum(chances, least)), least))
        chosen = (shares * (1.0 + bias) + heads).argmax(axis=-1)
        one: Any = one_hot(chosen, self.components, dtype=x.dtype)  # (N, K)
        mx, my, sx, sy, r = (
            (one * each).sum(axis=-1) for each in (x, y, log_wide, log_high, rho)
        )
        across = r * noise[:, 0] + sqrt((1.0 - r) * (1.0 + r)) * noise[:, 1]
        pair = [mx + exp(sx - bias) * noise[:, 0], my + exp(sy - bias) * across]
        return stack(pair, axis=-1)

    def _floats(self, outputs: Any) -> Any:
        (f,) = lift([outputs])
        wanted = 6 * self.components
        if not is_float(f.dtype):
            raise DTypeError(
                f"BivariateMixture: outputs {f.shape} of {f.dtype}: expected floats"
            )
        if len(f.shape) != 2 or f.shape[1] != wanted:
            raise ShapeError(
                f"BivariateMixture({self.components}): outputs {f.shape}: expected "
                f"(N, {wanted}), six for each component",
                fix="a last layer of likelihood.num_outputs() numbers",
            )
        return f

    def _targets(self, first: Any, targets: Any) -> Any:
        (node,) = lift([targets])
        y: Any = node
        if y.shape != (first.shape[0], 2):
            raise ShapeError(
                f"BivariateMixture: targets {y.shape} with {first.shape[0]} rows of "
                f"outputs: expected ({first.shape[0]}, 2), as a likelihood never "
                "broadcasts"
            )
        return y.astype(first.dtype)


def _deviations(off: Any, log_spread: Any) -> Any:
    """How many standard deviations a distance is; no gradient beyond the most."""
    off = minimum(maximum(off, -FARTHEST), FARTHEST)
    found = off * exp(-log_spread)
    return minimum(maximum(found, -MOST_DEVIATIONS), MOST_DEVIATIONS)
