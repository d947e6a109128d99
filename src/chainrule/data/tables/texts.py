"""A column of texts, each different text kept once.

Place on the road: below ``columns``. A table has far fewer different texts than cells,
so whatever asks what a text means asks once for each different one. It must not know
what the texts mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..validation import Array


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts by number, −1 where there is none.

    Arguments:
        distinct: the different texts, in the order of their first rows.
        codes: ``(N,)`` int32, the number of each row's text.

    Example:
        >>> Texts.of(["b", None, "a", "b"]).codes.tolist()
        [0, -1, 1, 0]
    """

    distinct: list[str]
    codes: Array

    @classmethod
    def of(cls, cells: Sequence[str | None]) -> Texts:
        """Cells, None where a text is missing."""
        known: dict[str | None, int] = {}
        for cell in cells:
            if cell is not None:
                known.setdefault(cell, len(known))
        numbers = [-1 if cell is None else known[cell] for cell in cells]
        return cls([text for text in known if text is not None], _codes(numbers))

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Any) -> Texts:
        """Some rows; the different texts are still those of all rows."""
        return Texts(self.distinct, self.codes[rows])

    @cached_property
    def counts(self) -> Array:
        """``(K,)``: in how many rows each text stands."""
        found: Array = np.bincount(self.codes + 1, minlength=len(self.distinct) + 1)
        return found[1:]

    @property
    def present(self) -> list[str]:
        """The different texts that stand in a row, in the order of ``distinct``."""
        return [self.distinct[code] for code in np.flatnonzero(self.counts)]

    @property
    def missing(self) -> Array:
        """``(N,)`` bool: where there is no text."""
        return np.asarray(self.codes < 0)

    def first_row(self, code: int) -> int:
        """The first row that holds a text."""
        return int(np.argmax(self.codes == code))

    def array(self) -> Array:
        """``(N,)`` objects: the text of each row, or None."""
        texts = np.array([*self.distinct, None], dtype=object)
        return np.asarray(texts[self.codes])

    def as_numbers(self, values: Sequence[float | None] | Array) -> Array:
        """``(N,)`` float64: the number given for each text, NaN where there is none."""
        numbers = np.array([*values, np.nan], dtype=np.float64)
        return np.asarray(numbers[self.codes])

    def mapped(self, change: Callable[[str], str | None]) -> Texts:
        """Every text changed; None makes it missing, and equal results become one."""
        known: dict[str, int] = {}
        places = []
        for text in self.distinct:
            new = change(text)
            places.append(-1 if new is None else known.setdefault(new, len(known)))
        if list(known) == self.distinct:
            return self
        return Texts(list(known), _codes([*places, -1])[self.codes])


def _codes(numbers: Sequence[int]) -> Array:
    return np.array(numbers, dtype=np.int32)
