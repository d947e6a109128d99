"""Columns put together from the parts of a file, and what their texts mean.

Place on the road: between the readers of files and ``columns``. A part of a column is
plain numbers, or texts by number; a whole one is numbers, or texts that are none.
Whether ``1,234`` is more than a thousand is decided here, once for a column.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any

import numpy as np

from ...errors import DataError
from ..validation import Array
from .cells import MISSING, Cells, Numbers
from .texts import Texts
from .written_numbers import DASHES, EITHER, Writing, amounts


@dataclass(frozen=True)
class Reading:
    """How a column was read.

    Arguments:
        decimal: the sign before decimals, where its numbers have one; else empty.
        words: what is more than a plain number in its cells, in a few words.
        marks: text ↦ how often it was taken for a missing value.
        unsure: a cell that may be read in two ways, and nothing in the column says how.
    """

    decimal: str = ""
    words: str = ""
    marks: Mapping[str, int] = field(default_factory=dict)
    unsure: str | None = None


def mapped(file: IO[bytes], dtype: Any, shape: tuple[int, ...]) -> Array:
    """An array in a temporary file, which disappears with the array."""
    file.truncate(np.dtype(dtype).itemsize * math.prod(shape))
    array: Array = np.memmap(file, dtype, "r+", shape=shape)
    file.close()  # the map holds it
    return array


class Pile:
    """Arrays of one type, one after the other; in a file where memory is too small.

    Arguments:
        dtype: of every array.
        on_disk: whether they are written to a file that disappears by itself.
    """

    def __init__(self, dtype: Any, on_disk: bool) -> None:
        self.dtype = np.dtype(dtype)
        self.arrays: list[Array] = []
        self.length = 0
        self.file: IO[bytes] | None = None
        if on_disk:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115 - open until mapped

    def __del__(self) -> None:
        """Gives back the file of a pile that nobody asked for as a whole."""
        if self.file is not None:
            self.file.close()

    def add(self, array: Array) -> None:
        """Puts one more array at the end."""
        array = np.ascontiguousarray(array, dtype=self.dtype)
        if self.file is None:
            self.arrays.append(array)
        else:
            self.file.write(array.data)
        self.length += len(array)

    def whole(self) -> Array:
        """All of them as one array, memory-mapped where they are in a file."""
        if self.file is not None and self.length:
            self.file.flush()
            return mapped(self.file, self.dtype, (self.length,))
        if len(self.arrays) == 1:
            return self.arrays[0]
        return np.concatenate([*self.arrays, np.empty(0, self.dtype)])


class Gathered:
    """One column, growing by its parts.

    Arguments:
        on_disk: whether its values are kept in a file.
        as_texts: whether plain numbers are to be kept as texts too.
    """

    def __init__(self, on_disk: bool = False, as_texts: bool = False) -> None:
        self.on_disk, self.as_texts = on_disk, as_texts
        self.marks: Counter[str] = Counter()
        self.values: Pile | None = None
        self.codes: Pile | None = None
        self.parts: list[list[str]] = []
        self.lengths: list[int] = []

    @property
    def mixed(self) -> bool:
        """Whether some parts are plain numbers and others are texts."""
        return self.values is not None and self.codes is not None

    def add(self, cells: Cells, numbers: Numbers | None) -> None:
        """Takes one more part; ``numbers`` are those of the cells."""
        if numbers is not None and not self.as_texts and not self.codes:
            self.marks += numbers.marks
            self.values = self.values or Pile(np.float64, self.on_disk)
            self.values.add(numbers.values)
            return
        texts = cells.texts()
        self.codes = self.codes or Pile(np.int32, self.on_disk)
        self.codes.add(texts.codes)
        self.parts.append(texts.distinct)
        self.lengths.append(len(texts))

    def whole(self) -> Array | Texts:
        """The numbers, or the texts."""
        if self.codes is not None:
            return self._texts(self.codes.whole())
        assert self.values is not None
        return self.values.whole()

    def _texts(self, codes: Array) -> Texts:
        """The texts of all parts under one numbering."""
        if len(self.parts) == 1:
            return Texts(self.parts[0], codes)
        distinct = list(dict.fromkeys(chain.from_iterable(self.parts)))
        known = dict(zip(distinct, range(len(distinct)), strict=True))
        start = 0
        for part, length in zip(self.parts, self.lengths, strict=True):
            here = slice(start, start + length)
            place = np.array([*map(known.__getitem__, part), -1], dtype=np.int32)
            codes[here] = place[codes[here]]
            start += length
        return Texts(distinct, codes)


@dataclass(frozen=True)
class Understood:
    """The columns of a table, and how each was read.

    Arguments:
        columns: name ↦ ``(N,)`` float64 with NaN, or texts.
        readings: name ↦ how it was read.
    """

    columns: dict[str, Array | Texts]
    readings: dict[str, Reading]


def understand(
    columns: Mapping[str, Array | Texts],
    marks: Mapping[str, Mapping[str, int]],
    decimals: Mapping[str, str],
    usual: str,
    *,
    sure: bool = False,
    typed: bool = False,
) -> Understood:
    """Texts that are numbers as numbers, and texts for missing values as missing.

    Arguments:
        columns: name ↦ plain numbers, or texts.
        marks: name ↦ what was taken for a missing value already.
        decimals: name ↦ the sign before decimals, where it is known.
        usual: the sign of a column that leaves it open.
        sure: whether other columns say so.
        typed: whether texts that look like plain numbers were meant as texts, as those
            of a frame.
    """
    writings = {
        name: Writing.of(text for text in column.distinct if text not in MISSING)
        for name, column in columns.items()
        if isinstance(column, Texts)
    }
    signs = {
        writing.decimal
        for writing in writings.values()
        if writing.is_numbers
        and writing.decimal
        and not writing.quarrel
        and writing.decorated
    }
    if len(signs) == 1:
        (usual,), sure = signs, True
    found: dict[str, Array | Texts] = {}
    readings = {}
    for name, column in columns.items():
        if not isinstance(column, Texts):
            found[name], readings[name] = column, Reading(marks=marks.get(name, {}))
            continue
        writing = writings[name]
        numbers = writing.is_numbers and not writing.quarrel
        numbers = numbers and bool(writing.units)
        if numbers and not (typed and not writing.decorated):
            decimal = writing.decimal or decimals.get(name, usual)
            certain = sure or name in decimals
            found[name], readings[name] = _as_numbers(column, writing, decimal, certain)
        else:
            found[name], readings[name] = _as_texts(column)
    return Understood(found, readings)


def _as_numbers(
    column: Texts, writing: Writing, decimal: str, sure: bool
) -> tuple[Array, Reading]:
    gaps = [cell for cell in column.distinct if cell in MISSING or cell in DASHES]
    values = amounts(["" if c in MISSING else c for c in column.distinct], decimal)
    marks = _counts(column, gaps)
    unsure = writing.either if writing.decimal is None and not sure else None
    signs = writing.decimal is not None or writing.either is not None
    reading = Reading(
        decimal if signs else "", writing.in_words(decimal), marks, unsure
    )
    return column.as_numbers(values), reading


def _as_texts(column: Texts) -> tuple[Texts, Reading]:
    gaps = [cell for cell in column.distinct if cell in MISSING]
    if not gaps:
        return column, Reading()
    marks = _counts(column, gaps)
    kept = column.mapped(lambda cell: None if cell in MISSING else cell)
    return kept, Reading(marks=marks)


def _counts(column: Texts, cells: Iterable[str]) -> dict[str, int]:
    wanted = set(cells)
    return {
        cell: int(column.counts[code])
        for code, cell in enumerate(column.distinct)
        if cell in wanted
    }


def points_before_thousands(column: Texts) -> bool:
    """Whether every point of a column of numbers has three digits behind it."""
    pointed = [cell for cell in column.distinct if "." in cell]
    return bool(pointed) and all(map(EITHER.fullmatch, pointed))


def refuse_quarrel(column: Texts, name: str, source: str, place: Any) -> None:
    """An error where cells are numbers each, but cannot be numbers of one kind."""
    writing = Writing.of(column.present)
    if not writing.is_numbers or writing.quarrel is None:
        return
    first, second = writing.quarrel
    rows = [column.first_row(column.distinct.index(cell)) for cell in (first, second)]
    raise DataError(
        f"{source}: column {name!r}: {first!r} at {place(rows[0])} and {second!r} at "
        f"{place(rows[1])} are not written alike: numbers of one column have the same "
        "decimal sign and unit",
        fix=f"correct it, or kinds={{{name!r}: 'categorical'}}",
    )
