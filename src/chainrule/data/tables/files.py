"""Files of tables, whole or in parts: CSV, Parquet and Excel, each by its reader.

Place on the road: below ``columns``. CSV files are read by PyArrow where it is
installed and the file is regular, else by Python's ``csv``; both give the same table.
What does not fit into memory is kept in files that disappear by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ...errors import DataError
from ..validation import Array
from . import arrow_files, csv_files, excel_files
from .cells import Cells, Numbers, PythonCells
from .csv_files import Layout
from .gathering import (
    Gathered,
    Pile,
    Reading,
    Understood,
    points_before_thousands,
    understand,
)
from .texts import Texts
from .typed import TypedCells
from .written_numbers import to_number

#: Bytes of a file from which its columns are kept on disk.
LARGE = 1 << 30

#: Bytes of a CSV file from which reading it without PyArrow is worth a word.
SLOW = 20 << 20


#: The sign before decimals where it is known: for all columns, by name, or not at all.
Decimal: TypeAlias = str | Mapping[str, str] | None


def by_name(decimal: Decimal, names: Iterable[str]) -> Mapping[str, str]:
    """The sign before decimals of the columns for which it is known."""
    if decimal is None or isinstance(decimal, Mapping):
        return decimal or {}
    return dict.fromkeys(names, decimal)


@dataclass(frozen=True)
class FileTable:
    """What a file, or a part of it, holds.

    Arguments:
        columns: name ↦ numbers or texts.
        name: what messages call the file.
        lines: the line on which each row begins, where the file has lines.
        readings: name ↦ how a column was read.
        notes: sentences on the file.
        start: the number of the first row.
        cells: name ↦ values of any type, where the file gives these instead.
        decimal: the sign before decimals that was asked for.
    """

    columns: dict[str, Array | Texts]
    name: str
    lines: Array | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    start: int = 0
    cells: Mapping[str, Any] | None = None
    decimal: Decimal = None


@dataclass(frozen=True)
class Part:
    """Cells of some rows, the numbers that they are, and their lines."""

    cells: list[Cells]
    numbers: list[Numbers | None]
    lines: Array


def read(path: Path, header: bool = True, decimal: Decimal = None) -> FileTable:
    """The table in a file, of which every column is of one kind."""
    start = csv_files.start_of(path)
    if start[:4] == b"PAR1":
        return _read_parquet(path, decimal)
    if excel_files.is_workbook(path, start):
        return _read_workbook(path, decimal)
    layout = csv_files.examine(path, path.name)
    names = _names(layout, header)
    large = path.stat().st_size >= LARGE
    known = by_name(decimal, names)
    gathered, lines = _gather(layout, names, header, large)
    columns = {name: column.whole() for name, column in gathered.items()}
    marks = {name: column.marks for name, column in gathered.items()}
    usual, sure = _usual(columns, layout)
    found = understand(columns, marks, known, usual, sure=sure)
    doubtful = _doubtful(found)
    if doubtful:
        again, _ = _gather(layout, names, header, large, doubtful)
        columns |= {name: again[name].whole() for name in doubtful}
        commas = {
            name
            for name in doubtful
            if isinstance(column := columns[name], Texts)
            and points_before_thousands(column)
        }
        signs = dict.fromkeys(doubtful, ".") | dict.fromkeys(commas, ",")
        found = understand(columns, marks, signs | dict(known), usual, sure=sure)
    notes: tuple[str, ...] = ()
    if not arrow_files.available() and path.stat().st_size > SLOW:
        notes = ("pip install 'chainrule[tables]' reads large files faster.",)
    return FileTable(found.columns, path.name, lines, found.readings, notes)


def read_parts(path: Path, decimals: Mapping[str, str]) -> Iterator[FileTable]:
    """The table in a file, in parts."""
    start = csv_files.start_of(path)
    if start[:4] == b"PAR1":
        yield from _parquet_parts(path, decimals)
        return
    if excel_files.is_workbook(path, start):
        yield _read_workbook(path, None)
        return
    layout = csv_files.examine(path, path.name)
    names = _names(layout, True)
    usual = _default_sign(layout)
    row = 0
    for part in _parts(layout, len(names), True):
        columns: dict[str, Array | Texts] = {}
        marks: dict[str, Mapping[str, int]] = {}
        for name, cells, numbers in zip(names, part.cells, part.numbers, strict=True):
            columns[name] = cells.texts() if numbers is None else numbers.values
            marks[name] = numbers.marks if numbers is not None else {}
        found = understand(columns, marks, decimals, usual)
        yield FileTable(found.columns, path.name, part.lines, found.readings, start=row)
        row += len(part.lines)
    if not row:
        raise _no_rows(path.name)


def _gather(
    layout: Layout,
    names: list[str],
    header: bool,
    large: bool,
    as_texts: set[str] | frozenset[str] = frozenset(),
) -> tuple[dict[str, Gathered], Array]:
    """All rows of a CSV file; columns that are partly texts become texts throughout.

    Arguments:
        as_texts: where given, only these columns are read, as texts.
    """
    wanted = [name for name in names if not as_texts or name in as_texts]
    columns = {name: Gathered(large, bool(as_texts)) for name in wanted}
    lines = Pile(np.int64, large)
    for part in _parts(layout, len(names), header, numbers=not as_texts):
        lines.add(part.lines)
        for name, cells, numbers in zip(names, part.cells, part.numbers, strict=True):
            if name in columns:
                columns[name].add(cells, numbers)
    mixed = {name for name, column in columns.items() if column.mixed}
    if mixed:
        again, _ = _gather(layout, names, header, large, mixed)
        columns |= again
    whole = lines.whole()
    if not len(whole):
        raise _no_rows(layout.name)
    return columns, whole


def _parts(
    layout: Layout, width: int, header: bool, numbers: bool = True
) -> Iterator[Part]:
    """The rows of a CSV file, by the fastest reader that can."""
    done = 0
    if arrow_files.available():
        try:
            for block in arrow_files.read_blocks(layout, width, header):
                found = arrow_files.converted(block.cells) if numbers else None
                yield Part(list(block.cells), found or [None] * width, block.lines)
                done += len(block.lines)
            return
        except arrow_files.Irregular:
            pass
    skip = done + header
    for rows in csv_files.read_rows(layout):
        if skip >= len(rows.lines):
            skip -= len(rows.lines)
            continue
        cells = [PythonCells(column[skip:]) for column in rows.cells]
        found = [each.numbers() if numbers else None for each in cells]
        yield Part(list(cells), found, rows.lines[skip:])
        skip = 0


def _names(layout: Layout, header: bool) -> list[str]:
    """The names of the columns, from the first row."""
    rows = next(csv_files.read_rows(layout, cells=1), None)
    if rows is None:
        raise csv_files.empty(layout.name)
    first = [column[0].strip() for column in rows.cells]
    if not header:
        return [f"column_{number}" for number in range(len(first))]
    if any(first) and all(to_number(name) is not None for name in first if name):
        shown = ", ".join(map(repr, first[:4]))
        raise DataError(
            f"{layout.name}: line {rows.lines[0]} holds only numbers ({shown}): "
            "expected the names of the columns",
            fix="add a line of names, or header=False",
        )
    names = [name or f"column_{number}" for number, name in enumerate(first)]
    if len(set(names)) != len(names):
        raise DataError(
            f"{layout.name}: line {rows.lines[0]}: two columns are called "
            f"{first_repeated(names)!r}: every column needs its own name",
            fix="rename or remove one of them",
        )
    return names


def first_repeated(names: list[str]) -> str:
    """The first name that stands there a second time."""
    return next(name for number, name in enumerate(names) if name in names[:number])


def _no_rows(name: str) -> DataError:
    return DataError(
        f"{name}: a header and no rows", fix="add the rows below the line of names"
    )


def _default_sign(layout: Layout) -> str:
    return "," if layout.delimiter == ";" else "."


def _usual(columns: Mapping[str, Array | Texts], layout: Layout) -> tuple[str, bool]:
    """The sign before decimals where a column leaves it open; and whether another
    column says so."""
    for column in columns.values():
        if not isinstance(column, Texts):
            some = column[:1000]
            some = some[some != np.floor(some)]
            if len(some) and not (_three_decimals(some) and _long(some)):
                return ".", True
    return _default_sign(layout), False


def _three_decimals(fractions: Array) -> bool:
    """Whether numbers that are not whole may have points before thousands."""
    fractions = fractions[np.isfinite(fractions)]
    shifted = fractions * 1000
    return bool(
        np.all(np.abs(shifted - np.round(shifted)) < 1e-6)
        and np.all(np.abs(fractions) < 1000)
    )


def _long(fractions: Array) -> bool:
    """Whether most numbers have more than two decimals."""
    shifted = fractions * 100
    return bool(np.mean(np.abs(shifted - np.round(shifted)) > 1e-6) > 0.5)


def _doubtful(found: Understood) -> set[str]:
    """Plain numbers like 1.234 beside columns with a decimal comma."""
    if not any(reading.decimal == "," for reading in found.readings.values()):
        return set()
    doubtful = set()
    for name, column in found.columns.items():
        if not isinstance(column, Texts) and not found.readings[name].decimal:
            some = column[column != np.floor(column)]
            some = some[~np.isnan(some)]
            if len(some) and _three_decimals(some):
                doubtful.add(name)
    return doubtful


def _read_workbook(path: Path, decimal: Decimal) -> FileTable:
    names, columns, lines = excel_files.read_workbook(path)
    if len(set(names)) != len(names):
        raise DataError(
            f"{path.name}: two columns are called {first_repeated(names)!r}"
        )
    if not len(lines):
        raise _no_rows(path.name)
    cells = dict(zip(names, columns, strict=True))
    return FileTable({}, path.name, lines, cells=cells, decimal=decimal)


def _read_parquet(path: Path, decimal: Decimal) -> FileTable:
    file = arrow_files.open_parquet(path)
    names = file.schema_arrow.names
    large = file.metadata.num_rows * len(names) * 8 >= LARGE
    columns = {name: Gathered(large) for name in names}
    known = by_name(decimal, names)
    for batch in arrow_files.read_batches(path, file):
        for name, column in zip(names, batch, strict=True):
            cells = TypedCells.of(column, f"{path.name}: column {name!r}")
            columns[name].add(cells, cells.numbers())
    if not names or not file.metadata.num_rows:
        raise DataError(f"{path.name}: no rows or no columns: no examples")
    whole = {name: column.whole() for name, column in columns.items()}
    found = understand(whole, {}, known, ".", typed=True)
    return FileTable(found.columns, path.name, readings=found.readings)


def _parquet_parts(path: Path, decimals: Mapping[str, str]) -> Iterator[FileTable]:
    file = arrow_files.open_parquet(path)
    names, row = file.schema_arrow.names, 0
    for batch in arrow_files.read_batches(path, file):
        columns: dict[str, Array | Texts] = {}
        for name, column in zip(names, batch, strict=True):
            cells = TypedCells.of(column, f"{path.name}: column {name!r}")
            numbers = cells.numbers()
            columns[name] = cells.texts() if numbers is None else numbers.values
        found = understand(columns, {}, decimals, ".", typed=True)
        yield FileTable(found.columns, path.name, readings=found.readings, start=row)
        row += len(batch[0])
    if not row:
        raise _no_rows(path.name)
