"""The kinds of tokenizers by their names, for files and for the command line.

Place on the road: above all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import ArgumentError, DataError, OptionError, unknown_option
from .byte_pairs import BytePairs, Bytes
from .tokenizers import Characters, Tokenizer, Words

#: name → class.
KINDS: Mapping[str, type[Tokenizer]] = {
    each.kind: each for each in (Characters, Bytes, Words, BytePairs)
}


def fit_tokenizer(
    texts: str | Iterable[str],
    kind: str = "characters",
    size: int | None = None,
    *,
    special: Iterable[str] = (),
) -> Tokenizer:
    """A tokenizer of a kind that is known by its name.

    Arguments:
        texts: one text, or several.
        kind: "characters", "bytes", "words" or "byte pairs".
        size: how many tokens there may be, of words and byte pairs; all words, and 1024
            byte pairs, if not given.
        special: names of special tokens, see ``Tokenizer``; words always have
            "unknown".

    Raises:
        OptionError: another kind.
        ArgumentError: a size for characters or bytes, whose number is what it is.
        DataError: an empty text.

    Example:
        >>> fit_tokenizer("hello", special=["end"])
        Characters(5 tokens: '<end>', 'e', 'h', 'l', 'o')
    """
    if kind not in KINDS:
        raise unknown_option("kind of tokenizer", kind, KINDS)
    if kind == Words.kind:
        return Words.fit(texts, size, special=("unknown", *special))
    if kind == BytePairs.kind:
        return BytePairs.fit(texts, 1024 if size is None else size, special=special)
    if size is not None:
        raise ArgumentError(
            f"fit_tokenizer: size={size!r} for {kind}: their number follows from the "
            "text"
            if kind == Characters.kind
            else f"fit_tokenizer: size={size!r} for {kind}: there are 256",
            fix="leave it out, or kind='words' or 'byte pairs'",
        )
    if kind == Bytes.kind:
        return Bytes(special)
    return Characters.fit(texts, special=special)


def tokenizer_from_json(value: Any) -> Tokenizer:
    """The tokenizer that ``to_json`` described.

    Arguments:
        value: a mapping as JSON holds it.

    Raises:
        DataError: for anything else.

    Example:
        >>> tokenizer_from_json(Characters("abc").to_json()).decode([2, 0])
        'ca'
    """
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise DataError(
            f"tokenizer_from_json: kind {kind!r}: expected one of {', '.join(KINDS)}"
        )
    settings = {name: each for name, each in value.items() if name != "kind"}
    try:
        return KINDS[kind](**settings)
    except (TypeError, ArgumentError, OptionError) as error:
        raise DataError(
            f"tokenizer_from_json: {kind}: these are not the values of such a "
            f"tokenizer: {error.args[0]}"
        ) from None
