"""Mean errors over folds, their standard errors, and which candidate they choose.

Place on the road: above what measures candidates, below what reports them. Numbers
only: it must not know how they came about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ShapeError
from .space import Candidate

RULES = ("one_standard_error", "lowest")


def standard_error(values: Any) -> float:
    """That of the mean of K values: s / √K, with s their standard deviation.

    Example:
        >>> round(standard_error([1.0, 2.0, 3.0]), 4)
        0.5774
    """
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


@dataclass(frozen=True)
class Score:
    """What cross-validation says of a candidate.

    Arguments:
        candidate: which one.
        parameters: how many weights and biases it has.
        errors: on each fold, in the order of the folds; infinite where it diverged.
    """

    candidate: Candidate
    parameters: int
    errors: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean of the errors."""
        return float(np.mean(self.errors))

    @property
    def standard_error(self) -> float:
        """That of the mean; NaN where an error is no number."""
        if not math.isfinite(self.mean):
            return math.nan
        return standard_error(self.errors)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **self.candidate.to_json(),
            "parameters": self.parameters,
            "error": self.mean,
            "standard_error": self.standard_error,
            "errors": list(self.errors),
        }


def one_standard_error(errors: Any, sizes: Sequence[float]) -> int:
    """The smallest model that is not clearly worse than the best.

    Formula: with mean errors mᵢ over K folds and b the model of the least, the smallest
    i for which mᵢ ≤ m_b + s_b / √K, where s_b is the standard deviation of b's errors
    over the folds. Of several equally small ones that with the least error.

    Arguments:
        errors: ``(C, K)``, those of C models on K folds; less is better.
        sizes: ``(C,)``, how large each model is: its number of weights, say.

    Returns:
        The number of the chosen model.

    Raises:
        ShapeError: errors that are no table of two folds or more, or other sizes.

    Source:
        Breiman, Friedman, Olshen and Stone, "Classification and regression trees",
        1984, section 3.4.3.

    Example:
        >>> from chainrule import tuning
        >>> errors = [[0.9, 0.8, 0.9], [0.31, 0.25, 0.29], [0.28, 0.22, 0.33]]
        >>> tuning.one_standard_error(errors, sizes=[10, 20, 40])
        1
    """
    table = np.asarray(errors, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or len(sizes) != len(table):
        raise ShapeError(
            f"one_standard_error: errors {table.shape} with {len(sizes)} sizes: "
            "expected (models, folds), two folds or more, and a size for each model"
        )
    means = np.where(np.isfinite(table).all(axis=1), table.mean(axis=1), np.inf)
    best = int(np.argmin(means))
    spread = 0.0
    if np.isfinite(means[best]):
        spread = standard_error(table[best])
    near = np.flatnonzero(means <= means[best] + spread)
    return min(map(int, near), key=lambda number: (sizes[number], means[number]))


def choose(scores: Sequence[Score], rule: str) -> tuple[Score, Score]:
    """The chosen score, and the one with the least error.

    Arguments:
        scores: one a candidate.
        rule: one of ``RULES``.
    """
    best = min(scores, key=lambda score: (score.mean, score.parameters))
    if rule == "lowest":
        return best, best
    sizes = [score.parameters for score in scores]
    return scores[one_standard_error([s.errors for s in scores], sizes)], best
