"""How far what was written is from what was to be written: edits, and rates of errors.

Place on the road: beside ``spans``; it compares sequences of anything, and must not
know what wrote them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from ...errors import ArgumentError
from ...wording import counted

#: A text, or a list of tokens.
Written = Sequence[Hashable]


class ErrorRates(NamedTuple):
    """Rates of errors; 0 is best.

    Attributes:
        sequences: the share of what is not written exactly: of whole words, the word
            error rate.
        tokens: the edits that are needed, for each token that was to be written: of
            phonemes the phoneme error rate, of characters the character error rate.
    """

    sequences: float
    tokens: float


def edit_distance(found: Written, wanted: Written) -> int:
    """The fewest tokens to insert, to remove and to replace, that turn one into the
    other.

    Formula: D[i, j] = min(D[i−1, j] + 1, D[i, j−1] + 1, D[i−1, j−1] + [fᵢ ≠ wⱼ]).

    Arguments:
        found, wanted: texts, or lists of tokens.

    Source: Levenshtein (1966); Wagner & Fischer (1974).

    Example:
        >>> edit_distance("kitten", "sitting"), edit_distance(["a", "b"], ["b"])
        (3, 1)
    """
    row = list(range(len(wanted) + 1))
    for i, f in enumerate(found, start=1):
        diagonal, row[0] = row[0], i
        for j, w in enumerate(wanted, start=1):
            replaced = diagonal + (f != w)
            diagonal = row[j]
            row[j] = min(replaced, diagonal + 1, row[j - 1] + 1)
    return row[-1]


def error_rates(
    found: Sequence[Written], references: Sequence[Sequence[Written]]
) -> ErrorRates:
    """How often sequences are not what they should be, and by how many tokens.

    Where several references are right, the nearest counts; of equally near ones the
    longest.

    Arguments:
        found: what was written, N texts or lists of tokens.
        references: for each, a list of what would be right.

    Raises:
        ArgumentError: more of one than of the other; nothing at all; one without
            references, or with nothing but empty ones.

    Example:
        >>> error_rates(["cat", "dgo"], [["cat"], ["dog", "hound"]])
        ErrorRates(sequences=0.5, tokens=0.3333333333333333)
    """
    if len(found) != len(references) or not found:
        raise ArgumentError(
            f"error_rates: {counted(len(found), 'sequence')} and references of "
            f"{len(references)}: expected a list of references for each"
        )
    wrong = edits = tokens = 0
    for number, (one, several) in enumerate(zip(found, references, strict=True)):
        if isinstance(several, str) or not several:
            raise ArgumentError(
                f"error_rates: references of sequence {number}: {several!r}: expected "
                "a list of what would be right",
                fix="[[wanted] for wanted in targets], where each has one",
            )
        fewest, length = min((edit_distance(one, w), -len(w)) for w in several)
        wrong, edits, tokens = wrong + (fewest > 0), edits + fewest, tokens - length
    if not tokens:
        raise ArgumentError("error_rates: all references are empty")
    return ErrorRates(wrong / len(found), edits / tokens)
