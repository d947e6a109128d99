"""Numbers as people write them become numbers, or one clear error."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule import data
from chainrule.data.tables.written_numbers import amounts, read_amount, to_number
from chainrule.errors import DataError, OptionError

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("cell", "point", "comma"),
    [
        ("1,234.50", 1234.5, None),
        ("1.234,50", None, 1234.5),
        ("1,234", 1234, 1.234),
        ("1.234", 1.234, 1234),
        ("1,234,567", 1234567, None),
        ("12,34,567", 1234567, None),
        ("1 234,5", None, 1234.5),
        ("1\u00a0234\u202f567", 1234567, 1234567),
        ("1'234.5", 1234.5, None),
        ("1\u2019234", 1234, 1234),
        ("0,125", None, 0.125),
        ("$5", 5, 5),
        ("-$5", -5, -5),
        ("$-5", -5, -5),
        ("($1,234)", -1234, -1.234),
        ("(7)", -7, -7),
        ("\u22127", -7, -7),
        ("12%", 12, 12),
        ("12,5 %", None, 12.5),
        ("5 EUR", 5, 5),
        ("EUR 5", 5, 5),
        ("Fr. 5", 5, 5),
        ("R$ 5", 5, 5),
        ("1,5e3", None, 1500),
        ("+3", 3, 3),
        ("1,23,4", None, None),
        ("1,2345", None, 1.2345),
        ("00123", None, None),
        ("12 kg", None, None),
        ("12:30", None, None),
        ("--5", None, None),
        ("(-5)", None, None),
        ("$5 EUR", None, None),
        ("1_000", None, None),
        ("", None, None),
    ],
)
def test_a_cell_is_read_with_a_point_or_comma(
    cell: str, point: float | None, comma: float | None
) -> None:
    for decimal, value in ((".", point), (",", comma)):
        found = read_amount(cell, decimal)
        assert (None if found is None else found.value) == value
        assert to_number(cell, decimal) == value
        if value is not None:
            assert amounts([cell], decimal) == [value]


def column(write: Write, cells: list[str], delimiter: str = ";") -> data.Columns:
    rows = "".join(f'"{cell}"{delimiter}k{n}\n' for n, cell in enumerate(cells))
    return data.read_columns(write(f"a{delimiter}b\n{rows}"))


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["$1,200.50", "$0", "-$3", "($4)"], [1200.5, 0, -3, -4]),
        (["12%", "7.5%", "0"], [12, 7.5, 0]),
        (["1.234,56", "7", "1.000"], [1234.56, 7, 1000]),
        (["1,234", "0,5"], [1.234, 0.5]),
        (["1.234.567", "1.234"], [1234567, 1234]),
        (["1 234", "56"], [1234, 56]),
        (["1,5", "-", "n.a.", "NA"], [1.5, np.nan, np.nan, np.nan]),
        (["\u22121,5", "2"], [-1.5, 2]),
    ],
)
def test_a_column_is_numbers_in_every_writing(
    write: Write, cells: list[str], values: list[float]
) -> None:
    np.testing.assert_array_equal(column(write, cells)["a"], values)
    frame = pd.DataFrame({"a": cells})
    found = data.read_columns(frame)["a"]
    np.testing.assert_array_equal(found, values)


def test_marks_among_numbers_are_counted_as_gaps(write: Write) -> None:
    table = data.read_table(column(write, ["1", "NA", "-", "NA", "5", "7"]), None)
    assert table.reading()[0] == ("numbers", "a (3 gaps, 2 × 'NA', 1 × '-')")


def test_a_dash_among_texts_stays_a_text(write: Write) -> None:
    assert column(write, ["+", "-", "+"])["a"].tolist() == ["+", "-", "+"]


def test_an_open_comma_is_decided_by_other_columns_then_by_the_delimiter(
    write: Write,
) -> None:
    def read(text: str, **given: str) -> data.Table:
        return data.read_table(write(text), **given)

    open_one = "a;b\n1,234;x\n5,678;y\n9;x\n"
    table = read(open_one)
    assert table.columns["a"].tolist() == [1.234, 5.678, 9]
    assert "'a': '1,234' is read as 1.234; decimal='.' changes that." in table.notes
    table = read(open_one, decimal=".")
    assert table.columns["a"].tolist() == [1234, 5678, 9] and not table.notes
    table = read("a\tb\n1,234\tx\n5,678\ty\n")
    assert table.columns["a"].tolist() == [1234, 5678]
    table = read("a;b\n1,234;0.5\n5,678;1.25\n")  # b has points
    assert table.columns["a"].tolist() == [1234, 5678] and not table.notes
    table = read('a,b\n"1,234","0,5"\n"5,678","1,25"\n')  # b has commas
    assert table.columns["a"].tolist() == [1.234, 5.678] and not table.notes


def test_a_point_before_three_digits_is_thousands_beside_decimal_commas(
    write: Write,
) -> None:
    columns = data.read_columns(write("a;b;c\n1.234;1,5;0.5\n25.000;2,75;1.25\n"))
    assert columns["a"].tolist() == [1234, 25000]
    assert columns["c"].tolist() == [0.5, 1.25]


def test_later_tables_are_read_as_training_was(write: Write) -> None:
    rows = "".join(f'"{n},500",{n % 2}\n' for n in range(1, 40))
    table = data.read_table(write("a,y\n" + rows), "y", decimal=",")
    fitted = data.TableTransform.from_json(table.transform.to_json())
    new = write('a\n"3,500"\n', "new.csv")
    path = write('a,b\n"3,500",1\n', "two.csv")
    assert fitted.decimals["a"] == ","
    for later in (new, path):
        np.testing.assert_allclose(
            fitted.transform(later) * fitted.columns[0].std,
            3.5 - fitted.columns[0].mean,
        )


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["$5", "€7", "$8"],
            "column 'a': '$5' at line 2 and '€7' at line 3 are not written alike: "
            "numbers of one column have the same decimal sign and unit",
        ),
        (
            ["1.5", "1,5"],
            "column 'a': '1.5' at line 2 and '1,5' at line 3 are not written alike: "
            "numbers of one column have the same decimal sign and unit",
        ),
        (
            ["12%", "0.5"],
            "column 'a': '12%' at line 2 and '0.5' at line 3 are not written alike: "
            "numbers of one column have the same decimal sign and unit",
        ),
        (
            [*(f"${n}" for n in range(1, 90)), "free"],
            "column 'a': 'free' at line 91 is not a number, as the others are",
        ),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(
    write: Write, cells: list[str], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        data.read_table(column(write, cells))
    assert caught.value.what == f"t.csv: {message}"
    assert "kinds={'a': 'categorical'}" in str(caught.value.fix)


def test_plain_numbers_given_as_texts_stay_texts() -> None:
    frame = {"a": ["1", "2", "1"], "b": ["00123", "1", "2"]}
    assert data.read_columns(frame)["a"].tolist() == ["1", "2", "1"]
    assert data.read_columns(frame)["b"].tolist() == ["00123", "1", "2"]


def test_an_unknown_decimal_sign_is_refused() -> None:
    with pytest.raises(OptionError, match="unknown decimal sign ';'"):
        data.read_table({"a": [1, 2]}, decimal=";")


def test_a_target_that_is_no_number_is_quoted(write: Write) -> None:
    rows = "".join(f'{n % 7},"${n},444 or so"\n' for n in range(1, 60))
    with pytest.raises(DataError, match=r"'\$1,444 or so' at line 2 is not a number"):
        data.read_table(write("a,y\n" + rows), "y")
    rows = "".join(f'{n % 7},"${n},444"\n' for n in range(1, 60))
    assert data.read_table(write("a,y\n" + rows), "y").task == "regression"


def test_codes_are_numbers_where_the_column_is_one() -> None:
    frame = {"a": ["007", "012", "100"], "x": [1.5, 2.5, 0.5]}
    assert data.read_table(frame).kinds["a"] == "categorical"
    table = data.read_table(frame, kinds={"a": "numeric"})
    assert (table.transform.columns[0].low, table.transform.columns[0].high) == (7, 100)
    fitted = data.TableTransform.fit({"a": [7, 12, 100]})
    later = fitted.transform({"a": ["007"]})
    np.testing.assert_array_equal(later, fitted.transform({"a": [7]}))
