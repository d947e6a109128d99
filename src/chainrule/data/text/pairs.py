"""Pairs of texts, one to be turned into the other: two columns, parted by a tab.

    good morning	guten Morgen
    thank you	danke

Place on the road: where pairs enter, on ``reading``. It must not know what turns one
into the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ...errors import DataError
from ...wording import counted
from .reading import read_lines


class TextPair(NamedTuple):
    """A text, and what it is to become."""

    source: str
    target: str


def read_pairs(path: str | os.PathLike[str]) -> list[TextPair]:
    """The pairs of a file with a line each: source, tab, target.

    Blanks around both are left out.

    Arguments:
        path: a text file in UTF-8, gzipped or not.

    Raises:
        FileError, DataError: as ``read_text``, with the line of what is not UTF-8.
        DataError: an empty line, a line without a tab or with two, an empty side: with
            its number.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "pairs.tsv")
        ...     _ = file.write_text("good day\\tguten Tag\\nthank you\\tdanke\\n")
        ...     read_pairs(file)[1]
        TextPair(source='thank you', target='danke')
    """
    return parse_pairs(read_lines(path), Path(path).name)


def parse_pairs(lines: Iterable[tuple[int, str]], name: str) -> list[TextPair]:
    """Pairs from lines with their numbers; see ``read_pairs``.

    Arguments:
        lines: numbers and lines.
        name: of the file, for messages.
    """
    return [_pair(line, f"read_pairs: {name}: line {n}") for n, line in lines]


def _pair(line: str, where: str) -> TextPair:
    if not line.strip():
        raise DataError(
            f"{where}: an empty line: expected source, tab, target",
            fix="leave it out: grep -v '^[[:space:]]*$' removes all of them",
        )
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) == 1:
        raise DataError(
            f"{where}: no tab in {line.strip()[:40]!r}: expected source, tab, target",
            fix="one tab between the two; blanks do not part them",
        )
    if len(cells) > 2:
        raise DataError(
            f"{where}: {counted(len(cells), 'column')}: expected two, source and "
            "target",
            fix="cut -f1,2 keeps the first two columns",
        )
    if not all(cells):
        empty = "source" if not cells[0] else "target"
        raise DataError(
            f"{where}: an empty {empty}: nothing can be learned from it",
            fix=f"write its {empty}, or leave the line out",
        )
    return TextPair(*cells)
