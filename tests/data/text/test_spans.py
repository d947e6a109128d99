"""Spans, read and counted as conlleval does: cases worked out by hand."""

from __future__ import annotations

import itertools

import pytest

from chainrule.data.text.spans import (
    SCHEMES,
    Span,
    are_spans,
    forbidden_pairs,
    rewritten,
    scheme_of,
    span_scores,
    spans_of,
    tags_of,
)
from chainrule.errors import DataError, OptionError


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("", ""),
        ("O O", ""),
        ("B-A I-A O", "A02"),
        ("I-A I-A B-A", "A02 A23"),  # IOB1: B parts two that touch
        ("O I-A O", "A12"),  # repaired: an I that nothing began
        ("B-A I-B", "A01 B12"),  # repaired: a type that changes inside
        ("B-A B-A", "A01 A12"),
        ("I-A I-A", "A02"),
        ("S-A B-B E-B", "A01 B13"),
        ("B-A I-A E-A E-A", "A03 A34"),  # behind an end something begins
        ("B-A E-A I-A", "A02 A23"),
        ("S-A I-A", "A01 A12"),
        ("B-A S-A", "A01 A12"),
        ("E-A E-A", "A01 A12"),
        ("I-A E-A", "A02"),
        ("B-A O I-A", "A01 A23"),
    ],
)
def test_spans_are_those_that_conlleval_reads(tags: str, spans: str) -> None:
    wanted = [Span(each[0], int(each[1]), int(each[2])) for each in spans.split()]
    assert spans_of(tags.split()) == wanted


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_row_of_spans_comes_back_from_its_tags(scheme: str) -> None:
    for row in itertools.product(["O", "B-A", "I-A", "B-B", "I-B"], repeat=4):
        spans = spans_of(row)
        tags = tags_of(spans, len(row), scheme)
        assert spans_of(tags) == spans
        assert rewritten(tags, scheme) == tags


@pytest.mark.parametrize("scheme", ["IOB2", "IOBES"])
def test_what_may_follow_is_what_rows_of_spans_hold(scheme: str) -> None:
    """Neighbours of all tags written from spans, and no others."""
    tags = ["O", *(f"{mark}-{kind}" for kind in "AB" for mark in "BIES")]
    if scheme == "IOB2":
        tags = [tag for tag in tags if tag[0] not in "ES"]
    places = {tag: number for number, tag in enumerate(tags)}
    seen: set[tuple[int | None, int | None]] = set()
    for row in itertools.product(["O", "B-A", "I-A", "B-B", "I-B"], repeat=5):
        states = [places[tag] for tag in rewritten(row, scheme)]
        seen |= {*itertools.pairwise([None, *states, None])}
    every = [None, *places.values()]
    wanted = {*itertools.product(every, every)} - seen - {(None, None)}
    assert set(forbidden_pairs(tags, scheme)) == wanted


def test_f1_is_of_spans_with_type_and_both_ends() -> None:
    right = [["B-A", "I-A", "O", "B-B"], ["B-A"]]
    found = [["B-A", "O", "O", "I-B"], ["B-B"]]
    scores = span_scores(right, found)
    assert (scores.correct, scores.found, scores.right) == (1, 3, 3)
    assert scores.precision == scores.recall == pytest.approx(1 / 3)
    assert scores.f1 == pytest.approx(1 / 3)
    assert scores.accuracy == pytest.approx(2 / 5)
    assert scores.by_type == {"A": (0, 1, 2), "B": (1, 2, 1)}


def test_scores_of_nothing_are_0_and_of_all_1() -> None:
    rows = [["B-A", "I-A"], []]
    assert span_scores(rows, [["O", "O"], []]).f1 == 0
    assert span_scores(rows, rows).f1 == 1
    assert span_scores([], []).f1 == 0


def test_the_scheme_is_what_most_spans_show() -> None:
    assert scheme_of([["I-A", "B-A"], ["O", "I-B"]]) == "IOB1"
    assert scheme_of([["B-A", "I-A"], ["B-B"], ["O", "I-B"]]) == "IOB2"
    assert scheme_of([["B-A", "E-A"]]) == "IOBES"


def test_tags_of_words_are_no_spans() -> None:
    assert not are_spans(["NN", "VB", "O"])
    assert not are_spans(["B-", "O"])
    assert are_spans(["B-A-B", "O"])


def test_wrong_tags_are_named() -> None:
    with pytest.raises(DataError, match="sentence 1: 2 words and 1 tags"):
        span_scores([["O"], ["O", "O"]], [["O"], ["O"]])
    with pytest.raises(DataError, match="1 sentences and tags of 0"):
        span_scores([["O"]], [])
    with pytest.raises(DataError, match="span A from 0 to 2 behind 1"):
        tags_of([Span("A", 0, 1), Span("A", 0, 2)], 3)
    with pytest.raises(OptionError, match="scheme 'BIO'"):
        tags_of([], 1, "BIO")
