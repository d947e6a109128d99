"""The cells of a column as they stand in a file: plain numbers at once, other texts by
number. What the texts mean is not looked at here.

Place on the road: between the readers of files and ``columns``. Python's cells and
Arrow's (``arrow_files``) answer the same two questions in the same way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..validation import Array
from .texts import Texts

#: What counts as a missing value in a text, besides nothing at all.
MISSING = frozenset(
    [
        "", "?", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "-nan", "null", "NULL",
        "Null", "None", "<NA>", "#N/A", "#NA", "#N/A N/A",
    ]
)  # fmt: skip

#: The signs of plain numbers; whatever else stands in a cell has to be understood.
SIGNS = b"0123456789+-.eE"
CODES = re.compile(r"(?:^|\n)[+-]?0\d+(?:\n|$)")


@dataclass(frozen=True)
class Numbers:
    """Plain numbers, NaN where a cell is empty or stands for a missing value.

    Arguments:
        values: ``(N,)`` float64.
        marks: text ↦ how often it stands for a missing value.
    """

    values: Array
    marks: Counter[str]


class Cells(Protocol):
    """The cells of a column, or of a part of it."""

    def __len__(self) -> int:
        """How many cells."""

    def numbers(self) -> Numbers | None:
        """The cells as numbers, where every one is a plain number or missing."""

    def texts(self) -> Texts:
        """The cells without blanks around them; empty ones are missing."""


@dataclass(frozen=True)
class PythonCells:
    """Cells in Python's memory.

    Example:
        >>> PythonCells(("1", "", "2e3")).numbers().values.tolist()
        [1.0, nan, 2000.0]
        >>> PythonCells(("1", "$2")).numbers() is None
        True
    """

    cells: Sequence[str]

    def __len__(self) -> int:
        return len(self.cells)

    def numbers(self) -> Numbers | None:
        """The cells as numbers, where every one is a plain number or missing."""
        if hopeless(self.cells[:20]):
            return None
        cells, marks = self.cells, Counter[str]()
        text = "\n".join(cells)
        if not _is_plain(text):
            cells = [cell.strip() for cell in cells]
            marks = Counter(cell for cell in cells if cell in MISSING and cell)
            if marks:
                cells = ["" if cell in MISSING else cell for cell in cells]
            text = "\n".join(cells)
            if not _is_plain(text):
                return None
        if CODES.search(text):
            return None
        if "" in cells:
            cells = [cell or "nan" for cell in cells]
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            return None
        return Numbers(values, marks)

    def texts(self) -> Texts:
        """The cells without blanks around them; empty ones are missing."""
        distinct = dict.fromkeys(self.cells)
        known: dict[str, int] = {}
        place: dict[str, int] = {}
        for cell in distinct:
            text = cell.strip()
            place[cell] = known.setdefault(text, len(known)) if text else -1
        numbers = map(place.__getitem__, self.cells)
        codes = np.fromiter(numbers, np.int32, len(self.cells))
        return Texts(list(known), codes)


def hopeless(cells: Iterable[str | None]) -> bool:
    """Whether a few cells already show that a column is not one of plain numbers."""
    for cell in cells:
        if cell is not None and (text := cell.strip()) not in MISSING:
            try:
                float(text)
            except ValueError:
                return True
    return False


def _is_plain(text: str) -> bool:
    return text.isascii() and not text.encode().translate(None, SIGNS + b"\n")
