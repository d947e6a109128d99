"""Convolutions, windows and pooling on the native engine: what joins them, and that
they answer what the NumPy engine answers, on any number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.config import config
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernels import (
    Convolution,
    OverlapAdd,
    Product,
    Special,
)
from chainrule.ops.primitive import REGISTRY

Array = Any
P = REGISTRY
PLAIN: dict[str, Any] = {
    "stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1,
}  # fmt: skip


@pytest.fixture
def threads() -> Iterator[None]:
    """Puts the number of threads back."""
    before = config.threads
    yield
    config.threads = before


def numbers(*shape: int, dtype: str = "float32", seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def kernels_of(f: Callable[..., Any], *arguments: Array) -> list[Any]:
    """The kernels that a function becomes."""
    return fuse(plan(run_passes(cr.trace(f, *arguments)))).kernels


def assert_agrees(f: Callable[..., Any], *arguments: Array) -> None:
    """Native and NumPy give the same, up to rounding."""
    found = cr.compile(f, engine="native")(*arguments)
    wanted = cr.compile(f, engine="numpy")(*arguments)
    eps = float(np.finfo(arguments[0].dtype).eps)
    if not isinstance(found, tuple):
        found, wanted = (found,), (wanted,)
    for a, b in zip(found, wanted, strict=True):
        a, b = a.numpy(), b.numpy()
        assert a.shape == b.shape
        scale = 1 + abs(b).max(initial=0)
        np.testing.assert_allclose(a, b, rtol=0, atol=200 * eps * scale)


# What joins a convolution.
# ------------------------------------------------------------------------------------


def convolved(x: Any, w: Any, **changes: Any) -> Any:
    return P["convolution"](x, w, **{**PLAIN, **changes})


def test_bias_activation_and_residual_are_computed_in_registers() -> None:
    def f(x: Any, w: Any, b: Any) -> Any:
        return cr.relu(convolved(x, w) + b) + x

    arguments = numbers(2, 9, 9, 5), numbers(5, 3, 3, 5), numbers(5)
    kernels = kernels_of(f, *arguments)
    assert [type(each) for each in kernels] == [Convolution]
    assert_agrees(f, *arguments)


def test_sums_over_all_pixels_are_computed_with_the_convolution() -> None:
    def f(x: Any, w: Any) -> Any:
        y = convolved(x, w)
        return y, y.sum((0, 1, 2)), (y * y).sum((0, 1, 2))

    arguments = numbers(6, 40, 40, 3), numbers(20, 3, 3, 3)
    first, *rest = kernels_of(f, *arguments)
    assert isinstance(first, Convolution)
    assert sum(step.across for step in first.steps) == 2
    assert not any(
        buffer in each.reads for each in rest for buffer in [first.stores[0][1]]
    )
    assert_agrees(f, *arguments)


def test_a_mask_joins_the_gradient_for_the_input() -> None:
    def f(z: Any, w: Any, x: Any) -> Any:
        back = P["convolution_transposed"](z, w, size=(7, 8), **PLAIN)
        return cr.where(x > 0, back, 0.0)

    arguments = numbers(2, 7, 8, 6), numbers(6, 3, 3, 4), numbers(2, 7, 8, 4, seed=1)
    assert [type(each) for each in kernels_of(f, *arguments)] == [Convolution]
    assert_agrees(f, *arguments)


def test_an_update_joins_the_sum_of_a_gradients_shares() -> None:
    def f(x: Any, z: Any, w: Any) -> Any:
        return w - 0.1 * P["convolution_kernel"](x, z, kernel=(3, 3), **PLAIN)

    arguments = numbers(8, 20, 20, 16), numbers(8, 20, 20, 16), numbers(16, 3, 3, 16)
    kernels = kernels_of(f, *arguments)
    assert [getattr(each, "name", "sweep") for each in kernels] == [
        "convolution_kernel", "sweep",
    ]  # fmt: skip
    assert_agrees(f, *arguments)


@pytest.mark.parametrize(
    ("size", "kernel"), [((5, 6), (1, 1)), ((3, 4), (3, 4))], ids=["1 × 1", "whole"]
)
def test_where_nothing_overlaps_a_convolution_is_a_product(
    size: tuple[int, int], kernel: tuple[int, int]
) -> None:
    none = {"padding": ((0, 0), (0, 0))}

    def forward(x: Any, w: Any) -> Any:
        return convolved(x, w, **none)

    def backward(z: Any, w: Any) -> Any:
        changes = {**PLAIN, **none, "size": size}
        return P["convolution_transposed"](z, w, **changes)

    x, w = numbers(4, *size, 6), numbers(7, *kernel, 6)
    assert [type(each) for each in kernels_of(forward, x, w)] == [Product]
    z = cr.compile(forward)(x, w).numpy()
    assert [type(each) for each in kernels_of(backward, z, w)] == [Product]
    assert_agrees(forward, x, w)
    assert_agrees(backward, z, w)


# Operands.
# ------------------------------------------------------------------------------------

VIEWS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: cr.transpose(x, (0, 2, 1, 3)),
    "every other": lambda x: x[:, ::2, 1:, :],
    "backwards": lambda x: x[:, ::-1],
    "some channels": lambda x: x[..., 2:5],
    "channels first": lambda x: cr.transpose(x, (0, 3, 1, 2)),
    "one for all": lambda x: cr.broadcast_to(x[:1], x.shape),
    "computed": lambda x: x * 2 + 1,
    "one number": lambda x: cr.ones(x.shape),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("groups", [1, "all"])
def test_an_input_is_read_where_it_lies(name: str, groups: Any) -> None:
    x = numbers(3, 6, 6, 6)
    channels = VIEWS[name](cr.tensor(x)).shape[-1]
    groups = channels if groups == "all" else 1
    w = numbers(channels, 3, 3, channels // groups)

    def f(x: Any, w: Any) -> Any:
        y = VIEWS[name](x)
        z = convolved(y, w, groups=groups)
        changes = {**PLAIN, "groups": groups, "kernel": (3, 3)}
        back = P["convolution_kernel"](y, z, **changes)
        return z, back

    assert_agrees(f, x, w)


@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (2, 4, 4, 0)])
@pytest.mark.parametrize("outputs", [3, 0])
def test_sums_of_nothing_are_zero(shape: tuple[int, ...], outputs: int) -> None:
    x, w = np.ones(shape, "float32"), np.ones((outputs, 3, 3, shape[-1]), "float32")

    def f(x: Any, w: Any) -> Any:
        z = convolved(x, w) + 1
        back = P["convolution_transposed"](z, w, size=(4, 4), **PLAIN)
        return z, back, P["convolution_kernel"](x, z, kernel=(3, 3), **PLAIN)

    assert_agrees(f, x, w)


@pytest.mark.parametrize("seed", range(10))
def test_random_convolutions_agree_with_numpy(seed: int) -> None:
    r = np.random.default_rng(seed)
    axes, groups = int(r.integers(1, 4)), int(r.choice([1, 2, 5]))
    channels, outputs = (groups * int(n) for n in r.integers(1, 9, 2))
    kernel, stride, dilation = (tuple(map(int, r.integers(1, 4, axes))) for _ in "ksd")
    padding = tuple((int(a), int(b)) for a, b in r.integers(0, 3, (axes, 2)))
    size = tuple(
        d * (k - 1) + 1 + int(r.integers(0, 6))
        for k, d in zip(kernel, dilation, strict=True)
    )
    shared = {"stride": stride, "padding": padding, "dilation": dilation}
    dtype = ["float32", "float64"][seed % 2]
    x = numbers(2, *size, channels, dtype=dtype)
    w = numbers(outputs, *kernel, channels // groups, dtype=dtype)

    def f(x: Any, w: Any) -> Any:
        z = P["convolution"](x, w, groups=groups, **shared)
        changes = {"groups": groups, **shared}
        back = P["convolution_transposed"](z, w, size=size, **changes)
        return z, back, P["convolution_kernel"](x, z, kernel=kernel, **changes)

    assert_agrees(f, x, w)


# Windows.
# ------------------------------------------------------------------------------------

WINDOWS = {
    "side by side": ((6, 8), (2, 2), (2, 2), (1, 1)),
    "with a rest": ((7, 9), (2, 3), (2, 3), (1, 1)),
    "apart": ((9, 9), (2, 2), (3, 4), (1, 1)),
    "overlapping": ((7, 9), (3, 3), (2, 2), (1, 1)),
    "dilated": ((9, 9), (2, 3), (1, 2), (3, 2)),
    "sequence": ((11,), (4,), (1,), (1,)),
    "volume": ((4, 5, 6), (2, 3, 2), (1, 2, 2), (1, 1, 1)),
}


@pytest.mark.parametrize("channels", [1, 5, 33])
@pytest.mark.parametrize("name", WINDOWS)
def test_windows_and_their_adjoint_agree_with_numpy(name: str, channels: int) -> None:
    size, kernel, stride, dilation = WINDOWS[name]
    moves = {"stride": stride, "dilation": dilation}
    inside = tuple(range(len(size) + 1, 2 * len(size) + 1))

    def f(x: Any) -> Any:
        seen = P["windows"](x * 2, kernel=kernel, **moves)
        back = P["overlap_add"](seen * seen, size=size, **moves)
        return seen, seen.max(inside), back, back + x

    assert_agrees(f, numbers(2, *size, channels))


def test_windows_are_not_copied() -> None:
    def f(x: Any) -> Any:
        seen = P["windows"](x, kernel=(3, 3), stride=(1, 1), dilation=(1, 1))
        return seen.sum((3, 4))

    assert len(kernels_of(f, numbers(2, 8, 8, 4))) == 1


def test_windows_that_do_not_overlap_are_written_where_they_lie() -> None:
    def f(x: Any) -> Any:
        moves = {"stride": (2, 2), "dilation": (1, 1)}
        seen = P["windows"](x, kernel=(2, 2), **moves)
        return P["overlap_add"](seen * 3, size=(8, 8), **moves)

    kernels = kernels_of(f, numbers(2, 8, 8, 4))
    assert not any(isinstance(each, Special) for each in kernels)


POOLS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "as in ResNet": ((9, 10), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "dilated": ((9, 12), {"kernel_size": 3, "stride": 2, "dilation": 2}),
    "along": ((7, 7), {"kernel_size": (2, 3), "stride": 1, "padding": (0, 1)}),
    "ceiling": ((8, 8), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
}


def pooled_and_back(name: str) -> Callable[..., Any]:
    layer = nn.MaxPool2d(**POOLS[name][1])

    def f(x: Any, scale: Any) -> Any:
        y, back = cr.vjp(lambda x: layer(x), x)
        return y, *back(y * scale)

    return f


@pytest.mark.parametrize("channels", [1, 5, 33])
@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("ties", [False, True])
def test_gradients_of_windows_are_never_in_memory(
    name: str, channels: int, ties: bool
) -> None:
    size, _ = POOLS[name]
    x = numbers(3, *size, channels)
    if ties:
        x = np.round(x)
    f = pooled_and_back(name)
    scale = numbers(channels)
    (adding,) = (k for k in kernels_of(f, x, scale) if isinstance(k, Special))
    assert isinstance(adding, OverlapAdd)
    assert adding.steps
    assert_agrees(f, x, scale)


def test_windows_that_are_read_elsewhere_are_kept() -> None:
    moves = {"stride": (2, 2), "dilation": (1, 1)}

    def f(x: Any) -> Any:
        seen = P["windows"](x, kernel=(3, 3), **moves)
        scaled = seen * seen.max((3, 4), keepdims=True)
        return P["overlap_add"](scaled, size=(9, 9), **moves), scaled

    x = numbers(2, 9, 9, 5)
    (adding,) = (k for k in kernels_of(f, x) if isinstance(k, Special))
    assert isinstance(adding, OverlapAdd)
    assert not adding.steps
    assert_agrees(f, x)


def test_a_costly_function_is_computed_once_for_each_element_of_a_window() -> None:
    moves = {"stride": (1, 1), "dilation": (1, 1)}

    def f(x: Any) -> Any:
        seen = P["windows"](x, kernel=(2, 2), **moves)
        return P["overlap_add"](cr.exp(seen), size=(6, 6), **moves)

    x = numbers(2, 6, 6, 5)
    (adding,) = (k for k in kernels_of(f, x) if isinstance(k, Special))
    assert isinstance(adding, OverlapAdd)
    assert not adding.steps
    assert_agrees(f, x)


def test_pooling_does_not_depend_on_the_number_of_threads(threads: None) -> None:
    x, scale = numbers(8, 31, 30, 48), numbers(48, seed=1)
    found = []
    for number in (1, 2, 3):
        config.threads = number
        results = cr.compile(pooled_and_back("as in ResNet"), engine="native")(x, scale)
        found.append([each.numpy().tobytes() for each in results])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("seed", range(8))
def test_of_a_large_value_only_the_border_is_filled(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.engines.native.plan.windows.LARGE_PAD", 1)
    r = np.random.default_rng(seed)
    x = numbers(*(int(n) for n in r.integers(int(seed > 1), 6, 1 + seed % 4)))
    widths = [(int(a), int(b)) for a, b in r.integers(0, 3, (x.ndim, 2))]

    def f(x: Any) -> Any:
        return cr.pad(x * 2, widths, value=0.5), cr.pad(x, widths).sum() + x

    assert_agrees(f, x)


# Networks.
# ------------------------------------------------------------------------------------


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1, groups=16),
        nn.ReLU(),
        nn.Conv2d(16, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(24, 40, 1),
        nn.GlobalAvgPool(),
        nn.Linear(40, 5),
    )


def learned(engine: str) -> dict[str, Array]:
    """The weights after three steps."""
    model = network()
    rng = np.random.default_rng(3)
    for parameter in model.parameters():
        start = 0.1 * rng.standard_normal(parameter.shape)
        parameter.assign(parameter * 0 + start.astype("float32") + 0.05)
    x, y = numbers(20, 33, 31, 3), np.arange(20) % 5

    def step(x: Any, y: Any) -> Any:
        loss = cr.losses.cross_entropy(model(x, training=True), y)
        gradients = cr.backprop(loss)
        for parameter in model.parameters():
            parameter.assign(parameter - 0.1 * gradients[parameter])
        return loss

    compiled = cr.compile(step, engine=engine)
    for _ in range(3):
        compiled(x, y)
    return {name: value.copy() for name, value in model.state_dict().items()}


def test_a_network_learns_the_same_on_both_engines() -> None:
    native, numpy = learned("native"), learned("numpy")
    for name, value in numpy.items():
        np.testing.assert_allclose(native[name], value, rtol=2e-3, atol=2e-4)


def test_results_do_not_depend_on_the_number_of_threads(threads: None) -> None:
    found = []
    for number in (1, 2, 3):
        config.threads = number
        found.append(learned("native"))
    for other in found[1:]:
        assert all((found[0][name] == other[name]).all() for name in other)
