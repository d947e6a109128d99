"""State: saved, loaded, resumed with the same bits; what does not fit is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.errors import StateError
from tests.algorithms import TAKE_GRADIENTS


def loss(weights: list[Any], step: int) -> Any:
    """A loss that is another in every step, of five."""
    W, b = weights
    out = cr.tanh(W @ cr.tensor(np.array([1.0, step, -1.0])) + b)
    return ((out - 0.3) ** 2).sum()


def parameters() -> list[Any]:
    """W (2, 3) and b (2,)."""
    values = np.linspace(-1, 1, 6).reshape(2, 3)
    return [cr.parameter(values, name="W"), cr.parameter(np.zeros(2))]


@pytest.mark.parametrize("name", TAKE_GRADIENTS)
@pytest.mark.parametrize("rate", [0.05, optim.Cosine(0.05, steps=20)], ids=repr)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_training_resumes_with_the_same_bits(
    name: str, rate: Any, compiled: bool
) -> None:
    def train(weights: Any, optimizer: Any, steps: range) -> None:
        def run(t: int) -> None:
            optimizer.step(cr.backprop(loss(weights, t)))

        run = cr.compile(run) if compiled else run
        for t in steps:
            run(t % 5)

    whole = parameters()
    train(whole, optim.by_name(name, whole, lr=rate), range(20))

    first = parameters()
    saved_from = optim.by_name(name, first, lr=rate)
    train(first, saved_from, range(9))
    state = saved_from.state_dict()
    kept = {key: array.copy() for key, array in state.items()}
    resumed = [cr.parameter(w.numpy(), name=w.name) for w in first]
    train(first, saved_from, range(9, 20))  # must not change what was saved
    for key, array in state.items():
        np.testing.assert_array_equal(array, kept[key])

    optimizer = optim.by_name(name, resumed, lr=rate)
    optimizer.load_state_dict(state)
    assert optimizer.num_steps == 9
    train(resumed, optimizer, range(9, 20))
    for w, v in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(w.numpy(), v.numpy())


def test_names_are_number_name_and_part() -> None:
    W, b = parameters()
    groups = [{"params": [W]}, {"params": [b], "lr": optim.Constant(0.1)}]
    optimizer = optim.Adam(groups)
    shapes = {name: array.shape for name, array in optimizer.state_dict().items()}
    assert shapes == {
        "step": (),
        "group0.lr": (),
        "0.W.m": (2, 3),
        "0.W.v": (2, 3),
        "1.m": (2,),
        "1.v": (2,),
    }


def test_equal_names_of_parameters_do_not_collide() -> None:
    twins = [cr.parameter(np.zeros(i), name="weight") for i in (1, 2)]
    names = set(optim.Momentum(twins).state_dict())
    assert {"0.weight.velocity", "1.weight.velocity"} <= names


def test_a_rate_that_was_set_is_saved_and_loaded() -> None:
    first = optim.SGD(parameters(), lr=0.1)
    first.lr = 0.003
    second = optim.SGD(parameters(), lr=0.1)
    second.load_state_dict(first.state_dict())
    assert second.lr == 0.003


def test_a_state_is_a_copy_when_saved_and_when_loaded() -> None:
    optimizer = optim.Momentum(parameters())
    optimizer.state_dict()["0.W.velocity"][:] = 7.0
    state = optimizer.state_dict()
    assert state["0.W.velocity"].max() == 0.0
    optimizer.load_state_dict(state)
    state["0.W.velocity"][:] = 7.0
    assert optimizer.state_dict()["0.W.velocity"].max() == 0.0


def without(name: str) -> Any:
    return lambda state: {key: state[key] for key in state if key != name}


def with_(**changes: Any) -> Any:
    return lambda state: {
        **state,
        **{k.replace("_", "."): v for k, v in changes.items()},
    }


MISTAKES: list[tuple[Any, str]] = [
    (
        without("0.W.m"),
        "Adam.load_state_dict: missing '0.W.m': the names must be those of this "
        "optimizer",
    ),
    (
        with_(momentum=np.zeros(2)),
        "Adam.load_state_dict: not known 'momentum': the names must be those of this "
        "optimizer",
    ),
    (
        lambda state: {},
        "Adam.load_state_dict: missing 'step', 'group0.lr', '0.W.m', '0.W.v', '1.m' "
        "and 1 more: the names must be those of this optimizer",
    ),
    (
        lambda state: {**without("1.v")(state), "2.v": state["1.v"]},
        "Adam.load_state_dict: missing '1.v'; not known '2.v': the names must be those "
        "of this optimizer",
    ),
    (
        with_(**{"0_W_v": np.zeros((3, 2))}),
        "Adam.load_state_dict: 0.W.v (3, 2): the optimizer's is (2, 3)",
    ),
    (
        with_(**{"1_v": np.zeros(2, "float32")}),
        "Adam.load_state_dict: 1.v is float32: the optimizer's is float64",
    ),
    (
        with_(step=np.array(-1)),
        "Adam.load_state_dict: step = -1: a count is not negative",
    ),
    (
        with_(step=np.array(1.5)),
        "Adam.load_state_dict: step is float64: the optimizer's is int64",
    ),
    (
        with_(group0_lr=np.array(np.nan)),
        "Adam.load_state_dict: group0.lr = nan: a learning rate is positive",
    ),
    (
        lambda state: list(state),
        "Adam.load_state_dict: list is not a dictionary of arrays",
    ),
    (
        with_(**{"1_v": "zeros"}),
        "Adam.load_state_dict: 1.v (): the optimizer's is (2,)",
    ),
]


@pytest.mark.parametrize(("change", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(
    change: Any, message: str
) -> None:
    weights = parameters()
    optimizer = optim.Adam(weights)
    optimizer.step(cr.backprop(loss(weights, 1)))
    before = optimizer.state_dict()
    trained = optim.Adam(weights)
    for t in range(3):
        trained.step(cr.backprop(loss(weights, t)))
    with pytest.raises(StateError) as caught:
        optimizer.load_state_dict(change(trained.state_dict()))
    assert caught.value.what == message
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_state_of_another_algorithm_is_refused() -> None:
    saved = optim.Adam(parameters()).state_dict()
    with pytest.raises(StateError, match=r"not known '0\.W\.m'"):
        optim.SGD(parameters()).load_state_dict(saved)


def test_parameters_in_another_order_are_noticed() -> None:
    W, b = parameters()
    saved = optim.Momentum([W, b]).state_dict()
    with pytest.raises(StateError, match=r"missing '0\.velocity', '1\.W\.velocity'"):
        optim.Momentum([b, W]).load_state_dict(saved)
