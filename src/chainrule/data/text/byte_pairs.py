"""Tokens made of bytes: single ones, and the pairs that a text repeats most.

Whatever a text holds, it is bytes: these two kinds know every character, and what they
cut comes back exactly.

Place on the road: beside the other tokenizers. Pairs are learnt and applied by Hugging
Face's ``tokenizers``, imported when a text is cut.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from types import ModuleType
from typing import Any, Self

import numpy as np

from ...errors import ArgumentError, DataError, missing_package
from ..validation import Array
from .tokenizers import Tokenizer, place_of, size_given, text_given, texts_given

#: How many bytes there are.
BYTES = 256

#: Characters of a text that are cut in one piece, and pieces at a time.
PIECE, PIECES = 1 << 16, 64

#: A place where every way of cutting has a border: a letter, then a blank and a letter.
BORDER = re.compile(r"(?<=[A-Za-z])(?= [A-Za-z])")


class ByteTokenizer(Tokenizer):
    """Tokens that are bytes, one or several.

    Arguments:
        pieces: the bytes of each token.
        special: names of special tokens.
    """

    def __init__(self, pieces: Sequence[bytes], special: Iterable[str] = ()) -> None:
        super().__init__(map(_shown, pieces), special)
        unknown = [b"<unknown>" if n == "unknown" else b"" for n in self.special]
        self._pieces = [*unknown, *pieces]

    def _text(self, ids: Sequence[int]) -> str:
        joined = b"".join(self._pieces[each] for each in ids)
        return joined.decode("utf-8", "replace")

    def decode_stream(
        self, ids: Iterable[int], after: Sequence[int] | Array = ()
    ) -> Iterator[str]:
        """The text of numbers that arrive one by one, whole characters at a time.

        Together the pieces are ``decode`` of all numbers.

        Arguments:
            ids: the numbers.
            after: those of the text that these continue, a whole one.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for each in ids:
            if piece := decoder.decode(self._pieces[each]):
                yield piece
        if piece := decoder.decode(b"", final=True):
            yield piece


class Bytes(ByteTokenizer):
    """Every byte of a text in UTF-8 is a token: 256 of them, for any text.

    A letter of the Latin alphabet is one byte, most others are two or three.

    Arguments:
        special: names of special tokens.

    Example:
        >>> Bytes().encode("né"), len(Bytes()), Bytes().decode([110, 195, 169])
        (array([110, 195, 169]), 256, 'né')
    """

    kind = "bytes"

    def __init__(self, special: Iterable[str] = ()) -> None:
        super().__init__([bytes([value]) for value in range(BYTES)], special)

    def encode(self, text: str) -> Array:
        """The bytes of a text, ``(T,)`` int64."""
        values = np.frombuffer(_utf8(text), np.uint8).astype(np.int64)
        return values + len(self.special)

    def to_json(self) -> dict[str, Any]:
        """``{"kind": "bytes", "special": []}``"""
        return {"kind": self.kind, "special": list(self.special)}


