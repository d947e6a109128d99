"""Recurrent layers by the lectures' equations, one sequence at a time.

The reference reads each sequence alone, from its first step to its own last, with the
equations written out gate by gate. Whatever a layer does with batches, lengths, layers
and directions must give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(0)

N, T, D, H = 4, 6, 3, 5
X = rng.normal(size=(N, T, D))
LENGTHS = np.array([6, 1, 0, 4])


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def rnn_equations(W: Any, U: Any, b: Any, p: Any, x: Array, state: Any) -> Any:
    """h = tanh(W x + U h), with a bias for each term."""
    (h,) = state
    return (np.tanh(W[0] @ x + b[0][0] + U[0] @ h + b[1][0]),)


def relu_equations(W: Any, U: Any, b: Any, p: Any, x: Array, state: Any) -> Any:
    (h,) = state
    return (np.maximum(W[0] @ x + b[0][0] + U[0] @ h + b[1][0], 0),)


def lstm_equations(W: Any, U: Any, b: Any, p: Any, x: Array, state: Any) -> Any:
    """The lectures' page on the LSTM, line by line; biases and peepholes added."""
    h, C = state
    z = [W[k] @ x + U[k] @ h + b[0][k] + b[1][k] for k in range(4)]
    C_hat = np.tanh(z[2])
    i = sigmoid(z[0] + p[0] * C)
    f = sigmoid(z[1] + p[1] * C)
    C = C * f + C_hat * i
    o = sigmoid(z[3] + p[2] * C)
    h = np.tanh(C) * o
    return h, C


def gru_equations(W: Any, U: Any, b: Any, p: Any, x: Array, state: Any) -> Any:
    (h,) = state
    r = sigmoid(W[0] @ x + b[0][0] + U[0] @ h + b[1][0])
    u = sigmoid(W[1] @ x + b[0][1] + U[1] @ h + b[1][1])
    n = np.tanh(W[2] @ x + b[0][2] + r * (U[2] @ h + b[1][2]))
    return ((1 - u) * n + u * h,)


#: name → (layer, gates, number of states, equations)
FAMILIES: dict[str, tuple[Callable[..., Any], int, int, Any]] = {
    "RNN": (nn.RNN, 1, 1, rnn_equations),
    "RNN of ReLUs": (
        lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
        1,
        1,
        relu_equations,
    ),
    "LSTM": (nn.LSTM, 4, 2, lstm_equations),
    "LSTM with peepholes": (
        lambda *a, **k: nn.LSTM(*a, peepholes=True, **k),
        4,
        2,
        lstm_equations,
    ),
    "GRU": (nn.GRU, 3, 1, gru_equations),
}
each_family = pytest.mark.parametrize("family", FAMILIES)

#: (layers, both directions, biases)
FORMS = [(1, False, True), (1, True, False), (2, False, False), (2, True, True)]
each_form = pytest.mark.parametrize(("layers", "both", "bias"), FORMS)


def read_alone(
    layer: Any, family: str, x: Array, starts: list[Array]
) -> tuple[Array, list[Array]]:
    """One sequence (t, D) through all layers and directions: outputs and final states.

    ``starts`` are the states, (layers · directions, H) each.
    """
    _, gates, _, equations = FAMILIES[family]
    values, hidden = layer.state_dict(), layer.hidden_size
    found, finals = [x], [np.zeros_like(each) for each in starts]
    for number, (_, backward, suffix) in enumerate(layer.passes()):
        W, U = (np.split(values[f"weight_{k}{suffix}"], gates) for k in ("ih", "hh"))
        b = [
            np.split(values.get(f"bias_{k}{suffix}", np.zeros(gates * hidden)), gates)
            for k in ("ih", "hh")
        ]
        p = values.get(f"weight_ch{suffix}", np.zeros((3, hidden)))
        if not backward:
            below, found = np.concatenate(found, axis=1), []
        state = tuple(each[number] for each in starts)
        outputs = np.zeros((len(x), hidden))
        for t in range(len(x))[:: -1 if backward else 1]:
            state = equations(W, U, b, p, below[t], state)
            outputs[t] = state[0]
        found.append(outputs)
        for final, each in zip(finals, state, strict=True):
            final[number] = each
    return np.concatenate(found, axis=1), finals


def reference(
    layer: Any, family: str, x: Array, states: list[Array], lengths: Array
) -> tuple[Array, list[Array]]:
    """Every sequence of a batch alone, as long as it is; zeros behind its end."""
    directions = 2 if layer.bidirectional else 1
    output = np.zeros((*x.shape[:2], directions * layer.hidden_size))
    finals = [np.zeros_like(each) for each in states]
    for row, length in enumerate(lengths):
        starts = [each[:, row] for each in states]
        output[row, :length], final = read_alone(layer, family, x[row, :length], starts)
        for whole, each in zip(finals, final, strict=True):
            whole[:, row] = each
    return output, finals


def some_states(layer: Any, family: str) -> list[Array]:
    passes = len(list(layer.passes()))
    return [rng.normal(size=(passes, N, H)) for _ in range(FAMILIES[family][2])]


def as_state(states: list[Any]) -> Any:
    return tuple(states) if len(states) > 1 else states[0]


def as_list(state: Any) -> list[Any]:
    return list(state) if isinstance(state, tuple) else [state]


def make(family: str, *sizes: Any, **options: Any) -> Any:
    cr.manual_seed(1)
    return FAMILIES[family][0](*sizes, dtype="float64", **options)
