"""What the workloads on single operations share: arrays in, arrays out, over and over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """Float32 inputs of some shapes, and what an operation on them costs at least.

    A step of it is one call. The numbers are drawn from N(0, 1), the same for all.
    """

    shapes: tuple[tuple[int, ...], ...]
    least_operations: int = 0
    numbers_read: int = 0
    numbers_written: int = 0
    steps: int = 1

    def arrays(self) -> list[Array]:
        """The inputs."""
        generator = np.random.default_rng(1)
        return [generator.standard_normal(s, dtype=np.float32) for s in self.shapes]

    def operations(self) -> int:
        """The multiplications and additions that a call cannot do without."""
        return self.least_operations

    def traffic(self) -> tuple[int, int]:
        """The bytes that a call cannot do without: read, and written."""
        return 4 * self.numbers_read, 4 * self.numbers_written


def fingerprint(array: Array) -> list[float]:
    """Two numbers that tell arrays apart by value, sign and position.

    ‖w ⊙ a‖ and ‖w ⊙ max(a, 0)‖ with weights that differ from place to place: sums of
    squares do not cancel, so rounding stays in their last digits.
    """
    flat = np.asarray(array, np.float64).ravel()
    weighted = flat * (1 + 0.9 * np.cos(0.7 * np.arange(flat.size)))
    both = weighted, np.maximum(weighted, 0)
    return [float(np.linalg.norm(each)) for each in both]


@dataclass(frozen=True)
class Repeated:
    """A call to be timed; ``read`` makes NumPy arrays of what it answers."""

    call: Callable[[], Any]
    read: Callable[[Any], Sequence[Any]]

    def __call__(self, passes: int) -> list[float]:
        """Call so many times."""
        call = self.call
        for _ in range(passes):
            call()
        return []

    def losses(self) -> list[float]:
        """What the call computes, in a few numbers."""
        return [each for array in self.read(self.call()) for each in fingerprint(array)]


def in_chainrule(function: Callable[..., Any], problem: Problem) -> Repeated:
    """A compiled function of tensors that answers a tuple of tensors."""
    import chainrule as cr

    compiled = cr.compile(function)
    inputs = [cr.tensor(array) for array in problem.arrays()]
    return Repeated(
        lambda: compiled(*inputs), lambda outputs: [each.numpy() for each in outputs]
    )


def in_torch(
    function: Callable[..., Any], problem: Problem, compiled: bool = False
) -> Repeated:
    """A function of tensors that answers a tuple of tensors, without gradients."""
    import torch

    if compiled:
        function = torch.compile(function)
    inputs = [torch.from_numpy(array) for array in problem.arrays()]

    def call() -> Any:
        with torch.no_grad():
            return function(*inputs)

    return Repeated(call, lambda outputs: [each.numpy() for each in outputs])


def forward_and_backward_in_torch(
    function: Callable[..., Any], problem: Problem, compiled: bool = False
) -> Repeated:
    """The function's value and its gradients, by ``backward`` from the last input."""
    import torch

    if compiled:
        function = torch.compile(function)
    *arrays, cotangent = [torch.from_numpy(array) for array in problem.arrays()]
    inputs = [array.requires_grad_() for array in arrays]

    def call() -> Any:
        for each in inputs:
            each.grad = None
        value = function(*inputs)
        value.backward(cotangent)
        return value.detach(), *(each.grad for each in inputs)

    return Repeated(call, lambda outputs: [each.numpy() for each in outputs])


def in_jax(function: Callable[..., Any], problem: Problem) -> Repeated:
    """A jitted function of arrays that answers a tuple of arrays."""
    import jax

    compiled = jax.jit(function)
    inputs = [jax.numpy.array(array) for array in problem.arrays()]
    return Repeated(lambda: jax.block_until_ready(compiled(*inputs)), list)
