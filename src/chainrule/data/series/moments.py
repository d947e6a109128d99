"""Times as people write them as moments, and moments as places on a grid of equal
steps.

Place on the road: between ``frequency`` and ``reading``. ``where`` says how a message
names a row: its line in a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError
from ..tables.dates import COMPACT, ORDERS, days_of, orders_of
from ..validation import Array
from .frequency import Frequency

#: A month or a quarter without a day: 2024-01, 2024/1, 2024Q1, Q1 2024.
MONTH = re.compile(r"(\d{4})[-/.](\d{1,2})", re.ASCII)
QUARTER = re.compile(r"(\d{4})[-/ ]?[Qq]([1-4])|[Qq]([1-4])[-/ ](\d{4})", re.ASCII)

#: Of steps within the time of a series, the part that has to be there.
DENSE = 0.5

Where = Callable[[int], str]


def _row(number: int) -> str:
    return f"row {number}"


def moments_of(
    cells: Any, source: str, order: str | None = None, where: Where = _row
) -> tuple[Array, bool]:
    """(N,) float64 moments, and whether they are days since 1970.

    Arguments:
        cells: numbers, or texts or dates.
        source: what messages call the file or call.
        order: of day, month and year, where texts leave it open.
        where: how messages name a row.

    Raises:
        DataError: a cell that is missing or no date, or dates in two orders.

    Example:
        >>> moments_of(["1970-01-02", "1970-01-01"], "x")
        (array([1., 0.]), True)
        >>> moments_of(["1970Q2", "1970Q1"], "x")[0].tolist(), moments_of([7, 8], "x")
        ([90.0, 0.0], (array([7., 8.]), False))
    """
    given = np.asarray(cells)
    if np.issubdtype(given.dtype, np.datetime64):
        given = given.astype("datetime64[s]")
        if np.isnat(given).any():
            raise _missing(source, where(int(np.argmax(np.isnat(given)))))
        return np.asarray(given.astype(np.int64) / 86_400), True
    if given.dtype.kind in "iuf":
        return _numbers(given.astype(np.float64), source, where)
    texts = [_text(cell) for cell in given.tolist()]
    for row, text in enumerate(texts):
        if text is None:
            raise _missing(source, where(row))
    return _dates([str(text) for text in texts], source, order, where), True


def on_a_grid(
    moments: Sequence[Array],
    dates: bool,
    source: str,
    where: Callable[[int, int], str] | None = None,
    names: Sequence[str] = (),
) -> tuple[list[Array], Frequency, list[int]]:
    """The steps of several series, from the first of each on; the frequency; and where
    each begins.

    Arguments:
        moments: of each series, in any order.
        dates: whether they are days since 1970.
        source: what messages call the file or call.
        where: how messages name a row, by the series and the row in it.
        names: of the series.

    Raises:
        DataError: a moment given twice, or moments that are no steps of one length.
    """
    place = where or (lambda series, row: _row(row))
    for number, each in enumerate(moments):
        _refuse_twice(number, each, dates, source, place, names)
    every = np.unique(np.concatenate(list(moments)))
    frequency = Frequency.of_moments(every, dates)
    steps = [np.round(frequency.steps(each)).astype(np.int64) for each in moments]
    starts = [int(each.min()) for each in steps]
    placed = [each - start for each, start in zip(steps, starts, strict=True)]
    expected = sum(int(each.max()) + 1 for each in placed)
    found = sum(map(len, placed))
    if found < DENSE * expected and expected > 3:
        raise _irregular(placed, found, expected, frequency, source, place)
    return placed, frequency, starts


def _refuse_twice(
    number: int,
    moments: Array,
    dates: bool,
    source: str,
    place: Callable[[int, int], str],
    names: Sequence[str],
) -> None:
    order = np.argsort(moments, kind="stable")
    same = np.flatnonzero(np.diff(moments[order]) == 0)
    if not len(same):
        return
    first, again = int(order[same[0]]), int(order[same[0] + 1])
    time = Frequency("second" if dates else "number", 1, float(moments[first]))
    of = f" of series {names[number]!r}" if len(names) > 1 else ""
    raise DataError(
        f"{source}: {place(number, again)}: {time.times([0])[0]} a second time{of}, "
        f"after {place(number, first)}: expected one row for each time",
        fix="if the file holds several series, name the column that tells them apart; "
        "else leave one of the rows out, or add them up",
    )


def _irregular(
    placed: Sequence[Array],
    found: int,
    expected: int,
    frequency: Frequency,
    source: str,
    place: Callable[[int, int], str],
) -> DataError:
    """The error for times between which no step of one length leads."""
    number = int(np.argmax([int(each.max()) - len(each) for each in placed]))
    order = np.argsort(placed[number], kind="stable")
    gaps = np.diff(placed[number][order])
    off = gaps - np.median(gaps)
    most = int(np.argmax(np.abs(off)))
    few_before = off[most] > 0 and 2 * (most + 1) < len(order)
    row = int(order[most if few_before else most + 1])
    return DataError(
        f"{source}: the times are no equal steps: of {expected} steps of a "
        f"{frequency.name} only {found} are there; the one furthest out of "
        f"step is at {place(number, row)}",
        fix="a row for each hour, day or month: sums or means of what lies in it",
    )


def _numbers(given: Array, source: str, where: Where) -> tuple[Array, bool]:
    """Numbers as they are; eight digits that are dates, as dates."""
    if not np.isfinite(given).all():
        raise _missing(source, where(int(np.argmax(~np.isfinite(given)))))
    if np.all(given == np.round(given)) and np.all(given > 1e7):
        texts = [str(int(each)) for each in given]
        if all(map(COMPACT.fullmatch, texts)):
            return _dates(texts, source, None, where), True
    return given, False


def _dates(texts: Sequence[str], source: str, order: str | None, where: Where) -> Array:
    cells = [_with_day(text.strip()) for text in texts]
    if order is not None and order not in ORDERS:
        raise ArgumentError(f"dates {order!r}: expected one of {', '.join(ORDERS)}")
    orders = [order] if order is not None else orders_of(cells)
    if not orders:
        row = next((r for r, cell in enumerate(cells) if not orders_of([cell])), None)
        if row is not None:
            raise DataError(
                f"{source}: {where(row)}: {texts[row]!r} is no date: expected one as "
                "2024-01-31",
                fix="correct the cell, or leave the row out",
            )
        raise DataError(
            f"{source}: the dates are written in several orders: "
            f"{_first_conflict(cells, texts, where)}",
            fix="write all of them as 2024-01-31",
        )
    if len(orders) > 1:
        ways = [days_of(cells, each) for each in orders]
        if any(way != ways[0] for way in ways):
            raise DataError(
                f"{source}: {where(0)}: {texts[0]!r}: nothing in the column says "
                "whether the day or the month is first",
                fix="say it: dmy for day, month, year; mdy for month, day, year",
            )
    days = days_of(cells, orders[0])
    for row, day in enumerate(days):
        if day is None:
            raise DataError(
                f"{source}: {where(row)}: {texts[row]!r} is no date in the order "
                f"{ORDERS[orders[0]]}",
                fix="correct the cell, or another order of day, month and year",
            )
    return np.array(days, np.float64)


def _first_conflict(cells: Sequence[str], texts: Sequence[str], where: Where) -> str:
    """The first row whose order is another than that of the rows before it."""
    left = set(ORDERS)
    for row, cell in enumerate(cells):
        fits = left & set(orders_of([cell]))
        if not fits:
            return f"{where(row)}: {texts[row]!r} after {texts[0]!r}"
        left = fits
    return ""


def _with_day(text: str) -> str:
    """A month or quarter with its first day."""
    if match := MONTH.fullmatch(text):
        return f"{match[1]}-{int(match[2]):02}-01"
    if match := QUARTER.fullmatch(text):
        year, quarter = match[1] or match[4], int(match[2] or match[3])
        return f"{year}-{3 * quarter - 2:02}-01"
    return text


def _text(cell: Any) -> str | None:
    """A cell as a text; None where it is missing."""
    if cell is None or cell != cell or not str(cell).strip():
        return None
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _missing(source: str, where: str) -> DataError:
    return DataError(
        f"{source}: {where}: a row without a time",
        fix="fill it in, or leave the row out",
    )
