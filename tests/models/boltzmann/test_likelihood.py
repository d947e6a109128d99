"""Likelihoods by enumeration, by annealed importance sampling, and the two together."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.errors import ArgumentError, DataError
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
    data = None if kind == "binary" else machine.visible.states()[::2]
    estimate = models.annealed_importance_sampling(
        machine, data, chains=500, temperatures=300, seed=1
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


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        models.exact_log_partition(RBM(784, 500))
    assert caught.value.what == (
        "states of Binary(500): more than the 1 048 576 that are enumerated"
    )
    assert caught.value.fix == (
        "models.log_likelihood estimates what enumeration cannot reach"
    )
    with pytest.raises(ArgumentError) as caught:
        models.annealed_importance_sampling(RBM(3, 2), temperatures=0)
    assert caught.value.what == (
        "annealed_importance_sampling: temperatures=0: expected a whole number of at "
        "least 1"
    )
    with pytest.raises(DataError) as data:
        models.log_likelihood(RBM(3, 2), np.full((2, 3), 7.0, "f4"))
    assert data.value.what == (
        "log_likelihood: data (2, 3): 7 at position (0, 0): expected 0 to 1 for binary "
        "units"
    )
