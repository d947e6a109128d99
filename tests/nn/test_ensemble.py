"""Ensembles: every member is a network of its own, and they answer together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4))
LABELS = RNG.integers(0, 3, 12)
AMOUNTS = RNG.normal(size=(12, 1))


def made(average: str = "values", outputs: int = 1, members: int = 3) -> nn.Ensemble:
    cr.manual_seed(0)
    return nn.Ensemble(
        nn.EnsembleLinear(members, 4, 8, dtype="float64"),
        nn.Tanh(),
        nn.EnsembleLinear(members, 8, outputs, dtype="float64"),
        average=average,
    )


def test_amounts_are_the_mean_of_the_members_own_answers() -> None:
    model = made()
    own = [model.member(k)(X).numpy() for k in range(3)]
    np.testing.assert_allclose(model(X).numpy(), np.mean(own, axis=0), rtol=1e-12)


def test_classes_are_logits_of_the_mean_of_the_members_probabilities() -> None:
    model = made("probabilities", 3)
    own = [cr.softmax(model.member(k)(X)).numpy() for k in range(3)]
    np.testing.assert_allclose(
        np.exp(model(X).numpy()), np.mean(own, axis=0), rtol=1e-12
    )


@pytest.mark.parametrize("average", ["values", "probabilities"])
def test_each_member_is_trained_as_if_it_were_alone(average: str) -> None:
    """After ten steps of SGD the members have the values of networks trained alone.

    The loss is the mean of K losses, so a step is K times as long for a network alone.
    """
    classes = average == "probabilities"
    model = made(average, 3 if classes else 1)
    loss = losses.cross_entropy if classes else losses.mse
    targets = LABELS if classes else AMOUNTS
    alone = [model.member(k) for k in range(3)]
    optimizer = optim.SGD(model.parameters(), lr=0.3)
    for _ in range(10):
        optimizer.step(cr.backprop(model(X, training=True).loss(loss, targets)))
    for number, network in enumerate(alone):
        single = optim.SGD(network.parameters(), lr=0.1)
        for _ in range(10):
            single.step(cr.backprop(loss(network(X, training=True), targets)))
        for name, value in model.member(number).state_dict().items():
            np.testing.assert_allclose(
                value, network.state_dict()[name], rtol=1e-9, atol=1e-12
            )


def test_members_begin_with_different_values_of_a_linear_layers_scale() -> None:
    cr.manual_seed(0)
    weight = nn.EnsembleLinear(4, 300, 500).weight.numpy()
    for number in range(4):
        assert weight[number].var() == pytest.approx(2 / 800, rel=0.02)
        assert not np.array_equal(weight[number], weight[number - 1])


def test_gradients_agree_with_finite_differences() -> None:
    model = made("probabilities", 3)

    def loss(x: Any) -> Any:
        members = model(x, training=True)
        return members.loss(losses.cross_entropy, LABELS) + (model(x) ** 2).mean()

    cr.check_gradients(loss, X)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_engines_agree_with_eager(engine: str) -> None:
    model = made("probabilities", 3)
    compiled = cr.compile(lambda x: model(x), engine=engine)
    np.testing.assert_allclose(compiled(X).numpy(), model(X).numpy(), rtol=1e-10)


def test_fit_learns_and_measures_the_answer_of_all() -> None:
    cr.manual_seed(0)
    x = RNG.normal(size=(200, 4)).astype("float32")
    y = (x[:, 0] > 0).astype("int64")
    model = nn.Ensemble(
        nn.EnsembleLinear(5, 4, 16),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.EnsembleLinear(5, 16, 2),
        average="probabilities",
    )
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    history = cr.fit(
        model,
        (x, y),
        optimizer=optimizer,
        epochs=20,
        batch_size=20,
        validation=(x, y),
        progress=False,
    )
    assert history["validation_accuracy"][-1] > 0.97
    assert cr.evaluate(model, (x, y))["accuracy"] == history["validation_accuracy"][-1]


def test_fit_shapes_amounts_for_an_ensemble_as_for_a_network() -> None:
    x = X.astype("float32")
    model = nn.Ensemble(nn.EnsembleLinear(2, 4, 1))
    history = cr.fit(model, (x, x[:, 0]), epochs=2, progress=False)
    assert history["loss"][-1] < history["loss"][0]


def test_a_file_holds_an_ensemble(tmp_path: Path) -> None:
    model = made("probabilities", 3)
    model.save(tmp_path / "model.safetensors")
    loaded = cr.load(tmp_path / "model.safetensors")
    assert repr(loaded) == repr(model)
    assert np.array_equal(loaded(X).numpy(), model(X).numpy())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: nn.Ensemble(nn.Linear(2, 2)),
            ArgumentError,
            "Ensemble: no EnsembleLinear among its layers, so no members",
        ),
        (
            lambda: nn.Ensemble(nn.EnsembleLinear(2, 4, 4), nn.EnsembleLinear(3, 4, 1)),
            ArgumentError,
            "Ensemble: layers for 2 and 3 members: expected one number of them",
        ),
        (
            lambda: nn.Ensemble(nn.EnsembleLinear(2, 4, 4), average="median"),
            ArgumentError,
            "Ensemble: average='median': expected 'values' or 'probabilities'",
        ),
        (
            lambda: nn.Ensemble(
                nn.EnsembleLinear(2, 4, 4),
                nn.BatchNorm1d(4),
                nn.EnsembleLinear(2, 4, 1),
            ),
            ArgumentError,
            "Ensemble: layer 1 is BatchNorm1d(4), whose values all members would share"
            ": each must have its own",
        ),
        (
            lambda: nn.Ensemble(nn.EnsembleLinear(2, 4, 4), nn.Linear(4, 1)),
            ArgumentError,
            "Ensemble: layer 1 is Linear(4 → 1), whose values all members would share: "
            "each must have its own",
        ),
        (
            lambda: losses.mse(made()(X, training=True), AMOUNTS),
            DTypeError,
            "Members: 3 answers in the place of one tensor: in training an ensemble "
            "returns those of all members",
        ),
        (
            lambda: made()(X, training=True).loss("mse", AMOUNTS),
            ArgumentError,
            "Members.loss: 'mse' is not a function of (outputs, targets)",
        ),
        (
            lambda: made().member(3),
            ArgumentError,
            "Ensemble: member 3 of 3",
        ),
        (
            lambda: nn.EnsembleLinear(2, 4, 1)(np.zeros((5, 3, 4))),
            ShapeError,
            "EnsembleLinear: x (5, 3, 4): expected (N, 4), or (2, N, 4), one part for "
            "each member",
        ),
        (
            lambda: nn.EnsembleLinear(2, 4, 1)(np.zeros((5, 3))),
            ShapeError,
            "EnsembleLinear: x (5, 3): 3 ≠ 4; the last axis of x must have in_features "
            "elements",
        ),
        (
            lambda: nn.Ensemble(nn.EnsembleLinear(2, 4, 1), nn.Flatten())(X),
            ShapeError,
            "Ensemble: outputs (2, 12): expected (2, N, …, features), one part for "
            "each member",
        ),
    ],
)
def test_mistakes_are_one_clear_error(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value).split("\n")[0].removeprefix("ShapeError: ") == message
