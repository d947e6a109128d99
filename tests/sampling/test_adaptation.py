"""The plan of a warm-up, and what it learns, compared with plain Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.sampling import adaptation

RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("iterations", "first", "closes"),
    [
        (1000, 75, [99, 149, 249, 449, 949]),
        (500, 75, [99, 149, 249, 449]),
        (200, 75, [99, 149]),
        (150, 75, [99]),
        (100, 15, [89]),
        (20, 3, [17]),
    ],
)
def test_windows_are_those_of_stan(
    iterations: int, first: int, closes: list[int]
) -> None:
    plan = adaptation.plan(iterations, True)
    assert np.flatnonzero(plan.closes).tolist() == closes
    inside = np.flatnonzero(plan.collects)
    assert inside.tolist() == list(range(first, closes[-1] + 1))
    assert len(plan.collects) == iterations + 1


@pytest.mark.parametrize(
    ("iterations", "masses"), [(19, True), (0, True), (900, False)]
)
def test_without_windows_only_steps_are_found(iterations: int, masses: bool) -> None:
    plan = adaptation.plan(iterations, masses)
    assert not plan.collects.any()
    assert not plan.closes.any()


def follow(
    iterations: int, acceptance: np.ndarray, draws: np.ndarray, masses: bool = True
) -> list[Any]:
    """What chains know after each iteration, all of which ended."""
    plan = adaptation.plan(iterations, masses)
    known = adaptation.beginning(np.array([0.3, 2.0]), draws[0])
    found = []
    for t in range(iterations + 2):
        known = adaptation.adapted(
            known, plan, 0.8, np.full(2, t), cr.tensor([True, True]),
            cr.tensor(acceptance[t]), cr.tensor(draws[t]),
        )  # fmt: skip
        found.append({name: np.asarray(value) for name, value in known.items()})
    return found


def test_dual_averaging_is_the_algorithm() -> None:
    iterations = 15  # no windows
    acceptance = RANDOM.random((17, 2))
    found = follow(iterations, acceptance, RANDOM.normal(size=(17, 2, 3)))
    for chain, first in enumerate((0.3, 2.0)):
        centre, error, average = math.log(10 * first), 0.0, 0.0
        for t in range(1, iterations + 1):
            error = (1 - 1 / (t + 10)) * error
            error += (0.8 - acceptance[t - 1, chain]) / (t + 10)
            log_step = centre - math.sqrt(t) / 0.05 * error
            average = t**-0.75 * log_step + (1 - t**-0.75) * average
            expected = average if t == iterations else log_step
            assert found[t - 1]["log_step"][chain] == pytest.approx(expected)
        assert found[-1]["log_step"][chain] == pytest.approx(average)


def test_masses_are_variances_of_the_last_window() -> None:
    iterations = 150
    draws = RANDOM.normal(size=(152, 2, 3)) * [1.0, 10.0, 0.1] + [5.0, 0.0, -1.0]
    found = follow(iterations, np.full((152, 2), 0.8), draws)
    assert (found[98]["inverse_mass"] == 1).all()
    variance = draws[75:100].var(axis=0, ddof=1)
    expected = 25 / 30 * variance + 5 / 30 * 1e-3
    np.testing.assert_allclose(found[99]["inverse_mass"], expected, rtol=1e-12)
    np.testing.assert_allclose(found[-1]["inverse_mass"], expected, rtol=1e-12)
    # the step goes as far as before in the number that bounded it, and begins again
    going_on = follow(150, np.full((152, 2), 0.8), draws, masses=False)[99]["log_step"]
    longer = 0.5 * np.log((1 / expected).max(axis=1))
    np.testing.assert_allclose(found[99]["log_step"], going_on + longer)
    np.testing.assert_allclose(found[99]["centre"], going_on + longer + math.log(10))
    assert (found[99]["updates"] == 0).all()


def test_a_chain_that_has_not_ended_learns_nothing() -> None:
    plan = adaptation.plan(100, True)
    known = adaptation.beginning(np.ones(2), np.zeros((2, 3)))
    new = adaptation.adapted(
        known, plan, 0.8, np.full(2, 50), cr.tensor([False, True]),
        cr.tensor([0.1, 0.1]), cr.tensor(RANDOM.normal(size=(2, 3))),
    )  # fmt: skip
    for name, value in new.items():
        assert (np.asarray(value)[0] == known[name][0]).all(), name
    assert np.asarray(new["draws"])[1] == 1
    assert np.asarray(new["log_step"])[1] != 0
