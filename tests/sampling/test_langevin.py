"""Stochastic-gradient Langevin dynamics, on posteriors that are known."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from chainrule import sampling
from chainrule.errors import ArgumentError, DataError, NumericsError, ShapeError

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal([1.0, -0.5], [1.0, 2.0], (500, 2))
SPREAD = np.array([1.0, 2.0])


def log_prior(mean: Any) -> Any:
    return -0.5 * (mean * mean).sum()


def log_likelihood(mean: Any, rows: Any) -> Any:
    return -0.5 * (((rows - mean) / SPREAD) ** 2).sum(axis=1)


def posterior() -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of both means."""
    precision = 1 + len(ROWS) / SPREAD**2
    return ROWS.sum(axis=0) / SPREAD**2 / precision, 1 / precision


def sgld(**options: Any) -> sampling.LangevinDraws:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = {"step_size": 2e-4, "draws": 4000, "batch_size": 250, **options}
        return sampling.sgld(log_prior, log_likelihood, np.zeros(2), ROWS, **given)


def test_all_rows_and_small_steps_give_the_posterior() -> None:
    draws = sgld(batch_size=500, thin=3)
    mean, variance = posterior()
    values = draws.values
    error = np.sqrt(variance / sampling.ess_mean(values))
    assert values.shape == (4, 4000, 2)
    assert (np.abs(values.mean(axis=(0, 1)) - mean) < 4 * error).all()
    np.testing.assert_allclose(values.var(axis=(0, 1)), variance, rtol=0.15)


def test_the_spread_is_that_of_the_discrete_chain() -> None:
    """θ ← (1 − ελ/2) θ + noise of variance ε + ε² s / 4, s that of the batches'
    gradients: its variance is what theory says, too wide for large steps."""
    step, rows = 2e-3, 50
    draws = sgld(step_size=step, batch_size=rows, draws=20_000)
    _, variance = posterior()
    decay = 1 - 0.5 * step / variance
    gradients = (ROWS - ROWS.mean(axis=0)) / SPREAD**2
    noise = len(ROWS) ** 2 / rows * gradients.var(axis=0)
    expected = (step + 0.25 * step**2 * noise) / (1 - decay**2)
    assert (expected > 1.5 * variance).all()
    np.testing.assert_allclose(draws.values.var(axis=(0, 1)), expected, rtol=0.07)


def test_steps_shrink_as_welling_and_teh_have_it() -> None:
    draws = sgld(step_size=1e-3, final_step_size=1e-5, draws=900, warmup=100)
    every = draws.step_size
    assert every.shape == (900,)
    assert every[-1] == pytest.approx(1e-5)
    # a (b + t)^−γ: its −1/γ-th power is a line
    line = every ** (-1 / 0.55)
    np.testing.assert_allclose(np.diff(line), np.diff(line)[0], rtol=1e-6)
    assert line[0] - 100 * np.diff(line)[0] == pytest.approx(1e-3 ** (-1 / 0.55))
    constant = sgld(draws=10, warmup=0)
    assert (constant.step_size == 2e-4).all()


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, second, other = (
        sgld(draws=50, warmup=20, seed=seed).values for seed in (0, 0, 1)
    )
    assert first.tobytes() == second.tobytes()
    assert not (first == other).any()


def test_rows_of_several_arrays_belong_together() -> None:
    x = RANDOM.normal(size=(300, 1))
    y = 2.0 * x[:, 0]

    def fit(w: Any, x: Any, y: Any) -> Any:
        return -50.0 * (((x @ w) - y) ** 2).sum()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draws = sampling.sgld(
            log_prior, fit, np.zeros(1), (x, y), step_size=1e-5, batch_size=30
        )
    assert draws.flat.mean() == pytest.approx(2.0, abs=0.01)


def test_a_chain_that_diverges_is_an_error() -> None:
    with pytest.raises(NumericsError) as error:
        sgld(step_size=1.0)
    assert error.value.what == (
        "sgld: chain 0 diverged at step size 1: its point is no longer finite"
    )
    assert error.value.fix == (
        "step_size=0.1; nothing is rejected here, so steps must be small beside 1 / "
        "(the largest curvature of log p)"
    )


def test_mistakes() -> None:
    def wrong(data: Any = ROWS, of: Any = log_likelihood, **options: Any) -> str:
        kinds = (ArgumentError, DataError, ShapeError, NumericsError)
        with pytest.raises(kinds) as error:
            given = {"step_size": 1e-4, **options}
            sampling.sgld(log_prior, of, np.zeros(2), data, **given)
        return error.value.what

    assert wrong(batch_size=501) == "sgld: batch_size=501 of 500 rows"
    assert wrong(draws=0) == "sgld: draws=0: expected a whole number of at least 1"
    assert wrong(step_size=0.0) == "sgld: step_size=0.0: expected a number above 0"
    assert wrong(final_step_size=1.0) == (
        "sgld: final_step_size=1.0: expected a number above 0, step_size=0.0001 at most"
    )
    assert wrong((ROWS, ROWS[:3])) == (
        "sgld: data (500, 2) and (3, 2): expected arrays with as many rows, one or more"
    )
    assert wrong(ROWS[:0]) == (
        "sgld: data (0, 2): expected arrays with as many rows, one or more"
    )
    missing = ROWS.copy()
    missing[3, 1] = np.nan
    assert wrong(missing) == "sgld: data (500, 2): nan at position (3, 1)"
    assert wrong(of=lambda mean, rows: rows - mean) == (
        "sgld: log_likelihood returned (32, 2) for 32 rows: expected one number a row, "
        "or their sum"
    )
