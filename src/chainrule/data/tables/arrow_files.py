"""CSV and Parquet files by PyArrow, several times faster than Python's ``csv``.

Place on the road: below ``columns``; optional (``chainrule[tables]``). PyArrow splits
the cells, on all processors, and converts plain numbers. What is irregular in any way
is left to ``csv_files``, so that both give the same table and the same messages.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import DataError, FileError, missing_package
from ..opening import unpacking
from ..validation import Array
from .cells import MISSING, Numbers, hopeless
from .csv_files import Layout
from .texts import Texts

#: Bytes of a file, and rows of a Parquet file, that are read at a time.
BLOCK = 1 << 25
BATCH = 1 << 18


class Irregular(Exception):
    """A file that Python's ``csv`` has to read."""


def available() -> bool:
    """Whether PyArrow is installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


@dataclass(frozen=True)
class ArrowCells:
    """Cells as an Arrow array of texts, null where a cell is empty."""

    cells: Any

    def __len__(self) -> int:
        return len(self.cells)

    def numbers(self) -> Numbers | None:
        """The cells as numbers, where every one is a plain number or missing."""
        import pyarrow.compute as compute

        if _holds_codes(self.cells):
            return None
        values = _cast(self.cells)
        if values is not None and _all_finite(values, self.cells):
            return Numbers(values, Counter())
        if values is None and hopeless(self.cells.slice(0, 1000).to_pylist()):
            return None
        trimmed = compute.utf8_trim_whitespace(self.cells)
        names = sorted(MISSING)
        is_mark = compute.is_in(trimmed, value_set=_array(names))
        found = compute.value_counts(trimmed.filter(is_mark))
        marks = Counter(
            {
                pair["values"]: pair["counts"]
                for pair in found.to_pylist()
                if pair["values"]
            }
        )
        kept = compute.if_else(is_mark, None, trimmed)
        values = None if _holds_codes(kept) else _cast(kept)
        if values is None or not _all_finite(values, kept):
            return None
        return Numbers(values, marks)

    def texts(self) -> Texts:
        """The cells without blanks around them; empty ones are missing."""
        import pyarrow.compute as compute

        cells = self.cells
        whole = cells.combine_chunks() if hasattr(cells, "chunks") else cells
        coded = whole.dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        trimmed = compute.utf8_trim_whitespace(coded.dictionary)
        texts = Texts(trimmed.to_pylist(), codes.astype(np.int32, copy=False))
        blank = compute.any(compute.equal(compute.binary_length(trimmed), 0)).as_py()
        if blank or not trimmed.equals(coded.dictionary):
            return texts.mapped(lambda text: text or None)
        return texts


def _cast(cells: Any) -> Array | None:
    """Texts as float64 with NaN for null; None where one is no number."""
    import pyarrow

    try:
        numbers = cells.cast(pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return None
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def _all_finite(values: Array, cells: Any) -> bool:
    """Whether every text was a finite number, and none of them ``nan``."""
    return int(np.isfinite(values).sum()) == len(cells) - int(cells.null_count)


def _array(values: list[str]) -> Any:
    import pyarrow

    return pyarrow.array(values, pyarrow.string())


def _holds_codes(cells: Any) -> bool:
    """Whether any text is a whole number with a zero in front."""
    import pyarrow.compute as compute

    chunks = cells.chunks if hasattr(cells, "chunks") else [cells]
    for chunk in chunks:
        _, offsets, characters = chunk.buffers()
        if not characters:
            continue
        starts = np.frombuffer(offsets, np.int32)[chunk.offset :][: len(chunk) + 1]
        signs = np.frombuffer(characters, np.uint8)
        lengths = np.diff(starts)
        first = signs[np.minimum(starts[:-1], len(signs) - 1)]
        second = signs[np.minimum(starts[:-1] + 1, len(signs) - 1)]
        blank = first <= ord(" ")
        signed = (first == ord("+")) | (first == ord("-"))
        zero = (first == ord("0")) & (second >= ord("0")) & (second <= ord("9"))
        suspect = zero | blank | (signed & (second == ord("0")))
        suspects = np.flatnonzero(suspect & (lengths > 1))
        if not len(suspects):
            continue
        some = chunk.take(_integers(suspects))
        if compute.any(
            compute.match_substring_regex(some, r"^\s*[+-]?0[0-9]+\s*$")
        ).as_py():
            return True
    return False


def _integers(values: Array) -> Any:
    import pyarrow

    return pyarrow.array(values)


def converted(columns: list[ArrowCells]) -> list[Numbers | None]:
    """``numbers`` of every column, on all processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(ArrowCells.numbers, columns))


@dataclass(frozen=True)
class Block:
    """Rows of a file: one column each, and the line on which each row begins."""

    cells: list[ArrowCells]
    lines: Array


def read_blocks(layout: Layout, width: int, header: bool) -> Iterator[Block]:
    """The rows of a regular CSV file in parts.

    Arguments:
        layout: of the file.
        width: how many columns it has.
        header: whether the first line that is not blank is left out.

    Raises:
        Irregular: at the first block that Python's ``csv`` may read otherwise.
    """
    if layout.encoding == "utf-16" or width < 2 or not layout.delimiter.isascii():
        raise Irregular("its encoding, or a single column")
    line, rest = layout.skipped + 1, b""
    with unpacking(layout.name), layout.open() as file:
        for _ in range(layout.skipped):
            file.readline()
        if layout.skipped == 0 and layout.encoding == "utf-8-sig":
            rest = file.read(3).removeprefix(b"\xef\xbb\xbf")
        while True:
            new = file.read(BLOCK)
            text = rest + new if rest else new
            end = _end_of_rows(text) if new else len(text)
            rest = text[end:]
            if len(rest) > 4 * BLOCK:
                raise Irregular("a row of many megabytes")
            if end:
                block = _block(text[:end] if rest else text, layout, width, line)
                line += text.count(b"\n", 0, end)
                if header and len(block.lines):
                    cells = [ArrowCells(each.cells.slice(1)) for each in block.cells]
                    block, header = Block(cells, block.lines[1:]), False
                if len(block.lines):
                    yield block
            if not new:
                return


