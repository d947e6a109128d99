"""What people read when their data is wrong, word for word."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule import data
from chainrule.errors import ArgumentError, ChainruleError

X = np.ones((100, 5))
LABELS = np.arange(100) % 10
NAMES = ("height", "weight", "age", "pulse", "sugar")
FINITE = (
    "leave the row out, or replace the value; "
    "data.read_table fills in missing values of a table"
)
CORRECT = "correct it, or leave it empty where the value is missing"


def changed(array: np.ndarray, index: object, value: float) -> np.ndarray:
    copy = array.copy()
    copy[index] = value
    return copy


ARRAYS: list[tuple[Callable[[], object], str, str | None]] = [
    (
        lambda: data.Dataset(changed(X, (37, 2), np.nan), LABELS, feature_names=NAMES),
        "Dataset 'data': inputs (100, 5): nan at row 37, column 'age': "
        "every value must be finite",
        FINITE,
    ),
    (
        lambda: data.Dataset(changed(X, (37, 2), -np.inf)),
        "Dataset 'data': inputs (100, 5): -inf at row 37, column 2: "
        "every value must be finite",
        FINITE,
    ),
    (
        lambda: data.Dataset(np.full((2, 3, 4), np.nan)),
        "Dataset 'data': inputs (2, 3, 4): nan at row 0, position (0, 0): "
        "every value must be finite",
        FINITE,
    ),
    (
        lambda: data.Dataset(X, changed(LABELS / 2, 8, np.nan)),
        "Dataset 'data': targets (100,): nan at row 8: every value must be finite",
        FINITE,
    ),
    (
        lambda: data.Dataset(X, changed(LABELS, 37, 10), classes=10),
        "Dataset 'data': targets: label 10 for 10 classes at row 37: "
        "labels go from 0 to 9",
        "subtract 1 where labels count from 1, or provide 11 classes",
    ),
    (
        lambda: data.Dataset(X, LABELS - 1),
        "Dataset 'data': targets: label -1 at row 0: labels count from 0",
        "subtract the smallest label, or task='regression' for numeric targets",
    ),
    (
        lambda: data.Dataset(X, LABELS.astype(float), classes=10),
        "Dataset 'data': targets (100,): float64 labels: "
        "classes are counted with integers",
        "targets.astype(int)",
    ),
    (
        lambda: data.Dataset(X, LABELS + 0.5, task="classification"),
        "Dataset 'data': targets (100,): float64 labels: "
        "classes are counted with integers",
        "round them, or task='regression' for numeric targets",
    ),
    (
        lambda: data.Dataset(X, np.ones(100, int)),
        "Dataset 'data': targets (100,): label 1 in every row: "
        "a classifier needs examples of two classes or more",
        "task='regression' if the targets are numeric",
    ),
    (
        lambda: data.Dataset(X, LABELS[:-1], name="houses"),
        "Dataset 'houses': inputs (100, 5) and targets (99,): 100 ≠ 99; "
        "every example needs one row in each",
        None,
    ),
    (
        lambda: data.Dataset(X[:0], LABELS[:0]),
        "Dataset 'data': inputs (0, 5): no examples",
        None,
    ),
    (
        lambda: data.Dataset([[1, 2], [3]]),
        "Dataset 'data': inputs: row 1 has length 1, row 0 has length 2: "
        "every row must have the same length",
        "pad or cut the rows to one length",
    ),
    (
        lambda: data.Dataset(pd.DataFrame({"a": [1, 2], "city": ["x", "y"]})),
        "Dataset 'data': inputs (2, 2): column 'city' holds text: "
        "a data set holds numbers",
        "data.read_table(frame, target=...) encodes text columns",
    ),
    (
        lambda: data.Dataset(np.array([[1, "a"]], dtype=object)),
        "Dataset 'data': inputs (1, 2): 'a' at row 0, column 1 is not a number",
        "correct or leave out the value; data.read_table encodes columns of text",
    ),
    (
        lambda: data.Dataset(X, feature_names=NAMES[:4]),
        "Dataset 'data': inputs (100, 5) with 4 feature names: 5 ≠ 4; "
        "one name per column",
        None,
    ),
    (
        lambda: data.Dataset(X, image_shape=(28, 28, 1)),
        "Dataset 'data': inputs (100, 5) as images (28, 28, 1): "
        "5 values per example ≠ 784",
        None,
    ),
    (
        lambda: data.Dataset(X, ["cat", "cow"] * 50, classes=("cat", "dog")),
        "Dataset 'data': targets (100,): label 'cow', first at row 1: none of the 2 "
        "classes: 'cat', 'dog'",
        "correct them, or name every class in classes=",
    ),
    (
        lambda: data.Dataset(X, task="classification"),
        "Dataset 'data': task='classification' without targets",
        "Dataset(inputs, targets)",
    ),
    (
        lambda: data.Dataset(X, LABELS, task="classify"),
        "unknown task 'classify': expected one of 'classification', 'none', "
        "'regression'",
        "did you mean 'classification'?",
    ),
    (
        lambda: data.batches(data.Dataset(X), 0),
        "batches: batch_size=0: expected a whole number of at least 1",
        None,
    ),
    (
        lambda: data.batches(data.Dataset(X), 200, drop_last=True),
        "batches: 100 examples, batch_size=200, drop_last=True: no batch is left",
        "batch_size=100 or less",
    ),
    (
        lambda: data.k_folds((X, LABELS), 1),
        "k_folds: k=1 of 100 examples: expected a whole number from 2 to 100",
        None,
    ),
    (
        lambda: data.one_hot([0, 3], 3),
        "one_hot: labels: label 3 for 3 classes at row 1: labels go from 0 to 2",
        "subtract 1 where labels count from 1, or provide 4 classes",
    ),
]


@pytest.mark.parametrize(("mistake", "what", "fix"), ARRAYS, ids=[a[1] for a in ARRAYS])
def test_messages_about_arrays(
    mistake: Callable[[], object], what: str, fix: str | None
) -> None:
    with pytest.raises(ChainruleError) as caught:
        mistake()
    assert (caught.value.what, caught.value.fix) == (what, fix)


def column(values: list[object]) -> str:
    """A CSV file with the column ``a`` as given and numbers to predict."""
    return "a,b\n" + "\n".join(f"{value},{i * 0.7}" for i, value in enumerate(values))


FILES: list[tuple[str | bytes, str, str | None]] = [
    ("", "t.csv: an empty file: no examples", None),
    (" \n\n", "t.csv: an empty file: no examples", None),
    ("a,b\n", "t.csv: a header and no rows", "add the rows below the line of names"),
    (
        "a,b\n1,2\n1,2,3\n",
        "t.csv: line 3: 3 cells, but 2 in line 1: "
        "every row must have as many cells as the header",
        "correct the line; cells that contain ',' need quotes",
    ),
    (
        "a,b\n1,2\n\n1\n",
        "t.csv: line 4: 1 cells, but 2 in line 1: "
        "every row must have as many cells as the header",
        "correct the line; cells that contain ',' need quotes",
    ),
    (
        "a,b,a\n1,2,3\n",
        "t.csv: line 1: two columns are called 'a': every column needs its own name",
        "rename or remove one of them",
    ),
    (
        "1,2\n3,4\n",
        "t.csv: line 1 holds only numbers ('1', '2'): "
        "expected the names of the columns",
        "add a line of names, or header=False",
    ),
    (
        "a,price\n1,2\n",
        "t.csv: no column 'b' among 'a', 'price'",
        None,
    ),
    (
        "a,bb\n1,2\n",
        "t.csv: no column 'b' among 'a', 'bb'",
        "did you mean 'bb'?",
    ),
    (
        'a,b\n1,2\n3,"4\n5,6\n',
        "t.csv: line 3: unexpected end of data: "
        "a quote is not closed, or stands inside a cell",
        'write a quote inside a quoted cell twice: ""',
    ),
    (
        bytes(range(256)),
        "t.csv: binary data: expected a CSV or Parquet file",
        "save the table as CSV with UTF-8 encoding",
    ),
    (
        b"PK\x03\x04" + bytes(50),
        "t.csv: this is an Excel workbook or zip archive: "
        "expected a CSV or Parquet file",
        "a workbook is read if its name ends with .xlsx, .xls or .ods",
    ),
    (
        column([*range(1, 90, 2), "abc"]),
        "t.csv: column 'a': 'abc' at line 47 is not a number, as the others are",
        "correct it, leave it empty where the value is missing, "
        "or kinds={'a': 'categorical'}",
    ),
    (
        column([1, "inf", 3]),
        "t.csv: column 'a': inf at line 3: every value must be finite",
        CORRECT,
    ),
    (
        column(["2020-01-31", "2020-02-31", "2020-03-31"]),
        "t.csv: column 'a': '2020-02-31' at line 3 is not a date",
        CORRECT,
    ),
    (
        "a,b\n1,x\n2,x\n",
        "t.csv: target 'b' is 'x' in every row: "
        "a classifier needs examples of two classes or more",
        "rows with other values of 'b'; or target='a', which has 2 different ones",
    ),
    (
        "a,b\n1,1.5\n2,1.5\n",
        "t.csv: target 'b' is 1.5 in every row: there is nothing to learn",
        "rows with other values of 'b'; or target='a', which has 2 different ones",
    ),
    (
        "a,b\n1,\n2,NA\n",
        "t.csv: target 'b' has no values: nothing to learn from",
        None,
    ),
    (
        "a,b\n" + "".join(f"{i},name {i}\n" for i in range(50)),
        "t.csv: target 'b' has 50 different texts in 50 rows: too many to be classes, "
        "and 'name 0' at line 2 is not a number",
        "correct the numbers, or choose another target",
    ),
    (
        "b\n1.5\n2.5\n",
        "t.csv: no column is left to learn from: 'b' holds 2 different numbers "
        "(1.5 to 2.5): regression; task='classification' changes that.",
        "a table with columns beside the target",
    ),
]


@pytest.mark.parametrize(("content", "what", "fix"), FILES, ids=[f[1] for f in FILES])
def test_messages_about_files(
    content: str | bytes, what: str, fix: str | None, write: Callable[..., Path]
) -> None:
    with pytest.raises(ChainruleError) as caught:
        data.read_table(write(content), "b")
    assert (caught.value.what, caught.value.fix) == (what, fix)


LATER: list[tuple[str, str, str | None]] = [
    (
        "aeg,town,ok\n3,Rome,yes\n",
        "t.csv: no column 'age' among 'aeg', 'town', 'ok'",
        "did you mean 'aeg'?",
    ),
    (
        "age,town,ok\n3,Rome,yes\nthree,Rome,yes\n",
        "t.csv: column 'age': 'three' at line 3 is not a number",
        CORRECT,
    ),
    (
        "age,town,ok\n3,Rome,maybe\n",
        "t.csv: column 'ok': 'maybe' at line 2 is not yes or no",
        CORRECT,
    ),
    (
        "age,town,ok\n1e300,Rome,yes\n",
        "t.csv (1, 4): inf at row 0, column 'age': every value must be finite",
        FINITE,
    ),
]


@pytest.mark.parametrize(("content", "what", "fix"), LATER, ids=[m[1] for m in LATER])
def test_messages_about_a_later_file(
    content: str, what: str, fix: str | None, write: Callable[..., Path]
) -> None:
    fitted = data.TableTransform.fit(
        {"age": [1, 2, 4], "town": ["Rome", "Oslo", "Rome"], "ok": ["yes", "no", "no"]}
    )
    with pytest.raises(ChainruleError) as caught:
        fitted.transform(write(content))
    assert (caught.value.what, caught.value.fix) == (what, fix)


def test_messages_about_targets_of_a_later_file(write: Callable[..., Path]) -> None:
    fitted = data.read_table(
        {"x": [1, 2, 4, 5], "y": ["a", "b", "a", "b"]}, "y"
    ).transform
    for content, what in [
        ("x\n1\n", "t.csv: no column 'y' among 'x'"),
        ("x,y\n1,a\n2,c\n", "t.csv: target 'y': 'c' at line 3 is none of the classes "
         "'a', 'b'"),
        ("x,y\n1,a\n2,\n", "t.csv: target 'y' is missing at line 3"),
    ]:  # fmt: skip
        with pytest.raises(ChainruleError) as caught:
            fitted.transform_target(write(content))
        assert caught.value.what == what


def test_messages_about_paths(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text("a,b\n")
    with pytest.raises(ChainruleError) as caught:
        data.read_table(tmp_path / "house.csv", "b")
    assert caught.value.what == f"read_table: '{tmp_path}/house.csv': no such file"
    assert caught.value.fix == f"did you mean '{tmp_path}/houses.csv'?"
    with pytest.raises(ChainruleError) as caught:
        data.read_table(tmp_path, "b")
    assert caught.value.what == f"read_table: '{tmp_path}': a folder, not a file"


def test_a_message_names_the_users_own_line() -> None:
    with pytest.raises(ChainruleError) as caught:
        data.Dataset([])
    lines = str(caught.value).splitlines()
    assert lines[0] == "Dataset 'data': inputs (0,): no examples"
    assert lines[1].startswith("  called at  test_data_messages.py:")
    assert lines[1].endswith("data.Dataset([])")


def test_examples_that_are_indexed_one_by_one_are_refused_with_the_cure() -> None:
    class Examples:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, i: int) -> tuple[list[float], int]:
            return [float(i)], i % 2

    with pytest.raises(ArgumentError) as caught:
        data.as_dataset(Examples())
    assert str(caught.value).split("\n")[0] == (
        "data: Examples, which is indexed example by example: expected a Dataset or "
        "(inputs, targets)"
    )
    assert "x, y = map(np.stack, zip(*(d[i] for i in range(len(d)))))" in str(
        caught.value
    )
