"""What new rows hold, and the training rows did not, is found and said."""

import numpy as np
import pytest

from chainrule import data
from chainrule.data.tables.differences import Differences


def differences(old: dict[str, object], *new: dict[str, object]) -> list[str]:
    """The sentences on parts of new rows, for rules fitted to old ones."""
    found = Differences(data.TableTransform.fit(old).columns)
    start = 0
    for part in new:
        columns = data.read_columns(part)
        moved = data.Columns(columns.stored, readings=columns.readings, start=start)
        found.add(moved)
        start += len(columns)
    return found.sentences


def test_rows_like_those_of_training_are_not_remarked_upon() -> None:
    old = {"a": [1.0, None, 3.0], "c": ["x", "y", None], "b": [True, False, True]}
    assert differences(old, old) == []
    near = {"a": [0.1, 3.9, None], "c": ["y", None, "x"], "b": ["yes", "no", "yes"]}
    assert differences(old, near) == []


def test_rows_are_counted_over_all_parts() -> None:
    old = {"c": ["x", "y"] * 5}
    parts = [{"c": ["x", "z"]}, {"c": ["z", "y"]}, {"c": ["w", "z", "z"]}]
    assert differences(old, *parts) == [
        "'c': 5 values never seen in training: 'z', 'w' (rows 2, 3, 5 …)"
    ]


def test_gaps_are_said_only_where_training_had_none() -> None:
    old = {"a": [1.0, 2.0], "b": [None, 2.0], "c": ["x", "y"], "d": [True, False]}
    new = {"a": [None, 1.0], "b": [None, 2.0], "c": [None, "x"], "d": [None, True]}
    assert differences(old, new) == [
        f"'{name}': 1 gap, and there was none in training (row 1)" for name in "acd"
    ]


@pytest.mark.parametrize(
    ("value", "far"), [(14.9, False), (15.1, True), (-4.9, False), (-5.1, True)]
)
def test_far_is_half_of_the_range_beyond_it(value: float, far: bool) -> None:
    said = differences({"a": [0.0, 10.0, 5.0]}, {"a": [value]})
    assert said == (
        [f"'a': 1 value far outside 0 to 10, the range of training: {value:g} (row 1)"]
        if far
        else []
    )


def test_dates_are_named_as_dates() -> None:
    old = {"d": ["2020-01-01", "2020-12-31"]}
    assert differences(old, {"d": ["2031-05-06"]}) == [
        "'d': 1 value far outside 1 January 2020 to 31 December 2020, the range of "
        "training: 6 May 2031 (row 1)"
    ]


def test_another_decimal_sign_is_said() -> None:
    old = {"a": ["$1.5", "$2.5", "$3.25"]}
    assert differences(old, {"a": ["$1,5", "$2,5"]}) == [
        "'a': written with a decimal comma, and with a decimal point in training"
    ]


def test_categories_that_were_cut_are_not_called_new() -> None:
    old = {"c": [f"c{n}" for n in range(120)] + [f"c{n}" for n in range(120)] * 2}
    assert differences(old, {"c": ["c119", "other"]}) == []


def test_many_rows_are_named_by_the_first() -> None:
    said = differences({"a": np.arange(50) % 7 * 1.5}, {"a": np.full(1000, 99.0)})
    assert said == [
        "'a': 1000 values far outside 0 to 9, the range of training: 99 … "
        "(rows 1, 2, 3 …)"
    ]
