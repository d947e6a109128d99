"""Folds: every training row held out once, scaled by the others, all of one shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.errors import DataError
from chainrule.runs import sources
from chainrule.runs.settings import Source
from chainrule.tuning.folds import Folds, make_folds
from tests.cli.conftest import write_table


def table(folder: Path, rows: int = 90, rare: int = 3, groups: int = 12) -> Path:
    """A table with gaps, a rare category and a rare class; rows of groups."""
    source = np.random.default_rng(0)
    lines: list[list[Any]] = []
    for number in range(rows):
        age = "" if number % 11 == 3 else round(float(source.normal(40, 12)), 1)
        town = "Ur" if number in (5, 6) else str(source.choice(["Oslo", "Rome"]))
        kind = "c" if number < rare else str(source.choice(["a", "b"]))
        lines.append([age, town, number % groups, kind, float(source.normal())])
    path = folder / "table.csv"
    write_table(path, ["age", "town", "person", "kind", "amount"], lines)
    return path


def folds_of(path: Any, count: int = 5, batch: int = 16, **source: Any) -> Folds:
    where = sources.recognise(str(path), **source)
    return make_folds(where, sources.load(where, 0.0, 0), count, 0, batch)


@pytest.mark.parametrize("target", ["kind", "amount"])
def test_every_training_row_is_held_out_once_and_no_test_row_ever(
    tmp_path: Path, target: str
) -> None:
    path = table(tmp_path)
    folds = folds_of(path, target=target)
    where = sources.recognise(str(path), target=target)
    whole = sources.read_table(where)
    train = whole.split_rows(0.2, 0.0, 0)[0]
    held = np.concatenate([held for _, held in folds.rows])
    assert sorted(held.tolist()) == sorted(train.tolist())
    for known, unknown in folds.rows:
        assert not set(known) & set(unknown)
        assert set(known) <= set(train)


@pytest.mark.parametrize("what", ["kind", "amount", "iris", "diabetes", "digits"])
def test_all_folds_have_the_same_shapes(tmp_path: Path, what: str) -> None:
    if what in ("kind", "amount"):
        folds = folds_of(table(tmp_path), target=what)
    else:
        folds = folds_of(what)
    shapes = set()
    for number in range(len(folds)):
        fold = folds[number]
        last = len(fold.inputs) % 16
        shapes.add((fold.inputs.shape[1:], fold.targets.shape[1:], last))
        assert fold.held_inputs.shape[1:] == fold.inputs.shape[1:]
        assert len(fold.held_inputs) <= folds.largest
    assert len(shapes) == 1


def test_columns_are_scaled_by_the_rows_that_are_trained_on(tmp_path: Path) -> None:
    folds = folds_of(table(tmp_path), target="amount")
    for number in range(len(folds)):
        fold = folds[number]
        assert abs(fold.targets.mean()) < 1e-6
        assert fold.targets.std() == pytest.approx(1, abs=1e-5)
        age = fold.inputs[:, 0]
        assert abs(age.mean()) < 1e-5
        assert abs(fold.held_targets.mean()) > 1e-4


def test_a_category_that_only_held_out_rows_have_is_in_no_column(
    tmp_path: Path,
) -> None:
    folds = folds_of(table(tmp_path), count=40, target="amount")
    for number in range(len(folds)):
        fold = folds[number]
        unseen = ~(fold.inputs != 0).any(axis=0)
        assert not fold.held_inputs[:, unseen].any()


def test_amounts_are_measured_in_the_units_of_the_target() -> None:
    folds = folds_of("diabetes")
    whole = sources.load(Source(name="diabetes"), 0.0, 0)
    assert whole.transform is not None and whole.transform.target is not None
    std = whole.transform.target.std
    units = [folds[number].unit for number in range(len(folds))]
    assert len(set(units)) == 5
    assert units == pytest.approx([std] * 5, rel=0.1)


@pytest.mark.parametrize("target", ["kind", "amount"])
def test_a_group_is_held_out_as_a_whole(tmp_path: Path, target: str) -> None:
    path = table(tmp_path, rows=200, rare=30)
    folds = folds_of(path, target=target, groups="person")
    where = sources.recognise(str(path), target=target, groups="person")
    persons = sources.read_table(where).groups("person")
    for known, held in folds.rows:
        assert not set(persons[known]) & set(persons[held])


def test_classes_are_in_every_fold_in_equal_shares() -> None:
    folds = folds_of("iris")
    for number in range(len(folds)):
        counts = np.bincount(folds[number].held_targets, minlength=3)
        assert counts.max() - counts.min() <= 1


def test_a_rare_class_is_noted(tmp_path: Path) -> None:
    folds = folds_of(table(tmp_path), target="kind")
    assert folds.notes == (
        "class 'c' has 2 training rows: not every one of 5 folds holds one out",
    )


@pytest.mark.parametrize(
    ("rows", "count", "source", "what", "fix"),
    [
        (
            *(40, 50, {"target": "amount"}),
            "table.csv: --folds 50 of 32 training rows: every fold must hold out one "
            "row or more",
            "--folds 5, or more rows",
        ),
        (
            *(30, 5, {"target": "amount", "test": 0.95}),
            "table.csv: --folds 5 of 2 training rows: every fold must hold out one row "
            "or more",
            "a smaller --test, or more rows",
        ),
        (
            *(90, 60, {"target": "kind"}),
            "table.csv: --folds 60: the commonest class has 42 training rows: every "
            "fold must hold out one or more",
            "--folds 42",
        ),
        (
            *(90, 20, {"target": "amount", "groups": "person"}),
            "table.csv: --folds 20: the training rows have 10 groups of 'person', and "
            "every fold must hold out one or more",
            "--folds 10",
        ),
    ],
)
def test_more_folds_than_there_is_to_hold_out_are_an_error(
    tmp_path: Path, rows: int, count: int, source: Any, what: str, fix: str
) -> None:
    with pytest.raises(DataError) as caught:
        folds_of(table(tmp_path, rows), count, **source)
    assert (caught.value.what, caught.value.fix) == (what, fix)
