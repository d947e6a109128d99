"""Sentences in columns: what is read, and what is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainrule import data
from chainrule.data.text.tagged import written
from chainrule.errors import DataError

TEXT = """-DOCSTART- -X- O

# sent_id = 1
She PRP B-NP
left VBD B-VP

# # O
"""


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "tagged.conll"
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(raw)
    return path


def test_a_file_is_sentences_of_words_features_and_tags(tmp_path: Path) -> None:
    first, second = data.read_tagged(file(tmp_path, TEXT))
    assert first.words == ("She", "left") and first.tags == ("B-NP", "B-VP")
    assert first.features == (("PRP", "VBD"),)
    assert second.words == ("#",) and len(second) == 1


def test_tabs_keep_words_with_blanks(tmp_path: Path) -> None:
    (only,) = data.read_tagged(file(tmp_path, "New York\tB-LOC\r\n"))
    assert only.words == ("New York",)
    assert data.read_tagged(file(tmp_path, written([only]))) == [only]


def test_without_tags_the_last_column_is_a_feature(tmp_path: Path) -> None:
    sentences = data.read_tagged(file(tmp_path, "a X\nb Y\n\n\n\nc Z\n"), tags=False)
    assert [each.features for each in sentences] == [(("X", "Y"),), (("Z",),)]
    assert sentences[0].tags is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a B-X\nb\n", "read_tagged: tagged.conll: line 2: 1 column, where line 1 has "
         "2: 'b'"),
        ("a B-X\nb c B-X\n", "read_tagged: tagged.conll: line 2: 3 columns, where line "
         "1 has 2: 'b c B-X'"),
        ("a\tB-X\nb\t\tO\n", "read_tagged: tagged.conll: line 2: 3 columns and one of "
         "them empty, where line 1 has 2: 'b  O'"),
        ("\n\na\n", "read_tagged: tagged.conll: line 3: one column, 'a': expected a "
         "word and its tag"),
        ("-DOCSTART-\n\n", "read_tagged: tagged.conll: no sentence in it"),
        (b"a O\n\xff O\n", "read_text: tagged.conll: line 2: byte FF at place 5 of the "
         "file is not UTF-8"),
    ],
)  # fmt: skip
def test_wrong_lines_are_named(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        data.read_tagged(file(tmp_path, content))
    assert str(caught.value).splitlines()[0] == message


def test_as_many_columns_as_a_model_knows_can_be_asked_for(tmp_path: Path) -> None:
    path = file(tmp_path, "a X O\n")
    with pytest.raises(DataError, match=r"line 1: 3 columns, where 2 are expected"):
        data.read_tagged(path, columns=2)


def test_tags_that_do_not_match_words_are_named() -> None:
    with pytest.raises(DataError) as caught:
        data.Sentence(("a", "b"), tags=("O",))
    message = "Sentence: 2 words (a b …) and 1 tags: expected one a word"
    assert str(caught.value).splitlines()[0] == message
