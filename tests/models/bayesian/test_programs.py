"""How often predictions of posteriors are compiled: once for each kind of shapes."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn
from chainrule.graph import Array
from tests.models.bayesian.test_posterior import KINDS, X, Y, made, small

CHAINS = {"draws": 10, "warmup": 10, "chains": 2}
#: How a model by chains is made, but for its network.
SAMPLED = {
    "hmc": lambda *parts: models.HMC(*parts, leapfrog_steps=2, **CHAINS),
    "nuts": lambda *parts: models.NUTS(*parts, max_depth=2, **CHAINS),
    "sgld": lambda *parts: models.SGLD(*parts, step_size=1e-4, **CHAINS),
}
ROWS = np.random.default_rng(1).uniform(-1.0, 1.0, (300, 3))
TARGETS = ROWS @ [1.0, -2.0, 0.5]


class Count:
    """How many functions have been traced to be compiled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.number = 0
        module: Any = sys.modules["chainrule.compiler.compile"]
        trace = module.trace_call

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.number += 1
            return trace(*args, **kwargs)

        monkeypatch.setattr(module, "trace_call", counted)

    def of(self, call: Any) -> int:
        """How many one call has needed."""
        before = self.number
        call()
        return self.number - before


def learned(kind: str) -> models.Posterior:
    """A posterior that has seen some data."""
    if kind not in SAMPLED:
        posterior = made(kind)
        posterior.fit(X, Y, epochs=2, progress=False)
        return posterior
    noise, prior = models.GaussianLikelihood(), models.GaussianPrior(1.0)
    posterior = SAMPLED[kind](small(), noise, prior)
    with warnings.catch_warnings():  # so few draws do not agree
        warnings.simplefilter("ignore")
        posterior.fit(X, Y)
    return posterior


def predicted(posterior: models.Posterior, rows: Array) -> Array:
    """The means at every draw."""
    return posterior.predict(rows, num_draws=20, seed=1).draws


@pytest.mark.parametrize("kind", [*KINDS, *SAMPLED])
def test_a_posterior_is_compiled_once_for_each_kind_of_shapes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior, count = learned(kind), Count(monkeypatch)
    for answer, more in (("predict", ()), ("log_predictive", (TARGETS,))):
        ask = getattr(posterior, answer)

        def needed(rows: int, seed: int = 0, ask: Any = ask, more: Any = more) -> int:
            given = (ROWS[:rows], *(each[:rows] for each in more))
            return count.of(lambda: ask(*given, num_draws=20, seed=seed))

        assert needed(300) == 1, answer
        assert [needed(300), needed(300, seed=1), needed(250), needed(65)] == [0] * 4
        assert needed(40) == 1, answer  # the next smaller batch
        assert [needed(64), needed(17)] == [0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_compiled_before_learning_predicts_what_was_learned(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior, count = learned(kind), Count(monkeypatch)
    before = predicted(posterior, ROWS)
    posterior.fit(X, Y, epochs=30, progress=False)
    assert count.of(lambda: predicted(posterior, ROWS)) == 0
    now = predicted(posterior, ROWS)
    assert np.abs(now - before).max() > 1e-3
    anew = made(kind)
    anew.load_state_dict(posterior.state_dict())
    anew.num_examples = posterior.num_examples
    assert np.array_equal(predicted(anew, ROWS), now)


@pytest.mark.parametrize("kind", [each for each in KINDS if each != "dropout"])
def test_rows_are_predicted_alike_in_any_number(kind: str) -> None:
    posterior = learned(kind)
    whole = predicted(posterior, ROWS)
    for rows in (1, 3, 100, 251):
        some = predicted(posterior, ROWS[:rows])
        assert some.shape[1] == rows
        assert np.abs(some - whole[:, :rows]).max() < 1e-5


def test_setting_a_layer_anew_is_seen_by_the_next_prediction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 1))
    dropout = models.MCDropout(net, models.GaussianLikelihood())
    count = Count(monkeypatch)
    much = dropout.predict(ROWS).epistemic.mean()
    net[1].p = 0.01
    assert count.of(lambda: dropout.predict(ROWS)) == 1
    assert dropout.predict(ROWS).epistemic.mean() < 0.3 * much


def test_bounds_of_a_vae_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cr.manual_seed(0)
    x = (ROWS > 0).astype("float32")
    vae, count = models.VAE(3, (8,), 2), Count(monkeypatch)
    first = vae.log_likelihood(x, samples=150, seed=1)
    for rows in (300, 10):
        assert count.of(lambda n=rows: vae.log_likelihood(x[:n], samples=150)) == 0
    assert np.array_equal(vae.log_likelihood(x, samples=150, seed=1), first)
    assert not np.array_equal(vae.log_likelihood(x, samples=150, seed=2), first)
