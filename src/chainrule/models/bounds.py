"""The evidence lower bound as a value, and codes to look at.

Place on the road: below ``vae``; arrays alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from ..graph import Array
from ..nn.arguments import positive_size
from ..wording import signed


@dataclass(frozen=True)
class ELBO:
    """The evidence lower bound of examples, log p(x) − KL(q(z | x) ‖ p(z | x)), in its
    two parts, in nats.

    Attributes:
        reconstruction: E log p(x | z) over codes from q(z | x), (N,).
        kl: KL(q(z | x) ‖ p(z)), (N,): what a code says of its example.

    Example:
        >>> bound = ELBO(np.array([-60.0, -62.0]), np.array([25.0, 24.0]))
        >>> bound.values, bound.mean
        (array([-85., -86.]), -85.5)
        >>> print(bound)
        −85.50 nats: reconstruction −61.00, KL 24.50
    """

    reconstruction: Array
    kl: Array

    @property
    def values(self) -> Array:
        """The bound of every example, (N,)."""
        bound: Array = self.reconstruction - self.kl
        return bound

    @property
    def mean(self) -> float:
        """The bound, averaged over examples."""
        return float(self.values.mean())

    def __str__(self) -> str:
        first, second = self.reconstruction.mean(), self.kl.mean()
        words = f"{self.mean:.2f} nats: reconstruction {first:.2f}, KL {second:.2f}"
        return signed(words)


def latent_grid(n: int = 20) -> Array:
    """Codes of two numbers that are evenly spread over what p(z) = N(0, I) makes
    likely, (n², 2): row by row from the upper left, for a picture of what the decoder
    makes of them.

    Formula: the quantiles of N(0, 1) at (i + ½) / n.

    Source: Kingma & Welling (2014), figure 4.

    Example:
        >>> latent_grid(2).astype(float).round(2).tolist()
        [[-0.67, 0.67], [0.67, 0.67], [-0.67, -0.67], [0.67, -0.67]]
    """
    count = positive_size("latent_grid", "n", n)
    normal = NormalDist()
    places = np.array([normal.inv_cdf((i + 0.5) / count) for i in range(count)])
    across, down = np.meshgrid(places, places[::-1])
    grid: Array = np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float32)
    return grid


def by_rows(
    function: Callable[[Array, Any], Array], x: Array, y: Any, rows: int
) -> Array:
    """A function of so many rows of x, and of labels or None, on any number of them, so
    that it is compiled once: the last rows are filled up.

    Example:
        >>> by_rows(lambda x, y: 2 * x, np.arange(5), None, 3)
        array([0, 2, 4, 6, 8])
    """
    parts = []
    for first in range(0, len(x), rows):
        places = np.minimum(np.arange(first, first + rows), len(x) - 1)
        parts.append(function(x[places], None if y is None else y[places]))
    return np.concatenate(parts)[: len(x)]
