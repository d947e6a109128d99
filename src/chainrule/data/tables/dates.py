"""Dates as the world writes them, as days since 1970: ``2024-01-31``  ``31.01.2024``
``1/31/24 5:30 PM``  ``31 Jan 2024``  ``2024年1月31日``  ``20240131``.

Place on the road: below ``kinds``; cells in, days out. Whether ``03/04/2024`` is in
March or April is no matter of one cell: ``orders_of`` says what fits all of a column.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

import numpy as np

from ..validation import Array

#: The orders in which day, month and year are written, and their names.
ORDERS = {
    "ymd": "year, month, day",
    "dmy": "day, month, year",
    "mdy": "month, day, year",
}

#: English, German, French, Spanish, Italian, Portuguese and Dutch, by first letters.
MONTHS = {
    1: "january januar janvier enero gennaio janeiro januari jan janv ene gen jän",
    2: "february februar février febrero febbraio fevereiro februari feb févr fev fevr",
    3: "march märz mars marzo março maart mar mär mrz marco mrt",
    4: "april avril abril aprile apr avr abr",
    5: "may mai mayo maggio maio mei mag",
    6: "june juni juin junio giugno junho jun giu",
    7: "july juli juillet julio luglio julho jul juil lug",
    8: "august août agosto augustus aug ago aout",
    9: "september septembre septiembre settembre setembro sep sept set",
    10: "october oktober octobre octubre ottobre outubro oct okt ott out",
    11: "november novembre noviembre novembro nov",
    12: "december dezember décembre diciembre dicembre dezembro dec dez déc dic",
}
MONTH_OF = {word: number for number, words in MONTHS.items() for word in words.split()}

ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?(Z|\+00:00)?", re.ASCII
)

#: Three numbers with one sign between; or a month's name in place of one.
NUMBERS = re.compile(r"(\d{1,4})\s?([-/.年 ])\s?(\d{1,2})\s?(?:\2|月)\s?(\d{1,4})日?")
NAMED = re.compile(
    r"(?:(\d{1,2})(?:\.|st|nd|rd|th)?[-/ .]*(?:de |of )?)?([^\W\d_]{3,10})\.?[-/ ,]*"
    r"(?:(\d{1,2})(?:st|nd|rd|th)?,?[-/ ]+)?(?:de |of )?,?\s*(\d{4}|'?\d{2})"
)
YEAR_FIRST = re.compile(r"(\d{4})[-/ ]([^\W\d_]{3,10})\.?[-/ ](\d{1,2})")
COMPACT = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", re.ASCII)
WEEKDAY = re.compile(r"([^\W\d_]{2,10})\.?,?\s+(.+)")
TIME = re.compile(
    r"(?P<date>.+?)(?:T|,?\s+(?:at )?)(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2}(?:[.,]\d+)?))?\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*"
    r"(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?"
)
EPOCH = datetime.date(1970, 1, 1).toordinal()


def days_of(cells: Sequence[str], order: str = "ymd") -> list[float | None]:
    """Cells as days since 1970; None for one that is no date in this order."""
    if all(map(ISO.fullmatch, cells)):
        days = _iso_days(cells)
        if days is not None:
            return list(days.tolist())
    known: dict[str, int | None] = {}  # there are fewer dates than moments
    return [_moment(cell, order, known) for cell in cells]


def orders_of(cells: Sequence[str]) -> list[str]:
    """The orders in which every cell is a date; empty where there is none.

    Example:
        >>> orders_of(["03/04/2024", "13/04/2024"]), orders_of(["03/04/2024"])
        (['dmy'], ['dmy', 'mdy'])
    """
    if all(map(ISO.fullmatch, cells)):
        return list(ORDERS) if _iso_days(cells) is not None else []
    left = list(ORDERS)
    known: dict[str, dict[str, int | None]] = {order: {} for order in ORDERS}
    for cell in cells:
        left = [
            order for order in left if _moment(cell, order, known[order]) is not None
        ]
        if not left:
            return []
    return left


def looks_like_date(cell: str) -> bool:
    """Whether a cell has the form of a date with a full year, though the day may not
    exist."""
    date = cell
    if match := TIME.fullmatch(cell):
        date = match["date"]
    if numbers := NUMBERS.fullmatch(date):
        return 4 in (len(numbers[1]), len(numbers[4]))
    return bool(ISO.fullmatch(cell))


def in_words(cell: str, order: str) -> str:
    """A date as a sentence names it: ``3 April 2024``."""
    day = _moment(cell, order, {})
    return repr(cell) if day is None else date_of(day)


def date_of(day: float) -> str:
    """Days since 1970 as a date, as a sentence names it."""
    date = datetime.date.fromordinal(EPOCH + int(np.floor(day)))
    return f"{date.day} {MONTHS[date.month].split()[0].capitalize()} {date.year}"


def _iso_days(cells: Sequence[str]) -> Array | None:
    """All cells at once; None where a day does not exist."""
    plain = [cell.removesuffix("Z").removesuffix("+00:00") for cell in cells]
    try:
        moments = np.array(plain, dtype="datetime64[us]")
    except ValueError:
        return None
    return np.asarray(moments.astype(np.int64) / 86_400e6)


def _moment(cell: str, order: str, known: dict[str, int | None]) -> float | None:
    """Days since 1970, with the time of day as a fraction."""
    date, fraction = cell, 0.0
    if ":" in cell:
        match = TIME.fullmatch(cell)
        if match is None:
            return None
        hour, minute = int(match["hour"]), int(match["minute"])
        second = float((match["second"] or "0").replace(",", "."))
        if match["half"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if match["half"][0] in "Pp" else 0)
        if hour > 24 or minute > 59 or second >= 61:
            return None
        fraction = (hour * 3600 + minute * 60 + second) / 86_400
        fraction -= _offset(match["zone"])
        date = match["date"]
    if date not in known:
        known[date] = _day(date.strip(), order)
    day = known[date]
    return None if day is None else day + fraction


def _offset(zone: str | None) -> float:
    """The part of a day by which a zone's clock is ahead."""
    if not zone or zone[0] not in "+-":
        return 0.0
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or "0")
    return (minutes if zone[0] == "+" else -minutes) / 1440


