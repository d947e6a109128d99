"""Spans: what rows of tags such as B-NP I-NP O mean, written and scored.

A tag says where a word stands in a span, and of what type this is. Four ways of writing
are in use; all are read by one rule, that of the shared tasks' program ``conlleval``,
which makes a span of whatever can be meant: an I-NP behind an O begins one.

========= =================================================================
IOB1      I inside a span, B only where it begins right behind one like it
IOB2      B where a span begins, I inside
IOBES     B, I, E for first, inner and last, S for a span of one word
========= =================================================================

Place on the road: beside the files that hold such tags, below the models that learn
them. It must not know of networks.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...errors import DataError, unknown_option

#: The ways of writing spans as tags.
SCHEMES = ("IOB1", "IOB2", "IOBES")

OUTSIDE = "O"

_TAG = re.compile(r"(?:[BIES]-.+|O)", re.DOTALL)


class Span(NamedTuple):
    """Words of a sentence from ``start`` up to before ``end``, and their type."""

    type: str
    start: int
    end: int


def spans_of(tags: Sequence[str]) -> list[Span]:
    """The spans that a row of tags means, in any of the ways of writing.

    Arguments:
        tags: of one sentence.

    Source: Tjong Kim Sang & Buchholz (2000), whose ``conlleval`` reads tags so; S as
    the ports of it that know IOBES.

    Example:
        >>> spans_of(["B-NP", "I-NP", "O", "I-VP", "B-VP", "I-NP"])
        [Span(type='NP', start=0, end=2), Span(type='VP', start=3, end=4), \
Span(type='VP', start=4, end=5), Span(type='NP', start=5, end=6)]
    """
    found, begin = [], None
    before = (OUTSIDE, "")
    for place, now in enumerate([*map(_parted, tags), (OUTSIDE, "")]):
        if begin is not None and _ends(before, now):
            found.append(Span(before[1], begin, place))
            begin = None
        if _begins(before, now):
            begin = place
        before = now
    return found


def _parted(tag: str) -> tuple[str, str]:
    """``("B", "NP")`` of B-NP."""
    mark, _, kind = tag.partition("-")
    return mark, kind


def _ends(before: tuple[str, str], now: tuple[str, str]) -> bool:
    """Whether a span that the tag before is in ends there."""
    return (
        before[0] in ("E", "S") or now[0] in ("B", "S", OUTSIDE) or before[1] != now[1]
    )


def _begins(before: tuple[str, str], now: tuple[str, str]) -> bool:
    """Whether a span begins at a tag."""
    if now[0] == OUTSIDE:
        return False
    behind_an_end = before[0] in ("E", "S", OUTSIDE)
    return now[0] in ("B", "S") or behind_an_end or before[1] != now[1]


def are_spans(tags: Iterable[str]) -> bool:
    """Whether tags are those of spans: O, or B, I, E, S with a type.

    Example:
        >>> are_spans(["O", "B-NP"]), are_spans(["NN", "VB"]), are_spans(["O"])
        (True, False, False)
    """
    given = set(tags)
    return all(_TAG.fullmatch(tag) for tag in given) and given > {OUTSIDE}


def scheme_of(rows: Iterable[Sequence[str]]) -> str:
    """The way in which tags of spans are written.

    Where spans begin with B and with I, it is what most of them do that need not.

    Example:
        >>> scheme_of([["I-NP", "B-NP", "O"]]), scheme_of([["B-NP", "I-NP", "O"]])
        ('IOB1', 'IOB2')
    """
    counts: Counter[str] = Counter()
    for tags in rows:
        for mark, _ in map(_parted, tags):
            if mark in ("E", "S"):
                return "IOBES"
        ends = set()
        for span in spans_of(tags):
            if (span.start, span.type) not in ends:
                counts[tags[span.start][0]] += 1
            ends.add((span.end, span.type))
    return "IOB1" if counts["I"] > counts["B"] else "IOB2"


def tags_of(spans: Iterable[Span], length: int, scheme: str = "IOB2") -> list[str]:
    """The tags of a sentence with these spans.

    Arguments:
        spans: that do not overlap, in order.
        length: how many words the sentence has.
        scheme: "IOB1", "IOB2" or "IOBES".

    Raises:
        OptionError: another scheme.
        DataError: spans that overlap, or leave the sentence.

    Example:
        >>> tags_of([Span("NP", 0, 1), Span("NP", 1, 4)], 5, "IOBES")
        ['S-NP', 'B-NP', 'I-NP', 'E-NP', 'O']
    """
    if scheme not in SCHEMES:
        raise unknown_option("scheme", scheme, SCHEMES)
    tags, end, before = [OUTSIDE] * length, 0, ""
    for kind, start, stop in spans:
        if not end <= start < stop <= length:
            raise DataError(
                f"tags_of: span {kind} from {start} to {stop} behind {end} in a "
                f"sentence of {length} words: spans follow each other"
            )
        beside = start == end and kind == before
        marks = ["I"] * (stop - start)
        if scheme != "IOB1" or beside:
            marks[0] = "B"
        if scheme == "IOBES":
            marks[-1] = "S" if stop - start == 1 else "E"
        tags[start:stop] = [f"{mark}-{kind}" for mark in marks]
        end, before = stop, kind
    return tags


def rewritten(tags: Sequence[str], scheme: str) -> list[str]:
    """The same spans, written in another way.

    Example:
        >>> rewritten(["I-NP", "I-NP", "B-NP"], "IOB2")
        ['B-NP', 'I-NP', 'B-NP']
    """
    return tags_of(spans_of(tags), len(tags), scheme)


def forbidden_pairs(
    tags: Sequence[str], scheme: str
) -> list[tuple[int | None, int | None]]:
    """Pairs of tags that never follow each other, as ``nn.CRF`` takes them.

    Arguments:
        tags: all tags, by number.
        scheme: "IOB2" or "IOBES"; in "IOB1" every tag may follow every other.

    Example:
        >>> forbidden_pairs(["O", "B-NP", "I-NP"], "IOB2")
        [(None, 2), (0, 2)]
    """
    if scheme == "IOB1":
        return []
    places: list[int | None] = [None, *range(len(tags))]
    pairs = itertools.product(places, repeat=2)
    return [
        (i, j)
        for i, j in pairs
        if (i is not None or j is not None)
        and not _may_follow(
            OUTSIDE if i is None else tags[i],
            OUTSIDE if j is None else tags[j],
            scheme,
        )
    ]


def _may_follow(before: str, now: str, scheme: str) -> bool:
    mark, kind = _parted(before)
    new, new_kind = _parted(now)
    inside = mark in ("B", "I")
    goes_on = new in ("I", "E")
    if scheme == "IOB2":
        return new != "I" or (inside and kind == new_kind)
    return goes_on == inside and (not goes_on or kind == new_kind)


# Scores. -----------------------------------------------------------------------------


@dataclass(frozen=True)
class SpanScores:
    """How many spans were found: precision, recall and F1, of all and by type.

    Attributes:
        correct, found, right: spans found with type and both ends right, found at all,
            and those there are.
        accuracy: the share of the words whose tag is right, as it is written.
        by_type: type ↦ the same three numbers.
    """

    correct: int
    found: int
    right: int
    accuracy: float
    by_type: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        """correct / found"""
        return self.correct / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """correct / right"""
        return self.correct / self.right if self.right else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both, 2 · correct / (found + right)."""
        both = self.found + self.right
        return 2 * self.correct / both if both else 0.0


