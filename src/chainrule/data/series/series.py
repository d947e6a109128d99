"""A time series: numbers at equal steps of time, some of which may be missing.

Place on the road: below ``reading``; what forecasts are made of and from. It must not
know how files are read, nor what forecasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError
from ...wording import counted
from ..validation import Array
from .frequency import Frequency
from .moments import moments_of, on_a_grid


@dataclass(frozen=True, eq=False)
class Series:
    """A time series, with what is known beside it.

    ``Series.of(values, times)`` makes one from what a program has, ``data.read_series``
    from a file.

    Arguments:
        values: (N,) float64, NaN where nothing was observed.
        frequency: of its steps.
        start: the number of its first step, as ``frequency`` counts them.
        name: what it is called.
        past: (N, P) covariates, known as far as the values are.
        known: (N + F, K) covariates that are known for F more steps: holidays, prices
            that are set, the weather forecast.

    Example:
        >>> import numpy as np
        >>> from chainrule import data
        >>> series = data.Series.of([3.0, 4.0, 6.0], ["2024-01", "2024-02", "2024-04"])
        >>> series.values.tolist(), series.frequency.name
        ([3.0, 4.0, nan, 6.0], 'month')
        >>> len(series), series[:2].times.tolist()
        (4, ['2024-01-01', '2024-02-01'])
    """

    values: Array
    frequency: Frequency = field(default_factory=Frequency)
    start: int = 0
    name: str = ""
    past: Array = field(default_factory=lambda: np.zeros((0, 0)))
    known: Array = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        for covariates in ("past", "known"):
            if not getattr(self, covariates).shape[1]:
                none = np.zeros((len(self.values), 0))
                object.__setattr__(self, covariates, none)

    @classmethod
    def of(
        cls,
        values: Any,
        times: Any = None,
        *,
        name: str = "",
        past: Any = None,
        known: Any = None,
    ) -> Series:
        """A series from values and their times.

        Arguments:
            values: (N,) numbers, NaN where nothing was observed.
            times: (N,) dates, as texts or of NumPy, pandas or Python, or numbers, in
                any order; steps that are left out are missing. 0, 1, 2 … when not
                given.
            name: what it is called.
            past, known: covariates, (N, P) and (N + F, K); only without gaps in the
                times.

        Raises:
            DataError: no value, an infinite one, a time given twice or that is no date,
                or times that are not steps of one length.
        """
        numbers = np.asarray(values, np.float64)
        if numbers.ndim != 1 or not len(numbers):
            raise DataError(
                f"Series: values {numbers.shape}: expected (N,), one number a step"
            )
        infinite = np.flatnonzero(np.isinf(numbers))
        if len(infinite):
            raise DataError(f"Series: row {infinite[0]}: an infinite value")
        made = cls(numbers, name=name)
        if times is not None:
            moments, dates = moments_of(times, "Series")
            if len(moments) != len(numbers):
                raise DataError(
                    f"Series: {counted(len(numbers), 'value')} with "
                    f"{counted(len(moments), 'time')}: expected one for each"
                )
            rows, frequency, (start,) = on_a_grid([moments], dates, "Series")
            made = cls(_spread(numbers, rows[0]), frequency, start, name)
        count = len(made)
        return replace(
            made,
            past=_covariates("past", past, count, count),
            known=_covariates("known", known, count, None),
        )

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, steps: slice) -> Series:
        """Some steps in a row; what is known beyond their end stays known.

        Raises:
            ArgumentError: for anything but a slice of neighbouring steps.
        """
        if not isinstance(steps, slice) or steps.step not in (None, 1):
            raise ArgumentError(
                f"Series[{steps!r}]: expected a slice, as series[:-12]",
                fix="series.values[i] is a single value",
            )
        first, last, _ = steps.indices(len(self))
        return replace(
            self,
            values=self.values[first:last],
            start=self.start + first,
            past=self.past[first:last],
            known=self.known[first:],
        )

    @property
    def times(self) -> Array:
        """(N,) texts of dates, or numbers."""
        return self.frequency.times(self.start + np.arange(len(self)))

    @property
    def observed(self) -> Array:
        """(N,) bool: where there is a value."""
        return ~np.isnan(self.values)

    def next_times(self, horizon: int) -> Array:
        """(horizon,): the times after the end."""
        return self.frequency.times(self.start + len(self) + np.arange(horizon))

    def __repr__(self) -> str:
        times = self.times
        name = f"{self.name!r}, " * bool(self.name)
        gaps = int(np.isnan(self.values).sum())
        ends = f"{times[0]} to {times[-1]}" if len(times) else "empty"
        missing = f", {gaps} missing" * bool(gaps)
        return f"Series({name}{len(self)} × {self.frequency.name}, {ends}{missing})"


@dataclass(frozen=True)
class SeriesSet(Sequence[Series]):
    """Several series of one frequency, as they stand in one file.

    Arguments:
        series: each once.
        source: what messages call the file.
        target: the column of the values.
        past, known: the columns of the covariates.
        notes: what was decided on the way, one sentence each.
    """

    series: tuple[Series, ...]
    source: str = "series"
    target: str = "value"
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.series)

    def __iter__(self) -> Iterator[Series]:
        return iter(self.series)

    def __getitem__(self, key: Any) -> Any:
        """A series by its number or name."""
        if isinstance(key, str):
            for each in self.series:
                if each.name == key:
                    return each
            raise DataError(
                f"{self.source}: no series {key!r} among "
                + ", ".join(repr(each.name) for each in self.series[:12])
            )
        return self.series[key]


def _spread(values: Array, places: Array) -> Array:
    """Values at their places, NaN elsewhere."""
    found = np.full((int(places.max()) + 1, *values.shape[1:]), np.nan)
    found[places] = values
    return found


def _covariates(what: str, given: Any, least: int, most: int | None) -> Array:
    if given is None:
        return np.zeros((least, 0))
    found = np.asarray(given, np.float64)
    found = found[:, None] if found.ndim == 1 else found
    rule = f"{least} rows" + " or more" * (most is None)
    if found.ndim != 2 or len(found) < least or (most and len(found) > most):
        raise DataError(
            f"Series: {what} {found.shape}: expected {rule}, one for each step"
        )
    if not np.isfinite(found).all():
        raise DataError(f"Series: {what}: NaN or infinite: fill in what is missing")
    return found
