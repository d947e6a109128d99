"""Searches by Optuna: one database, several processes, one answer from all trials."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chainrule.errors import MissingPackageError
from chainrule.tuning import study

optuna = pytest.importorskip("optuna", reason="optuna is not installed")

WORDS = ("tune", "iris", "--epochs", "2", "--folds", "3", "--engine", "numpy")
SMALL = ("--hidden", "2..16", "--layers", "1", "--members", "1")


def program(folder: Path, *words: object) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "chainrule", *WORDS, *SMALL, *map(str, words)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def said(process: subprocess.Popen[str]) -> str:
    """What it printed, after it has done well."""
    out, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    return out


def trials(url: str, name: str = "iris") -> list[Any]:
    """All trials of a study."""
    return list(optuna.load_study(study_name=name, storage=url).trials)


def test_two_processes_share_the_trials_of_one_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    both = [
        program(
            tmp_path,
            *("--trials", 8, "--storage", url, "--processes", 1),
            *("--out", out, "--seed", 3, "--json"),
        )
        for out in ("a", "b")
    ]
    chosen = [json.loads(said(process))["chosen"] for process in both]
    found = trials(url)
    finished = [trial for trial in found if trial.state.is_finished()]
    assert 8 <= len(finished) <= 9  # both may begin the last one
    made = {json.dumps(t.user_attrs["candidate"]) for t in found if t.user_attrs}
    assert len(made) > 4
    values = [trial.value for trial in finished if trial.value is not None]
    for choice in chosen:
        assert choice["error"] in values
        names = ("hidden", "lr", "weight_decay", "dropout")
        assert json.dumps({name: choice[name] for name in names}) in made


def test_a_stopped_search_goes_on_with_the_trials_that_it_has(tmp_path: Path) -> None:
    first = program(tmp_path, "--trials", 3, "--out", "t", "--processes", 1)
    said(first)
    url = f"sqlite:///{tmp_path / 't' / 'trials.db'}"
    assert len(trials(url)) == 3
    plan = json.loads((tmp_path / "t" / "tuning.json").read_text())
    (tmp_path / "t" / "tuning.json").write_text(json.dumps({**plan, "trials": 5}))
    (tmp_path / "t" / "metrics.json").unlink()
    words = [sys.executable, "-m", "chainrule", "tune", "--resume", "t", "--quiet"]
    again = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert len(trials(url)) == 5


def test_trials_of_other_data_or_settings_are_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    words = ("--trials", 1, "--storage", url, "--processes", 1)
    said(program(tmp_path, *words, "--out", "a"))
    process = program(tmp_path, *words, "--out", "b", "--epochs", 3)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 2
    assert complaint == (
        f"StateError: tune: the study 'iris' in {url} is of other data or settings\n"
        "  fix        another name: --study NAME\n"
    )


def test_a_database_that_cannot_be_opened_is_a_clear_error(tmp_path: Path) -> None:
    process = program(tmp_path, "--trials", 1, "--storage", "sqlite:///no/where.db")
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 2
    assert complaint.startswith(
        "FileError: tune: --storage sqlite:///no/where.db: cannot be opened: "
    )
    assert complaint.endswith(
        "  fix        sqlite:///trials.db, or the address of a database that is "
        "running\n"
    )


def test_without_optuna_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingPackageError) as caught:
        study.optuna()
    assert caught.value.what == (
        "tune: --trials needs the package 'optuna', which is not installed"
    )
    assert caught.value.fix == (
        "pip install 'chainrule[tune]'; without it, a grid of ranges: "
        "--hidden 8..256 --lr 1e-4..1e-2"
    )


def test_a_trial_that_falls_behind_is_pruned(tmp_path: Path) -> None:
    wild = ("--lr", "1e-7,1e-2", "--trials", 14, "--processes", 1, "--seed", 1)
    text = said(program(tmp_path, *wild, "--out", "t", "--json"))
    found = trials(f"sqlite:///{tmp_path / 't' / 'trials.db'}")
    pruned = [t for t in found if t.state == optuna.trial.TrialState.PRUNED]
    assert pruned
    assert all(len(t.intermediate_values) < 3 for t in pruned)
    assert json.loads(text)["chosen"]["lr"] == 1e-2
