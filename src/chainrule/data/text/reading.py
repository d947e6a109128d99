"""Text files: one strict reader for all that learns from text.

Place on the road: where a text enters. UTF-8 and nothing else, because a guess that is
wrong puts letters into a text that nobody wrote. It must not know what a text is for.
"""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from ...errors import DataError, FileError
from ..opening import open_file, other_format, unpacking

OPERATION = "read_text"

#: The largest file that is read when nothing else is asked for, in bytes: 1 GiB.
LIMIT = 1 << 30


def read_text(path: str | os.PathLike[str], *, limit: int = LIMIT) -> str:
    """A text file, as one text.

    It is UTF-8, with or without a byte-order mark, gzipped or not. An end of line is
    ``\\n`` in the result, also where the file has ``\\r\\n`` or ``\\r``.

    Arguments:
        path: of the file.
        limit: how many bytes are read at most.

    Raises:
        FileError: no such file; one that is no text, or longer than ``limit``.
        DataError: nothing but blanks in it; bytes that are not UTF-8, with their line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "poem.txt")
        ...     _ = file.write_bytes("\\ufeffÆsop\\r\\nand Co.\\n".encode())
        ...     read_text(file)
        'Æsop\\nand Co.\\n'
    """
    file = Path(path)
    with open_file(file, OPERATION) as opened, unpacking(file.name):
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise FileError(
            f"{OPERATION}: {file.name}: more than {limit} bytes: a text is held in "
            "memory as a whole",
            fix="a part of the file, or limit=… for more",
        )
    _refuse_what_is_no_text(content, file.name)
    text = _decoded(content.removeprefix(codecs.BOM_UTF8), file.name)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{OPERATION}: {file.name}: an empty file: no text to read")
    return text


def read_lines(
    path: str | os.PathLike[str], *, limit: int = LIMIT
) -> list[tuple[int, str]]:
    """The lines of a text file with their numbers from 1, without ends of lines.

    Blank lines are there too, as empty texts: in some files they mean something.

    Arguments:
        path, limit: as of ``read_text``, whose errors it raises.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "words.txt")
        ...     _ = file.write_text("one\\n\\nthree\\n")
        ...     read_lines(file)
        [(1, 'one'), (2, ''), (3, 'three')]
    """
    text = read_text(path, limit=limit)
    return list(enumerate(text.removesuffix("\n").split("\n"), start=1))


def _refuse_what_is_no_text(content: bytes, name: str) -> None:
    kind = other_format(content)
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise FileError(
            f"{OPERATION}: {name}: UTF-16 text: expected UTF-8",
            fix=f"iconv -f UTF-16 -t UTF-8 {name}, or save it as UTF-8 in an editor",
        )
    if kind is not None or b"\0" in content:
        raise FileError(
            f"{OPERATION}: {name}: this is {kind or 'binary data'}: expected a text",
            fix="save its text as a file of its own, in UTF-8",
        )


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        wrong = content[error.start : error.end].hex(" ").upper()
        raise DataError(
            f"{OPERATION}: {name}: line {before.count(10) + 1}: byte {wrong} at place "
            f"{error.start + 1} of the file is not UTF-8",
            fix=f"iconv -f WINDOWS-1252 -t UTF-8 {name}, if it is Western text from "
            "Windows; or save it as UTF-8 in an editor",
        ) from None
