"""Every form of a table becomes the same columns."""

import datetime
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.data.tables import csv_files
from chainrule.data.tables.columns import to_numbers
from chainrule.errors import DataError, FileError, MissingPackageError

Write = Callable[..., Path]
TEXT = "age,city,ok\n30,Köln,true\n,Oslo,false\n41.5,,true\n"


def same(columns: data.Columns) -> None:
    np.testing.assert_array_equal(columns["age"], [30, np.nan, 41.5])
    assert columns["city"].tolist() == ["Köln", "Oslo", None]
    assert columns["ok"].tolist() == ["true", "false", "true"]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("latin-1"),
        TEXT.replace(",", ";").replace(".", ",").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", "|").encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\n\n").encode(),
        TEXT.replace(",", " , ").encode(),
        TEXT.replace("Oslo", '"Oslo"').replace("30", '"30"').encode(),
        TEXT.rstrip().encode(),
        gzip.compress(TEXT.encode(), mtime=0),
    ],
)
def test_every_csv_dialect_gives_the_same_columns(content: bytes, write: Write) -> None:
    same(data.read_columns(write(content)))


def test_frames_parquet_and_mappings_give_the_same_columns(tmp_path: Path) -> None:
    values = {
        "age": [30.0, None, 41.5],
        "city": ["Köln", "Oslo", None],
        "ok": [True, False, True],
    }
    frame = pd.DataFrame(values)
    same(data.read_columns(values))
    same(data.read_columns(frame))
    same(data.read_columns(frame.astype({"city": "category"})))
    same(data.read_columns(frame.convert_dtypes()))
    same(data.read_columns(pl.DataFrame(values)))
    pyarrow.parquet.write_table(pyarrow.table(values), tmp_path / "t.parquet")
    same(data.read_columns(tmp_path / "t.parquet"))
    coded = pyarrow.table(
        {**values, "city": pyarrow.array(values["city"]).dictionary_encode()}
    )
    pyarrow.parquet.write_table(coded, tmp_path / "renamed.dat")
    same(data.read_columns(str(tmp_path / "renamed.dat")))


def test_dates_of_every_origin_are_iso_texts(tmp_path: Path, write: Write) -> None:
    days = [datetime.datetime(2020, 1, 31), datetime.datetime(2021, 2, 1)]
    frame = pd.DataFrame({"day": days, "x": [1, 2]})
    frame.to_parquet(tmp_path / "t.parquet")
    for source in (
        frame,
        pl.DataFrame({"day": days, "x": [1, 2]}),
        tmp_path / "t.parquet",
    ):
        table = data.TableTransform.fit(source)
        assert [rule.kind for rule in table.columns] == ["date", "numeric"]
        assert table.columns[0].mean == (18292 + 18659) / 2
    path = write("day,x\n2020-01-31,1\n2021-02-01,2\n")
    assert data.TableTransform.fit(path).columns[0].mean == (18292 + 18659) / 2


def test_quoted_cells_hold_delimiters_quotes_and_lines(write: Write) -> None:
    path = write('name,x\n"a, b",1\n"say ""hi""",2\n"two\nlines",3\nd,four\n')
    columns = data.read_columns(path)
    assert columns["name"].tolist() == ["a, b", 'say "hi"', "two\nlines", "d"]
    assert columns.place(3) == "line 6"


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1", "-2.5", "+3e2", ".5", None], [1, -2.5, 300, 0.5, np.nan]),
        (["0", "0.5", "-0"], [0, 0.5, 0]),
        (["00123", "1"], None),
        (["1_000"], None),
        (["1,5"], None),
        (["12 %"], None),
    ],
)
def test_what_counts_as_a_number(
    cells: list[str | None], numbers: list[float] | None
) -> None:
    found = to_numbers(cells)
    if numbers is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found, numbers)


def test_a_decimal_comma_is_read_where_it_separates_nothing(write: Write) -> None:
    columns = data.read_columns(write("a;b\n1,5;2\n-0,25;x\n1e3;y\n"))
    np.testing.assert_array_equal(columns["a"], [1.5, -0.25, 1000])


def test_a_file_without_header_is_read_when_asked(write: Write) -> None:
    columns = data.read_columns(write("1,a\n2,b\n"), header=False)
    assert columns.names == ("column_0", "column_1") and len(columns) == 2


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_one_clear_error(raw: bytes) -> None:
    try:
        table = csv_files.parse(raw, "t.csv")
    except (DataError, FileError) as error:
        assert error.what.startswith("t.csv: ")
    else:
        assert {len(row) for row in table.rows} == {len(table.rows[0])}


@pytest.mark.parametrize("cut", [4, 5, 50, 200, -1, -4, -9])
def test_a_truncated_parquet_file_is_one_file_error(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": range(100), "b": ["x"] * 100}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileError, match="not a whole Parquet file"):
        data.read_columns(path)


def test_a_missing_pyarrow_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match="'pyarrow', which is not installed"):
        data.read_columns(path)


@pytest.mark.parametrize(
    "values", [[[1], [2]], [{}, {}], [b"a", b"b"], [object(), object()], [1j, 2j]]
)
def test_cells_that_are_no_values_are_refused(values: list[object]) -> None:
    with pytest.raises(DataError, match="column 'a'"):
        data.read_columns({"a": values})
