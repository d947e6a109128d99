"""How often a series is observed: every month, every third hour, every working day.

Place on the road: below ``series``. It turns moments into whole numbers, one more from
each step to the next, and back; and finds which step fits moments that are given. It
must not know of values.

A moment is a float: days since 1970 where the times are dates, else the number itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..validation import Array

DAY = 86_400

#: What a step counts.
UNITS = ("month", "weekday", "second", "number")

#: Steps that have a name, and how many of them make a season.
NAMED: Mapping[tuple[str, float], tuple[str, int]] = {
    ("month", 1): ("month", 12),
    ("month", 3): ("quarter", 4),
    ("month", 12): ("year", 1),
    ("weekday", 1): ("working day", 5),
    ("second", 7 * DAY): ("week", 52),
    ("second", DAY): ("day", 7),
    ("second", 3600): ("hour", 24),
    ("second", 60): ("minute", 60),
    ("second", 1): ("second", 1),
    ("number", 1): ("step", 1),
}

#: From so many working days on, days without a weekend are taken for such.
WORKING_DAYS = 15

#: Steps of numbers are equal within this part of one.
CLOSE = 1e-6


@dataclass(frozen=True)
class Frequency:
    """Equal steps from a moment on.

    Arguments:
        unit: what is counted: one of ``UNITS``.
        count: how many of them make a step.
        origin: the moment of step 0.
        month_end: whether months are named by their last day.

    Example:
        >>> monthly = Frequency.of_moments(np.array([0.0, 31.0, 59.0]))
        >>> monthly.name, monthly.season, monthly.times([0, 1, 12]).tolist()
        ('month', 12, ['1970-01-01', '1970-02-01', '1971-01-01'])
    """

    unit: str = "number"
    count: float = 1
    origin: float = 0.0
    month_end: bool = False

    @classmethod
    def of_moments(cls, moments: Array, dates: bool = True) -> Frequency:
        """The longest step by which all moments are whole steps apart.

        Arguments:
            moments: (N,) in order, each once.
            dates: whether they are days since 1970.
        """
        origin = float(moments[0])
        gaps = np.diff(moments)
        if not dates:
            return cls("number", _common_step(gaps), origin)
        if not len(gaps):
            return cls("second", DAY, origin)
        if np.all(moments % 1 == 0):
            months, days, last = _calendar(moments)
            if np.all(days == days[0]) or np.all(last):
                step = int(np.gcd.reduce(np.diff(months)))
                return cls("month", step, origin, bool(np.all(last)))
            if len(moments) >= WORKING_DAYS and np.all(_weekday(moments) < 5):
                if np.gcd.reduce(gaps.astype(np.int64)) == 1:
                    return cls("weekday", 1, origin)
        seconds = np.round(gaps * DAY).astype(np.int64)
        return cls("second", int(np.gcd.reduce(seconds)), origin)

    @property
    def dates(self) -> bool:
        """Whether moments are days since 1970."""
        return self.unit != "number"

    @property
    def name(self) -> str:
        """``month``, ``3 hours``, ``0.5``"""
        known = NAMED.get((self.unit, self.count))
        if known is not None:
            return known[0]
        if self.unit == "second":
            for seconds, word in ((DAY, "days"), (3600, "hours"), (60, "minutes")):
                if self.count % seconds == 0:
                    return f"{int(self.count // seconds)} {word}"
        return f"{self.count:g}" + f" {self.unit}s" * self.dates

    @property
    def season(self) -> int:
        """How many steps a season usually has; 1 where there is none."""
        known = NAMED.get((self.unit, self.count))
        return 1 if known is None else known[1]

    def steps(self, moments: Array) -> Array:
        """(N,) float64: how many steps each moment is from step 0."""
        if self.unit == "month":
            months, _, _ = _calendar(np.array([self.origin, *moments]))
            return np.asarray((months[1:] - months[0]) / self.count)
        if self.unit == "weekday":
            first, days = _days([self.origin]), _days(moments)
            return np.busday_count(first, days) / self.count
        scale = DAY if self.unit == "second" else 1
        return np.asarray((np.asarray(moments) - self.origin) * scale / self.count)

    def moments(self, steps: Any) -> Array:
        """(N,) float64: the moment of each step."""
        numbers = np.asarray(steps, np.int64)
        if self.unit == "month":
            return self._months(numbers)
        if self.unit == "weekday":
            found = np.busday_offset(_days([self.origin]), numbers)
            return np.asarray(found.astype(np.int64).astype(np.float64))
        scale = DAY if self.unit == "second" else 1
        return np.asarray(self.origin + numbers * (self.count / scale))

    def times(self, steps: Any) -> Array:
        """(N,) texts of dates, or numbers: each step as a table writes it."""
        moments = self.moments(steps)
        if not self.dates:
            whole = np.all(moments == np.round(moments))
            return moments.astype(np.int64) if whole else moments
        seconds = np.round(moments * DAY).astype(np.int64).astype("datetime64[s]")
        days = seconds.astype("datetime64[D]")
        plain = bool(np.all(days == seconds))
        return np.asarray((days if plain else seconds).astype(str))

    def _months(self, numbers: Array) -> Array:
        months, days, _ = _calendar(np.array([self.origin]))
        first = months[0] + numbers * int(self.count)
        begin = first.astype("datetime64[M]").astype("datetime64[D]")
        after = (first + 1).astype("datetime64[M]").astype("datetime64[D]")
        length = (after - begin).astype(np.int64)
        day = length if self.month_end else np.minimum(days[0], length)
        return np.asarray(begin.astype(np.int64) + day - 1, np.float64)


def _common_step(gaps: Array) -> float:
    """The largest number of which all gaps are multiples, about."""
    if not len(gaps):
        return 1
    if np.all(gaps == np.round(gaps)):
        return int(np.gcd.reduce(gaps.astype(np.int64)))
    step = float(gaps.min())
    for gap in gaps:
        rest = float(gap)
        while rest > CLOSE * gap and rest > CLOSE:
            step, rest = rest, step % rest
            if step - rest < CLOSE * step:
                rest = 0.0
    return step


def _days(moments: Any) -> Array:
    whole = np.floor(np.asarray(moments, np.float64)).astype(np.int64)
    return np.asarray(whole.astype("datetime64[D]"))


def _weekday(moments: Array) -> Array:
    """0 for Monday to 6 for Sunday."""
    return np.asarray((np.floor(moments).astype(np.int64) + 3) % 7)


def _calendar(moments: Array) -> tuple[Array, Array, Array]:
    """Months since 1970, days of the month, and whether each is the last of it."""
    days = _days(moments)
    months = days.astype("datetime64[M]")
    number = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    tomorrow = (days + 1).astype("datetime64[M]")
    return months.astype(np.int64), number, np.asarray(tomorrow != months)