class BytePairs(ByteTokenizer):
    """Bytes, and what comes of joining, again and again, the pair of neighbours that
    is most frequent: frequent words are one token, rare ones a few.

    Joining stops at the borders of words; a word takes the blank before it along.

    Arguments:
        merges: the pairs in the order in which they are joined, each of two texts in
            which a character stands for a byte; ``BytePairs.fit`` learns them.
        special: names of special tokens.

    Raises:
        DataError: a pair of what is no token.
        MissingPackageError: on ``fit`` and ``encode``, without ``chainrule[text]``.

    Source: Gage, A new algorithm for data compression (1994); Sennrich, Haddow & Birch,
    Neural machine translation of rare words with subword units (2016); on bytes:
    Radford et al. (2019).

    Example:
        >>> pairs = BytePairs.fit("low lower lowest low low", size=259)
        >>> pairs.tokens[256:]
        ('lo', 'low', ' low')
        >>> pairs.decode(pairs.encode("slow 🐌")) == "slow 🐌"
        True
    """

    kind = "byte pairs"

    def __init__(
        self, merges: Sequence[Sequence[str]] = (), special: Iterable[str] = ()
    ) -> None:
        self.merges = [_pair(each) for each in merges]
        self._vocabulary = {letter: n for n, letter in enumerate(LETTERS)}
        for first, second in self.merges:
            for part in (first, second):
                if part not in self._vocabulary:
                    raise DataError(
                        f"BytePairs: the pair {first!r}, {second!r}: {part!r} is no "
                        "token before it",
                        fix="BytePairs.fit(text)",
                    )
            self._vocabulary.setdefault(first + second, len(self._vocabulary))
        super().__init__([_as_bytes(each) for each in self._vocabulary], special)

    @classmethod
    def fit(
        cls,
        texts: str | Iterable[str],
        size: int = 1024,
        *,
        special: Iterable[str] = (),
    ) -> Self:
        """The pairs that a text, or several, repeat most.

        Arguments:
            texts: one text, or several.
            size: how many tokens there may be, special ones included; fewer where no
                pair is there twice.
            special: names of special tokens.
        """
        empty = cls((), special)
        most = size_given(size, len(empty), cls.__name__, size) - len(empty.special)
        library, cutter = _library(), empty._cutter
        trainer = library.trainers.BpeTrainer(
            vocab_size=most,
            min_frequency=2,
            initial_alphabet=list(LETTERS),
            show_progress=False,
        )
        pieces = (
            part for text in texts_given(texts, cls.__name__) for part in _parts(text)
        )
        cutter.train_from_iterator(pieces, trainer)
        return cls(_merges(cutter), special)

    @cached_property
    def _cutter(self) -> Any:
        library = _library()
        cutter = library.Tokenizer(library.models.BPE(self._vocabulary, self.merges))
        level = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        cutter.pre_tokenizer = level
        return cutter

    def encode(self, text: str) -> Array:
        """The numbers of a text's tokens, ``(T,)`` int64."""
        _utf8(text)
        found = [np.zeros(0, np.int64)]
        parts = _parts(text)
        while several := list(islice(parts, PIECES)):
            for each in self._cutter.encode_batch_fast(several):
                found.append(np.array(each.ids, np.int64))
        return np.concatenate(found) + len(self.special)

    def to_json(self) -> dict[str, Any]:
        """``{"kind": "byte pairs", "merges": [["l", "o"], …], "special": []}``"""
        merges = [list(each) for each in self.merges]
        return {"kind": self.kind, "merges": merges, "special": list(self.special)}


def _library() -> ModuleType:
    try:
        import tokenizers
    except ImportError:
        raise missing_package("tokenizers", "BytePairs", "text") from None
    return tokenizers


def _merges(cutter: Any) -> list[tuple[str, str]]:
    found = json.loads(cutter.to_str())["model"]["merges"]
    return [tuple(each) for each in found]


def _pair(pair: Any) -> tuple[str, str]:
    parts = tuple(pair) if isinstance(pair, list | tuple) else ()
    if len(parts) != 2 or not all(isinstance(each, str) for each in parts):
        raise ArgumentError(
            f"BytePairs: merges: {pair!r}: expected pairs of texts",
            fix="BytePairs.fit(text)",
        )
    return parts[0], parts[1]


def _parts(text: str) -> Iterator[str]:
    """A text in parts between which no pair is ever joined, so that the cut of each is
    the cut of the whole."""
    begin = 0
    while len(text) - begin > PIECE:
        border = BORDER.search(text, begin + PIECE)
        if border is None:
            break
        yield text[begin : border.start()]
        begin = border.start()
    yield text[begin:]


def _utf8(text: str) -> bytes:
    try:
        return text_given(text).encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"encode: {text[error.start]!r} {place_of(text, error.start)}: half a "
            "character, which UTF-8 cannot write",
            fix='text.encode("utf-8", "replace").decode()',
        ) from None


def _shown(piece: bytes) -> str:
    """Bytes as text to be looked at: ``\\xe2`` where they are none."""
    return piece.decode("utf-8", "backslashreplace")


def _letters() -> str:
    """A character that can be seen for every byte: itself, or one from 256 on.

    Source: Radford et al. (2019), GPT-2's vocabulary.
    """
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(BYTES, 2 * BYTES))
    return "".join(chr(n if n in seen else next(others)) for n in range(BYTES))


LETTERS = _letters()
VALUES = {letter: value for value, letter in enumerate(LETTERS)}


def _as_bytes(token: str) -> bytes:
    return bytes(VALUES[letter] for letter in token)
