"""Single convolutions of the shapes in ResNet-50 (He et al. 2016), batch 4.

Forward, the gradient of the input, and the gradient of the kernel, each for itself: 3×3
and 1×1 with strides 1 and 2, the first of 7×7, and 3×3 depthwise, a kernel of its own
for each channel. PyTorch appears with channels first and with channels last in memory;
the time of changing between them does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .operations import Array, Problem, Repeated, in_chainrule, in_jax

SUMMARY = "single convolutions of ResNet-50's shapes, batch 4"
MEASURE = "step"
TOLERANCE = 1e-3  # sums over up to 50 000 products, in float32
BATCH = 4
DIRECTIONS = ("forward", "input", "kernel")


@dataclass(frozen=True)
class Setting:
    """A convolution of images size × size; ``depthwise`` where there is no ``out``."""

    size: int
    channels: int
    out: int
    kernel: int
    stride: int = 1

    @property
    def depthwise(self) -> bool:
        """Whether each channel has a kernel of its own."""
        return self.out == 0

    @property
    def groups(self) -> int:
        """Parts of the channels."""
        return self.channels if self.depthwise else 1

    @property
    def filters(self) -> int:
        """Channels of the outputs."""
        return self.out or self.channels

    @property
    def padding(self) -> int:
        """Zeros on each side."""
        return self.kernel // 2

    @property
    def name(self) -> str:
        """As it stands in the table."""
        out = "depthwise" if self.depthwise else str(self.out)
        stride = f"/{self.stride}" if self.stride > 1 else ""
        kernel = f"{self.kernel}×{self.kernel}{stride}"
        return f"{self.size}×{self.size}×{self.channels}→{out} {kernel}"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        return BATCH, self.size, self.size, self.channels

    @property
    def kernel_shape(self) -> tuple[int, ...]:
        """(out, height, width, in / groups)."""
        return self.filters, self.kernel, self.kernel, self.channels // self.groups

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(N, H′, W′, out)."""
        side = (self.size + 2 * self.padding - self.kernel) // self.stride + 1
        return BATCH, side, side, self.filters


SETTINGS = [
    Setting(224, 3, 64, 7, 2),
    *(Setting(56 >> i, 64 << i, 64 << i, 3) for i in range(4)),
    *(Setting(56 >> i, 128 << i, 128 << i, 3, 2) for i in range(3)),
    Setting(56, 64, 64, 1),
    Setting(56, 64, 256, 1),
    Setting(56, 256, 64, 1),
    Setting(28, 128, 512, 1),
    Setting(28, 512, 128, 1),
    Setting(14, 256, 1024, 1),
    Setting(14, 1024, 256, 1),
    Setting(7, 512, 2048, 1),
    Setting(7, 2048, 512, 1),
    Setting(56, 256, 512, 1, 2),
    *(Setting(56 >> i, 64 << i, 0, 3) for i in range(4)),
    Setting(56, 128, 0, 3, 2),
]
NAMED = {f"{s.name} {d}": (s, d) for s in SETTINGS for d in DIRECTIONS}
CASES = tuple(NAMED)


@dataclass(frozen=True)
class Convolution(Problem):
    """The two operands of a direction, and which it is."""

    setting: Setting = SETTINGS[0]
    direction: str = "forward"


def problem(case: str) -> Convolution:
    """The problem of a case."""
    setting, direction = NAMED[case]
    x, w, z = setting.input_shape, setting.kernel_shape, setting.output_shape
    (first, second), result = {
        "forward": ((x, w), z),
        "input": ((z, w), x),
        "kernel": ((x, z), w),
    }[direction]
    read = int(np.prod(first) + np.prod(second))
    return Convolution(
        (first, second),
        2 * int(np.prod(z) * np.prod(w[1:])),
        read,
        int(np.prod(result)),
        setting=setting,
        direction=direction,
    )


def chainrule(problem: Convolution) -> Repeated:
    """chainrule, compiled."""
    import chainrule as cr

    setting = problem.setting

    def convolution(x: Any, w: Any) -> Any:
        return cr.convolution(
            x, w, setting.stride, setting.padding, groups=setting.groups
        )

    def of_input(z: Any, w: Any) -> Any:
        _, back = cr.vjp(lambda x: convolution(x, w), cr.zeros(setting.input_shape))
        return back(z)

    def of_kernel(x: Any, z: Any) -> Any:
        _, back = cr.vjp(lambda w: convolution(x, w), cr.zeros(setting.kernel_shape))
        return back(z)

    def forward(x: Any, w: Any) -> Any:
        return (convolution(x, w),)

    calls = {"forward": forward, "input": of_input, "kernel": of_kernel}
    return in_chainrule(calls[problem.direction], problem)


def torch_eager(problem: Convolution, last: bool = False) -> Repeated:
    """PyTorch, its operation or one of the two gradients of it."""
    import torch

    setting = problem.setting
    sides = [setting.padding] * 2
    steps = [setting.stride] * 2
    kind = torch.channels_last if last else torch.contiguous_format

    def kept(shape: tuple[int, ...]) -> Any:
        n, h, w, c = shape
        return torch.empty(n, c, h, w).contiguous(memory_format=kind)

    empty_x, empty_w = kept(setting.input_shape), kept(setting.kernel_shape)

    def backward(z: Any, x: Any, w: Any, mask: list[bool]) -> Any:
        return torch.ops.aten.convolution_backward(
            z, x, w, None, steps, sides, [1, 1], False, [0, 0], setting.groups, mask
        )

    def call(first: Any, second: Any) -> Any:
        if problem.direction == "forward":
            conv2d = torch.nn.functional.conv2d
            return conv2d(first, second, None, steps, sides, 1, setting.groups)
        if problem.direction == "input":
            return backward(first, empty_x, second, [True, False, False])[0]
        return backward(second, first, empty_w, [False, True, False])[1]

    inputs = [
        [torch.from_numpy(a).permute(0, 3, 1, 2).contiguous(memory_format=kind)
         for a in arrays]
        for arrays in problem.all_arrays()
    ]  # fmt: skip
    quiet: Callable[..., Any] = torch.no_grad()(call)
    return Repeated(quiet, inputs, lambda y: [last_axis(y.numpy())])


def last_axis(array: Array) -> Array:
    """(N, C, H, W) as (N, H, W, C)."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def torch_last(problem: Convolution) -> Repeated:
    """PyTorch with channels last in memory."""
    return torch_eager(problem, last=True)


def jax_jit(problem: Convolution) -> Repeated:
    """JAX, compiled."""
    import jax

    setting = problem.setting

    def convolution(x: Any, w: Any) -> Any:
        return jax.lax.conv_general_dilated(
            x,
            w,
            (setting.stride,) * 2,
            [(setting.padding,) * 2] * 2,
            dimension_numbers=("NHWC", "OHWI", "NHWC"),
            feature_group_count=setting.groups,
        )

    def call(first: Any, second: Any) -> Any:
        if problem.direction == "forward":
            return (convolution(first, second),)
        x = jax.numpy.zeros(setting.input_shape)
        w = jax.numpy.zeros(setting.kernel_shape)
        if problem.direction == "input":
            return jax.vjp(lambda x: convolution(x, second), x)[1](first)
        return jax.vjp(lambda w: convolution(first, w), w)[1](second)

    return in_jax(call, problem)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-last": torch_last,
    "jax": jax_jit,
}
