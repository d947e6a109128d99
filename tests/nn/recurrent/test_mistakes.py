"""Every mistake with a recurrent layer is one clear error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DTypeError,
    OptionError,
    ShapeError,
)
from tests.nn.recurrent.reference import LENGTHS, D, H, N, T, X

COMPILED = nn.GRU(D, H)

MISTAKES: dict[str, tuple[Callable[[], Any], type[ChainruleError], str]] = {
    "too long": (
        lambda: nn.LSTM(D, H)(X, lengths=[6, 1, 7, 4]),
        BoundsError,
        "LSTM: sequence length 7 of a sequence of 6 steps at row 2: lengths go from 0 "
        "to 6",
    ),
    "too long, compiled": (
        lambda: cr.compile(lambda n: COMPILED(X, lengths=n))(np.array([6, 1, 7, 4])),
        BoundsError,
        "GRU: sequence length 7 of a sequence of 6 steps at row 2: lengths go from 0 "
        "to 6",
    ),
    "negative": (
        lambda: nn.RNN(D, H)(X, lengths=[6, -1, 6, 4]),
        BoundsError,
        "RNN: sequence length -1 of a sequence of 6 steps at row 1: lengths go from 0 "
        "to 6",
    ),
    "lengths of floats": (
        lambda: nn.RNN(D, H)(X, lengths=[6.0, 1.0, 6.0, 4.0]),
        DTypeError,
        "RNN: sequence lengths (4,) of float32: a length is an integer",
    ),
    "a mask for lengths": (
        lambda: nn.RNN(D, H)(X, lengths=np.ones((N, T), bool)),
        DTypeError,
        "RNN: sequence lengths (4, 6) of bool: a length is an integer",
    ),
    "too few lengths": (
        lambda: nn.RNN(D, H)(X, lengths=[6, 1]),
        ShapeError,
        "RNN: sequence lengths (2,) for 4 sequences: expected (4,), how many steps of "
        "each are real",
    ),
    "one sequence": (
        lambda: nn.LSTM(D, H)(X[0]),
        ShapeError,
        "LSTM: x (6, 3): expected (N, T, D), sequences of T steps",
    ),
    "other features": (
        lambda: nn.LSTM(D, H)(X[:, :, :2]),
        ShapeError,
        "LSTM: x (4, 6, 2): 2 ≠ 3; the last axis of x must have input_size elements",
    ),
    "sequences for a cell": (
        lambda: nn.LSTMCell(D, H)(X),
        ShapeError,
        "LSTMCell: x (4, 6, 3): expected (N, D), one step of every sequence",
    ),
    "one state for two": (
        lambda: nn.LSTM(D, H)(X, np.zeros((1, N, H))),
        ArgumentError,
        "LSTM: state: one tensor: expected a pair (h, c)",
    ),
    "two states for one": (
        lambda: nn.GRU(D, H)(X, (np.zeros((1, N, H)),) * 2),
        ArgumentError,
        "GRU: state: 2 tensors: expected one tensor",
    ),
    "the state of another batch": (
        lambda: nn.GRU(D, H)(X, np.zeros((1, N + 1, H))),
        ShapeError,
        "GRU: state h (1, 5, 5): expected (1, 4, 5), (layers · directions, N, H)",
    ),
    "a state of integers": (
        lambda: nn.GRU(D, H)(X, np.zeros((1, N, H), int)),
        DTypeError,
        "GRU: state h (1, 4, 5) of int64: expected floats",
    ),
    "dropout with nothing between": (
        lambda: nn.LSTM(D, H, dropout=0.5),
        ArgumentError,
        "LSTM: dropout=0.5 with one layer: dropout acts between layers",
    ),
    "dropout of everything": (
        lambda: nn.LSTM(D, H, 2, dropout=1.0),
        ArgumentError,
        "LSTM: dropout=1.0: expected a probability from 0 to less than 1",
    ),
    "an option of PyTorch": (
        lambda: nn.LSTM(D, H, batch_first=True),  # type: ignore[call-arg]
        OptionError,
        "unknown option of LSTM 'batch_first'",
    ),
    "options in PyTorch's order": (
        lambda: nn.GRU(D, H, 1, True, True),  # type: ignore[misc]
        ArgumentError,
        "GRU: too many positional arguments",
    ),
    "no layers": (
        lambda: nn.LSTM(D, H, 0),
        ArgumentError,
        "LSTM: num_layers=0: expected a whole number of at least 1",
    ),
    "another activation": (
        lambda: nn.RNN(D, H, nonlinearity="relux"),
        OptionError,
        "unknown RNN nonlinearity 'relux'",
    ),
    "a pair to the next layer": (
        lambda: nn.Sequential(nn.LSTM(D, H), nn.Linear(H, 2))(X),
        ArgumentError,
        "Linear: x is 2 tensors: expected one",
    ),
    "a tensor to AllSteps": (
        lambda: nn.AllSteps()(cr.zeros((2, 3, 4))),
        ArgumentError,
        "AllSteps: x is Tensor: expected the pair (output, state) of a recurrent layer",
    ),
    "the last of no steps": (
        lambda: nn.LastStep()(np.zeros((2, 0, 4))),
        ShapeError,
        "LastStep: x (2, 0, 4): expected (N, T, H) with at least one step, or the pair "
        "that a recurrent layer returns",
    ),
    "lengths to layers without": (
        lambda: nn.Sequential(nn.Linear(D, H))(X, LENGTHS),
        ArgumentError,
        "Sequential: called with a second input, lengths, which none of its layers "
        "takes",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_error(name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind) as caught:
        mistake()
    assert type(caught.value) is kind
    assert caught.value.what.startswith(message)
