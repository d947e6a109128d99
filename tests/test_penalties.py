"""Penalties on activations: closed forms, gradients, messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses
from chainrule.errors import ArgumentError, ChainruleError, DataError

A = np.random.default_rng(0).uniform(0.05, 0.95, size=(7, 3))


@pytest.mark.parametrize("rho", [0.01, 0.05, 0.5])
def test_the_divergence_is_that_of_two_coins(rho: float) -> None:
    mean = A.mean(axis=0)
    terms = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
    found = losses.kl_sparsity(A, rho).item()
    np.testing.assert_allclose(found, terms.sum(), rtol=1e-5, atol=1e-6)


def test_it_is_0_where_every_mean_is_the_target() -> None:
    half = np.array([[0.2, 0.4], [0.4, 0.2]])
    assert losses.kl_sparsity(half, 0.3).item() == pytest.approx(0, abs=1e-6)
    assert losses.kl_sparsity(half, 0.31).item() > 1e-4


def test_it_is_0_where_every_mean_is_the_target_however_many_units() -> None:
    for rho in (0.05, 0.3, 1e-6):
        means = np.full((2, 1000), rho)
        assert losses.kl_sparsity(means, rho).item() == pytest.approx(0, abs=1e-12)
        assert losses.kl_sparsity(0.9 * means, rho).item() > 0


def test_axes_before_the_units_are_examples() -> None:
    rows = losses.kl_sparsity(A.reshape(7, 3)).item()
    assert losses.kl_sparsity(A.reshape(1, 7, 3)).item() == pytest.approx(rows)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_silent_and_saturated_units_have_finite_slopes(value: float) -> None:
    a = cr.tensor(np.full((4, 2), value, np.float32))
    penalty = losses.kl_sparsity(a)
    slope = cr.backprop(penalty)[a].numpy()
    assert np.isfinite(penalty.item())
    assert np.isfinite(slope).all()
    assert (slope < 0).all() if value == 0 else (slope > 0).all()


def test_the_gradients_agree_with_differences() -> None:
    cr.check_gradients(lambda a: losses.kl_sparsity(a, 0.1), A)
    signed = A - 0.5
    cr.check_gradients(losses.l1_sparsity, signed)
    slope = cr.grad(losses.l1_sparsity)(cr.tensor(signed)).numpy()
    np.testing.assert_allclose(slope, np.sign(signed) / 7)


def test_absolute_activations_are_summed_over_units_and_averaged_over_examples() -> (
    None
):
    expected = np.abs(A - 0.5).sum(axis=1).mean()
    assert losses.l1_sparsity(A - 0.5).item() == pytest.approx(expected)


@pytest.mark.parametrize(("make", "kind", "what", "fix"), [
    (lambda: losses.kl_sparsity(A, target=1), ArgumentError,
     "kl_sparsity: target=1: expected a number between 0 and 1",
     "the share of examples in which a unit is to be active, as 0.05"),
    (lambda: losses.kl_sparsity([[0.5, -0.25]]), DataError,
     "kl_sparsity: activations (1, 2): -0.25 at position (0, 1): expected a number "
     "from 0 to 1", "the activations of Sigmoid, or l1_sparsity, which takes any"),
    (lambda: losses.l1_sparsity(A[0]), ArgumentError,
     "l1_sparsity: activations (3,): expected (N, units)",
     "activations[None] for a single example"),
])  # fmt: skip
def test_mistakes_are_named(
    make: Callable[[], Any], kind: type[ChainruleError], what: str, fix: str
) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert (caught.value.what, caught.value.fix) == (what, fix)
