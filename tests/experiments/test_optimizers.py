"""The comparison of optimizers, smaller: what it says of them is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chainrule import optim
from experiments import optimizers as experiment
from experiments.record import Options


def test_every_optimizer_for_gradients_takes_part() -> None:
    taking_part = {name.lower() for name in experiment.USUAL}
    known = {
        name
        for name, each in optim.ALGORITHMS.items()
        if issubclass(each, optim.Optimizer)
    }
    assert taking_part == known - {"sparseadam"}  # which is Adam for tables


def test_tuned_alike_momentum_and_adam_learn_digits_faster_than_gradient_descent(
    tmp_path: Path,
) -> None:
    options = Options(quick=True, folder=tmp_path, checkpoints=tmp_path / "kept")
    made = experiment.run(options)
    loss = {row["optimizer"]: row["training_loss"] for row in made.history}
    assert loss["Adam"] < loss["SGD"] < 1.0
    assert all(0.7 < row["test_accuracy"] <= 1 for row in made.history)
    assert all(row["rates_tried"] >= 3 for row in made.history)
    ends = {n: v for n, v in made.measured.items() if n.startswith("Rosenbrock")}
    start = float(experiment.height(np.array([[-1.2, 1.0]]))[0])
    assert all(value < start / 4 for value in ends.values())
    for name in made.pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    again = experiment.run(options)  # read, not trained
    assert again.history == made.history


def test_a_path_in_the_valley_is_that_of_the_rule() -> None:
    points = experiment.path("SGD", 1e-3, 3)
    w = np.array([-1.2, 1.0])
    for point in points:
        np.testing.assert_allclose(point, w, rtol=1e-12)
        x, y = w
        w = w - 1e-3 * np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


def test_a_rate_at_the_edge_is_not_the_last_word() -> None:
    rng = np.random.default_rng(0)
    problem = experiment.digits(True, rng)
    usual = experiment.USUAL["SGD"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.USUAL, "SGD", 1e-3)
        lr, tried = experiment.tuned(problem, "SGD", 0, epochs=2)
    assert tried > 3
    assert lr > 0.3 * usual
