"""What each column of a table is: numbers, categories, yes or no, dates; or of no use.

Place on the road: between ``columns`` and ``transform``. Columns are known by their
values, never by their names, and every decision that leaves something out is said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import DataError, unknown_option
from ...wording import signed
from ..validation import Array
from . import dates
from .columns import Columns
from .gathering import refuse_quarrel
from .rules import KINDS
from .texts import Texts
from .typed import as_texts
from .written_numbers import to_number

BOOLEANS = {
    "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0,
    "t": 1.0, "f": 0.0, "y": 1.0, "n": 0.0,
}  # fmt: skip

#: A column without repeats is one of identifiers where chance would have repeated so
#: many values: of n numbers drawn from a range of R, n(n − 1)/2R agree on average, and
#: that none does has a probability of e to the minus of that.
REPEATS = 7.0

#: Whole numbers between these are taken for years, which count without being numbers
#: of rows.
YEARS = (1500, 2100)


@dataclass(frozen=True)
class Decision:
    """What a column is.

    Arguments:
        kind: one of ``KINDS``; or why it is left out, in a word.
        form: how its cells are written, as in ``ColumnRule``.
        note: a sentence on why it is left out.
    """

    kind: str
    form: str = ""
    note: str | None = None

    @property
    def used(self) -> bool:
        """Whether the column is an input."""
        return self.kind in KINDS


def recognise_kinds(
    columns: Columns,
    kinds: Mapping[str, str],
    skip: Collection[str] = (),
    keep: Collection[str] = (),
    orders: str | Mapping[str, str] | None = None,
) -> dict[str, Decision]:
    """The kind of each column, or why it is left out.

    A column is left out where it says nothing of a row that was never seen: it is
    empty, or the same in every row, or an identifier. Identifiers are texts of which
    more than 20, and more than half of the rows, are different; and whole numbers of
    which no two are alike though they lie so close together that chance would have
    repeated some: 1, 2, 3 … for every row, in any order. Numbers with decimals, years,
    and amounts that are far apart are never taken for identifiers, nor is the last
    column that is left.

    Arguments:
        columns: the table.
        kinds: kinds that are given, by name.
        skip: columns that are not inputs.
        keep: columns that are used even if they look like identifiers.
        orders: the order of day, month and year where a column leaves it open, for all
            columns or by name.

    Raises:
        DataError: a stray text among numbers; a column of dates that can be read in two
            orders.
    """
    for name, kind in kinds.items():
        _ = columns.column(name)
        if kind not in KINDS:
            raise unknown_option(f"kind of column {name!r}", kind, KINDS)
    recognised: dict[str, Decision] = {}
    for name in columns.names:
        order = orders.get(name) if isinstance(orders, Mapping) else orders
        if name in kinds:
            form = _form(columns, name, kinds[name], order)
            recognised[name] = Decision(kinds[name], form)
        elif name not in skip:
            recognised[name] = _recognise(columns, name, order, name in keep)
    if not any(decision.used for decision in recognised.values()):
        for name, decision in recognised.items():
            if decision.kind == "identifier" and not _is_text(columns, name):
                form = _form(columns, name, "numeric", None)
                recognised[name] = Decision("numeric", form)
    return recognised


def _is_text(columns: Columns, name: str) -> bool:
    return isinstance(columns.column(name), Texts)


def _recognise(columns: Columns, name: str, order: str | None, keep: bool) -> Decision:
    column = columns.column(name)
    if isinstance(column, Texts):
        return _recognise_texts(columns, name, column, order, keep)
    present = column[~np.isnan(column)]
    if len(present) == 0:
        return Decision("empty", note=f"{name!r} is left out: it has no values")
    if present.min() == present.max() and len(present) == len(column):
        shown = signed(f"{present[0]:g}")
        return Decision(
            "constant", note=f"{name!r} is left out: it is {shown} in every row"
        )
    if _are_compact_dates(present):
        return Decision("date", "ymd")
    reason = None if keep else _identifies(column)
    if reason:
        return Decision(
            "identifier",
            note=f"{name!r} is left out: {reason}; keep=({name!r},) uses it",
        )
    return Decision("numeric", _form(columns, name, "numeric", None))


def _recognise_texts(
    columns: Columns, name: str, column: Texts, order: str | None, keep: bool
) -> Decision:
    present = column.present
    missing = bool(column.missing.any())
    if not present:
        return Decision("empty", note=f"{name!r} is left out: it has no values")
    if len(present) == 1 and not missing:
        return Decision(
            "constant", note=f"{name!r} is left out: it is {present[0]!r} in every row"
        )
    if are_booleans(present):
        return Decision("boolean")
    if are_dates(present):
        return Decision("date", _order(columns, name, column, order))
    refuse_quarrel(column, name, columns.source, columns.place)
    _refuse_stray_text(columns, name, column)
    if len(present) > max(20, len(column) // 2) and not keep:
        return Decision(
            "identifier",
            note=f"{name!r} is left out: {len(present)} different texts in "
            f"{len(column)} rows, an identifier; keep=({name!r},) uses it",
        )
    return Decision("categorical")


def _form(columns: Columns, name: str, kind: str, order: str | None) -> str:
    column = columns.column(name)
    if kind == "date":
        return _order(columns, name, as_texts(column), order)
    if kind == "numeric" and name in columns.readings:
        return columns.readings[name].decimal
    return ""


def are_booleans(texts: Collection[str]) -> bool:
    """Whether there are at most two texts, and these mean yes and no."""
    if len(texts) > 20:
        return False
    lower = {text.lower() for text in texts}
    return len(lower) <= 2 and lower <= set(BOOLEANS)


def are_dates(texts: list[str]) -> bool:
    """Whether all texts are dates in one order, were it that some days do not exist.

    A text of eight digits alone is no date here: it may be any number.
    """
    some = texts[:: max(1, len(texts) // 50)]
    if not all(map(dates.looks_like_date, some)) and not dates.orders_of(some):
        return False
    if all(map(dates.looks_like_date, texts)):
        return True
    return bool(dates.orders_of(texts))


def _order(columns: Columns, name: str, column: Texts, asked: str | None) -> str:
    """The order of day, month and year in a column.

    Raises:
        DataError: all cells are dates in two orders, and other ones in each.
    """
    texts = column.present
    orders = dates.orders_of(texts)
    if asked is not None:
        return asked
    if not orders:
        return _likeliest(texts)
    first = orders[0]
    for other in orders[1:]:
        pairs = zip(
            dates.days_of(texts, first), dates.days_of(texts, other), strict=True
        )
        place = next((n for n, (one, two) in enumerate(pairs) if one != two), None)
        if place is not None:
            cell = texts[place]
            row = column.first_row(column.distinct.index(cell))
            raise DataError(
                f"{columns.source}: column {name!r}: {cell!r} at {columns.place(row)} "
                f"may be {dates.in_words(cell, first)} or {dates.in_words(cell, other)}"
                ", and no other cell of the column says which",
                fix=f"dates={first!r} for {dates.ORDERS[first]}, "
                f"dates={other!r} for {dates.ORDERS[other]}",
            )
    return first


def _likeliest(texts: list[str]) -> str:
    """The order that most texts are dates in, so that the others can be named."""
    counts = {
        order: sum(day is not None for day in dates.days_of(texts, order))
        for order in dates.ORDERS
    }
    return max(counts, key=lambda order: counts[order])


def _are_compact_dates(present: Array) -> bool:
    """Whether numbers are dates such as 20240131."""
    if present.min() < 1900_01_01 or present.max() > 2100_12_31 or len(present) < 3:
        return False
    texts = as_texts(present).distinct
    return all(map(dates.COMPACT.fullmatch, texts)) and bool(dates.orders_of(texts))


def _identifies(column: Array) -> str | None:
    """Why a column of numbers names the rows, or None."""
    if np.isnan(column).any() or np.any(column != np.floor(column)):
        return None
    low, high, count = column.min(), column.max(), len(column)
    if YEARS[0] <= low and high <= YEARS[1]:
        return None
    expected = count * (count - 1) / 2 / (high - low + 1)
    if not expected > REPEATS:
        return None
    if np.all(np.diff(column) == 1):
        return "it counts the rows"
    if len(np.unique(column)) == count:
        span = signed(f"{low:g} to {high:g}")
        return f"{count} whole numbers from {span} of which no two are alike"
    return None


def _refuse_stray_text(columns: Columns, name: str, column: Texts) -> None:
    """Refuses a text among many different numbers or dates: it is a mistake, not a
    category."""
    codes = np.flatnonzero(column.counts)
    texts = [column.distinct[code] for code in codes]
    few = texts[:: max(1, len(texts) // 50)]
    if sum(map(_is_number, few)) * 2 < len(few) > sum(map(_is_date, few)) * 2:
        return
    if sum(map(_is_date, few)) * 2 > len(few):
        days = dates.days_of(texts, _likeliest(texts))
        fits, what = [day is not None for day in days], "a date"
    else:
        fits, what = list(map(_is_number, texts)), "a number"
    stray = codes[~np.array(fits, dtype=bool)]
    if sum(fits) > 20 and 0 < column.counts[stray].sum() * 10 <= len(column):
        row = int(np.argmax(np.isin(column.codes, stray)))
        cell = column.distinct[column.codes[row]]
        raise DataError(
            f"{columns.source}: column {name!r}: {cell!r} at "
            f"{columns.place(row)} is not {what}, as the others are",
            fix="correct it, leave it empty where the value is missing, "
            f"or kinds={{{name!r}: 'categorical'}}",
        )


def _is_date(text: str) -> bool:
    return dates.looks_like_date(text) or bool(dates.orders_of([text]))


def _is_number(text: str) -> bool:
    if not any(sign.isdigit() for sign in text):
        return False
    return to_number(text) is not None or to_number(text, ",") is not None
