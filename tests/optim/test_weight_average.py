"""Averages of weights: true averages, at once and compiled, exchanged to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError, StateError, TraceError
from tests.agreement import assert_agrees, each_engine

X = np.random.default_rng(0).normal(size=(12, 3))


def problem() -> tuple[nn.Module, Any]:
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).astype("float64")
    return model, optim.Momentum(model.parameters(), lr=0.1)


@each_engine
@pytest.mark.parametrize("decay", [None, 0.0, 0.9, 0.999])
def test_it_is_the_average_of_the_weights_after_every_step(
    decay: float | None, engine: str
) -> None:
    model, optimizer = problem()
    average = optim.WeightAverage(model.parameters(), decay)

    @cr.compile(engine=engine)
    def step() -> None:
        optimizer.step(cr.backprop((model(cr.tensor(X)) ** 2).mean()))
        average.update()

    seen = []
    for _ in range(9):
        step()
        seen.append([w.numpy().copy() for w in model.parameters()])
    shares = np.array([1.0 if decay is None else decay ** (8 - t) for t in range(9)])
    shares /= shares.sum()
    assert average.num_updates == 9
    with average.applied():
        found = [w.numpy().copy() for w in model.parameters()]
    for i, one in enumerate(found):
        wanted = sum(c * each[i] for c, each in zip(shares, seen, strict=True))
        np.testing.assert_allclose(one, wanted, rtol=1e-10)
        np.testing.assert_array_equal(model.parameters()[i].numpy(), seen[-1][i])


@each_engine
def test_compiled_updates_are_the_eager_ones(engine: str) -> None:
    w = cr.parameter(np.float32([1.0, 2.0]))
    twin = cr.parameter(w.array)
    one, other = optim.WeightAverage([w], 0.9), optim.WeightAverage([twin], 0.9)
    update = cr.compile(other.update, engine=engine)
    for t in range(20):
        for each in (w, twin):
            each.assign(np.float32([np.sin(t), t]))
        one.update()
        update()
    for name, value in one.state_dict().items():
        assert_agrees(other.state_dict()[name], value, engine)


def test_averages_near_a_minimum_are_nearer_than_the_weights() -> None:
    """Polyak's point: noise averages out, w moves around the minimum for ever."""
    rng = np.random.default_rng(0)
    w = cr.parameter(np.zeros(50))
    optimizer = optim.SGD([w], lr=0.2)
    average = optim.WeightAverage([w], None)
    for _ in range(300):
        optimizer.step({w: w.numpy() + rng.normal(size=50)})
        average.update()
    distance = np.linalg.norm(w.numpy())
    with average.applied():
        assert np.linalg.norm(w.numpy()) < 0.4 * distance


def test_what_is_no_number_with_a_point_is_left_out() -> None:
    count, w = cr.Variable(3), cr.parameter(1.0)
    average = optim.WeightAverage([count, w], 0.5)
    count.assign(4)
    w.assign(3.0)
    average.update()
    with average.applied():
        assert (count.item(), w.item()) == (4, 3.0)


def test_an_error_inside_gives_the_weights_back() -> None:
    w = cr.parameter(1.0)
    average = optim.WeightAverage([w], None)
    average.update()
    w.assign(5.0)
    with pytest.raises(ZeroDivisionError), average.applied():
        assert w.item() == 1.0
        raise ZeroDivisionError
    assert w.item() == 5.0


def test_it_goes_on_from_a_state_to_the_bit() -> None:
    w = cr.parameter([1.0, 2.0])
    average = optim.WeightAverage([w], 0.9)
    for t in range(3):
        w.assign([float(t), 1.0])
        average.update()
    other = optim.WeightAverage([w], 0.9)
    other.load_state_dict(average.state_dict())
    for each in (average, other):
        each.update()
    for name, value in average.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[name])


W = cr.parameter([1.0], name="W")


def update_while_applied() -> None:
    average = optim.WeightAverage([W])
    with average.applied():
        average.update()


MISTAKES: list[tuple[Any, type[Exception], str]] = [
    (
        lambda: optim.WeightAverage([]),
        ArgumentError,
        "WeightAverage: 0 variables: expected the parameters of a network",
    ),
    (
        lambda: optim.WeightAverage([W, cr.tensor(1.0)]),  # type: ignore[list-item]
        ArgumentError,
        "WeightAverage: expected parameters or variables, got something else among "
        "them",
    ),
    (
        lambda: optim.WeightAverage([W], decay=1.0),
        ArgumentError,
        "WeightAverage: decay = 1.0: decay must be at least 0 and less than 1",
    ),
    (
        update_while_applied,
        ArgumentError,
        "WeightAverage.update: the averages are in the weights' place",
    ),
    (
        lambda: cr.trace(optim.WeightAverage([W]).swap),
        TraceError,
        "WeightAverage.swap: in a compiled function: its calls would change places "
        "time and again",
    ),
    (
        lambda: optim.WeightAverage([W]).load_state_dict({"num_updates": 1}),
        StateError,
        "WeightAverage.load_state_dict: missing 'applied', '0.W': the names must be "
        "those of this optimizer",
    ),
]


@pytest.mark.parametrize(("mistake", "kind", "message"), MISTAKES)
def test_a_mistake_is_one_clear_error(
    mistake: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        mistake()
    assert caught.value.what == message  # type: ignore[attr-defined]


def test_a_compiled_update_adds_nothing_while_the_averages_are_applied() -> None:
    w = cr.parameter([0.0])
    average = optim.WeightAverage([w], decay=None)
    update = cr.compile(average.update)
    update()
    w.assign([10.0])
    update()
    with average.applied():
        update()
        assert w.item(0) == 5.0
    assert w.item(0) == 10.0 and average.num_updates == 2


@pytest.mark.parametrize("before", [1e8, np.inf, np.nan])
def test_the_first_average_is_the_weights_whatever_they_were(before: float) -> None:
    w = cr.parameter([before])
    average = optim.WeightAverage([w])
    w.assign([1.0])
    average.update()
    with average.applied():
        assert w.item(0) == 1.0
