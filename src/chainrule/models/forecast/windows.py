"""Series as what a network reads: windows of the past in units of their own, and the
seasonal naive forecast that it is to improve.

Place on the road: on ``prediction``. NumPy only: it must not know the network.

A window ends before its origin and has L steps, the horizon H. Every window has a
level, the mean of its last season, and a unit, the mean of |y_t − y_{t−m}|: half of the
window, and half of all that was before its origin, which is steadier. A network sees
z = (y − level) / unit, whatever the series is measured in; what it answers is added to
the seasonal naive forecast. All this is float64; only z is float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...data.series.frequency import Frequency
from ...data.series.series import Series
from ...errors import DataError
from ...graph import Array
from ...wording import counted
from .prediction import filled, seasonal_places

#: What a step of values without dates is called.
PLAIN = Frequency().name


@dataclass(frozen=True)
class Shape:
    """The shape of windows.

    Arguments:
        lags: L, steps of the past.
        horizon: H, steps ahead.
        season: m, at most L.
        past, known: (P,) and (K,): means and deviations of the covariates, by which
            they are scaled.
        frequency: the name of what a step is; empty: of any.
    """

    lags: int
    horizon: int
    season: int
    past: tuple[tuple[float, float], ...] = ()
    known: tuple[tuple[float, float], ...] = ()
    frequency: str = ""

    @property
    def channels(self) -> int:
        """C: the value, whether it was observed, and the covariates."""
        return 2 + len(self.past) + len(self.known)


@dataclass(frozen=True)
class Windows:
    """Windows of series, (n, …).

    Arguments:
        inputs: (n, L + H, C) float32. Of a step of the past: the value in its units,
            whether it was observed, covariates. Of a step ahead: the seasonal naive
            forecast in these units, 0, and the covariates that are known.
        level, unit: (n, 1) float64: y = level + unit · z.
        targets: (n, H) float32, what came, in its units; NaN where that is not known.
    """

    inputs: Array
    level: Array
    unit: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.inputs)


def windows_of(series: Series, origins: Sequence[int] | Array, shape: Shape) -> Windows:
    """The windows of a series before some origins.

    Arguments:
        series: with at least L steps before every origin.
        origins: steps; what is forecast is the value there and those after it.
        shape: of the windows.

    Raises:
        DataError: a series of another frequency, with less past, other covariates, or
            without those that are to be known.
    """
    places, (L, H, m) = np.asarray(origins), (shape.lags, shape.horizon, shape.season)
    _check(series, places, shape)
    values = filled(series, m)
    before = places[:, None] - L + np.arange(L)  # (n, L)
    past = values[before]
    level = past[:, -m:].mean(axis=1, keepdims=True)
    unit = _units(values, past, places, m)
    safe = np.where(unit > 0, unit, 1.0)
    naive = values[places[:, None] + seasonal_places(H, m)]  # (n, H)
    inputs = np.zeros((len(places), L + H, shape.channels), np.float32)
    inputs[:, :L, 0] = (past - level) / safe
    inputs[:, L:, 0] = (naive - level) / safe
    inputs[:, :L, 1] = series.observed[before]
    P = len(shape.past)
    if P:
        inputs[:, :L, 2 : 2 + P] = _scaled(series.past, shape.past)[before]
    if shape.known:
        every = places[:, None] - L + np.arange(L + H)
        inputs[:, :, 2 + P :] = _scaled(series.known, shape.known)[every]
    ahead = np.concatenate([series.values, np.full(H, np.nan)])
    came = ahead[places[:, None] + np.arange(H)]
    targets = ((came - level) / safe).astype(np.float32)
    return Windows(inputs, level, unit, targets)


def joined(parts: Sequence[Windows]) -> Windows:
    """Windows of several series as one."""
    return Windows(
        *(
            np.concatenate([getattr(each, name) for each in parts])
            for name in ("inputs", "level", "unit", "targets")
        )
    )


def statistics(tables: Sequence[Array]) -> tuple[tuple[float, float], ...]:
    """Mean and deviation of each column of several tables; a deviation of 0 is 1."""
    every = np.concatenate(list(tables))
    found = zip(every.mean(axis=0), every.std(axis=0), strict=True)
    return tuple((float(mean), float(std) or 1.0) for mean, std in found)


def _scaled(table: Array, by: Sequence[tuple[float, float]]) -> Array:
    mean, deviation = np.array(by).T
    return np.asarray((table - mean) / deviation)


def _units(values: Array, past: Array, places: Array, m: int) -> Array:
    """(n, 1): the unit of each window, from what was known at its origin."""
    steps = np.abs(values[m:] - values[:-m])
    so_far = np.cumsum(steps)[np.maximum(0, places - m - 1)]
    whole = so_far / np.maximum(1, places - m)
    whole = np.where(places > m, whole, 0.0)
    apart = np.abs(past[:, m:] - past[:, :-m]) if past.shape[1] > m else past[:, :0]
    own = apart.mean(axis=1) if apart.shape[1] else whole
    return np.asarray(0.5 * (own + whole)[:, None])


def _check(series: Series, places: Array, shape: Shape) -> None:
    name = f" {series.name!r}" * bool(series.name)
    step = series.frequency.name
    if shape.frequency and step not in (shape.frequency, PLAIN):
        raise DataError(
            f"Forecaster: series{name} has a value every {step}: the network learned "
            f"from one every {shape.frequency}",
            fix=f"values of every {shape.frequency}, or a network trained on these",
        )
    if not len(places) or int(places.min()) < shape.lags:
        has = int(places.min()) if len(places) else len(series)
        raise DataError(
            f"Forecaster: series{name} has {counted(has, 'step')} to go on from: the "
            f"network reads {shape.lags}",
            fix="a network with fewer lags, or more of the series",
        )
    for what, given, wanted in (
        ("past", series.past.shape[1], len(shape.past)),
        ("known", series.known.shape[1], len(shape.known)),
    ):
        if given != wanted:
            raise DataError(
                f"Forecaster: series{name} has {counted(given, f'{what} covariate')}: "
                f"the network was made for {wanted}"
            )
    last = int(places.max()) + shape.horizon
    if shape.known and len(series.known) < last:
        raise DataError(
            f"Forecaster: series{name}: covariates are known for "
            f"{counted(max(0, len(series.known) - int(places.max())), 'step')} after "
            f"its end: expected {shape.horizon}, as many as are forecast",
            fix="rows for the coming times, with an empty target",
        )
