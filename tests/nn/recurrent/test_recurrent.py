"""Recurrent layers: the lectures' equations, one sequence at a time, are the reference.

The reference below reads each sequence alone, from its first step to its own last, with
the equations written out gate by gate. Whatever a layer does with batches, lengths,
layers and directions has to come to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn, optim
from chainrule.errors import (
    ArgumentError,
    BoundsError,
    ChainruleError,
    DTypeError,
    OptionError,
    ShapeError,
)
from tests.agreement import each_engine

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


# The equations. ---------------------------------------------------------------------


@each_form
@each_family
def test_a_batch_is_the_equations_of_each_sequence_alone(
    family: str, layers: int, both: bool, bias: bool
) -> None:
    layer = make(family, D, H, layers, bias, bidirectional=both)
    states = some_states(layer, family)
    wanted, finals = reference(layer, family, X, states, np.full(N, T))
    output, state = layer(X, as_state(states))
    np.testing.assert_allclose(output.numpy(), wanted, rtol=1e-12, atol=1e-13)
    for found, each in zip(as_list(state), finals, strict=True):
        np.testing.assert_allclose(found.numpy(), each, rtol=1e-12, atol=1e-13)


@each_engine
@each_family
def test_sequences_of_different_lengths_are_as_if_each_were_alone(
    family: str, engine: str
) -> None:
    layer = make(family, D, H, 2, bidirectional=True)
    states = some_states(layer, family)
    wanted, finals = reference(layer, family, X, states, LENGTHS)
    read = cr.compile(lambda x, s, n: layer(x, s, lengths=n), engine=engine)
    for run in (lambda x, s, n: layer(x, s, lengths=n), read):
        output, state = run(X, as_state(states), LENGTHS)
        np.testing.assert_allclose(output.numpy(), wanted, rtol=1e-12, atol=1e-13)
        for found, each in zip(as_list(state), finals, strict=True):
            np.testing.assert_allclose(found.numpy(), each, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("filling", [1e30, np.inf, np.nan])
@each_family
def test_nothing_behind_the_end_reaches_values_or_gradients(
    family: str, filling: float
) -> None:
    layer = make(family, D, H, 2, bidirectional=True)
    behind = np.arange(T) >= LENGTHS[:, None]
    filled = np.where(behind[:, :, None], filling, X)
    zero = np.where(behind[:, :, None], 0, X)

    def found(x: Array) -> list[Array]:
        leaf = cr.tensor(x)
        output, state = layer(leaf, lengths=LENGTHS)
        loss = (output**2).sum() + sum((each**2).sum() for each in as_list(state))
        grads = cr.backprop(loss)
        gradients = [grads[each].numpy() for each in (leaf, *layer.parameters())]
        return [output.numpy(), *gradients]

    for one, other in zip(found(filled), found(zero), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (found(filled)[0][behind] == 0).all()
    assert (found(filled)[1][behind] == 0).all()


@each_family
def test_the_gradients_are_those_of_finite_differences(family: str) -> None:
    layer = make(family, 2, 3, 2, bidirectional=True)
    if family == "RNN of ReLUs":  # away from the corner
        for _, each in layer.named_parameters():
            each.assign(cr.abs(each) + 0.1)
    names = [name for name, _ in layer.named_parameters()]
    weights = [each.array for each in layer.parameters()]
    x = abs(rng.normal(size=(2, 3, 2)))
    states = [abs(rng.normal(size=(4, 2, 3))) for _ in range(FAMILIES[family][2])]
    own = dict(vars(layer))

    def run(x: Any, states: Any, weights: Any) -> Any:
        vars(layer).update(zip(names, weights, strict=True))
        output, state = layer(x, as_state(list(states)), lengths=[3, 2])
        return (cr.sin(output).sum(), *((each**2).sum() for each in as_list(state)))

    count = len(states)

    def flat(x: Any, *rest: Any) -> Any:
        return run(x, rest[:count], rest[count:])

    try:
        cr.check_gradients(flat, x, *states, *weights, order=1)
    finally:
        vars(layer).update(own)


def test_the_gradient_of_the_gradient_is_that_of_finite_differences() -> None:
    layer = make("LSTM", 2, 2)
    cr.check_gradients(lambda x: layer(x, lengths=[3, 1])[0], X[:2, :3, :2], order=2)


@each_engine
@each_family
def test_compiled_gradients_are_the_eager_ones(family: str, engine: str) -> None:
    layer = make(family, D, H, 2, bidirectional=True)

    def gradients(x: Any) -> Any:
        output, state = layer(x, lengths=LENGTHS)
        loss = (output**2).sum() + sum(each.sum() for each in as_list(state))
        grads = cr.backprop(loss)
        return [grads[each] for each in layer.parameters()]

    compiled = cr.compile(gradients, engine=engine)(X)
    for found, wanted in zip(compiled, gradients(cr.tensor(X)), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-9, atol=1e-11)


# States, cells, windows. ------------------------------------------------------------


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


# First values, settings, printed forms. ---------------------------------------------


@each_family
def test_first_values_are_those_of_pytorch(family: str) -> None:
    layer = make(family, 20, 100, 2, bidirectional=True)
    for name, each in layer.named_parameters():
        values = each.numpy()
        assert abs(values).max() <= 0.1, name
        assert abs(values).max() > 0.09, name
        assert abs(values.mean()) < 0.02, name


def test_names_shapes_and_order_are_those_of_pytorch() -> None:
    layer = nn.GRU(D, H, 2, bidirectional=True)
    found = {name: each.shape for name, each in layer.named_parameters()}
    wanted = {}
    for number, size in ((0, D), (1, 2 * H)):
        for suffix in (f"l{number}", f"l{number}_reverse"):
            wanted[f"weight_ih_{suffix}"] = (3 * H, size)
            wanted[f"weight_hh_{suffix}"] = (3 * H, H)
            wanted[f"bias_ih_{suffix}"] = wanted[f"bias_hh_{suffix}"] = (3 * H,)
    assert list(found.items()) == list(wanted.items())


def test_an_initializer_of_the_recurrent_weights_is_asked_for_each_gate() -> None:
    layer = make("LSTM", D, H, recurrent_init="orthogonal", weight_init="zeros")
    for U in np.split(layer.weight_hh_l0.numpy(), 4):
        np.testing.assert_allclose(U @ U.T, np.eye(H), atol=1e-12)
    assert (layer.weight_ih_l0.numpy() == 0).all()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.LSTMCell])
def test_the_forget_bias_is_the_sum_of_both_biases(kind: Any) -> None:
    layer = kind(D, H, forget_bias=1.5)
    a, b = (v.numpy() for n, v in layer.named_parameters() if n.startswith("bias"))
    total = np.split(a + b, 4)
    assert (total[1] == 1.5).all()
    assert all((abs(each) != 1.5).any() for each in (total[0], total[2], total[3]))


def test_one_of_the_two_biases_may_be_left_out() -> None:
    layer = make("LSTM", D, H)
    wanted = layer(X)[0].numpy()
    layer.bias_ih_l0.assign(layer.bias_ih_l0 + layer.bias_hh_l0)
    layer.bias_hh_l0 = None
    np.testing.assert_allclose(layer(X)[0].numpy(), wanted, rtol=1e-12)


def test_a_layer_shows_its_sizes_and_what_is_not_as_usual() -> None:
    assert repr(nn.LSTM(4, 8)) == "LSTM(4 → 8)"
    shown = "GRU(4 → 8, bias=False, num_layers=2, bidirectional=True)"
    assert repr(nn.GRU(4, 8, 2, False, bidirectional=True)) == shown
    shown = "RNNCell(4 → 8, nonlinearity='relu')"
    assert repr(nn.RNNCell(4, 8, nonlinearity="relu")) == shown


SAVED = [
    nn.LSTM(3, 2, 2, False, bidirectional=True, dropout=0.25, peepholes=True),
    nn.GRU(3, 2),
    nn.RNN(3, 2, nonlinearity="relu"),
    nn.RNNCell(3, 2, False, nonlinearity="relu"),
    nn.LSTMCell(3, 2, peepholes=True),
    nn.GRUCell(3, 2),
]


@pytest.mark.parametrize("layer", SAVED, ids=lambda layer: type(layer).__name__)
def test_a_layer_comes_back_from_a_file(layer: Any, tmp_path: Path) -> None:
    layer.save(tmp_path / "layer.safetensors")
    again = cr.load(tmp_path / "layer.safetensors")
    assert repr(again) == repr(layer)
    for name, value in layer.state_dict().items():
        assert (again.state_dict()[name] == value).all()


def test_the_summary_counts_parameters_and_the_products_of_every_step() -> None:
    rows = nn.LSTM(3, 4).summary((10, 3)).rows
    assert rows[0].output == [(1, 10, 4), (1, 1, 4), (1, 1, 4)]
    assert rows[0].num_parameters == 4 * 4 * (3 + 4 + 2)
    assert rows[0].flops >= 10 * 2 * 16 * (3 + 4)


def test_an_explanation_has_the_delta_of_what_the_network_goes_on_with() -> None:
    model = nn.Sequential(nn.LSTM(D, H), nn.LastStep(), nn.Linear(H, 2))
    found = cr.explain(model, X.astype("float32"), [0, 1, 0, 1])
    assert [layer.delta.shape for layer in found.layers] == [(1, N, H), (N, 2)]
    loss = losses.cross_entropy(model(X.astype("float32")), [0, 1, 0, 1])
    assert "each step, from" in str(cr.explain(loss))


# In containers, and in training. ----------------------------------------------------


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_the_last_step_of_a_layer_is_the_end_in_each_direction(lengths: Any) -> None:
    layer = make("LSTM", D, H, 2, bidirectional=True)
    output, (h, _) = layer(X, lengths=lengths)
    end = nn.LastStep()((output, (h, h))).numpy()
    assert end.shape == (N, 2 * H)
    for row, length in enumerate(np.full(N, T) if lengths is None else lengths):
        if length:
            forward, backward = output.numpy()[row, [length - 1, 0]]
            assert (end[row] == [*forward[:H], *backward[H:]]).all()
        else:
            assert (end[row] == 0).all()


def test_the_last_step_of_a_tensor_is_that_of_each_sequence() -> None:
    assert (nn.LastStep()(X).numpy() == X[:, -1]).all()
    last = nn.LastStep()(X, LENGTHS).numpy()
    wanted = [X[row, n - 1] if n else np.zeros(D) for row, n in enumerate(LENGTHS)]
    assert (last == wanted).all()


def test_a_sequential_hands_lengths_to_the_layers_that_take_them() -> None:
    inner = nn.Sequential(nn.Tanh(), nn.GRU(D, H), nn.AllSteps())
    model = nn.Sequential(inner, nn.LSTM(H, H), nn.LastStep(), nn.Linear(H, 2))
    x = X.astype("float32")
    wanted = [model(x[row : row + 1, :n]).numpy()[0] for row, n in enumerate(LENGTHS)]
    found = model(x, LENGTHS).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def reversed_words(count: int) -> tuple[Array, Array, Array]:
    """Sequences of bits of different lengths; the class is the first bit."""
    lengths = rng.integers(2, 9, count)
    bits = rng.integers(0, 2, (count, 8))
    bits[np.arange(8) >= lengths[:, None]] = 2  # padding
    return bits, lengths, bits[:, 0]


def test_fit_trains_a_network_on_padded_sequences() -> None:
    """Sequence → vector: the first bit, remembered to a sequence's own end."""
    cr.manual_seed(3)
    model = nn.Sequential(
        nn.Embedding(3, 8), nn.LSTM(8, 16), nn.LastStep(), nn.Linear(16, 2)
    )
    bits, lengths, first = reversed_words(256)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    data = ((bits, lengths), first)
    cr.fit(model, data, optimizer=optimizer, epochs=25, progress=False)
    assert cr.evaluate(model, data)["accuracy"] > 0.99
    assert cr.predict(model, (bits, lengths)).shape == (256, 2)


def test_both_directions_label_every_step_by_its_neighbours() -> None:
    """Sequence → sequence, with steps behind the end that do not count."""
    cr.manual_seed(4)
    bits, lengths, _ = reversed_words(256)
    inside = np.arange(8) < lengths[:, None]
    after = np.where(np.arange(1, 9) < lengths[:, None], np.roll(bits, -1, 1), 0)
    targets = np.where(inside, after, -1)
    model = nn.Sequential(
        nn.Embedding(3, 8),
        nn.GRU(8, 16, bidirectional=True),
        nn.AllSteps(),
        nn.Linear(32, 2),
    )

    def loss(outputs: Any, targets: Any) -> Any:
        return losses.cross_entropy(outputs, targets, ignore_index=-1)

    data = cr.data.Dataset((bits, lengths), targets, task="none")
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    cr.fit(model, data, loss=loss, optimizer=optimizer, epochs=20, progress=False)
    right = model(bits, lengths).numpy().argmax(-1) == targets
    assert right[inside].mean() > 0.99
    assert cr.evaluate(model, data, loss=loss)["accuracy"] > 0.99


# Mistakes. --------------------------------------------------------------------------

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
