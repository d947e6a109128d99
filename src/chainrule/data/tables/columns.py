"""A table as named columns of numbers or texts, from any source.

Place on the road: the first step from a person's file to a network. CSV files, Parquet
files, pandas and Polars frames and dictionaries all become the same ``Columns``;
nothing here knows which column is the target, nor what a network is.

A column is float64 with NaN for a missing value, or Python texts with None. Booleans
become the texts ``"true"`` and ``"false"``; dates become ISO texts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError, FileError, missing_package, nearest
from ..validation import Array
from . import csv_files

#: What counts as a missing value in a text, besides nothing at all.
MISSING = frozenset(
    ["", "?", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "<NA>", "#N/A"]
)

#: Whole numbers with a zero in front are codes (postcodes, telephone numbers), not
#: amounts.
CODE = re.compile(r"[+-]?0\d+")
DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Columns:
    """Named columns of one length.

    Arguments:
        values: name ↦ ``(N,)`` float64 with NaN, or objects: texts and None.
        source: what messages call the table, as in ``"houses.csv"``.
        lines: ``(N,)``, the line of a file that each row begins on, where there is a
            file.
    """

    values: dict[str, Array]
    source: str = "table"
    lines: Array | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the order of the table."""
        return tuple(self.values)

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __getitem__(self, name: str) -> Array:
        """The values of a column.

        Raises:
            DataError: no such column; the message offers the nearest.
        """
        if name not in self.values:
            close = nearest(name, self.values)
            listed = ", ".join(map(repr, self.names[:12]))
            more = ", …" if len(self.names) > 12 else ""
            raise DataError(
                f"{self.source}: no column {name!r} among {listed}{more}",
                fix=f"did you mean {close!r}?" if close else None,
            )
        return self.values[name]

    def place(self, row: int) -> str:
        """How messages name a row: by the line of the file, or by its number from 0."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def take(self, rows: Array) -> Columns:
        """Some of the rows."""
        return Columns(
            {name: column[rows] for name, column in self.values.items()},
            self.source,
            None if self.lines is None else self.lines[rows],
        )


def read_columns(source: object, *, header: bool = True) -> Columns:
    """The columns of a file or frame.

    Arguments:
        source: a path to a CSV file (separated by comma, semicolon, tab or bar; perhaps
            gzipped) or a Parquet file; a pandas or Polars frame; a mapping of names to
            columns; or ``Columns``.
        header: whether the first line of a CSV file holds the names; without it they
            are ``column_0``, ``column_1`` …

    Raises:
        FileError: the file cannot be opened or is of another format.
        DataError: an empty table, a row that is too long or short, a name given twice.

    Example:
        >>> read_columns({"age": [30, None], "city": ["Rome", "Oslo"]})["age"].tolist()
        [30.0, nan]
    """
    if isinstance(source, Columns):
        return source
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        raw = read_bytes(path)
        if raw[:4] == b"PAR1":
            return _read_parquet(path)
        return _read_csv(raw, path.name, header)
    if isinstance(source, Mapping):
        return _collect(source.items(), "table")
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):
        frame: Any = source
        if len(set(frame.columns)) != len(list(frame.columns)):
            twice = _first_repeated([str(name) for name in frame.columns])
            raise DataError(f"frame: two columns are called {twice!r}")
        return _collect(((str(n), frame[n]) for n in frame.columns), "frame")
    raise ArgumentError(
        f"read_table: expected a path, frame or mapping, got {type(source).__name__}",
        fix="data.Dataset(inputs, targets) takes arrays",
    )


def read_bytes(path: Path) -> bytes:
    """All bytes of a file, or one clear error."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        folder = path.parent
        others = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        close = nearest(path.name, others)
        raise FileError(
            f"read_table: {str(path)!r}: no such file",
            fix=f"did you mean {str(folder / close)!r}?" if close else None,
        ) from None
    except IsADirectoryError:
        raise FileError(f"read_table: {str(path)!r}: a folder, not a file") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"read_table: {str(path)!r}: {reason.lower()}") from error


def to_numbers(cells: Sequence[str | None] | Array, decimal: str = ".") -> Array | None:
    """Texts as float64, None as NaN; or None where any text is not a number."""
    try:  # the usual case, at once
        numbers = np.array([np.nan if cell is None else float(cell) for cell in cells])
    except ValueError:
        converted = [
            None if cell is None else to_number(cell, decimal) for cell in cells
        ]
        for cell, number in zip(cells, converted, strict=True):
            if cell is not None and number is None:
                return None
        return np.array(converted, dtype=np.float64)
    return (
        None if any(_is_code(cell) for cell in cells if cell is not None) else numbers
    )


def to_number(cell: str, decimal: str = ".") -> float | None:
    """A text as a number; None for other texts, and for codes such as ``"00123"``."""
    if decimal == "," and "," in cell:
        if not DECIMAL_COMMA.fullmatch(cell):
            return None
        cell = cell.replace(",", ".")
    try:
        number = float(cell)
    except ValueError:
        return None
    return None if _is_code(cell) else number


def _is_code(cell: str) -> bool:
    """Whether a text that Python reads as a number is a code, such as a postcode."""
    if "_" in cell:
        return True
    return cell[0] in "0+-" and cell[1:2].isdigit() and bool(CODE.fullmatch(cell))


