"""Locally connected layers and normalisation by the neighbourhood: definitions."""

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

#: layer, how many places it has, padding
LOCAL: list[tuple[Callable[[], Any], tuple[int, ...], Any]] = [
    (lambda: nn.LocallyConnected1d(2, 3, 6, 3), (4,), [(0, 0)]),
    (lambda: nn.LocallyConnected1d(1, 2, 5, 2, 2, "same", bias=False), (3,), [(0, 1)]),
    (lambda: nn.LocallyConnected2d(2, 3, (4, 5), 3), (2, 3), [(0, 0)] * 2),
    (lambda: nn.LocallyConnected2d(1, 2, 4, (2, 3), (2, 1), (0, 1)), (2, 4),
     [(0, 0), (1, 1)]),
]  # fmt: skip


def by_places(layer: Any, x: Any, pads: Any) -> Any:
    """Each place with its own kernels, one after the other."""
    padded = np.pad(x, [(0, 0), *pads, (0, 0)])
    z = np.zeros((len(x), *layer.output_size, layer.out_channels))
    for place in np.ndindex(*layer.output_size):
        moves = zip(place, layer.stride, layer.kernel_size, strict=True)
        seen = padded[(slice(None), *(slice(i * s, i * s + k) for i, s, k in moves))]
        kernels = layer.weight.numpy()[place]
        z[(slice(None), *place)] = (
            seen.reshape(len(x), -1) @ kernels.reshape(len(kernels), -1).T
        )
    return z if layer.bias is None else z + layer.bias.numpy()


@pytest.mark.parametrize(("make", "places", "pads"), LOCAL)
def test_a_locally_connected_layer_has_kernels_of_its_own_at_every_place(
    make: Any, places: Any, pads: Any
) -> None:
    layer = make().astype(f64)
    x = rng.normal(size=(2, *layer.input_size, layer.in_channels))
    assert layer.output_size == places
    if layer.bias is not None:
        layer.bias.assign(rng.normal(size=layer.bias.shape))
    np.testing.assert_allclose(layer(x).numpy(), by_places(layer, x, pads), rtol=1e-12)


def test_with_equal_kernels_everywhere_it_is_a_convolution() -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1, bias=False, dtype=f64)
    local = nn.LocallyConnected2d(2, 3, (4, 5), 3, padding=1, bias=False, dtype=f64)
    local.weight.assign(np.broadcast_to(conv.weight.numpy(), local.weight.shape))
    x = rng.normal(size=(2, 4, 5, 2))
    np.testing.assert_allclose(local(x).numpy(), conv(x).numpy(), rtol=1e-12)


NORMS: list[Callable[[], Any]] = [
    lambda: nn.LocalContrastNorm(3),
    lambda: nn.LocalContrastNorm(5, std=1.0, floor=0.01),
    lambda: nn.LocalContrastNorm(3, divisive=False),
    lambda: nn.LocalResponseNorm(3, alpha=0.5, k=2.0),
]


@pytest.mark.parametrize("make", [LOCAL[0][0], LOCAL[3][0], *NORMS])
def test_gradients_agree_with_finite_differences(make: Any) -> None:
    layer = make().astype(f64)
    size = getattr(layer, "input_size", (4, 3))
    x = rng.normal(size=(2, *size, getattr(layer, "in_channels", 2)))
    cr.check_gradients(lambda x: cr.sin(layer(x)), x, order=2)


@pytest.mark.parametrize("make", [LOCAL[0][0], LOCAL[3][0], *NORMS])
@each_engine
def test_compiled_layers_and_their_gradients_are_the_eager_ones(
    make: Any, engine: str
) -> None:
    layer = make()
    size = getattr(layer, "input_size", (4, 3))
    x = rng.normal(size=(2, *size, getattr(layer, "in_channels", 2))).astype(f32)

    def results(x: Any) -> Any:
        y = layer(x)
        grads = cr.backprop((y * y * y).sum())
        return [y, grads[x], *(grads[each] for each in layer.parameters())]

    compiled = cr.compile(results, engine=engine)(x)
    for found, wanted in zip(compiled, results(cr.tensor(x)), strict=True):
        assert_agrees(found.numpy(), wanted.numpy(), engine)


# Local contrast. ----------------------------------------------------------------------


