"""A convolutional LSTM is the equations of its paper, image by image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ShapeError
from tests.agreement import each_engine
from tests.nn.recurrent.reference import Array, lstm_equations, rng

N, T, HEIGHT, WIDTH, C, K = 3, 4, 5, 4, 2, 3
X = rng.normal(size=(N, T, HEIGHT, WIDTH, C))
LENGTHS = np.array([4, 0, 2])
CLOSE = {"rtol": 1e-11, "atol": 1e-13}


def make(*args: Any, **settings: Any) -> Any:
    """A layer in float64 whose biases and peepholes are not 0."""
    layer = nn.ConvLSTM(C, K, *args, dtype="float64", **settings)
    for each in layer.parameters():
        each.assign(rng.normal(size=each.shape) / 2)
    return layer


class Kernel:
    """A kernel that is multiplied, with @, by an image (H, W, C): zeros around it."""

    def __init__(self, weight: Array) -> None:
        self.weight = weight  # (K, height, width, C)

    def __matmul__(self, image: Array) -> Array:
        height, width = self.weight.shape[1:3]
        before = (height - 1) // 2, (width - 1) // 2
        after = height - 1 - before[0], width - 1 - before[1]
        room = ((before[0], after[0]), (before[1], after[1]), (0, 0))
        padded = np.pad(image, room)
        result = np.zeros((*image.shape[:2], len(self.weight)))
        for i, j in np.ndindex(*image.shape[:2]):
            window = padded[i : i + height, j : j + width]
            result[i, j] = (self.weight * window).sum(axis=(1, 2, 3))
        return result


def read_alone(layer: Any, suffix: str, x: Array, backward: bool) -> tuple[Array, Any]:
    """One sequence through one layer in one direction, by the equations of an LSTM."""
    values = layer.state_dict()
    W, U = (
        [Kernel(part) for part in np.split(values[f"weight_{k}{suffix}"], 4)]
        for k in ("ih", "hh")
    )
    b = [np.split(values[f"bias_{k}{suffix}"], 4) for k in ("ih", "hh")]
    p = values.get(f"weight_ch{suffix}", np.zeros((3, K)))
    state = (np.zeros((HEIGHT, WIDTH, K)),) * 2
    outputs = np.zeros((len(x), HEIGHT, WIDTH, K))
    for t in range(len(x))[:: -1 if backward else 1]:
        state = lstm_equations(W, U, b, p, x[t], state)
        outputs[t] = state[0]
    return outputs, state


@pytest.mark.parametrize("kernel_size", [1, 3, (3, 2)])
@pytest.mark.parametrize("peepholes", [False, True])
def test_a_batch_is_the_equations_of_each_sequence_alone(
    kernel_size: Any, peepholes: bool
) -> None:
    layer = make(kernel_size, 2, bidirectional=True, peepholes=peepholes)
    output, (h, c) = layer(X, lengths=LENGTHS)
    assert output.shape == (N, T, HEIGHT, WIDTH, 2 * K)
    for row, length in enumerate(LENGTHS):
        below, finals = X[row, :length], []
        for number in range(2):
            found = []
            for suffix in (f"_l{number}", f"_l{number}_reverse"):
                out, state = read_alone(layer, suffix, below, "reverse" in suffix)
                found.append(out)
                finals.append(state)
            below = np.concatenate(found, axis=-1)
        np.testing.assert_allclose(output.numpy()[row, :length], below, **CLOSE)
        assert (output.numpy()[row, length:] == 0).all()
        for place, (last_h, last_c) in enumerate(finals):
            np.testing.assert_allclose(h.numpy()[place, row], last_h, **CLOSE)
            np.testing.assert_allclose(c.numpy()[place, row], last_c, **CLOSE)


@each_engine
def test_kernels_of_one_point_are_an_lstm_of_every_point(engine: str) -> None:
    layer = make(1, peepholes=True)
    points = nn.LSTM(C, K, peepholes=True, dtype="float64")
    points.load_state_dict(
        {n: v.reshape(len(v), -1) if n.startswith("weight_") else v
         for n, v in layer.state_dict().items()}
    )  # fmt: skip
    output, _ = cr.compile(lambda x: layer(x), engine=engine)(X)
    apart = X.transpose(0, 2, 3, 1, 4).reshape(-1, T, C)
    wanted = points(apart)[0].numpy().reshape(N, HEIGHT, WIDTH, T, K)
    wanted = wanted.transpose(0, 3, 1, 2, 4)
    np.testing.assert_allclose(output.numpy(), wanted, **CLOSE)


def test_a_cell_is_a_step_of_the_layer() -> None:
    layer = make(3, peepholes=True)
    cell = nn.ConvLSTMCell(C, K, 3, peepholes=True, dtype="float64")
    cell.load_state_dict(
        {n.removesuffix("_l0"): v for n, v in layer.state_dict().items()}
    )
    output, (_, c) = layer(X)
    state = None
    for t in range(T):
        state = cell(X[:, t], state)
        np.testing.assert_allclose(state[0].numpy(), output.numpy()[:, t], rtol=1e-12)
    np.testing.assert_allclose(state[1].numpy(), c.numpy()[0], rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2])
def test_the_gradients_are_those_of_finite_differences(order: int) -> None:
    layer = make(3, peepholes=True)
    names = [name for name, _ in layer.named_parameters()]
    own = dict(vars(layer))

    def run(x: Any, h: Any, c: Any, *weights: Any) -> Any:
        vars(layer).update(zip(names, weights, strict=True))
        output, (last, context) = layer(x, (h, c), lengths=[3, 2])
        return cr.sin(output).sum(), (last * context).sum()

    states = rng.normal(size=(2, 1, 2, 3, 2, K))
    weights = [each.array for each in layer.parameters()]
    try:
        cr.check_gradients(run, X[:2, :3, :3, :2], *states, *weights, order=order)
    finally:
        vars(layer).update(own)


@each_engine
def test_compiled_gradients_are_the_eager_ones(engine: str) -> None:
    layer = make(3, 2, bidirectional=True, peepholes=True)

    def gradients(x: Any) -> Any:
        output, (h, c) = layer(x, lengths=LENGTHS)
        grads = cr.backprop((output**2).sum() + h.sum() + (c**2).sum())
        return [grads[each] for each in layer.parameters()]

    compiled = cr.compile(gradients, engine=engine)(X)
    for found, wanted in zip(compiled, gradients(cr.tensor(X)), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-9, atol=1e-11)


def test_images_of_any_size_are_read_by_one_layer() -> None:
    layer = make(3, peepholes=True)
    assert layer(cr.ones((1, 2, 7, 9, C)))[0].shape == (1, 2, 7, 9, K)


def test_the_forget_gate_starts_where_it_is_asked_to() -> None:
    layer = nn.ConvLSTM(C, K, 3, forget_bias=2.0)
    bias = layer.bias_ih_l0.numpy() + layer.bias_hh_l0.numpy()
    assert (bias[K : 2 * K] == 2).all() and (bias[:K] != 2).all()
    assert abs(layer.weight_hh_l0.numpy()).max() <= 1 / np.sqrt(9 * K)


def test_a_file_brings_it_back(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.ConvLSTM(C, K, (3, 2), 2, bidirectional=True, peepholes=True), nn.LastStep()
    )
    model.save(tmp_path / "model.safetensors")
    again = cr.load(tmp_path / "model.safetensors")
    assert str(again) == str(model) and "2 → 3, 3×2, num_layers=2" in str(model)
    x = X.astype("float32")
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())


def test_mistakes_name_the_axes_of_images() -> None:
    layer = nn.ConvLSTM(C, K, 3)
    with pytest.raises(ShapeError) as caught:
        layer(X[0])
    assert caught.value.what == (
        "ConvLSTM: x (4, 5, 4, 2): expected (N, T, H, W, C), sequences of T steps"
    )
    with pytest.raises(ShapeError) as caught:
        layer(X, (np.zeros((1, N, K)),) * 2)
    assert caught.value.what == (
        "ConvLSTM: state h (1, 3, 3): expected (1, 3, 5, 4, 3), "
        "(layers · directions, N, H, W, K)"
    )
    with pytest.raises(ArgumentError) as caught:
        nn.ConvLSTMCell(C, K, 0)
    assert caught.value.what.startswith("ConvLSTMCell: kernel_size=0")
