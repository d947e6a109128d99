"""Convolutional layers: loops, sizes, first values, gradients, compiled, messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ChainruleError, DTypeError, ShapeError
from tests.agreement import assert_agrees, each_engine
from tests.contracts.convolutions import counted, summed

rng = np.random.default_rng(0)
f32, f64 = np.float32, np.float64

#: layer, the input's spatial axes, the padding as pairs
LAYERS: list[tuple[Callable[[], Any], tuple[int, ...], Any]] = [
    (lambda: nn.Conv1d(2, 3, 3), (6,), [(0, 0)]),
    (lambda: nn.Conv1d(4, 2, 2, 2, [(2, 1)], groups=2), (5,), [(2, 1)]),
    (lambda: nn.Conv1d(1, 2, 3, dilation=2, padding="same"), (5,), [(2, 2)]),
    (lambda: nn.Conv2d(2, 3, 3, padding="valid"), (4, 5), [(0, 0)] * 2),
    (lambda: nn.Conv2d(2, 3, (3, 2), (1, 2), (1, 0)), (4, 5), [(1, 1), (0, 0)]),
    (lambda: nn.Conv2d(3, 6, 3, padding=1, groups=3), (3, 4), [(1, 1)] * 2),
    (lambda: nn.Conv2d(2, 3, (2, 4), padding="same"), (3, 5), [(0, 1), (1, 2)]),
    (lambda: nn.Conv2d(1, 2, 3, 2, "same", bias=False), (5, 4), [(1, 1), (0, 1)]),
    (lambda: nn.Conv2d(4, 2, 1, groups=2), (2, 3), [(0, 0)] * 2),
    (lambda: nn.Conv3d(1, 2, (1, 2, 3), padding=(0, 0, 1)), (2, 3, 3),
     [(0, 0), (0, 0), (1, 1)]),
]  # fmt: skip


def by_loops(layer: Any, x: Any, pads: Any) -> Any:
    """A convolution, term by term."""
    case = (x.shape[1:-1], layer.kernel_size, layer.stride, pads, layer.dilation,
            layer.groups, layer.in_channels, layer.out_channels)  # fmt: skip
    z = summed(case, 2)(x, layer.weight.numpy())
    return z if layer.bias is None else z + layer.bias.numpy()


def inputs(layer: Any, size: tuple[int, ...], dtype: Any = f64) -> Any:
    return rng.normal(size=(2, *size, layer.in_channels)).astype(dtype)


def with_bias(layer: Any) -> Any:
    if layer.bias is not None:
        layer.bias.assign(rng.normal(size=layer.bias.shape).astype(layer.bias.dtype))
    return layer


@pytest.mark.parametrize(("make", "size", "pads"), LAYERS)
def test_a_convolution_is_the_sum_over_its_kernel_on_every_window(
    make: Any, size: Any, pads: Any
) -> None:
    layer = with_bias(make().astype(f64))
    x = inputs(layer, size)
    wanted = by_loops(layer, x, pads)
    np.testing.assert_allclose(layer(x).numpy(), wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("make", "size", "pads"), LAYERS)
@each_engine
def test_compiled_convolutions_and_their_gradients_are_the_eager_ones(
    make: Any, size: Any, pads: Any, engine: str
) -> None:
    layer = with_bias(make())
    x = inputs(layer, size, f32)

    def loss(x: Any) -> Any:
        y = layer(x)
        grads = cr.backprop((y * y).sum())
        return y, grads[x], [grads[each] for each in layer.parameters()]

    compiled = flat(cr.compile(loss, engine=engine)(x))
    for found, wanted in zip(compiled, flat(loss(cr.tensor(x))), strict=True):
        assert_agrees(found.numpy(), wanted.numpy(), engine)


def flat(results: Any) -> list[Any]:
    y, gx, gs = results
    return [y, gx, *gs]


@pytest.mark.parametrize(
    ("kernel", "stride", "size"),
    [(1, 1, 7), (2, 1, 7), (3, 2, 7), (3, 2, 8), (5, 3, 7), (1, 3, 7), (4, 4, 2)],
)
def test_padding_same_gives_the_size_over_the_stride_rounded_up(
    kernel: int, stride: int, size: int
) -> None:
    layer = nn.Conv1d(1, 1, kernel, stride, "same")
    assert layer(np.ones((1, size, 1), f32)).shape == (1, -(-size // stride), 1)


def test_padding_before_alone_sees_only_the_past() -> None:
    layer = nn.Conv1d(1, 1, 3, padding=[(2, 0)])
    x = cr.tensor(rng.normal(size=(1, 6, 1)).astype(f32))
    g = cr.backprop(layer(x)[0, 3, 0])[x].numpy()[0, :, 0]
    assert (g[4:] == 0).all() and (g[1:4] != 0).all() and g[0] == 0


def test_a_depthwise_convolution_treats_each_channel_by_itself() -> None:
    layer = nn.Conv2d(3, 3, 3, groups=3, bias=False, dtype=f64)
    x = inputs(layer, (5, 4))
    for c in range(3):
        alone = nn.Conv2d(1, 1, 3, bias=False, dtype=f64)
        alone.weight.assign(layer.weight.numpy()[c : c + 1])
        np.testing.assert_allclose(
            layer(x).numpy()[..., c], alone(x[..., c : c + 1]).numpy()[..., 0],
            rtol=1e-12,
        )  # fmt: skip


# Transposed. --------------------------------------------------------------------------

#: layer, the size of its input, the size of its output
TRANSPOSED: list[tuple[Callable[[], Any], tuple[int, ...], tuple[int, ...]]] = [
    (lambda: nn.ConvTranspose1d(2, 3, 3), (4,), (6,)),
    (lambda: nn.ConvTranspose1d(4, 2, 3, 2, 1, 1, groups=2), (4,), (8,)),
    (lambda: nn.ConvTranspose1d(2, 2, 2, 3, dilation=2), (3,), (9,)),
    (lambda: nn.ConvTranspose1d(1, 2, 4, 2, "same"), (3,), (6,)),
    (lambda: nn.ConvTranspose2d(2, 1, 4, 2, 1), (3, 2), (6, 4)),
    (lambda: nn.ConvTranspose2d(2, 4, (3, 2), (1, 2), [(1, 0), (0, 0)], groups=2,
                                bias=False), (2, 3), (3, 6)),
    (lambda: nn.ConvTranspose3d(1, 2, 2, 2), (2, 1, 2), (4, 2, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "size", "output"), TRANSPOSED)
def test_a_transposed_convolution_is_the_adjoint_of_the_convolution(
    make: Any, size: Any, output: Any
) -> None:
    layer = with_bias(make().astype(f64))
    x = inputs(layer, size)
    pads = layer.padding
    if pads == "same":
        pads = ((1, 1),) * len(size)
    case = (output, layer.kernel_size, layer.stride, pads, layer.dilation,
            layer.groups, layer.out_channels, layer.in_channels)  # fmt: skip
    assert counted(output, *case[1:5]) == size
    wanted = summed(case, 0)(x, layer.weight.numpy())
    if layer.bias is not None:
        wanted = wanted + layer.bias.numpy()
    np.testing.assert_allclose(layer(x).numpy(), wanted, rtol=1e-12, atol=1e-13)


def test_output_size_chooses_among_the_sizes_that_a_stride_makes_alike() -> None:
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2)
    x = np.ones((1, 4, 4, 1), f32)
    assert layer(x).shape == (1, 9, 9, 1)
    assert layer(x, output_size=(10, 9)).shape == (1, 10, 9, 1)
    with pytest.raises(ShapeError, match=r"from \(9, 9\) to \(10, 10\)"):
        layer(x, output_size=11)


@pytest.mark.parametrize("make", [LAYERS[4][0], TRANSPOSED[5][0]])
def test_gradients_agree_with_finite_differences_to_second_order(make: Any) -> None:
    layer = make().astype(f64)
    x, w = inputs(layer, (4, 3)), layer.weight.numpy()

    def of_both(x: Any, w: Any) -> Any:
        if isinstance(layer, nn.Conv2d):
            return cr.convolution(x, w, layer.stride, layer.padding)
        return cr.convolution_transposed(
            x, w, None, layer.stride, layer.padding, groups=2
        )

    cr.check_gradients(of_both, x, w, order=2)
    cr.check_gradients(lambda x: cr.sin(layer(x)), x, order=2)


# First values. ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "fan_in", "fan_out"),
    [
        (lambda i: nn.Conv2d(64, 128, 3, weight_init=i), 64 * 9, 128 * 9),
        (lambda i: nn.Conv2d(64, 128, 3, groups=4, weight_init=i), 16 * 9, 32 * 9),
        (lambda i: nn.Conv2d(512, 512, 3, groups=512, weight_init=i), 9, 9),
        (lambda i: nn.ConvTranspose2d(64, 32, 3, weight_init=i), 64 * 9, 32 * 9),
        (lambda i: nn.ConvTranspose1d(64, 128, 3, groups=2, weight_init=i), 96, 192),
        (lambda i: nn.LocallyConnected2d(8, 16, 5, 3, weight_init=i), 72, 144),
    ],
)
def test_first_values_have_the_variance_that_inputs_and_outputs_ask_for(
    make: Any, fan_in: int, fan_out: int
) -> None:
    cr.manual_seed(0)
    for name, variance in [("he_normal", 2 / fan_in), ("lecun_uniform", 1 / fan_in),
                           ("glorot_normal", 2 / (fan_in + fan_out))]:  # fmt: skip
        assert make(name).weight.numpy().var() == pytest.approx(variance, rel=0.06)


def test_the_usual_first_values_are_glorots_and_repeat_with_the_seed() -> None:
    cr.manual_seed(1)
    first = nn.Conv2d(3, 8, 3).weight.numpy()
    cr.manual_seed(1)
    again = nn.Conv2d(3, 8, 3, weight_init="glorot_uniform").weight.numpy()
    assert (first == again).all()
    assert abs(first).max() <= np.sqrt(6 / (27 + 72))


# Printed forms. -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (nn.Conv2d(3, 16, 3, padding=1), "Conv2d(3 → 16, 3×3, padding 1)"),
        (nn.Conv2d(4, 4, (3, 1), 2, "same", 1, 4, False),
         "Conv2d(4 → 4, 3×1, stride 2, padding same, groups 4, bias=False)"),
        (nn.Conv1d(1, 2, 3, padding=[(2, 0)], dilation=2),
         "Conv1d(1 → 2, 3, padding ((2, 0),), dilation 2)"),
        (nn.ConvTranspose2d(8, 4, 4, (2, 1), 1),
         "ConvTranspose2d(8 → 4, 4×4, stride 2×1, padding 1)"),
    ],
)  # fmt: skip
def test_a_layer_prints_what_is_not_usual_about_it(layer: Any, shown: str) -> None:
    assert repr(layer) == shown


def test_a_summary_counts_two_operations_for_each_weight_on_each_window() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2))
    rows = model.summary((8, 8, 3), batch=4).rows
    assert [row.output for row in rows] == [(4, 8, 8, 8), (4, 4, 4, 8)]
    assert rows[0].flops == 2 * (4 * 8 * 8 * 8) * 27 + 4 * 8 * 8 * 8
    assert rows[0].num_parameters == 8 * 27 + 8
    transposed = nn.ConvTranspose2d(3, 8, 2, 2, bias=False).summary((4, 4, 3))
    assert transposed.flops == 2 * (4 * 4 * 3) * (8 * 4)


# Messages. ----------------------------------------------------------------------------

X = np.zeros((8, 12, 12, 3), f32)
SQUARE = "Conv2d: x {}: {} ≠ 4 axes; expected (samples, height, width, channels)"

#: call, class of the error, its first line, what to do
WRONG: list[tuple[Callable[[], Any], type[ChainruleError], str, str | None]] = [
    (lambda: nn.Conv2d(3, 8, 5)(X[:, :4]), ShapeError,
     "Conv2d: x (8, 4, 12, 3): a kernel of length 5 is longer than axis 1 of length 4",
     "a smaller kernel, larger inputs, or more padding"),
    (lambda: nn.Conv2d(3, 8, 5, padding=(0, 1), dilation=3)(X[:, :, :9]), ShapeError,
     "Conv2d: x (8, 12, 9, 3): a kernel of length 5, which spans 13 with dilation 3, "
     "is longer than axis 1 of length 12", "a smaller kernel"),
    (lambda: nn.Conv2d(4, 8, 3)(X), ShapeError,
     "Conv2d: x (8, 12, 12, 3): 3 ≠ 4; the last axis of x must have in_channels "
     "elements", "Conv2d(3, 8, …), or give it inputs with 4 channels"),
    (lambda: nn.Conv2d(3, 8, 3)(X.transpose(0, 3, 1, 2)), ShapeError,
     "Conv2d: x (8, 3, 12, 12): 12 ≠ 3; the last axis",
     "channels come last here: x.transpose(0, 2, 3, 1)"),
    (lambda: nn.Conv2d(3, 8, 3)(X[0]), ShapeError,
     SQUARE.format("(12, 12, 3)", 3), "x[None] makes one sample a batch"),
    (lambda: nn.Conv2d(1, 8, 3)(X[..., 0]), ShapeError,
     SQUARE.format("(8, 12, 12)", 3), "x[..., None] adds the axis of one channel"),
    (lambda: nn.Conv2d(1, 8, 3)(np.zeros((5, 784), f32)), ShapeError,
     SQUARE.format("(5, 784)", 2),
     "Unflatten((28, 28, 1)) before it makes images of rows"),
    (lambda: nn.Conv2d(3, 8, 3)(X.astype("uint8")), DTypeError,
     "Conv2d: x (8, 12, 12, 3) is uint8: this layer computes with floats",
     "x.astype('float32'); for images of 0 … 255, divide by 255.0"),
    (lambda: nn.Conv2d(3, 8, 3, groups=2), ArgumentError,
     "Conv2d: in_channels=3 with groups=2: all groups have the same number of "
     "channels, so it must be divisible by 2", None),
    (lambda: nn.Conv2d(4, 9, 3, groups=2), ArgumentError,
     "Conv2d: out_channels=9 with groups=2", None),
    (lambda: nn.Conv2d(3, 8, (3, 3, 3)), ArgumentError,
     "Conv2d: kernel_size=(3, 3, 3): expected a whole number of at least 1, or 2 of "
     "them, one for each axis", None),
    (lambda: nn.Conv2d(3, 8, 0), ArgumentError, "Conv2d: kernel_size=0: ", None),
    (lambda: nn.Conv2d(3, 8, 3, stride=1.5), ArgumentError, "Conv2d: stride=1.5", None),
    (lambda: nn.Conv2d(3, 8, True), ArgumentError, "Conv2d: kernel_size=True", None),
    (lambda: nn.Conv1d(3, 8, 3, padding=(1, 0)), ArgumentError,
     "Conv1d: padding=(1, 0): expected 'valid', 'same', a whole number, or for each of "
     "the 1 spatial axes a number or a pair (before, after)",
     "padding=((1, 0),) pads before each axis alone"),
    (lambda: nn.Conv2d(3, 8, 3, padding=-1), ArgumentError,
     "Conv2d: padding=-1: expected", None),
    (lambda: nn.Conv2d(3, 8, 3, padding="full"), ArgumentError,
     "Conv2d: padding='full': expected 'valid', 'same'", None),
    (lambda: nn.ConvTranspose2d(3, 8, 2, padding=7)(X), ShapeError,
     "ConvTranspose2d: (12, 12) windows of a kernel (2, 2) with stride (1, 1) and "
     "padding ((7, 7), (7, 7)) come from (-1, -1) elements: expected at least 1 along "
     "every axis", "less padding, a larger kernel, or a larger stride"),
    (lambda: nn.ConvTranspose2d(3, 8, 2, 2, output_padding=2), ArgumentError,
     "ConvTranspose2d: output_padding=2 with stride=2: it chooses among output sizes",
     None),
    (lambda: nn.Conv2d(3, 8, 5).load_state_dict(
        {"weight": np.zeros((8, 3, 5, 5)), "bias": np.zeros(8)}), ShapeError,
     "load_state_dict: weight (8, 3, 5, 5): expected (8, 5, 5, 3); nothing was loaded",
     "channels come last here: np.moveaxis(array, 1, -1) moves them"),
    (lambda: cr.convolution(X, np.zeros((8, 3, 3, 4), f32)), ShapeError,
     "convolution: (8, 12, 12, 3) and (8, 3, 3, 4): 3 ≠ 4; the last axis of the input "
     "must be the channels that the kernel takes", None),
    (lambda: cr.convolution(X, np.zeros((8, 3, 3), f32)), ShapeError,
     "convolution: (8, 12, 12, 3) and (8, 3, 3): expected 4 axes each", None),
    (lambda: cr.convolution(X, np.zeros((7, 3, 3, 1), f32), groups=3), ShapeError,
     "convolution: (8, 12, 12, 3) and (7, 3, 3, 1): 7 output channels are not "
     "divisible into 3 groups", None),
    (lambda: cr.convolution(X[0, 0], np.zeros((8, 3), f32)), ShapeError,
     "convolution: (12, 3): expected (samples, …, channels)", "x[None]"),
    (lambda: cr.convolution_transposed(X, np.zeros((3, 3, 3, 1), f32), 9), ShapeError,
     "convolution_transposed: (8, 12, 12, 3) and (3, 3, 3, 1): the convolution of "
     "(8, 9, 9, 1) with (3, 3, 3, 1) gives (8, 7, 7, 3) ≠ (8, 12, 12, 3)", None),
    (lambda: cr.windows(X, 13), ShapeError,
     "windows: (8, 12, 12, 3): a kernel of length 13 is longer than axis 1 of length "
     "12", None),
    (lambda: cr.overlap_add(X, 9), ShapeError,
     "overlap_add: (8, 12, 12, 3) to (9,): a kernel (12,) with stride (1,) has (-2,) "
     "≠ (12,) windows there", None),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "first", "fix"), WRONG)
def test_a_mistake_is_one_clear_error_at_the_users_line(
    call: Any, kind: Any, first: str, fix: str | None
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    assert caught.value.what.startswith(first)
    assert (caught.value.fix or "").startswith(fix or "")
    assert caught.value.at is not None and caught.value.at.file == __file__


def test_the_message_names_the_layer_in_its_network() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(4, 8, 3))
    with pytest.raises(ShapeError) as caught:
        model(X)
    assert str(caught.value.layer) == "2 = Conv2d(4 → 8, 3×3), weight (8, 3, 3, 4)"


def test_a_batch_without_samples_gives_none() -> None:
    layer = nn.Conv2d(3, 8, 3)
    x = cr.tensor(X[:0])
    y = layer(x)
    assert y.shape == (0, 10, 10, 8)
    assert (cr.backprop(y.sum())[layer.weight].numpy() == 0).all()