def _end_of_rows(text: bytes) -> int:
    """Where the last whole row ends: at an end of line outside of quotes."""
    if b'"' not in text:
        return text.rfind(b"\n") + 1
    signs = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(signs == ord("\n"))
    quotes = np.flatnonzero(signs == ord('"'))
    outside = ends[np.searchsorted(quotes, ends) % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0


def _block(text: bytes, layout: Layout, width: int, line: int) -> Block:
    if layout.encoding == "latin-1":
        text = text.decode("latin-1").encode()
    if text.count(b"\r") != text.count(b"\r\n"):
        raise Irregular("an end of line that is a carriage return")
    quoted = b'"' in text
    signs = np.frombuffer(text, np.uint8)
    inside = _quotes(signs, ord(layout.delimiter)) if quoted else None
    table = _split(text, layout.delimiter, width, quoted)
    rows = table.num_rows
    ends = text.count(b"\n") + (not text.endswith(b"\n"))
    if ends == rows:
        lines = np.arange(line, line + rows)
    else:
        lines = line + _first_lines(signs, inside)
        if len(lines) != rows:
            raise Irregular("rows that csv counts otherwise")
    return Block([ArrowCells(column) for column in table.columns], lines)


def _quotes(signs: Array, delimiter: int) -> Array:
    """The places of quotes, if each begins or ends a cell or is written twice."""
    places = np.flatnonzero(signs == ord('"'))
    if len(places) % 2:
        raise Irregular("a quote without a second")
    begins, ends = places[::2], places[1::2]
    edge = np.array([delimiter, ord("\n"), ord("\r"), ord('"')], dtype=np.uint8)
    before, behind = begins[begins > 0] - 1, ends[ends < len(signs) - 1] + 1
    if not np.isin(signs[before], edge).all() or not np.isin(signs[behind], edge).all():
        raise Irregular("a quote inside a cell")
    twice = signs[before] == ord('"')  # then it must be the end of the cell before
    if not np.isin(before[twice], ends, assume_unique=True).all():
        raise Irregular("a quote beside another")
    return places


def _first_lines(signs: Array, quotes: Array | None) -> Array:
    """The lines of a block, from 0, on which rows begin."""
    ends = np.flatnonzero(signs == ord("\n"))
    if not len(ends) or ends[-1] != len(signs) - 1:
        ends = np.append(ends, len(signs))
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts
    returns = (lengths == 1) & (signs[np.minimum(starts, len(signs) - 1)] == ord("\r"))
    blank = (lengths == 0) | returns
    begins = ~blank
    if quotes is not None:
        inside = np.searchsorted(quotes, starts) % 2 == 1
        begins = ~inside & ~blank
    found: Array = np.flatnonzero(begins)
    return found


def _split(text: bytes, delimiter: str, width: int, quoted: bool) -> Any:
    """A block as a table of texts."""
    import pyarrow
    from pyarrow import csv

    names = [str(number) for number in range(width)]
    try:
        return csv.read_csv(
            pyarrow.BufferReader(pyarrow.py_buffer(text)),
            csv.ReadOptions(column_names=names, block_size=1 << 22),
            csv.ParseOptions(delimiter=delimiter, newlines_in_values=quoted),
            csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pyarrow.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pyarrow.ArrowException as error:
        raise Irregular(str(error)) from error


def open_parquet(path: Path) -> Any:
    """A Parquet file, or one clear error."""
    pyarrow = _require(path)
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error
    names = file.schema_arrow.names
    for number, name in enumerate(names):
        if name in names[:number]:
            raise DataError(f"{path.name}: two columns are called {name!r}")
    return file


def read_batches(path: Path, file: Any) -> Iterator[list[Any]]:
    """The columns of a Parquet file in parts: NumPy arrays, or ``ArrowCells``."""
    import pyarrow

    try:
        for batch in file.iter_batches(BATCH):
            yield [_plain(column, pyarrow) for column in batch.columns]
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _plain(column: Any, pyarrow: Any) -> Any:
    types = pyarrow.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or kind == "string_view":
        return ArrowCells(column.cast(pyarrow.string()))
    if types.is_decimal(kind) or types.is_float16(kind):
        column = column.cast(pyarrow.float64())
    elif types.is_integer(kind) and column.null_count:
        column = column.cast(pyarrow.float64(), safe=False)
    elif types.is_date(kind):
        column = column.cast(pyarrow.timestamp("us"))
    return column.to_numpy(zero_copy_only=False)


def _damaged(path: Path, error: Exception) -> FileError:
    reason = str(error).splitlines()[0]
    return FileError(f"read_table: {str(path)!r}: not a whole Parquet file: {reason}")


def _require(path: Path) -> ModuleType:
    try:
        import pyarrow
    except ImportError:
        raise missing_package(
            "pyarrow", f"reading the Parquet file {path.name}", "tables"
        ) from None
    module: ModuleType = pyarrow
    return module
