"""Rolling-origin evaluation: forecasts from many times of the past, each from what was
known then, compared with what came.

Place on the road: on ``prediction`` and ``scores``; it must not know how a forecast is
made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...data.series.series import Series
from ...errors import DataError
from ...graph import Array
from ...nn.arguments import positive_size
from ...wording import counted
from .prediction import LEVELS, Forecast, ForecastModel
from .scores import ForecastScores, forecast_scores, naive_error


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts from times of the past, and what came.

    Arguments:
        forecasts: one for each origin of each series.
        truths: (H,) of each.
        units: of each, the naive error of its series before the first origin.
    """

    forecasts: list[Forecast]
    truths: list[Array]
    units: list[float]

    @cached_property
    def scores(self) -> ForecastScores:
        """The scores of all."""
        return forecast_scores(self.forecasts, self.truths, self.units)

    @property
    def mase(self) -> float:
        """The mean absolute scaled error."""
        return self.scores.mase

    def mase_by_step(self) -> Array:
        """(H,): the mean absolute scaled error of each step ahead."""
        medians = np.stack([each.median for each in self.forecasts])
        errors = np.abs(np.stack(self.truths) - medians) / np.array(self.units)[:, None]
        there = ~np.isnan(errors)
        total = np.where(there, errors, 0.0).sum(axis=0)
        return np.asarray(total / np.maximum(1, there.sum(axis=0)))

    def __repr__(self) -> str:
        return f"Backtest: {counted(len(self.forecasts), 'forecast')}: {self.scores}"


def backtest(
    model: ForecastModel,
    series: Series | Sequence[Series],
    horizon: int,
    *,
    start: int | float | Sequence[int] = 0.7,
    stride: int = 1,
    season: int | None = None,
    levels: Sequence[float] = LEVELS,
) -> Backtest:
    """Lets a model forecast from many times of the past, and compares.

    From the first origin on, every ``stride`` steps, the model sees the series up to
    there and forecasts ``horizon`` steps. It is not fitted again: fit it to
    ``series[:start]``, so that it has seen nothing of what it is to forecast.

    Arguments:
        model: any that forecasts.
        series: one or several.
        horizon: how many steps each forecast has.
        start: the first origin: a number of steps, or a part of each series; or a
            number of steps for each.
        stride: how many steps lie between two origins.
        season: m of the scaled errors; the usual one of the frequency when not given.
        levels: of the quantiles.

    Raises:
        DataError: a series too short for an origin.
        ArgumentError: for numbers below 1.

    Source: Tashman, Out-of-sample tests of forecasting accuracy (2000).

    Example:
        >>> from chainrule import data, models
        >>> series = data.load_series("airline")
        >>> models.backtest(models.SeasonalNaive(12), series, 12, start=120).scores.mae
        51.46153846153846
    """
    several = [series] if isinstance(series, Series) else list(series)
    steps = positive_size("backtest", "horizon", horizon)
    apart = positive_size("backtest", "stride", stride)
    histories: list[Series] = []
    truths: list[Array] = []
    units: list[float] = []
    given = [start] * len(several) if isinstance(start, int | float) else start
    for each, begin in zip(several, given, strict=True):
        first = begin if isinstance(begin, int) else round(begin * len(each))
        if not 1 <= first <= len(each) - steps:
            name = f" {each.name!r}" * bool(each.name)
            raise DataError(
                f"backtest: series{name} has {counted(len(each), 'step')}: too few for "
                f"a forecast of {steps} from step {first} on",
                fix="a smaller horizon, or an earlier start",
            )
        m = each.frequency.season if season is None else season
        unit = naive_error(each[:first], m)
        for origin in range(first, len(each) - steps + 1, apart):
            histories.append(each[:origin])
            truths.append(each.values[origin : origin + steps])
            units.append(unit)
    return Backtest(model.predict(histories, steps, levels), truths, units)
