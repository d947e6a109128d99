"""Drawings: points, offsets, lines of one writer, and named sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule import data
from chainrule.errors import DataError, OptionError

CROSS = data.Drawing([[[0, 0], [4, 4]], [[4, 0], [2, 2], [0, 4]]], "x", "Anna")


def test_offsets_and_drawings_are_inverses() -> None:
    rows = CROSS.offsets()
    assert rows[:, 2].tolist() == [0, 1, 0, 0, 1] == CROSS.lifts.tolist()
    again = data.Drawing.of_offsets(rows, CROSS.label)
    for mine, its in zip(again.strokes, CROSS.strokes, strict=True):
        assert (mine == its).all()
    assert (again.points[0] == 0).all() and (again.size == CROSS.size).all()


def test_a_drawing_that_ends_with_the_pen_down_keeps_its_last_stroke() -> None:
    made = data.Drawing.of_offsets([[0, 0, 0], [1, 0, 1], [1, 1, 0]])
    assert list(map(len, made.strokes)) == [2, 1]


def test_thinning_keeps_the_ends_of_strokes() -> None:
    line = data.Drawing([np.stack([np.arange(9.0), np.zeros(9)], 1), [[1, 1]]])
    thin = line.thinned(3)
    assert thin.strokes[0][:, 0].tolist() == [0, 3, 6, 8] and len(thin.strokes[1]) == 1


@pytest.mark.parametrize(
    ("strokes", "message"),
    [
        ([], "Drawing: no strokes: expected at least one"),
        ([[[1, 2]], []], "Drawing: stroke 1 (0,): expected (T, 2), x and y of at "
         "least one point"),
        ([[[1, 2, 3]]], "Drawing: stroke 0 (1, 3): expected (T, 2), x and y of at "
         "least one point"),
        ([[[1, 2], [3, np.nan]]], "Drawing: stroke 0: point 1 is (3, nan): expected "
         "two numbers within ±1e+09"),
        ([[[1, -2e9]]], "Drawing: stroke 0: point 0 is (1, -2e+09): expected two "
         "numbers within ±1e+09"),
    ],
)  # fmt: skip
def test_what_is_no_drawing_is_refused(strokes: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        data.Drawing(strokes)  # type: ignore[arg-type]
    assert caught.value.what == message


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"rows \(0, 3\): expected \(T, 3\)"):
        data.Drawing.of_offsets(np.zeros((0, 3)))


def test_lines_are_by_one_writer_each_and_repeatable() -> None:
    some = [
        data.Drawing([[[0, 0], [n, 10]]], str(n), writer)
        for writer in ("Anna", "Bo")
        for n in range(10)
    ]
    lines = data.random_lines(some, 50, length=(2, 4), seed=3)
    assert {each.writer for each in lines} == {"Anna", "Bo"}
    assert {len(str(each.label)) for each in lines} == {2, 3, 4}
    again = data.random_lines(some, 50, length=(2, 4), seed=3)
    assert [each.label for each in again] == [each.label for each in lines]
    for line in lines:  # from left to right, 2.5 between two
        label = str(line.label)
        width = sum(map(int, label)) + 2.5 * (len(label) - 1)
        assert line.size[0] == width


def test_pen_digits_are_the_published_ones(real_data: object) -> None:
    train, test = data.pen_digits(), data.pen_digits("test")
    assert (len(train), len(test)) == (7494, 3498)
    writers = {each.writer for each in train}, {each.writer for each in test}
    assert (len(writers[0]), len(writers[1])) == (30, 14)
    # The same digits as in the table of eight points, one by one.
    table = data.load("pendigits").test
    labels = [int(str(each.label)) for each in test]
    assert labels == np.asarray(table.targets).tolist()
    with pytest.raises(OptionError):
        data.pen_digits("tset")


def test_sketches_are_the_published_ones(real_data: object) -> None:
    kanji = data.sketches("kanji", "test")
    assert len(kanji) == 500 and max(map(len, kanji)) <= 88
    with pytest.raises(OptionError):
        data.sketches("kanji", "tset")
    with pytest.raises(OptionError):
        data.sketches("cats")


def test_drawings_drawn_otherwise_look_alike() -> None:
    """The same points in strokes of the same ends; in other orders and directions."""
    strokes = [[[0, 0], [1, 5], [2, 9]], [[4, 0], [4, 9]], [[7, 7]]]
    four = data.Drawing(strokes, "4", "Ann")
    found = data.redrawn([four], 60, seed=2)
    assert found[0] is four and len(found) == 61
    alike = {frozenset(map(tuple, each)) for each in strokes}
    orders, turned = set(), set()
    for each in found[1:]:
        assert (each.label, each.writer) == ("4", "Ann")
        assert {frozenset(map(tuple, s.tolist())) for s in each.strokes} == alike
        orders.add(tuple(len(s) for s in each.strokes))
        turned |= {tuple(s[0]) for s in each.strokes if len(s) == 3}
    assert len(orders) == 6
    assert turned == {(0, 0), (2, 9)}
    assert data.redrawn([four], 0) == [four]
    again = data.redrawn([four], 60, seed=2)
    assert all((a.points == b.points).all() for a, b in zip(found, again, strict=True))
    wrong: list[Any] = [-1, 1.5, None]
    for times in wrong:
        with pytest.raises(DataError, match=f"times={times}: expected 0 or more"):
            data.redrawn([four], times)
