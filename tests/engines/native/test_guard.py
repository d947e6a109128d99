"""With ``config.debug`` every kind of kernel says where it leaves its memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.config import config
from chainrule.engines.native.choose.task import Task
from chainrule.engines.native.plan import kernels as k
from chainrule.engines.native.plan.convolution_spec import Axis
from chainrule.engines.native.run.executable import EngineFault
from chainrule.engines.native.write import guard
from chainrule.engines.native.write.kinds import KINDS
from chainrule.engines.native.write.special import specials

Array = Any
Function = Callable[..., Any]
NUMBERS = np.random.default_rng(0)
ROWS = NUMBERS.uniform(-1, 1, (7, 5)).astype("float32")
IMAGES = NUMBERS.uniform(-1, 1, (2, 6, 5, 3)).astype("float32")
PLACES = np.array([3, 0, 3, 6])
CONV, GROUPED = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(3, 3, 3, groups=3)


def drawn(x: Any) -> Any:
    """Random numbers, and the state that is counted on."""
    return x + cr.random.uniform(x.shape)


#: A kind of kernel → programs that have one, and their input.
PROGRAMS: dict[type[Any], list[tuple[Function, Array]]] = {
    k.Product: [
        (lambda x: x @ x.T, ROWS),
        (lambda x: cr.relu(x @ x.T) + 1.0, ROWS),
        (lambda x: x.T @ x, NUMBERS.uniform(-1, 1, (3000, 2)).astype("float32")),
        (lambda x: x @ x.T, NUMBERS.uniform(-1, 1, (40, 700)).astype("float32")),
    ],
    k.Convolution: [(CONV, IMAGES), (GROUPED, IMAGES), (lambda x: CONV(x) + 1, IMAGES)],
    k.ConvolutionGradient: [
        (lambda x: cr.backprop((CONV(x) ** 2).sum())[CONV.weight], IMAGES),
        (lambda x: cr.backprop((GROUPED(x) ** 2).sum())[GROUPED.weight], IMAGES),
    ],
    k.OverlapAdd: [
        (lambda x: cr.overlap_add(cr.windows(x, (2, 2)) * 2.0, (6, 5)), IMAGES),
        (cr.grad(lambda x: (cr.windows(x, (2, 3)) ** 2).sum()), IMAGES),
    ],
    k.RandomUniform: [(drawn, ROWS)],
    k.NextState: [(drawn, ROWS)],
    k.Cumsum: [(lambda x: cr.cumsum(x, 0), ROWS)],
    k.ArgSort: [(lambda x: cr.argsort(x, 0), ROWS)],
    k.Put: [(lambda x: cr.put(x, PLACES[1:], x[:3] * 2.0), ROWS)],
    k.ScatterAdd: [(lambda x: cr.scatter_add(x[:4] * 2.0, PLACES, 7), ROWS)],
    k.ScatterAlong: [
        (
            cr.grad(
                lambda x: cr.take_along_axis(x, np.stack([PLACES] * 5, 1), 0).sum()
            ),
            ROWS,
        )
    ],
    k.Check: [(lambda x: cr.take(x, (x[:, 0] * 0).astype("int64")), ROWS)],
}
CASES = [(kind, i) for kind, programs in PROGRAMS.items() for i in range(len(programs))]


@pytest.fixture(autouse=True)
def guarded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "debug", True)
    monkeypatch.setattr(config, "cache_folder", tmp_path)  # nothing is found there


def run(kind: type[Any], i: int) -> Any:
    """A case's results, eager and native."""
    f, x = PROGRAMS[kind][i]
    cr.manual_seed(0)
    eager = f(cr.tensor(x)).numpy()
    cr.manual_seed(0)
    return eager, cr.compile(lambda x: f(x), engine="native")(cr.tensor(x)).numpy()


def test_every_kind_of_kernel_that_is_written_has_a_program_here() -> None:
    written = {kind for kind, row in KINDS.items() if row.write is not None}
    # Sweeps check each of their loads and stores; bits are drawn as numbers are.
    assert set(PROGRAMS) == written - {k.Sweep, k.RandomBits}


@pytest.mark.parametrize(("kind", "i"), CASES)
def test_no_kernel_leaves_its_memory(
    kind: type[Any], i: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def noted(task: Task[Any, Any]) -> list[int]:
        seen.append(type(task.kernel))
        return real(task)

    real = guard.memory_of
    monkeypatch.setattr(guard, "memory_of", noted)
    eager, native = run(kind, i)
    assert kind in seen
    np.testing.assert_allclose(native, eager, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "i"), CASES)
def test_every_operand_and_result_of_a_kernel_is_checked(
    kind: type[Any], i: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each buffer in turn counts as one element shorter than it is."""
    real = guard.memory_of
    counts: list[int] = []

    def shorter(number: int, task: Task[Any, Any]) -> list[int]:
        sizes = real(task)
        if type(task.kernel) is kind:
            counts.append(len(task.buffers))
            for i, buffer in enumerate(task.buffers):
                if i == number or kind is k.NextState:  # in place: both are one
                    sizes[i] -= buffer.dtype.itemsize
        return sizes

    number = 0
    while not counts or number < max(counts):
        monkeypatch.setattr(guard, "memory_of", partial(shorter, number))
        with pytest.raises(EngineFault, match="out of bounds"):
            run(kind, i)
        number += 1
    assert number > 0


def test_a_loop_that_goes_too_far_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
        before, n, after = real(shape, axis)
        return before, n + 1, after

    real = specials.around
    monkeypatch.setattr(specials, "around", around)
    for kind in (k.Cumsum, k.ArgSort):
        with pytest.raises(EngineFault, match="out of bounds"):
            run(kind, 0)


def test_a_tap_outside_of_the_image_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(axis: Axis, tap: int) -> tuple[int, int]:
        return 0, axis.count  # as if nothing were outside

    monkeypatch.setattr(Axis, "seen", seen)
    for kind in (k.Convolution, k.ConvolutionGradient):
        with pytest.raises(EngineFault, match="out of bounds"):
            run(kind, 0)
