"""CSV files by Python's own ``csv``: rows of cells, or one clear error.

Place on the road: below ``columns``. This file finds encoding and delimiter, and says
what is wrong with a file; ``arrow_files`` reads the regular ones faster, and leaves
every irregularity to this reader. It must not know what cells mean.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from ...errors import DataError, FileError
from ..opening import open_file, other_format, unpacking
from ..validation import Array

OPERATION = "read_table"

DELIMITERS = (",", ";", "\t", "|")

#: Bytes looked at in one piece, cells of the first rows, and cells read at a time.
PIECE = 1 << 22
SAMPLE = 1 << 20
CELLS = 1 << 20

#: The line by which Excel names the delimiter.
SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)

#: An end of line inside a cell, as ``csv`` counts lines.
BREAK = re.compile(r"\r\n|\r|\n")

#: The longest cell that ``csv`` can be made to take on every system.
LONGEST = 2**31 - 1


@dataclass(frozen=True)
class Layout:
    """How a CSV file is written.

    Arguments:
        path: of the file.
        name: what messages call it.
        encoding: one of Python's names.
        delimiter: between two cells.
        skipped: lines above the table, as ``sep=;``.
    """

    path: Path
    name: str
    encoding: str
    delimiter: str
    skipped: int = 0

    def open(self) -> IO[bytes]:
        """The bytes of the file, unpacked."""
        return open_file(self.path, OPERATION)


@dataclass(frozen=True)
class Rows:
    """Rows of equally many cells, one tuple a column, and the line of each row."""

    cells: list[tuple[str, ...]]
    lines: Array


def checksum(path: Path) -> str:
    """The SHA-256 of a file, as it lies on disk; or one clear error."""
    with open_file(path, OPERATION):  # says what is wrong with the path
        pass
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def csv_cell(text: str) -> str:
    """A text as a cell that is written, in quotes where it needs them.

    Example:
        >>> csv_cell("Bonn"), csv_cell('11" pipes, grey')
        ('Bonn', '"11"" pipes, grey"')
    """
    if not any(sign in text for sign in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def start_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked, by which formats are told apart."""
    with open_file(path, OPERATION) as file, unpacking(path.name):
        return file.read(8)


def examine(path: Path, name: str) -> Layout:
    """The layout of a file, every byte of which is looked at once.

    Encoding: UTF-8 with or without a byte-order mark, UTF-16 with one, else Latin-1.
    Delimiter: the one named in a first line ``sep=;``; else the one of comma,
    semicolon, tab and bar that cuts the first rows into the same number of cells, and
    into most.

    Raises:
        FileError: no such file, or not a text.
        DataError: nothing in it.
    """
    with open_file(path, OPERATION) as file, unpacking(name):
        start = file.read(PIECE)
        _refuse_other_formats(start, name)
        encoding, nothing = _encoding(start, file, name)
    if nothing:
        raise empty(name)
    with unpacking(name), open_text(Layout(path, name, encoding, ",")) as text:
        lines = text.read(SAMPLE).splitlines()[:51]
    sep = SEP.fullmatch(lines[0].strip(" ")) if lines else None
    if sep:
        return Layout(path, name, encoding, sep[1], 1)
    return Layout(path, name, encoding, sniff("\n".join(lines[:50])))


def empty(name: str) -> DataError:
    """The error for a file without any cell."""
    return DataError(f"{name}: an empty file: no examples")


def open_text(layout: Layout) -> io.TextIOWrapper:
    """The text of a file below the skipped lines, ends of lines as they are."""
    text = io.TextIOWrapper(layout.open(), layout.encoding, newline="")
    for _ in range(layout.skipped):
        text.readline()
    return text


def _refuse_other_formats(start: bytes, name: str) -> None:
    kind = other_format(start)
    if kind is not None:
        raise FileError(
            f"{name}: this is {kind}: expected a CSV or Parquet file",
            fix="a workbook is read if its name ends with .xlsx, .xls or .ods"
            if "Excel" in kind
            else None,
        )


