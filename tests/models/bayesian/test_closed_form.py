"""Bayesian linear regression, whose posterior is known: each method finds it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn, optim
from tests.models.bayesian.linear_regression import (
    BETA,
    COVARIANCE,
    DESIGN,
    MEAN,
    NEW,
    NEW_DESIGN,
    PRECISION,
    D,
    N,
    S,
    X,
    Y,
)


def parts() -> tuple[Any, Any, Any]:
    cr.manual_seed(0)
    noise = models.GaussianLikelihood(precision=BETA, learned=False, dtype="float64")
    return nn.Linear(D, 1).astype("float64"), noise, models.GaussianPrior(S)


def weights(posterior: Any) -> np.ndarray:
    return np.concatenate([each.ravel() for each in posterior.joint.values])


@pytest.mark.parametrize("structure", ["full", "last_layer", "kronecker", "diagonal"])
def test_laplaces_approximation_of_a_linear_model_is_its_posterior(
    structure: str,
) -> None:
    posterior = models.Laplace(*parts(), structure=structure)
    posterior.fit(X, Y, optimizer=optim.LBFGS(gradient_tolerance=1e-10), epochs=100,
                  progress=False)  # fmt: skip
    assert np.abs(weights(posterior) - MEAN).max() < 1e-6
    draws = posterior.draw(200_000, seed=1)
    flat = np.concatenate([each.reshape(len(each), -1) for each in draws], axis=1)
    wanted = COVARIANCE
    if structure == "diagonal":
        wanted = np.diag(1.0 / np.diag(PRECISION))
    assert np.abs(np.cov(flat.T) - wanted).max() < 0.01 * np.abs(wanted).max()
    said = posterior.predict(NEW, num_draws=20_000)
    spread = np.sqrt(np.einsum("nd,de,ne->n", NEW_DESIGN, wanted, NEW_DESIGN))
    assert said.epistemic[:, 0] == pytest.approx(spread, rel=0.02)
    assert said.aleatoric == pytest.approx(1.0 / np.sqrt(BETA))
    assert said.mean[:, 0] == pytest.approx(NEW_DESIGN @ MEAN, abs=0.02)


def test_the_evidence_of_a_linear_model_is_that_of_its_targets() -> None:
    posterior = models.Laplace(*parts(), structure="full")
    posterior.fit(X, Y, optimizer=optim.LBFGS(gradient_tolerance=1e-10), epochs=100,
                  progress=False)  # fmt: skip
    K = DESIGN @ DESIGN.T * S**2 + np.eye(N) / BETA
    _, log_det = np.linalg.slogdet(K)
    exact = -0.5 * (Y @ np.linalg.solve(K, Y) + log_det + N * np.log(2 * np.pi))
    assert posterior.log_evidence(X, Y) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("estimator", "uncertain"),
    [("local", "all"), ("weights", "all"), ("local", "last_layer")],
)
def test_the_nearest_independent_normals_have_the_precisions_diagonal(
    estimator: str, uncertain: str
) -> None:
    how = {"std": 0.2, "estimator": estimator, "uncertain": uncertain}
    posterior = models.MeanField(*parts(), **how, num_samples=8)
    steps = 1500
    rate = optim.Cosine(0.05, steps)
    posterior.fit(X, Y, optimizer=optim.Adam(lr=rate, betas=(0.9, 0.999)),
                  epochs=steps, batch_size=N, progress=False)  # fmt: skip
    means = [each.numpy().ravel() for each in posterior.mean.values()]
    stds = [np.exp(each.numpy().ravel()) for each in posterior.log_std.values()]
    assert np.concatenate(means) == pytest.approx(MEAN, abs=0.02)
    wanted = 1.0 / np.sqrt(np.diag(PRECISION))
    assert np.concatenate(stds) == pytest.approx(wanted, rel=0.05)


def test_the_bound_of_mean_field_is_the_surprise_and_the_divergence() -> None:
    """With deviations near 0 nothing is drawn to speak of."""
    tiny = 1e-9
    posterior = models.MeanField(*parts(), std=tiny, num_examples=N)
    w = np.concatenate([each.numpy().ravel() for each in posterior.mean.values()])
    surprise = 0.5 * (BETA * (Y - DESIGN @ w) ** 2 - np.log(BETA / (2 * np.pi)))
    divergence = np.log(S / tiny) + (tiny**2 + w**2) / (2 * S**2) - 0.5
    bound = posterior(X, Y, training=True).item()
    assert bound == pytest.approx(surprise.mean() + divergence.sum() / N, rel=1e-6)
    assert posterior(X, Y).item() == pytest.approx(surprise.mean(), rel=1e-12)


@pytest.mark.parametrize("estimator", ["local", "weights"])
def test_weights_before_the_last_layer_have_a_density_and_no_spread(
    estimator: str,
) -> None:
    """The bound with deviations near 0, and the draws."""
    _, noise, prior = parts()
    net = nn.Sequential(nn.Linear(D, 4), nn.Tanh(), nn.Linear(4, 1)).astype("float64")
    how = {"std": 1e-9, "uncertain": "last_layer", "estimator": estimator}
    posterior = models.MeanField(net, noise, prior, **how, num_examples=N)
    assert list(posterior.log_std) == ["2.weight", "2.bias"]
    w = [each.numpy() for each in net.parameters()]
    f = np.tanh(X @ w[0].T + w[1]) @ w[2][0] + w[3]
    surprise = 0.5 * (BETA * (Y - f) ** 2 - np.log(BETA / (2 * np.pi)))
    known, last = np.concatenate([w[0].ravel(), w[1]]), np.append(w[2], w[3])
    density = -0.5 * known**2 / S**2 - np.log(S) - 0.5 * np.log(2 * np.pi)
    divergence = np.log(S / 1e-9) + last**2 / (2 * S**2) - 0.5
    exact = surprise.mean() + (divergence.sum() - density.sum()) / N
    assert posterior(X, Y, training=True).item() == pytest.approx(exact, rel=1e-6)
    for each in posterior.log_std.values():
        each.assign(np.full(each.shape, np.log(0.3)))
    first, _, weight, bias = posterior.draw(20_000, seed=1)
    assert np.array_equal(first, np.broadcast_to(w[0], first.shape))
    assert weight.std(axis=0) == pytest.approx(0.3, rel=0.03)
    assert bias.mean(axis=0) == pytest.approx(w[3], abs=0.01)


def test_log_predictive_of_a_linear_model_is_that_of_a_wider_normal() -> None:
    posterior = models.Laplace(*parts(), structure="full")
    posterior.fit(X, Y, optimizer=optim.LBFGS(), epochs=100, progress=False)
    y = NEW_DESIGN @ MEAN + 0.3
    spread = np.einsum("nd,de,ne->n", NEW_DESIGN, COVARIANCE, NEW_DESIGN) + 1.0 / BETA
    exact = -0.5 * (0.3**2 / spread + np.log(2 * np.pi * spread))
    found = posterior.log_predictive(NEW, y, num_draws=20_000)
    assert found == pytest.approx(exact, abs=0.02)


def test_what_a_method_is_not_for_is_an_error() -> None:
    network, noise, prior = parts()
    conv = nn.Sequential(nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(9, 1))
    error = cr.errors.ArgumentError
    with pytest.raises(error, match="structure='kronecker' is for Linear layers"):
        models.Laplace(conv, noise, prior)
    with pytest.raises(error, match="expected a prior whose logarithm is quadratic"):
        models.Laplace(network, noise, models.LaplacePrior(1.0))
    with pytest.raises(error, match="the curvature has not been measured"):
        models.Laplace(network, noise, prior).predict(X)
    with pytest.raises(error, match="a flat prior: KL"):
        models.MeanField(network, noise, models.Prior())
    with pytest.raises(cr.errors.OptionError, match="unknown uncertain 'first'"):
        models.MeanField(network, noise, prior, uncertain="first")
    with pytest.raises(error, match="estimator='local' draws what Linear layers make"):
        models.MeanField(conv, noise, prior, estimator="local")
    with pytest.raises(cr.errors.OptionError, match="structure"):
        models.Laplace(network, noise, prior, structure="dense")
