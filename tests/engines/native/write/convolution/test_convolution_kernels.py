"""Convolution kernels: right for every shape and processor, within their memory."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from chainrule.engines.native.choose.blocks import panel_elements
from chainrule.engines.native.choose.convolution import choose_blocks
from chainrule.engines.native.choose.kernel_gradient import choose_gradient_blocks
from chainrule.engines.native.plan.convolution_spec import (
    Axis,
    Correlation,
    Phase,
    adjoint_phases,
    forward_phases,
)
from chainrule.engines.native.plan.kernel_gradient_spec import (
    KernelGradient,
    share_vectors,
)
from chainrule.engines.native.write.convolution.forward import (
    emit_convolution,
    emit_packing,
)
from chainrule.engines.native.write.convolution.kernel_gradient import (
    emit_kernel_gradient,
)
from tests.engines.native.guarded import Guarded
from tests.engines.native.jit import Compiled, new_module

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="pages are protected by mprotect"
)

Array = Any
#: Bytes of a vector, registers, and whether the code is for any processor.
MACHINES = ((64, 32, False), (32, 16, False), (16, 32, False), (16, 16, True))
PARTS = (1, 2, 3, 7)


@dataclass(frozen=True)
class Case:
    """A convolution to try."""

    batch: int
    size: tuple[int, ...]
    channels: int
    outputs: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1
    dtype: str = "float32"
    machine: tuple[int, int, bool] = MACHINES[0]

    @property
    def out(self) -> tuple[int, ...]:
        """The size of the result."""
        return tuple(
            (n + a + b - d * (k - 1) - 1) // s + 1
            for n, k, s, (a, b), d in zip(
                self.size, self.kernel, self.stride, self.padding, self.dilation,
                strict=True,
            )
        )  # fmt: skip

    @property
    def depthwise(self) -> bool:
        """Whether each output has an input of its own."""
        return self.groups == self.channels == self.outputs > 1

    def each(self, first: int, second: int) -> tuple[int, int, int]:
        """Groups, and the channels of each."""
        if self.depthwise:
            return 1, 1, self.outputs
        return self.groups, first // self.groups, second // self.groups


def random_case(seed: int) -> Case:
    """Any sizes for any machine."""
    r = np.random.default_rng(seed)
    axes = int(r.integers(1, 4))
    groups = int(r.choice([1, 1, 1, 2, 3]))
    channels, outputs = groups * int(r.integers(1, 20)), groups * int(r.integers(1, 40))
    if seed % 4 == 0:
        groups = channels = outputs = int(r.integers(2, 70))
    kernel, stride, dilation = (
        tuple(int(n) for n in r.integers(1, high, axes)) for high in (5, 4, 3)
    )
    padding = tuple((int(a), int(b)) for a, b in r.integers(0, 4, (axes, 2)))
    size = tuple(
        max(d * (k - 1) + 1 - a - b, 1) + int(r.integers(0, 9))
        for k, d, (a, b) in zip(kernel, dilation, padding, strict=True)
    )
    batch, dtype = int(r.integers(1, 5)), ["float32", "float64"][seed % 2]
    machine = MACHINES[seed // 2 % 4]
    return Case(
        batch, size, channels, outputs, kernel, stride, padding, dilation, groups,
        dtype, machine,
    )  # fmt: skip


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of all axes but the channels'; a sequence is an image of one row."""
    found = [math.prod(shape[axis + 1 :]) for axis in range(len(shape) - 1)]
    return tuple(found if len(found) > 2 else [found[0], 0, found[1]])


def flat(phase: Phase) -> Phase:
    """A sequence as an image of one row."""
    if len(phase.axes) > 1:
        return phase
    first = Axis(1, 1, 1, 1, 0, 1)
    return Phase((first, *phase.axes), phase.row, ((0,), *phase.order))


