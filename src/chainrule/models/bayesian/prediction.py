"""``Prediction``: what is expected, and how sure one can be of it, by its two causes.

Place on the road: beside ``joint``; it knows no network.

*Epistemic* is what more data would take away: the networks that fit the data do not
agree. *Aleatoric* is what would stay: the same inputs have had different targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ...graph import Array
from ...wording import counted


@dataclass(frozen=True, repr=False)
class Prediction:
    """What a posterior says of N examples with T targets, or K classes.

    Formula, for amounts, by draws w₁ … w_S of the weights: mean = m̄ with mₛ = E[y | x,
    wₛ]; epistemic² = mean over s of (mₛ − m̄)²; aleatoric² = mean over s of Var[y | x,
    wₛ]. Their sum is the variance of y (the law of total variance).

    For classes, in nats: H[p̄] of the averaged probabilities is the sum of aleatoric =
    mean of H[pₛ], and epistemic = H[p̄] − mean of H[pₛ], the mutual information of class
    and weights.

    Arguments:
        mean: (N, T) in the units of y; of classes (N, K) probabilities.
        epistemic, aleatoric: standard deviations (N, T) in the units of y; of classes
            entropies, (N,); of events entropies, (N, T).
        draws: (S, N, T): the mean for every draw of the weights.
        kind: of the targets: "amounts", "classes" or "events", as of a
            ``ConditionalLikelihood``.

    Source: Depeweg, Hernández-Lobato, Doshi-Velez & Udluft, Decomposition of
    uncertainty in Bayesian deep learning (2018).
    """

    mean: Array
    epistemic: Array
    aleatoric: Array
    draws: Array
    kind: str = "amounts"

    @classmethod
    def of(cls, means: Array, variances: Array, kind: str = "amounts") -> Prediction:
        """From the means and variances of every draw, (S, N, T).

        Example:
            >>> from chainrule import models
            >>> means = np.array([[[1.0]], [[3.0]]])
            >>> said = models.Prediction.of(means, np.full((2, 1, 1), 4.0))
            >>> said.mean.item(), said.epistemic.item(), said.aleatoric.item()
            (2.0, 1.0, 2.0)
        """
        m = means.astype(np.float64)
        mean = m.mean(axis=0)
        if kind != "amounts":
            total, alone = _entropy(mean, kind), _entropy(m, kind).mean(axis=0)
            return cls(mean, np.maximum(total - alone, 0.0), alone, means, kind)
        spread = np.sqrt(np.square(m - mean).mean(axis=0))
        noise = np.sqrt(variances.astype(np.float64).mean(axis=0))
        return cls(mean, spread, noise, means, kind)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def total(self) -> Array:
        """Both together: √(epistemic² + aleatoric²), or the entropy of the averaged
        probabilities.
        """
        if self.kind != "amounts":
            return self.epistemic + self.aleatoric
        return np.hypot(self.epistemic, self.aleatoric)

    @property
    def labels(self) -> Array:
        """The most probable class of every example, (N,); of events whether each is
        more probable than not, (N, T).

        Raises:
            ArgumentError: for amounts.
        """
        if self.kind == "amounts":
            raise ArgumentError("prediction: labels of amounts", fix="prediction.mean")
        if self.kind == "events":
            return np.asarray(self.mean > 0.5)
        return np.asarray(self.mean.argmax(axis=1))

    def __repr__(self) -> str:
        return (
            f"{counted(len(self), 'prediction')} of {self.kind}, from "
            f"{counted(len(self.draws), 'draw')}: epistemic "
            f"{self.epistemic.mean():.4g}, aleatoric {self.aleatoric.mean():.4g} "
            "on average"
        )


def _entropy(p: Array, kind: str) -> Array:
    """−Σ p ln p over the classes; of events, of each p and 1 − p."""
    if kind == "events":
        return _terms(p) + _terms(1.0 - p)
    return np.asarray(_terms(p).sum(axis=-1))


def _terms(p: Array) -> Array:
    return np.asarray(-p * np.log(np.where(p > 0, p, 1.0)))