def weighted(x: Any, size: int, std: float) -> Any:
    """The Gaussian mean over window and channels, pixel by pixel."""
    half = size // 2
    result = np.zeros((*x.shape[:3], 1))
    for i, j in np.ndindex(*x.shape[1:3]):
        total, weights = 0.0, 0.0
        for p in range(-half, half + 1):
            for q in range(-half, half + 1):
                if 0 <= i + p < x.shape[1] and 0 <= j + q < x.shape[2]:
                    w = np.exp(-(p * p + q * q) / (2 * std * std))
                    total = total + w * x[:, i + p, j + q].mean(-1)
                    weights += w
        result[:, i, j, 0] = total / weights
    return result


@pytest.mark.parametrize(("size", "std"), [(3, None), (5, 1.5)])
def test_local_contrast_normalisation_is_its_definition(size: int, std: Any) -> None:
    x = rng.normal(size=(2, 6, 5, 3))
    v = x - weighted(x, size, std or size / 4)
    sigma = np.sqrt(weighted(v * v, size, std or size / 4))
    mean = sigma.mean((1, 2, 3), keepdims=True)
    for layer, wanted in [
        (nn.LocalContrastNorm(size, std, divisive=False), v),
        (nn.LocalContrastNorm(size, std), v / np.maximum(sigma, mean)),
        (nn.LocalContrastNorm(size, std, floor=0.9), v / np.maximum(sigma, 0.9)),
    ]:
        np.testing.assert_allclose(layer(x).numpy(), wanted, rtol=1e-11, atol=1e-13)


def test_an_image_of_one_colour_has_no_contrast_and_a_finite_gradient() -> None:
    x = cr.full((1, 9, 9, 2), 0.7)
    y = nn.LocalContrastNorm(5)(x)
    assert abs(y.numpy()).max() < 1e-2
    assert np.isfinite(cr.backprop((y * y).sum())[x].numpy()).all()


def test_contrast_does_not_depend_on_brightness_and_range() -> None:
    x = rng.normal(size=(1, 8, 8, 1))
    layer = nn.LocalContrastNorm(5)
    np.testing.assert_allclose(layer(3 * x + 7).numpy(), layer(x).numpy(), atol=1e-12)


# Local response. ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_local_response_normalisation_divides_by_the_channels_around(size: int) -> None:
    x = rng.normal(size=(2, 3, 6))
    y = nn.LocalResponseNorm(size, alpha=0.5, beta=0.6, k=1.5)(x).numpy()
    for c in range(6):
        first = max(0, c - size // 2)
        around = (x[..., first : c + (size - 1) // 2 + 1] ** 2).sum(-1)
        wanted = x[..., c] / (1.5 + 0.5 / size * around) ** 0.6
        np.testing.assert_allclose(y[..., c], wanted, rtol=1e-12)


#: call, class of the error, its first line, what to do
WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (lambda: nn.LocallyConnected2d(1, 2, 4, 5), ShapeError,
     "LocallyConnected2d: input_size (4, 4): a kernel of length 5 is longer than axis "
     "1 of length 4", None),
    (lambda: nn.LocallyConnected2d(1, 2, 4, 3)(np.zeros((2, 5, 4, 1), f32)), ShapeError,
     "LocallyConnected2d: x (2, 5, 4, 1): (5, 4) ≠ (4, 4); every position has kernels "
     "of its own, so x must have input_size", "input_size=(5, 4)"),
    (lambda: nn.LocallyConnected2d(3, 2, 4, 3)(np.zeros((2, 4, 4, 1), f32)), ShapeError,
     "LocallyConnected2d: x (2, 4, 4, 1): 1 ≠ 3; the last axis of x must have "
     "in_channels elements", "LocallyConnected2d(1, 2, …)"),
    (lambda: nn.LocalContrastNorm(4), ArgumentError,
     "LocalContrastNorm: kernel_size=4: expected an odd number", None),
    (lambda: nn.LocalContrastNorm(3, std=0), ArgumentError,
     "LocalContrastNorm: std=0: expected a number above 0", None),
    (lambda: nn.LocalContrastNorm(3)(np.zeros((2, 4), f32)), ShapeError,
     "LocalContrastNorm: x (2, 4): 2 ≠ 4 axes", None),
    (lambda: nn.LocalResponseNorm(0), ArgumentError,
     "LocalResponseNorm: size=0: expected a whole number of at least 1", None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "first", "fix"), WRONG)
def test_a_mistake_is_one_clear_error(
    call: Any, kind: Any, first: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.what.startswith(first)
    assert (caught.value.fix or "").startswith(fix or "")
