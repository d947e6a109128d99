"""Dates of the world's usual orders; what can be read in two ways is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chainrule import data
from chainrule.data.tables.dates import ORDERS, days_of, orders_of
from chainrule.errors import DataError, OptionError

Write = Callable[..., Path]
LAST_OF_JANUARY = 19753.0


@pytest.mark.parametrize(
    ("cell", "orders", "time"),
    [
        ("2024-01-31", "ymd dmy mdy", 0),
        ("2024/01/31", "ymd dmy mdy", 0),
        ("2024.1.31", "ymd dmy mdy", 0),
        ("20240131", "ymd dmy mdy", 0),
        ("2024年1月31日", "ymd dmy mdy", 0),
        ("31/01/2024", "dmy", 0),
        ("31.01.2024", "dmy", 0),
        ("01/31/2024", "mdy", 0),
        ("1/31/24 5:30 PM", "mdy", 17.5),
        ("1/31/24 12:30 am", "mdy", 0.5),
        ("31 Jan 2024", "ymd dmy mdy", 0),
        ("31-Jan-24", "ymd dmy mdy", 0),
        ("Jan 31, 2024", "ymd dmy mdy", 0),
        ("January 31st, 2024", "ymd dmy mdy", 0),
        ("31. Januar 2024", "ymd dmy mdy", 0),
        ("31 janvier 2024", "ymd dmy mdy", 0),
        ("31 de enero de 2024", "ymd dmy mdy", 0),
        ("Wed, 31 Jan 2024 10:00:00 +0100", "ymd dmy mdy", 9),
        ("2024-Jan-31", "ymd dmy mdy", 0),
        ("2024-01-31T06:00:00.0Z", "ymd dmy mdy", 6),
        ("2024-01-31 06:00", "ymd dmy mdy", 6),
        ("2024-01-31T06:00+02:00", "ymd dmy mdy", 4),
        ("31/01/2024 18:00:36", "dmy", 18.01),
        ("31.01.2024, 6:00", "dmy", 6),
    ],
)
def test_a_date_is_read_in_the_orders_that_fit(
    cell: str, orders: str, time: float
) -> None:
    assert orders_of([cell]) == orders.split()
    for order in ORDERS:
        expected = LAST_OF_JANUARY + time / 24 if order in orders else None
        assert days_of([cell], order) == [pytest.approx(expected)]


@pytest.mark.parametrize(
    "cell",
    [
        *("2024-02-31", "31/13/2024", "1.2.3", "192.168.1.1", "12:30", "may", "May 5"),
        *("cat 3", "Room 12", "dec 12", "5", "12345678", "1/2", "31/01/2024 25:00"),
        "",
    ],
)
def test_what_is_no_date(cell: str) -> None:
    assert orders_of([cell]) == []


def column(write: Write, cells: list[str]) -> Path:
    return write("t,a\n" + "".join(f'"{c}",{n % 7}\n' for n, c in enumerate(cells)))


@pytest.mark.parametrize(
    ("form", "order"),
    [
        ("{y}-{m:02d}-{d:02d}", "ymd"),
        ("{y}/{m}/{d}", "ymd"),
        ("{d:02d}/{m:02d}/{y}", "dmy"),
        ("{d}.{m}.{y}", "dmy"),
        ("{m}/{d}/{y}", "mdy"),
        ("{m:02d}-{d:02d}-{y} 10:30", "mdy"),
        ("{d} Mar {y}", "ymd"),
        ("{y}{m:02d}{d:02d}", "ymd"),
    ],
)
def test_a_column_of_dates_is_recognised(write: Write, form: str, order: str) -> None:
    cells = [form.format(y=2024, m=1 + n // 28, d=1 + n % 28) for n in range(120)]
    table = data.read_table(column(write, cells))
    assert table.kinds["t"] == "date"
    rule = data.TableTransform.from_json(table.transform.to_json()).columns[0]
    assert rule.form == order
    assert rule.low is not None and rule.low >= 19723


def test_a_column_in_two_possible_orders_is_refused_and_settled(write: Write) -> None:
    path = column(write, ["05/05/2024", "03/04/2024", "11/12/2024"])
    with pytest.raises(DataError) as caught:
        data.read_table(path)
    assert caught.value.what == (
        "t.csv: column 't': '03/04/2024' at line 3 may be 3 April 2024 or 4 March "
        "2024, and no other cell of the column says which"
    )
    assert caught.value.fix == (
        "dates='dmy' for day, month, year, dates='mdy' for month, day, year"
    )
    first = data.read_table(path, dates="dmy").transform.columns[0]
    second = data.read_table(path, dates={"t": "mdy"}).transform.columns[0]
    assert (first.low, second.low) == (19816, 19786)
    assert data.read_table(path, drop="t").kinds == {"a": "numeric"}


def test_years_of_two_digits_are_refused_where_they_may_be_days(write: Write) -> None:
    with pytest.raises(DataError, match="'05/06/07' at line 2 may be 7 June 2005 or"):
        data.read_table(column(write, ["05/06/07", "05/06/08"]))


def test_dates_that_are_the_same_in_every_order_are_not_refused(write: Write) -> None:
    table = data.read_table(column(write, ["05/05/2024", "06/06/2024"]))
    assert table.kinds["t"] == "date"


def test_a_later_table_is_read_in_the_order_of_training(write: Write) -> None:
    fitted = data.read_table(column(write, ["13/04/2024", "03/04/2024"])).transform
    here = fitted.transform({"t": ["03/04/2024", "2024-04-03"], "a": [1, 1]})
    assert here[0, 0] == here[1, 0] == -1
    with pytest.raises(DataError, match="'04/13/2024' at row 0 is not a date"):
        fitted.transform({"t": ["04/13/2024"], "a": [1]})


def test_a_stray_text_among_dates_is_refused(write: Write) -> None:
    cells = [f"{1 + n % 28}.{1 + n // 28}.2024" for n in range(100)]
    with pytest.raises(DataError, match="'soon' at line 102 is not a date, as the oth"):
        data.read_table(column(write, [*cells, "soon"]))


def test_numbers_of_eight_digits_are_dates_only_if_all_are(write: Write) -> None:
    table = data.read_table(column(write, ["20240131", "20240229", "20231201"]))
    assert table.kinds["t"] == "date"
    table = data.read_table(column(write, ["20240131", "20240230", "20231201"]))
    assert table.kinds["t"] == "numeric"


def test_moments_keep_their_fractions(write: Write) -> None:
    cells = [f"2024-01-01 {n:02d}:00" for n in range(24)]
    values = data.read_table(column(write, cells)).transform.columns[0]
    assert values.low == 19723 and values.high is not None
    np.testing.assert_allclose(values.high - values.low, 23 / 24)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(OptionError, match="unknown order of dates 'ydm'"):
        data.read_table({"a": [1, 2]}, dates="ydm")
