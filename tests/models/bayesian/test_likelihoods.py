"""What outputs mean: densities that are densities, and their moments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, models, nn

GRID = np.linspace(-30.0, 30.0, 60_001)


def outputs_of(likelihood: Any, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(1, likelihood.num_outputs(1)))


AMOUNTS = [
    models.GaussianLikelihood(precision=0.5, dtype="float64"),
    models.HeteroscedasticLikelihood(),
    models.MixtureDensity(3),
]


@pytest.mark.parametrize("likelihood", AMOUNTS, ids=lambda each: type(each).__name__)
def test_a_density_of_amounts_has_an_integral_of_1_and_the_moments_it_says(
    likelihood: Any,
) -> None:
    f = outputs_of(likelihood)
    many = np.repeat(f, len(GRID), axis=0)
    density = np.exp(likelihood.log_prob(many, GRID).numpy())
    step = GRID[1] - GRID[0]
    assert density.sum() * step == pytest.approx(1.0, abs=1e-9)
    mean = (density * GRID).sum() * step
    assert likelihood.mean(f).numpy().item() == pytest.approx(mean, abs=1e-8)
    variance = (density * (GRID - mean) ** 2).sum() * step
    assert likelihood.variance(f).numpy().item() == pytest.approx(variance, abs=1e-7)


@pytest.mark.parametrize("likelihood", AMOUNTS, ids=lambda each: type(each).__name__)
def test_samples_have_the_mean_and_variance_of_the_density(likelihood: Any) -> None:
    f = np.repeat(outputs_of(likelihood), 40_000, axis=0)
    drawn = likelihood.sample(f, seed=1).numpy()
    mean, variance = likelihood.mean(f[:1]), likelihood.variance(f[:1])
    assert drawn.mean() == pytest.approx(mean.item(), abs=0.03)
    assert drawn.var() == pytest.approx(variance.item(), rel=0.05)
    again = likelihood.sample(f, seed=1).numpy()
    assert np.array_equal(drawn, again)


def test_classes_and_events_have_the_losses_that_go_by_other_names() -> None:
    f = np.random.default_rng(0).normal(size=(5, 3))
    y = np.array([0, 2, 1, 1, 0])
    classes = models.CategoricalLikelihood()
    assert classes(f, y).item() == losses.cross_entropy(f, y).item()
    assert np.allclose(classes.mean(f).numpy().sum(axis=1), 1.0)
    events = models.BernoulliLikelihood()
    happened = (f > 0.3).astype(float)
    assert events(f, happened).item() == losses.bernoulli_nll(f, happened).item()


@pytest.mark.parametrize(
    ("likelihood", "size"),
    [
        (models.GaussianLikelihood(precision=3.0, dtype="float64"), 2),
        (models.HeteroscedasticLikelihood(), 4),
        (models.BernoulliLikelihood(), 2),
        (models.CategoricalLikelihood(), 3),
    ],
    ids=lambda each: type(each).__name__,
)
def test_fishers_information_is_the_mean_of_the_scores_squared(
    likelihood: Any, size: int
) -> None:
    f = cr.tensor(np.random.default_rng(0).normal(size=(1, size)))
    factor = likelihood.fisher_factor(f).numpy()[0]
    many = cr.tensor(np.repeat(f.numpy(), 100_000, axis=0))
    y = likelihood.sample(many, seed=3).numpy()
    scores = cr.backprop(likelihood.log_prob(many, y).sum())[many].numpy()
    assert np.allclose(factor @ factor.T, scores.T @ scores / len(scores), atol=0.03)


@pytest.mark.parametrize(
    "likelihood",
    [*AMOUNTS, models.BernoulliLikelihood(), models.CategoricalLikelihood()],
    ids=lambda each: type(each).__name__,
)
def test_gradients_of_log_densities(likelihood: Any) -> None:
    rng = np.random.default_rng(0)
    events = likelihood.kind != "amounts"
    size = 3 if events else likelihood.num_outputs(2)
    if likelihood.kind == "classes":
        y: Any = np.array([0, 2, 1, 1])
    else:
        y = rng.integers(0, 2, (4, 3)) * 1.0 if events else rng.normal(size=(4, 2))
    f = cr.tensor(rng.normal(size=(4, size)))
    cr.check_gradients(lambda f: likelihood.log_prob(f, y).sum(), f)


def test_a_likelihood_is_a_loss_of_fit() -> None:
    x = np.linspace(-1.0, 1.0, 60)[:, None]
    y = np.sin(3.0 * x)
    cr.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 2))
    history = cr.fit(
        net,
        (x, y),
        loss=models.HeteroscedasticLikelihood(),
        metrics=[],
        epochs=60,
        progress=False,
    )
    assert history["loss"][-1] < history["loss"][0] - 0.4


def test_what_does_not_fit_is_an_error_with_both_shapes() -> None:
    noise = models.GaussianLikelihood()
    with pytest.raises(
        cr.errors.ShapeError,
        match=r"GaussianLikelihood: targets \(3,\) with outputs for \(3, 2\): the "
        "shapes must be equal",
    ):
        noise.log_prob(np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(
        cr.errors.ShapeError, match=r"outputs \(3, 3\): expected an even number"
    ):
        models.HeteroscedasticLikelihood().log_prob(np.zeros((3, 3)), np.zeros((3, 1)))
    with pytest.raises(cr.errors.ShapeError, match=r"expected 2 · \(T \+ 2\) of them"):
        models.MixtureDensity(2).mean(np.zeros((3, 5)))
    with pytest.raises(cr.errors.DTypeError, match="are outputs and targets exchanged"):
        noise.log_prob(np.zeros((3, 1), int), np.zeros((3, 1)))
    with pytest.raises(cr.errors.ArgumentError, match=r"precision=-1\.0: expected a"):
        models.GaussianLikelihood(precision=-1.0)
    with pytest.raises(cr.errors.ArgumentError, match="components=0: expected a whole"):
        models.MixtureDensity(0)
    with pytest.raises(cr.errors.ArgumentError, match="curvature has no closed form"):
        models.MixtureDensity(2).fisher_factor(np.zeros((3, 6)))
