"""Convolutions of bfloat16 on a unit for small matrices, and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import chainrule as cr
from chainrule import dtypes
from chainrule.config import config
from chainrule.engines.native.choose.matrix_convolution import matrix_blocks
from chainrule.engines.native.choose.matrix_gradient import matrix_gradient_blocks
from chainrule.engines.native.plan.convolution_spec import Correlation, forward_phases
from chainrule.engines.native.plan.kernel_gradient_spec import KernelGradient
from chainrule.ops.primitive import REGISTRY as P

Array = Any
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

#: Images, height, width, channels, outputs, kernel, stride, padding, dilation.
LAYERS = [
    (2, 8, 8, 16, 16, 3, 1, 1, 1),
    (3, 32, 32, 16, 16, 3, 1, 1, 1),
    (2, 9, 7, 16, 24, 3, 1, 0, 1),
    (5, 12, 12, 32, 64, 5, 1, 2, 1),  # two panels, two rows of registers
    (3, 16, 16, 32, 32, 3, 2, 1, 1),  # rows by themselves; phases of the gradient
    (4, 17, 15, 16, 40, 3, 2, 1, 1),  # a panel with fewer outputs
    (2, 16, 16, 16, 32, 1, 2, 0, 1),  # phases that see no tap
    (9, 12, 12, 32, 16, 3, 1, 2, 2),  # taps that are no neighbours
    (2, 14, 14, 16, 16, 2, 2, 0, 1),
    (1, 40, 64, 32, 48, 7, 3, 3, 1),  # several strips of an image
    (2, 70, 70, 16, 16, 3, 1, 1, 1),
    (1, 5, 6, 36, 20, 3, 1, 1, 1),  # steps of a line that are no full register
]


def numbers(*shape: int, seed: int = 0) -> Array:
    x = np.random.default_rng(seed).standard_normal(shape)
    return x.astype(BFLOAT16).astype("float32")


def short(x: Any) -> Any:
    return x.astype("bfloat16")


def forms(layer: tuple[int, ...]) -> tuple[list[Callable[..., Any]], list[Array]]:
    """Forward, the gradient for the input and that for the weights; their arguments."""
    n, h, w, c, outputs, size, stride, pad, dilation = layer
    settings: dict[str, Any] = {
        "stride": (stride, stride), "padding": ((pad, pad), (pad, pad)),
        "dilation": (dilation, dilation), "groups": 1,
    }  # fmt: skip
    x, weights = numbers(n, h, w, c), numbers(outputs, size, size, c, seed=1)
    out = P["convolution"](cr.tensor(x), cr.tensor(weights), **settings).shape
    convolution, transposed, kernel = (
        P[name]
        for name in ("convolution", "convolution_transposed", "convolution_kernel")
    )
    return [
        lambda x, y, z: convolution(short(x), short(y), **settings),
        lambda x, y, z: transposed(short(z), short(y), size=(h, w), **settings),
        lambda x, y, z: kernel(short(x), short(z), kernel=(size, size), **settings),
    ], [x, weights, numbers(*out, seed=2)]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_convolutions_and_their_gradients(layer: tuple[int, ...], unit: None) -> None:
    functions, arguments = forms(layer)
    for f in functions:
        wanted = cr.compile(f, engine="numpy")(*arguments).numpy()
        compiled = cr.compile(f, engine="native")
        assert "matrix" in str(compiled.explain(*arguments))
        found = compiled(*arguments).numpy()
        assert abs(found - wanted).max() <= 1e-5 * abs(wanted).max()
        with config.using(debug=True):  # nothing outside of the arrays is touched
            checked = cr.compile(f, engine="native")(*arguments).numpy()
        np.testing.assert_array_equal(checked, found)


def test_a_slice_of_the_channels(unit: None) -> None:
    x, w = numbers(2, 9, 9, 40), numbers(16, 3, 3, 16, seed=1)
    settings = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}

    def f(x: Any, w: Any) -> Any:
        part = short(x)[..., 8:24]
        return P["convolution"](part, short(w), **settings, groups=1)

    found, wanted = (
        cr.compile(f, engine=engine)(x, w).numpy() for engine in ("native", "numpy")
    )
    assert abs(found - wanted).max() <= 1e-5 * abs(wanted).max()


def test_steps_and_sums_behind_a_convolution(unit: None) -> None:
    functions, (x, w, _) = forms((6, 13, 11, 16, 40, 3, 1, 1, 1))

    def f(x: Any, w: Any, bias: Any) -> Any:
        y = cr.relu(functions[0](x, w, x) + bias)
        return y, y.sum(axis=(0, 1, 2)), (y * y).mean(axis=(0, 1, 2))

    bias = numbers(40, seed=3)
    found, wanted = (
        [each.numpy() for each in cr.compile(f, engine=engine)(x, w, bias)]
        for engine in ("native", "numpy")
    )
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_what_lies_between_images_changes_nothing(unit: None) -> None:
    """An infinity at the border is seen by those results alone that see the pixel."""
    functions, (x, w, z) = forms((2, 8, 8, 16, 16, 3, 1, 1, 1))
    x[0, 3, 7, 2] = np.inf
    with np.errstate(invalid="ignore"):
        wanted = cr.compile(functions[0], engine="numpy")(x, w, z).numpy()
    found = cr.compile(functions[0], engine="native")(x, w, z).numpy()
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
    assert np.isfinite(found[0, 2:5, 0]).all()


@pytest.mark.parametrize("threads", [2, 3])
def test_results_do_not_depend_on_the_number_of_threads(
    threads: int, unit: None
) -> None:
    functions, arguments = forms((16, 24, 24, 32, 40, 3, 1, 1, 1))
    for f in functions:
        results = []
        for number in (1, threads):
            with config.using(threads=number):
                results.append(cr.compile(f, engine="native")(*arguments).numpy())
        np.testing.assert_array_equal(*results)


# How they are cut; on any processor. --------------------------------------------------


def correlation(size: int, inputs: int, outputs: int, **others: Any) -> Correlation:
    sizes, ones = (size, size), (1, 1)
    phases = forward_phases(sizes, (3, 3), sizes, ones, ones, ones)
    strides = (size * size * inputs, size * inputs, inputs)
    return Correlation(
        others.pop("batch", 32), others.pop("groups", 1), inputs, outputs, phases,
        strides, (), dtypes.float32, **others,
    )  # fmt: skip


def test_steps_are_a_whole_number_of_a_line() -> None:
    found = matrix_blocks(correlation(32, 8, 16))
    assert found is not None
    assert found.steps == (12,)  # 3 taps of 8 words are 2 steps
    assert (found.height, found.pitch, found.strip) == (34, 34, 32)
    assert (found.above, found.left, found.width) == (1, 1, 16)


def test_a_strip_fits_the_cache() -> None:
    found = matrix_blocks(correlation(256, 32, 64))
    assert found is not None
    assert found.height * found.pitch * 32 * 4 <= 256 << 10
    assert found.strip < 256


def test_what_the_unit_does_not_fit_is_left_to_vectors() -> None:
    assert matrix_blocks(correlation(8, 1, 16)) is None  # lines of 3 words
    assert matrix_blocks(correlation(8, 16, 4)) is None
    assert matrix_blocks(correlation(8, 16, 16, groups=2)) is None
    assert matrix_blocks(correlation(8, 1, 16, depthwise=True)) is None


def gradient(size: int, inputs: int, outputs: int, batch: int = 16) -> KernelGradient:
    axes = correlation(size, inputs, outputs).phases[0].axes
    x, z = ((size * size * n, size * n, n) for n in (inputs, outputs))
    return KernelGradient(batch, 1, inputs, outputs, axes, x, z, dtypes.float32)


def test_a_block_of_a_gradient_has_several_small_images() -> None:
    found = matrix_gradient_blocks(gradient(8, 64, 64))
    assert found is not None
    assert found.images == (256 << 10) // (10 * 10 * 64 * 4)
    assert found.pixels(gradient(8, 64, 64)) % 16 == 0
    large = matrix_gradient_blocks(gradient(128, 32, 32))
    assert large is not None
    assert large.images == 1
    assert large.strip < 128
    assert matrix_gradient_blocks(gradient(8, 4, 64)) is None
