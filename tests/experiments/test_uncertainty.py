"""The experiments on how sure a network is, in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments import uci_regression, uci_regression_all, uncertainty
from experiments.record import Options
from tests.experiments.data_folder import WITH_DATA


@WITH_DATA
def test_every_method_learns_a_table_of_uci(tmp_path: Path) -> None:
    made = uci_regression_all.run(Options(quick=True, folder=tmp_path))
    assert made.name == "uci-regression-all"
    spread = 15.0  # the deviation of the target
    constant = -0.5 * np.log(2 * np.pi * spread**2) - 0.5
    for method in uci_regression.methods("yacht", quick=True):
        assert made.measured[f"yacht, {method}: RMSE"] < 0.4 * spread
        assert made.measured[f"yacht, {method}: log-likelihood"] > constant + 0.5
    assert (
        made.measured["yacht, deep ensemble: log-likelihood"]
        > made.measured["yacht, MAP: log-likelihood"] + 0.5
    )
    assert made.pictures == ["uci-regression-all.png"]
    assert (tmp_path / made.pictures[0]).read_bytes().startswith(b"\x89PNG")


@WITH_DATA
def test_scores_that_are_known_are_not_measured_again(tmp_path: Path) -> None:
    kept = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    results = uci_regression.Results(kept.checkpoints)
    for method in uci_regression.methods("yacht", quick=True):
        results.keep(f"yacht, {method}, split 0: RMSE", 1.0)
        results.keep(f"yacht, {method}, split 0: log-likelihood", -2.0)
    made = uci_regression.run(kept)
    assert set(made.measured.values()) == {1.0, -2.0}
    assert made.measured["yacht, HMC: RMSE"] == 1.0
    assert made.settings["mean and standard error"]["RMSE"]["yacht"]["MAP"] == (1, 0)


@WITH_DATA
def test_bands_widen_and_clothes_are_told_from_digits(tmp_path: Path) -> None:
    made = uncertainty.run(Options(quick=True, folder=tmp_path))
    for method in ("deep ensemble", "MC dropout", "mean field", "Laplace"):
        assert made.measured[f"band outside over inside, {method}"] > 2
        assert made.measured[f"{method}: AUROC, mutual information"] > 0.75
        assert made.measured[f"{method}: accuracy"] > 0.65
        assert made.measured[f"{method}: ECE"] < 0.35
        every = made.settings["everything"]
        assert every[f"{method}: 60°: entropy"] > every[f"{method}: 0°: entropy"] + 0.2
        assert every[f"{method}: 60°: accuracy"] < every[f"{method}: 0°: accuracy"]
    assert made.measured["one network: AUROC, mutual information"] == 0.5
    assert len(made.pictures) == 2
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
