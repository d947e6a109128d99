"""Hamiltonian Monte Carlo and NUTS find the densities that they are given."""

from __future__ import annotations

import dataclasses
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import sampling
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DTypeError,
    NumericsError,
    ShapeError,
)
from chainrule.sampling.nuts import edges_of
from chainrule.sampling.running import Kept

SAMPLERS: dict[str, Callable[..., sampling.Draws]] = {
    "hmc": lambda *args, **options: sampling.hmc(
        *args, **{"leapfrog_steps": 12, **options}
    ),
    "nuts": sampling.nuts,
}

MEAN = np.array([1.0, -2.0, 0.5])
ROOT = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-1.0, 0.3, 3.0]])
COVARIANCE = ROOT @ ROOT.T
PRECISION = np.linalg.inv(COVARIANCE)


def correlated(q: Any) -> Any:
    """N(MEAN, COVARIANCE)."""
    away = q - MEAN
    return -0.5 * away @ (PRECISION @ away)


def quietly(name: str, *args: Any, **options: Any) -> sampling.Draws:
    """Few draws, which a warning would be about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SAMPLERS[name](*args, **options)


def check_moments(draws: Any, mean: np.ndarray, covariance: np.ndarray) -> None:
    """Means and covariances within four standard errors, by effective draws."""
    values = draws.values.astype(float)
    error = np.sqrt(np.diag(covariance) / sampling.ess_mean(values))
    assert (np.abs(values.mean(axis=(0, 1)) - mean) < 4 * error).all()
    away = values - mean
    products = away[..., :, None] * away[..., None, :]
    spread = products.std(axis=(0, 1)) / np.sqrt(sampling.ess_mean(products))
    assert (np.abs(products.mean(axis=(0, 1)) - covariance) < 4 * spread).all()
    assert (spread < 0.1 * np.sqrt(np.outer(*[np.diag(covariance)] * 2))).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_correlated_gaussian_has_its_moments(name: str) -> None:
    draws = SAMPLERS[name](correlated, np.zeros(3), draws=2000, seed=1)
    assert draws.values.shape == (4, 2000, 3)
    check_moments(draws, MEAN, COVARIANCE)
    assert (draws.r_hat < 1.01).all()
    assert draws.divergences == 0
    # what is kept beside them belongs to them
    values = draws.values[1, :5]
    expected = [correlated(cr.tensor(each)).item() for each in values]
    np.testing.assert_allclose(draws.log_density[1, :5], expected, rtol=1e-12)
    assert (draws.energy >= -draws.log_density).all()
    assert 0.6 < draws.acceptance.mean() < 0.98


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_linear_regression_has_its_exact_posterior(name: str) -> None:
    """Weights ~ N(0, 1), noise of deviation 0.5: N(m, S) with S⁻¹ = I + 4 XᵀX."""
    random = np.random.default_rng(5)
    x = random.normal(size=(30, 2)) @ [[1.0, 0.7], [0.0, 0.5]]
    y = x @ [0.5, -1.0] + 0.5 * random.normal(size=30)
    exact = np.linalg.inv(np.eye(2) + 4 * x.T @ x)
    mean = exact @ (4 * x.T @ y)

    def log_density(w: Any) -> Any:
        return -0.5 * (w * w).sum() - 2.0 * ((cr.tensor(x) @ w - y) ** 2).sum()

    draws = SAMPLERS[name](log_density, np.zeros(2), draws=2000, seed=2)
    check_moments(draws, mean, exact)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_density_without_symmetry_has_its_moments(name: str) -> None:
    """log x of a gamma distribution: its mean is ψ(a), its variance ψ′(a)."""
    draws = SAMPLERS[name](
        lambda q: (3.0 * q - cr.exp(q)).sum(), np.zeros(1), draws=3000, seed=3
    )
    psi, trigamma = 0.9227843350984671, 0.3949340668482264
    check_moments(draws, np.array([psi]), np.array([[trigamma]]))


@pytest.mark.parametrize("name", SAMPLERS)
def test_neals_funnel_is_said_to_diverge(name: str) -> None:
    def funnel(q: Any) -> Any:
        return -(q[0] ** 2) / 18 - 4.5 * q[0] - 0.5 * cr.exp(-q[0]) * (q[1:] ** 2).sum()

    with pytest.warns(UserWarning) as caught:
        draws = SAMPLERS[name](funnel, np.zeros(10), draws=500, warmup=500, seed=0)
    assert draws.divergences > 0
    first = next(
        str(each.message) for each in caught if "diverged" in str(each.message)
    )
    worst = draws.diverged.sum(axis=1)
    chain = int(np.flatnonzero(worst)[0])
    assert first.startswith(
        f"{name}: of 500 trajectories a chain, diverged: chain {chain} {worst[chain]} "
        f"at step size {draws.step_size[chain]:.3g}"
    )
    assert first.endswith(
        ": the density has places more curved than the steps are short, and draws "
        "there are missing: a larger target_accept makes smaller steps; other "
        "parameters (centred or not) have fewer such places"
    )
    assert all(each.filename == __file__ for each in caught)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_points_of_any_shape_and_dtype(name: str, dtype: str) -> None:
    start = np.ones((2, 3), dtype)
    draws = quietly(name, lambda q: -((q - 1) ** 2).sum(), start, draws=20, warmup=30)
    assert draws.values.shape == (4, 20, 2, 3)
    assert draws.values.dtype == draws.log_density.dtype == dtype
    assert draws.flat.shape == (80, 2, 3)
    assert draws.r_hat.shape == draws.ess.shape == draws.ess_tail.shape == (2, 3)
    single = quietly(name, lambda q: -q * q, 0.5, draws=20, warmup=30, chains=1)
    assert single.values.shape == (1, 20)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_seed_gives_the_same_numbers(name: str) -> None:
    options = {"draws": 30, "warmup": 60}
    first, second = (quietly(name, correlated, MEAN, **options) for _ in range(2))
    assert first.values.tobytes() == second.values.tobytes()
    assert first.step_size.tobytes() == second.step_size.tobytes()
    other = quietly(name, correlated, MEAN, seed=1, **options)
    assert not (other.values == first.values).any()


@pytest.mark.parametrize("name", SAMPLERS)
def test_threads_change_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = cr.tensor(np.random.default_rng(0).normal(size=(400, 20)))

    def log_density(w: Any) -> Any:
        hidden = cr.tanh(x @ w.reshape(20, 32))
        return -0.5 * (w * w).sum() - (hidden**2).sum()

    found = []
    for threads in (1, 2):
        monkeypatch.setattr(cr.config, "threads", threads)
        draws = quietly(name, log_density, np.zeros(640), draws=4, warmup=6)
        found.append(draws.values.tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("name", SAMPLERS)
def test_chains_start_where_they_are_told(name: str) -> None:
    starts = np.array([[0.0, 0.0, 0.0], [3.0, -3.0, 2.0]])
    draws = quietly(
        name, correlated, starts, chains=None, draws=1, warmup=0, step_size=1e-6
    )
    np.testing.assert_allclose(draws.values[:, 0], starts, atol=1e-2)
    assert draws.step_size == pytest.approx(1e-6)


@pytest.mark.parametrize("name", SAMPLERS)
def test_numbers_of_other_scales_have_other_masses(name: str) -> None:
    scale = np.array([0.03, 0.5, 4.0])
    draws = SAMPLERS[name](
        lambda q: -0.5 * ((q / scale) ** 2).sum(), np.zeros(3), seed=4
    )
    np.testing.assert_allclose(np.sqrt(draws.inverse_mass), [scale] * 4, rtol=0.3)
    np.testing.assert_allclose(draws.values.std(axis=(0, 1)), scale, rtol=0.1)
    assert draws.leapfrog_steps.mean() < 13  # with masses of 1, a hundred
    same = quietly(name, correlated, MEAN, adapt_mass=False, draws=5, warmup=100)
    assert (same.inverse_mass == 1).all()


# NUTS. --------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 5, 7])
def test_every_subtree_is_looked_at_once_with_its_left_edge(depth: int) -> None:
    """The parts of a doubled half are all aligned runs of 2, 4, 8, … leaves."""
    writes, checks = edges_of(depth)
    held: dict[int, int] = {}  # place → the leaf that is kept there
    seen = []
    for leaf in range(2 ** (depth - 1)):
        for place in np.flatnonzero(writes[leaf]):
            held[int(place)] = leaf
        seen += [(held[int(place)], leaf) for place in np.flatnonzero(checks[leaf])]
    expected = [
        (first, first + size - 1)
        for size in (2**k for k in range(1, depth))
        for first in range(0, 2 ** (depth - 1), size)
    ]
    assert sorted(seen) == sorted(expected)


def test_a_trajectory_doubles_until_it_turns_or_may_no_more() -> None:
    draws = quietly(
        "nuts", lambda q: -0.5 * (q * q).sum(), np.zeros(2), draws=300, warmup=0,
        step_size=0.02,
    )  # fmt: skip
    # half a turn is π / 0.02 = 157 steps, so that 2⁸ − 1 are too many to go on
    assert set(np.unique(draws.leapfrog_steps)) <= set(range(1, 256))
    assert 60 < draws.leapfrog_steps.mean() < 256
    short = quietly(
        "nuts", lambda q: -0.5 * (q * q).sum(), np.zeros(2), draws=300, warmup=0,
        step_size=0.02, max_depth=3,
    )  # fmt: skip
    assert short.leapfrog_steps.max() == 7
    assert short.unfinished.mean() > 0.9
    shares = short.unfinished.mean(axis=1)
    assert short.problems()[0] == (
        "nuts: trajectories ended by max_depth before they turned: "
        + ", ".join(
            f"chain {c} {share:.0%} at step size 0.02" for c, share in enumerate(shares)
        )
        + ": right, but slow: a longer warmup finds better masses, a larger max_depth "
        "longer ways"
    )


def test_hmc_makes_as_many_steps_as_it_is_told() -> None:
    draws = quietly("hmc", correlated, MEAN, draws=10, warmup=10, leapfrog_steps=5)
    assert (draws.leapfrog_steps == 5).all()


def test_draws_of_chains_that_do_not_keep_step_are_told_apart() -> None:
    """Three calls of four steps each; the chains end iterations at other times."""
    ended = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], bool)
    kept = Kept(2, skipped=2, wanted=3)
    steps = 0
    while not kept.full:
        number = np.arange(steps, steps + 4)[:, None] + np.array([0.0, 100.0])
        kept.add({"ended": ended, "q": number})
        steps += 4
    assert steps == 12
    assert kept.arrays()["q"].tolist() == [[3, 4, 5], [105, 106, 109]]


@pytest.mark.skipif(
    importlib.util.find_spec("blackjax") is None, reason="blackjax is not installed"
)
def test_a_network_has_the_posterior_that_blackjax_finds() -> None:
    """The spread of a network's function, which no formula knows."""
    import blackjax
    import jax
    import jax.numpy as jnp

    random = np.random.default_rng(0)
    x = random.uniform(-2, 2, (20, 1))
    y = np.sin(2 * x) + 0.1 * random.normal(size=(20, 1))
    grid = np.linspace(-3, 3, 7)[:, None]

    def network(numpy: Any, w: Any, x: Any) -> Any:
        hidden = numpy.tanh(x @ w[:5].reshape(1, 5) + w[5:10])
        return hidden @ w[10:15].reshape(5, 1)

    def log_density(numpy: Any, w: Any) -> Any:
        rest = network(numpy, w, x) - y
        return -0.5 * (w * w).sum() - 0.5 * (rest**2).sum() / 0.3**2

    ours = quietly("nuts", lambda w: log_density(cr, w), np.zeros(15), draws=2000)
    with jax.enable_x64():
        warm = blackjax.window_adaptation(blackjax.nuts, lambda w: log_density(jnp, w))
        key = jax.random.key(0)
        (state, options), _ = warm.run(key, jnp.zeros(15) + 0.1, num_steps=1000)
        kernel = blackjax.nuts(lambda w: log_density(jnp, w), **options)

        def one(state: Any, key: Any) -> Any:
            state, _ = kernel.step(key, state)
            return state, state.position

        _, theirs = jax.lax.scan(one, state, jax.random.split(key, 8000))
        theirs = np.asarray(theirs)

    def functions(draws: np.ndarray) -> np.ndarray:
        return np.stack([network(np, w, grid)[:, 0] for w in draws])

    mine, other = functions(ours.flat), functions(theirs)
    folded = mine.reshape(4, -1, 7)
    error = mine.std(axis=0) * np.sqrt(1 / sampling.ess_mean(folded) + 1 / 1000)
    assert (np.abs(mine.mean(axis=0) - other.mean(axis=0)) < 5 * error).all()
    np.testing.assert_allclose(mine.std(axis=0), other.std(axis=0), rtol=0.15)


