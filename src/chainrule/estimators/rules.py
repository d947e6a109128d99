"""What happens between two epochs of an estimator: when to stop.

Place on the road: a callback of ``fit``, beneath the estimators. It must not know of
targets or networks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Array
from ..training import Callback, Run

#: Why training ends where the loss, or the score, stands still.
CONVERGED = "converged"


class Plateau(Callback):
    """Ends training when its loss, or the score of the validation data, stands still:
    scikit-learn's rule.

    An epoch counts as no improvement when it is not better than the best before by
    ``tol``; training ends after more than ``patience`` such epochs in a row. With a
    score, the weights of the best epoch are kept.

    Arguments:
        column: of the history: "loss", or "validation_score".
        tol: how much better is better.
        patience: epochs in a row without.
    """

    only_observes = True

    def __init__(self, column: str, tol: float, patience: float) -> None:
        self.column = column
        self.tol = tol
        self.patience = patience
        self.sign = -1.0 if column == "loss" else 1.0
        self.best = -math.inf
        self.waited = 0
        self.weights: dict[str, Array] = {}

    def on_epoch_end(self, run: Run) -> None:
        """Compares the epoch with the best before."""
        value = self.sign * float(run.row[self.column])
        still = not value >= self.best + self.tol
        self.waited = self.waited + 1 if still else 0
        if value > self.best:
            self.best = value
            if self.column != "loss":
                self.weights = run.model.state_dict()
        if self.waited > self.patience:
            run.stop(CONVERGED)

    @property
    def best_value(self) -> float:
        """The smallest loss, or the largest score."""
        return self.sign * self.best


def clip_batch(size: Any, examples: int) -> int:
    """The batch size: "auto" is 200, and none is larger than the data.

    Example:
        >>> clip_batch("auto", 1000), clip_batch(32, 10)
        (200, 10)
    """
    return int(np.clip(200 if size == "auto" else size, 1, max(1, examples)))
