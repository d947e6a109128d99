"""Variational autoencoders: bounds against closed forms, learning, files, messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, models, nn, optim
from chainrule.errors import (
    ArgumentError,
    ChainruleError,
    DataError,
    DTypeError,
    NumericsError,
    OptionError,
    ShapeError,
)
from chainrule.graph import Array
from chainrule.training.callbacks import Checkpoint

f64 = "float64"
DIGITS = data.load("digits").train.inputs[:400]
LABELS = np.asarray(data.load("digits").train.targets[:400])


# Linear models, whose likelihood is known. --------------------------------------------


class Linear:
    """x = W z + b + noise of variance 0.3: everything about it in closed form."""

    def __init__(self, latent: int = 2, features: int = 5) -> None:
        rng = np.random.default_rng(3)
        directions, _ = np.linalg.qr(rng.normal(size=(features, latent)))
        self.weight = directions * np.linspace(2.0, 0.7, latent)  # orthogonal columns
        self.mean, self.variance = rng.normal(size=features), 0.3
        z, noise = rng.normal(size=(50, latent)), rng.normal(size=(50, features))
        self.x = z @ self.weight.T + self.mean + math.sqrt(self.variance) * noise

    def log_prob(self) -> Array:
        """log N(x; b, W Wᵀ + σ² I)"""
        features = len(self.mean)
        cov = self.weight @ self.weight.T + self.variance * np.eye(features)
        off = self.x - self.mean
        squared = np.einsum("nd,nd->n", off, np.linalg.solve(cov, off.T).T)
        _, log_det = np.linalg.slogdet(2 * math.pi * cov)
        return np.asarray(-0.5 * (squared + log_det))

    def vae(self, off: float = 0.0) -> models.VAE:
        """The model, with the posterior as its encoder; ``off`` spoils that."""
        latent, features = self.weight.shape[1], len(self.mean)
        vae = models.VAE(
            features, (), latent, "gaussian", variance=self.variance, dtype=f64
        )
        up, down = vae.decoder[0], vae.encoder[0]
        up.weight.assign(self.weight)
        up.bias.assign(self.mean)
        m = self.weight.T @ self.weight + self.variance * np.eye(latent)  # diagonal
        onto = np.linalg.solve(m, self.weight.T)
        down.weight.assign(np.concatenate([onto, np.zeros_like(onto)]))
        log_variance = np.log(self.variance / np.diag(m))
        bias = np.concatenate([-onto @ self.mean + off, log_variance + off])
        down.bias.assign(bias)
        return vae


LINEAR = Linear()


@pytest.mark.parametrize("samples", [1, 7, 130])
def test_with_the_exact_posterior_every_estimate_is_the_exact_likelihood(
    samples: int,
) -> None:
    found = LINEAR.vae().log_likelihood(LINEAR.x, samples=samples)
    np.testing.assert_allclose(found, LINEAR.log_prob(), rtol=1e-9)
    bound = LINEAR.vae().elbo(LINEAR.x, samples=400)
    assert bound.mean == pytest.approx(LINEAR.log_prob().mean(), abs=0.05)


def test_importance_sampling_finds_the_marginal_from_another_encoder() -> None:
    found = LINEAR.vae(off=0.3).log_likelihood(LINEAR.x, samples=20_000)
    np.testing.assert_allclose(found, LINEAR.log_prob(), atol=0.05)


def test_bounds_become_tighter_with_more_samples() -> None:
    vae, means = LINEAR.vae(off=0.5), []
    for samples in (1, 2, 5, 50):
        draws = [
            vae.log_likelihood(LINEAR.x, samples=samples, seed=s) for s in range(40)
        ]
        means.append(np.mean(draws))
    assert means == sorted(means)
    elbo = vae.elbo(LINEAR.x, samples=100).mean
    assert means[0] == pytest.approx(elbo, abs=0.1)  # the same on average
    exact = LINEAR.log_prob().mean()
    assert elbo < means[1] < means[2] < means[3] < exact + 0.01
    assert exact - means[3] < 0.1 * (exact - elbo)


def test_a_linear_vae_learns_the_likelihood_of_probabilistic_pca() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 6)) + 0.5 * rng.normal(
        size=(600, 6)
    )
    cr.manual_seed(0)
    vae = models.VAE(6, (), 2, "gaussian", variance="shared", dtype=f64)
    adam = optim.Adam(lr=optim.Cosine(0.03, 1500))
    cr.fit(vae, x, optimizer=adam, epochs=250, batch_size=100, progress=False)
    roots = np.linalg.eigvalsh(np.cov(x.T, ddof=0))[::-1]
    noise = roots[2:].mean()
    best = -0.5 * (
        6 * math.log(2 * math.pi) + np.log(roots[:2]).sum() + 4 * math.log(noise) + 6
    )  # Tipping & Bishop (1999), equation 8 at the maximum
    assert vae.log_likelihood(x, samples=300).mean() == pytest.approx(best, abs=0.02)
    assert vae.elbo(x, samples=100).mean == pytest.approx(best, abs=0.05)
    _, variance = vae.decode(np.zeros((1, 2)), variance=True)
    assert variance.numpy()[0, 0] == pytest.approx(noise, rel=0.03)


# The bound. ---------------------------------------------------------------------------


@pytest.fixture
def small() -> models.VAE:
    """Bernoulli data of 6 numbers, in float64."""
    cr.manual_seed(0)
    return models.VAE(6, (5,), 3, dtype=f64)


X = (np.random.default_rng(1).random((8, 6)) < 0.4).astype(float)


def test_the_divergence_in_closed_form_is_that_of_samples(small: models.VAE) -> None:
    mean, variance = (part.numpy() for part in small.encode(X, variance=True))
    noise = np.random.default_rng(0).normal(size=(200_000, 1, 3))
    z = mean + np.sqrt(variance) * noise
    log_ratio = 0.5 * (z**2 - noise**2 - np.log(variance)).sum(axis=2)
    kl = small.elbo(X).kl
    np.testing.assert_allclose(kl, log_ratio.mean(axis=0), atol=0.01)


def test_the_loss_is_the_formula(small: models.VAE) -> None:
    for beta in (1.0, 4.0, 0.0):
        small.beta = beta
        cr.manual_seed(5)
        noise = cr.random.normal((8, 3), dtype=f64).numpy()
        mean, variance = (part.numpy() for part in small.encode(X, variance=True))
        p = small.decode(mean + np.sqrt(variance) * noise).numpy()
        fits = (X * np.log(p) + (1 - X) * np.log(1 - p)).sum(axis=1)
        kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=1)
        cr.manual_seed(5)
        loss = small(X, training=True).item()
        assert loss == pytest.approx((beta * kl - fits).mean())
        cr.manual_seed(5)
        assert small(X).item() == pytest.approx((kl - fits).mean())  # β is 1


def test_the_usual_bound_is_the_evidence_lower_bound(small: models.VAE) -> None:
    draws = [small(X, training=True).item() for _ in range(400)]
    bound = small.elbo(X, samples=400)
    assert -np.mean(draws) == pytest.approx(bound.mean, abs=0.03)
    np.testing.assert_allclose(bound.values, bound.reconstruction - bound.kl)


def test_several_samples_make_the_importance_weighted_bound() -> None:
    cr.manual_seed(0)
    one = models.VAE(6, (5,), 3, dtype=f64)
    several = models.VAE(6, latent=3, samples=7, encoder=one.encoder,
                         decoder=one.decoder, flatten=True)  # fmt: skip
    cr.manual_seed(5)
    noise = cr.random.normal((7, 8, 3), dtype=f64).numpy()
    mean, variance = (part.numpy() for part in one.encode(X, variance=True))
    z = mean + np.sqrt(variance) * noise
    p = one.decode(z.reshape(-1, 3)).numpy().reshape(7, 8, 6)
    log_w = (X * np.log(p) + (1 - X) * np.log(1 - p)).sum(axis=2)
    log_w += 0.5 * (noise**2 + np.log(variance) - z**2).sum(axis=2)
    bound = np.logaddexp.reduce(log_w, axis=0) - math.log(7)
    for training in (True, False):
        cr.manual_seed(5)
        loss = several(X, training=training).item()
        assert loss == pytest.approx(-bound.mean())


@pytest.mark.parametrize("variance", ["network", "shared", 0.5])
def test_real_data_have_a_normal_density(variance: str | float) -> None:
    cr.manual_seed(0)
    vae = models.VAE(4, (5,), 2, "gaussian", variance=variance, dtype=f64)
    x = np.random.default_rng(0).normal(size=(8, 4))
    if variance == "shared":
        vae.log_variance.assign(-0.7)
    cr.manual_seed(5)
    noise = cr.random.normal((8, 2), dtype=f64).numpy()
    mean, spread = (part.numpy() for part in vae.encode(x, variance=True))
    z = mean + np.sqrt(spread) * noise
    mu, sigma2 = (part.numpy() for part in vae.decode(z, variance=True))
    fits = -0.5 * (np.log(2 * math.pi * sigma2) + (x - mu) ** 2 / sigma2).sum(axis=1)
    kl = 0.5 * (mean**2 + spread - 1 - np.log(spread)).sum(axis=1)
    cr.manual_seed(5)
    assert vae(x, training=True).item() == pytest.approx((kl - fits).mean())
    if variance == 0.5:
        assert (sigma2 == 0.5).all()
    elif variance == "shared":
        assert np.ptp(sigma2) == 0
    else:
        assert np.ptp(sigma2) > 0


def test_a_variance_stays_above_its_least() -> None:
    cr.manual_seed(0)
    vae = models.VAE(3, (), 2, "gaussian", least_variance=0.01)
    vae.decoder[0].bias.assign(np.array([0, 0, 0, -200, -5, 200], "f4"))
    vae.decoder[0].weight.assign(np.zeros((6, 2), "f4"))
    _, variance = vae.decode(np.zeros((1, 2), "f4"), variance=True)
    least, near, large = variance.numpy()[0].tolist()
    assert least == pytest.approx(0.01)
    assert near == pytest.approx(0.01 + math.exp(-5))  # least + e^s
    assert math.isinf(large) or large > 1e30
    assert np.isfinite(vae(np.zeros((2, 3), "f4")).item())


@pytest.mark.parametrize("options", [
    {}, {"samples": 3}, {"beta": 4.0}, {"likelihood": "gaussian"},
    {"likelihood": "gaussian", "variance": "shared", "samples": 3}, {"classes": 3},
])  # fmt: skip
def test_gradients_are_those_of_finite_differences(options: dict[str, Any]) -> None:
    cr.manual_seed(0)
    vae = models.VAE(6, (4,), 2, dtype=f64, **options)
    given = (X, np.arange(8) % 3) if options.get("classes") else (X,)
    weights = vae.parameters()
    start = [w.array.copy() for w in weights]
    rng = np.random.default_rng(0)
    towards = [rng.normal(size=w.shape) for w in weights]

    def at(step: float) -> Any:
        for weight, old, direction in zip(weights, start, towards, strict=True):
            weight.assign(old + step * direction)
        cr.manual_seed(5)
        return vae(*given, training=True)

    found = cr.backprop(at(0.0))
    slope = sum(
        float((found[w].numpy() * d).sum())
        for w, d in zip(weights, towards, strict=True)
    )
    h = 1e-5
    measured = (at(h).item() - at(-h).item()) / (2 * h)
    assert slope == pytest.approx(measured, rel=1e-6)


# Learning. ----------------------------------------------------------------------------


def test_digits_are_learned_and_the_bound_of_new_ones_too() -> None:
    cr.manual_seed(0)
    x = (data.load("digits").train.inputs > 0.5).astype("f4")
    new = (data.load("digits").test.inputs > 0.5).astype("f4")
    vae = models.VAE(64, (64,), 8)
    vae.fit_output_bias(x)
    before = vae.elbo(new).mean
    adam = optim.Adam(lr=3e-3)
    history = cr.fit(
        vae, x, validation=new, optimizer=adam, epochs=30, batch_size=50, progress=False
    )
    bound, exact = vae.elbo(new, samples=20), vae.log_likelihood(new, samples=500)
    assert bound.mean > before + 4
    assert -history["validation_loss"][-1] == pytest.approx(bound.mean, abs=0.5)
    assert bound.mean < exact.mean() < 0
    off = np.square(vae.reconstruct(new).numpy() - new).sum(axis=1).mean()
    assert off < 0.6 * np.square(new - new.mean(axis=0)).sum(axis=1).mean()


def test_grey_values_are_drawn_anew_where_they_are_probabilities() -> None:
    cr.manual_seed(0)
    vae = models.VAE(2, (), 1, binarize=True)
    vae.encoder[0].weight.assign(np.zeros((2, 2), "f4"))
    vae.decoder[0].weight.assign(np.zeros((2, 1), "f4"))
    vae.decoder[0].bias.assign(np.array([9.0, 9.0], "f4"))  # 0 costs 9 nats, 1 none
    x = np.tile(np.array([[0.25, 1.0]], "f4"), (20_000, 1))
    first, second = vae(x, training=True).item(), vae(x, training=True).item()
    assert first != second
    assert first == pytest.approx(0.75 * 9, abs=0.1)


def test_a_conditional_model_draws_what_it_is_told() -> None:
    x = np.repeat(np.eye(3, dtype="f4"), 100, axis=0)
    y = np.repeat(np.arange(3), 100)
    cr.manual_seed(0)
    vae = models.VAE(3, (16,), 1, classes=3)
    adam = optim.Adam(lr=0.02)
    cr.fit(vae, (x, y), optimizer=adam, epochs=60, progress=False)
    for label in range(3):
        drawn = vae.sample(50, label, seed=0).numpy()
        assert (drawn.argmax(axis=1) == label).mean() > 0.9
    assert vae.sample(3, [0, 1, 2], means=True).numpy().argmax(axis=1).tolist() == [
        0,
        1,
        2,
    ]
    assert vae.log_likelihood(x, y, samples=50).mean() > -0.3
    assert cr.predict(vae.encode, (x, y)).shape == (300, 1)


def test_convolutions_code_images() -> None:
    cr.manual_seed(0)
    encoder = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(8 * 16, 2 * 4),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(4, 8 * 16), nn.ReLU(), nn.Unflatten((4, 4, 8)),
        nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
    )  # fmt: skip
    vae = models.VAE((8, 8, 1), latent=4, encoder=encoder, decoder=decoder)
    images = DIGITS.reshape(-1, 8, 8, 1)
    adam = optim.Adam(lr=0.01)
    history = cr.fit(vae, images, optimizer=adam, epochs=15, progress=False)
    assert history["loss"][-1] < history["loss"][0] - 5
    assert (
        vae.sample(2, seed=0).shape == vae.reconstruct(images[:2]).shape == (2, 8, 8, 1)
    )
    assert vae.log_likelihood((images > 0.5).astype("f4")[:3], samples=10).shape == (3,)


def test_labels_stand_behind_the_channels_of_images() -> None:
    seen = []

    class Look(nn.Module):
        """Keeps what it is given."""

        def forward(self, x: Any) -> Any:
            """x"""
            seen.append(x.numpy())
            return cr.zeros((len(x), 2)) if x.ndim == 4 else cr.zeros((len(x), 2, 2, 1))

    vae = models.VAE((2, 2, 1), latent=1, classes=3, encoder=Look(), decoder=Look())
    vae(np.full((2, 2, 2, 1), 0.5, "f4"), [2, 0])
    assert seen[0].shape == (2, 2, 2, 4) and seen[1].shape == (2, 4)
    assert seen[0][0, 1, 1].tolist() == [0.5, 0, 0, 1]
    assert seen[1][1, 1:].tolist() == [1, 0, 0]


@pytest.mark.parametrize("samples", [1, 3])
def test_a_killed_training_goes_on_bit_by_bit(tmp_path: Path, samples: int) -> None:
    def train(
        epochs: int, resume: Any = None, folder: Path | None = None
    ) -> models.VAE:
        cr.manual_seed(0)
        vae = models.VAE(64, (16,), 2, samples=samples, binarize=True)
        kept = [] if folder is None else [Checkpoint(folder)]
        cr.fit(
            vae, DIGITS, validation=0.25, optimizer=optim.Adam(lr=0.01), epochs=epochs,
            callbacks=kept, resume=resume, seed=1, progress=False,
        )  # fmt: skip
        return vae

    whole = train(4)
    train(2, folder=tmp_path)
    again = train(4, "auto", tmp_path)
    for name, array in whole.state_dict().items():
        assert (array == again.state_dict()[name]).all()


# What is asked of it. -----------------------------------------------------------------


def test_seeds_repeat_what_is_drawn(small: models.VAE) -> None:
    assert (small.sample(5, seed=1).numpy() == small.sample(5, seed=1).numpy()).all()
    assert (small.sample(50, seed=1).numpy() != small.sample(50, seed=2).numpy()).any()
    drawn = small.sample(4000, seed=0).numpy()
    assert set(np.unique(drawn)) == {0.0, 1.0}
    means = small.sample(4000, means=True, seed=0).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), means.mean(axis=0), atol=0.04)
    first = small.log_likelihood(X, samples=10)
    assert (first == small.log_likelihood(X, samples=10)).all()
    assert (first != small.log_likelihood(X, samples=10, seed=1)).any()


def test_samples_of_real_data_have_its_variance() -> None:
    vae = LINEAR.vae()
    drawn = vae.sample(40_000, seed=0).numpy()
    cov = LINEAR.weight @ LINEAR.weight.T + 0.3 * np.eye(5)
    np.testing.assert_allclose(np.cov(drawn.T), cov, atol=0.1)
    np.testing.assert_allclose(drawn.mean(axis=0), LINEAR.mean, atol=0.05)


def test_any_number_of_rows_is_one_program(small: models.VAE) -> None:
    many = np.tile(X, (6, 1))[:47]
    found = small.log_likelihood(many, samples=5)
    assert found.shape == (47,)
    some = small.log_likelihood(many[:20], samples=5)
    assert (found[:20] == some).all()
    assert small.log_likelihood(many[:1], samples=5)[0] == found[0]
    assert small.elbo(many[:3]).kl.shape == (3,)
    np.testing.assert_allclose(small.elbo(many).kl, small.elbo(many[::-1]).kl[::-1])


def test_the_first_outputs_are_the_means_of_the_data() -> None:
    x = np.random.default_rng(0).normal(2.0, 3.0, (500, 4)).astype("f4")
    for variance in ("network", "shared", 1.0):
        vae = models.VAE(4, (8,), 2, "gaussian", variance=variance)
        vae.decoder[-1].weight.assign(np.zeros_like(vae.decoder[-1].weight.array))
        vae.fit_output_bias(x)
        mean, spread = (
            v.numpy()[0] for v in vae.decode(np.zeros((1, 2)), variance=True)
        )
        np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-4)
        wanted = {"network": x.var(axis=0), "shared": x.var(axis=0).mean()}
        np.testing.assert_allclose(spread, wanted.get(variance, 1.0), rtol=1e-3)
    binary = models.VAE(64, (8,), 2)
    binary.decoder[-1].weight.assign(np.zeros((64, 8), "f4"))
    binary.fit_output_bias(DIGITS)
    made = binary.decode(np.zeros((1, 2), "f4")).numpy()[0]
    np.testing.assert_allclose(made, np.clip(DIGITS.mean(axis=0), 1e-3, 1), atol=1e-4)


def test_the_grid_of_codes_holds_equal_shares_of_the_prior() -> None:
    grid = models.latent_grid(3)
    assert grid.shape == (9, 2) and grid.dtype == np.float32
    np.testing.assert_allclose(grid[4], [0, 0], atol=1e-7)
    np.testing.assert_allclose(grid[0], [-0.9674, 0.9674], atol=1e-4)
    np.testing.assert_allclose(grid[1], [0, 0.9674], atol=1e-4)


def test_files_hold_the_networks_and_how_they_are_trained(tmp_path: Path) -> None:
    cr.manual_seed(0)
    for vae in (
        models.VAE(6, (5,), 3, samples=5, binarize=True, classes=2),
        models.VAE((2, 3), (5,), 3, "gaussian", variance="shared", beta=2.0),
    ):
        vae.save(tmp_path / "a.safetensors")
        again: Any = cr.load(tmp_path / "a.safetensors")
        assert repr(again) == repr(vae) and isinstance(again, models.VAE)
        assert again.settings().keys() == vae.settings().keys()
        y = 1 if vae.classes else None
        first, second = (each.sample(4, y, seed=0).numpy() for each in (vae, again))
        assert (first == second).all() and first.shape == (4, *vae.inputs)


def test_what_it_is_stands_in_a_line(small: models.VAE) -> None:
    assert small.describe_settings() == "6 ↔ 3, bernoulli"
    other = models.VAE((8, 8, 1), (), 2, "gaussian", samples=5)
    assert other.describe_settings() == (
        "8 × 8 × 1 ↔ 2, gaussian, variance=network, samples=5"
    )


# Mistakes. ----------------------------------------------------------------------------

VAE = models.VAE(4, (3,), 2)
OF_CLASSES = models.VAE(4, (3,), 2, classes=3)
ROWS = np.full((2, 4), 0.5, "f4")
WRONG = np.array([[0, 1, 0, 1], [0, 255, 0, 0]], "f4")


def diverged() -> models.VAE:
    """An encoder with enormous variances."""
    vae = models.VAE(4, (3,), 2)
    vae.encoder[-1].weight.assign(np.zeros((4, 3), "f4"))
    vae.encoder[-1].bias.assign(np.array([0, 0, 0, 300], "f4"))
    return vae


@pytest.mark.parametrize(("make", "kind", "what", "fix"), [
    (lambda: models.VAE(0), ArgumentError,
     "VAE: inputs=0: expected a whole number of at least 1", None),
    (lambda: models.VAE(()), ArgumentError,
     "VAE: inputs=(): expected the shape of an example", "784, or (28, 28, 1)"),
    (lambda: models.VAE(4, latent=0), ArgumentError,
     "VAE: latent=0: expected a whole number of at least 1", None),
    (lambda: models.VAE(4, 200), ArgumentError,
     "VAE: hidden=200: expected the sizes of hidden layers",
     "hidden=(200, 200), or () for none"),
    (lambda: models.VAE(4, (3, 0)), ArgumentError,
     "VAE: hidden[1]=0: expected a whole number of at least 1", None),
    (lambda: models.VAE(4, samples=0), ArgumentError,
     "VAE: samples=0: expected a whole number of at least 1", None),
    (lambda: models.VAE(4, beta=-1), ArgumentError,
     "VAE: beta=-1: expected a finite number from 0", None),
    (lambda: models.VAE(4, beta=2, samples=5), ArgumentError,
     "VAE: beta=2 with samples=5: the importance-weighted bound has no KL to weigh",
     "samples=1, or beta=1"),
    (lambda: models.VAE(4, classes=-1), ArgumentError,
     "VAE: classes=-1: expected a whole number of at least 1", None),
    (lambda: models.VAE(4, likelihood="normal"), OptionError,
     "unknown likelihood 'normal': expected one of 'bernoulli', 'gaussian'", None),
    (lambda: models.VAE(4, variance="net"), OptionError,
     "unknown variance 'net': expected one of 'network', 'shared'",
     "did you mean 'network'?"),
    (lambda: models.VAE(4, variance=0.0), ArgumentError,
     "VAE: variance=0.0: expected a number above 0, or one of 'network', 'shared'",
     None),
    (lambda: models.VAE(4, likelihood="gaussian", binarize=True), ArgumentError,
     "VAE: binarize=True with likelihood='gaussian': it makes 0 and 1 of "
     "probabilities", "likelihood='bernoulli'"),
    (lambda: models.VAE(4, activation="tanh"), ArgumentError,
     "VAE: activation='tanh': expected a class of layers", "activation=nn.Tanh"),
    (lambda: models.VAE(4, activation=nn.ReLU()), ArgumentError,
     "VAE: activation=ReLU(): expected a class of layers", "activation=nn.ReLU"),
    (lambda: models.VAE(4).fit_output_bias(np.zeros((0, 4), "f4")), DataError,
     "fit_output_bias: x (0, 4): there are no examples", None),
    (lambda: models.VAE(4, encoder=nn.Linear(4, 4)), ArgumentError,
     "VAE: decoder is a NoneType: expected a layer",
     "both networks, encoder= and decoder=, or neither"),
    (lambda: models.VAE(4, encoder=nn.Linear(4, 2), decoder=nn.Linear(2, 4))(ROWS),
     ShapeError,
     "VAE: the encoder makes (2, 2) of (2, 4): expected (2, 4), means and "
     "log-variances of 2 numbers", "nn.Linear(…, 4) as its last layer"),
    (lambda: models.VAE(4, encoder=nn.Linear(4, 4), decoder=nn.Linear(2, 3))(ROWS),
     ShapeError, "VAE: the decoder makes (2, 3) of (2, 2): expected (2, 4)",
     "a decoder that ends with the shape of the data"),
    (lambda: models.VAE(4, likelihood="gaussian", encoder=nn.Linear(4, 4),
                        decoder=nn.Linear(2, 4))(ROWS), ShapeError,
     "VAE: the decoder makes (2, 4) of (2, 2): expected (2, 8), means and "
     "log-variances of the data",
     "a decoder that ends with the shape of the data; or variance='shared'"),
    (lambda: VAE(np.zeros((2, 5), "f4")), ShapeError,
     "VAE: x (2, 5): expected (N, 4)", "VAE(inputs, …) with the shape of one example"),
    (lambda: VAE(np.zeros((2, 2, 2), "f4")), ShapeError,
     "VAE: x (2, 2, 2): expected (N, 4)", "x.reshape(-1, 4)"),
    (lambda: VAE(WRONG), DataError,
     "VAE: data (2, 4): 255 at position (1, 1): expected from 0 to 1 of a Bernoulli "
     "likelihood",
     "images of 0 … 255 divided by 255; likelihood='gaussian' for real data"),
    (lambda: VAE(np.full((2, 4), np.nan, "f4")), DataError,
     "VAE: data (2, 4): nan at position (0, 0): expected from 0 to 1 of a Bernoulli "
     "likelihood",
     "images of 0 … 255 divided by 255; likelihood='gaussian' for real data"),
    (lambda: models.VAE(4, likelihood="gaussian").encode(ROWS * np.inf), DataError,
     "VAE: data (2, 4): inf at position (0, 0): expected finite", None),
    (lambda: VAE(WRONG.astype(int)), DTypeError,
     "VAE: x (2, 4) is int64: this layer computes with floats",
     "x.astype('float32'); for images of 0 … 255, divide by 255.0; for ids or class "
     "numbers, start the network with Embedding"),
    (lambda: VAE(ROWS, [0, 1]), ArgumentError,
     "VAE: labels, and the model knows no classes",
     "the examples alone: cr.fit(vae, x); or VAE(…, classes=10) for a conditional "
     "model"),
    (lambda: OF_CLASSES(ROWS), ArgumentError,
     "VAE: no labels, and the model has classes=3",
     "cr.fit(vae, (x, labels)), vae.encode(x, labels), vae.sample(64, labels=3)"),
    (lambda: OF_CLASSES(ROWS, [0]), ShapeError,
     "VAE: labels (1,) of int64 for 2 rows: expected (2,) whole numbers from 0 to 2",
     None),
    (lambda: OF_CLASSES(ROWS, [0, 3]), DataError,
     "VAE: label 3 at row 1: expected 0 to 2, of classes=3",
     "VAE(…, classes=…) with as many as there are, or correct the labels"),
    (lambda: OF_CLASSES(ROWS, [-1, 0]), DataError,
     "VAE: label -1 at row 0: expected 0 to 2, of classes=3",
     "VAE(…, classes=…) with as many as there are, or correct the labels"),
    (lambda: VAE.log_likelihood(ROWS), DataError,
     "log_likelihood: data (2, 4): 0.5 at position (0, 0): expected 0 or 1: the model "
     "has no probability for what is between",
     "(x > 0.5).astype('float32'), or values drawn with these probabilities"),
    (lambda: VAE.log_likelihood(data.load("digits")), ArgumentError,
     "log_likelihood: a Split: which part?", "split.test"),
    (lambda: VAE.elbo(ROWS[:0]), ShapeError,
     "elbo: x (0, 4): expected one row or more", None),
    (lambda: VAE.log_likelihood(ROWS.round(), samples=0), ArgumentError,
     "log_likelihood: samples=0: expected a whole number of at least 1", None),
    (lambda: VAE.sample(0), ArgumentError,
     "sample: n=0: expected a whole number of at least 1", None),
    (lambda: VAE.decode(np.zeros((1, 3), "f4")), ShapeError,
     "VAE: x (1, 3): 3 ≠ 2; a code has one number for each of latent",
     "latent=3, or give it inputs with 2 features"),
    (lambda: models.latent_grid(0), ArgumentError,
     "latent_grid: n=0: expected a whole number of at least 1", None),
    (lambda: models.VAE((2, 2, 1), latent=1, encoder=nn.Flatten(),
                        decoder=nn.Flatten()).fit_output_bias(np.zeros((1, 2, 2, 1))),
     ArgumentError,
     "fit_output_bias: the decoder ends in Flatten(): expected a Linear layer with a "
     "bias for each of 4 numbers", "leave it out; training finds the biases too"),
    (lambda: diverged()(ROWS), NumericsError,
     "VAE: the encoder's log σ² are up to 300, beyond 80: the weights have diverged",
     "a smaller learning rate, clipping of gradients, or data of variance about 1"),
])  # fmt: skip
def test_mistakes_are_named(
    make: Callable[[], Any], kind: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert (caught.value.what, caught.value.fix) == (what, fix)


@pytest.mark.parametrize("binarize", [False, True])
def test_wrong_data_in_training_are_named_where_they_stand(binarize: bool) -> None:
    vae = models.VAE(4, (3,), 2, binarize=binarize)
    rows = np.tile(WRONG, (20, 1))
    with pytest.raises(DataError, match=r"255 at position \(\d+, 1\): expected from 0"):
        cr.fit(vae, rows, optimizer=optim.Adam(), epochs=1, progress=False)


def test_labels_outside_of_the_classes_end_a_training() -> None:
    labels = [0, 1, 2, 3, 0, 1, 2, 3]
    vae = models.VAE(4, (3,), 2, classes=3)
    with pytest.raises(DataError, match=r"label 3 at row \d: expected 0 to 2"):
        cr.fit(vae, (np.tile(ROWS, (4, 1)), labels), epochs=1,
               optimizer=optim.Adam(), progress=False)  # fmt: skip


def test_weights_that_diverge_are_named_with_the_step() -> None:
    cr.manual_seed(0)
    vae = models.VAE(4, (3,), 2, "gaussian")
    x = 1e4 * np.random.default_rng(0).normal(size=(200, 4)).astype("f4")
    with pytest.raises(NumericsError):
        cr.fit(vae, x, optimizer=optim.SGD(lr=1.0), epochs=20, progress=False)


def test_outputs_are_had_of_encode() -> None:
    with pytest.raises(ArgumentError, match=r"cr\.predict\(model\.encode, x\)"):
        cr.predict(VAE, ROWS)
