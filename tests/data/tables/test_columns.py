"""Every form of a table becomes the same columns."""

import datetime
import gzip
import tempfile
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
from chainrule.data.tables import arrow_files
from chainrule.data.tables.cells import PythonCells
from chainrule.errors import DataError, FileError, MissingPackageError

Write = Callable[..., Path]
TEXT = "age,city,ok\n30,Köln,true\n,Oslo,false\n41.5,,true\n"


@pytest.fixture(params=["arrow", "python"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two readers of CSV files."""
    monkeypatch.setattr(arrow_files, "available", lambda: request.param == "arrow")
    return str(request.param)


def same(columns: data.Columns, ok: tuple[str, str] = ("false", "true")) -> None:
    np.testing.assert_array_equal(columns["age"], [30, np.nan, 41.5])
    assert columns["city"].tolist() == ["Köln", "Oslo", None]
    assert columns["ok"].tolist() == [ok[1], ok[0], ok[1]]


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
def test_every_csv_dialect_gives_the_same_columns(
    content: bytes, write: Write, reader: str
) -> None:
    same(data.read_columns(write(content)))


def test_frames_parquet_and_mappings_give_the_same_columns(tmp_path: Path) -> None:
    values = {
        "age": [30.0, None, 41.5],
        "city": ["Köln", "Oslo", None],
        "ok": [True, False, True],
    }

    def alike(columns: data.Columns) -> None:
        same(columns, ("False", "True"))

    frame = pd.DataFrame(values)
    alike(data.read_columns(values))
    alike(data.read_columns(frame))
    alike(data.read_columns(frame.astype({"city": "category"})))
    alike(data.read_columns(frame.convert_dtypes()))
    alike(data.read_columns(pl.DataFrame(values)))
    pyarrow.parquet.write_table(pyarrow.table(values), tmp_path / "t.parquet")
    alike(data.read_columns(tmp_path / "t.parquet"))
    coded = pyarrow.table(
        {**values, "city": pyarrow.array(values["city"]).dictionary_encode()}
    )
    pyarrow.parquet.write_table(coded, tmp_path / "renamed.dat")
    alike(data.read_columns(str(tmp_path / "renamed.dat")))


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


def test_quoted_cells_hold_delimiters_quotes_and_lines(
    write: Write, reader: str
) -> None:
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
def test_what_counts_as_a_plain_number(
    cells: list[str | None], numbers: list[float] | None
) -> None:
    texts = ["" if cell is None else cell for cell in cells]
    in_arrow = pyarrow.array([cell or None for cell in texts], pyarrow.string())
    for found in (
        PythonCells(texts).numbers(),
        arrow_files.ArrowCells(in_arrow).numbers(),
    ):
        if numbers is None:
            assert found is None
        else:
            assert found is not None
            np.testing.assert_array_equal(found.values, numbers)


def test_a_decimal_comma_is_read_where_it_separates_nothing(write: Write) -> None:
    columns = data.read_columns(write("a;b\n1,5;2\n-0,25;x\n1e3;y\n"))
    np.testing.assert_array_equal(columns["a"], [1.5, -0.25, 1000])


def test_a_file_without_header_is_read_when_asked(write: Write) -> None:
    columns = data.read_columns(write("1,a\n2,b\n"), header=False)
    assert columns.names == ("column_0", "column_1") and len(columns) == 2


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_one_clear_error(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_bytes(raw)
        try:
            columns = data.read_columns(path)
        except (DataError, FileError) as error:
            assert "t.csv" in error.what
        else:
            assert {len(column) for column in columns.values.values()} == {len(columns)}


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


#: Files that are odd in one way each; every one is a table, or the same error, whoever
#: reads it.
ODD = {
    "quoted newlines": 'a,b\n"x\ny",1\n"z",2\n',
    "quoted newline at the end": 'a,b\n1,"x\n"\n',
    "quote inside a cell": 'a,b\n5" pipe,1\n6,2\n',
    "text behind a quote": 'a,b\n"x"y,1\n',
    "blank before a quote": 'a,b\n1, "x"\n2, "y"\n',
    "quote never closed": 'a,b\n1,"x\n2,y\n',
    "doubled quotes": 'a,b\n"""x""",1\n"",2\n"""",3\n',
    "rows too long": "a,b\n1,2\n1,2,3\n",
    "rows too short": "a,b\n1\n",
    "blank lines": "\n\na,b\n\n1,2\n\n\n3,4\n\n",
    "lines of blanks": "a,b\n1,2\n   \n3,4\n",
    "rows of empty cells": "a,b\n1,2\n,\n3,4\n",
    "Windows": "a,b\r\n1,x\r\n2,y\r\n",
    "blank Windows lines": "a,b\r\n\r\n1,x\r\n\r\n2,y\r\n",
    "old Mac": "a,b\r1,x\r2,y\r",
    "mixed ends": "a,b\r\n1,x\n2,y\r3,z\n",
    "no end": "a,b\n1,2",
    "NUL": b"a,b\n1,\x002\n",
    "late NUL": b"a,b\n" + b"1,2\n" * 3000 + b"1,\x00\n",
    "Latin-1": "a,b\nKöln,1\nÅ,2\n".encode("latin-1"),
    "late Latin-1": b"a,b\n" + b"x,2\n" * 3000 + "é,2\n".encode("latin-1"),
    "cut UTF-8": "a,b\n1,é".encode()[:-1],
    "UTF-16": "a,b\nKöln,1\n".encode("utf-16"),
    "UTF-16 big end first": b"\xfe\xff" + "a,b\nKöln,1\n".encode("utf-16-be"),
    "byte-order mark": "\ufeffa,b\n1,2\n".encode(),
    "byte-order mark and quote": '\ufeff"a","b"\n1,2\n'.encode(),
    "empty": "",
    "blanks": " \n \n",
    "header only": "a,b\n",
    "header only without end": "a,b",
    "names twice": "a,a\n1,2\n",
    "names missing": "a,,\n1,2,3\n",
    "numbers as names": "1,2\n3,4\n",
    "one column": "a\n1\n\n 2 \n",
    "one column and an empty cell": 'a\n1\n""\n\n2\n',
    "an empty cell for a row": 'a,b\n1,2\n""\n3,4\n',
    "sep": "sep=;\nx;y\n1,5;2\n2,5;3\n",
    "quoted sep": '"sep=;"\r\nx;y\r\n1,5;2\r\n',
    "sep and a mistake": "sep=;\nx;y\n1,5;2\n2,5\n",
    "sep of a rare sign": "sep=^\nx^y\n1^2\n",
    "tabs": "a\tb\n1\t x \n",
    "a huge cell": "a,b\n" + "w" * 140_000 + ",2\nz,4\n",
    "a huge quoted cell": 'a,b\n"' + "w\n" * 140_000 + '",2\nz,4\n',
    "a huge name": "w" * 140_000 + ",b\n1,2\n",
    "marks": "a,b\n1,NA\n?,2\n nan ,3\nNULL,n/a\n",
    "infinite": "a,b\n1,inf\n2,-Infinity\n3,NAN\n",
    "codes": "a,b\n00123,1\n04567,2\n",
    "codes late": "a,b\n" + "12345,1\n" * 3000 + "00123,2\n",
    "signs": "a,b\n+1,-0.5\n-01,.5\n+5,5.\n",
    "underscores": "a,b\n1_000,2\n",
    "digits of other scripts": "a,b\n١٢,1\n",
    "hexadecimal": "a,b\n0x10,1\n",
    "long numbers": "a,b\n123456789012345678901234567890,1e400\n0.1,1e-400\n",
    "blanks around": "a , b\n 1 ,  x\n2 , y  \n",
    "hard blanks": "a,b\n\u00a01\u00a0,x\u2003\n2,y\n",
    "all empty": "a,b\n,1\n,2\n",
    "text late": "a,b\n" + "7,1\n" * 3000 + "x,2\n",
    "thousands late": "a;b\n" + "7;1\n" * 3000 + "1,234;2\n",
    "vertical tab": "a,b\n1\x0b,2\n3,4\n",
    "separator signs": "a,b\n1\u2028,2\n3\x1d,4\n",
}  # fmt: skip


def outcome(path: Path) -> object:
    """What a file is read as, in a form that can be compared; or its message."""
    try:
        columns = data.read_columns(path)
    except (DataError, FileError) as error:
        return error.what, error.fix
    lines = [columns.place(row) for row in range(len(columns))]
    values = {name: repr(each.tolist()) for name, each in columns.values.items()}
    readings = {
        name: (reading.decimal, reading.words, dict(reading.marks), reading.unsure)
        for name, reading in columns.readings.items()
    }
    return values, lines, readings


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("block", [1 << 25, 40])
@pytest.mark.parametrize("odd", ODD)
def test_both_readers_give_the_same_table_or_message(
    odd: str, block: int, packed: bool, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = ODD[odd]
    raw = content.encode() if isinstance(content, str) else content
    path = write(gzip.compress(raw, mtime=0) if packed else raw)
    monkeypatch.setattr(arrow_files, "BLOCK", block)
    found = []
    for available in (True, False):
        monkeypatch.setattr(arrow_files, "available", lambda yes=available: yes)
        found.append(outcome(path))
    assert found[0] == found[1]


def test_a_quoted_empty_cell_of_a_single_column_is_a_row(write: Write) -> None:
    numbers = data.read_columns(write('a\n1\n""\n\n2\n'))
    np.testing.assert_array_equal(numbers["a"], [1, np.nan, 2])
    assert [numbers.place(row) for row in range(3)] == ["line 2", "line 3", "line 5"]
    texts = data.read_columns(write('a\nx\n""\n  \ny\n'))
    assert texts["a"].tolist() == ["x", None, "y"]
    with pytest.raises(DataError, match=r"line 3: 1 cells, but 2 in line 1"):
        data.read_columns(write('a,b\n1,2\n""\n3,4\n'))


@pytest.mark.parametrize(
    "regular", ["quoted newlines", "blank lines", "Windows", "doubled quotes", "marks"]
)
def test_regular_files_are_read_by_arrow(
    regular: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("Python's csv was asked for")

    path = write(str(ODD[regular]))
    monkeypatch.setattr(PythonCells, "numbers", refuse)
    assert len(data.read_columns(path)) > 1


@given(st.text(alphabet='a1,.;"\n\r \t-', max_size=60))
def test_any_text_is_the_same_for_both_readers(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder, "t.csv")
        path.write_bytes(("a,b\n" + text).encode())
        first = outcome(path)
        patch.setattr(arrow_files, "available", lambda: False)
        assert outcome(path) == first
