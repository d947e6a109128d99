"""Windows that reach beyond the edge: nothing is padded or cropped in memory, and the
results are those of the NumPy engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import dtypes, nn
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.config import config
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernels import OverlapAdd, Schedule, Sweep

Array = Any
TOLERANCE = {"float32": 5e-6, "float64": 1e-14, "bfloat16": 2e-2}


def schedule_of(f: Callable[..., Any], *arguments: Array) -> Schedule:
    """The plan of a function."""
    return fuse(plan(run_passes(cr.trace(f, *arguments))))


def as_type(x: Array, name: str) -> Array:
    return x.astype(dtypes.bfloat16() if name == "bfloat16" else name)


def assert_agrees(f: Callable[..., Any], name: str, *arguments: Array) -> None:
    """Native and NumPy give the same: NaN, infinities and signs included."""
    with np.errstate(all="ignore"):
        wanted = cr.compile(f, engine="numpy")(*arguments)
    found = cr.compile(f, engine="native")(*arguments)
    near = TOLERANCE.get(name, 0.0)
    for a, b in zip(found, wanted, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        a, b = a.numpy().astype("float64"), b.numpy().astype("float64")
        np.testing.assert_allclose(a, b, rtol=near, atol=10 * near)


def guard(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Has plans verified and every access checked; no code is found on disk."""
    monkeypatch.setattr(config, "debug", True)
    monkeypatch.setattr(config, "cache_folder", folder)