# Draws. -------------------------------------------------------------------------------


def test_a_summary_is_a_table() -> None:
    draws = SAMPLERS["nuts"](correlated, np.zeros(3), seed=1)
    lines = draws.summary().splitlines()
    assert " ".join(lines[0].split()) == "mean std 5 % 50 % 95 % R̂ bulk tail"
    assert [line.split()[0] for line in lines[1:4]] == ["[0]", "[1]", "[2]"]
    assert float(lines[1].split()[1]) == pytest.approx(1.0, abs=0.2)
    assert lines[4].startswith("4 chains × 1000 draws by nuts; step sizes 0.")
    assert lines[5].endswith("0 divergences")
    many = quietly("nuts", lambda q: -(q * q).sum(), np.zeros(30), draws=50, warmup=50)
    assert len(many.summary().splitlines()) == 24
    assert "… the 20 largest R̂ of 30 numbers" in many.summary()


def test_chains_that_do_not_agree_are_warned_of() -> None:
    """Two separate modes, and a chain in the second."""

    def two(q: Any) -> Any:
        both = cr.stack([-0.5 * ((q + 20) ** 2).sum(), -0.5 * ((q - 20) ** 2).sum()])
        return cr.logsumexp(both)

    starts = np.array([[-20.0], [-20.0], [20.0], [-20.0]])
    with pytest.warns(UserWarning) as caught:
        draws = sampling.nuts(two, starts, chains=None, warmup=200, draws=500)
    texts = [str(each.message) for each in caught]
    assert texts[0] == (
        f"nuts: R̂ is {draws.r_hat[0]:.4g} for [0], above 1.01: chains do not agree, "
        "chain 2 is farthest from the others: more warmup and draws, or other starts"
    )
    assert texts[1].startswith("nuts: ")
    assert "effective draws (bulk) for [0], below 100 a chain" in texts[1]


