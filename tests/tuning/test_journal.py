"""Lines of finished folds: whole, in order, and none that was torn."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainrule.errors import FileError
from chainrule.tuning.journal import Journal

ENTRIES = [{"fold": 0, "error": 0.1 + 0.2}, {"fold": 1, "error": None}]


def written(path: Path) -> Journal:
    journal = Journal(path / "folds.jsonl")
    for entry in ENTRIES:
        journal.append(entry)
    return journal


def test_what_is_read_is_what_was_written_to_the_bit(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none.jsonl").read() == []
    assert written(tmp_path).read() == ENTRIES


def test_whatever_is_left_of_the_last_line_the_lines_before_it_count(
    tmp_path: Path,
) -> None:
    journal = written(tmp_path)
    whole = journal.path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        journal.path.write_bytes(whole[:length])
        assert journal.read() == ENTRIES[:1]
        journal.append(ENTRIES[1])  # on a line of its own
        assert journal.read() == ENTRIES


def test_a_damaged_line_before_the_last_is_an_error(tmp_path: Path) -> None:
    journal = written(tmp_path)
    text = journal.path.read_text().replace('{"fold": 0', '{"fo', 1)
    journal.path.write_text(text)
    with pytest.raises(FileError) as caught:
        journal.read()
    assert caught.value.what == f"{journal.path}: line 1 is damaged"
    assert caught.value.fix == "remove line 1: what it told is trained again"
