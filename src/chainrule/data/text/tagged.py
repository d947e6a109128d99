"""Sentences whose words have tags, in columns: the files of the CoNLL shared tasks.

    Confidence NN B-NP
    in         IN B-PP

    A line is a word, what is known of it, and in the last column its tag; an empty line
    ends a sentence.

Place on the road: where tagged text enters, on ``reading``. It must not know what the
tags mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...wording import counted
from .reading import read_lines

#: Lines between documents.
BETWEEN = "-DOCSTART-"
#: Lines about a sentence, as in CoNLL-U.
_ABOUT = re.compile(r"# \S+ = ")


@dataclass(frozen=True)
class Sentence:
    """The words of a sentence, and what stands beside them.

    Attributes:
        words: T words.
        features: for each further column, what it says of each word.
        tags: T tags, or None where they are not known.
    """

    words: tuple[str, ...]
    features: tuple[tuple[str, ...], ...] = ()
    tags: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, values in (("features", self.features), ("tags", [self.tags])):
            for each in values:
                if each is not None and len(each) != len(self.words):
                    raise DataError(
                        f"Sentence: {counted(len(self.words), 'word')} "
                        f"({' '.join(self.words[:6])} …) and {len(each)} {name}: "
                        "expected one a word"
                    )

    def __len__(self) -> int:
        return len(self.words)


def read_tagged(
    path: str | os.PathLike[str], *, tags: bool = True, columns: int | None = None
) -> list[Sentence]:
    """Sentences in columns: a word a line, its tag in the last column.

    Columns are parted by tabs where a line has some, by blanks elsewhere. What stands
    between the word and its tag are features. Lines ``-DOCSTART-`` between documents,
    and those about a sentence (``# text = …``), are left out.

    Arguments:
        path: a text file in UTF-8, gzipped or not.
        tags: whether the last column is a tag.
        columns: how many there must be; as many as in the first line when not given.

    Raises:
        FileError, DataError: as ``read_text``, with the line of what is not UTF-8.
        DataError: a line with fewer or more columns, with its number; no column left
            for tags; no sentence.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "tagged.conll")
        ...     _ = file.write_text("She PRP B-NP\\nleft VBD B-VP\\n\\nGo VB B-VP\\n")
        ...     sentences = read_tagged(file)
        >>> sentences[0].words, sentences[0].features, sentences[1].tags
        (('She', 'left'), (('PRP', 'VBD'),), ('B-VP',))
    """
    return parse_tagged(read_lines(path), Path(path).name, tags=tags, columns=columns)


def parse_tagged(
    lines: Iterable[tuple[int, str]],
    name: str,
    *,
    tags: bool = True,
    columns: int | None = None,
) -> list[Sentence]:
    """Sentences from lines with their numbers; see ``read_tagged``.

    Arguments:
        lines: numbers and lines.
        name: of the file, for messages.
        tags, columns: as of ``read_tagged``.
    """
    found: list[Sentence] = []
    rows: list[list[str]] = []
    first = None if columns is None else (0, columns)
    for number, line in lines:
        about = not rows and _ABOUT.match(line)
        if not line.strip() or line.startswith(BETWEEN) or about:
            if rows:
                found.append(_sentence(rows, tags))
            rows = []
            continue
        cells = _cells(line)
        first = first or (number, len(cells))
        _check_columns(cells, first, f"read_tagged: {name}: line {number}", tags)
        rows.append(cells)
    if rows:
        found.append(_sentence(rows, tags))
    if not found:
        raise DataError(f"read_tagged: {name}: no sentence in it")
    return found


def _cells(line: str) -> list[str]:
    if "\t" in line:
        return [cell.strip() for cell in line.rstrip().split("\t")]
    return line.split()


def _check_columns(
    cells: Sequence[str], first: tuple[int, int], where: str, tags: bool
) -> None:
    number, count = first
    if tags and count < 2:
        raise DataError(
            f"{where}: one column, {cells[0]!r}: expected a word and its tag",
            fix="a line is: word, blank or tab, tag; an empty line ends a sentence",
        )
    if len(cells) != count or "" in cells:
        there = f"line {number} has {count}" if number else f"{count} are expected"
        missing = " and one of them empty" if "" in cells else ""
        raise DataError(
            f"{where}: {counted(len(cells), 'column')}{missing}, where {there}: "
            f"{' '.join(cells)[:40]!r}",
            fix="a word without its tag, or a word with a blank in it? Tabs between "
            "columns keep such words whole",
        )


def _sentence(rows: Sequence[Sequence[str]], tags: bool) -> Sentence:
    words, *others = (tuple(column) for column in zip(*rows, strict=True))
    said = others.pop() if tags else None
    return Sentence(words, tuple(others), said)


def written(sentences: Iterable[Sentence]) -> str:
    """Sentences in columns, as ``read_tagged`` reads them.

    Example:
        >>> print(written([Sentence(("Go",), (), ("B-VP",))]))
        Go B-VP
        <BLANKLINE>
    """
    blocks = []
    for each in sentences:
        columns = [each.words, *each.features, *([each.tags] if each.tags else [])]
        tabs = any(" " in cell for column in columns for cell in column)
        rows = zip(*columns, strict=True)
        blocks.append("".join(("\t" if tabs else " ").join(row) + "\n" for row in rows))
    return "\n".join(blocks)
