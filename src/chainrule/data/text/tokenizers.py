"""Tokens: what a text is cut into, their numbers, and the way back.

One interface for all kinds. A tokenizer is fitted to texts once, and from then on is a
plain table that is kept with the model. ``special`` tokens stand for no text: they pad
a batch, begin and end a sequence, or stand for what is unknown. No text is ever read as
one of them, whatever is written in it.

Place on the road: between texts and networks, which see numbers alone. It must not know
what the numbers are for.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ...errors import ArgumentError, DataError, unknown_option
from ...foreign import Settled
from ..validation import Array, is_whole

#: The special tokens there are, in the order of their numbers.
SPECIAL = ("pad", "unknown", "begin", "end")

#: Words as people write them: numbers, words with what is inside them, one mark.
WORDS = re.compile(r"\d+(?:[.,:]\d+)+|\w+(?:['’-]\w+)*|[^\w\s]|\n")
#: What stands between blanks.
BLANKS = re.compile(r"[^\S\n]*(\n|\S+)")

#: Marks with no blank before them, and with none behind them.
CLOSING, OPENING = frozenset(",.;:!?)]}’”%…\n"), frozenset("([{“‘\n")


class Tokenizer(Settled, ABC):
    """What all kinds of tokenizers have in common.

    Arguments:
        special: names of the special tokens that it has, any of "pad", "unknown",
            "begin" and "end". They have the first numbers, in this order.

    Attributes:
        tokens: the token of each number, as text to be looked at.
        special: the names of its special tokens.
    """

    #: What the JSON form and the command line call it.
    kind: ClassVar[str]

    def __init__(self, tokens: Iterable[str], special: Iterable[str] = ()) -> None:
        self.special = _special(special)
        self.tokens = (*(f"<{name}>" for name in self.special), *tokens)

    # Numbers of special tokens. ------------------------------------------------------

    @property
    def pad(self) -> int:
        """The number of what fills rows of a batch that are shorter than others."""
        return self._number("pad")

    @property
    def unknown(self) -> int:
        """The number of what stands for text that no other token is."""
        return self._number("unknown")

    @property
    def begin(self) -> int:
        """The number of what stands before a sequence."""
        return self._number("begin")

    @property
    def end(self) -> int:
        """The number of what stands behind a sequence."""
        return self._number("end")

    def _number(self, name: str) -> int:
        if name not in self.special:
            raise ArgumentError(
                f"{self.name}: it has no token {name!r}",
                fix=f"{self.name}.fit(text, special=({name!r},))",
            )
        return self.special.index(name)

    # Text to numbers, and back. ------------------------------------------------------

    @abstractmethod
    def encode(self, text: str) -> Array:
        """The numbers of a text's tokens, ``(T,)`` int64.

        Raises:
            DataError: for what is none of its tokens, where it has no ``unknown``.
        """

    def decode(self, ids: Any) -> str:
        """The text of these numbers; special tokens are no text, but for
        ``<unknown>``.

        Arguments:
            ids: ``(T,)`` whole numbers.

        Raises:
            DataError: numbers that are none of its tokens.
        """
        numbers = np.asarray(ids)
        if numbers.size == 0:
            return ""
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise DataError(
                f"decode: {numbers.shape} of {numbers.dtype}: expected the numbers of "
                "one text's tokens, (T,)"
            )
        least, most = int(numbers.min()), int(numbers.max())
        if least < 0 or most >= len(self):
            wrong = least if least < 0 else most
            raise DataError(
                f"decode: token {wrong}: {self.name} has tokens 0 to {len(self) - 1}"
            )
        return self._text(numbers.tolist())

    @abstractmethod
    def _text(self, ids: Sequence[int]) -> str:
        """The text of numbers that have been checked."""

    def decode_stream(
        self, ids: Iterable[int], after: Sequence[int] | Array = ()
    ) -> Iterator[str]:
        """The text of numbers that arrive one by one, in pieces as soon as they are
        certain: a character of several bytes comes as a whole.

        Together the pieces are ``decode`` of all numbers.

        Arguments:
            ids: the numbers.
            after: those of the text that these continue, whose text is left out.
        """
        before: list[int] = [int(each) for each in after[-1:]]
        for each in ids:
            shown = len(self.decode(before))
            text = self.decode([*before, int(each)])
            if len(text) > shown:
                yield text[shown:]
                before = [int(each)]

    # As data. ------------------------------------------------------------------------

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All that it is, as JSON holds it; ``data.tokenizer_from_json`` reads it."""

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self).__name__

    def __len__(self) -> int:
        return len(self.tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.kind, self.tokens))

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self.tokens[:5]))
        return f"{self.name}({len(self)} tokens: {shown}{', …' * (len(self) > 5)})"


