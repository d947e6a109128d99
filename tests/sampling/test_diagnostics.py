"""R̂ and effective draws, compared with their definitions written as loops."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from chainrule import sampling
from chainrule.errors import ShapeError

RANDOM = np.random.default_rng(3)


def scores(values: np.ndarray) -> np.ndarray:
    """Normal scores of (chains, draws), number by number."""
    flat = values.ravel().tolist()
    found = []
    for x in flat:
        below = sum(y < x for y in flat)
        equal = sum(y == x for y in flat)
        rank = below + (equal + 1) / 2
        found.append(NormalDist().inv_cdf((rank - 0.375) / (len(flat) + 0.25)))
    return np.array(found).reshape(values.shape)


def split(values: np.ndarray) -> np.ndarray:
    half = values.shape[1] // 2
    return np.concatenate([values[:, :half], values[:, -half:]])


def gelman_rubin(values: np.ndarray) -> float:
    chains, count = values.shape
    means = [sum(row) / count for row in values]
    grand = sum(means) / chains
    between = count / (chains - 1) * sum((m - grand) ** 2 for m in means)
    within = sum(
        sum((x - m) ** 2 for x in row) / (count - 1)
        for row, m in zip(values, means, strict=True)
    )
    within /= chains
    return math.sqrt(((count - 1) / count * within + between / count) / within)


def r_hat(values: np.ndarray) -> float:
    halves = split(values)
    folded = np.abs(halves - np.median(halves))
    return max(gelman_rubin(scores(halves)), gelman_rubin(scores(folded)))


def effective(values: np.ndarray) -> float:
    """Geyer's initial monotone sequence, lag by lag."""
    chains, count = values.shape
    means = values.mean(axis=1)

    def covariance(lag: int) -> float:
        total = 0.0
        for row, mean in zip(values, means, strict=True):
            pairs = zip(row[: count - lag], row[lag:], strict=True)
            total += sum((a - mean) * (b - mean) for a, b in pairs) / count
        return total / chains

    within = covariance(0) * count / (count - 1)
    spread = covariance(0) + means.var(ddof=1)

    def rho(lag: int) -> float:
        return 1.0 if lag == 0 else 1 - (within - covariance(lag)) / spread

    tau, last, lag = -1.0, math.inf, 0
    while lag + 1 < count:
        pair = rho(lag) + rho(lag + 1)
        if lag and pair <= 0:
            tau += max(rho(lag), 0.0)
            break
        last = min(last, pair)
        tau += 2 * last
        lag += 2
    size = chains * count
    return size / max(tau, 1 / math.log10(size))


def autoregressive(chains: int, count: int, phi: float) -> np.ndarray:
    noise = RANDOM.normal(size=(chains, count))
    found = np.zeros((chains, count))
    found[:, 0] = noise[:, 0] / math.sqrt(1 - phi * phi)
    for t in range(1, count):
        found[:, t] = phi * found[:, t - 1] + noise[:, t]
    return found


SAMPLES = {
    "independent": RANDOM.normal(size=(4, 30)),
    "correlated": autoregressive(3, 41, 0.7),
    "anticorrelated": autoregressive(2, 50, -0.4),
    "apart": RANDOM.normal(size=(4, 40)) + np.arange(4)[:, None],
    "of other widths": RANDOM.normal(size=(4, 40)) * [[1], [1], [1], [5]],
    "heavy tails": RANDOM.standard_cauchy((4, 50)),
    "with equal numbers": RANDOM.integers(40, size=(4, 50)).astype(float),
    "one chain": autoregressive(1, 70, 0.5),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_r_hat_is_its_definition(name: str) -> None:
    values = SAMPLES[name]
    assert float(sampling.r_hat(values)) == pytest.approx(r_hat(values), rel=1e-9)


@pytest.mark.parametrize("name", SAMPLES)
def test_effective_draws_are_their_definition(name: str) -> None:
    values = SAMPLES[name]
    halves = split(values)
    assert float(sampling.ess_mean(values)) == pytest.approx(effective(halves))
    assert float(sampling.ess_bulk(values)) == pytest.approx(effective(scores(halves)))
    low, high = np.quantile(values, [0.05, 0.95])
    tails = [effective(1.0 * (halves <= each)) for each in (low, high)]
    assert float(sampling.ess_tail(values)) == pytest.approx(min(tails))


def test_many_numbers_are_looked_at_one_by_one() -> None:
    values = np.stack([SAMPLES["independent"], SAMPLES["independent"] ** 3], axis=-1)
    values = values.reshape(4, 30, 1, 2)
    for measure in (sampling.r_hat, sampling.ess_bulk, sampling.ess_tail):
        found = measure(values)
        assert found.shape == (1, 2)
        assert found[0, 0] == measure(values[:, :, 0, 0])
        assert found[0, 1] == measure(values[:, :, 0, 1])


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_an_autoregressive_chain_is_worth_as_many_draws_as_theory_says(
    phi: float,
) -> None:
    """N (1 − φ) / (1 + φ)."""
    values = autoregressive(4, 20_000, phi)
    expected = values.size * (1 - phi) / (1 + phi)
    assert float(sampling.ess_mean(values)) == pytest.approx(expected, rel=0.1)
    assert float(sampling.r_hat(values)) < 1.01


def test_chains_that_disagree_are_told_apart() -> None:
    assert sampling.r_hat(SAMPLES["apart"]) > 1.3
    # where they are is the same, and how wide they are is not
    assert sampling.r_hat(RANDOM.normal(size=(4, 500)) * [[1], [1], [1], [3]]) > 1.05


def test_constants_and_numbers_that_are_none_have_no_answer() -> None:
    values = np.ones((2, 20, 3))
    values[..., 1] = RANDOM.normal(size=(2, 20))
    values[..., 2] = values[..., 1]
    values[0, 3, 2] = np.nan
    for measure in (sampling.r_hat, sampling.ess_bulk, sampling.ess_tail):
        found = measure(values)
        assert np.isnan(found).tolist() == [True, False, True], measure


@pytest.mark.parametrize("measure", ["r_hat", "ess_bulk", "ess_tail", "ess_mean"])
def test_draws_that_are_too_few_are_an_error(measure: str) -> None:
    with pytest.raises(ShapeError) as error:
        getattr(sampling, measure)(np.zeros((4, 3)))
    assert error.value.what == (
        f"{measure}: draws (4, 3): expected (chains, draws, …), with 4 draws or more "
        "in each chain"
    )
    with pytest.raises(ShapeError) as error:
        getattr(sampling, measure)(np.zeros(100))
    assert error.value.fix == "x[None] for a single chain"
