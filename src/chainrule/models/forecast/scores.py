"""How good forecasts are: errors in units of the naive forecast's, the pinball loss,
and how often what came lay within the intervals.

Place on the road: on ``prediction``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...data.series.series import Series
from ...errors import DataError
from ...graph import Array
from .prediction import Forecast


@dataclass(frozen=True)
class ForecastScores:
    """Scores of forecasts; each a mean over what came.

    Attributes:
        mase: the mean absolute scaled error: |y − median| by the mean of
            |y_t − y_{t−m}| in the history; below 1 it is better than a step of the
            seasonal naive forecast there (Hyndman & Koehler, 2006). NaN where every
            history is constant.
        pinball: the pinball loss over all levels, in the same units.
        mae, rmse: the mean absolute error of the median, and the root of the mean
            squared one, in the units of the series.
        coverage: share of an interval ↦ the share of what came that lay in it.
        forecasts, values: how many of them were measured, and on how many values.
    """

    mase: float
    pinball: float
    mae: float
    rmse: float
    coverage: dict[float, float]
    forecasts: int
    values: int

    def __str__(self) -> str:
        inside = ", ".join(
            f"{100 * found:.0f} % within the interval of {100 * share:.0f} %"
            for share, found in self.coverage.items()
        )
        scores = f"MASE {self.mase:.3f}, pinball {self.pinball:.3f}"
        return f"{scores}, MAE {self.mae:.4g}" + f"; {inside}" * bool(inside)


def naive_error(series: Series, season: int) -> float:
    """The mean of |y_t − y_{t−m}|, the unit of scaled errors; NaN where nothing is m
    steps apart.

    Example:
        >>> from chainrule import data
        >>> naive_error(data.Series.of([1.0, 2.0, 4.0]), 1)
        1.5
    """
    values = series.values
    apart = np.abs(values[season:] - values[:-season])
    known = apart[~np.isnan(apart)]
    return float(known.mean()) if len(known) else float("nan")


def forecast_scores(
    forecasts: Sequence[Forecast],
    truths: Sequence[Array],
    units: Sequence[float],
) -> ForecastScores:
    """The scores of forecasts.

    Arguments:
        forecasts: all with the same levels.
        truths: (H,) of each, NaN where nothing was observed.
        units: of each, the naive error of its series.

    Raises:
        DataError: where nothing was observed.
    """
    known = [~np.isnan(truth) for truth in truths]
    if not any(each.any() for each in known):
        raise DataError("forecast_scores: nothing was observed: no value to compare")
    parts = zip(forecasts, truths, known, units, strict=True)
    rows = [(f.quantiles[k], t[k], np.full(k.sum(), u)) for f, t, k, u in parts]
    quantiles, truth, unit = (np.concatenate(each) for each in zip(*rows, strict=True))
    levels = np.array(forecasts[0].levels)
    error = truth - quantiles[:, int(np.argmin(abs(levels - 0.5)))]
    above = truth[:, None] - quantiles
    lost = np.maximum(levels * above, (levels - 1) * above).mean(axis=1)
    fit = unit > 0  # a constant history has no unit
    return ForecastScores(
        mase=float(np.mean(np.abs(error[fit]) / unit[fit])) if fit.any() else np.nan,
        pinball=float(np.mean(lost[fit] / unit[fit])) if fit.any() else np.nan,
        mae=float(np.mean(np.abs(error))),
        rmse=float(np.sqrt(np.mean(error**2))),
        coverage=_coverage(quantiles, truth, levels),
        forecasts=len(forecasts),
        values=len(truth),
    )


def _coverage(quantiles: Array, truth: Array, levels: Array) -> dict[float, float]:
    """For each pair of levels with the sum 1, the share of what lies between."""
    found = {}
    for low, level in enumerate(levels):
        high = int(np.argmin(abs(levels - (1 - level))))
        if low < high and abs(levels[high] - (1 - level)) < 1e-9:
            inside = (quantiles[:, low] <= truth) & (truth <= quantiles[:, high])
            found[round(float(levels[high] - level), 9)] = float(inside.mean())
    return dict(sorted(found.items()))
