"""A candidate on a fold: determined by its task alone, compiled once for all folds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.config import config
from chainrule.engines.native.run.compile import llvm
from chainrule.recompilation import templates
from chainrule.runs import plan, sources
from chainrule.runs.settings import Settings
from chainrule.tuning.folds import Folds, make_folds
from chainrule.tuning.search import outcomes
from chainrule.tuning.space import Candidate
from chainrule.tuning.trials import Outcome, task_for, train_fold

SMALL = Candidate((8,), 0.01, 0.0, 0.0)
ASKED: dict[str, Any] = {"epochs": 3, "batch_size": 16, "validation": 0.0, "members": 1}


def searched(name: str = "iris", **asked: Any) -> tuple[Settings, Folds]:
    """What trials need of a data set."""
    source = sources.recognise(name)
    examples = sources.load(source, 0.0, 0)
    settings = plan.settings_for({**ASKED, **asked}, source, examples, "mlp")
    return settings, make_folds(source, examples, 5, 0, settings.training.batch_size)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], int]:
    """How many modules LLVM has compiled, with nothing on the disk and in memory at
    first.
    """
    templates.forget()
    monkeypatch.setattr(config, "cache_folder", tmp_path)
    counted: list[int] = []

    @functools.wraps(llvm.Compilation.run)
    def run(self: Any, real: Any = llvm.Compilation.run) -> Any:
        counted.append(1)
        return real(self)

    monkeypatch.setattr(llvm.Compilation, "run", run)
    return lambda: len(counted)


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_compilations_do_not_grow_with_the_folds(
    compilations: Callable[[], int], name: str
) -> None:
    settings, folds = searched(name)
    train_fold(task_for(settings, SMALL, 0, folds.largest), folds[0])
    first = compilations()
    assert first > 0
    for fold in range(1, len(folds)):
        train_fold(task_for(settings, SMALL, fold, folds.largest), folds[fold])
    assert compilations() == first


def test_a_fold_has_the_same_error_in_every_process_and_after_any_other() -> None:
    settings, folds = searched()
    tasks = [task_for(settings, SMALL, fold, folds.largest) for fold in range(5)]
    here = {each.fold: each.error for each in outcomes(tasks, folds, 1)}
    there = {each.fold: each.error for each in outcomes(tasks[::-1], folds, 2)}
    assert here == there
    assert len(set(here.values())) > 1


def test_threads_of_the_process_do_not_change_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, folds = searched("diabetes")
    task = task_for(settings, SMALL, 1, folds.largest)
    errors = []
    for threads in (1, 2):
        monkeypatch.setattr(config, "threads", threads)
        errors.append(train_fold(task, folds[1]).error)
        assert config.threads == threads
    assert errors[0] == errors[1]


def test_settings_of_a_candidate_reach_its_training() -> None:
    settings, folds = searched()
    errors = set()
    for change in (
        {"hidden": (16,)},
        {"hidden": (8, 8)},
        {"lr": 0.003},
        {"weight_decay": 0.3},
        {"dropout": 0.5},
    ):
        task = task_for(settings, replace(SMALL, **change), 0, folds.largest)  # type: ignore[arg-type]
        outcome = train_fold(replace(task, keeps=True), folds[0])
        assert outcome.weights is not None
        errors.add(float(sum(np.abs(w).sum() for w in outcome.weights.values())))
    assert len(errors) == 5


def test_a_candidate_that_diverges_has_an_infinite_error_and_no_traceback() -> None:
    settings, folds = searched("diabetes", optimizer="sgd", schedule="constant")
    wild = replace(SMALL, lr=1e12)
    outcome = train_fold(task_for(settings, wild, 0, folds.largest), folds[0])
    assert outcome.error == np.inf
    line = outcome.to_json()
    assert line["error"] is None
    assert Outcome.from_json(line).error == np.inf


def test_an_outcome_survives_its_line_to_the_bit() -> None:
    outcome = Outcome(Candidate((8, 8), 1e-3, 0.1, 0.3), 2, 0.1 + 0.2, 1.5)
    assert Outcome.from_json(outcome.to_json()) == outcome
