"""Likelihoods by enumeration, by annealed importance sampling, and the two together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DataError,
    ShapeError,
    StateError,
)
from chainrule.models import DBM, RBM
from chainrule.models.boltzmann.likelihood import Estimate
from tests.models.boltzmann.machines import DISCRETE, REAL, joint, with_values


@pytest.mark.parametrize("kind", DISCRETE)
def test_the_exact_partition_function_is_the_sum_over_all_pairs(kind: str) -> None:
    machine = with_values(DISCRETE[kind]())
    _, _, energies = joint(machine)
    total = math.log(np.exp(-energies).sum())
    assert models.exact_log_partition(machine) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("kind", REAL)
def test_real_units_are_summed_without_their_states(kind: str) -> None:
    """The side of binary units is enumerated; the other one is an integral."""
    machine = with_values(REAL[kind](), 0.5)
    estimate = models.annealed_importance_sampling(
        machine, chains=500, temperatures=300
    )
    exact = models.exact_log_partition(machine)
    assert abs(estimate.value - exact) < 0.05
    assert estimate.low <= exact <= estimate.high


@pytest.mark.parametrize("kind", DISCRETE)
def test_annealed_importance_sampling_finds_the_exact_value(kind: str) -> None:
    machine = with_values(DISCRETE[kind](), 1.5)
    exact = models.exact_log_partition(machine)
    x = None if kind == "binary" else machine.visible.states()[::2]
    estimate = models.annealed_importance_sampling(
        machine, x, chains=500, temperatures=300, seed=1
    )
    assert abs(estimate.value - exact) < 0.05
    assert estimate.low <= exact <= estimate.high
    assert estimate.high - estimate.low < 0.3


def test_more_temperatures_and_chains_make_the_error_smaller() -> None:
    machine = with_values(RBM(12, 8), 1.5)
    exact = models.exact_log_partition(machine)
    errors = []
    for temperatures in (10, 1000):
        found = models.annealed_importance_sampling(machine, temperatures=temperatures)
        assert found.low <= exact <= found.high
        errors.append(found.high - max(found.low, 0.0))
    assert errors[1] < 0.5 * errors[0]


def test_data_show_where_to_start_which_makes_the_error_smaller() -> None:
    """A start with the means of all units given data, hidden ones too."""
    machine = with_values(DBM((8, 8, 6), 20), 1.0)
    for bias in machine.hidden_biases:
        bias.assign(bias.numpy() - 3)
    exact = models.exact_log_partition(machine)
    data = machine.sample(200, 50, generator=cr.random.Generator(0))
    widths = []
    for x in (None, data.numpy()):
        found = models.annealed_importance_sampling(machine, x, temperatures=20)
        assert found.low <= exact <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < 0.3 * widths[0]


def test_a_seed_gives_one_estimate() -> None:
    machine = with_values(RBM(5, 4))
    first, again, other = (
        models.annealed_importance_sampling(machine, temperatures=20, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_likelihoods_are_those_of_the_joint_distribution() -> None:
    machine = with_values(DISCRETE["binary"]())
    v, _, energies = joint(machine)
    p = np.exp(-energies).sum(axis=1)
    expected = float(np.log(p / p.sum())[:5].mean())
    known = models.exact_log_partition(machine)
    exact = models.log_likelihood(machine, v[:5], log_partition=known)
    assert exact.mean == pytest.approx(expected, rel=1e-10)
    assert exact.low == exact.high == exact.mean
    found = models.log_likelihood(machine, v[:5], chains=300, temperatures=200)
    assert found.low <= expected <= found.high
    assert str(found) == str(Estimate(found.mean, found.low, found.high))


def test_a_data_set_is_taken_by_its_inputs() -> None:
    machine = with_values(DISCRETE["binary"]())
    v = machine.visible.states()[:5]
    found, same = (
        models.log_likelihood(machine, x, log_partition=3.0).mean
        for x in (v, data.Dataset(v))
    )
    assert found == same


rbm = RBM(3, 2)
broken = RBM(3, 2)
broken.hidden_bias.assign([0.0, np.nan])
NO_ROWS = np.zeros((0, 3), "f4")
# fmt: off
MISTAKES: list[tuple[str, Callable[[], Any], type[ChainruleError], str, str | None]] = [
    ("too many states", lambda: models.exact_log_partition(RBM(784, 500)),
     ArgumentError, "exact_log_partition: RBM(Binary(784) ↔ Binary(500)): both sides "
     "have more than the 1 048 576 states that are enumerated",
     "models.annealed_importance_sampling(machine, x) estimates it"),
    ("no temperatures",
     lambda: models.annealed_importance_sampling(rbm, temperatures=0), ArgumentError,
     "annealed_importance_sampling: temperatures=0: expected a whole number of at "
     "least 1", None),
    ("no machine", lambda: models.exact_log_partition(None),  # type: ignore[arg-type]
     ArgumentError, "exact_log_partition: machine=NoneType: expected an RBM or a deep "
     "machine", None),
    ("values beyond", lambda: models.log_likelihood(rbm, np.full((2, 3), 7, "f4")),
     DataError, "log_likelihood: data (2, 3): 7 at position (0, 0): expected 0 to 1 "
     "for binary units", "divide images of 0 … 255 by 255; models.Gaussian(…) for "
     "other real values"),
    ("grey values", lambda: models.log_likelihood(rbm, np.array([[0, 1, 0.25]])),
     DataError, "log_likelihood: data (1, 3): 0.25 at position (0, 2): expected "
     "states, 0 or 1: a machine has no probability for what is between",
     "(x > 0.5).astype('float32'), or states drawn with these probabilities"),
    ("no data", lambda: models.log_likelihood(rbm, NO_ROWS), ShapeError,
     "log_likelihood: data (0, 3): expected (N, 3), one row or more", None),
    ("no data to start from",
     lambda: models.annealed_importance_sampling(rbm, NO_ROWS), ShapeError,
     "annealed_importance_sampling: data (0, 3): expected (N, 3), one row or more",
     None),
    ("one row alone", lambda: models.log_likelihood(rbm, np.zeros(3)), ShapeError,
     "log_likelihood: data (3,): expected (N, 3), one row or more",
     "x[None] for a single one"),
    ("a split", lambda: models.log_likelihood(rbm, data.load("digits")),
     ArgumentError, "log_likelihood: a Split: which part?", "split.test"),
    *[(f"weights that are not finite: {name}", mistake, StateError,
       f"{name}: hidden_bias of RBM(Binary(3) ↔ Binary(2)) is not finite: the machine "
       "has no Z", "cr.fit again from other values, with a smaller learning rate")
      for name, mistake in {
          "exact_log_partition": lambda: models.exact_log_partition(broken),
          "annealed_importance_sampling":
              lambda: models.annealed_importance_sampling(broken),
          "log_likelihood": lambda: models.log_likelihood(broken, np.zeros((2, 3))),
      }.items()],
]
# fmt: on


@pytest.mark.parametrize(
    ("mistake", "error", "what", "fix"),
    [pytest.param(*rest, id=name) for name, *rest in MISTAKES],
)
def test_what_cannot_be_estimated_is_refused(
    mistake: Callable[[], Any], error: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(error) as caught:
        mistake()
    assert (caught.value.what, caught.value.fix) == (what, fix)
