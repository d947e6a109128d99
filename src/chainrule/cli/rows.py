"""What a network says of the rows of a file, as the text of a CSV file.

Place on the road: below the commands that read such a file. Parts are read and written
one after the other, so that it may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..data.tables.columns import Columns
from ..data.tables.csv_files import csv_cell
from ..data.tables.typed import as_texts
from ..errors import ArgumentError

Array = np.ndarray[Any, np.dtype[Any]]

#: Rows that become text at a time.
ROWS = 8192


@dataclass(frozen=True)
class Part:
    """Columns of numbers and words for some rows.

    Arguments:
        columns: name ↦ values, ``(N,)``.
        form: how a number is written: ``"%.6f"``.
        kept: name ↦ the cells of a column that is carried into the output.
        start: the number of the first row, from 0; None where rows have names.
    """

    columns: Mapping[str, Array]
    form: str
    kept: Mapping[str, list[str]] = field(default_factory=dict)
    start: int | None = 0

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def check_out(out: str | None, data: str) -> None:
    """An error where the output would replace the file that is read.

    Raises:
        ArgumentError: it would.
    """
    if out is None or not (Path(out).exists() and Path(data).exists()):
        return
    if Path(out).samefile(data):
        raise ArgumentError(
            f"--out {out}: the file that is read, which would be lost",
            fix="another file",
        )


def cells_of(columns: Columns | None, keep: Sequence[str]) -> dict[str, list[str]]:
    """The cells of the columns that are carried into the output.

    Raises:
        ArgumentError: the rows are those of an array, which have no columns.
        DataError: there is no such column.
    """
    if not keep:
        return {}
    if columns is None:
        raise ArgumentError("--keep: an array has no columns", fix="leave it out")
    kept = {}
    for name in keep:
        texts = as_texts(columns.column(name))
        cells = np.array([*texts.distinct, ""], dtype=object)
        kept[name] = cells[texts.codes].tolist()
    return kept


def as_csv(parts: Iterable[Part]) -> Iterator[bytes]:
    """Parts as the text of a CSV file, in pieces."""
    for number, part in enumerate(parts):
        table = _table(part)
        if number == 0:
            yield (",".join(map(csv_cell, table)) + "\n").encode()
        form = ",".join(form for form, _ in table.values()) + "\n"
        for start in range(0, len(part), ROWS):
            pieces = [values[start : start + ROWS] for _, values in table.values()]
            rows = [value for row in zip(*pieces, strict=True) for value in row]
            yield (form * len(pieces[0]) % tuple(rows)).encode()


def counted_parts(parts: Iterable[Part], counts: list[int]) -> Iterator[Part]:
    """The same parts; the number of rows of each goes into a list."""
    for part in parts:
        counts.append(len(part))
        yield part


def _table(part: Part) -> dict[str, tuple[str, list[Any]]]:
    """name ↦ how the values of a column are written, and the values."""
    table: dict[str, tuple[str, list[Any]]] = {}
    for name, cells in part.kept.items():
        table[name] = "%s", _quoted(cells)
    if not part.kept and part.start is not None:
        first = part.start + 1
        table["row"] = "%d", list(range(first, first + len(part)))
    for name, values in part.columns.items():
        listed = values.tolist()
        numbers = values.dtype.kind == "f"
        table[name] = (part.form, listed) if numbers else ("%s", _quoted(listed))
    return table


def _quoted(values: list[Any]) -> list[str]:
    """Values as cells, each different one written once."""
    written = {value: csv_cell(str(value)) for value in dict.fromkeys(values)}
    return [written[value] for value in values]
