"""``chainrule runs``: runs side by side, chosen by their validation scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.errors import FileError, OptionError
from chainrule.runs.overview import Condition, list_runs, summary
from chainrule.runs.settings import FORMAT
from tests.cli.conftest import call, call_well


@pytest.fixture(scope="module")
def runs(stays, spent, table, tmp_path_factory) -> Path:
    """A folder with four finished runs, an unfinished, a broken and a foreign one."""
    root = tmp_path_factory.mktemp("overview") / "runs"
    root.mkdir()
    shutil.copytree(stays.path, root / "first")
    shutil.copytree(spent.path, root / "amounts")
    words = ("--target", "stays", "--epochs", 2, "--lr", 0.0001, "--hidden", "4")
    call_well("train", table, *words, "--out", root / "poor")
    words = ("--target", "stays", "--epochs", 2, "--validation", 0)
    call_well("train", table, *words, "--out", root / "unwatched")
    shutil.copytree(stays.path, root / "stopped")
    (root / "stopped" / "metrics.json").unlink()
    shutil.copytree(stays.path, root / "broken")
    (root / "broken" / "metrics.json").write_text("{")
    (root / "worse").mkdir()
    (root / "worse" / "settings.json").write_text('{"format": "other"}')
    (root / "foreign").mkdir()
    (root / "foreign" / "notes.txt").write_text("not a run")
    (root / "file.txt").write_text("nor this")
    return root


def answer(*words: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(call_well(*words, "--json").stdout)
    return found


def test_every_state_of_a_run_is_told_and_foreign_folders_are_passed_over(runs) -> None:
    states = {run.path.name: (run.state, run.reason) for run in list_runs(runs)}
    assert states.pop("worse") == (
        "unreadable",
        f"settings.json: damaged settings: expected settings of format {FORMAT!r}",
    )
    state, reason = states.pop("broken")
    assert state == "unreadable"
    assert reason.startswith("metrics.json: damaged metrics: ")
    assert states.pop("stopped") == ("unfinished", "stopped after 12 of 12 epochs")
    assert states == dict.fromkeys(
        ("first", "amounts", "poor", "unwatched"), ("finished", "")
    )


def test_runs_are_sorted_by_their_validation_score(runs) -> None:
    said = answer("runs", "--in", runs, "--where", "target=stays")
    rows: list[dict[str, object]] = said["runs"]  # type: ignore[assignment]
    names = [Path(str(row["run"])).name for row in rows]
    assert names[:2] == ["first", "poor"]
    assert set(names[2:]) == {"unwatched", "stopped"}
    metrics = json.loads((runs / "first" / "metrics.json").read_text())
    assert rows[0]["validation"] == metrics["validation"]["accuracy"]


def test_the_test_score_is_named_of_the_best_run_only(runs) -> None:
    said = answer("runs", "--in", runs)
    best: list[dict[str, dict[str, float]]] = said["best"]  # type: ignore[assignment]
    assert {Path(str(each["run"])).name for each in best} == {"first", "amounts"}
    rows: list[dict[str, object]] = said["runs"]  # type: ignore[assignment]
    assert not any("test" in row for row in rows)
    printed = call_well("runs", "--in", runs, "--where", "target=stays").stdout
    assert printed.count("test ") == 1
    assert f"best on validation data: {runs / 'first'}, test " in printed


def test_small_errors_are_better_than_large_ones(spent, tmp_path) -> None:
    for name, error in (("a", 9.0), ("b", 2.0), ("c", 5.0)):
        shutil.copytree(spent.path, tmp_path / name)
        file = tmp_path / name / "metrics.json"
        metrics = json.loads(file.read_text())
        metrics["validation"]["rmse"] = error
        file.write_text(json.dumps(metrics))
    said = answer("runs", "--in", tmp_path)
    rows: list[dict[str, object]] = said["runs"]  # type: ignore[assignment]
    assert [row["validation"] for row in rows] == [2.0, 5.0, 9.0]
    said = answer("runs", "--in", tmp_path, "--sort", "name")
    rows = said["runs"]  # type: ignore[assignment]
    assert [Path(str(row["run"])).name for row in rows] == ["a", "b", "c"]


def test_lists_show_the_settings_in_which_runs_differ(runs) -> None:
    lines = call_well("runs", "--in", runs, "--where", "target=stays").stdout
    head = next(line for line in lines.splitlines() if line.startswith("  run "))
    for name in ("hidden", "epochs", "lr"):
        assert name in head
    assert "optimizer" not in head


def test_named_runs_are_compared_setting_by_setting(runs) -> None:
    said = call_well("runs", runs / "first", runs / "poor").stdout
    rows = [line.split() for line in said.splitlines()]
    assert ["lr", "0.003", "0.0001"] in rows
    (hidden,) = [row for row in rows if row[:1] == ["hidden"]]
    assert (len(hidden), hidden[2]) == (3, "4")
    assert not any(row[:1] == ["optimizer"] for row in rows)
    same = call_well("runs", runs / "first", runs / "stopped").stdout
    assert "all settings are the same" in same


def test_runs_validated_on_different_rows_are_not_compared_in_silence(
    runs, table, tmp_path
) -> None:
    words = ("--target", "stays", "--epochs", 1, "--seed", 5)
    call_well("train", table, *words, "--out", tmp_path / "other")
    said = call_well("runs", runs / "first", tmp_path / "other").stdout
    assert "validated on different rows: small differences may be due to chance" in said
    said = call_well("runs", runs / "first", runs / "poor").stdout
    assert "different rows" not in said


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("lr<0.001", {"poor"}),
        ("lr=1e-4", {"poor"}),
        ("training.lr > 0.001", {"first", "unwatched", "stopped", "amounts"}),
        ("hidden=4", {"poor"}),
        ("state=unreadable", {"broken", "worse"}),
        ("task=regression", {"amounts"}),
        ("drop=number", {"amounts"}),
        ("score<0.9", {"poor"}),
        ("run=poor", {"poor"}),
    ],
)
def test_conditions_choose_runs(runs, condition, names) -> None:
    said = answer("runs", "--in", runs, "--where", condition)
    rows: list[dict[str, object]] = said["runs"]  # type: ignore[assignment]
    assert {Path(str(row["run"])).name for row in rows} == names


def test_wrong_conditions_name_what_is_meant(runs) -> None:
    run = summary(runs / "first")
    with pytest.raises(OptionError, match="'optimiser': runs have no") as raised:
        Condition.parse("optimiser=adam").holds(run)
    assert raised.value.fix == "did you mean 'optimizer'?"
    with pytest.raises(OptionError, match="'lr' is not a condition"):
        Condition.parse("lr")


def test_without_runs_it_is_said(tmp_path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        list_runs(tmp_path / "none")
    assert "none in" in call_well("runs", "--in", tmp_path).stdout
    assert call("runs", "--in", tmp_path / "none").exit_code == 2


def test_a_table_is_made_of_runs(runs) -> None:
    import pandas as pd

    frame = pd.DataFrame([run.to_dict() for run in cr.runs.list_runs(runs)])
    assert len(frame) == 7
    assert frame.set_index("run").loc[str(runs / "poor"), "training.lr"] == 0.0001
