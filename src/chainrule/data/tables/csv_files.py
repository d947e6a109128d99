"""CSV files by Python's own ``csv``: rows of cells, or one clear error.

Place on the road: below ``columns``. This file finds encoding and delimiter, and says
what is wrong with a file; ``arrow_files`` reads the regular ones faster, and leaves
every irregularity to this reader. It must not know what cells mean.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import re
import typing
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from ...errors import DataError, FileError, nearest
from ..validation import Array

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

#: Bytes looked at in one piece, cells of the first rows, and cells read at a time.
PIECE = 1 << 22
SAMPLE = 1 << 20
CELLS = 1 << 20

#: The line by which Excel names the delimiter.
SEP = re.compile(r'"?sep=(.)"?', re.IGNORECASE)

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
        return open_file(self.path)


@dataclass(frozen=True)
class Rows:
    """Rows of equally many cells, one tuple a column, and the line of each row."""

    cells: list[tuple[str, ...]]
    lines: Array


def open_file(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where it is gzipped; or one clear error."""
    try:
        file = path.open("rb")
        if file.peek(2)[:2] == b"\x1f\x8b":
            file.close()
            return typing.cast(IO[bytes], gzip.open(path, "rb"))
        return file
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


def checksum(path: Path) -> str:
    """The SHA-256 of a file, as it lies on disk; or one clear error."""
    with open_file(path):  # says what is wrong with the path
        pass
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def unpacking(name: str) -> Iterator[None]:
    """Turns what a damaged gzip file raises into one clear error."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(f"{name}: a damaged gzip file: {error}") from error


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
    with open_file(path) as file, unpacking(name):
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
    for begin, kind in OTHER_FORMATS.items():
        if start.startswith(begin):
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
        found = _rows(text, layout)
        part = _take(found, 1)
        if not part:
            return
        width, line = len(part[0][0]), part[0][1]
        part += _take(found, max(1, cells // width))
        while part:
            for row, here in part:
                if len(row) != width:
                    raise DataError(
                        f"{layout.name}: line {here}: {len(row)} cells, but {width} in "
                        f"line {line}: every row must have as many cells as the header",
                        fix="correct the line; cells that contain "
                        f"{layout.delimiter!r} need quotes",
                    )
            columns = list(zip(*(row for row, _ in part), strict=True))
            yield Rows(columns, np.array([here for _, here in part]))
            part = _take(found, max(1, cells // width))


def _take(
    rows: Iterator[tuple[list[str], int]], most: int
) -> list[tuple[list[str], int]]:
    with _long_cells():
        return list(islice(rows, most))


def _rows(text: io.TextIOWrapper, layout: Layout) -> Iterator[tuple[list[str], int]]:
    """Rows that are not blank, each with the line it begins on."""
    reader = csv.reader(text, delimiter=layout.delimiter, strict=True)
    begin = layout.skipped + 1
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield row, begin
            begin = layout.skipped + reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{layout.name}: line {begin}: {error}: "
            "a quote is not closed, or stands inside a cell",
            fix='write a quote inside a quoted cell twice: ""',
        ) from error


@contextmanager
def _long_cells() -> Iterator[None]:
    """Lifts the limit of 131 072 characters a cell; it is one for the whole process."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
