"""Tokenizers: what goes in comes back, and what is no token is named."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import data
from chainrule.data.text import byte_pairs
from chainrule.errors import (
    ArgumentError,
    DataError,
    MissingPackageError,
    OptionError,
)

TEXT = "To be, or not to be:\nthat is the question. To be, to see – né 日本 🐌!\n"
PAIRS = data.BytePairs.fit(TEXT * 3, 300, special=["pad", "end"])
KINDS = [
    data.Characters.fit(TEXT),
    data.Characters.fit(TEXT, special=["end", "pad", "unknown"]),
    data.Bytes(),
    data.Bytes(["begin"]),
    data.Words.fit(TEXT),
    data.Words.fit(TEXT, 8, special=["pad", "unknown"], lower=True),
    data.Words.fit(TEXT, split="blanks"),
    PAIRS,
]
each_kind = pytest.mark.parametrize("tokenizer", KINDS, ids=repr)


@each_kind
def test_a_tokenizer_comes_back_from_json(tokenizer: data.Tokenizer) -> None:
    written = json.dumps(tokenizer.to_json())
    again = data.tokenizer_from_json(json.loads(written))
    assert type(again) is type(tokenizer) and again == tokenizer
    assert again.tokens == tokenizer.tokens and hash(again) == hash(tokenizer)
    np.testing.assert_array_equal(again.encode(TEXT), tokenizer.encode(TEXT))


@each_kind
def test_special_tokens_have_the_first_numbers_and_no_text(
    tokenizer: data.Tokenizer,
) -> None:
    count = len(tokenizer.special)
    shown = tuple(f"<{name}>" for name in tokenizer.special)
    assert tokenizer.tokens[:count] == shown
    assert len(tokenizer) == len(tokenizer.tokens)
    ids = tokenizer.encode(TEXT)
    used = set(ids.tolist()) & set(range(count))
    assert used <= {tokenizer.special.index("unknown")} if used else True
    for name in set(tokenizer.special) - {"unknown"}:
        number = getattr(tokenizer, name)
        assert tokenizer.decode([number, *ids, number]) == tokenizer.decode(ids)


@each_kind
def test_a_stream_of_pieces_is_the_whole_text(tokenizer: data.Tokenizer) -> None:
    ids = tokenizer.encode(TEXT)
    pieces = list(tokenizer.decode_stream(iter(ids)))
    assert "".join(pieces) == tokenizer.decode(ids)
    assert len(pieces) > 5 and "" not in pieces


@pytest.mark.parametrize("tokenizer", [data.Bytes(), PAIRS], ids=repr)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_bytes_give_back_every_text(tokenizer: data.Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert "".join(tokenizer.decode_stream(tokenizer.encode(text))) == text


def test_what_are_no_characters_streams_as_it_is_decoded() -> None:
    ids = np.random.default_rng(0).integers(0, 256, 400)
    tokenizer = data.Bytes()
    assert "".join(tokenizer.decode_stream(ids)) == tokenizer.decode(ids)


@pytest.mark.parametrize(
    "text", ["", "<pad>", "<unknown><end>"], ids=["nothing", "pad", "two"]
)
def test_no_text_is_read_as_a_special_token(text: str) -> None:
    letters = data.Characters.fit("<unkowpade>", special=["pad", "end"])
    assert letters.decode(letters.encode(text)) == text
    assert not len(text) or letters.encode(text).min() >= 2
    words = data.Words(["<pad>"], ["pad", "unknown"], split="blanks")
    assert words.encode("<pad> <unknown>").tolist() == [2, 1]


# Words. ------------------------------------------------------------------------------


def test_words_are_cut_as_people_write_them() -> None:
    words = data.Words([])
    text = "Don't go (3.14 or well-known); 10:30?\n\n“Ja”, said  she."
    shown = "Don't go ( 3.14 or well-known ) ; 10:30 ? \n \n “ Ja ” , said she ."
    assert "_".join(words.cut(text)) == shown.replace(" ", "_")
    fitted = data.Words.fit(text)
    assert fitted.decode(fitted.encode(text)) == text.replace("  ", " ")


def test_words_split_at_blanks_are_left_as_they_are() -> None:
    phonemes = data.Words.fit("HH AH0 L OW1", split="blanks", special=[])
    assert phonemes.tokens == ("AH0", "HH", "L", "OW1")
    assert phonemes.decode(phonemes.encode(" HH  OW1 ")) == "HH OW1"


def test_rare_words_are_unknown_and_frequent_ones_come_first() -> None:
    words = data.Words.fit(["b b a", "c c b a d"], min_count=2)
    assert words.tokens == ("<unknown>", "b", "a", "c")
    assert words.numbers(["d", "a"]).tolist() == [0, 2]
    assert data.Words.fit("b b a c", 3).tokens == ("<unknown>", "b", "a")


# Byte pairs. -------------------------------------------------------------------------


def test_byte_pairs_are_those_of_the_library() -> None:
    found = PAIRS._cutter.get_vocab()
    assert found == PAIRS._vocabulary
    level = byte_pairs._library().pre_tokenizers.ByteLevel
    assert set(level.alphabet()) == set(byte_pairs.LETTERS)
    assert data.BytePairs.fit(TEXT * 3, 300, special=["pad", "end"]) == PAIRS


def test_a_long_text_is_cut_in_parts_as_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = TEXT * 20
    whole = PAIRS.encode(text)
    monkeypatch.setattr(byte_pairs, "PIECE", 50)
    monkeypatch.setattr(byte_pairs, "PIECES", 3)
    assert len(list(byte_pairs._parts(text))) > 10
    np.testing.assert_array_equal(PAIRS.encode(text), whole)


def test_without_the_package_byte_pairs_say_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    pairs = data.BytePairs([["l", "o"]])
    assert pairs.decode([256]) == "lo"
    with pytest.raises(MissingPackageError) as caught:
        pairs.encode("lo")
    assert "BytePairs needs the package 'tokenizers', which is not" in str(caught.value)
    assert "pip install 'chainrule[text]'" in str(caught.value)


# Errors. -----------------------------------------------------------------------------

ABC = data.Characters("abc")
WRONG: list[tuple[Any, type[Exception], str]] = [
    (
        lambda: ABC.encode("ab\ncabé"),
        DataError,
        "Characters: '\\n' at line 1, place 3: it is not among the 3 characters",
    ),
    (
        lambda: data.Characters("abc\n").encode("ab\ncabé"),
        DataError,
        "Characters: 'é' at line 2, place 4: it is not among the 4 characters",
    ),
    (
        lambda: data.Words(["a"], special=()).encode("a b"),
        DataError,
        "Words: 'b', word 2: it is not among the 1 words",
    ),
    (lambda: data.Characters("aba"), ArgumentError, "Characters: 'a' is there twice"),
    (lambda: data.Characters(""), ArgumentError, "Characters: '': expected a text"),
    (lambda: data.Words(["a", "a"]), ArgumentError, "Words: 'a' is there twice"),
    (lambda: data.Words("ab"), ArgumentError, "Words: expected a list of words"),
    (lambda: data.Words(["a"], split="x"), OptionError, "unknown way to split words"),
    (lambda: data.Bytes(["mask"]), OptionError, "unknown special token 'mask'"),
    (lambda: ABC.pad, ArgumentError, "Characters: it has no token 'pad'"),
    (lambda: ABC.decode([3]), DataError, "decode: token 3: Characters has tokens 0 to"),
    (lambda: ABC.decode([-1]), DataError, "decode: token -1: Characters has tokens"),
    (lambda: ABC.decode([[0]]), DataError, "decode: (1, 1) of int64: expected the"),
    (lambda: ABC.decode([0.5]), DataError, "decode: (1,) of float64: expected the"),
    (lambda: ABC.encode(["ab"]), ArgumentError, "encode: a list: expected a text"),  # type: ignore[arg-type]
    (lambda: data.Characters.fit(""), DataError, "Characters.fit: an empty text"),
    (lambda: data.Words.fit(["", ""]), DataError, "Words.fit: an empty text"),
    (lambda: data.Words.fit("a", 1), ArgumentError, "Words.fit: size=1: expected a"),
    (lambda: data.BytePairs.fit("a", 9), ArgumentError, "BytePairs.fit: size=9: expec"),
    (
        lambda: data.Bytes().encode("a\n\ud800"),
        DataError,
        "encode: '\\ud800' at line 2, place 1: half a character, which UTF-8 cannot",
    ),
    (
        lambda: data.BytePairs([["l", "ow"]]),
        DataError,
        "BytePairs: the pair 'l', 'ow': 'ow' is no token before it",
    ),
    (lambda: data.BytePairs(["low"]), ArgumentError, "BytePairs: merges: 'low': expec"),
    (
        lambda: data.fit_tokenizer("a", "syllables"),
        OptionError,
        "unknown kind of tokenizer 'syllables'",
    ),
    (
        lambda: data.fit_tokenizer("a", "bytes", 300),
        ArgumentError,
        "fit_tokenizer: size=300 for bytes: there are 256",
    ),
    (
        lambda: data.tokenizer_from_json({"kind": ["bytes"]}),
        DataError,
        "tokenizer_from_json: kind ['bytes']: expected one of characters, bytes, words",
    ),
    (
        lambda: data.tokenizer_from_json({"kind": "bytes", "merges": []}),
        DataError,
        "tokenizer_from_json: bytes: these are not the values of such a tokenizer",
    ),
]


@pytest.mark.parametrize(
    ("call", "kind", "message"), WRONG, ids=[message for *_, message in WRONG]
)
def test_what_is_wrong_is_named(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith(message)
