"""Columns are known by their values: what names the rows is left out, and said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule import data
from chainrule.errors import ArgumentError, DataError

Write = Callable[..., Path]
RANDOM = np.random.default_rng(0)
N = 200


def kinds(values: object, name: str = "u") -> tuple[dict[str, str], str]:
    """What a column is taken for beside a plain one; and the notes."""
    n = len(list(values))  # type: ignore[call-overload]
    frame = {name: values, "x": np.random.default_rng(1).normal(size=n)}
    table = data.read_table(frame)
    return table.kinds, table.explanation


@pytest.mark.parametrize("name", ["id", "PassengerId", "index", "whatever"])
@pytest.mark.parametrize(
    "values",
    [
        range(1, N + 1),
        range(N),
        range(892, 892 + N),
        RANDOM.permutation(N) + 1,
        np.arange(N) * 3 + 7,
        np.sort(RANDOM.choice(2000, N, replace=False)),
        [f"p{n}" for n in range(N)],
    ],
)
def test_what_names_the_rows_is_left_out_whatever_it_is_called(
    name: str, values: object
) -> None:
    found, notes = kinds(values, name)
    assert found == {"x": "numeric"}
    assert f"{name!r} is left out: " in notes and f"keep=({name!r},) uses it" in notes


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.normal(90, 20, N),  # measurements
        RANDOM.normal(90, 20, N).round(1),
        RANDOM.choice(10**7, N, replace=False),  # incomes, all different by chance
        RANDOM.integers(0, 50, N),  # counts
        np.arange(1820, 1820 + N),  # years
        [1, 2, 3, 4, 5, 6],  # few rows
        RANDOM.permutation(12),
        [*range(1, N), np.nan],  # an identifier has no gaps
        [*range(1, N), 1],
    ],
)
def test_what_may_be_a_measurement_is_kept(values: object) -> None:
    found, notes = kinds(values, "id")
    assert found["id"] == "numeric" and "left out" not in notes


def test_the_only_column_of_numbers_is_kept() -> None:
    table = data.read_table({"id": range(N), "y": RANDOM.normal(size=N)}, "y")
    assert table.kinds == {"id": "numeric"}


def test_columns_are_kept_and_dropped_as_asked() -> None:
    frame = {"id": range(N), "name": [f"n{n}" for n in range(N)], "x": [1, 2] * 100}
    table = data.read_table(frame, keep=("id", "name"), drop="x")
    assert table.kinds == {"id": "numeric", "name": "categorical"}
    assert data.read_table(frame, keep="id").kinds == {"id": "numeric", "x": "numeric"}
    with pytest.raises(ArgumentError, match="'id' is to be dropped and to be used"):
        data.read_table(frame, keep="id", drop="id")
    with pytest.raises(DataError, match="no column 'idd'"):
        data.read_table(frame, keep="idd")


def test_names_of_columns_may_be_numbers() -> None:
    frame = pd.DataFrame(RANDOM.normal(size=(20, 4)))
    table = data.read_table(frame, target=frame.columns[2], drop=[3])
    assert table.target == "2" and table.kinds == {"0": "numeric", "1": "numeric"}
    table = data.read_table(frame, 2, kinds={0: "categorical"}, keep=1, drop=3)
    assert table.kinds == {"0": "categorical", "1": "numeric"}
    with pytest.raises(DataError, match="two columns are called '2'"):
        data.read_table(frame.assign(**{"2": 1.0}), 2)


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        (("True", "False"), ("False", "True")),
        (("TRUE", "FALSE"), ("FALSE", "TRUE")),
        (("true", "false"), ("false", "true")),
        (("Yes", "No"), ("No", "Yes")),
        (("t", "f"), ("f", "t")),
        ((True, False), ("False", "True")),
    ],
)
def test_classes_are_spelled_as_in_the_table(
    words: tuple[object, object], classes: tuple[str, str], write: Write
) -> None:
    frame = {"x": RANDOM.normal(size=40), "y": [words[0], words[1]] * 20}
    assert data.read_table(frame, "y").classes == classes
    text = "x,y\n" + "".join(f"{n},{words[n % 2]}\n" for n in range(40))
    table = data.read_table(write(text), "y")
    assert table.classes == classes
    later = {"y": [str(words[0]).upper(), str(words[1]).lower()]}
    assert table.transform.transform_target(later).tolist() == [1, 0]


def test_two_spellings_of_yes_are_one_class(write: Write) -> None:
    rows = "".join(f"{n},{('Yes', 'no', 'yes', 'Yes')[n % 4]}\n" for n in range(40))
    assert data.read_table(write("x,y\n" + rows), "y").classes == ("Yes", "no")


def test_every_column_is_said_with_its_kind_gaps_and_writing(write: Write) -> None:
    rows = "".join(
        f'{n}.5,"${n},000",{("a", "NA", "")[n % 3]},{("yes", "no")[n % 2]},'
        f"{1 + n % 28}/{1 + n // 28}/2024\n"
        for n in range(1, 100)
    )
    table = data.read_table(write("x,pay,c,ok,day\n" + rows))
    assert table.reading() == [
        ("numbers", "x, pay (in $ with commas before thousands)"),
        ("categories", "c (1 different, 66 gaps, 33 × 'NA')"),
        ("yes or no", "ok"),
        ("dates", "day (day, month, year)"),
    ]
    assert table.reading(most=1)[0] == ("numbers", "x, and 1 more")
