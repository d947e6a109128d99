"""Upsampling: NumPy's own interpolation, factors and sizes, gradients, messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ChainruleError, OptionError, ShapeError
from tests.agreement import assert_agrees, each_engine

rng = np.random.default_rng(0)
f32 = np.float32
X = rng.normal(size=(2, 4, 5, 3))


def on_lines(x: Any, axis: int, size: int, factor: float, corners: bool) -> Any:
    """Linear interpolation along an axis, by ``np.interp``."""
    n = x.shape[axis]
    if corners:
        places = np.linspace(0, n - 1, size)
    else:
        places = (np.arange(size) + 0.5) / factor - 0.5
    return np.apply_along_axis(lambda v: np.interp(places, np.arange(n), v), axis, x)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("factor", [2, 3, 1.5, 0.5, (2, 1), (1.25, 3)])
def test_bilinear_is_linear_along_each_axis(factor: Any, corners: bool) -> None:
    layer = nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=corners)
    first, second = factor if isinstance(factor, tuple) else (factor, factor)
    wanted = on_lines(X, 1, int(4 * first), first, corners)
    wanted = on_lines(wanted, 2, int(5 * second), second, corners)
    np.testing.assert_allclose(layer(X).numpy(), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("size", [(7, 9), (2, 5), 6])
def test_a_size_makes_the_factor(size: Any) -> None:
    first, second = size if isinstance(size, tuple) else (size, size)
    wanted = on_lines(on_lines(X, 1, first, first / 4, False), 2, second, second / 5,
                      False)  # fmt: skip
    y = nn.Upsample(size, mode="bilinear")(X)
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("factor", [1, 2, (3, 1), 1.5, 0.5])
def test_nearest_repeats_or_skips_elements(factor: Any) -> None:
    first, second = factor if isinstance(factor, tuple) else (factor, factor)
    rows = [int(i / first) for i in range(int(4 * first))]
    columns = [int(i / second) for i in range(int(5 * second))]
    y = nn.Upsample(scale_factor=factor)(X)
    np.testing.assert_array_equal(y.numpy(), X[:, rows][:, :, columns])


def test_sequences_and_volumes() -> None:
    assert nn.Upsample(scale_factor=2, mode="linear")(X[:, 0]).shape == (2, 10, 3)
    volume = X[:, :, :, None]
    assert nn.Upsample(3, mode="trilinear")(volume).shape == (2, 3, 3, 3, 3)
    assert nn.Upsample(scale_factor=(1, 2, 3))(volume).shape == (2, 4, 10, 3, 3)


MAKERS = [
    lambda: nn.Upsample(scale_factor=2),
    lambda: nn.Upsample(scale_factor=1.5),
    lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    lambda: nn.Upsample((3, 7), mode="bilinear", align_corners=True),
]


@pytest.mark.parametrize("make", MAKERS)
def test_gradients_agree_with_finite_differences(make: Any) -> None:
    cr.check_gradients(lambda x: cr.sin(make()(x)), X[:1], order=2)


@pytest.mark.parametrize("make", MAKERS)
@each_engine
def test_compiled_upsampling_and_its_gradient_are_the_eager_ones(
    make: Any, engine: str
) -> None:
    layer, x = make(), X.astype(f32)

    def both(x: Any) -> Any:
        y = layer(x)
        return y, cr.backprop((y * y).sum())[x]

    compiled = cr.compile(both, engine=engine)(x)
    for found, wanted in zip(compiled, both(cr.tensor(x)), strict=True):
        assert_agrees(found.numpy(), wanted.numpy(), engine)


#: call, class of the error, its first line, what to do
WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (nn.Upsample, ArgumentError,
     "Upsample: size=None, scale_factor=None: expected one of the two", None),
    (lambda: nn.Upsample(2, 2), ArgumentError,
     "Upsample: size=2, scale_factor=2: expected one of the two", None),
    (lambda: nn.Upsample(0), ArgumentError, "Upsample: size=0: expected", None),
    (lambda: nn.Upsample(scale_factor=0), ArgumentError,
     "Upsample: scale_factor=0: expected a number above 0", None),
    (lambda: nn.Upsample(2, mode="bilinaer"), OptionError,
     "unknown mode of Upsample 'bilinaer'", "did you mean 'bilinear'?"),
    (lambda: nn.Upsample(2, align_corners=True), ArgumentError,
     "Upsample: align_corners=True with mode='nearest'", None),
    (lambda: nn.Upsample(2, mode="linear")(X), ShapeError,
     "Upsample: x (2, 4, 5, 3): 4 ≠ 3 axes; expected (samples, length, channels)",
     "mode='bilinear'"),
    (lambda: nn.Upsample((2, 2))(X[:, 0]), ShapeError,
     "Upsample: x (2, 5, 3): 3 ≠ 4 axes", None),
    (lambda: nn.Upsample(scale_factor=0.1)(X), ShapeError,
     "Upsample: (4, 5) times 0.1 is (0, 0): expected at least 1 element", None),
    (lambda: nn.Upsample(2)(X[0, 0]), ShapeError,
     "Upsample: x (5, 3): expected 1 to 3 axes between samples and channels", None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "first", "fix"), WRONG)
def test_a_mistake_is_one_clear_error(
    call: Any, kind: Any, first: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert caught.value.what.startswith(first)
    assert (caught.value.fix or "").startswith(fix or "")
