"""Tests of word vectors that people have made: pairs that they found alike, and
analogies.

Place on the road: between files and what is measured with them.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from ...errors import DataError
from .reading import read_lines


class WordPair(NamedTuple):
    """Two words, and how alike people found them."""

    first: str
    second: str
    likeness: float


class Analogy(NamedTuple):
    """a is to b as c is to d; and which section of the test it is from."""

    a: str
    b: str
    c: str
    d: str
    section: str


def read_word_pairs(path: str | os.PathLike[str]) -> list[WordPair]:
    """Pairs of words, of a file with two words and a number on a line, parted by tabs:
    WordSim-353's and SimLex-999's form.

    Lines that begin with ``#`` are left out.

    Raises:
        FileError, DataError: as ``read_text``; and for a line of another form, with its
            number.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp(), "pairs.tsv")
        >>> _ = file.write_text("# by people\\nlove\\tsex\\t6.77\\n")
        >>> read_word_pairs(file)
        [WordPair(first='love', second='sex', likeness=6.77)]
    """
    pairs = []
    for number, line in read_lines(path):
        if line.startswith("#") or not line.strip():
            continue
        fields = line.split("\t")
        try:
            first, second, likeness = fields[0], fields[1], float(fields[2])
        except (IndexError, ValueError):
            raise DataError(
                f"read_word_pairs: {os.path.basename(path)}: line {number}: expected "
                "two words and a number, parted by tabs"
            ) from None
        pairs.append(WordPair(first.strip(), second.strip(), likeness))
    return pairs


def read_analogies(path: str | os.PathLike[str]) -> list[Analogy]:
    """Analogies, of a file with four words on a line and sections that begin with a
    line ``: name``: the form of word2vec's questions-words.txt.

    Raises:
        FileError, DataError: as ``read_text``; and for a line of another form, with its
            number.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp(), "questions.txt")
        >>> _ = file.write_text(": family\\nboy girl brother sister\\n")
        >>> read_analogies(file)[0].d
        'sister'
    """
    section, found = "", []
    for number, line in read_lines(path):
        if line.startswith(":"):
            section = line[1:].strip()
        elif line.strip():
            words = line.split()
            if len(words) != 4:
                raise DataError(
                    f"read_analogies: {os.path.basename(path)}: line {number}: "
                    f"{len(words)} words: expected four, or ': section'"
                )
            found.append(Analogy(words[0], words[1], words[2], words[3], section))
    return found
