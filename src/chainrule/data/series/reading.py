"""Series from a file: a row for each time, a column for the times, one for the values.

Place on the road: where series enter, on ``tables.columns``. Every message names the
line of the file. It must not know what forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError, DataError
from ...wording import counted, spaced
from ..tables.columns import Columns, read_columns
from ..tables.texts import Texts
from ..tables.typed import as_texts
from ..validation import Array
from .moments import moments_of, on_a_grid
from .series import Series, SeriesSet


def read_series(
    source: object,
    time: str,
    target: str,
    *,
    series: str | None = None,
    past: Sequence[str] = (),
    known: Sequence[str] = (),
    dates: str | None = None,
    decimal: str | None = None,
) -> SeriesSet:
    """The time series of a table.

    Rows may stand in any order. A time that is left out, and an empty cell of the
    target, is a missing value. A series begins with its first value and ends with its
    last; rows behind that, with an empty target, tell what is known of the future.

    Arguments:
        source: a CSV, Parquet or Excel file, a pandas or Polars frame, or a mapping of
            names to columns.
        time: the column of the times: dates as the world writes them, months
            (2024-01), quarters (2024Q1), or numbers.
        target: the column of the values.
        series: a column that tells several series apart: the shop, the product.
        past: columns of covariates that are known as far as the target is.
        known: columns of covariates that are known beyond its end.
        dates: the order of day, month and year, where the column leaves it open:
            "ymd", "dmy" or "mdy".
        decimal: the sign before decimals, where it is open.

    Raises:
        FileError: the file cannot be opened or is of another format.
        DataError: no such column; a time that is missing, no date, or given twice; a
            value that is no number; times that are no equal steps; no value at all.
        ArgumentError: one column for two purposes.

    Example:
        >>> table = {"month": ["2024-01", "2024-02", "2024-03"], "sold": [3, None, 4]}
        >>> read_series(table, "month", "sold")[0]
        Series(3 × month, 2024-01-01 to 2024-03-01, 1 missing)
    """
    columns = read_columns(source, decimal=decimal)
    _refuse_same([time, target, *([series] if series else []), *past, *known])
    for name in (time, target, *([series] if series else []), *past, *known):
        columns.column(name)
    moments, are_dates = moments_of(columns[time], columns.source, dates, columns.place)
    names, rows = _groups(columns, series)
    placed, frequency, starts = on_a_grid(
        [moments[each] for each in rows],
        are_dates,
        columns.source,
        lambda number, row: columns.place(int(rows[number][row])),
        names,
    )
    numbers = np.stack(
        [_numbers(columns, name) for name in (target, *past, *known)], axis=1
    )
    made, filled = [], 0
    for name, own, places, start in zip(names, rows, placed, starts, strict=True):
        table = np.full((int(places.max()) + 1, numbers.shape[1]), np.nan)
        table[places] = numbers[own]
        first, last = _ends(table[:, 0], name, columns.source, target)
        covariates = table[first:, 1:]
        before, after = (
            covariates[: last - first, : len(past)],
            covariates[:, len(past) :],
        )
        filled += int(np.isnan(before).sum() + np.isnan(after).sum())
        made.append(
            Series(
                table[first:last, 0],
                frequency,
                start + first,
                name,
                _complete(before, past, name, columns.source),
                _complete(after, known, name, columns.source),
            )
        )
    notes = _notes(made, moments, rows, filled)
    return SeriesSet(
        tuple(made), columns.source, target, tuple(past), tuple(known), notes
    )


def _refuse_same(names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ArgumentError(
                f"read_series: column {name!r} for two purposes: time, target, series, "
                "past and known are different columns"
            )


def _groups(columns: Columns, series: str | None) -> tuple[list[str], list[Array]]:
    """The names of the series, and the rows of each."""
    if series is None:
        return [""], [np.arange(len(columns))]
    texts: Texts = as_texts(columns.column(series))
    if texts.missing.any():
        row = int(np.argmax(texts.missing))
        raise DataError(
            f"{columns.source}: {columns.place(row)}: column {series!r} is empty: "
            "every row must belong to a series",
            fix="fill it in, or leave the row out",
        )
    order = np.argsort(texts.codes, kind="stable")
    cuts = np.flatnonzero(np.diff(texts.codes[order])) + 1
    rows = np.split(order, cuts)
    return [texts.distinct[texts.codes[own[0]]] for own in rows], rows


def _numbers(columns: Columns, name: str) -> Array:
    """(N,) float64 of a column, NaN where it is empty."""
    column = columns.column(name)
    if isinstance(column, Texts):
        text = column.present[0] if column.present else ""
        for text in column.present:
            if not _is_number(text):
                break
        row = column.first_row(column.distinct.index(text)) if text else 0
        raise DataError(
            f"{columns.source}: {columns.place(row)}: column {name!r} holds {text!r}: "
            "expected a number",
            fix="correct the cell, or leave it empty where nothing was observed",
        )
    infinite = np.flatnonzero(np.isinf(column))
    if len(infinite):
        raise DataError(
            f"{columns.source}: {columns.place(int(infinite[0]))}: column {name!r} is "
            "infinite",
            fix="correct the cell, or leave it empty where nothing was observed",
        )
    return np.asarray(column, np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _ends(values: Array, name: str, source: str, target: str) -> tuple[int, int]:
    """Where a series begins and ends: at its first and after its last value."""
    there = np.flatnonzero(~np.isnan(values))
    if not len(there):
        of = f" of series {name!r}" * bool(name)
        raise DataError(f"{source}: column {target!r}{of} is empty: no value")
    return int(there[0]), int(there[-1]) + 1


def _complete(table: Array, names: Sequence[str], series: str, source: str) -> Array:
    """Covariates with what is missing filled in between its neighbours."""
    for column, name in enumerate(names):
        values = table[:, column]
        there = np.flatnonzero(~np.isnan(values))
        if not len(there):
            of = f" of series {series!r}" * bool(series)
            raise DataError(f"{source}: column {name!r}{of} is empty: no value")
        if name in names and len(there) < len(values):
            table[:, column] = np.interp(np.arange(len(values)), there, values[there])
    return table


def _notes(
    series: Sequence[Series], moments: Array, rows: Sequence[Array], filled: int
) -> tuple[str, ...]:
    notes = []
    if any(np.any(np.diff(moments[own]) < 0) for own in rows):
        notes.append("the rows were not in the order of time: sorted")
    missing = sum(int(np.isnan(each.values).sum()) for each in series)
    if missing:
        total = sum(map(len, series))
        notes.append(f"{spaced(missing)} of {spaced(total)} values are missing")
    if filled:
        notes.append(f"{counted(filled, 'covariate')} filled in between neighbours")
    constant = [each.name for each in series if _is_constant(each)]
    if constant:
        named = f": {', '.join(map(repr, constant[:5]))}" * any(constant)
        notes.append(f"{counted(len(constant), 'series', 'series')} with one value only"
                     f"{named}")  # fmt: skip
    return tuple(notes)


def _is_constant(series: Series) -> bool:
    values = series.values[series.observed]
    return bool(np.all(values == values[0]))
