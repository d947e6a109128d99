"""Which columns matter: shuffled columns, and gradients times inputs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.runs import importance
from chainrule.runs.example import feature_groups
from tests.cli.conftest import call, call_well, write_table


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """A run of a linear network on y = 10 a − 2 b + 0 c, and the table."""
    folder = tmp_path_factory.mktemp("linear")
    source = np.random.default_rng(0)
    rows = []
    for _ in range(400):
        a, b, c = source.normal(size=3).round(3)
        kind = str(source.choice(["x", "y", "z"]))
        rows.append([a, b, c, kind, round(10 * a - 2 * b + 5 * (kind == "x"), 3)])
    write_table(folder / "t.csv", ["a", "b", "c", "kind", "y"], rows)
    words = ("--target", "y", "--hidden", "none", "--epochs", 60, "--lr", 0.05)
    call_well("train", folder / "t.csv", *words, "--out", folder / "r")
    return cr.load_run(folder / "r"), folder / "t.csv"


def test_columns_are_in_the_order_of_what_the_target_owes_to_them(linear) -> None:
    run, _ = linear
    found = run.importance()
    assert [each.column for each in found] == ["a", "kind", "b", "c"]
    assert found.part == "validation"
    assert found.examples == len(run.examples.validation)
    first, last = found.columns[0], found.columns[-1]
    assert first.permutation > 5 * first.permutation_std > 0
    assert abs(last.permutation) < 0.1


def test_shuffling_a_column_adds_the_error_that_its_part_of_a_sum_makes(linear) -> None:
    """RMSE of the difference of two independent rows: √2 σ of the column's part."""
    run, table = linear
    found = {each.column: each for each in run.importance(table, repeats=20)}
    assert found["a"].permutation == pytest.approx(10 * np.sqrt(2), rel=0.1)
    assert found["b"].permutation == pytest.approx(2 * np.sqrt(2), rel=0.15)
    assert found["kind"].permutation == pytest.approx(
        5 * np.sqrt(2 * (1 / 3) * (2 / 3)), rel=0.15
    )


def test_gradient_times_input_of_a_linear_network_is_weight_times_value(linear) -> None:
    run, table = linear
    frame = pd.read_csv(table)
    found = {each.column: each for each in run.importance(frame)}
    part = np.abs(10 * (frame.a - frame.a.mean()))
    assert found["a"].gradient_input == pytest.approx(part.mean(), rel=0.05)
    assert found["a"].gradient_input_std == pytest.approx(part.std(), rel=0.05)
    assert found["c"].gradient_input < 0.1


def test_all_numbers_of_a_column_are_shuffled_together(stays) -> None:
    groups = feature_groups(stays.settings)
    assert len(groups["age"]) == 2  # its value, and whether it is missing
    assert len(groups["town"]) == 3
    places = [place for each in groups.values() for place in each]
    assert sorted(places) == list(range(stays.settings.network.inputs))
    found = stays.importance()
    assert found.score_name == "accuracy"
    assert {each.column for each in found.columns[:3]} == {"sex", "age", "spent"}
    assert found.columns[0].permutation > 0.05
    assert {each.column for each in found} == set(stays.columns)


def test_the_same_seed_gives_the_same_numbers(stays) -> None:
    assert stays.importance(seed=3) == stays.importance(seed=3)
    assert stays.importance(seed=3) != stays.importance(seed=4)


def test_of_many_rows_some_are_used(stays, table, monkeypatch) -> None:
    monkeypatch.setattr(importance, "MOST_ROWS", 50)
    found = stays.importance(table)
    assert (found.examples, found.part) == (50, "given")


def test_the_command_shows_what_python_gives(stays) -> None:
    said = json.loads(call_well("explain", stays.path, "--importance", "--json").stdout)
    found = stays.importance()
    assert [each["column"] for each in said["columns"]] == [e.column for e in found]
    assert said["columns"][0]["permutation"] == found.columns[0].permutation
    printed = call_well("explain", stays.path, "--importance").stdout
    rows = found.table()
    assert f"{found.examples} rows of the validation data, accuracy " in printed
    for row in rows:
        assert all(cell in printed for cell in row)
    frame = pd.DataFrame(found.to_dict())
    assert list(frame.columns)[:2] == ["column", "permutation"]
    assert repr(found).splitlines()[1].startswith("column")


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [(12.34, 0.85, "12.34 ± 0.85"), (-1234.5, 98.7, "−1234 ± 99"),
     (3.0, 0.0, "3.00 ± 0.00"), (0.5, 1e-9, "0.5000 ± 0.0000")],
)  # fmt: skip
def test_a_mean_has_the_decimals_of_its_spread(mean, std, text) -> None:
    assert importance._spread(mean, std) == text


def test_what_has_no_columns_is_refused(stays, tmp_path) -> None:
    call_well("train", "--epochs", 1, "--hidden", 4, "--out", tmp_path / "digits")
    with pytest.raises(ArgumentError, match="trained on images, which have no"):
        cr.load_run(tmp_path / "digits").importance()
    with pytest.raises(ArgumentError, match="repeats=0: expected at least 1"):
        stays.importance(repeats=0)
    said = call("explain", stays.path, "--importance", "--graph")
    assert "--importance beside --graph: one at a time" in said.output


def test_a_network_that_predicts_one_class_alone_is_said_to(stays, table) -> None:
    rows = pd.read_csv(table)
    found = stays.importance(rows[rows.sex == "female"])
    assert found.only == "1"
    assert found.sentence().endswith(
        "; the same class, '1', is predicted for every row"
    )
    assert stays.importance(rows).only == ""
