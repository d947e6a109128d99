"""What costs little beside a network that writes with a pen: where a pen goes next,
whatever it has done before.

Place on the road: below the reports of runs with pens, on scikit-learn. It knows no
network.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

#: Points that a mixture is fitted to, at most.
MOST = 50_000


class MemorylessPen:
    """A mixture of normal distributions of the offsets of a pen, and how often it is
    lifted, whatever went before.

    Formula: p(Δx, Δy) = Σₖ πₖ N(μₖ, Σₖ), fitted by expectation–maximisation; the pen
    is lifted, and nothing follows then, as often as in training.

    Arguments:
        rows: of drawings, (Tᵢ, 3) each: Δx, Δy, pen lifted; the first of each is not
            counted.
        components: of the mixture; one is a normal distribution.
        least: the least standard deviation.
        seed: of the first components, and of the points that are chosen where there
            are very many.

    Example:
        >>> pen = MemorylessPen([np.array([[0, 0, 0], [1, 0, 0], [-1, 0.0, 1]])] * 9)
        >>> round(pen.shares["lifted"], 2), pen.shares["last"]
        (0.5, 1.0)
    """

    def __init__(
        self,
        rows: Iterable[Array],
        components: int = 1,
        least: float = 0.01,
        seed: int = 0,
    ) -> None:
        from sklearn.mixture import GaussianMixture

        given = list(rows)
        points = np.concatenate([each[1:] for each in given]).astype(float)
        lifted = float(points[:, 2].sum())
        last = sum(float(each[-1, 2]) for each in given if len(each) > 1)
        self.shares = {
            "lifted": lifted / len(points),
            "last": last / lifted if lifted else 0.0,
        }
        chosen = np.random.default_rng(seed).permutation(len(points))[:MOST]
        steps = points[chosen, :2]
        count = min(components, len(np.unique(steps, axis=0)))
        self.mixture = GaussianMixture(count, reg_covar=least**2, random_state=seed)
        with warnings.catch_warnings():  # a baseline may stop before it is at its best
            warnings.simplefilter("ignore")
            self.mixture.fit(steps)

    def nats(self, rows: Sequence[Array]) -> float:
        """−ln p of a point of other drawings, on average; the first of each is given.

        Arguments:
            rows: as of the class.
        """
        points = np.concatenate([each[1:] for each in rows]).astype(float)
        total = -float(self.mixture.score_samples(points[:, :2]).sum())
        up = float(points[:, 2].sum())
        last = sum(float(each[-1, 2]) for each in rows if len(each) > 1)
        total += _surprise(up, len(points) - up, self.shares["lifted"])
        total += _surprise(last, up - last, self.shares["last"])
        return total / len(points)


def _surprise(yes: float, no: float, share: float) -> float:
    """−ln p of so many events that happened and did not, each with this probability;
    neither is taken to be impossible.
    """
    p = min(max(share, 1e-6), 1 - 1e-6)
    return -(yes * math.log(p) + no * math.log1p(-p))
