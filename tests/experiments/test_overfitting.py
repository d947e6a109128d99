"""The experiment on overfitting, smaller: what its picture shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import chainrule as cr
from experiments import overfitting as experiment
from experiments.record import Options


@pytest.mark.skipif(
    cr.config.data_folder is None, reason="CHAINRULE_DATA names no folder of data"
)
def test_a_large_network_learns_wrong_labels_by_heart_and_every_remedy_helps(
    tmp_path: Path,
) -> None:
    made = experiment.run(Options(quick=True, folder=tmp_path))
    rows = {(row["method"], row["hidden"]): row for row in made.history}
    test = {name: rows[name, 64]["test"][0] for name in experiment.METHODS}
    training = {name: rows[name, 64]["training"][0] for name in experiment.METHODS}
    assert training["plain"] < 0.05 < 0.15 < test["plain"]
    assert all(test[name] < test["plain"] for name in test if name != "plain")
    assert all(training[n] > training["plain"] for n in training if n != "plain")
    assert test["augmentation"] == min(test.values())
    assert rows["plain", 4]["training"][0] > 0.2  # too small to learn them by heart
    assert (tmp_path / "overfitting.png").read_bytes().startswith(b"\x89PNG")
