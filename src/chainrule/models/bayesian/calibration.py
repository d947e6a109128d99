"""Calibration: whether what is said with 80 % confidence is right in 80 of 100 cases.

Place on the road: beside ``prediction``; it knows no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError, ShapeError
from ...graph import Array
from ...nn.arguments import positive_size

#: How far the sum of a row's probabilities may be from 1.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Calibration:
    """How often predictions were right, by how sure they were.

    Arguments:
        confidence: the mean probability of the predicted class, for every bin with
            predictions in it.
        accuracy: the share of them that was right.
        counts: how many there were.
    """

    confidence: Array
    accuracy: Array
    counts: Array

    @property
    def expected_error(self) -> float:
        """The expected calibration error, Σ_b (n_b / N) |accuracy_b − confidence_b|."""
        apart = np.abs(self.accuracy - self.confidence)
        return float((self.counts * apart).sum() / self.counts.sum())


def calibration(probabilities: Any, labels: Any, bins: int = 15) -> Calibration:
    """The calibration of a classifier: predictions in bins of equal width, by the
    probability of the class that was predicted.

    Arguments:
        probabilities: (N, K), as ``Prediction.mean`` has them; (N, 1) of events, whose
            classes are 0 and 1.
        labels: (N,), the class numbers that were right.
        bins: how many, from 0 to 1.

    Raises:
        ShapeError: for other shapes.
        DataError: for what are no probabilities, labels of other classes, or no
            predictions at all.

    Source: Naeini, Cooper & Hauskrecht, Obtaining well calibrated probabilities using
    Bayesian binning (2015); Guo, Pleiss, Sun & Weinberger, On calibration of modern
    neural networks (2017).

    Example:
        >>> from chainrule import models
        >>> found = models.calibration([[0.8, 0.2]] * 4, [0, 0, 0, 1], bins=10)
        >>> found.confidence.round(2), found.accuracy, round(found.expected_error, 2)
        (array([0.8]), array([0.75]), 0.05)
    """
    count = positive_size("calibration", "bins", bins)
    p, y = np.asarray(probabilities, np.float64), np.asarray(labels)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise ShapeError(
            f"calibration: probabilities {p.shape} with labels {y.shape}: expected "
            "(N, K) and (N,)"
        )
    if not len(p):
        raise DataError("calibration: there are no predictions")
    if not (np.isfinite(p).all() and (p >= 0).all() and (p <= 1 + 1e-6).all()):
        raise DataError(
            "calibration: expected probabilities from 0 to 1",
            fix="posterior.predict(x).mean, or cr.softmax(outputs)",
        )
    if p.shape[1] == 1:
        p = np.concatenate([1 - p, p], axis=1)
    if (np.abs(p.sum(axis=1) - 1) > ROUNDING).any():
        raise DataError(
            "calibration: probabilities of a row do not add up to 1",
            fix="posterior.predict(x).mean, or cr.softmax(outputs)",
        )
    if y.dtype.kind not in "iub":
        raise ArgumentError(
            f"calibration: labels of {y.dtype}: expected whole numbers from 0"
        )
    if y.min() < 0 or y.max() >= p.shape[1]:
        raise DataError(
            f"calibration: labels from {y.min()} to {y.max()} for {p.shape[1]} classes"
        )
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    place = np.minimum((sure * count).astype(int), count - 1)
    counts = np.bincount(place, minlength=count)
    used = counts > 0
    of_bin = [
        np.bincount(place, weights=each, minlength=count)[used] / counts[used]
        for each in (sure, right.astype(np.float64))
    ]
    return Calibration(of_bin[0], of_bin[1], counts[used])
