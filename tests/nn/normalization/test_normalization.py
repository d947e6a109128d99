"""Normalisation of images and groups: formulas, averages, gradients, messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from tests.agreement import assert_agrees, each_engine

rng = np.random.default_rng(0)
f32, f64 = np.float32, np.float64
X = rng.normal(2, 3, size=(4, 3, 5, 6))


def standardised(x: Any, axes: Any) -> Any:
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-5)


def by_groups(groups: int) -> Any:
    def formula(x: Any) -> Any:
        parts = np.split(x, groups, axis=-1)
        axes = tuple(range(1, x.ndim))
        return np.concatenate([standardised(each, axes) for each in parts], -1)

    return formula


def root_mean_square(x: Any) -> Any:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)


#: layer, the formula in training, the shape of its input
NORMS: list[tuple[Callable[..., Any], Any, tuple[int, ...]]] = [
    (lambda **o: nn.BatchNorm2d(6, **o), lambda x: standardised(x, (0, 1, 2)), X.shape),
    (lambda **o: nn.BatchNorm3d(6, **o), lambda x: standardised(x, (0, 1, 2, 3)),
     (4, 3, 5, 1, 6)),
    (lambda **o: nn.GroupNorm(3, 6, **o), by_groups(3), X.shape),
    (lambda **o: nn.GroupNorm(1, 6, **o), by_groups(1), X.shape),
    (lambda **o: nn.GroupNorm(2, 6, **o), by_groups(2), (60, 6)),
    (lambda **o: nn.InstanceNorm1d(6, affine=True, **o),
     lambda x: standardised(x, 1), (4, 15, 6)),
    (lambda **o: nn.InstanceNorm2d(6, affine=True, **o),
     lambda x: standardised(x, (1, 2)), X.shape),
    (lambda **o: nn.InstanceNorm3d(6, affine=True, **o),
     lambda x: standardised(x, (1, 2, 3)), (2, 2, 3, 5, 6)),
    (lambda **o: nn.RMSNorm(6, **o), root_mean_square, X.shape),
    (lambda **o: nn.RMSNorm((5, 6), elementwise_affine=False, **o),
     lambda x: root_mean_square(x.reshape(4, 3, 30)).reshape(x.shape), X.shape),
]  # fmt: skip


def randomised(layer: Any) -> Any:
    for parameter in layer.parameters():
        parameter.assign(rng.normal(size=parameter.shape).astype(parameter.dtype))
    return layer


@pytest.mark.parametrize(("make", "formula", "shape"), NORMS)
def test_a_norm_is_its_formula_scaled_and_shifted(
    make: Any, formula: Any, shape: Any
) -> None:
    layer = randomised(make(dtype=f64))
    x = X.reshape(shape)
    wanted = formula(x)
    if layer.weight is not None:
        wanted = wanted * layer.weight.numpy()
    if getattr(layer, "bias", None) is not None:
        wanted = wanted + layer.bias.numpy()
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose(y, wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("make", "formula", "shape"), NORMS)
def test_gradients_agree_with_finite_differences(
    make: Any, formula: Any, shape: Any
) -> None:
    layer = randomised(make(dtype=f64))
    x = X.reshape(shape)
    cr.check_gradients(lambda x: cr.sin(layer(x, training=True)), x, order=1)


@pytest.mark.parametrize(("make", "formula", "shape"), NORMS)
@each_engine
def test_compiled_norms_and_their_gradients_are_the_eager_ones(
    make: Any, formula: Any, shape: Any, engine: str
) -> None:
    x = X.reshape(shape).astype(f32)
    values = [np.asarray(p.array) for p in randomised(make()).parameters()]

    def results(layer: Any) -> Any:
        for parameter, value in zip(layer.parameters(), values, strict=True):
            parameter.assign(value)

        def f(x: Any) -> Any:
            y = layer(x, training=True)
            grads = cr.backprop((y * y * y).sum())
            return [y, *(grads[p] for p in layer.parameters())]

        return f

    found = cr.compile(results(make()), engine=engine)(x)
    for one, other in zip(found, results(make())(cr.tensor(x)), strict=True):
        assert_agrees(one.numpy(), other.numpy(), engine)


def test_running_averages_of_images_are_over_batch_and_places() -> None:
    layer = nn.BatchNorm2d(6, momentum=0.3, dtype=f64)
    mean, var = np.zeros(6), np.ones(6)
    for step in range(3):
        layer(X + step, training=True)
        mean = 0.7 * mean + 0.3 * (X + step).mean((0, 1, 2))
        var = 0.7 * var + 0.3 * (X + step).var((0, 1, 2), ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-12)
    wanted = (X - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(layer(X).numpy(), wanted, rtol=1e-12, atol=1e-14)


def test_a_group_for_every_channel_is_an_instance_norm() -> None:
    group, instance = nn.GroupNorm(6, 6, dtype=f64), nn.InstanceNorm2d(6)
    np.testing.assert_allclose(group(X).numpy(), instance(X).numpy(), rtol=1e-12)


def test_samples_do_not_see_each_other_outside_of_batch_norm() -> None:
    for layer in (nn.GroupNorm(3, 6), nn.InstanceNorm2d(6), nn.RMSNorm(6)):
        whole = layer(X.astype(f32)).numpy()
        np.testing.assert_array_equal(whole[1:2], layer(X[1:2].astype(f32)).numpy())


@pytest.mark.parametrize(
    "layer", [nn.GroupNorm(3, 6), nn.InstanceNorm2d(6), nn.RMSNorm(6)], ids=repr
)
def test_constant_inputs_give_finite_values_and_gradients(layer: Any) -> None:
    x = cr.zeros((2, 3, 3, 6))
    y = layer(x)
    assert (y.numpy() == 0).all()
    assert np.isfinite(cr.backprop((y * y + y).sum())[x].numpy()).all()


IMAGES = X.astype(f32)

#: call, class of the error, its first line, what to do
WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (lambda: nn.BatchNorm2d(5)(IMAGES), ShapeError,
     "BatchNorm2d: x (4, 3, 5, 6): 6 ≠ 5; the last axis of x must have num_features "
     "elements", "BatchNorm2d(6), or give it inputs with 5 channels"),
    (lambda: nn.BatchNorm2d(3)(IMAGES), ShapeError,
     "BatchNorm2d: x (4, 3, 5, 6): 6 ≠ 3",
     "channels come last here: x.transpose(0, 2, 3, 1)"),
    (lambda: nn.BatchNorm2d(6)(IMAGES[0]), ShapeError,
     "BatchNorm2d: x (3, 5, 6): 3 ≠ 4 axes; expected (samples, height, width, "
     "channels)", "x[None] makes one sample a batch"),
    (lambda: nn.BatchNorm2d(6)(IMAGES[:1, :1, :1], training=True), ShapeError,
     "BatchNorm2d: x (1, 1, 1, 6) in training: 1 row for each feature", None),
    (lambda: nn.GroupNorm(4, 6), ArgumentError,
     "GroupNorm: num_channels=6 with num_groups=4: the number of groups must divide "
     "the channels",
     None),
    (lambda: nn.GroupNorm(3, 9)(IMAGES), ShapeError,
     "GroupNorm: x (4, 3, 5, 6): 6 ≠ 9; the last axis of x must have num_channels",
     "GroupNorm(3, 6), or give it inputs with 9 features"),
    (lambda: nn.GroupNorm(3, 6)(IMAGES[0, 0, 0]), ShapeError,
     "GroupNorm: x (6,): expected (samples, …, num_channels)", "x[None]"),
    (lambda: nn.InstanceNorm2d(6)(IMAGES[0]), ShapeError,
     "InstanceNorm2d: x (3, 5, 6): 3 ≠ 4 axes", None),
    (lambda: nn.RMSNorm(5)(IMAGES), ShapeError,
     "RMSNorm: x (4, 3, 5, 6): its last axes must be (5,)", "RMSNorm(6), or"),
    (lambda: nn.RMSNorm(()), ShapeError,
     "RMSNorm: normalized_shape=(): expected at least 1 axis", None),
    (lambda: nn.InstanceNorm1d(6, eps=-1.0), ArgumentError,
     "InstanceNorm1d: eps=-1.0: expected a number ≥ 0", None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "first", "fix"), WRONG)
def test_a_mistake_is_one_clear_error(
    call: Any, kind: Any, first: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.what.startswith(first)
    assert (caught.value.fix or "").startswith(fix or "")
