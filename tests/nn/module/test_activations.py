"""What layers compute, by name, and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn
from chainrule.errors import ArgumentError, OptionError

X = np.random.default_rng(0).normal(size=(4, 2))
Y = np.ones((4, 1))


class Net(nn.Module):
    """A body, a layer that is called twice, and one that is not called."""

    def __init__(self) -> None:
        self.body = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
        self.twice = nn.Linear(3, 3)
        self.spare = nn.Linear(3, 3)
        self.head = nn.Linear(3, 1)
        self.noise = nn.Dropout(0.5)

    def forward(self, x: Any, training: bool = False) -> Any:
        a = self.noise(self.body(x), training=training)
        return self.head(self.twice(self.twice(a)))


def test_a_layer_is_found_by_its_path() -> None:
    model = Net()
    body = cr.activations(model, X, "body.1")
    np.testing.assert_array_equal(body.numpy(), model.body(X.astype("f")).numpy())
    output = cr.activations(model, X, "")
    np.testing.assert_array_equal(output.numpy(), model(X.astype("f")).numpy())


def test_several_names_and_all_of_them_are_a_dictionary() -> None:
    model = Net()
    found = cr.activations(model, X, ["head", "body"])
    assert sorted(found) == ["body", "head"]
    assert list(cr.activations(model, X)) == [
        "body.0", "body.1", "body", "noise", "twice", "head", "",
    ]  # fmt: skip


def test_a_layer_that_is_called_twice_has_two_results() -> None:
    first, second = cr.activations(Net(), X, "twice")
    assert first.shape == second.shape == (4, 3)


def test_the_mode_is_that_of_the_call() -> None:
    model = Net()
    still = cr.activations(model, X, "noise")
    dropped = cr.activations(model, X, "noise", training=True)
    assert (still.numpy() != 0).all()
    assert (dropped.numpy() == 0).any()


def test_the_gradient_of_an_activation_is_that_of_finite_differences() -> None:
    cr.manual_seed(1)
    model: Any = Net().astype("float64")
    found = cr.activations(model, X)
    delta = cr.backprop(losses.mse(found[""], Y))[found["body"]].numpy()

    def loss(a: Any) -> float:
        output = model.head(model.twice(model.twice(cr.tensor(a))))
        return float(losses.mse(output, Y).item())

    a, h = found["body"].numpy(), 1e-6
    for place in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[place] = h
        slope = (loss(a + step) - loss(a - step)) / (2 * h)
        assert abs(slope - delta[place]) < 1e-8


def test_networks_with_several_inputs_and_results_work() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(5, 4)
            self.lstm = nn.LSTM(4, 2)

        def forward(self, x: Any, y: Any) -> Any:
            joined = cr.concatenate([x, y], axis=-1)
            return self.lstm(self.inner(joined)[:, None])

    model = Pair()
    output, state = cr.activations(model, (X, np.ones((4, 3))), "lstm")
    assert output.shape == (4, 1, 2)
    assert len(state) == 2


def test_activations_are_computed_inside_compiled_functions_too() -> None:
    model = Net()
    compiled = cr.compile(lambda x: cr.activations(model, x, "body.0"))
    np.testing.assert_allclose(
        compiled(X.astype("f")).numpy(),
        cr.activations(model, X, "body.0").numpy(),
        rtol=1e-6,
    )


def test_an_unknown_name_is_an_error_that_lists_those_near_it() -> None:
    with pytest.raises(OptionError) as caught:
        cr.activations(Net(), X, "bdy.0")
    lines = str(caught.value).split("\n")
    assert lines[0] == "activations: Net has no layer 'bdy.0'"
    assert lines[2] == (
        "  fix        near it are 'body.0', 'body.1', 'body'; model.summary() lists "
        "all of them"
    )
    with pytest.raises(OptionError, match=r"near it are 'body\.0'; "):
        cr.activations(Net(), X, ["head", "0"])


def test_a_layer_that_is_not_called_is_an_error() -> None:
    with pytest.raises(ArgumentError) as caught:
        cr.activations(Net(), X, "spare")
    assert str(caught.value).split("\n")[0] == (
        "activations: Net: spare = Linear is not called for this input"
    )
    with pytest.raises(ArgumentError, match="function is not a network"):
        cr.activations(lambda x: x, X, "0")  # type: ignore[arg-type]


def test_a_layer_itself_stands_for_its_name() -> None:
    model = Net()
    np.testing.assert_array_equal(
        cr.activations(model, X, model.head).numpy(),
        cr.activations(model, X, "head").numpy(),
    )
    assert list(cr.activations(model, X, [model.body, "head"])) == ["body", "head"]
    with pytest.raises(OptionError, match="Net has no layer 0"):
        cr.activations(model, X, 0)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="Net has no layer 'Linear'"):
        cr.activations(model, X, nn.Linear(3, 3))
