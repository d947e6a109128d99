"""Dictionaries of pronunciations: the words of the CMU dictionary and its like.

Place on the road: where pronunciations enter, on ``reading`` and ``opening``.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ...errors import DataError, FileError
from ..opening import open_file
from .reading import LIMIT, read_lines

#: A word's pronunciation: its phonemes.
Phonemes = tuple[str, ...]

OPERATION = "read_pronunciations"
#: What stands before a word that is said in another way, too: ``READ(1)``, ``READ(2)``.
_OTHER = re.compile(r"\(\d+\)$")
#: A phoneme: letters and, of vowels, a digit for the stress.
_PHONEME = re.compile(r"[A-Z]{1,3}[0-2]?")


def read_pronunciations(
    path: str | os.PathLike[str], *, stress: bool = True
) -> dict[str, list[Phonemes]]:
    """The words of a dictionary, each with all its pronunciations in their order.

    A line is ``WORD  W ER1 D``, as CMU gives its dictionary away, or with a number
    between them, ``WORD 1 W ER1 D``, as NLTK does. Other pronunciations of a word have
    other lines, with the same word or ``WORD(1)``; lines that begin with ``;;;`` are
    notes.

    Arguments:
        path: of the text file, gzipped or not; or of a zip archive, in which it is the
            one whose name begins with ``cmudict`` and has no ending.
        stress: whether vowels keep their digit: ``ER1``. Without it, pronunciations
            that differ in nothing else are one.

    Raises:
        FileError: no such file, an archive without a dictionary, or one that is broken.
        DataError: a line that has no pronunciation, with its number.

    Source: the CMU pronouncing dictionary, Carnegie Mellon University (1993–2014).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "cmudict")
        ...     _ = file.write_text("READ 1 R EH1 D\\nREAD 2 R IY1 D\\n")
        ...     read_pronunciations(file, stress=False)
        {'READ': [('R', 'EH', 'D'), ('R', 'IY', 'D')]}
    """
    file = Path(path)
    lines: Iterable[tuple[int, str]]
    if zipfile.is_zipfile(file):
        lines = enumerate(_from_archive(file).splitlines(), start=1)
    else:
        lines = read_lines(file)
    words: dict[str, list[Phonemes]] = {}
    for number, line in lines:
        if not line.strip() or line.startswith(";;;"):
            continue
        word, *said = line.split()
        said = said[1:] if said and said[0].isdigit() else said
        wrong = next((each for each in said if not _PHONEME.fullmatch(each)), None)
        if not said or wrong:
            raise DataError(
                f"{OPERATION}: {file.name}: line {number}: "
                + (f"{wrong!r} is no phoneme" if wrong else f"{word!r} has no phonemes")
                + ": expected a word and how it is said",
                fix="a line is: WORD  W ER1 D",
            )
        if not stress:
            said = [each.rstrip("012") for each in said]
        known = words.setdefault(_OTHER.sub("", word), [])
        if tuple(said) not in known:
            known.append(tuple(said))
    if not words:
        raise DataError(f"{OPERATION}: {file.name}: no word in it")
    return words


def _from_archive(file: Path) -> str:
    """The dictionary inside a zip archive."""
    with open_file(file, OPERATION) as opened:
        content = io.BytesIO(opened.read(LIMIT))
    try:
        with zipfile.ZipFile(content) as archive:
            found = [
                each for each in archive.infolist()
                if re.fullmatch(r"(.*/)?cmudict[^/.]*", each.filename)
            ]  # fmt: skip
            if not found or found[0].file_size > LIMIT:
                raise FileError(
                    f"{OPERATION}: {file.name}: no file cmudict in this archive",
                    fix="the archive of NLTK, or the dictionary itself as a text file",
                )
            return archive.read(found[0]).decode("latin-1")
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise FileError(
            f"{OPERATION}: {file.name}: a broken archive: {error}"
        ) from None
