"""Values of any type, of frames, dictionaries and files that have types, as numbers or
texts.

Place on the road: below ``columns``. It must not know where the values came from.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DataError
from ..validation import Array
from .arrow_files import ArrowCells
from .cells import MISSING, Numbers, PythonCells
from .texts import Texts


@dataclass(frozen=True)
class TypedCells:
    """Cells that are numbers or texts by their type: a text "7" stays a text."""

    stored: Array | Texts

    @classmethod
    def of(cls, column: Any, what: str) -> TypedCells:
        """The cells of a NumPy array or ``ArrowCells``."""
        if isinstance(column, ArrowCells):
            return cls(column.texts())
        return cls(from_array(column, what))

    def __len__(self) -> int:
        return len(self.stored)

    def numbers(self) -> Numbers | None:
        """The cells as numbers, if that is what they are."""
        if isinstance(self.stored, Texts):
            return None
        return Numbers(self.stored, Counter())

    def texts(self) -> Texts:
        """The cells as texts."""
        if isinstance(self.stored, Texts):
            return self.stored
        return as_texts(self.stored)


def from_array(array: Array, what: str) -> Array | Texts:
    """A column of any type of values as numbers or texts.

    Raises:
        DataError: it holds other things than numbers, texts, dates and booleans.
    """
    if array.ndim != 1:
        raise DataError(f"{what} {array.shape}: expected one value per row")
    kind = array.dtype.kind
    if kind in "iuf":
        return array.astype(np.float64)
    if kind == "m":
        seconds = array.astype("timedelta64[us]").astype(np.float64) / 1e6
        return np.where(np.isnat(array), np.nan, seconds)
    if kind == "b":
        return Texts(["False", "True"], array.astype(np.int32))
    if kind not in "OUTM":
        raise DataError(f"{what}: dtype {array.dtype}: expected numbers or texts")
    if kind == "M":
        moments, codes = np.unique(array.astype("datetime64[us]"), return_inverse=True)
        cells = [_plain_cell(moment, what) for moment in moments.tolist()]
        texts = Texts.of([None if cell is None else str(cell) for cell in cells])
        return Texts(texts.distinct, texts.codes[codes])
    listed = array.tolist()
    kinds = set(map(type, listed))
    if str in kinds and kinds <= {str, type(None)}:
        return PythonCells([cell or "" for cell in listed]).texts()
    cells = [_plain_cell(cell, what) for cell in listed]
    if all(cell is None or isinstance(cell, float) for cell in cells):
        return np.array(cells, dtype=np.float64)
    return Texts.of([number_text(c) if isinstance(c, float) else c for c in cells])


def _plain_cell(cell: object, what: str) -> str | float | None:
    """A cell as a float, a text, or None where it is missing."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(cell, str):
        return None if (text := cell.strip()) in MISSING else text
    if isinstance(cell, (bool, np.bool_)):
        return str(bool(cell))
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


def number_text(number: float) -> str:
    """``3`` for 3.0, so that a category has one name in every format of file."""
    return str(int(number)) if number.is_integer() else repr(number)


def as_texts(column: Array | Texts) -> Texts:
    """A column as texts, whole numbers without ``.0``."""
    if isinstance(column, Texts):
        return column
    values, codes = np.unique(column, return_inverse=True)
    missing = np.isnan(values)
    texts = [number_text(value) for value in values[~missing].tolist()]
    return Texts(texts, np.where(codes < len(texts), codes, -1).astype(np.int32))
