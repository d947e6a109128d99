"""Files larger than memory are kept on disk; in parts, the table is the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule import data
from chainrule.data.tables import arrow_files, csv_files, files, transform
from chainrule.data.tables.columns import read_parts
from chainrule.data.validation import is_mapped
from chainrule.errors import DataError

Write = Callable[..., Path]


def mixed(n: int = 300) -> pd.DataFrame:
    """Rows with every kind of column."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": random.normal(size=n).round(3),
            "b": np.where(random.random(n) < 0.1, np.nan, random.integers(0, 9, n)),
            "c": random.choice(["x", "y", "z, or z"], n),
            "d": [f"{1 + i % 28}/{1 + i // 28}/2024" for i in range(n)],
            "e": [f"${1000 + i:,}" for i in range(n)],
            "y": random.normal(size=n),
        }
    )


@pytest.fixture(params=["csv", "parquet", "python"])
def table(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The rows as a file, to be read by every reader in small parts."""
    path = tmp_path / f"t.{request.param}"
    if request.param == "parquet":
        mixed().to_parquet(path)
    else:
        mixed().to_csv(path, index=False)
    yes = request.param != "python"
    monkeypatch.setattr(arrow_files, "available", lambda: yes)
    monkeypatch.setattr(arrow_files, "BLOCK", 2000)
    monkeypatch.setattr(arrow_files, "BATCH", 70)
    monkeypatch.setattr(csv_files.read_rows, "__defaults__", (100,))
    return path


def test_a_large_file_is_kept_on_disk_and_learned_as_another(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = data.read_table(table, "y", keep="e")
    monkeypatch.setattr(files, "LARGE", 0)
    monkeypatch.setattr(transform, "LARGE", 0)
    found = data.read_table(table, "y", keep="e")
    assert is_mapped(found.columns.column("a"))
    assert is_mapped(found.columns.column("c").codes)
    assert found.notes == expected.notes and found.transform == expected.transform
    for part, other in zip(found.split(), expected.split(), strict=True):
        assert part.lazy
        np.testing.assert_array_equal(np.asarray(part.inputs), np.asarray(other.inputs))
        np.testing.assert_array_equal(
            np.asarray(part.targets), np.asarray(other.targets)
        )


def test_parts_are_the_whole(table: Path) -> None:
    whole = data.read_columns(table)
    parts = list(read_parts(table, {}))
    assert len(parts) > 2
    assert sum(map(len, parts)) == len(whole)
    for name, column in whole.values.items():
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(together, column)
    places = [part.place(row) for part in parts for row in range(len(part))]
    assert places == [whole.place(row) for row in range(len(whole))]


def test_a_part_that_python_has_to_read_comes_after_those_of_arrow(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_files, "BLOCK", 100)
    rows = "".join(f"{n},x\n" for n in range(100))
    path = write(f'a,b\n{rows}100,5" pipe\n101,y\n')
    parts = list(read_parts(path, {}))
    values = np.concatenate([part["a"] for part in parts])
    assert values.tolist() == list(range(102))
    assert parts[-1].place(len(parts[-1]) - 1) == "line 103"
    assert [part.start for part in parts] == [
        sum(map(len, parts[:n])) for n in range(len(parts))
    ]


def test_a_mistake_far_down_names_its_line(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_files, "BLOCK", 100)
    rows = "".join(f"{n},x\n" for n in range(100))
    path = write(f"a,b\n{rows}100\n")
    with pytest.raises(DataError, match="line 102: 1 cells, but 2 in line 1"):
        list(read_parts(path, {}))


def test_a_large_file_without_the_extra_is_read_with_a_word(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SLOW", 10)
    path = write("a,b\n1,x\n2,y\n3,x\n")
    note = "pip install 'chainrule[tables]' reads large files faster."
    assert note not in data.read_table(path).notes
    monkeypatch.setattr(arrow_files, "available", lambda: False)
    assert note in data.read_table(path).notes
