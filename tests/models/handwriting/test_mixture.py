"""A mixture with correlation: densities in closed form, gradients, and any input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

import chainrule as cr
from chainrule import models
from chainrule.errors import ArgumentError, DTypeError, ShapeError
from tests.models.handwriting.fuzz import wrong_rows

SOURCE = np.random.default_rng(0)
F = SOURCE.standard_normal((6, 18))
Y = SOURCE.standard_normal((6, 2)) * 2
DENSITY = models.BivariateMixture(3, least=0.2)


def parts(row: np.ndarray) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Share, mean and covariance of each component, by the formulas."""
    share, x, y, wide, high, turn = row.reshape(6, 3)
    shares = np.exp(share) / np.exp(share).sum()
    found = []
    for k in range(3):
        sx, sy = (0.2 + np.exp(each[k]) for each in (wide, high))
        rho = 0.999 * np.tanh(turn[k])
        cov = np.array([[sx * sx, rho * sx * sy], [rho * sx * sy, sy * sy]])
        found.append((float(shares[k]), np.array([x[k], y[k]]), cov))
    return found


def test_the_density_is_scipys() -> None:
    wanted = [
        np.log(sum(p * stats.multivariate_normal(m, c).pdf(y) for p, m, c in parts(f)))
        for f, y in zip(F, Y, strict=True)
    ]
    assert np.allclose(DENSITY.log_prob(F, Y).numpy(), wanted, rtol=1e-12)


def test_the_density_integrates_to_one() -> None:
    f = np.concatenate([F[:1, :9], F[:1, 9:15] * 0.1 - 0.5, F[:1, 15:] * 0.3], axis=1)
    grid = np.linspace(-9, 9, 361)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    p = np.exp(DENSITY.log_prob(np.tile(f, (len(points), 1)), points).numpy())
    p = p.reshape(361, 361)
    total = integrate.trapezoid(integrate.trapezoid(p, grid), grid)
    assert total == pytest.approx(1, abs=1e-6)


def test_gradients_are_those_of_finite_differences() -> None:
    cr.check_gradients(lambda f, y: DENSITY.log_prob(f, y), F, Y)


def test_moments_are_those_of_the_components_and_of_many_draws() -> None:
    mean, variance = DENSITY.mean(F).numpy(), DENSITY.variance(F).numpy()
    for row in range(len(F)):
        known = parts(F[row])
        middle = sum(p * m for p, m, _ in known)
        spread = sum(p * (np.diag(c) + (m - middle) ** 2) for p, m, c in known)
        assert np.allclose(mean[row], middle) and np.allclose(variance[row], spread)
    many = np.tile(F[:1], (100_000, 1)).astype(np.float32)
    drawn = DENSITY.sample(many, seed=1).numpy()
    assert np.allclose(drawn.mean(axis=0), mean[0], atol=0.03)
    assert np.allclose(drawn.var(axis=0), variance[0], rtol=0.03)
    known = parts(F[0])
    middle = sum(p * m for p, m, _ in known)
    wanted = sum(p * (c + np.outer(m - middle, m - middle)) for p, m, c in known)
    assert np.allclose(np.cov(drawn.T), wanted, rtol=0.05, atol=0.05)


def test_a_bias_prefers_the_likely() -> None:
    chances, noise = SOURCE.random((6, 3)), SOURCE.standard_normal((6, 2))
    likely = DENSITY.drawn(F, chances, noise, bias=50.0).numpy()
    best = [max(parts(f), key=lambda part: part[0])[1] for f in F]
    assert np.allclose(likely, best)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_targets_and_narrow_components_are_finite(dtype: str) -> None:
    f = np.zeros((3, 6), dtype)
    f[:, 3:5] = -1e6  # σ = ε
    f[:, 5] = [1e6, -1e6, 0]
    y = np.array([[1e9, -1e9], [1e9, 1e9], [0, 0]], dtype)
    density = models.BivariateMixture(1, least=1e-3)
    loss, gradient = cr.value_and_grad(lambda f: density.log_prob(f, y).sum())(f)
    assert np.isfinite(loss.numpy()) and np.isfinite(gradient.numpy()).all()


def test_losses_and_gradients_of_any_numbers_are_finite() -> None:
    assert wrong_rows(20_000) == 0


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match=r"outputs \(6, 17\): expected \(N, 18\)"):
        DENSITY.log_prob(F[:, :17], Y)
    with pytest.raises(ShapeError, match=r"targets \(6, 3\) with 6 rows"):
        DENSITY.log_prob(F, np.zeros((6, 3)))
    with pytest.raises(DTypeError):
        DENSITY.log_prob(F.astype(int), Y)
    with pytest.raises(ArgumentError):
        models.BivariateMixture(0)
    with pytest.raises(ArgumentError):
        models.BivariateMixture(1, least=0)
