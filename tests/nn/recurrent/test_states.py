"""States: between windows, of cells, without history, and dropout between layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from tests.nn.recurrent.reference import (
    D,
    H,
    N,
    T,
    X,
    as_list,
    each_family,
    make,
    rng,
    some_states,
)


@each_family
def test_two_halves_with_the_state_between_are_the_whole(family: str) -> None:
    layer = make(family, D, H, 2)
    whole, last = layer(X)
    first, state = layer(X[:, :2])
    second, state = layer(X[:, 2:], state)
    joined = np.concatenate([first.numpy(), second.numpy()], axis=1)
    np.testing.assert_allclose(joined, whole.numpy(), rtol=1e-13)
    for found, wanted in zip(as_list(state), as_list(last), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-13)


CELLS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("family", CELLS)
def test_a_cell_step_by_step_is_the_layer(family: str, bias: bool) -> None:
    layer = make(family, D, H, bias=bias)
    cell = CELLS[family](D, H, bias, dtype="float64")
    values = layer.state_dict()
    cell.load_state_dict({name.removesuffix("_l0"): v for name, v in values.items()})
    output, state = layer(X)
    step: Any = None
    for t in range(T):
        step = cell(X[:, t], step)
        h = step[0] if family == "LSTM" else step
        np.testing.assert_allclose(h.numpy(), output.numpy()[:, t], rtol=1e-13)
    for found, wanted in zip(as_list(step), as_list(state), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy()[0], rtol=1e-13)


def test_a_cell_in_a_scan_writes_a_sequence_from_a_vector() -> None:
    """Vector → sequence: what each step puts out is what the next one takes in."""
    cell, out = nn.GRUCell(D, H, dtype="float64"), nn.Linear(H, D, dtype="float64")

    def write(vector: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            x, h = carry
            h = cell(x, h)
            x = out(h)
            return (x, h), x

        start = cr.zeros((N, D), "float64")
        return cr.scan(step, (start, vector), length=T)[1]

    vector = rng.normal(size=(N, H))
    x, h = cr.zeros((N, D), "float64"), cr.tensor(vector)
    for found in (write(vector), cr.compile(write)(vector)):
        x, h = cr.zeros((N, D), "float64"), cr.tensor(vector)
        for t in range(T):
            h = cell(x, h)
            x = out(h)
            np.testing.assert_allclose(found.numpy()[t], x.numpy(), rtol=1e-12)


def test_a_detached_state_has_its_values_and_neither_gradient_nor_history() -> None:
    layer = make("LSTM", D, H)
    x = cr.tensor(X)
    _, state = layer(x)
    detached = layer.detached(state)
    assert isinstance(detached, tuple)
    for found, wanted in zip(detached, state, strict=True):
        assert (found.numpy() == wanted.numpy()).all()
        assert found.inputs == ()
    output, _ = layer(X[:, :1], detached)
    assert x not in cr.backprop(output.sum())

    def through(x: Any) -> Any:
        _, state = layer(x)
        return (layer(X[:, :1], layer.detached(state))[0] + 0 * x[0, 0, 0]).sum()

    assert (cr.compile(cr.grad(through))(X).numpy() == 0).all()


def test_truncated_training_in_windows_goes_on_from_the_state_before() -> None:
    """The loss of a window is that of the whole sequence there, not that of a start
    anew."""
    layer = make("GRU", D, H)

    @cr.compile
    def step(x: Any, state: Any) -> Any:
        output, state = layer(x, state)
        loss = (output**2).mean()
        grads = cr.backprop(loss)
        assert all(each in grads for each in layer.parameters())
        return loss, state

    state: Any = np.zeros((1, N, H))
    found = []
    for window in np.split(X, 3, axis=1):
        loss, state = step(window, state)
        found.append(loss.item())
    whole = layer(X)[0].numpy()
    wanted = [(part**2).mean() for part in np.split(whole, 3, axis=1)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_dropout_between_layers_acts_in_training_alone() -> None:
    layer = nn.LSTM(D, H, 3, dropout=0.5)
    x = X.astype("float32")
    assert (layer(x)[0].numpy() == layer(x)[0].numpy()).all()
    cr.manual_seed(2)
    first, second = (layer(x, training=True)[0].numpy() for _ in range(2))
    cr.manual_seed(2)
    again = layer(x, training=True)[0].numpy()
    assert (first == again).all() and (first != second).any()
    everything = layer(x)[0].numpy()
    lower = nn.LSTM(D, H)
    lower.load_state_dict({k: v for k, v in layer.state_dict().items() if "l0" in k})
    assert lower(x)[0].shape == everything.shape


def test_a_sequence_without_steps_ends_where_it_starts() -> None:
    layer = make("LSTM", D, H, bidirectional=True)
    states = some_states(layer, "LSTM")
    output, state = layer(np.zeros((N, 0, D)), tuple(states))
    assert output.shape == (N, 0, 2 * H)
    for found, wanted in zip(state, states, strict=True):
        assert (found.numpy() == wanted).all()


def test_a_wider_state_makes_a_wider_output() -> None:
    layer = nn.LSTM(D, H)
    state = tuple(np.zeros((1, N, H)) for _ in range(2))
    output, (h, c) = layer(X.astype("float32"), state)
    assert {output.dtype, h.dtype, c.dtype} == {np.dtype("float64")}
