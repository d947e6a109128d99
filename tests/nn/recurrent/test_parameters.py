"""Parameters of recurrent layers: initial values, names, files, printed forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn
from tests.nn.recurrent.reference import D, H, N, X, each_family, make


@each_family
def test_initial_values_are_those_of_pytorch(family: str) -> None:
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


def test_a_layer_shows_its_sizes_and_what_is_not_the_default() -> None:
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
