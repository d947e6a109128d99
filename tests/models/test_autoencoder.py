"""Autoencoders: principal components, penalties and noise, files, messages."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import chainrule as cr
from chainrule import data, losses, models, nn, optim
from chainrule.errors import ArgumentError, ChainruleError, ShapeError

f64 = "float64"
DIGITS = data.load("digits").train.inputs[:300].astype(np.float64)
CENTRED = DIGITS - DIGITS.mean(axis=0)
X = np.random.default_rng(0).uniform(size=(6, 4))


def error(model: models.Autoencoder, loss: str = "mse", **options: Any) -> float:
    """The loss of a batch in training."""
    return float(models.Reconstruction(model, loss, **options)(X, training=True).item())


@pytest.fixture
def sparse() -> models.Autoencoder:
    """A code of 5 sigmoids in float64."""
    cr.manual_seed(0)
    return models.deep_autoencoder((4, 5), code=nn.Sigmoid, dtype=f64)


@pytest.fixture
def deep() -> models.Autoencoder:
    """A network of 4-6-3 in float64, with a bend in every layer."""
    cr.manual_seed(0)
    return models.deep_autoencoder((4, 6, 3), nn.Tanh, code=nn.Tanh, dtype=f64)


# Linear networks. ---------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
def test_a_linear_code_spans_the_principal_components(tied: bool) -> None:
    cr.manual_seed(0)
    model = models.deep_autoencoder((64, 4), tied=tied, dtype=f64)
    objective = models.Reconstruction(model, "squared_error")
    optimizer = optim.LBFGS(gradient_tolerance=1e-8, loss_tolerance=0)
    history = cr.fit(
        objective, CENTRED, optimizer=optimizer, epochs=400, progress=False
    )
    pca = PCA(4).fit(CENTRED)
    directions = model.decoder[-1].weight.array
    spanned = directions.T if tied else directions  # (64, 4)
    assert subspace_angles(spanned, pca.components_.T).max() < 1e-3
    left = np.square(CENTRED).sum() * (1 - pca.explained_variance_ratio_.sum())
    assert history.last["loss"] * 300 == pytest.approx(left, rel=1e-5)


def test_a_linear_network_without_training_does_not_span_them() -> None:
    cr.manual_seed(0)
    model = models.deep_autoencoder((64, 4), dtype=f64)
    components = PCA(4).fit(CENTRED).components_.T
    assert subspace_angles(model.decoder[0].weight.array, components).max() > 0.5


# What is minimised. -------------------------------------------------------------------


def test_the_plain_loss_compares_with_the_input(deep: models.Autoencoder) -> None:
    rows = np.square(deep(X).numpy() - X)
    assert error(deep) == pytest.approx(rows.mean())
    assert error(deep, "squared_error") == pytest.approx(rows.sum(axis=1).mean())


def test_losses_of_logits_leave_the_last_sigmoid_out() -> None:
    cr.manual_seed(0)
    model = models.deep_autoencoder((4, 2), output=nn.Sigmoid, dtype=f64)
    made = model(X).numpy()
    expected = -(X * np.log(made) + (1 - X) * np.log(1 - made))
    assert error(model, "binary_cross_entropy") == pytest.approx(expected.mean())
    assert error(model, "bernoulli-nll") == pytest.approx(expected.sum(axis=1).mean())


def test_penalties_are_added_with_their_weights(sparse: models.Autoencoder) -> None:
    code, plain = sparse.encode(X), error(sparse)
    kl = losses.kl_sparsity(code, 0.2).item()
    assert error(sparse, sparsity=3, target=0.2) == pytest.approx(plain + 3 * kl)
    l1 = losses.l1_sparsity(code).item()
    assert error(sparse, l1=0.5) == pytest.approx(plain + 0.5 * l1)


def test_evaluation_is_the_error_of_clean_inputs(sparse: models.Autoencoder) -> None:
    noise = nn.SaltAndPepper(0.5)
    objective = models.Reconstruction(sparse, noise=noise, sparsity=3, contraction=1)
    assert cr.evaluate(objective, X)["loss"] == pytest.approx(error(sparse))


def test_noise_stands_before_the_encoder_alone() -> None:
    class Ones(nn.Module):
        """Everything is 1."""

        def forward(self, x: Any) -> Any:
            """1."""
            return x * 0.0 + 1.0

    same = models.Autoencoder(nn.Identity(), nn.Identity())
    assert error(same, noise=Ones()) == pytest.approx(np.square(1 - X).mean())


# Contraction. -------------------------------------------------------------------------


def squared_norm(encoder: nn.Module) -> float:
    """‖∂h/∂x‖²_F by all elements of the Jacobian, averaged over examples."""
    rows = [cr.jacobian(encoder)(cr.tensor(x[None])).numpy() for x in X]
    return float(np.mean([np.square(each).sum() for each in rows]))


@pytest.mark.parametrize("activation", [None, nn.Sigmoid, nn.Tanh, nn.Softplus])
def test_the_contraction_of_one_layer_is_exact(activation: Any) -> None:
    cr.manual_seed(0)
    model = models.deep_autoencoder((4, 3), code=activation, dtype=f64)
    expected = 0.1 * squared_norm(model.encoder)
    assert error(model, contraction=0.1) - error(model) == pytest.approx(expected)


def test_the_contraction_of_a_sigmoid_is_the_formula_of_its_paper(
    sparse: models.Autoencoder,
) -> None:
    h, w = sparse.encode(X).numpy(), sparse.encoder[0].weight.array
    expected = (np.square(h * (1 - h)) @ np.square(w).sum(axis=1)).mean()
    x = cr.tensor(X)
    found = models.squared_jacobian(sparse.encoder, x, sparse.encode(x))
    assert found.item() == pytest.approx(expected)


def test_the_contraction_of_deeper_encoders_is_right_on_average(
    deep: models.Autoencoder,
) -> None:
    cr.manual_seed(1)
    x = cr.tensor(X)
    code = deep.encode(x)
    draws = [models.squared_jacobian(deep.encoder, x, code).item() for _ in range(400)]
    spread = np.std(draws) / 20
    assert spread > 0
    assert abs(np.mean(draws) - squared_norm(deep.encoder)) < 4 * spread


@pytest.mark.parametrize(
    "options", [{"contraction": 2.0}, {"sparsity": 0.5}, {"l1": 0.3}]
)
def test_gradients_of_penalties_agree_with_differences(
    sparse: models.Autoencoder, options: dict[str, float]
) -> None:
    objective = models.Reconstruction(sparse, **options)  # type: ignore[arg-type]
    weight = sparse.encoder[0].weight
    start = weight.array.copy()
    found = cr.backprop(objective(X, training=True))[weight].numpy()
    expected = np.empty_like(start)
    for place in np.ndindex(*start.shape):
        values = []
        for step in (1e-5, -1e-5):
            moved = start.copy()
            moved[place] += step
            weight.assign(moved)
            values.append(objective(X, training=True).item())
        expected[place] = (values[0] - values[1]) / 2e-5
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


def test_gradients_of_the_estimate_agree_with_differences(
    deep: models.Autoencoder,
) -> None:
    weight = deep.encoder[0].weight
    objective = models.Reconstruction(deep, contraction=1.0)

    def value(weights: Any) -> Any:
        weight.assign(weights)
        cr.manual_seed(2)
        return objective(X, training=True)

    start = weight.array.copy()
    found = cr.backprop(value(start))[weight].numpy()
    direction = np.random.default_rng(0).normal(size=start.shape)
    after, before = (value(start + e * direction).item() for e in (1e-5, -1e-5))
    slope = (after - before) / 2e-5
    assert (found * direction).sum() == pytest.approx(slope, rel=1e-5)


# Training. ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    {"noise": nn.ZeroMasking(0.3)}, {"sparsity": 0.1, "target": 0.1},
    {"contraction": 0.01},
])  # fmt: skip
def test_sparse_denoising_and_contractive_codes_are_learned(
    options: dict[str, Any],
) -> None:
    cr.manual_seed(0)
    model = models.deep_autoencoder((64, 24), code=nn.Sigmoid, output=nn.Sigmoid)
    objective = models.Reconstruction(model, "bernoulli_nll", **options)
    adam = optim.Adam(lr=0.01)
    cr.fit(objective, DIGITS, optimizer=adam, epochs=15, progress=False)
    off = np.square(model(DIGITS).numpy() - DIGITS).mean()
    assert off < 0.7 * np.square(CENTRED).mean()


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "bernoulli_nll"])
def test_binary_losses_are_of_logits_however_deep_the_sigmoid_is(loss: str) -> None:
    ends = [nn.Linear(2, 4), nn.Sigmoid()]
    decoders = [
        nn.Sequential(*ends), nn.Sequential(nn.Sequential(*ends)),
        nn.Sequential(nn.Sequential(ends[0]), nn.Sequential(nn.Sequential(ends[1]))),
    ]  # fmt: skip
    encoder = nn.Linear(4, 2)
    expected = losses.by_name(loss)(ends[0](encoder(X)), X).item()
    for decoder in decoders:
        model = models.Autoencoder(encoder, decoder)
        assert error(model, loss) == pytest.approx(expected)
    back = nn.Tied(encoder)
    tied = models.Autoencoder(encoder, nn.Sequential(back, nn.Sigmoid()))
    expected = losses.by_name(loss)(back(encoder(X)), X).item()
    assert error(tied, loss) == pytest.approx(expected)
    with pytest.raises(ArgumentError, match="decoder that ends in Tied"):
        models.Reconstruction(models.Autoencoder(encoder, back), loss)
    alone = models.Autoencoder(nn.Linear(4, 4), nn.Sigmoid())
    expected = losses.by_name(loss)(alone.encoder(X), X).item()
    assert error(alone, loss) == pytest.approx(expected)


def test_sparsity_brings_means_to_the_target() -> None:
    means = []
    for sparsity in (0.0, 2.0):
        cr.manual_seed(0)
        model = models.deep_autoencoder((64, 24), code=nn.Sigmoid)
        objective = models.Reconstruction(model, sparsity=sparsity, target=0.1)
        adam = optim.Adam(lr=0.01)
        cr.fit(objective, DIGITS, optimizer=adam, epochs=20, progress=False)
        means.append(cr.predict(model.encoder, DIGITS).mean(axis=0))
    assert np.abs(means[1] - 0.1).max() < 0.05 < np.abs(means[0] - 0.1).mean()


def test_contraction_makes_codes_answer_less() -> None:
    norms = []
    for contraction in (0.0, 0.1):
        cr.manual_seed(0)
        model = models.deep_autoencoder((4, 6, 3), nn.Tanh, code=nn.Tanh, dtype=f64)
        objective = models.Reconstruction(model, contraction=contraction)
        adam = optim.Adam(lr=0.03)
        cr.fit(objective, X, optimizer=adam, epochs=60, progress=False)
        norms.append(squared_norm(model.encoder))
    assert norms[1] < 0.7 * norms[0]


def test_images_are_coded_by_convolutions() -> None:
    cr.manual_seed(0)
    model = models.conv_autoencoder((8, 8, 1), 12, channels=(8, 16))
    images = DIGITS.reshape(-1, 8, 8, 1).astype(np.float32)
    objective = models.Reconstruction(model, "binary_cross_entropy")
    adam = optim.Adam(lr=0.01)
    cr.fit(objective, images, optimizer=adam, epochs=20, progress=False)
    assert model.encode(images[:3]).shape == (3, 12)
    off = np.square(cr.predict(model, images) - images).mean()
    assert off < 0.6 * np.square(CENTRED).mean()


# Networks, files. ---------------------------------------------------------------------


def test_the_networks_of_the_paper_have_its_sizes() -> None:
    sizes = (784, 1000, 500, 250, 30)
    free = models.deep_autoencoder(sizes, nn.Sigmoid, output=nn.Sigmoid)
    assert free.num_parameters == 2_837_314
    tied = models.deep_autoencoder(sizes, nn.Sigmoid, output=nn.Sigmoid, tied=True)
    assert free.num_parameters - tied.num_parameters == sum(
        a * b for a, b in itertools.pairwise(sizes)
    )


def test_hidden_layers_are_normalized_and_the_ends_are_not() -> None:
    model = models.deep_autoencoder((9, 7, 5, 3), batch_norm=True)
    layers = ["Linear", "BatchNorm1d", "ReLU"] * 2 + ["Linear"]
    for part in (model.encoder, model.decoder):
        assert [type(each).__name__ for each in part] == layers  # type: ignore[attr-defined]


def test_files_hold_the_network_and_what_it_is_trained_to_do(tmp_path: Path) -> None:
    model = models.deep_autoencoder((4, 6, 5), code=nn.Sigmoid, tied=True)
    objective = models.Reconstruction(
        model, "l1", noise=nn.ZeroMasking(0.2), sparsity=2.0, target=0.1, contraction=1
    )
    objective.save(tmp_path / "a.safetensors")
    again = cr.load(tmp_path / "a.safetensors")
    assert repr(again) == repr(objective)
    assert isinstance(again, models.Reconstruction)
    assert again.settings().keys() == objective.settings().keys()
    x = X.astype(np.float32)
    assert (again.autoencoder(x).numpy() == model(x).numpy()).all()
    assert again(x).item() == objective(x).item()


SIGMOID = models.deep_autoencoder((4, 2))
DEEP = models.deep_autoencoder((4, 3, 2)).encoder


@pytest.mark.parametrize(("make", "kind", "what", "fix"), [
    (lambda: models.deep_autoencoder((64, 100)), ArgumentError,
     "deep_autoencoder: a linear code of 100 numbers for 64 inputs: it can copy them, "
     "and nothing is to be learned",
     "a code narrower than 64; or code=nn.Sigmoid and Reconstruction(…, sparsity=3.0) "
     "or noise=, for codes that may be wider"),
    (lambda: models.deep_autoencoder((64, 10, 0)), ArgumentError,
     "deep_autoencoder: sizes[2]=0: expected a whole number of at least 1", None),
    (lambda: models.deep_autoencoder((64,)), ArgumentError,
     "deep_autoencoder: sizes=(64,): expected those of the input, of hidden layers and "
     "of the code", "models.deep_autoencoder((784, 1000, 500, 250, 30))"),
    (lambda: models.deep_autoencoder((64, 3), "relu"), ArgumentError,
     "deep_autoencoder: activation='relu': expected a class of layers",
     "activation=nn.Tanh"),
    (lambda: models.Autoencoder(nn.ReLU, nn.ReLU()), ArgumentError,
     "Autoencoder: encoder is a type: expected a layer",
     "models.deep_autoencoder((784, 500, 30)); or models.Autoencoder(nn.Linear(784, "
     "30), nn.Linear(30, 784))"),
    (lambda: models.Reconstruction(nn.ReLU()), ArgumentError,
     "Reconstruction: autoencoder is a ReLU: expected an Autoencoder",
     "models.Autoencoder(encoder, decoder)"),
    (lambda: models.Reconstruction(SIGMOID, "cross_entropy"), ArgumentError,
     "Reconstruction: loss='cross_entropy': expected one of mse, squared_error, "
     "half_squared_error, l1, huber, binary_cross_entropy, bernoulli_nll",
     "another one trains the network itself: cr.fit(autoencoder, (x, x), "
     "loss=function)"),
    (lambda: models.Reconstruction(SIGMOID, losses.mse), ArgumentError,
     "Reconstruction: loss=mse, a function: expected the name of one of mse, "
     "squared_error, half_squared_error, l1, huber, binary_cross_entropy, "
     "bernoulli_nll", "loss='mse'"),
    (lambda: models.Reconstruction(SIGMOID, max), ArgumentError,
     "Reconstruction: loss=max, a function: expected the name of one of mse, "
     "squared_error, half_squared_error, l1, huber, binary_cross_entropy, "
     "bernoulli_nll",
     "another one trains the network itself: cr.fit(autoencoder, (x, x), "
     "loss=function)"),
    (lambda: models.Reconstruction(SIGMOID, "bernoulli_nll"), ArgumentError,
     "Reconstruction: loss='bernoulli_nll' of a decoder that ends in Linear: it would "
     "learn logits, and make these of a code in the place of numbers from 0 to 1",
     "nn.Sigmoid() as the decoder's last layer: output=nn.Sigmoid"),
    (lambda: models.squared_jacobian(DEEP, X, DEEP(X)), ArgumentError,
     "squared_jacobian: x is a ndarray, of which the code does not know that it was "
     "made of it", "x = cr.tensor(x); squared_jacobian(encoder, x, encoder(x))"),
    (lambda: models.conv_autoencoder((8, 8, 1), 4, channels=8), ArgumentError,
     "conv_autoencoder: channels=8: expected those of every stage",
     "channels=(32, 64)"),
    (lambda: models.Reconstruction(SIGMOID, noise=0.3), ArgumentError,
     "Reconstruction: noise=0.3: expected a layer",
     "noise=nn.ZeroMasking(0.3), nn.GaussianNoise(0.1) or nn.SaltAndPepper(0.1)"),
    (lambda: models.Reconstruction(SIGMOID, contraction=-1), ArgumentError,
     "Reconstruction: contraction=-1: expected a finite number from 0", None),
    (lambda: models.Reconstruction(SIGMOID, sparsity=1), ArgumentError,
     "Reconstruction: sparsity= of a code that Linear makes: it compares the mean of a "
     "unit with a share of time, and such codes are not from 0 to 1",
     "nn.Sigmoid() as the encoder's last layer, or l1=0.001"),
    (lambda: error(models.Autoencoder(nn.Linear(4, 2), nn.Linear(2, 3))), ShapeError,
     "Reconstruction: x (6, 4) and its reconstruction (6, 3): both must have the same "
     "shape", "a decoder that ends with the size that the encoder begins with"),
    (lambda: models.conv_autoencoder((28, 28), 2), ArgumentError,
     "conv_autoencoder: image_shape=(28, 28): expected (height, width, channels)",
     "(28, 28, 1), and images as x.reshape(-1, 28, 28, 1)"),
    (lambda: models.conv_autoencoder((28, 28, 1), 2, (8, 8, 8)), ArgumentError,
     "conv_autoencoder: images of 28 × 28 and 3 stages, which each halve them: "
     "expected multiples of 8", "fewer channels=, or images with a margin"),
    (lambda: models.conv_autoencoder((28, 28, 1), 0), ArgumentError,
     "conv_autoencoder: code=0: expected a whole number of at least 1", None),
])  # fmt: skip
def test_mistakes_are_named(
    make: Callable[[], Any], kind: type[ChainruleError], what: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        make()
    assert (caught.value.what, caught.value.fix) == (what, fix)
