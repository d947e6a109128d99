"""Posteriors by chains: exact where it is known, saved, and refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn
from tests.models.bayesian.linear_regression import (
    BETA,
    COVARIANCE,
    MEAN,
    NEW,
    NEW_DESIGN,
    RNG,
    D,
    N,
    S,
    X,
    Y,
)

KINDS = ("hmc", "nuts", "sgld")


def made(kind: str, network: Any, noise: Any, prior: Any, **options: Any) -> Any:
    if kind == "hmc":
        return models.HMC(network, noise, prior, **{"leapfrog_steps": 12, **options})
    if kind == "nuts":
        return models.NUTS(network, noise, prior, **options)
    options = {"step_size": 4e-4, "batch_size": N, **options}
    return models.SGLD(network, noise, prior, **options)


def linear(kind: str, **options: Any) -> Any:
    noise = models.GaussianLikelihood(precision=BETA, learned=False, dtype="float64")
    network = nn.Linear(D, 1).astype("float64")
    return made(kind, network, noise, models.GaussianPrior(S), **options)


def quietly(posterior: Any, *args: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return posterior.fit(*args, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_linear_model_has_its_exact_posterior(kind: str) -> None:
    options = {"thin": 40, "draws": 1000} if kind == "sgld" else {}
    posterior = linear(kind, **options)
    draws = quietly(posterior, X, Y)
    values = draws.values
    assert values.shape == (4, posterior.draws, D + 1)
    error = np.sqrt(np.diag(COVARIANCE) / cr.sampling.ess_mean(values))
    assert (np.abs(values.mean(axis=(0, 1)) - MEAN) < 4 * error).all()
    found = np.cov(draws.flat.T)
    assert np.abs(found - COVARIANCE).max() < 0.2 * np.abs(COVARIANCE).max()
    said = posterior.predict(NEW, num_draws=5000)  # there are fewer: all
    assert len(said.draws) == 4 * posterior.draws
    spread = np.sqrt(np.einsum("nd,de,ne->n", NEW_DESIGN, COVARIANCE, NEW_DESIGN))
    assert said.epistemic[:, 0] == pytest.approx(spread, rel=0.12)
    assert said.aleatoric == pytest.approx(1.0 / np.sqrt(BETA))
    assert np.abs(said.mean[:, 0] - NEW_DESIGN @ MEAN).max() < 0.2 * spread.max()


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_learns_and_is_saved(kind: str, tmp_path: Path) -> None:
    cr.manual_seed(0)
    x = np.linspace(-1, 1, 40)[:, None]
    y = np.sin(3.0 * x) + 0.05 * RNG.normal(size=(40, 1))
    network = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    options: dict[str, Any] = {"draws": 60, "warmup": 150, "chains": 2}
    if kind == "sgld":
        options |= {"step_size": 1e-4, "batch_size": 20, "thin": 100}
    posterior = made(kind, network, models.GaussianLikelihood(precision=100.0), None,
                     **options)  # fmt: skip
    quietly(posterior, x, y, seed=1)
    said = posterior.predict(x)
    assert np.abs(said.mean - y).mean() < 0.12
    far = posterior.predict([[3.0]])
    assert far.epistemic.item() > 3 * said.epistemic.mean()
    assert posterior.r_hat.shape == posterior.ess.shape == (40, 1)
    surprise = posterior(x, y).item()
    assert surprise == pytest.approx(-posterior.log_predictive(x, y).mean(), rel=1e-5)
    posterior.save(tmp_path / "posterior.safetensors")
    loaded: Any = cr.load(tmp_path / "posterior.safetensors")
    assert type(loaded) is type(posterior)
    assert loaded.settings().keys() == posterior.settings().keys()
    assert np.array_equal(loaded.predict(x).draws, said.draws)
    again = made(kind, network, models.GaussianLikelihood(precision=100.0), None,
                 **options)  # fmt: skip
    quietly(again, x, y, seed=1)
    assert np.array_equal(again.predict(x).draws, said.draws)


def test_classes_have_probabilities_that_are_less_sure_between_them() -> None:
    x = RNG.normal(size=(60, 2)) + np.repeat([[-2.0, 0.0], [2.0, 0.0]], 30, axis=0)
    y = np.repeat([0, 1], 30)
    posterior = models.NUTS(
        nn.Linear(2, 2), models.CategoricalLikelihood(), models.GaussianPrior(3.0),
        draws=200, warmup=200,
    )  # fmt: skip
    quietly(posterior, x, y)
    said = posterior.predict([[-3.0, 0.0], [0.0, 0.0], [3.0, 0.0]])
    assert said.labels[[0, 2]].tolist() == [0, 1]
    assert said.total[1] > 2 * said.total[[0, 2]].max()
    assert said.draws.shape == (100, 3, 2)


def test_what_the_likelihood_learns_has_a_wide_normal_prior() -> None:
    noise = models.GaussianLikelihood(precision=100.0, dtype="float64")
    posterior = models.NUTS(nn.Linear(D, 1).astype("float64"), noise)
    w = RNG.normal(size=D + 2)

    def log_prior(w: Any) -> Any:
        return posterior.log_prior(w)

    found = cr.compile(log_prior)(w).item()
    weights = -0.5 * (w[:-1] ** 2 + np.log(2 * np.pi)).sum()
    away = (w[-1] - np.log(100.0)) / 3.0
    assert found == pytest.approx(weights - 0.5 * away**2, rel=1e-12)
    value = cr.compile(lambda w: posterior.log_likelihood(w, X, Y))(w).numpy()
    rest = Y - X @ w[:D] - w[D]
    expected = -0.5 * (np.exp(w[-1]) * rest**2 - w[-1] + np.log(2 * np.pi))
    assert value == pytest.approx(expected, rel=1e-12)


def test_predictions_that_do_not_agree_are_warned_of() -> None:
    network = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    x = np.linspace(-2, 2, 30)[:, None]
    posterior = models.HMC(
        network, models.GaussianLikelihood(precision=400.0, learned=False),
        draws=20, warmup=5, leapfrog_steps=2,
    )  # fmt: skip
    with pytest.warns(UserWarning) as caught:
        posterior.fit(x, np.sin(4.0 * x))
    (text,) = (str(each.message) for each in caught if "R̂" in str(each.message)
               and "do not agree" in str(each.message))  # fmt: skip
    assert text.startswith("HMC: predictions: R̂ is ")
    assert all(each.filename == __file__ for each in caught)
    assert posterior.r_hat is not None and posterior.r_hat.max() > 1.01


def test_draws_are_taken_from_all_chains_alike() -> None:
    posterior = linear("nuts", draws=10, warmup=20, chains=3)
    quietly(posterior, X, Y)
    chosen = posterior.draw(6, 0)[0][:, 0, 0]
    every = posterior.stacks["network.weight"].numpy()[:, 0, 0].reshape(3, 10)
    assert chosen.tolist() == every[:, [2, 7]].ravel().tolist()


def test_the_plain_network_is_that_of_the_last_draw() -> None:
    posterior = linear("nuts", draws=10, warmup=20, chains=2)
    quietly(posterior, X, Y)
    values = [each.numpy()[-1] for each in posterior.stacks.values()]
    weights = posterior.plain_network().parameters()
    assert all((w.numpy() == v).all() for w, v in zip(weights, values, strict=False))


def test_chains_too_short_to_compare_are_warned_of() -> None:
    posterior = linear("nuts", draws=1, warmup=20, chains=2)
    with pytest.warns(UserWarning, match="NUTS: 1 draw of each chain: too few to tell"):
        posterior.fit(X, Y)


def test_mistakes() -> None:
    posterior = linear("nuts")
    error = cr.errors.ArgumentError
    with pytest.raises(error) as epochs:
        posterior.fit(X, Y, epochs=5, progress=False)
    assert epochs.value.what == (
        "NUTS.fit: epochs=, progress=: chains are drawn, nothing is minimised"
    )
    with pytest.raises(error) as loss:
        posterior(X, Y, training=True)
    assert loss.value.what == ("NUTS: there is no loss to minimise: chains are drawn")
    with pytest.raises(error) as early:
        posterior.predict(X)
    assert early.value.what == "NUTS: no weights have been drawn yet"
    with pytest.raises(error) as flat:
        models.HMC(nn.Linear(3, 1), models.GaussianLikelihood(), models.Prior())
    assert flat.value.what == "HMC: a flat prior: a chain would go away for ever"
    with pytest.raises(error) as none:
        models.NUTS(nn.Linear(3, 1), models.GaussianLikelihood(), draws=0)
    assert none.value.what == "NUTS: draws=0: expected a whole number of at least 1"
    with pytest.raises(error) as warmup:
        models.HMC(nn.Linear(3, 1), models.GaussianLikelihood(), warmup=-1)
    assert warmup.value.what == (
        "HMC: warmup=-1: expected a whole number of at least 0"
    )
    with pytest.raises(error) as unlearned:
        posterior.plain_network()
    assert unlearned.value.what == "NUTS: no weights have been drawn yet"
    with pytest.raises(error) as target:
        models.HMC(nn.Linear(3, 1), models.GaussianLikelihood(), target_accept=2.0)
    assert target.value.what == (
        "HMC: target_accept=2.0: expected a probability, from 0.05 to 0.999"
    )
    missing = Y.copy()
    missing[7] = np.nan
    with pytest.raises(cr.errors.DataError, match="nan at row 7"):
        posterior.fit(X, missing)
    with pytest.raises(cr.errors.NumericsError) as gone:
        linear("sgld", step_size=10.0).fit(X, Y)
    assert gone.value.what.startswith("sgld: chain 0 diverged at step size 10: ")
