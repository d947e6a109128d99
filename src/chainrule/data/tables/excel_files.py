"""Excel workbooks (``.xlsx``, ``.xls``, ``.xlsb``, ``.ods``), by python-calamine.

Place on the road: below ``files``; optional (``chainrule[tables]``). The first sheet
that holds anything is the table. It must not know what cells mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileError, missing_package
from ..validation import Array

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def is_workbook(path: Path, start: bytes) -> bool:
    """Whether a file is a workbook, by its name and its first bytes."""
    packed = start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))
    return packed and path.suffix.lower() in SUFFIXES


def read_workbook(path: Path) -> tuple[list[str], list[list[Any]], Array]:
    """The first sheet with cells in it.

    Returns:
        The names in its first row that is not empty, the values of each column, and the
        number of each row.

    Raises:
        MissingPackageError: python-calamine is not installed.
        FileError: not a whole workbook.
    """
    try:
        import python_calamine
    except ImportError:
        raise missing_package(
            "python-calamine", f"reading the workbook {path.name}", "tables"
        ) from None
    try:
        book = python_calamine.load_workbook(str(path))
        sheets: list[list[list[Any]]] = [
            book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in book.sheet_names
        ]
    except (python_calamine.CalamineError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise FileError(
            f"read_table: {str(path)!r}: not a whole workbook: {reason}"
        ) from error
    for sheet in sheets:
        rows = [
            (number, row)
            for number, row in enumerate(sheet, 1)
            if any(cell not in ("", None) for cell in row)
        ]
        if rows:
            return _columns(rows)
    raise FileError(f"read_table: {str(path)!r}: a workbook without cells")


def _columns(
    rows: list[tuple[int, list[Any]]],
) -> tuple[list[str], list[list[Any]], Array]:
    filled = [
        place
        for place in range(max(len(row) for _, row in rows))
        if any(row[place] not in ("", None) for _, row in rows if place < len(row))
    ]
    (_, head), below = rows[0], rows[1:]
    names = [
        _name(head[place] if place < len(head) else "", number)
        for number, place in enumerate(filled)
    ]
    columns = [
        [_value(row[place]) if place < len(row) else None for _, row in below]
        for place in filled
    ]
    return names, columns, np.array([number for number, _ in below], dtype=np.int64)


def _name(cell: object, number: int) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell if cell is not None else "").strip() or f"column_{number}"


def _value(cell: object) -> object:
    return None if cell == "" else cell
