"""The experiments with Boltzmann machines, in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chainrule import models
from experiments import boltzmann, dbm, dbm_long, rbm
from experiments.record import Options
from tests.experiments.data_folder import WITH_DATA


@WITH_DATA
def test_each_way_of_learning_finds_new_digits_likelier_than_pixels_by_themselves(
    tmp_path: Path,
) -> None:
    options = Options(quick=True, folder=tmp_path)
    split, test = boltzmann.digits(options)
    assert set(np.unique(test)) == {0.0, 1.0}
    p = np.clip(np.asarray(split.train.inputs, float).mean(axis=0), 1e-3, 1 - 1e-3)
    alone = (test * np.log(p) + (1 - test) * np.log(1 - p)).sum(axis=1).mean()
    made = rbm.run(options)
    assert list(made.measured) == ["persistent CD", "CD-1", "CD-3"]
    assert all(value > alone + 20 for value in made.measured.values())
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@WITH_DATA
def test_a_deep_machine_is_trained_measured_and_tuned_beside_mixtures(
    tmp_path: Path,
) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = dbm_long.run(options)
    assert made.name == "dbm-long"
    assert list(made.measured) == [
        *("bound", "test error", "mixture of 2", "mixture of 10")
    ]
    assert made.measured["bound"] > -165
    assert made.measured["test error"] < 0.25
    assert made.measured["mixture of 10"] > made.measured["mixture of 2"] > -200
    assert all((tmp_path / name).is_file() for name in made.pictures)
    again = dbm_long.run(options)  # from the checkpoints
    assert again.measured == made.measured


def test_expectation_and_maximisation_find_the_parts_of_a_mixture() -> None:
    rng = np.random.default_rng(0)
    q = np.array([[0.9, 0.9, 0.1, 0.1, 0.5], [0.1, 0.2, 0.8, 0.9, 0.5]])
    which = rng.random(20_000) < 0.3
    x = (rng.random((20_000, 5)) < q[which.astype(int)]).astype("f4")
    machine = dbm.mixture(x, 2, 60, 0)
    found = machine.visible_given(np.eye(2, dtype="f4")).numpy()
    found = found[np.argsort(-found[:, 0])]
    np.testing.assert_allclose(found, q, atol=0.03)
    parts = 0.7 * np.prod(np.where(x == 1, q[0], 1 - q[0]), axis=1)
    parts += 0.3 * np.prod(np.where(x == 1, q[1], 1 - q[1]), axis=1)
    exact = models.exact_log_partition(machine)
    assert exact == pytest.approx(0, abs=1e-3)  # the shares add up to 1
    nats = models.log_likelihood(machine, x, log_partition=exact)
    assert nats.mean == pytest.approx(np.log(parts).mean(), abs=0.01)


def test_black_and_white_digits_depend_on_the_seed_alone() -> None:
    grey = np.full((1000, 3), [0.0, 0.3, 1.0])
    first = boltzmann.binarized(grey, 1)
    assert (first == boltzmann.binarized(grey, 1)).all()
    assert (first != boltzmann.binarized(grey, 2)).any()
    np.testing.assert_allclose(first.mean(axis=0), [0, 0.3, 1], atol=0.05)