class Run:
    """Operands in guarded memory, and what they give."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.guards: list[Guarded] = []
        self.random = np.random.default_rng(case.channels)
        self.x = self.operand((case.batch, *case.size, case.channels))
        self.z = self.operand((case.batch, *case.out, case.outputs))
        shape = (case.outputs, *case.kernel, case.channels // case.groups)
        self.w = self.operand(shape)

    def memory(self, shape: tuple[int, ...]) -> Array:
        """An array that ends where memory ends."""
        guard = Guarded(math.prod(shape), self.case.dtype)
        self.guards.append(guard)
        guard.array[:] = np.nan
        return guard.array.reshape(shape)

    def operand(self, shape: tuple[int, ...]) -> Array:
        """Numbers."""
        array = self.memory(shape)
        array[...] = self.random.standard_normal(shape)
        return array

    def convolution(self, turned: bool) -> Callable[[int], Array]:
        """The convolution of x, or the adjoint of z, for a number of parts."""
        case = self.case
        find = adjoint_phases if turned else forward_phases
        low = tuple(before for before, _ in case.padding)
        sizes = case.size, case.kernel, case.out
        phases = find(*sizes, case.stride, low, case.dilation)
        source = self.z if turned else self.x
        shape = (self.x if turned else self.z).shape
        spec = Correlation(
            case.batch, *case.each(source.shape[-1], shape[-1]),
            tuple(map(flat, phases)), strides_of(source.shape),
            strides_of(shape), np.dtype(case.dtype), case.depthwise,
        )  # fmt: skip
        blocks = choose_blocks(spec, *case.machine[:2])
        module = new_module()
        emit_packing(module, "pack", spec, blocks, turned)
        emit_convolution(module, "convolve", spec, blocks)
        code = Compiled(module, case.machine[2])
        pointer, number = ctypes.c_void_p, ctypes.c_int64

        def convolved(parts: int) -> Array:
            """Computed in parts, the last one first."""
            pack = code.function("pack", *[pointer] * 2, number, number)
            convolve = code.function("convolve", *[pointer] * 4, number, number)
            result = self.memory(shape)
            panels = self.memory((panel_elements(spec, blocks),))
            for part in reversed(range(parts)):
                pack(self.w.ctypes.data, panels.ctypes.data, part, parts)
            arrays = [each.ctypes.data for each in (source, panels, result)]
            for part in reversed(range(parts)):
                convolve(*arrays, None, part, parts)
            return result

        return convolved

    def gradient(self) -> Array:
        """The gradient for w, its shares added."""
        case = self.case
        low = tuple(before for before, _ in case.padding)
        sizes = case.size, case.kernel, case.out
        (phase,) = forward_phases(*sizes, case.stride, low, case.dilation)
        channels = case.each(case.channels, case.outputs)
        mixed = share_vectors(*channels)
        if mixed:
            channels = 1, channels[1], case.outputs
        spec = KernelGradient(
            case.batch, *channels, flat(phase).axes,
            strides_of(self.x.shape), strides_of(self.z.shape), np.dtype(case.dtype),
            case.depthwise, mixed,
        )  # fmt: skip
        blocks = choose_gradient_blocks(spec, *case.machine[:2])
        module = new_module()
        emit_kernel_gradient(module, "gradient", spec, blocks)
        code = Compiled(module, case.machine[2])
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        call = code.function("gradient", *[pointer] * 3, number, number)
        shares = self.memory((spec.shares, spec.elements))
        parts = spec.shares * spec.sections
        places = [each.ctypes.data for each in (self.x, self.z, shares)]
        for part in reversed(range(parts)):
            call(*places, part, parts)
        total = shares.sum(0)
        if not spec.along_outputs:
            return total.reshape(self.w.shape)
        turned = total.reshape(*self.w.shape[1:], case.outputs)
        return np.moveaxis(turned, -1, 0)

    def close(self) -> None:
        """Frees the memory."""
        for guard in self.guards:
            guard.release()


def by_definition(run: Run) -> tuple[Array, Array, Array]:
    """z, x and w as sums over taps, in float64."""
    case, whole = run.case, slice(None)
    padded = np.pad(run.x.astype(float), ((0, 0), *case.padding, (0, 0)))
    x, z, w = np.zeros_like(padded), np.zeros(run.z.shape), np.zeros(run.w.shape)
    each, outs = case.channels // case.groups, case.outputs // case.groups
    for tap in np.ndindex(*case.kernel):
        spans = zip(tap, case.dilation, case.out, case.stride, strict=True)
        seen = [slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in spans]
        for group in range(case.groups):
            of_x = (whole, *seen, slice(group * each, (group + 1) * each))
            of_z = (..., slice(group * outs, (group + 1) * outs))
            weights = (of_z[1], *tap)
            kernel, given = run.w[weights].astype(float), run.z[of_z].astype(float)
            z[of_z] += padded[of_x] @ kernel.T
            x[of_x] += given @ kernel
            w[weights] = given.reshape(-1, outs).T @ padded[of_x].reshape(-1, each)
    pairs = zip(case.padding, case.size, strict=True)
    inside = [slice(a, a + n) for (a, _), n in pairs]
    return z, x[(whole, *inside)], w


def assert_close(found: Array, exact: Array, terms: int, case: Case) -> None:
    eps = float(np.finfo(case.dtype).eps)
    allowed = eps * (8 + 4 * terms**0.5) * (1 + abs(exact).max(initial=0))
    wrong = ~(abs(found - exact) <= allowed)
    assert not wrong.any(), (case, np.argwhere(wrong)[:5])


def check(case: Case) -> None:
    """All three forms, on memory that ends where the arrays do."""
    run = Run(case)
    try:
        z, x, w = by_definition(run)
        taps = math.prod(case.kernel)
        for turned, exact, terms in (
            (False, z, case.channels * taps), (True, x, case.outputs * taps),
        ):  # fmt: skip
            convolved = run.convolution(turned)
            found = convolved(1)
            assert_close(found, exact, terms, case)
            for parts in PARTS[1:]:
                assert convolved(parts).tobytes() == found.tobytes()
        assert_close(run.gradient(), w, case.batch * math.prod(case.out), case)
    finally:
        run.close()


@pytest.mark.parametrize("seed", range(32))
def test_random_convolutions_are_right_for_every_machine(seed: int) -> None:
    check(random_case(seed))


#: What layers of real networks look like, and what is at the edges.
LAYERS = {
    "first layer": Case(3, (12, 12), 1, 32, (5, 5), (1, 1), ((0, 0),) * 2, (1, 1)),
    "colours": Case(2, (9, 32), 3, 16, (3, 3), (1, 1), ((1, 1),) * 2, (1, 1)),
    "stem": Case(1, (23, 23), 3, 64, (7, 7), (2, 2), ((3, 3),) * 2, (1, 1)),
    "same": Case(9, (8, 8), 64, 64, (3, 3), (1, 1), ((1, 1),) * 2, (1, 1)),
    "down": Case(2, (10, 10), 16, 48, (3, 3), (2, 2), ((1, 1),) * 2, (1, 1)),
    "shortcut": Case(2, (8, 8), 16, 32, (1, 1), (2, 2), ((0, 0),) * 2, (1, 1)),
    "far apart": Case(1, (9, 40), 8, 24, (3, 3), (1, 1), ((9, 9),) * 2, (9, 9)),
    "padding only": Case(2, (1, 2), 5, 6, (2, 2), (3, 3), ((5, 5),) * 2, (1, 1)),
    "gaps between": Case(1, (2, 9), 4, 4, (1, 1), (3, 4), ((0, 0),) * 2, (1, 1)),
    "depthwise": Case(2, (14, 14), 40, 40, (3, 3), (1, 1), ((1, 1),) * 2, (1, 1), 40),
    "depthwise, down": Case(
        2, (9, 33), 70, 70, (5, 3), (2, 2), ((2, 2), (1, 1)), (1, 1), 70
    ),
    "groups": Case(2, (7, 7), 48, 96, (3, 3), (1, 1), ((1, 1),) * 2, (1, 1), 3),
    "small groups": Case(
        3, (9, 11), 28, 28, (3, 3), (1, 1), ((1, 1),) * 2, (1, 1), 7
    ),
    "groups of eight, down": Case(
        2, (9, 10), 24, 24, (3, 5), (2, 2), ((1, 1), (2, 2)), (1, 1), 3
    ),
    "pairs": Case(1, (6, 21), 40, 40, (2, 3), (1, 1), ((0, 0), (3, 3)), (1, 2), 20),
    "sequence": Case(2, (50,), 20, 30, (7,), (1,), ((3, 3),), (1,)),
    "long sequence": Case(2, (130,), 3, 20, (61,), (1,), ((30, 30),), (1,)),
    "long, by steps": Case(1, (150,), 5, 9, (100,), (2,), ((70, 99),), (1,)),
    "large depthwise": Case(
        1, (20, 60), 20, 20, (5, 31), (1, 1), ((2, 2), (15, 15)), (1, 1), 20
    ),
    "volume": Case(
        1, (5, 6, 7), 6, 20, (3, 3, 3), (1, 2, 1), ((1, 1),) * 3, (1, 1, 1)
    ),
}  # fmt: skip


SMALL = ("small groups", "groups of eight, down", "pairs")


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("machine", range(len(MACHINES)))
def test_small_groups_share_vectors_on_every_machine(name: str, machine: int) -> None:
    check(replace(LAYERS[name], machine=MACHINES[machine]))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_real_networks_are_right(name: str) -> None:
    check(LAYERS[name])


def test_taps_that_see_no_pixel_are_not_counted() -> None:
    phases = forward_phases((8,), (3,), (8,), (1,), (1,), (1,))
    assert phases[0].axes[0].multiplications == 7 + 8 + 7


def test_phases_of_a_gradient_see_each_tap_once() -> None:
    sizes = (9, 10), (5, 4), (4, 5)
    phases = adjoint_phases(*sizes, (2, 2), (1, 1), (1, 1))
    assert [phase.row for phase in phases] == [0, 4, 8, 14]
    assert [phase.order for phase in phases] == [
        ((3, 1), (3, 1)), ((3, 1), (2, 0)), ((4, 2, 0), (3, 1)), ((4, 2, 0), (2, 0)),
    ]  # fmt: skip