def _encoding(start: bytes, file: IO[bytes], name: str) -> tuple[str, bool]:
    """The encoding of a file, and whether there is nothing but blanks in it."""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = start + file.read()
        try:
            return "utf-16", not text.decode("utf-16").strip()
        except UnicodeDecodeError as error:
            raise FileError(f"{name}: damaged UTF-16 text: {error.reason}") from error
    control = sum(start[:4096].count(code) for code in (*range(9), *range(14, 27)))
    binary = control > len(start[:4096]) // 100
    decoder, utf8, empty = codecs.getincrementaldecoder("utf-8")(), True, True
    piece = start.removeprefix(codecs.BOM_UTF8)
    while piece and not binary:
        binary = b"\0" in piece
        empty = empty and not piece.strip()
        if utf8 and not (piece.isascii() and not decoder.getstate()[0]):
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                utf8 = False
        piece = file.read(PIECE)
    if binary:
        raise FileError(
            f"{name}: binary data: expected a CSV or Parquet file",
            fix="save the table as CSV with UTF-8 encoding",
        )
    if utf8 and not decoder.getstate()[0]:
        return "utf-8-sig", empty
    return "latin-1", empty


def sniff(sample: str) -> str:
    """The delimiter that splits the first rows into equally many, most cells."""

    def merit(delimiter: str) -> tuple[bool, int]:
        with _long_cells():
            rows = list(csv.reader(io.StringIO(sample), delimiter=delimiter))
        widths = [len(row) for row in rows if row]
        usual = max(set(widths), key=widths.count) if widths else 0
        agree = usual > 1 and widths.count(usual) * 10 >= 9 * len(widths)
        return agree, widths[0] if widths else 0

    return max(DELIMITERS, key=merit)


def read_rows(layout: Layout, cells: int = CELLS) -> Iterator[Rows]:
    """The rows of a file in parts; blank lines are skipped.

    Arguments:
        layout: of the file.
        cells: how many cells are read at a time, about.

    Raises:
        DataError: a row with too many or few cells, a quote never closed.
    """
    with unpacking(layout.name), open_text(layout) as text:
        reader = csv.reader(text, delimiter=layout.delimiter, strict=True)
        begin, head = 1, None
        rows = _take(reader, 1, layout)
        while rows:
            lines = _lines(rows, begin, reader.line_num) + layout.skipped
            begin = reader.line_num + 1
            if not _all_filled(rows):
                kept = [n for n, row in enumerate(rows) if not _is_blank(row)]
                rows, lines = [rows[n] for n in kept], lines[kept]
            if rows:
                head = head or (len(rows[0]), int(lines[0]))
                _check_widths(rows, lines, head, layout)
                yield Rows(list(zip(*rows, strict=True)), lines)
            most = cells // head[0] if head else 1
            rows = _take(reader, max(1, most), layout)


def _take(reader: Iterator[list[str]], most: int, layout: Layout) -> list[list[str]]:
    """The next rows; an error of ``csv`` is told with the line of its row."""
    try:
        with _long_cells():
            return list(islice(reader, most))
    except csv.Error as error:
        line = _line_of_error(layout)
        raise DataError(
            f"{layout.name}: line {line}: {error}: "
            "a quote is not closed, or stands inside a cell",
            fix='write a quote inside a quoted cell twice: ""',
        ) from error


def _line_of_error(layout: Layout) -> int:
    """The line on which the row begins that ``csv`` cannot read."""
    with open_text(layout) as text, _long_cells():
        reader = csv.reader(text, delimiter=layout.delimiter, strict=True)
        begin = 1
        try:
            for _ in reader:
                begin = reader.line_num + 1
        except csv.Error:
            pass
    return begin + layout.skipped


def _lines(rows: list[list[str]], begin: int, end: int) -> Array:
    """The line on which each row begins, of rows that fill the lines to ``end``."""
    if end - begin + 1 == len(rows):
        return np.arange(begin, end + 1)
    lengths = [1 + len(BREAK.findall("\0".join(row))) for row in rows]
    return begin + np.cumsum([0, *lengths[:-1]])


def _is_blank(row: list[str]) -> bool:
    """Whether a row is a line of nothing or of blanks; ``""`` is an empty cell."""
    return not row or (len(row) == 1 and row[0].isspace())


def _all_filled(rows: list[list[str]]) -> bool:
    """Whether no row is blank, which can be seen where all have several cells."""
    return min(map(len, rows)) > 1


def _check_widths(
    rows: list[list[str]], lines: Array, head: tuple[int, int], layout: Layout
) -> None:
    width, line = head
    if set(map(len, rows)) == {width}:
        return
    for row, here in zip(rows, lines, strict=True):
        if len(row) != width:
            raise DataError(
                f"{layout.name}: line {here}: {len(row)} cells, but {width} in "
                f"line {line}: every row must have as many cells as the header",
                fix="correct the line; cells that contain "
                f"{layout.delimiter!r} need quotes",
            )


@contextmanager
def _long_cells() -> Iterator[None]:
    """Lifts the limit of 131 072 characters a cell; it is one for the whole process."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
