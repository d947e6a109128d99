"""Text files: what is read, and what is said of a file that is none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from chainrule import data
from chainrule.errors import DataError, FileError


def written(folder: Path, content: bytes, name: str = "book.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"one\ntwo\n",
        b"one\r\ntwo\r\n",
        b"one\rtwo\r",
        b"\xef\xbb\xbfone\ntwo\n",
        gzip.compress(b"one\ntwo\n", mtime=0),
    ],
    ids=["plain", "windows", "old mac", "byte-order mark", "gzip"],
)
def test_one_text_is_read_however_it_is_written(tmp_path: Path, content: bytes) -> None:
    assert data.read_text(written(tmp_path, content)) == "one\ntwo\n"


def test_lines_have_the_numbers_that_an_editor_shows(tmp_path: Path) -> None:
    path = written(tmp_path, "a\r\n\r\n\u2028b\n".encode())
    assert data.read_lines(path) == [(1, "a"), (2, ""), (3, "\u2028b")]


MESSAGES = {
    b"": (DataError, "read_text: book.txt: an empty file: no text to read"),
    b" \n\t\n": (DataError, "read_text: book.txt: an empty file: no text to read"),
    b"caf\xc3\xa9\r\ncaf\xe9\r\n": (
        DataError,
        "read_text: book.txt: line 2: byte E9 at place 11 of the file is not UTF-8\n"
        "  fix        iconv -f WINDOWS-1252 -t UTF-8 book.txt, if it is Western text "
        "from Windows; or save it as UTF-8 in an editor",
    ),
    b"ends in the middle: \xe2\x82": (
        DataError,
        "read_text: book.txt: line 1: byte E2 82 at place 21 of the file is not UTF-8",
    ),
    "text".encode("utf-16"): (
        FileError,
        "read_text: book.txt: UTF-16 text: expected UTF-8\n"
        "  fix        iconv -f UTF-16 -t UTF-8 book.txt, or save it as UTF-8 in an "
        "editor",
    ),
    b"%PDF-1.7": (
        FileError,
        "read_text: book.txt: this is a PDF document: expected a text\n"
        "  fix        save its text as a file of its own, in UTF-8",
    ),
    b"a\0b": (
        FileError,
        "read_text: book.txt: this is binary data: expected a text\n"
        "  fix        save its text as a file of its own, in UTF-8",
    ),
    gzip.compress(b"text", mtime=0)[:-5]: (
        FileError,
        "book.txt: a damaged gzip file: Compressed file ended before the "
        "end-of-stream marker was reached",
    ),
}


@pytest.mark.parametrize("content", MESSAGES, ids=lambda content: repr(content[:12]))
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes) -> None:
    kind, message = MESSAGES[content]
    with pytest.raises(kind) as caught:
        data.read_text(written(tmp_path, content))
    said = "\n".join(
        line for line in str(caught.value).splitlines() if "called at" not in line
    )
    assert said.startswith(message)


def test_a_missing_file_is_named_with_the_one_that_is_meant(tmp_path: Path) -> None:
    path = written(tmp_path, b"text")
    with pytest.raises(FileError, match="no such file") as caught:
        data.read_text(tmp_path / "bok.txt")
    assert f"did you mean {str(path)!r}?" in str(caught.value)


def test_a_text_that_is_too_long_is_refused_before_it_is_understood(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, b"\xff" * 11)
    with pytest.raises(FileError, match=r"book\.txt: more than 10 bytes: a text is"):
        data.read_text(path, limit=10)
    assert data.read_text(written(tmp_path, b"a" * 10), limit=10) == "a" * 10
