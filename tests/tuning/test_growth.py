"""Wider and deeper networks compute what they grew from, and train from there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError
from chainrule.runs.network import ACTIVATIONS
from chainrule.tuning import deepened, widened
from chainrule.tuning.growth import grown

X = np.random.default_rng(0).normal(size=(20, 3))
IDEMPOTENT = ("relu",)


def network(activation: str, *hidden: int, dropout: float = 0.0) -> nn.Sequential:
    """A network in float64 with biases that are not zero."""
    cr.manual_seed(1)
    layers: list[nn.Module] = []
    width = 3
    for size in hidden:
        new = nn.Linear(width, size, bias_init="normal", dtype="float64")
        layers += [new, ACTIVATIONS[activation]()]
        layers += [nn.Dropout(dropout)] * bool(dropout)
        width = size
    return nn.Sequential(*layers, nn.Linear(width, 2, dtype="float64"))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(4,), (4, 5)])
def test_a_wider_network_computes_the_same(activation: str, hidden: Any) -> None:
    small = network(activation, *hidden)
    large = widened(small, [2 * size + 1 for size in hidden])
    np.testing.assert_allclose(
        large(cr.tensor(X)).numpy(), small(cr.tensor(X)).numpy(), rtol=1e-12, atol=1e-12
    )
    sizes = [layer.out_features for layer in large if isinstance(layer, nn.Linear)]
    assert sizes == [*(2 * size + 1 for size in hidden), 2]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_deeper_network_computes_the_same_where_the_activation_allows_it(
    activation: str,
) -> None:
    small = network(activation, 4)
    deep = deepened(small)
    before, after = small(cr.tensor(X)).numpy(), deep(cr.tensor(X)).numpy()
    assert np.allclose(before, after, atol=1e-12) == (activation in IDEMPOTENT)
    assert len(deep) == len(small) + 2


def test_every_weight_of_a_grown_network_is_moved_by_training() -> None:
    cr.manual_seed(0)
    model = grown(network("relu", 4, dropout=0.1), (8, 8))
    assert [type(layer).__name__ for layer in model] == [
        *("Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"),
    ]
    first = {name: w.numpy().copy() for name, w in model.named_parameters()}
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    y = np.sin(X[:, :2])
    cr.fit(model, (X, y), optimizer=optimizer, epochs=20, progress=False)
    for name, weight in model.named_parameters():
        moved = weight.numpy() != first[name]
        # a unit of ReLU that no example reaches stays as it is
        assert moved.mean() > 0.7, name


def test_the_network_that_grows_stays_as_it_was() -> None:
    small = network("relu", 4)
    first = [weight.numpy().copy() for weight in small.parameters()]
    large = deepened(widened(small, [6]))
    for weight in large.parameters():
        weight.assign(weight.numpy() + 1)
    for weight, before in zip(small.parameters(), first, strict=True):
        np.testing.assert_array_equal(weight.numpy(), before)


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (
            nn.Linear(2, 3),
            "{}: Linear: expected a Sequential of Linear layers with functions of "
            "single numbers between them",
        ),
        (
            nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)),
            "{}: BatchNorm1d(3): expected Linear layers, with functions of single "
            "numbers between them",
        ),
        (
            nn.Sequential(nn.Linear(2, 3), nn.Softmax(), nn.Linear(3, 1)),
            "{}: Softmax(axis=-1) makes of a unit what depends on its neighbours, so "
            "new units would change the old ones",
        ),
    ],
)
def test_other_layers_are_refused(model: Any, what: str) -> None:
    with pytest.raises(ArgumentError) as wider:
        widened(model, [4])
    assert wider.value.what == what.format("widened")
    with pytest.raises(ArgumentError) as deeper:
        deepened(model)
    assert deeper.value.what == what.format("deepened")


@pytest.mark.parametrize("hidden", [[3], [4, 4], []])
def test_sizes_that_do_not_fit_are_refused(hidden: list[int]) -> None:
    with pytest.raises(ArgumentError) as caught:
        widened(network("relu", 4), hidden)
    assert caught.value.what == (
        f"widened: hidden {hidden} of a network with hidden layers of [4]: expected a "
        "size for each of them, none smaller"
    )


def test_a_network_without_hidden_layers_cannot_be_deepened() -> None:
    with pytest.raises(ArgumentError) as caught:
        deepened(nn.Sequential(nn.Linear(2, 1)))
    assert caught.value.what == (
        "deepened: a network without a hidden layer: there is no activation to put "
        "behind a new one"
    )