def span_scores(
    right: Sequence[Sequence[str]], found: Sequence[Sequence[str]]
) -> SpanScores:
    """Precision, recall and F1 of spans, as ``conlleval`` counts them.

    A span counts where its type and both of its ends are right.

    Arguments:
        right: the tags of each sentence.
        found: those that a model says, as many.

    Raises:
        DataError: another number of sentences, or of words in one.

    Source: Tjong Kim Sang & Buchholz (2000).

    Example:
        >>> scores = span_scores([["B-NP", "I-NP", "B-VP"]], [["B-NP", "I-NP", "O"]])
        >>> scores.precision, scores.recall, round(scores.f1, 3)
        (1.0, 0.5, 0.667)
    """
    if len(right) != len(found):
        raise DataError(
            f"span_scores: {len(right)} sentences and tags of {len(found)}: expected "
            "as many"
        )
    counts = {name: Counter[str]() for name in ("correct", "found", "right")}
    words = same = 0
    for number, (wanted, said) in enumerate(zip(right, found, strict=True)):
        if len(wanted) != len(said):
            raise DataError(
                f"span_scores: sentence {number}: {len(wanted)} words and {len(said)} "
                "tags: expected one a word"
            )
        words += len(wanted)
        same += sum(a == b for a, b in zip(wanted, said, strict=True))
        true, told = set(spans_of(wanted)), set(spans_of(said))
        counts["correct"].update(span.type for span in true & told)
        counts["found"].update(span.type for span in told)
        counts["right"].update(span.type for span in true)
    types = sorted(counts["found"] | counts["right"])
    by_type = {
        kind: (counts["correct"][kind], counts["found"][kind], counts["right"][kind])
        for kind in types
    }
    return SpanScores(
        counts["correct"].total(),
        counts["found"].total(),
        counts["right"].total(),
        same / words if words else 0.0,
        by_type,
    )
