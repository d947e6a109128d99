"""Time series: steps of time, gaps, files, and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import data
from chainrule.data.series.frequency import Frequency
from chainrule.data.series.known import KNOWN
from chainrule.data.series.moments import moments_of, on_a_grid
from chainrule.errors import ArgumentError, ChainruleError, OptionError

# Steps of time. ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "name", "season", "following"),
    [
        (["2024-01-31", "2024-02-29", "2024-03-31"], "month", 12, "2024-04-30"),
        (["2023-11-15", "2023-12-15", "2024-01-15"], "month", 12, "2024-02-15"),
        (["2024Q1", "2024Q2", "2024-Q3"], "quarter", 4, "2024-10-01"),
        (["Q4 2023", "Q1 2024"], "quarter", 4, "2024-04-01"),
        (["31.12.2021", "31.12.2022"], "year", 1, "2023-12-31"),
        (["2024-02-26", "2024-03-04"], "week", 52, "2024-03-11"),
        (["2024-02-27", "2024-02-28"], "day", 7, "2024-02-29"),
        (["2024-02-28 21:00", "2024-02-29 00:00"], "3 hours", 1, "2024-02-29T03:00:00"),
        (["2024-02-28 23:30", "2024-02-29 00:00"], "30 minutes", 1,
         "2024-02-29T00:30:00"),
        ([20240227, 20240228], "day", 7, "2024-02-29"),
        ([1998, 1999, 2000], "step", 1, "2001"),
        ([0.5, 0.75, 1.0], "0.25", 1, "1.25"),
    ],
)  # fmt: skip
def test_the_step_of_times_is_found_and_goes_on(
    times: Any, name: str, season: int, following: str
) -> None:
    moments, dates = moments_of(times, "x")
    (places,), frequency, (start,) = on_a_grid([moments], dates, "x")
    assert (frequency.name, frequency.season, start) == (name, season, 0)
    assert places.tolist() == list(range(len(times)))
    assert [str(each) for each in frequency.times([len(times)])] == [following]


def test_working_days_skip_weekends_and_holidays_are_gaps() -> None:
    days = np.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    series = data.Series.of(np.arange(len(days) - 1.0), np.delete(days, 10))
    assert series.frequency.name == "working day" and len(series) == len(days)
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [10]
    assert series.next_times(2).tolist() == ["2024-02-01", "2024-02-02"]
    assert data.Series.of(np.arange(5.0), days[:5]).frequency.name == "day"


@pytest.mark.parametrize("unit", ["month", "weekday", "second", "number"])
def test_moments_and_steps_are_each_other_s_inverse(unit: str) -> None:
    frequency = Frequency(unit, 2 if unit != "weekday" else 1, 19723.0)
    steps = np.arange(50)
    np.testing.assert_allclose(frequency.steps(frequency.moments(steps)), steps)


def test_a_slice_keeps_what_is_known_of_the_future() -> None:
    series = data.Series.of(
        np.arange(5.0), past=np.arange(5), known=np.arange(8), name="a"
    )
    part = series[1:3]
    assert part.values.tolist() == [1, 2] and part.past[:, 0].tolist() == [1, 2]
    assert part.known[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert part.times.tolist() == [1, 2] and part.next_times(1).tolist() == [3]
    with pytest.raises(ArgumentError, match="expected a slice"):
        series[2]  # type: ignore[index]


def test_every_known_series_is_whole() -> None:
    for name, about in KNOWN.items():
        series = data.load_series(name)
        assert len(series) > 100 and np.isnan(series.values).sum() <= 5
        assert about.description and about.source and about.licence
    airline = data.load_series("airline").values
    assert (airline[0], airline[-1], airline.sum()) == (112, 432, 40363)
    with pytest.raises(OptionError, match="did you mean 'airline'"):
        data.load_series("airlines")


# Files. ------------------------------------------------------------------------------

SHOPS = """day,shop,sold,rain,open
2024-01-03,B,7,0.5,1
2024-01-01,A,1,0.1,1
2024-01-02,A,,0.2,1
2024-01-03,A,3,,0
2024-01-01,B,5,0.5,1
2024-01-04,A,,,1
2024-01-05,A,,,0
2024-01-02,B,6,0.5,1
2024-01-04,B,8,0.6,1
2024-01-05,B,,,0
"""


def test_a_file_of_several_series_with_gaps_and_covariates(tmp_path: Path) -> None:
    path = tmp_path / "shops.csv"
    path.write_text(SHOPS)
    found = data.read_series(
        path, "day", "sold", series="shop", past=["rain"], known=["open"]
    )
    b, a = found
    assert [b.name, a.name] == ["B", "A"] and found["A"] is a
    np.testing.assert_array_equal(a.values, [1, np.nan, 3])
    np.testing.assert_allclose(a.past[:, 0], [0.1, 0.2, 0.2])
    assert a.known[:, 0].tolist() == [1, 1, 0, 1, 0]
    assert b.values.tolist() == [5, 6, 7, 8] and b.known[:, 0].tolist() == [
        1,
        1,
        1,
        1,
        0,
    ]
    assert found.notes == (
        "the rows were not in the order of time: sorted",
        "1 of 7 values are missing",
        "1 covariate filled in between neighbours",
    )


@pytest.mark.parametrize(
    ("content", "message", "fix"),
    [
        ("day,sold\n2024-01-01,1\n2024-01-02,2\n2024-01-01,3\n",
         "s.csv: line 4: 2024-01-01 a second time, after line 2: expected one row for "
         "each time",
         "if the file holds several series, name the column that tells them apart; "
         "else leave one of the rows out, or add them up"),
        ("day,sold\n2024-01-01,1\nsoon,2\n",
         "s.csv: line 3: 'soon' is no date: expected one as 2024-01-31",
         "correct the cell, or leave the row out"),
        ("day,sold\n2024-01-01,1\n2024-02-30,2\n",
         "s.csv: line 3: '2024-02-30' is no date: expected one as 2024-01-31",
         "correct the cell, or leave the row out"),
        ("day,sold\n2024-01-01,1\n,2\n",
         "s.csv: line 3: a row without a time",
         "fill it in, or leave the row out"),
        ("day,sold\n03/04/2024,1\n04/04/2024,2\n",
         "s.csv: line 2: '03/04/2024': nothing in the column says whether the day or "
         "the month is first",
         "say it: dmy for day, month, year; mdy for month, day, year"),
        ("day,sold\n13/04/2024,1\n04/14/2024,2\n",
         "s.csv: the dates are written in several orders: line 3: '04/14/2024' after "
         "'13/04/2024'",
         "write all of them as 2024-01-31"),
        ("day,sold\n2024-01-01,1\n2024-01-02,many\n",
         "s.csv: line 3: column 'sold' holds 'many': expected a number",
         "correct the cell, or leave it empty where nothing was observed"),
        ("day,sold\n2024-01-01,1\n2024-01-02,inf\n",
         "s.csv: line 3: column 'sold' is infinite",
         "correct the cell, or leave it empty where nothing was observed"),
        ("day,sold\n2024-01-01,\n2024-01-02,\n",
         "s.csv: column 'sold' is empty: no value", None),
        ("day,solid\n2024-01-01,1\n",
         "s.csv: no column 'sold' among 'day', 'solid'", "did you mean 'solid'?"),
        ("day,sold\n2024-01-01 00:00,1\n2024-01-01 00:07,2\n2024-01-01 01:00,3\n"
         "2024-01-01 02:01,4\n",
         "s.csv: the times are no equal steps: of 122 steps of a minute only 4 are "
         "there; the one furthest out of step is at line 3",
         "a row for each hour, day or month: sums or means of what lies in it"),
        ("day,sold\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2042-01-04,4\n"
         "2024-01-05,5\n2024-01-06,6\n",
         "s.csv: the times are no equal steps: of 6579 steps of a day only 6 are "
         "there; the one furthest out of step is at line 5",
         "a row for each hour, day or month: sums or means of what lies in it"),
        ("day,sold\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n1924-01-04,4\n"
         "2024-01-05,5\n2024-01-06,6\n",
         "s.csv: the times are no equal steps: of 36528 steps of a day only 6 are "
         "there; the one furthest out of step is at line 5",
         "a row for each hour, day or month: sums or means of what lies in it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    content: str, message: str, fix: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "s.csv"
    path.write_text(content)
    with pytest.raises(ChainruleError) as caught:
        data.read_series(path, "day", "sold")
    assert (caught.value.what, caught.value.fix) == (message, fix)


def test_several_series_may_share_times_but_none_may_repeat_one() -> None:
    table = {"t": [1, 1, 2, 2, 2], "y": [1.0] * 5, "s": ["a", "b", "a", "b", "b"]}
    with pytest.raises(ChainruleError, match=r"row 4: 2 a second time of series 'b'"):
        data.read_series(table, "t", "y", series="s")
    table["s"][4] = None  # type: ignore[call-overload]
    with pytest.raises(ChainruleError, match="row 4: column 's' is empty: every row"):
        data.read_series(table, "t", "y", series="s")
    with pytest.raises(ArgumentError, match="column 'y' for two purposes"):
        data.read_series(table, "t", "y", past=["y"])


def test_a_constant_series_and_a_single_row_are_read_and_noted() -> None:
    found = data.read_series({"t": [1, 2, 3], "y": [4, 4, 4]}, "t", "y")
    assert found.notes == ("1 series with one value only",)
    one = data.read_series({"t": ["2024-01-01"], "y": [4]}, "t", "y")[0]
    assert len(one) == 1 and one.next_times(1).tolist() == ["2024-01-02"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.Series.of([]), "Series: values (0,): expected (N,), one number "
         "a step"),
        (lambda: data.Series.of([1.0, np.inf]), "Series: row 1: an infinite value"),
        (lambda: data.Series.of([1.0], [1, 2]), "Series: 1 value with 2 times: "
         "expected one for each"),
        (lambda: data.Series.of([1.0, 2.0], known=[1.0]), "Series: known (1, 1): "
         "expected 2 rows or more, one for each step"),
        (lambda: data.Series.of([1.0], past=[np.nan]), "Series: past: NaN or infinite: "
         "fill in what is missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_arrays_is_said(call: Any, message: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert caught.value.what == message