class Characters(Tokenizer):
    """Every character is a token.

    Arguments:
        characters: each of them once; ``Characters.fit`` finds them in a text.
        special: names of special tokens. Without "unknown", a character that is not
            among them is an error.

    Raises:
        ArgumentError: no characters, or one twice.

    Example:
        >>> letters = Characters.fit("abracadabra", special=["pad"])
        >>> letters.encode("cab"), letters.decode([3, 1, 2, 0])
        (array([3, 1, 2]), 'cab')
        >>> len(letters), letters.tokens[:2]
        (6, ('<pad>', 'a'))
    """

    kind = "characters"

    def __init__(self, characters: str, special: Iterable[str] = ()) -> None:
        if not isinstance(characters, str) or not characters:
            raise ArgumentError(
                f"Characters: {characters!r}: expected a text with each character once",
                fix="Characters.fit(text)",
            )
        super().__init__(characters, special)
        if len(set(characters)) != len(characters):
            twice = next(each for each in characters if characters.count(each) > 1)
            raise ArgumentError(
                f"Characters: {twice!r} is there twice: each character is one token",
                fix="Characters.fit(text)",
            )
        self.characters = characters
        codes = _codes(characters)
        self._places = np.full(int(codes.max()) + 2, -1, np.int64)
        first = len(self.special)
        self._places[codes] = np.arange(first, first + len(codes))

    @classmethod
    def fit(cls, texts: str | Iterable[str], *, special: Iterable[str] = ()) -> Self:
        """The characters of a text or of several, in the order of Unicode."""
        found: set[str] = set()
        for text in texts_given(texts, cls.__name__):
            found.update(text)
        return cls("".join(sorted(found)), special)

    def encode(self, text: str) -> Array:
        """The numbers of a text's characters, ``(T,)`` int64."""
        codes = np.minimum(_codes(text_given(text)), len(self._places) - 1)
        ids = self._places[codes]
        if ids.size and ids.min() < 0:
            if "unknown" not in self.special:
                raise self._not_known(text, int(np.argmax(ids < 0)))
            ids[ids < 0] = self.unknown
        return ids

    def _not_known(self, text: str, place: int) -> DataError:
        where = f"{text[place]!r} {place_of(text, place)}"
        return DataError(
            f"{self.name}: {where}: it is not among the {len(self.characters)} "
            "characters",
            fix="write it with other characters, or choose a tokenizer that knows all: "
            "Bytes(), or Characters.fit(text, special=('unknown',))",
        )

    def _text(self, ids: Sequence[int]) -> str:
        hidden = _hidden(self.special)
        return "".join(self.tokens[each] for each in ids if each not in hidden)

    def to_json(self) -> dict[str, Any]:
        """``{"kind": "characters", "characters": "abc", "special": []}``"""
        special = list(self.special)
        return {
            "kind": self.kind,
            "characters": self.characters,
            "special": special,
        }


