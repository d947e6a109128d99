"""Modules that return their own loss: what ``fit`` and ``evaluate`` make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import chainrule as cr
from chainrule import callbacks, errors, losses, models, nn, optim

x = np.linspace(-1, 1, 60, dtype=np.float32).reshape(20, 3)
y = np.arange(20) % 4


class Copy(nn.Module):
    """The inputs again, through two numbers, with dropout before them."""

    outputs_loss: ClassVar[bool] = True

    def __init__(self, dropout: float = 0.0) -> None:
        self.net = nn.Sequential(nn.Dropout(dropout), nn.Linear(3, 2), nn.Linear(2, 3))

    def forward(self, x: Any, training: bool = False) -> Any:
        """The squared error of the copy."""
        return losses.mse(self.net(x, training=training), x)


class Joint(nn.Module):
    """A network that learns inputs and labels."""

    outputs_loss: ClassVar[bool] = True

    def __init__(self) -> None:
        self.net = nn.Linear(3, 4)

    def forward(self, x: Any, y: Any) -> Any:
        """The cross-entropy of the labels, given the inputs."""
        return losses.cross_entropy(self.net(x), y)


def trained(model: nn.Module, data: Any = x, **options: Any) -> Any:
    """Two epochs, without progress."""
    options = {"optimizer": optim.SGD(lr=0.1), "batch_size": 8, "epochs": 2} | options
    return cr.fit(model, data, progress=False, **options)


def test_training_is_that_of_the_network_with_its_inputs_as_targets() -> None:
    cr.manual_seed(0)
    own = Copy()
    network = nn.Sequential(*own.net)
    start = network.state_dict()
    first = trained(own)
    after = own.net.state_dict()
    network.load_state_dict(start)
    second = trained(network, (x, x), loss="mse", metrics=[])
    assert first["loss"] == second["loss"]
    for name, value in network.state_dict().items():
        np.testing.assert_array_equal(value, after[name])


def test_what_fit_says_of_it() -> None:
    history = trained(Copy(), validation=x[:5])
    assert history.settings["loss"] == "Copy"
    assert [name for name in history.last if "accuracy" in name or "r2" in name] == []
    assert "validation_loss" in history.last


def test_validation_and_evaluation_do_not_train() -> None:
    model = Copy(dropout=0.5)
    history = trained(model, validation=x[:5])
    expected = np.square(model.net(x[:5]).numpy() - x[:5]).mean()
    assert history.last["validation_loss"] == pytest.approx(expected)
    assert cr.evaluate(model, x[:5]) == {"loss": pytest.approx(expected)}


def test_evaluation_weighs_batches_by_their_examples() -> None:
    model = Copy()
    whole = cr.evaluate(model, x)["loss"]
    assert cr.evaluate(model, x, batch_size=7)["loss"] == pytest.approx(whole)


def test_targets_follow_the_inputs() -> None:
    cr.manual_seed(0)
    joint = Joint()
    plain = nn.Linear(3, 4)
    plain.load_state_dict(joint.net.state_dict())
    together = trained(joint, (x, y))["loss"]
    assert together == trained(plain, (x, y))["loss"]
    assert cr.evaluate(joint, (x, y))["loss"] == pytest.approx(
        cr.evaluate(plain, (x, y))["loss"]
    )


@pytest.mark.parametrize("optimizer", [optim.LBFGS(), optim.TruncatedNewton()])
def test_minimizers_find_its_minimum(optimizer: Any) -> None:
    cr.manual_seed(0)
    # Every row is (a, a + d, a + 2d) of one d: one number is enough.
    history = trained(Copy(), optimizer=optimizer, batch_size=None, epochs=60)
    assert history.last["loss"] < 1e-6


def test_batches_may_be_accumulated() -> None:
    cr.manual_seed(0)
    model = Copy()
    start = model.state_dict()
    trained(model, batch_size=10, accumulate=2, epochs=1)
    small = model.state_dict()
    model.load_state_dict(start)
    trained(model, batch_size=20, epochs=1)
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(small[name], value, rtol=1e-5, atol=1e-7)


def test_resuming_goes_on_to_the_bit(tmp_path: Path) -> None:
    cr.manual_seed(0)
    whole = Copy(dropout=0.2)
    start = whole.state_dict()
    trained(whole, epochs=3)
    parts = Copy(dropout=0.2)
    parts.load_state_dict(start)
    keeping = {"callbacks": [callbacks.Checkpoint(tmp_path)]}
    trained(parts, epochs=1, **keeping)
    trained(parts, epochs=3, resume="auto", **keeping)
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(parts.state_dict()[name], value)


class Scaled(Copy):
    """A copy whose loss has settings: a number and a layer without parameters."""

    def __init__(self, scale: float = 1.0, noise: nn.Module | None = None) -> None:
        super().__init__()
        self.scale, self.noise = scale, noise or nn.Identity()

    def settings(self) -> dict[str, Any]:
        """The number, the layer, and the network, which is known by its arrays."""
        return {"scale": self.scale, "noise": self.noise, "net": self.net}

    def forward(self, x: Any, training: bool = False) -> Any:
        """That of a copy, scaled."""
        return self.scale * super().forward(x, training=training)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"scale": 2.0}, "Scaled.scale is 2.0, and was 1.0"),
        (
            {"noise": nn.Dropout(0.5)},
            "Scaled.noise is 'Dropout(p=0.5)', and was 'Identity()'",
        ),
    ],
)
def test_resuming_refuses_another_objective(
    changed: dict[str, Any], what: str, tmp_path: Path
) -> None:
    keeping = {"callbacks": [callbacks.Checkpoint(tmp_path)]}
    trained(Scaled(), epochs=1, **keeping)
    with pytest.raises(errors.StateError) as caught:
        trained(Scaled(**changed), epochs=2, resume="auto", **keeping)
    assert caught.value.what == (
        f"resume: {what} in the run that wrote the checkpoint: a run is resumed with "
        "the settings that it began with"
    )
    trained(Scaled(), epochs=2, resume="auto", **keeping)


class Drawing(Copy):
    """A copy whose loss in training is of draws of its own."""

    depends_on_training: ClassVar[bool] = True


@pytest.mark.parametrize("optimizer", [optim.LBFGS(), optim.TruncatedNewton()])
def test_minimizers_refuse_a_loss_that_only_says_which_way_to_go(
    optimizer: Any,
) -> None:
    kind = type(optimizer).__name__
    with pytest.raises(errors.ArgumentError) as caught:
        trained(Drawing(), optimizer=optimizer)
    assert caught.value.what == (
        f"fit: {kind} compares values of the loss, and in training that of Drawing "
        "only says which way to go: its gradient is not that of these values"
    )
    assert caught.value.fix == (
        "optim.SGD(lr=0.1), optim.Momentum(lr=0.1) or optim.Adam()"
    )
    machine = models.ContrastiveDivergence(models.RBM(3, 2))
    with pytest.raises(errors.ArgumentError, match="ContrastiveDivergence only says"):
        trained(machine, np.eye(3, dtype="f4"), optimizer=optimizer)


@pytest.mark.parametrize(
    "model", [models.SparseCoding(3, 5), models.ReconstructionICA(3)]
)
def test_codes_of_many_rows_are_made_in_batches(model: Any) -> None:
    codes = cr.predict(model.encode, x, batch_size=6)  # 20 rows: the last batch has 2
    np.testing.assert_allclose(codes, model.encode(x).numpy(), atol=1e-6)


def test_a_method_is_given_all_inputs_and_gives_one_row_for_each() -> None:
    model = Joint()
    shared = cr.predict(model.net, x)
    np.testing.assert_array_equal(cr.predict(model.net.forward, x), shared)
    with pytest.raises(errors.ShapeError, match="20 inputs and outputs"):
        cr.predict(model.forward, (x, y))


def test_layers_inside_it_can_be_watched() -> None:
    seen = trained(Copy(), watch=True).watch.layers[0]
    assert {"net.1.weight", "net.2.weight"} <= set(seen)


def test_learning_rates_are_found_for_it() -> None:
    found = cr.find_lr(Copy(), x, optimizer=optim.SGD(), steps=30, seeds=1)
    assert found.suggestion > 0
