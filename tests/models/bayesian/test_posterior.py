"""The interface of posteriors: what is learned, predicted, saved, and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn, optim

RNG = np.random.default_rng(0)
X = RNG.uniform(-1.0, 1.0, (50, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * RNG.normal(size=50)


def small(outputs: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, outputs))


def trained(loss_of: Any, transforms: list[Any], epochs: int = 5) -> np.ndarray:
    """The weights of a network after a few epochs of a loss."""
    cr.manual_seed(1)
    network = small().astype("float64")
    model, how = loss_of(network)
    optimizer = optim.SGD(model.parameters(), lr=0.05, transforms=transforms)
    cr.fit(model, (X, Y[:, None]), optimizer=optimizer, epochs=epochs, progress=False,
           **how)  # fmt: skip
    return np.concatenate([each.numpy().ravel() for each in network.parameters()])


NOISE = {"precision": 2.0, "learned": False, "dtype": "float64"}


@pytest.mark.parametrize(
    ("prior", "penalty"),
    [
        (models.GaussianPrior(0.4), optim.L2(models.GaussianPrior(0.4).l2(50))),
        (models.LaplacePrior(0.4), optim.L1(models.LaplacePrior(0.4).l1(50))),
    ],
    ids=["gaussian", "laplace"],
)
def test_a_prior_is_the_penalty_of_the_same_strength(prior: Any, penalty: Any) -> None:
    """With β = 2 the surprise is the squared error and a constant."""

    def probable(network: Any) -> Any:
        noise = models.GaussianLikelihood(**NOISE)
        return models.MAP(network, noise, prior, num_examples=50), {}

    def penalised(network: Any) -> Any:
        return network, {"loss": "mse"}

    a, b = trained(probable, []), trained(penalised, [penalty])
    assert np.abs(a - b).max() < 1e-12
    assert np.abs(a - trained(penalised, [])).max() > 1e-4


def test_the_precision_that_is_learned_is_that_of_the_errors() -> None:
    line = models.MAP(nn.Linear(3, 1).astype("float64"),
                      models.GaussianLikelihood(dtype="float64"))  # fmt: skip
    line.fit(X, Y, optimizer=optim.LBFGS(), epochs=100, progress=False)
    said = line.predict(X)
    errors = Y - said.mean[:, 0]
    assert said.aleatoric[0, 0] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-4)
    design = np.column_stack([X, np.ones(len(X))])
    best = design @ np.linalg.lstsq(design, Y, rcond=None)[0]
    assert np.abs(said.mean[:, 0] - best).max() < 1e-4


def test_values_stand_for_parameters_and_gradients_reach_them() -> None:
    network = nn.Linear(3, 1).astype("float64")
    joint = models.Joint(network, models.GaussianLikelihood(**NOISE))
    w, b = RNG.normal(size=(1, 3)), RNG.normal(size=1)

    def log_prob(w: Any, b: Any) -> Any:
        with joint.at([w, b]):
            return joint.log_prob(cr.tensor(X), cr.tensor(Y))

    def by_hand(w: Any, b: Any) -> Any:
        rest = Y - (X @ w[0] + b)
        return (-(rest**2) + 0.5 * np.log(2.0 / (2.0 * np.pi))).sum()

    value, slopes = cr.compile(cr.value_and_grad(log_prob, (0, 1)))(
        cr.tensor(w), cr.tensor(b)
    )
    assert value.item() == pytest.approx(by_hand(w, b), rel=1e-12)
    step = 1e-6
    numeric = (by_hand(w, b + step) - by_hand(w, b - step)) / (2 * step)
    assert slopes[1].item() == pytest.approx(numeric, rel=1e-6)
    with (
        pytest.raises(cr.errors.GradientError, match="only while a function is traced"),
        joint.at([w, b]),
    ):
        pass


def made(kind: str) -> models.Posterior:
    cr.manual_seed(0)
    prior = models.GaussianPrior(1.0)
    noise = models.GaussianLikelihood()
    if kind == "ensemble":
        return models.DeepEnsemble(small(2), models.HeteroscedasticLikelihood(), prior)
    if kind == "dropout":
        net = nn.Sequential(
            nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1)
        )
        return models.MCDropout(net, noise, prior)
    if kind == "mean field":
        return models.MeanField(small(), noise, prior)
    if kind == "variational last layer":
        return models.MeanField(small(), noise, prior, uncertain="last_layer")
    if kind == "map":
        return models.MAP(small(), noise, prior)
    return models.Laplace(small(), noise, prior, structure=kind)


KINDS = [
    "map", "ensemble", "dropout", "mean field", "variational last layer", "diagonal",
    "kronecker", "last_layer", "full",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_learns_says_how_sure_it_is_and_is_saved(
    kind: str, tmp_path: Path
) -> None:
    posterior = made(kind)
    posterior.fit(X, Y, epochs=100, optimizer=optim.Adam(lr=0.02), progress=False)
    said = posterior.predict(X, num_draws=20, seed=3)
    assert said.mean.shape == said.epistemic.shape == said.aleatoric.shape == (50, 1)
    assert np.abs(said.mean[:, 0] - Y).mean() < 0.35 < np.abs(Y - Y.mean()).mean()
    assert (said.aleatoric > 0).all()
    assert bool((said.epistemic > 0).all()) == (kind != "map")
    assert np.allclose(said.total**2, said.epistemic**2 + said.aleatoric**2)
    surprise = posterior.log_predictive(X, Y, num_draws=20, seed=3)
    assert surprise.shape == (50,) and surprise.mean() > -1.0
    again = posterior.predict(X, num_draws=20, seed=3)
    assert np.array_equal(said.draws, again.draws)
    posterior.save(tmp_path / "posterior.safetensors")
    loaded: Any = cr.load(tmp_path / "posterior.safetensors")
    assert type(loaded) is type(posterior)
    assert loaded.num_examples == 50
    assert np.array_equal(loaded.predict(X, num_draws=20, seed=3).draws, said.draws)


@pytest.mark.parametrize(
    "likelihood",
    [
        models.GaussianLikelihood(precision=3.0, learned=False),
        models.HeteroscedasticLikelihood(),
        models.BernoulliLikelihood(),
        models.CategoricalLikelihood(),
        models.MixtureDensity(2),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize(
    "prior",
    [None, models.GaussianPrior(0.3), models.LaplacePrior(0.3)],
    ids=["flat", "gaussian", "laplace"],
)
def test_likelihoods_and_priors_are_saved_with_their_settings(
    likelihood: Any, prior: Any, tmp_path: Path
) -> None:
    posterior = models.MAP(small(8), likelihood, prior, num_examples=7)
    posterior.save(tmp_path / "map.safetensors")
    loaded: Any = cr.load(tmp_path / "map.safetensors")
    assert repr(loaded) == repr(posterior)
    assert np.array_equal(loaded.predict(X).mean, posterior.predict(X).mean)


def test_what_cannot_be_learned_from_is_an_error() -> None:
    line = models.MAP(small(), models.GaussianLikelihood())
    missing = Y.copy()
    missing[7] = np.nan
    with pytest.raises(cr.errors.DataError, match="nan at row 7"):
        line.fit(X, missing)
    with pytest.raises(cr.errors.DataError, match=r"inputs .*nan"):
        line.predict(np.full((2, 3), np.nan))
    with pytest.raises(cr.errors.ShapeError, match=r"targets \(\d+, 2\) with outputs"):
        line.fit(X, np.column_stack([Y, Y]), epochs=1, progress=False)
    events = models.MAP(small(), models.BernoulliLikelihood())
    with pytest.raises(cr.errors.DataError, match="all are 1: one class only"):
        events.fit(X, np.ones(50))
    with pytest.raises(cr.errors.DataError, match="expected 0 and 1"):
        events.fit(X, np.arange(50))
    classes = models.MAP(small(3), models.CategoricalLikelihood())
    with pytest.raises(cr.errors.DataError, match="expected whole numbers from 0"):
        classes.fit(X, Y)
    with pytest.raises(cr.errors.DataError):
        classes.fit(X, np.zeros(50, int))


def test_targets_that_are_none_are_refused_in_learning_and_in_scoring() -> None:
    events = models.MAP(small(), models.BernoulliLikelihood())
    amounts = models.MAP(small(), models.GaussianLikelihood())
    text = np.array(["yes", "no"] * 25)
    for ask in (events.fit, events.log_predictive, amounts.log_predictive):
        with pytest.raises(cr.errors.DataError, match="expected numbers"):
            ask(X, text)
        with pytest.raises(cr.errors.DataError, match="there are none"):
            ask(X[:0] if ask == events.fit else X, Y[:0])
    with pytest.raises(cr.errors.DataError, match="expected 0 and 1"):
        events.log_predictive(X[:3], [0, 3, -2])
    assert np.isfinite(events.log_predictive(X[:2], [1, 1])).all()


def test_what_is_held_out_is_not_learned_from() -> None:
    line = models.Laplace(nn.Linear(3, 1), models.GaussianLikelihood())
    how = {"epochs": 1, "progress": False, "seed": 3}
    history = line.fit(X, Y, validation=0.2, **how)
    assert line.num_examples == 40 and history.epochs[0]["validation_loss"] > 0
    whole = models.Laplace(nn.Linear(3, 1), models.GaussianLikelihood())
    whole.load_state_dict(line.state_dict())
    whole.measure_curvature(X)
    assert line.log_determinant.numpy() < whole.log_determinant.numpy()


def test_parts_of_another_kind_are_refused() -> None:
    noise = models.GaussianLikelihood()
    with pytest.raises(cr.errors.ArgumentError, match="likelihood is a str: expected"):
        models.MAP(small(), "gaussian")
    with pytest.raises(cr.errors.ArgumentError, match="prior is a float: expected a"):
        models.MAP(small(), noise, 1.0)
    with pytest.raises(cr.errors.ArgumentError, match="network has no parameters"):
        models.MAP(nn.ReLU(), noise)
    with pytest.raises(cr.errors.ArgumentError, match="the network drops nothing"):
        models.MCDropout(small(), noise)
    with pytest.raises(cr.errors.ArgumentError, match="against is not known"):
        cr.fit(models.MAP(small(), noise, models.GaussianPrior()), (X, Y), epochs=1)
    with pytest.raises(cr.errors.ArgumentError, match="std=0: expected a finite"):
        models.GaussianPrior(0)
    with pytest.raises(cr.errors.ArgumentError, match="seed: 'a': expected a whole"):
        models.DeepEnsemble(small(), noise, seed="a")  # type: ignore[arg-type]


def test_members_of_an_ensemble_learn_what_each_would_alone() -> None:
    noise = models.HeteroscedasticLikelihood()
    prior = models.GaussianPrior(1.0)
    together = models.DeepEnsemble(small(2), noise, prior, members=3)
    alone = [together.member(m) for m in range(3)]
    how = {"epochs": 10, "progress": False, "seed": 5}
    together.fit(X, Y, optimizer=optim.Adam(lr=0.01, eps=1e-12), **how)
    for number, member in enumerate(alone):
        member.fit(X, Y, optimizer=optim.Adam(lr=0.01, eps=1e-12), **how)
        learned = together.member(number)
        for a, b in zip(member.parameters(), learned.parameters(), strict=True):
            assert np.abs(a.numpy() - b.numpy()).max() < 1e-4
    first, second = alone[0].parameters()[0], alone[1].parameters()[0]
    assert np.abs(first.numpy() - second.numpy()).max() > 0.1


def test_a_member_has_the_same_first_weights_in_an_ensemble_of_any_size() -> None:
    noise = models.HeteroscedasticLikelihood()
    few = models.DeepEnsemble(small(2), noise, members=2)
    many = models.DeepEnsemble(lambda: small(2), noise, members=4)
    name = next(iter(few.weights))
    assert np.array_equal(few.weights[name].numpy(), many.weights[name].numpy()[:2])


def test_dropout_in_prediction_leaves_averages_of_batches_alone() -> None:
    cr.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1)
    )
    dropout = models.MCDropout(net, models.GaussianLikelihood())
    dropout.fit(X, Y, epochs=5, progress=False)
    net[1].weight.freeze()
    before = net.state_dict()
    said = dropout.predict(X, num_draws=10)
    after = net.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    alone = dropout.predict(X[:1], num_draws=10)
    assert np.abs(alone.mean - said.mean[:1]).max() < 0.5 * said.total.max()
    assert [p.frozen for p in net[1].parameters()] == [True, False]
    assert not net[1].frozen and (said.epistemic > 0).all()


def test_entropy_is_split_into_doubt_of_the_data_and_of_the_weights() -> None:
    agreed = np.full((2, 1, 2), 0.5)
    opposed = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    for draws, epistemic, aleatoric in ((agreed, 0, 1), (opposed, 1, 0)):
        said = models.Prediction.of(draws, draws, "classes")
        assert said.epistemic.item() == pytest.approx(epistemic * np.log(2))
        assert said.aleatoric.item() == pytest.approx(aleatoric * np.log(2))
    assert said.labels.tolist() == [0]
    with pytest.raises(cr.errors.ArgumentError, match="labels of amounts"):
        _ = models.Prediction.of(agreed, agreed).labels


@pytest.mark.parametrize("kind", ["ensemble", "dropout", "mean field", "last_layer"])
def test_iris_is_told_apart_and_what_lies_between_is_less_sure(kind: str) -> None:
    iris = cr.data.load("iris")
    x, y = np.asarray(iris.train.inputs), np.asarray(iris.train.targets)
    cr.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    likelihood, prior = models.CategoricalLikelihood(), models.GaussianPrior(1.0)
    posterior: models.Posterior
    if kind == "ensemble":
        posterior = models.DeepEnsemble(net, likelihood, prior)
    elif kind == "dropout":
        posterior = models.MCDropout(net, likelihood, prior)
    elif kind == "mean field":
        posterior = models.MeanField(net, likelihood, prior)
    else:
        posterior = models.Laplace(net, likelihood, prior, structure=kind)
    posterior.fit(x, y, epochs=100, optimizer=optim.Adam(lr=0.01), progress=False)
    said = posterior.predict(iris.test.inputs)
    right = said.labels == np.asarray(iris.test.targets)
    assert right.mean() >= 0.85
    assert np.allclose(said.mean.sum(axis=1), 1.0, atol=1e-5)
    assert (said.epistemic >= 0).all()
    between = posterior.predict(
        x[y == 1].mean(axis=0)[None] * 0.5 + 0.5 * x[y == 2].mean(axis=0)
    )
    typical = posterior.predict(x[y == 0].mean(axis=0)[None])
    assert between.total[0] > typical.total[0]
