"""Files of word vectors, as word2vec, fastText and GloVe write them.

Place on the road: between files and arrays. It must not know what the vectors are for.

Both forms begin with a line ``V D``, how many words there are and how many numbers
each has; GloVe's text form has no such line. Then, for each word,

- text: the word and D numbers, separated by blanks, on a line;
- binary: the word, a blank, and D little-endian float32, with or without an end of
  line behind them.

What the first line says is believed only as far as the file is long.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...errors import ArgumentError, DataError, FileError
from ...saving import checked_place, replace_file
from ..opening import open_file, unpacking
from ..validation import Array

OPERATION = "read_vectors"
#: The largest file that is read when nothing else is asked for, in bytes: 8 GiB.
LIMIT = 1 << 33
#: No word is longer, in bytes.
LONGEST = 1 << 10


def read_vectors(
    path: str | os.PathLike[str],
    *,
    binary: bool | None = None,
    limit: int = LIMIT,
) -> tuple[list[str], Array]:
    """The words of a file, and their vectors, (V, D) float32.

    Arguments:
        path: of the file, gzipped or not.
        binary: which form it has; when not given, binary where its name ends in
            ``.bin`` or ``.bin.gz``.
        limit: how many bytes are read at most.

    Raises:
        FileError: no such file; one that is longer than ``limit``.
        DataError: a file that is not of this form, with the line or the word's number.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "two.txt")
        ...     _ = file.write_text("2 3\\none 1 0 0\\ntwo 0 1 0.5\\n")
        ...     read_vectors(file)
        (['one', 'two'], array([[1. , 0. , 0. ],
               [0. , 1. , 0.5]], dtype=float32))
    """
    file = Path(path)
    with open_file(file, OPERATION) as opened, unpacking(file.name):
        content = opened.read(limit + 1)
    where = f"{OPERATION}: {file.name}"
    if len(content) > limit:
        raise FileError(
            f"{where}: more than {limit} bytes: vectors are held in memory",
            fix="fewer words: the first lines of the file; or limit=…",
        )
    if binary is None:
        binary = file.name.removesuffix(".gz").endswith(".bin")
    if binary:
        words, vectors = _binary(where, content)
    else:
        words, vectors = _text(where, content)
    _check(where, words, vectors, "word" if binary else "vector")
    return words, vectors


def write_vectors(
    path: str | os.PathLike[str],
    words: Sequence[str],
    vectors: Array,
    *,
    binary: bool | None = None,
) -> None:
    """Writes words and their vectors, (V, D), so that every number is read back.

    Arguments:
        path: of the file; one that exists is replaced.
        words, vectors: as many words as rows.
        binary: the form; when not given, binary where the name ends in ``.bin``.

    Raises:
        ArgumentError: a word that is empty or has a blank in it.
        FileError: when it cannot be written.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "one.vec")
        >>> write_vectors(file, ["half"], np.float32([[0.5, 0.0]]))
        >>> file.read_text()
        '1 2\\nhalf 0.5 0\\n'
    """
    wrong = next((word for word in words if len(word.split()) != 1), None)
    if wrong is not None or any(word != word.strip() for word in words):
        raise ArgumentError(
            f"write_vectors: the word {wrong!r}: a blank parts words in such a file",
            fix="'new_york' for 'new york'",
        )
    if binary is None:
        binary = Path(path).name.endswith(".bin")
    rows = np.ascontiguousarray(vectors, "<f4")
    replace_file(checked_place(path), _lines(words, rows, binary))


def _lines(words: Sequence[str], rows: Array, binary: bool) -> Iterator[bytes]:
    yield f"{len(words)} {rows.shape[1]}\n".encode()
    for word, row in zip(words, rows, strict=True):
        if binary:
            yield word.encode() + b" " + row.tobytes() + b"\n"
        else:
            yield f"{word} {' '.join(f'{x:.9g}' for x in row.tolist())}\n".encode()


def _counts(where: str, line: bytes) -> tuple[int, int] | None:
    """V and D of a first line; None where it is no such line."""
    fields = line.split()
    if len(fields) != 2 or not all(f.isdigit() and len(f) < 16 for f in fields):
        return None
    words, size = int(fields[0]), int(fields[1])
    if words < 1 or size < 1:
        raise DataError(
            f"{where}: line 1: {words} words of {size} numbers: expected at least one"
        )
    return words, size


def _too_short(where: str, words: int, size: int, length: int) -> DataError:
    return DataError(
        f"{where}: line 1 says {words} words of {size} numbers, more than {length} "
        "bytes can hold: the file is truncated, or not of this form",
        fix="binary=True or binary=False says which form it has",
    )


def _binary(where: str, content: bytes) -> tuple[list[str], Array]:
    end = content.find(b"\n", 0, 64)
    counts = _counts(where, content[: max(end, 0)])
    if counts is None:
        raise DataError(
            f"{where}: no first line 'words numbers': not word2vec's binary form",
            fix="binary=False for the text form",
        )
    count, size = counts
    if count * (4 * size + 2) > len(content) - end - 1:
        raise _too_short(where, count, size, len(content))
    words: list[str] = []
    vectors, place = np.empty((count, size), np.float32), end + 1
    for n in range(count):
        place += content[place : place + 1] == b"\n"
        blank = content.find(b" ", place, place + LONGEST)
        if blank < 0 or blank + 1 + 4 * size > len(content):
            raise DataError(
                f"{where}: word {n + 1} of {count}: the file ends in it, or it is no "
                "word: truncated, or another number of dimensions than line 1 says"
            )
        words.append(_word(f"{where}: word {n + 1}", content[place:blank]))
        vectors[n] = np.frombuffer(content, "<f4", size, blank + 1)
        place = blank + 1 + 4 * size
    if content[place:].strip():
        raise DataError(
            f"{where}: {len(content) - place} bytes behind the last of {count} words: "
            "line 1 has another number"
        )
    return words, vectors


def _text(where: str, content: bytes) -> tuple[list[str], Array]:
    lines = content.removesuffix(b"\n").split(b"\n")
    counts, first = _counts(where, lines[0]), 1
    if counts is None:  # GloVe's: no such line
        counts, first = (len(lines), len(lines[0].split()) - 1), 0
        if counts[1] < 1:
            raise DataError(
                f"{where}: line 1: expected 'words numbers', or a word and its numbers"
            )
    count, size = counts
    if count * (2 * size + 1) > len(content):
        raise _too_short(where, count, size, len(content))
    if len(lines) - first != count:
        raise DataError(
            f"{where}: {len(lines) - first} lines of words: line 1 says {count}"
        )
    words: list[str] = []
    vectors = np.empty((count, size), np.float32)
    for n, line in enumerate(lines[first:]):
        at = f"{where}: line {n + 1 + first}"
        word, *fields = line.rstrip().rsplit(b" ", size)
        try:
            vectors[n] = np.array(fields, np.float32) if len(fields) == size else []
        except ValueError:
            raise DataError(
                f"{at}: expected a word and {size} numbers, parted by single blanks"
            ) from None
        words.append(_word(at, word))
    return words, vectors


def _word(at: str, word: bytes) -> str:
    try:
        text = word.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = word[error.start : error.end].hex(" ").upper()
        raise DataError(
            f"{at}: byte {wrong} of the word is not UTF-8",
            fix="a file of another encoding, or a binary file read as text",
        ) from None
    if not text.strip():
        raise DataError(f"{at}: the word is empty")
    return text


def _check(where: str, words: list[str], vectors: Array, unit: str) -> None:
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        n = int(np.argmin(finite))
        raise DataError(
            f"{where}: {unit} {n + 1}, {words[n]!r}: numbers that are not finite"
        )
    if len(set(words)) != len(words):
        seen: set[str] = set()
        twice = next(word for word in words if word in seen or seen.add(word))  # type: ignore[func-returns-value]
        raise DataError(f"{where}: the word {twice!r} is there twice")
