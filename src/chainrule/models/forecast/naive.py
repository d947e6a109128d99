"""Forecasts that anyone can make without a model: the last value, and that of a season
ago. What cannot beat them is worth nothing.

Place on the road: on ``prediction``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...data.series.series import Series
from ...errors import DataError
from ...graph import Array
from ...nn.arguments import positive_size
from ...wording import counted
from .prediction import ForecastModel, filled, seasonal_places


class SeasonalNaive(ForecastModel):
    """The value of a season ago.

    Formula: ŷ_{T+h} = y_{T+h−mk}, with k = ⌈h / m⌉ seasons back; its error has the
    deviation σ √k, σ² the mean of (y_t − y_{t−m})² over the history, and is taken as
    normal.

    Arguments:
        season: m, the steps of a season: 12 for months, 7 for days of a week.

    Raises:
        DataError: in ``predict``, for a series shorter than a season.

    Source: Hyndman & Athanasopoulos, Forecasting: principles and practice (2021), 5.2
        and 5.5.

    Example:
        >>> from chainrule import data, models
        >>> series = data.Series.of([1.0, 5.0, 2.0, 7.0])
        >>> models.SeasonalNaive(2).predict(series, 3).median.tolist()
        [2.0, 7.0, 2.0]
    """

    def __init__(self, season: int) -> None:
        self.season = positive_size(type(self).__name__, "season", season)

    def __repr__(self) -> str:
        return f"SeasonalNaive({self.season})"

    def _predict(
        self, series: Sequence[Series], horizon: int, levels: Array
    ) -> list[Array]:
        return [self._after(each, horizon, levels) for each in series]

    def _after(self, series: Series, horizon: int, levels: Array) -> Array:
        from scipy.special import ndtri

        if len(series) < self.season:
            raise DataError(
                f"{self!r}: series {series.name!r} has "
                f"{counted(len(series), 'step')}, less than a season"
            )
        values = filled(series, self.season)
        errors = series.values[self.season :] - series.values[: -self.season]
        known = errors[~np.isnan(errors)]
        deviation = float(np.sqrt(np.mean(known**2))) if len(known) else 0.0
        middle = values[seasonal_places(horizon, self.season)]
        spread = deviation * np.sqrt(1 + np.arange(horizon) // self.season)
        return np.asarray(middle[:, None] + spread[:, None] * ndtri(levels))


class Naive(SeasonalNaive):
    """The last value: no model can do better on a random walk.

    Formula: ŷ_{T+h} = y_T; its error has the deviation σ √h, σ² the mean of
    (y_t − y_{t−1})² over the history, and is taken as normal.

    Example:
        >>> from chainrule import data, models
        >>> models.Naive().predict(data.Series.of([1.0, 5.0]), 2).median.tolist()
        [5.0, 5.0]
    """

    def __init__(self) -> None:
        super().__init__(1)

    def __repr__(self) -> str:
        return "Naive()"