def _day(date: str, order: str) -> int | None:
    """A date without time as whole days since 1970."""
    if match := NUMBERS.fullmatch(date):
        first, sign, second, third = match.groups()
        if len(first) == 4:
            parts = (first, second, third) if len(third) < 3 else None
        elif len(third) == 4 or (len(third) == 2 and order != "ymd"):
            mdy = order == "mdy" and sign != "."  # a point: the day is first
            parts = (third, first, second) if mdy else (third, second, first)
            if order == "ymd" or (order == "mdy" and sign == "."):
                parts = None
        elif len(first) == len(third) == 2:
            parts = (first, second, third)
        else:
            parts = None
        return None if parts is None or len(first) == 3 else _number(*parts)
    if match := COMPACT.fullmatch(date):
        return _number(date[:4], date[4:6], date[6:])
    if match := WEEKDAY.fullmatch(date):
        date = date if match[1].lower() in MONTH_OF else match[2]
    if match := YEAR_FIRST.fullmatch(date):
        year, word, day = match.groups()
    elif match := NAMED.fullmatch(date):
        before, word, after, year = match.groups()
        if (before and after) or not (before or after or len(year) == 4):
            return None
        day = before or after or "1"
    else:
        return None
    month = MONTH_OF.get(word.lower())
    return None if month is None else _number(year.lstrip("'"), str(month), day)


def _number(year: str, month: str, day: str) -> int | None:
    full = int(year)
    if len(year) == 2:
        full += 1900 if full > 68 else 2000
    try:
        return datetime.date(full, int(month), int(day)).toordinal() - EPOCH
    except ValueError:
        return None