def _read_csv(raw: bytes, name: str, header: bool) -> Columns:
    table = csv_files.parse(raw, name)
    if header:
        names = _header(table.rows[0], name, table.lines[0])
        rows, lines = table.rows[1:], table.lines[1:]
        if not rows:
            raise DataError(f"{name}: a header and no rows: no examples to learn from")
    else:
        names = [f"column_{number}" for number in range(len(table.rows[0]))]
        rows, lines = table.rows, table.lines
    decimal = "," if table.delimiter != "," else "."
    values = {}
    for number, column in enumerate(zip(*rows, strict=True)):
        cells = [None if (cell := raw.strip()) in MISSING else cell for raw in column]
        values[names[number]] = _from_texts(cells, decimal)
    return Columns(values, name, np.asarray(lines))


def _from_texts(cells: list[str | None], decimal: str) -> Array:
    numbers = to_numbers(cells, decimal)
    if numbers is not None:
        return numbers
    return np.array([*cells, None], dtype=object)[:-1]


def _header(cells: list[str], source: str, line: int) -> list[str]:
    names = [cell.strip() for cell in cells]
    if any(names) and all(to_number(name) is not None for name in names if name):
        shown = ", ".join(map(repr, names[:4]))
        raise DataError(
            f"{source}: line {line} holds only numbers ({shown}): "
            "expected the names of the columns",
            fix="add a line of names, or header=False",
        )
    names = [name or f"column_{number}" for number, name in enumerate(names)]
    if len(set(names)) != len(names):
        twice = _first_repeated(names)
        raise DataError(
            f"{source}: line {line}: two columns are called {twice!r}: "
            "every column needs its own name",
            fix="rename or remove one of them",
        )
    return names


def _first_repeated(names: list[str]) -> str:
    return next(name for number, name in enumerate(names) if name in names[:number])


def _read_parquet(path: Path) -> Columns:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_package(
            "pyarrow", f"reading the Parquet file {path.name}", "parquet"
        ) from None
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileError(
            f"read_table: {str(path)!r}: not a whole Parquet file: {reason}"
        ) from error
    if len(set(table.column_names)) != len(table.column_names):
        twice = _first_repeated(table.column_names)
        raise DataError(f"{path.name}: two columns are called {twice!r}")
    pairs = []
    for name in table.column_names:
        column = table.column(name)
        if pyarrow.types.is_dictionary(column.type):
            column = pyarrow.chunked_array(
                [chunk.dictionary_decode() for chunk in column.chunks],
                type=column.type.value_type,
            )
        pairs.append((name, column.to_numpy()))
    return _collect(pairs, path.name)


def _collect(columns: Iterable[tuple[Any, Any]], source: str) -> Columns:
    """Columns of any array type, checked to be of one length."""
    values: dict[str, Array] = {}
    for name, column in columns:
        plain = column.to_numpy() if hasattr(column, "to_numpy") else column
        values[str(name)] = _from_array(np.asarray(plain), f"{source}: column {name!r}")
    lengths = {name: len(column) for name, column in values.items()}
    if not lengths or not max(lengths.values()):
        raise DataError(f"{source}: no rows or no columns: no examples to learn from")
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise DataError(
                f"{source}: columns {first!r} ({lengths[first]},) and {name!r} "
                f"({length},): every column must have the same length"
            )
    return Columns(values, source)


def _from_array(array: Array, what: str) -> Array:
    if array.ndim != 1:
        raise DataError(f"{what} {array.shape}: expected one value per row")
    kind = array.dtype.kind
    if kind in "iuf":
        return array.astype(np.float64)
    if kind == "m":
        seconds = array.astype("timedelta64[us]").astype(np.float64) / 1e6
        return np.where(np.isnat(array), np.nan, seconds)
    if kind not in "bOUTM":
        raise DataError(f"{what}: dtype {array.dtype}: expected numbers or texts")
    if kind == "M":
        array = array.astype("datetime64[us]")
    cells = [_plain_cell(cell, what) for cell in array.astype(object).tolist()]
    if all(cell is None or isinstance(cell, float) for cell in cells):
        return np.array(cells, dtype=np.float64)
    texts = [_number_text(c) if isinstance(c, float) else c for c in cells]
    return np.array([*texts, None], dtype=object)[:-1]


def _plain_cell(cell: object, what: str) -> str | float | None:
    """A cell as a float, a text, or None where it is missing."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(cell, str):
        return None if (text := cell.strip()) in MISSING else text
    if isinstance(cell, (bool, np.bool_)):
        return "true" if cell else "false"
    if hasattr(cell, "isoformat"):
        return str(cell.isoformat())
    if isinstance(cell, (list, tuple, dict, set, bytes, np.ndarray)):
        raise DataError(
            f"{what} holds a {type(cell).__name__} in a row: expected numbers or texts"
        )
    try:
        number = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise DataError(
            f"{what} holds a {type(cell).__name__} in a row: expected numbers or texts"
        ) from None
    return None if number != number else number


def _number_text(number: float) -> str:
    """``3`` for 3.0, so that a category has one name in every format of file."""
    return str(int(number)) if number.is_integer() else repr(number)


def as_texts(column: Array) -> Array:
    """A column as texts and None, whole numbers without ``.0``."""
    if column.dtype.kind == "O":
        return column
    cells = [None if np.isnan(v) else _number_text(v) for v in column.tolist()]
    return np.array([*cells, None], dtype=object)[:-1]
