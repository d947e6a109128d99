"""Layers with the transposed weights of others: values, gradients, files, messages."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, saving
from chainrule.errors import ArgumentError, ShapeError

X = np.random.default_rng(0).normal(size=(6, 4))


def pair() -> nn.Sequential:
    """There and back again, in float64, with biases that are not 0."""
    cr.manual_seed(0)
    there = nn.Linear(4, 3, dtype="float64", bias_init="normal")
    return nn.Sequential(there, nn.Tanh(), nn.Tied(there, bias_init="normal"))


def test_it_multiplies_by_the_transposed_matrix() -> None:
    net = pair()
    w, b, c = net[0].weight.array, net[0].bias.array, net[2].bias.array
    expected = np.tanh(X @ w.T + b) @ w + c
    np.testing.assert_allclose(net(X).numpy(), expected, rtol=1e-12)
    without = nn.Tied(net[0], bias=False)
    np.testing.assert_allclose(without(X @ w.T).numpy(), X @ w.T @ w, rtol=1e-12)


def test_its_gradient_is_the_sum_of_both_uses() -> None:
    net = pair()
    alone = nn.Linear(3, 4, dtype="float64")
    alone.weight.assign(net[0].weight.array.T)
    alone.bias.assign(net[2].bias.array)
    untied = nn.Sequential(copy.deepcopy(net[0]), nn.Tanh(), alone)
    shared = cr.backprop(cr.square(net(X) - X).sum())
    parts = cr.backprop(cr.square(untied(X) - X).sum())
    both = parts[untied[0].weight].numpy() + parts[alone.weight].numpy().T
    np.testing.assert_allclose(shared[net[0].weight].numpy(), both, rtol=1e-10)


def test_its_gradient_agrees_with_differences() -> None:
    net = pair()

    def loss(weight: cr.Tensor) -> cr.Tensor:
        code = cr.tanh(X @ weight.T + net[0].bias)
        return cr.square(code @ weight + net[2].bias - X).mean()

    cr.check_gradients(loss, net[0].weight.array)


def test_the_weight_is_one_parameter() -> None:
    net = pair()
    assert [name for name, _ in net.named_parameters()] == [
        "0.weight", "0.bias", "2.bias",
    ]  # fmt: skip
    assert net.num_parameters == 12 + 3 + 4
    assert net[2].weight is net[0].weight


def test_files_have_the_weight_once_and_loading_shares_it_again(tmp_path: Path) -> None:
    net, path = pair(), tmp_path / "net.safetensors"
    net.save(path)
    assert sorted(saving.read(path)[0]) == ["0.bias", "0.weight", "2.bias"]
    again = cr.load(path)
    assert isinstance(again, nn.Sequential)
    assert again[2].weight is again[0].weight
    np.testing.assert_array_equal(again(X).numpy(), net(X).numpy())


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda net: net.astype("float32")])
def test_copies_share_too(twin: object) -> None:
    again = twin(pair())  # type: ignore[operator]
    assert again[2].weight is again[0].weight


def test_a_step_moves_both_alike() -> None:
    net = pair()
    before = net[2].weight.array.copy()
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    @cr.compile
    def step(x: cr.Tensor) -> cr.Tensor:
        loss = cr.square(net(x) - x).mean()
        optimizer.step(cr.backprop(loss))
        return loss

    gradient = cr.backprop(cr.square(net(X) - X).mean())[net[0].weight].numpy()
    step(cr.tensor(X))
    np.testing.assert_allclose(net[0].weight.array, before - 0.1 * gradient)
    assert net[2].weight.array is net[0].weight.array


def test_mistakes_are_named() -> None:
    with pytest.raises(ArgumentError) as caught:
        nn.Tied(nn.Linear)  # type: ignore[arg-type]
    assert caught.value.what == "Tied: linear is the class Linear: expected a Linear"
    with pytest.raises(ArgumentError) as caught:
        nn.Tied(nn.ReLU())  # type: ignore[arg-type]
    assert caught.value.what == "Tied: linear is ReLU(): expected a Linear"
    with pytest.raises(ShapeError) as shape:
        nn.Tied(nn.Linear(4, 3))(X)
    assert shape.value.what == (
        "Tied: x (6, 4): 4 ≠ 3; the last axis of x must have linear.out_features "
        "elements"
    )
