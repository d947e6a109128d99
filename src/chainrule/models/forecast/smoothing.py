"""Exponential smoothing: a level, a trend and a season, each a mean of its past in
which what is older counts less. Holt and Winters in the form of a state space.

Read from top to bottom: the recursion, where it starts, how its numbers are found, and
the class. The recursion is a loop over plain floats: a few hundred steps of a handful
of numbers, for which nothing is faster to begin with.

Place on the road: on ``prediction``. It must not know of networks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ...data.series.series import Series
from ...errors import ArgumentError, DataError, unknown_option
from ...graph import Array
from ...nn.arguments import positive_size
from .prediction import ForecastModel

TRENDS: tuple[str | None, ...] = (None, "add", "damped")
SEASONALS: tuple[str | None, ...] = (None, "add", "mul")

#: Longer seasons start where means put them, and are not searched for.
LONGEST = 24

#: How many futures are drawn for the quantiles, from this seed.
PATHS, SEED = 2000, 0


class State(NamedTuple):
    """Where a recursion stands.

    Attributes:
        level, trend: l and b.
        season: the m last s, the oldest first.
    """

    level: float
    trend: float
    season: tuple[float, ...]


@dataclass(frozen=True)
class Smoothing:
    """The numbers of an exponential smoothing.

    Arguments:
        trend: None, "add", or "damped".
        seasonal: None, "add", or "mul".
        alpha, beta, gamma: how much of an error goes into level, trend and season.
        phi: by how much the trend is damped; 1 where it is not.
        start: the state before the first step.
        deviation: σ of the errors.
    """

    trend: str | None
    seasonal: str | None
    alpha: float
    beta: float
    gamma: float
    phi: float
    start: State
    deviation: float = 0.0


def smooth(values: Sequence[float], numbers: Smoothing) -> tuple[float, int, State]:
    """The sum of the squared errors, how many there were, and the last state.

    Formula: with p = l + φ b, the error e = y − (p + s), or y − p s where seasons are
    factors; l ← p + α e, b ← φ b + β e, s ← s + γ e, or with factors l ← p + α e / s,
    b ← φ b + β e / s, s ← s + γ e / p. A missing value counts as if it were expected.

    Arguments:
        values: of a series, NaN where missing.
        numbers: of the smoothing.
    """
    level, slope, season = numbers.start
    a, b, g, phi = numbers.alpha, numbers.beta, numbers.gamma, numbers.phi
    kind, ring, size = numbers.seasonal, list(season), len(season)
    total, count = 0.0, 0
    for step, y in enumerate(values):
        damped = phi * slope
        p = level + damped
        if kind is None:
            e = y - p
        elif kind == "add":
            e = y - p - ring[step % size]
        else:
            e = y - p * ring[step % size]
        if e != e:
            level, slope = p, damped
            continue
        total += e * e
        count += 1
        if kind == "mul":
            s = ring[step % size]
            ring[step % size] = s + g * e / (p or 1e-12)
            e /= s or 1e-12
        elif kind == "add":
            ring[step % size] += g * e
        level, slope = p + a * e, damped + b * e
    turned = len(values) % size if size else 0
    return total, count, State(level, slope, (*ring[turned:], *ring[:turned]))


def paths(numbers: Smoothing, state: State, horizon: int, draws: Array) -> Array:
    """(H, P) futures from a state.

    Arguments:
        numbers: of the smoothing.
        state: where it stands.
        horizon: H.
        draws: (H, P) errors.
    """
    level = np.full(draws.shape[1], state.level)
    slope = np.full(draws.shape[1], state.trend)
    ring = [np.full(draws.shape[1], s) for s in state.season]
    found = np.empty((horizon, draws.shape[1]))
    for step in range(horizon):
        damped = numbers.phi * slope
        p, e = level + damped, draws[step]
        place = step % len(ring) if ring else 0
        if numbers.seasonal == "mul":
            s = ring[place]
            found[step] = p * s + e
            ring[place] = s + numbers.gamma * e / np.where(p == 0, 1e-12, p)
            e = e / np.where(s == 0, 1e-12, s)
        elif numbers.seasonal == "add":
            found[step] = p + ring[place] + e
            ring[place] = ring[place] + numbers.gamma * e
        else:
            found[step] = p + e
        level, slope = p + numbers.alpha * e, damped + numbers.beta * e
    return found


def start_of(values: Array, season: int, trend: str | None, kind: str | None) -> State:
    """A state to start from: seasons by means of centred years, level and trend by a
    line through what is left of the first ten steps (Hyndman et al., 2008, 2.6.1).
    """
    known = np.interp(
        np.arange(len(values)), np.flatnonzero(~np.isnan(values)),
        values[~np.isnan(values)],
    )  # fmt: skip
    rest: Array = known
    ring: tuple[float, ...] = ()
    if kind is not None:
        early = known[: min(len(known) // season, 4) * season]
        weights = (
            np.ones(season) if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5]
        )
        middle = np.convolve(early, weights / season, "valid")
        first = (len(weights) - 1) // 2
        part = early[first : first + len(middle)]
        apart = part - middle if kind == "add" else part / middle
        phases = (first + np.arange(len(apart))) % season
        means = np.array([apart[phases == phase].mean() for phase in range(season)])
        means = means - means.mean() if kind == "add" else means / means.mean()
        tiled = means[np.arange(len(known)) % season]
        rest = known - tiled if kind == "add" else known / tiled
        ring = tuple(map(float, means))
    few = rest[: max(10, season)]
    if trend is None or len(few) < 2:
        return State(float(few.mean()), 0.0, ring)
    slope, level = np.polyfit(1 + np.arange(len(few)), few, 1)
    return State(float(level), float(slope), ring)


def fitted(values: Array, season: int, trend: str | None, kind: str | None,
           search_start: bool) -> tuple[Smoothing, float]:  # fmt: skip
    """The numbers with the least squared error, and the sum of that.

    Arguments:
        values: of a series.
        season: m.
        trend, kind: see ``Smoothing``.
        search_start: whether the first state is searched for as well.
    """
    from scipy.optimize import minimize

    start = start_of(values, season, trend, kind)
    plain = values.tolist()
    unit = float(np.nanstd(values)) or 1.0
    rates = 1 + (trend is not None) + (kind is not None) + (trend == "damped")

    def made(x: Sequence[float]) -> Smoothing:
        left = iter(map(float, x))
        alpha = next(left)
        beta = alpha * next(left) if trend is not None else 0.0
        gamma = (1 - alpha) * next(left) if kind is not None else 0.0
        phi = next(left) if trend == "damped" else 1.0
        state = start
        if search_start:
            level = start.level + unit * next(left)
            slope = start.trend + unit * next(left) if trend is not None else 0.0
            size = unit if kind == "add" else 1.0
            state = State(
                level, slope, tuple(s + size * next(left) for s in start.season)
            )
        return Smoothing(trend, kind, alpha, beta, gamma, phi, state)

    scale = unit**2 * len(plain)

    def cost(x: Any) -> float:
        total = smooth(plain, made(x))[0] / scale
        return total if math.isfinite(total) else 1e10

    inside = (1e-4, 1 - 1e-4)
    bounds: list[Any] = [inside] * (rates - (trend == "damped"))
    first = [0.3, *[0.1] * (len(bounds) - 1)]
    if trend == "damped":
        bounds, first = [*bounds, (0.8, 0.98)], [*first, 0.95]
    if search_start:
        others = 1 + (trend is not None) + len(start.season)
        bounds, first = [*bounds, *[(None, None)] * others], [*first, *[0.0] * others]
    found = min(
        (
            minimize(cost, [alpha, *first[1:]], method="L-BFGS-B", bounds=bounds)
            for alpha in (0.2, 0.7)
        ),
        key=lambda each: float(each.fun),
    )
    numbers = made(found.x)
    total, count, _ = smooth(plain, numbers)
    return replace(numbers, deviation=math.sqrt(total / max(1, count))), total


class ExponentialSmoothing(ForecastModel):
    """Exponential smoothing with trend and season: Holt–Winters, or ETS(A, ·, ·).

    Formula: ŷ_{T+h} = l + (φ + … + φʰ) b + s, or (l + …) s; see ``smooth``. Its numbers
    are those with the least squared error of one step; trend and season are those with
    the least AICc, where they are not given. Quantiles are those of 2000 futures with
    normal errors.

    ``ExponentialSmoothing.fit(series)`` makes one. For a series with the name and
    beginning of one that was fitted, as its first part or as what has grown since,
    ``predict`` uses the numbers found; to any other it is fitted anew.

    Arguments:
        fitted: (name, start) of a series ↦ its numbers.
        season: m.
        trend: None, "add", "damped", or "auto".
        seasonal: None, "add", "mul" for factors, or "auto".

    Source: Holt (1957); Winters (1960); Hyndman, Koehler, Ord & Snyder, Forecasting
        with exponential smoothing (2008).

    Example:
        >>> from chainrule import data, models
        >>> series = data.load_series("airline")
        >>> model = models.ExponentialSmoothing.fit(series[:-12], season=12)
        >>> model.form(series), model.predict(series[:-12], 12).median[:2].round()
        (('add', 'mul'), array([415., 400.]))
    """

    def __init__(
        self,
        fitted: Mapping[tuple[str, int], Smoothing],
        season: int,
        trend: str | None = "auto",
        seasonal: str | None = "auto",
    ) -> None:
        self.fitted, self.season = dict(fitted), season
        self.trend, self.seasonal = trend, seasonal

    @classmethod
    def fit(
        cls,
        series: Series | Sequence[Series],
        *,
        season: int | None = None,
        trend: str | None = "auto",
        seasonal: str | None = "auto",
    ) -> ExponentialSmoothing:
        """Finds the numbers for a series, or for each of several.

        Arguments:
            series: one or several.
            season: m; the usual one of the frequency when not given.
            trend: None, "add", "damped", or "auto".
            seasonal: None, "add", "mul" for factors, or "auto".

        Raises:
            OptionError: for another trend or season.
            ArgumentError: for a season of one step, where seasonal is "add" or "mul".
            DataError: for a series of fewer than four values; or with values that are
                not above 0, where seasonal is "mul".
        """
        several = [series] if isinstance(series, Series) else list(series)
        if season is None:
            season = several[0].frequency.season if several else 1
        size = positive_size("ExponentialSmoothing", "season", season)
        if trend != "auto" and trend not in TRENDS:
            raise unknown_option("trend", trend, ["None", "add", "damped", "auto"])
        if seasonal != "auto" and seasonal not in SEASONALS:
            raise unknown_option("seasonal", seasonal, ["None", "add", "mul", "auto"])
        if seasonal in ("add", "mul") and size < 2:
            raise ArgumentError(
                f"ExponentialSmoothing: seasonal={seasonal!r} with season={size}: a "
                "season has two steps or more",
                fix="season=12, for months",
            )
        made = cls({}, size, trend, seasonal)
        for each in several:
            made.fitted[each.name, each.start] = made._fitted(each)
        return made

    def form(self, series: Series) -> tuple[str | None, str | None]:
        """The trend and the seasonal form of a series."""
        numbers = self._numbers(series)
        return numbers.trend, numbers.seasonal

    def __repr__(self) -> str:
        return f"ExponentialSmoothing: {len(self.fitted)} series, season {self.season}"

    def _predict(
        self, series: Sequence[Series], horizon: int, levels: Array
    ) -> list[Array]:
        draws = np.random.default_rng(SEED).standard_normal((horizon, PATHS // 2))
        both = np.concatenate([draws, -draws], axis=1)
        found = []
        for each in series:
            numbers = self._numbers(each)
            _, _, state = smooth(each.values.tolist(), numbers)
            futures = paths(numbers, state, horizon, numbers.deviation * both)
            found.append(np.quantile(futures, levels, axis=1).T)
        return found

    def _numbers(self, series: Series) -> Smoothing:
        known = self.fitted.get((series.name, series.start))
        return self._fitted(series) if known is None else known

    def _fitted(self, series: Series) -> Smoothing:
        values, count = series.values, int(series.observed.sum())
        of = f"series {series.name!r}" if series.name else "the series"
        if count < 4:
            raise DataError(
                f"ExponentialSmoothing: {of} has {count} values: expected four or more"
            )
        positive = bool(np.nanmin(values) > 0)
        if self.seasonal == "mul" and not positive:
            raise DataError(
                f"ExponentialSmoothing: {of} has values that are not above 0: seasons "
                "cannot be factors",
                fix='seasonal="add"',
            )
        seasons: list[str | None] = [self.seasonal]
        if self.seasonal == "auto":
            fits = self.season > 1 and len(series) >= 2 * self.season
            seasons = [None, *["add"] * fits, *["mul"] * (fits and positive)]
        trends = TRENDS if self.trend == "auto" else (self.trend,)
        best = min(
            product(trends, seasons),
            key=lambda form: self._criterion(values, count, *form),
        )
        searched = best[1] is None or self.season <= LONGEST
        return fitted(values, self.season, *best, searched)[0]

    def _criterion(
        self, values: Array, count: int, trend: str | None, kind: str | None
    ) -> float:
        """AICc of a form, from its usual start."""
        _, total = fitted(values, self.season, trend, kind, False)
        size = self.season if kind is not None else 0
        free = 3 + 2 * (trend is not None) + (trend == "damped") + size + bool(size)
        if count - free - 1 <= 0:
            return math.inf if free > 3 else 0.0
        spread = count * math.log(max(total / count, 1e-300))
        return spread + 2 * free * count / (count - free - 1)
