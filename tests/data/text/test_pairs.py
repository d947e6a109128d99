"""Pairs of texts, dictionaries of pronunciations, and rates of errors."""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chainrule import data
from chainrule.errors import ArgumentError, DataError, FileError


def written(folder: Path, text: str | bytes, name: str = "pairs.tsv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_pairs_are_read_without_the_blanks_around_them(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffgood morning \t guten Morgen\r\nÆ\tæ")
    assert data.read_pairs(path) == [("good morning", "guten Morgen"), ("Æ", "æ")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a\tb\n\nc\td\n",
            "read_pairs: pairs.tsv: line 2: an empty line: expected source, tab, "
            "target\n  fix        leave it out: grep -v '^[[:space:]]*$' removes all",
        ),
        (
            "a\tb\nc d\n",
            "read_pairs: pairs.tsv: line 2: no tab in 'c d': expected source, tab, "
            "target\n  fix        one tab between the two; blanks do not part them",
        ),
        (
            "a\tb\tc\n",
            "read_pairs: pairs.tsv: line 1: 3 columns: expected two, source and "
            "target\n  fix        cut -f1,2 keeps the first two columns",
        ),
        ("a\tb\n \td\n", "read_pairs: pairs.tsv: line 2: an empty source: nothing can"),
        ("a\tb\nc\t\n", "read_pairs: pairs.tsv: line 2: an empty target: nothing can"),
        (b"a\tb\nc\t\xff\n", "read_text: pairs.tsv: line 2: byte FF at place 7 of the"),
        ("", "read_text: pairs.tsv: an empty file: no text to read"),
    ],
)
def test_lines_that_are_no_pair_are_named_with_their_number(
    tmp_path: Path, text: Any, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        data.read_pairs(written(tmp_path, text))
    for part in message.split("\n"):
        assert part in str(caught.value)


# Pronunciations. ----------------------------------------------------------------------

NLTK = "READ 1 R EH1 D\nREAD 2 R IY1 D\nSAY 1 S EY1\n"
CMU = ";;; a note\nREAD  R EH1 D\nREAD(1)  R IY1 D\n\nSAY  S EY1\n"


@pytest.mark.parametrize("text", [NLTK, CMU])
def test_both_forms_of_the_dictionary_are_the_same_words(
    tmp_path: Path, text: str
) -> None:
    path = written(tmp_path, text, "cmudict")
    wanted = {"READ": [("R", "EH1", "D"), ("R", "IY1", "D")], "SAY": [("S", "EY1")]}
    assert data.read_pronunciations(path) == wanted
    archive = tmp_path / "cmudict.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("cmudict/README", "notes")
        packed.writestr("cmudict/cmudict", text)
    assert data.read_pronunciations(archive) == wanted


def test_pronunciations_that_differ_in_stress_alone_are_one_without_it(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "A 1 AH0\nA 2 AH1\nA 3 EY1\n", "cmudict")
    assert data.read_pronunciations(path, stress=False) == {"A": [("AH",), ("EY",)]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A  AH0\nB\n", "line 2: 'B' has no phonemes: expected a word and how it is"),
        ("A  AH0\nB 1\n", "line 2: 'B' has no phonemes: expected a word and how it is"),
        ("A  AH7\n", "line 1: 'AH7' is no phoneme: expected a word and how it is said"),
        (";;; nothing\n", "read_pronunciations: cmudict: no word in it"),
    ],
)
def test_lines_that_say_nothing_are_named(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        data.read_pronunciations(written(tmp_path, text, "cmudict"))
    assert message in str(caught.value)


def test_other_archives_and_missing_files_are_named(tmp_path: Path) -> None:
    archive = tmp_path / "other.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("words.txt", "A 1 AH0\n")
    with pytest.raises(FileError, match=r"other\.zip: no file cmudict in this archive"):
        data.read_pronunciations(archive)
    with pytest.raises(FileError, match="no such file"):
        data.read_pronunciations(tmp_path / "none.zip")


# Errors. ------------------------------------------------------------------------------


def slowly(a: str, b: str) -> int:
    """The edit distance by its definition."""
    if not a or not b:
        return len(a) + len(b)
    same = slowly(a[1:], b[1:]) + (a[0] != b[0])
    return min(same, slowly(a[1:], b) + 1, slowly(a, b[1:]) + 1)


def test_the_edit_distance_is_its_definition() -> None:
    words = ["".join(w) for n in range(4) for w in itertools.product("ab", repeat=n)]
    for a, b in itertools.product(words, words):
        assert data.edit_distance(a, b) == slowly(a, b)


def test_rates_count_whole_sequences_and_edits_for_the_nearest_reference() -> None:
    found = [["A", "B"], ["C"], []]
    references = [[["A", "B"]], [["C", "D"], ["X", "Y", "Z"]], [["E", "F", "G"]]]
    sequences, tokens = data.error_rates(found, references)
    assert sequences == pytest.approx(2 / 3)
    assert tokens == pytest.approx((0 + 1 + 3) / (2 + 2 + 3))


@pytest.mark.parametrize(
    ("found", "references", "message"),
    [
        ([], [], "error_rates: 0 sequences and references of 0: expected a list of"),
        (["a"], [["a"], ["b"]], "error_rates: 1 sequence and references of 2: expect"),
        (["a"], [[]], "error_rates: references of sequence 0: []: expected a list of"),
        (
            ["a"],
            ["a"],
            "error_rates: references of sequence 0: 'a': expected a list of",
        ),
        (["a"], [[""]], "error_rates: all references are empty"),
    ],
)
def test_rates_of_nothing_are_errors(found: Any, references: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        data.error_rates(found, references)
    assert message in str(caught.value)
