"""A table as named columns of numbers or texts, from any source.

Place on the road: the first step from a person's file to a network. CSV, Parquet and
Excel files, pandas and Polars frames and dictionaries all become the same ``Columns``;
nothing here knows which column is the target, nor what a network is.

A column is float64 with NaN for a missing value, or texts with None. Booleans become
the texts ``"True"`` and ``"False"``; dates become ISO texts. Numbers may be written
with thousands, a decimal comma, a currency or in per cent (``written_numbers``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError, nearest, unknown_option
from ..validation import Array
from . import files
from .gathering import Reading, understand
from .texts import Texts
from .typed import from_array


@dataclass(frozen=True)
class Columns:
    """Named columns of one length.

    Arguments:
        stored: name ↦ ``(N,)`` float64 with NaN, or ``Texts``.
        source: what messages call the table, as in ``"houses.csv"``.
        lines: ``(N,)``, the line of a file that each row begins on, where there is a
            file of lines.
        readings: name ↦ how the cells of a column were read.
        notes: sentences on the file as a whole.
        start: the number of the first row, where these are a part of a table.
    """

    stored: dict[str, Array | Texts]
    source: str = "table"
    lines: Array | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    start: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the order of the table."""
        return tuple(self.stored)

    @property
    def values(self) -> dict[str, Array]:
        """name ↦ ``(N,)`` float64 with NaN, or objects: texts and None."""
        return {name: self[name] for name in self.stored}

    def __len__(self) -> int:
        return len(next(iter(self.stored.values())))

    def __contains__(self, name: object) -> bool:
        return name in self.stored

    def __getitem__(self, name: str) -> Array:
        """The values of a column: float64 with NaN, or texts with None.

        Raises:
            DataError: no such column; the message offers the nearest.
        """
        column = self.column(name)
        return column.array() if isinstance(column, Texts) else column

    def column(self, name: str) -> Array | Texts:
        """A column as it is stored.

        Raises:
            DataError: no such column; the message offers the nearest.
        """
        if name not in self.stored:
            close = nearest(name, self.stored)
            listed = ", ".join(map(repr, self.names[:12]))
            more = ", …" if len(self.names) > 12 else ""
            raise DataError(
                f"{self.source}: no column {name!r} among {listed}{more}",
                fix=f"did you mean {close!r}?" if close else None,
            )
        return self.stored[name]

    def place(self, row: int) -> str:
        """How messages name a row: by the line of the file, or by its number from 0."""
        if self.lines is None:
            return f"row {self.start + row}"
        return f"line {self.lines[row]}"

    def take(self, rows: Any) -> Columns:
        """Some of the rows."""
        return Columns(
            {
                name: column.take(rows) if isinstance(column, Texts) else column[rows]
                for name, column in self.stored.items()
            },
            self.source,
            None if self.lines is None else self.lines[rows],
            self.readings,
            self.notes,
        )


def read_columns(
    source: object,
    *,
    header: bool = True,
    decimal: str | Mapping[str, str] | None = None,
) -> Columns:
    """The columns of a file or frame.

    Arguments:
        source: a path to a CSV file (separated by comma, semicolon, tab or bar; perhaps
            gzipped), a Parquet file or an Excel workbook; a pandas or Polars frame; a
            mapping of names to columns; or ``Columns``.
        header: whether the first line of a CSV file holds the names; without it they
            are ``column_0``, ``column_1`` …
        decimal: ``"."`` or ``","``, the sign before decimals where the cells leave it
            open, as ``1,234`` does, for all columns or by name; recognised when not
            given.

    Raises:
        FileError: the file cannot be opened or is of another format.
        DataError: an empty table, a row that is too long or short, a name given twice.

    Example:
        >>> read_columns({"age": [30, None], "city": ["Rome", "Oslo"]})["age"].tolist()
        [30.0, nan]
    """
    if isinstance(source, Columns):
        return source
    for sign in decimal.values() if isinstance(decimal, Mapping) else [decimal or "."]:
        if sign not in (".", ","):
            raise unknown_option("decimal sign", sign, (".", ","))
    if isinstance(source, (str, os.PathLike)):
        return _of_file(files.read(Path(source), header, decimal))
    if isinstance(source, Mapping):
        return _collect(source.items(), "table", decimal)
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):
        frame: Any = source
        names = [str(name) for name in frame.columns]
        if len(set(names)) != len(names):
            twice = files.first_repeated(names)
            raise DataError(f"frame: two columns are called {twice!r}")
        return _collect(((str(n), frame[n]) for n in frame.columns), "frame", decimal)
    raise ArgumentError(
        f"read_table: expected a path, frame or mapping, got {type(source).__name__}",
        fix="data.Dataset(inputs, targets) takes arrays",
    )


def read_parts(
    path: str | os.PathLike[str], decimals: Mapping[str, str]
) -> Iterable[Columns]:
    """The rows of a file in parts of some hundred thousand, in their order.

    Arguments:
        path: of a CSV, Parquet or Excel file.
        decimals: name ↦ the sign before decimals, where the cells leave it open.

    Raises:
        FileError, DataError: as ``read_columns``.
    """
    return map(_of_file, files.read_parts(Path(path), decimals))


def _of_file(table: files.FileTable) -> Columns:
    if table.cells is not None:
        found = _collect(table.cells.items(), table.name, table.decimal)
        return Columns(found.stored, table.name, table.lines, found.readings)
    return Columns(
        table.columns, table.name, table.lines, table.readings, table.notes, table.start
    )


def _collect(
    columns: Iterable[tuple[Any, Any]], source: str, decimal: files.Decimal
) -> Columns:
    """Columns of any array type, checked to be of one length."""
    values: dict[str, Array | Texts] = {}
    for name, column in columns:
        plain = column.to_numpy() if hasattr(column, "to_numpy") else column
        what = f"{source}: column {name!r}"
        values[str(name)] = from_array(np.asarray(plain), what)
    lengths = {name: len(column) for name, column in values.items()}
    if not lengths or not max(lengths.values()):
        raise DataError(f"{source}: no rows or no columns: no examples")
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise DataError(
                f"{source}: columns {first!r} ({lengths[first]},) and {name!r} "
                f"({length},): every column must have the same length"
            )
    given = files.by_name(decimal, values)
    found = understand(values, {}, given, ".", typed=True)
    return Columns(found.columns, source, readings=found.readings)
