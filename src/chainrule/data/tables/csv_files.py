"""CSV files: bytes in, rows of cells out, one clear error for every irregularity.

Place on the road: below ``columns``. The standard library's ``csv`` does the parsing;
this file finds encoding and delimiter, and says what is wrong. It must not know what
cells mean.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass

from ...errors import DataError, FileError

DELIMITERS = (",", ";", "\t", "|")

#: First bytes of files that are often mistaken for CSV files.
OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook or zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array; data.memory_map reads it",
}


@dataclass(frozen=True)
class TextTable:
    """Rows of equally many cells, the line of each, and what separated the cells."""

    rows: list[list[str]]
    lines: list[int]
    delimiter: str


def parse(raw: bytes, name: str) -> TextTable:
    """The cells of a CSV file.

    Encoding: UTF-8 with or without a byte-order mark, UTF-16 with one, else Latin-1.
        Delimiter:
    the one of comma, semicolon, tab and bar that cuts the first rows into the same
    number of cells, and into most. Blank lines are skipped.

    Arguments:
        raw: the bytes of the file, perhaps gzipped.
        name: what messages call it.

    Raises:
        FileError: not a text.
        DataError: nothing in it, a row with too many or few cells, a quote never
            closed.

    Example:
        >>> parse(b"a;b\\n1;2\\n", "t.csv").rows
        [['a', 'b'], ['1', '2']]
    """
    text = decode(raw, name)
    if not text.strip():
        raise DataError(f"{name}: an empty file: no examples to learn from")
    delimiter = sniff(text)
    rows, lines = _rows(text, name, delimiter)
    width = len(rows[0])
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            raise DataError(
                f"{name}: line {line}: {len(row)} cells, but {width} in line "
                f"{lines[0]}: every row must have as many cells as the header",
                fix=f"correct the line; cells that contain {delimiter!r} need quotes",
            )
    return TextTable(rows, lines, delimiter)


def decode(raw: bytes, name: str) -> str:
    """The text of a file of unknown encoding."""
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(f"{name}: a damaged gzip file: {error}") from error
    for start, kind in OTHER_FORMATS.items():
        if raw.startswith(start):
            raise FileError(
                f"{name}: this is {kind}: expected a CSV or Parquet file",
                fix="save it as CSV" if "Excel" in kind else None,
            )
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError as error:
            raise FileError(f"{name}: damaged UTF-16 text: {error.reason}") from error
    control = sum(raw[:4096].count(code) for code in (*range(9), *range(14, 27)))
    if b"\0" in raw or control > len(raw[:4096]) // 100:
        raise FileError(
            f"{name}: binary data: expected a CSV or Parquet file",
            fix="save the table as CSV with UTF-8 encoding",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def sniff(text: str) -> str:
    """The delimiter that splits the first rows into equally many, most cells."""
    sample = "\n".join(text.splitlines()[:50])

    def merit(delimiter: str) -> tuple[bool, int]:
        rows = [
            row for row in csv.reader(io.StringIO(sample), delimiter=delimiter) if row
        ]
        widths = [len(row) for row in rows]
        usual = max(set(widths), key=widths.count) if widths else 0
        return usual > 1 and widths.count(usual) * 10 >= 9 * len(widths), widths[0]

    return max(DELIMITERS, key=merit)


def _rows(text: str, name: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    begin = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row) or (row and len(row) > 1):
                rows.append(row)
                lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{name}: line {begin}: {error}: "
            "a quote is not closed, or stands inside a cell",
            fix='write a quote inside a quoted cell twice: ""',
        ) from error
    return rows, lines