def test_tails_that_momenta_do_not_reach_are_warned_of() -> None:
    """Energies that go far, in small moves."""
    draws = quietly("nuts", correlated, MEAN, draws=200, warmup=20)
    walk = np.cumsum(np.random.default_rng(0).normal(size=(4, 200)), axis=1)
    slow = dataclasses.replace(draws, energy=walk)
    moved = np.diff(walk, axis=1)
    for chain in range(4):
        away = walk[chain] - walk[chain].mean()
        expected = (moved[chain] ** 2).sum() / (away**2).sum()
        assert slow.energy_fraction[chain] == pytest.approx(expected)
    (text,) = (each for each in slow.problems() if "E-BFMI" in each)
    assert text.startswith("nuts: E-BFMI below 0.3: chain 0 0.")


# Mistakes. ----------------------------------------------------------------------------


def density(q: Any) -> Any:
    return -0.5 * (q * q).sum()


MISTAKES: dict[str, tuple[Any, dict[str, Any], type[ChainruleError], str]] = {
    "no function": (
        3.0,
        {},
        ArgumentError,
        "nuts: log_density is float: expected a function of one point that returns one "
        "number",
    ),
    "several numbers": (
        lambda q: -q * q,
        {},
        ShapeError,
        "nuts: log_density returned (2,) for a point (2,): expected one number",
    ),
    "no draws": (
        density,
        {"draws": 0},
        ArgumentError,
        "nuts: draws=0: expected a whole number of at least 1",
    ),
    "no chains": (
        density,
        {"chains": 0},
        ArgumentError,
        "nuts: chains=0: expected a whole number of at least 1",
    ),
    "warm-up": (
        density,
        {"warmup": -1},
        ArgumentError,
        "nuts: warmup=-1: expected a whole number of at least 0",
    ),
    "target": (
        density,
        {"target_accept": 1.0},
        ArgumentError,
        "nuts: target_accept=1.0: expected a probability, from 0.05 to 0.999",
    ),
    "step": (
        density,
        {"step_size": 0.0},
        ArgumentError,
        "nuts: step_size=0.0: expected a number above 0",
    ),
    "depth": (
        density,
        {"max_depth": 40},
        ArgumentError,
        "nuts: max_depth=40: expected a whole number from 1 to 15",
    ),
    "nan at the start": (
        lambda q: cr.log(q - 1.0).sum(),
        {},
        NumericsError,
        "nuts: log_density is nan at the start of chain 0: a chain starts where it is "
        "finite",
    ),
    "impossible start": (
        lambda q: cr.log(q).sum(),
        {},
        NumericsError,
        "nuts: log_density is -inf at the start of chain 0: a chain starts where it is "
        "finite",
    ),
    "no slope": (
        lambda q: cr.sqrt(q).sum(),
        {},
        NumericsError,
        "nuts: the gradient of log_density is inf at the start of chain 0, for number "
        "0 of 2: a chain starts where it is finite",
    ),
    "improper": (
        lambda q: 0.0 * q.sum(),
        {},
        NumericsError,
        "nuts: chain 0 accepts steps of 1.67772e+07 from its start: the density is "
        "constant there, or grows without end, and so is no density",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_error(name: str) -> None:
    log_density, options, kind, text = MISTAKES[name]
    with pytest.raises(kind) as error:
        sampling.nuts(log_density, np.zeros(2), **options)
    assert error.value.what == text


def test_starts_that_are_none() -> None:
    with pytest.raises(DTypeError) as error:
        sampling.hmc(density, [0, 0])
    assert error.value.what == (
        "hmc: start (2,) is int64: a chain moves through floats"
    )
    with pytest.raises(ShapeError) as shape:
        sampling.hmc(density, np.zeros((0, 3)))
    assert shape.value.what == "hmc: start (0, 3): nothing to sample"
    with pytest.raises(ShapeError) as single:
        sampling.hmc(density, 0.5, chains=None)
    assert single.value.what == (
        "hmc: start (): with chains=None it has a point for each chain along its first "
        "axis"
    )
    with pytest.raises(ArgumentError) as steps:
        sampling.hmc(density, np.zeros(2), leapfrog_steps=0)
    assert steps.value.what == (
        "hmc: leapfrog_steps=0: expected a whole number of at least 1"
    )