def random_pool(r: np.random.Generator) -> tuple[Any, tuple[int, ...]]:
    """A layer with padding, and the sizes of an image for it."""
    axes = int(r.integers(1, 4))
    size = [int(r.integers(3, (30, 12, 7)[axes - 1])) for _ in range(axes)]
    kernel = tuple(int(r.integers(2, min(n, 5) + 1)) for n in size)
    pads: Any = [(int(r.integers(0, k)), int(r.integers(0, k))) for k in kernel]
    choices = {
        "stride": tuple(int(s) for s in r.integers(1, 4, axes)),
        "padding": "same" if r.random() < 0.2 else pads,
        "ceil_mode": bool(r.integers(2)),
    }
    if r.random() < 0.3:
        return getattr(nn, f"AvgPool{axes}d")(
            kernel, count_include_pad=bool(r.integers(2)), **choices
        ), tuple(size)
    return getattr(nn, f"MaxPool{axes}d")(kernel, **choices), tuple(size)


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("seed", range(24))
def test_pooling_and_its_gradient_agree_with_numpy(
    seed: int, guarded: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if guarded:
        guard(monkeypatch, tmp_path)
    r = np.random.default_rng(seed)
    layer, size = random_pool(r)
    name = ("float32", "float32", "float64", "bfloat16")[seed % 4]
    channels = int(r.choice([1, 2, 3, 8, 17, 33, 64, 67]))
    x = r.standard_normal((int(r.integers(1, 4)), *size, channels))
    if seed % 3 == 0:
        x = np.round(x)  # ties
    if seed % 5 == 0 and isinstance(layer, nn.MaxPool2d):
        x[r.random(x.shape) < 0.6] = -np.inf  # some windows have nothing else
    if seed % 7 == 0:
        x[r.random(x.shape) < 0.05] = np.nan
    x = as_type(x, name)
    scale = as_type(r.standard_normal(channels), name)

    def f(x: Any, scale: Any) -> Any:
        y, back = cr.vjp(lambda x: layer(x), x)
        return y, *back(y * scale)

    assert_agrees(f, name, x, scale)


def total(size: Any, seen: Any, axes: int) -> Any:
    return seen.sum(tuple(range(axes + 1, 2 * axes + 1)))


def largest(size: Any, seen: Any, axes: int) -> Any:
    return seen.max(tuple(range(axes + 1, 2 * axes + 1)))


def kept(size: Any, seen: Any, axes: int) -> Any:
    return seen.astype("float64") * 2  # every window is written down


def back(size: Any, seen: Any, axes: int) -> Any:
    """Windows that are computed and added up again, of places that are no image's."""
    seen = seen.astype("float64")
    top = seen.max(tuple(range(axes + 1, 2 * axes + 1)), keepdims=True)
    return cr.overlap_add(seen * top, size)


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("use", [total, largest, kept, back])
@pytest.mark.parametrize("seed", range(8))
def test_windows_of_what_is_padded_with_any_value_agree_with_numpy(
    seed: int,
    use: Callable[..., Any],
    guarded: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Samples and channels are padded too: lanes lie along a border then."""
    if guarded:
        guard(monkeypatch, tmp_path)
    r = np.random.default_rng(seed)
    axes = 1 + seed % 2
    name = ("float32", "int32", "bool", "uint8", "float64", "int64")[seed % 6]
    channels = int(r.choice([1, 3, 20, 40]))
    size = [int(n) for n in r.integers(4, (40, 9)[axes - 1], axes)]
    x = np.abs(3 * r.standard_normal((2, *size, channels))).astype(name)
    widths = [(int(a), int(b)) for a, b in r.integers(0, 3, (axes + 2, 2))]
    value = float(r.integers(2))
    kernel = [int(k) for k in r.integers(1, 4, axes)]

    def f(x: Any) -> Any:
        padded = cr.pad(cr.flip(x, 1), widths, value=value)
        seen = cr.windows(padded, kernel)
        return (use(padded.shape[1:-1], seen, axes),)

    assert_agrees(f, name, x)


def resnets(x: Any, scale: Any) -> Any:
    y, back = cr.vjp(nn.MaxPool2d(3, stride=2, padding=1), x)
    return y, *back(y * scale)


def test_nothing_is_padded_or_cropped_in_memory() -> None:
    x, scale = np.ones((2, 9, 9, 5), "float32"), np.ones(5, "float32")
    forward, backward = schedule_of(resnets, x, scale).kernels
    assert isinstance(forward, Sweep)
    assert isinstance(backward, OverlapAdd)
    assert [step.call.name for step in forward.steps[:2]] == ["bordered", "max"]
    assert backward.outputs[0][1] == x.shape
    assert backward.start == (1, 1)


def test_a_padded_value_that_others_read_as_well_is_written_down() -> None:
    def f(x: Any) -> Any:
        padded = cr.pad(x, ((0, 0), (1, 1), (0, 0)))
        return padded, cr.windows(padded, 3).sum(2)

    x = np.ones((2, 9, 5), "float32")
    names = [s.call.name for k in schedule_of(f, x).kernels for s in k.steps]
    assert "bordered" not in names
    assert_agrees(f, "float32", x)


def test_of_a_gradient_without_a_slice_all_is_computed() -> None:
    def f(x: Any) -> Any:
        return cr.overlap_add(cr.windows(x, 3) * 2.0, 9)

    (adding,) = (
        k
        for k in schedule_of(f, np.ones((2, 9, 5), "float32")).kernels
        if isinstance(k, OverlapAdd)
    )
    assert adding.outputs[0][1] == (2, 9, 5)


def test_inside_a_network_the_gradient_of_windows_is_never_in_memory() -> None:
    """The gradient of y depends on all of y, so what a window's elements get can only
    be known long after its largest element; which it is, is found again."""
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.GlobalAvgPool(),
        nn.Linear(16, 5),
    )
    x, y = np.ones((4, 32, 32, 3), "float32"), np.arange(4)

    def f(x: Any, y: Any) -> Any:
        grads = cr.backprop(cr.losses.cross_entropy(model(x), y))
        return [grads[p] for p in model.parameters()]

    schedule = schedule_of(f, x, y)
    windows = 4 * 16 * 16 * 3 * 3 * 16
    held = [b.size for b in schedule.buffers.values() if b.kind == "arena"]
    assert max(held) < windows / 2
