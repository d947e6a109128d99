"""Metrics of amounts: squared and absolute errors, and R².

Place on the road: beside the training loop. Outputs and targets have the same shape;
sums are made in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dtypes import float64
from ...errors import ShapeError
from ...ops.composed import square
from ...ops.elementwise import absolute
from ...tensor import Tensor
from .metric import Metric, Totals, mismatch, ratio_of


def check_same_shape(name: str, outputs: Tensor, targets: Tensor) -> None:
    """A ``ShapeError`` for outputs that are not of the shape of their targets."""
    if outputs.shape != targets.shape:
        raise ShapeError(
            f"{name}: outputs {outputs.shape} and targets {targets.shape}: "
            "both must have the same shape",
            fix="targets.reshape(-1, 1)"
            if outputs.shape == (*targets.shape, 1)
            else "one output for each target",
        )


class MeanSquaredError(Metric):
    """The average of (output − target)² over every element.

    Example:
        >>> MeanSquaredError()([[1.0], [4.0]], [[1.0], [2.0]])
        2.0
    """

    name = "mse"
    lower_is_better = True

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The sum of squares, and the number of elements."""
        check_same_shape(self.name, outputs, targets)
        difference = outputs.astype(float64) - targets.astype(float64)
        return square(difference).sum(), outputs.size

    def result(self, totals: Totals) -> float:
        """sum / count"""
        return ratio_of(totals[0], totals[1])


class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean squared error, in the units of the targets.

    Example:
        >>> RootMeanSquaredError()([3.0, 0.0], [0.0, 3.0])
        3.0
    """

    name = "rmse"

    def result(self, totals: Totals) -> float:
        """√(sum / count)"""
        return float(np.sqrt(super().result(totals)))


class MeanAbsoluteError(Metric):
    """The average of |output − target| over every element.

    Example:
        >>> MeanAbsoluteError()([1.0, 4.0], [1.0, 2.0])
        1.0
    """

    name = "mae"
    lower_is_better = True

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """The sum of absolute differences, and the number of elements."""
        check_same_shape(self.name, outputs, targets)
        difference = outputs.astype(float64) - targets.astype(float64)
        return absolute(difference).sum(), outputs.size

    def result(self, totals: Totals) -> float:
        """sum / count"""
        return ratio_of(totals[0], totals[1])


class R2(Metric):
    """The share of the targets' variance that the outputs explain.

    Formula: 1 − Σ(y − ŷ)² / Σ(y − ȳ)², averaged over the columns of the targets. A
    column that never changes counts 1 where it is met exactly and 0 otherwise.

    Source: sums of squares are merged as in Chan, Golub & LeVeque (1979), so that a
    large mean costs no precision.

    Example:
        >>> R2()([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).__round__(4)
        0.7857
    """

    name = "r2"

    def measure(self, outputs: Any, targets: Any) -> tuple[Any, ...]:
        """Of each column: count, mean, Σ(y − ȳ)², Σ(y − ŷ)²."""
        check_same_shape(self.name, outputs, targets)
        if not targets.ndim:
            raise mismatch(self.name, outputs, targets, "expected an axis of examples")
        y = targets.astype(float64).reshape(targets.shape[0], -1)
        predicted = outputs.astype(float64).reshape(targets.shape[0], -1)
        mean = y.mean(0)
        return (
            float(y.shape[0]),
            mean,
            square(y - mean).sum(0),
            square(y - predicted).sum(0),
        )

    def merge(self, totals: Totals, batch: Totals) -> Totals:
        """The moments of both together, from those of each."""
        (n, mean, spread, error), (m, mean2, spread2, error2) = totals, batch
        n, m = np.float64(n), np.float64(m)
        apart = mean2 - mean
        return (
            n + m,
            mean + apart * (m / (n + m)),
            spread + spread2 + apart**2 * (n * m / (n + m)),
            error + error2,
        )

    def result(self, totals: Totals) -> float:
        """The average over the columns; NaN for fewer than two examples."""
        count, _, spread, error = (np.asarray(part, np.float64) for part in totals)
        if count < 2:
            return float("nan")
        each = np.where(error == 0, 1.0, 0.0)
        each[np.isnan(error)] = np.nan
        varies = spread > 0
        each[varies] = 1 - error[varies] / spread[varies]
        return float(each.mean())