class Words(Tokenizer):
    """Words, marks and line breaks are the tokens; blanks are understood.

    Going back, a blank is put between two tokens, but for the usual marks: a text that
    is set in another way comes back in this one.

    Arguments:
        words: each of them once; ``Words.fit`` finds them in texts.
        special: names of special tokens. Without "unknown", another word is an error.
        split: "text" cuts marks from words (``Don't go!`` is ``Don't``, ``go``, ``!``);
            "blanks" cuts at blanks alone, for texts in which this has been done, and
            for sequences of symbols.
        lower: whether capitals are read as small letters.

    Raises:
        ArgumentError: a word twice.
        OptionError: another way to split.

    Example:
        >>> words = Words.fit("to be, or not to be", size=4)
        >>> words.tokens
        ('<unknown>', 'be', 'to', ',')
        >>> words.decode(words.encode("to be, to see"))
        'to be, to <unknown>'
    """

    kind = "words"

    def __init__(
        self,
        words: Sequence[str],
        special: Iterable[str] = ("unknown",),
        split: str = "text",
        lower: bool = False,
    ) -> None:
        super().__init__(words, special)
        if split not in ("text", "blanks"):
            raise unknown_option("way to split words", split, ("text", "blanks"))
        self.words, self.split, self.lower = tuple(words), split, bool(lower)
        first = len(self.special)
        self._places = {word: first + n for n, word in enumerate(self.words)}
        if isinstance(words, str) or not all(isinstance(w, str) for w in self.words):
            raise ArgumentError(
                "Words: expected a list of words", fix="Words.fit(text)"
            )
        if len(self._places) != len(self.words):
            twice = Counter(self.words).most_common(1)[0][0]
            raise ArgumentError(
                f"Words: {twice!r} is there twice: each word is one token",
                fix="Words.fit(text)",
            )

    @classmethod
    def fit(
        cls,
        texts: str | Iterable[str],
        size: int | None = None,
        *,
        min_count: int = 1,
        special: Iterable[str] = ("unknown",),
        split: str = "text",
        lower: bool = False,
    ) -> Self:
        """The words of a text or of several, the most frequent first; of equally
        frequent ones, in alphabetical order.

        Arguments:
            texts: one text, or several.
            size: how many tokens there may be, special ones included; any number if
                not given.
            min_count: how often a word has to be there.
            special, split, lower: as of the class.
        """
        empty = cls((), special, split, lower)
        counts: Counter[str] = Counter()
        for text in texts_given(texts, cls.__name__):
            counts.update(empty.cut(text))
        often = [word for word, count in counts.items() if count >= min_count]
        often.sort(key=lambda word: (-counts[word], word))
        most = size_given(size, len(empty) + 1, cls.__name__, len(often) + len(empty))
        return cls(often[: most - len(empty)], special, split, lower)

    def cut(self, text: str) -> list[str]:
        """A text cut into words, known or not."""
        given = text_given(text).lower() if self.lower else text_given(text)
        return (WORDS if self.split == "text" else BLANKS).findall(given)

    def encode(self, text: str) -> Array:
        """The numbers of a text's words, ``(T,)`` int64."""
        return self.numbers(self.cut(text))

    def numbers(self, words: Sequence[str]) -> Array:
        """The numbers of words that have been cut already, ``(T,)`` int64."""
        unknown = self.unknown if "unknown" in self.special else -1
        known = [w.lower() for w in words] if self.lower else words
        ids = np.array([self._places.get(word, unknown) for word in known], np.int64)
        if ids.size and ids.min() < 0:
            place = int(np.argmax(ids < 0))
            raise DataError(
                f"{self.name}: {words[place]!r}, word {place + 1}: it is not among the "
                f"{len(self.words)} words",
                fix="Words.fit(text, special=('unknown',)) reads it as unknown",
            )
        return ids

    def _text(self, ids: Sequence[int]) -> str:
        hidden, parts, before = _hidden(self.special), [""], "\n"
        for each in ids:
            if each in hidden:
                continue
            word = self.tokens[each]
            glued = before in OPENING or word in CLOSING
            if self.split == "blanks":
                glued = "\n" in (before, word)
            parts += [word] if glued else [" ", word]
            before = word
        return "".join(parts)

    def to_json(self) -> dict[str, Any]:
        """``{"kind": "words", "words": […], "special": […], "split": "text", …}``"""
        return {
            "kind": self.kind,
            "words": list(self.words),
            "special": list(self.special),
            "split": self.split,
            "lower": self.lower,
        }


# What the kinds share. ---------------------------------------------------------------


def _special(names: Iterable[str]) -> tuple[str, ...]:
    given = (names,) if isinstance(names, str) else tuple(names)
    for name in given:
        if name not in SPECIAL:
            raise unknown_option("special token", name, SPECIAL)
    return tuple(name for name in SPECIAL if name in given)


def _hidden(special: tuple[str, ...]) -> frozenset[int]:
    """The numbers of the special tokens that are not shown."""
    return frozenset(n for n, name in enumerate(special) if name != "unknown")


def text_given(text: Any) -> str:
    """What was given, which must be a text."""
    if not isinstance(text, str):
        raise ArgumentError(
            f"encode: a {type(text).__name__}: expected a text, str",
            fix="[tokenizer.encode(each) for each in texts] for several",
        )
    return text


def texts_given(texts: Any, name: str) -> Iterator[str]:
    """One text or several; at least one character in all."""
    anything = False
    for text in (texts,) if isinstance(texts, str) else texts:
        anything = anything or bool(text_given(text))
        yield text
    if not anything:
        raise DataError(f"{name}.fit: an empty text: there are no tokens in it")


def size_given(size: int | None, least: int, name: str, otherwise: int) -> int:
    """The size asked for, or ``otherwise``; at least ``least``."""
    if size is None:
        return otherwise
    if not is_whole(size) or size < least:
        raise ArgumentError(
            f"{name}.fit: size={size!r}: expected a whole number of tokens, {least} or "
            "more"
        )
    return int(size)


def _codes(text: str) -> Array:
    """The numbers of Unicode of a text's characters, (T,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(
        np.int64
    )


def place_of(text: str, place: int) -> str:
    """``at line 2, place 7``"""
    line = text.count("\n", 0, place) + 1
    return f"at line {line}, place {place - text.rfind(chr(10), 0, place)}"
