"""Batch normalisation: the batch in training, running averages in prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ShapeError

f32 = np.float32
X = np.random.default_rng(0).normal(3, 2, size=(8, 4))


def normalised(x: Any) -> Any:
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)


def test_batch_norm_in_training_is_the_formula_over_the_batch() -> None:
    layer = nn.BatchNorm1d(4, dtype="float64")
    assert layer.weight is not None and layer.bias is not None
    layer.weight.assign([1.0, 2.0, 3.0, 4.0])
    layer.bias.assign([0.1, 0.2, 0.3, 0.4])
    expected = normalised(X) * [1, 2, 3, 4] + [0.1, 0.2, 0.3, 0.4]
    np.testing.assert_allclose(layer(X, training=True).numpy(), expected, rtol=1e-12)


def test_batch_norm_of_sequences_averages_over_every_axis_but_the_last() -> None:
    layer = nn.BatchNorm1d(4, dtype="float64")
    y = layer(X.reshape(2, 4, 4), training=True).numpy()
    np.testing.assert_allclose(y.reshape(8, 4), normalised(X), rtol=1e-12)


def test_the_gradient_of_batch_norm_in_training_passes_through_its_statistics() -> None:
    layer = nn.BatchNorm1d(4, dtype="float64")
    cr.check_gradients(lambda x: cr.sin(layer(x, training=True)), X, order=1)


def test_running_averages_are_those_of_pytorch_step_after_step() -> None:
    layer = nn.BatchNorm1d(4, momentum=0.3, dtype="float64")
    mean, var = np.zeros(4), np.ones(4)
    for step in range(5):
        batch = X + step
        layer(batch, training=True)
        mean = 0.7 * mean + 0.3 * batch.mean(0)
        var = 0.7 * var + 0.3 * batch.var(0, ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-12)
    expected = (X - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(layer(X).numpy(), expected, rtol=1e-12)


def test_running_averages_change_in_training_alone() -> None:
    layer = nn.BatchNorm1d(4)
    before = layer.state_dict()
    layer(X.astype(f32))
    layer(X.astype(f32), training=False)
    assert all((before[name] == v).all() for name, v in layer.state_dict().items())
    layer(X.astype(f32), training=True)
    assert (layer.running_mean.numpy() != before["running_mean"]).all()


def test_running_averages_are_kept_but_not_trained() -> None:
    layer = nn.BatchNorm1d(4)
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    assert set(layer.state_dict()) == {
        "weight",
        "bias",
        "running_mean",
        "running_var",
    }


def test_compiled_batch_norm_keeps_the_same_running_averages() -> None:
    one, two = nn.BatchNorm1d(4, dtype="float64"), nn.BatchNorm1d(4, dtype="float64")
    step = cr.compile(lambda x: two(x, training=True))
    for shift in range(3):
        eager = one(X + shift, training=True).numpy()
        assert (step(X + shift).numpy() == eager).all()
    for name, value in one.state_dict().items():
        assert (two.state_dict()[name] == value).all()


def test_wider_inputs_leave_the_running_averages_their_dtype() -> None:
    layer = nn.BatchNorm1d(4)
    layer(X, training=True)
    assert layer.running_mean.dtype == f32


@pytest.mark.parametrize(
    ("shape", "rows"), [((1, 4), "1 row"), ((0, 4), "0 rows"), ((4,), "1 row")]
)
def test_a_batch_of_one_row_cannot_be_normalised_in_training(
    shape: tuple[int, ...], rows: str
) -> None:
    layer = nn.BatchNorm1d(4)
    with pytest.raises(ShapeError) as caught:
        layer(np.ones(shape, f32), training=True)
    assert caught.value.what == (
        f"BatchNorm1d: x {shape} in training: {rows} for each feature; a variance "
        "needs at least 2"
    )
    assert caught.value.fix == (
        "batches of 2 or more, as cr.fit and data.batches make them; for predictions, "
        "call without training=True"
    )
    assert layer(np.ones(shape, f32)).shape == shape
    assert (layer.running_mean.numpy() == 0).all()


def test_layer_norm_is_the_same_in_training_and_in_prediction() -> None:
    layer = nn.LayerNorm(4, dtype="float64")
    assert (layer(X, training=True).numpy() == layer(X).numpy()).all()
