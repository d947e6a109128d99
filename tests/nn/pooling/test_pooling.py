"""Pooling: loops over windows, ties, gradients, compiled code, messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from tests.agreement import assert_agrees, each_engine
from tests.nn.spatial import bins, pooled

rng = np.random.default_rng(0)
f32 = np.float32


def largest(seen: Any) -> Any:
    return seen.max(1)


def mean(seen: Any) -> Any:
    return seen.mean(1)


def counting_pads(size: int) -> Any:
    return lambda seen: seen.sum(1) / size


def norm(p: float) -> Any:
    return lambda seen: (abs(seen) ** p).sum(1) ** (1 / p)


#: layer, the input's spatial axes, kernel, stride, padding and what ceil adds, how
WINDOWS: list[tuple[Callable[[], Any], Any, Any, Any, Any, Any]] = [
    (lambda: nn.MaxPool1d(2), (7,), (2,), (2,), [(0, 0)], largest),
    (lambda: nn.MaxPool1d(3, 1, "same"), (5,), (3,), (1,), [(1, 1)], largest),
    (lambda: nn.MaxPool2d(2), (4, 6), (2, 2), (2, 2), [(0, 0)] * 2, largest),
    (lambda: nn.MaxPool2d(3, 2, 1), (5, 6), (3, 3), (2, 2), [(1, 1)] * 2, largest),
    (lambda: nn.MaxPool2d(2, padding=1), (4, 3), (2, 2), (2, 2), [(1, 1)] * 2, largest),
    (lambda: nn.MaxPool2d(3, 2, ceil_mode=True), (6, 7), (3, 3), (2, 2),
     [(0, 1), (0, 0)], largest),
    (lambda: nn.MaxPool2d((1, 3), (2, 1)), (4, 5), (1, 3), (2, 1), [(0, 0)] * 2,
     largest),
    (lambda: nn.MaxPool3d((1, 2, 2)), (2, 4, 3), (1, 2, 2), (1, 2, 2), [(0, 0)] * 3,
     largest),
    (lambda: nn.AvgPool1d(3, 2), (8,), (3,), (2,), [(0, 0)], mean),
    (lambda: nn.AvgPool2d(2), (5, 4), (2, 2), (2, 2), [(0, 0)] * 2, mean),
    (lambda: nn.AvgPool2d(3, 2, 1), (5, 6), (3, 3), (2, 2), [(1, 1)] * 2,
     counting_pads(9)),
    (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (5, 6), (3, 3), (2, 2),
     [(1, 1)] * 2, mean),
    (lambda: nn.AvgPool2d(2, 2, ceil_mode=True), (5, 3), (2, 2), (2, 2), [(0, 1)] * 2,
     mean),
    (lambda: nn.AvgPool3d(2), (2, 4, 2), (2, 2, 2), (2, 2, 2), [(0, 0)] * 3, mean),
    (lambda: nn.LPPool1d(1, 2), (6,), (2,), (2,), [(0, 0)], norm(1)),
    (lambda: nn.LPPool2d(2, 2), (4, 4), (2, 2), (2, 2), [(0, 0)] * 2, norm(2)),
    (lambda: nn.LPPool2d(2, 3, 2, 1), (5, 4), (3, 3), (2, 2), [(1, 1)] * 2, norm(2)),
    (lambda: nn.LPPool2d(3.5, 3, 1), (4, 4), (3, 3), (1, 1), [(0, 0)] * 2, norm(3.5)),
]  # fmt: skip


def image(size: Any, dtype: Any = np.float64) -> Any:
    return rng.normal(size=(2, *size, 3)).astype(dtype)


@pytest.mark.parametrize(
    ("make", "size", "kernel", "stride", "pads", "reduce"), WINDOWS
)
def test_pooling_reduces_what_every_window_sees(
    make: Any, size: Any, kernel: Any, stride: Any, pads: Any, reduce: Any
) -> None:
    x = image(size)
    wanted = pooled(reduce, x, kernel, stride, pads)
    np.testing.assert_allclose(make()(x).numpy(), wanted, rtol=1e-12)


def test_a_dilated_window_skips_places() -> None:
    x = image((7, 6))
    y = nn.MaxPool2d((3, 2), 1, 1, dilation=2)(x).numpy()
    wanted = pooled(largest, x, (3, 2), (1, 1), [(1, 1)] * 2, (2, 2))
    np.testing.assert_array_equal(y, wanted)


#: layer, how it reduces
ADAPTIVE: list[tuple[Callable[[Any], Any], Any]] = [
    (nn.AdaptiveAvgPool2d, mean),
    (nn.AdaptiveMaxPool2d, largest),
]


@pytest.mark.parametrize(("make", "reduce"), ADAPTIVE)
@pytest.mark.parametrize("output", [1, 2, 3, 5, (7, None), (None, 4), (9, 1)])
def test_adaptive_pooling_cuts_an_axis_into_as_many_equal_parts_as_asked(
    make: Any, reduce: Any, output: Any
) -> None:
    x = image((6, 7))
    pair = output if isinstance(output, tuple) else (output, output)
    rows, columns = (bins(n, o or n) for n, o in zip((6, 7), pair, strict=True))
    wanted = np.array([
        [reduce(x[:, a:b, c:d].reshape(2, -1, 3)) for c, d in columns] for a, b in rows
    ]).transpose(2, 0, 1, 3)  # fmt: skip
    y = make(output)(x)
    assert y.shape == (2, len(rows), len(columns), 3)
    np.testing.assert_allclose(y.numpy(), wanted, rtol=1e-12)


def test_adaptive_pooling_of_sequences() -> None:
    x = np.arange(7.0).reshape(1, 7, 1)
    assert nn.AdaptiveAvgPool1d(3)(x).numpy().ravel().tolist() == [1, 3, 5]
    assert nn.AdaptiveMaxPool1d(3)(x).numpy().ravel().tolist() == [2, 4, 6]


def test_global_pooling_leaves_a_number_for_every_channel() -> None:
    x = image((4, 5))
    np.testing.assert_allclose(nn.GlobalAvgPool()(x).numpy(), x.mean((1, 2)))
    np.testing.assert_array_equal(nn.GlobalMaxPool()(x).numpy(), x.max((1, 2)))
    assert nn.GlobalAvgPool(keepdims=True)(x).shape == (2, 1, 1, 3)
    assert nn.GlobalMaxPool()(x[:, 0]).shape == (2, 3)


# Gradients. ---------------------------------------------------------------------------

MAKERS = [
    *(row[0] for row in WINDOWS if row[1] in ((5, 6), (5, 4), (4, 4), (6, 7))),
    lambda: nn.AdaptiveAvgPool2d((3, 4)),
    lambda: nn.AdaptiveMaxPool2d((3, 4)),
    nn.GlobalAvgPool,
    nn.GlobalMaxPool,
]


@pytest.mark.parametrize("make", MAKERS)
def test_gradients_agree_with_finite_differences(make: Any) -> None:
    x = rng.permutation(np.linspace(0.5, 3.0, 84)).reshape(1, 6, 7, 2)
    cr.check_gradients(lambda x: cr.sin(make()(x)), x, order=2)


def test_equal_elements_share_the_gradient_of_their_maximum() -> None:
    x = cr.ones((1, 2, 3, 1))
    g = cr.backprop(nn.MaxPool2d(2, 1)(x).sum())[x].numpy()[0, :, :, 0]
    assert g.tolist() == [[0.25, 0.5, 0.25], [0.25, 0.5, 0.25]]


def test_the_gradient_of_an_adaptive_maximum_is_shared_by_equal_elements_alone() -> (
    None
):
    x = cr.ones((1, 3, 1))
    g = cr.backprop(nn.AdaptiveMaxPool1d(2)(x).sum())[x].numpy().ravel()
    assert g.tolist() == [0.5, 1.0, 0.5]


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_a_norm_of_zeros_is_0_and_so_is_its_gradient(p: float) -> None:
    x = cr.zeros((1, 2, 2, 1))
    y = nn.LPPool2d(p, 2)(x)
    assert y.item() == 0
    assert (cr.backprop(y.sum())[x].numpy() == 0).all()


def test_a_nan_makes_its_window_nan_and_no_other() -> None:
    x = image((4, 4))
    x[0, 0, 0, 0] = math.nan
    for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.LPPool2d(2, 2)):
        y = layer(x).numpy()
        assert np.isnan(y[0, 0, 0, 0]) and np.isnan(y).sum() == 1


# Compiled. ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
@each_engine
def test_compiled_pooling_and_its_gradient_are_the_eager_ones(
    make: Any, engine: str
) -> None:
    x = image((6, 7), f32)
    layer = make()

    def both(x: Any) -> Any:
        y = layer(x)
        return y, cr.backprop((y * y).sum())[x]

    compiled = cr.compile(both, engine=engine)(x)
    for found, wanted in zip(compiled, both(cr.tensor(x)), strict=True):
        assert_agrees(found.numpy(), wanted.numpy(), engine)


def test_windows_side_by_side_are_a_view_and_no_windows() -> None:
    graph = cr.trace(nn.MaxPool2d(2), np.zeros((2, 5, 6, 3), f32))
    names = [node.op.name for node in graph.operations if node.op is not None]
    assert names == ["slice", "reshape", "max"]


# Messages. ----------------------------------------------------------------------------

X = np.zeros((2, 4, 6, 3), f32)

#: call, class of the error, its first line, what to do
WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (lambda: nn.MaxPool2d(5)(X), ShapeError,
     "MaxPool2d: x (2, 4, 6, 3): a kernel of length 5 is longer than axis 1 of length "
     "4", "a smaller kernel"),
    (lambda: nn.AvgPool2d(7, padding=1)(X), ShapeError,
     "AvgPool2d: x (2, 4, 6, 3): a kernel of length 7 is longer than axis 1 of length "
     "4, 6 with its padding", None),
    (lambda: nn.MaxPool2d(2)(X[0]), ShapeError,
     "MaxPool2d: x (4, 6, 3): 3 ≠ 4 axes; expected (samples, height, width, channels)",
     "x[None] makes one sample a batch"),
    (lambda: nn.MaxPool2d(2, padding=2), ArgumentError,
     "MaxPool2d: padding=2 with kernel_size=2: a window could lie in the padding "
     "entirely",
     None),
    (lambda: nn.MaxPool2d((2, 2, 2)), ArgumentError, "MaxPool2d: kernel_size=(2, 2, 2)",
     None),
    (lambda: nn.AvgPool2d(2, 0), ArgumentError, "AvgPool2d: stride=0: expected", None),
    (lambda: nn.LPPool2d(0.5, 2), ArgumentError,
     "LPPool2d: norm_type=0.5: expected a finite number of at least 1", None),
    (lambda: nn.LPPool2d(math.inf, 2), ArgumentError, "LPPool2d: norm_type=inf", None),
    (lambda: nn.AdaptiveAvgPool2d((2, 2, 2)), ArgumentError,
     "AdaptiveAvgPool2d: output_size=(2, 2, 2): expected a number, or one for each of "
     "the 2 axes", None),
    (lambda: nn.AdaptiveMaxPool2d(0), ArgumentError,
     "AdaptiveMaxPool2d: output_size=0: expected a whole number of at least 1", None),
    (lambda: nn.AdaptiveMaxPool2d(2)(X[:, :0]), ShapeError,
     "AdaptiveMaxPool2d: x (2, 0, 6, 3): no elements to pool", None),
    (lambda: nn.GlobalAvgPool()(X[0, 0]), ShapeError,
     "GlobalAvgPool: x (6, 3): expected (samples, …, channels)", "x[None]"),
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
    assert caught.value.at is not None and caught.value.at.file == __file__


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (nn.MaxPool2d(2), "MaxPool2d(2×2)"),
        (nn.MaxPool2d(3, 2, 1), "MaxPool2d(3×3, stride 2, padding 1)"),
        (nn.MaxPool2d(3, 1, "same"), "MaxPool2d(3×3, stride 1, padding same)"),
        (nn.LPPool2d(2, (2, 3)), "LPPool2d(L2, 2×3)"),
        (nn.AdaptiveAvgPool2d((7, None)), "AdaptiveAvgPool2d(7×same)"),
        (nn.GlobalAvgPool(), "GlobalAvgPool()"),
    ],
)
def test_a_layer_prints_what_is_not_usual_about_it(layer: Any, shown: str) -> None:
    assert repr(layer) == shown
