"""scikit-learn's searches drive networks: compiled once, here and on a cluster."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score

import chainrule as cr
from chainrule.config import config
from chainrule.engines.native.run.compile import llvm

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"  # few epochs, to be quick
)


def test_compilations_do_not_grow_with_the_folds_of_a_search(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(config, "cache_folder", tmp_path)
    compiled: list[int] = []

    @functools.wraps(llvm.Compilation.run)
    def run(self: Any, real: Any = llvm.Compilation.run) -> Any:
        compiled.append(1)
        return real(self)

    monkeypatch.setattr(llvm.Compilation, "run", run)
    x, y = load_iris(return_X_y=True)
    network = cr.estimators.MLPClassifier(
        (7,), max_iter=2, batch_size=24, random_state=0
    )
    counts = []
    for folds in (2, 5):
        compiled.clear()
        split = StratifiedKFold(folds, shuffle=True, random_state=0)
        cross_val_score(network, x[:120], y[:120] % 2, cv=split)
        counts.append(len(compiled))
    assert counts[1] <= counts[0]


def test_the_smallest_network_within_one_standard_error_can_refit_a_search() -> None:
    """``refit`` may be a function of ``cv_results_``."""
    x, y = load_iris(return_X_y=True)
    sizes = [(2,), (4,), (8,)]

    def chosen(results: dict[str, Any]) -> int:
        scores = [results[f"split{fold}_test_score"] for fold in range(3)]
        errors = 1 - np.array(scores).T
        return cr.tuning.one_standard_error(errors, [size[0] for size in sizes])

    network = cr.estimators.MLPClassifier(max_iter=30, random_state=0)
    search = GridSearchCV(network, {"hidden_layer_sizes": sizes}, cv=3, refit=chosen)
    search.fit(x, y)
    assert search.best_params_["hidden_layer_sizes"] in sizes
    assert search.best_index_ == chosen(search.cv_results_)


def test_the_example_with_dask_of_the_page_works(
    repository: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="dask is not installed")
    page = (repository / "docs" / "choosing-a-model.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "example.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"\[0\.\d+ +0\.\d+\]", done.stdout)
