"""What a forecast is, and what every model that makes one can be asked.

Place on the road: below all models of this package. It must not know how a forecast is
made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ...data.series.series import Series
from ...errors import ArgumentError, DataError
from ...graph import Array
from ...nn.arguments import positive_size
from ...pictures.forecasts import fan_chart
from ...wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Of which values go up to: the middle one, and the ends of intervals of 80 and 95 %.
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected after the end of a series, and how far off it may be.

    Arguments:
        history: the series up to where the forecast begins.
        levels: (Q,) in order, between 0 and 1.
        quantiles: (H, Q): below quantiles[h, j] is the value of step h with probability
            levels[j].

    Example:
        >>> from chainrule import data, models
        >>> forecast = models.Naive().predict(data.load_series("sunspots"), horizon=2)
        >>> forecast.times.tolist(), forecast.median.tolist()
        ([2009, 2010], [2.9, 2.9])
        >>> low, high = forecast.interval(0.8)
        >>> bool(low[0] < 2.9 < high[0] < high[1])
        True
    """

    history: Series
    levels: tuple[float, ...]
    quantiles: Array

    def __len__(self) -> int:
        return len(self.quantiles)

    @property
    def times(self) -> Array:
        """(H,) texts of dates, or numbers."""
        return self.history.next_times(len(self))

    @property
    def median(self) -> Array:
        """(H,): the value that is exceeded as often as not, which is the point forecast
        by which errors are measured."""
        return self.quantile(0.5)

    def quantile(self, level: float) -> Array:
        """(H,) values below which the series lies with this probability.

        Raises:
            ArgumentError: for one that was not asked for.
        """
        for place, known in enumerate(self.levels):
            if abs(known - level) < 1e-9:
                return np.asarray(self.quantiles[:, place])
        raise ArgumentError(
            f"Forecast: quantile {level:g}: known are "
            + ", ".join(f"{each:g}" for each in self.levels),
            fix="predict(series, levels=…) and, for a network, Forecaster(levels=…)",
        )

    def interval(self, share: float = 0.8) -> tuple[Array, Array]:
        """Its lower and upper ends, (H,) each, within which the series lies with this
        probability.

        Raises:
            ArgumentError: where its ends are no known quantiles.
        """
        return self.quantile((1 - share) / 2), self.quantile((1 + share) / 2)

    def plot(self, truth: Any = None, steps: int = 60, ax: Axes | None = None) -> Axes:
        """Draws the end of the history, the median, and the intervals as a fan.

        Arguments:
            truth: what came, (H,), where it is known.
            steps: how many of the history.
            ax: where to draw, without a legend (``pictures.legend_below``); a new
                figure when not given.
        """
        recent = self.history[-min(steps, len(self.history)) :]
        return fan_chart(
            recent.values,
            self.quantiles,
            self.levels,
            truth=truth,
            times=[*recent.times, *self.times],
            title=self.history.name,
            ax=ax,
        )

    def __repr__(self) -> str:
        times = self.times
        of = f" of {self.history.name!r}" * bool(self.history.name)
        return f"Forecast{of}: {counted(len(self), 'step')}, {times[0]} to {times[-1]}"


class ForecastModel(ABC):
    """What makes forecasts: networks, exponential smoothing, and the last value."""

    @overload
    def predict(
        self, series: Series, horizon: int | None = ..., levels: Sequence[float] = ...
    ) -> Forecast: ...

    @overload
    def predict(
        self,
        series: Sequence[Series],
        horizon: int | None = ...,
        levels: Sequence[float] = ...,
    ) -> list[Forecast]: ...

    def predict(
        self,
        series: Series | Sequence[Series],
        horizon: int | None = None,
        levels: Sequence[float] = LEVELS,
    ) -> Forecast | list[Forecast]:
        """What comes after the end of a series, or of each of several.

        Arguments:
            series: that it goes on from; none has to be one that was fitted.
            horizon: how many steps; of a network as many as it was made for, when not
                given, else 1.
            levels: of the quantiles.

        Raises:
            ArgumentError: for a horizon or levels that the model has not.
            DataError: for an empty series, or one that is too short.
        """
        several = [series] if isinstance(series, Series) else list(series)
        for each in several:
            if not isinstance(each, Series) or not each.observed.any():
                raise DataError(
                    f"{type(self).__name__}: {each!r:.60}: expected a series with a "
                    "value",
                    fix="data.Series.of(values, times), or data.read_series(file, …)",
                )
        steps = self._steps(horizon)
        found = self._predict(several, steps, _checked_levels(levels))
        made = [
            Forecast(each, tuple(map(float, levels)), values)
            for each, values in zip(several, found, strict=True)
        ]
        return made[0] if isinstance(series, Series) else made

    def _steps(self, horizon: int | None) -> int:
        """How many steps are forecast."""
        return positive_size(type(self).__name__, "horizon", horizon or 1)

    @abstractmethod
    def _predict(
        self, series: Sequence[Series], horizon: int, levels: Array
    ) -> list[Array]:
        """(H, Q) quantiles after each series."""


def _checked_levels(levels: Sequence[float]) -> Array:
    given = np.asarray(levels, np.float64)
    rising = given.ndim == 1 and len(given) and np.all(np.diff(given) > 0)
    if not rising or given[0] <= 0 or given[-1] >= 1:
        raise ArgumentError(
            f"predict: levels={tuple(levels)}: expected numbers between 0 and 1, in "
            "order",
            fix="levels=(0.1, 0.5, 0.9)",
        )
    return given


def filled(series: Series, season: int) -> Array:
    """(N,) values, in gaps that of a season before, else the one before: what was known
    at every step, and nothing of later ones.
    """
    values = series.values.copy()
    for step in np.flatnonzero(np.isnan(values)):
        if step >= season:
            values[step] = values[step - season]
        elif step:
            values[step] = values[step - 1]
    there = np.flatnonzero(~np.isnan(values))
    values[: there[0]] = values[there[0]]
    return np.asarray(values)


def seasonal_places(horizon: int, season: int) -> Array:
    """(H,): where the value of the same season stands, counted from the end: −m … −1.

    Example:
        >>> seasonal_places(5, 3).tolist()
        [-3, -2, -1, -3, -2]
    """
    return np.asarray(np.arange(horizon) % season - season)
