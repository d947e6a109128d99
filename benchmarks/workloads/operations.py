"""What the workloads on single operations share: arrays in, arrays out."""

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

    The numbers are drawn from N(0, 1), the same for all. A step of it is one call;
    ``sets`` of inputs take turns, so that large ones come from memory and not from a
    cache that happens to hold them still.
    """

    shapes: tuple[tuple[int, ...], ...]
    least_operations: int = 0
    numbers_read: int = 0
    numbers_written: int = 0
    sets: int = 1

    @property
    def steps(self) -> int:
        """Calls in a pass: one for each set of inputs."""
        return self.sets

    def arrays(self, number: int = 0) -> list[Array]:
        """The inputs: one of the sets."""
        generator = np.random.default_rng(number)
        return [generator.standard_normal(s, dtype=np.float32) for s in self.shapes]

    def all_arrays(self) -> list[list[Array]]:
        """All sets of inputs."""
        return [self.arrays(number) for number in range(self.sets)]

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
    """A call to be timed, on each set of inputs in turn.

    ``read`` makes NumPy arrays of what it answers.
    """

    call: Callable[..., Any]
    inputs: Sequence[Sequence[Any]]
    read: Callable[[Any], Sequence[Any]]

    def __call__(self, passes: int) -> list[float]:
        """Call so many times."""
        call = self.call
        for _ in range(passes):
            for inputs in self.inputs:
                call(*inputs)
        return []

    def losses(self) -> list[float]:
        """What the call computes, in a few numbers."""
        outputs = self.read(self.call(*self.inputs[-1]))
        return [each for array in outputs for each in fingerprint(array)]


def in_chainrule(function: Callable[..., Any], problem: Problem) -> Repeated:
    """A compiled function of tensors that answers a tuple of tensors."""
    import chainrule as cr

    compiled = cr.compile(function)
    inputs = [[cr.tensor(a) for a in arrays] for arrays in problem.all_arrays()]
    return Repeated(compiled, inputs, lambda outputs: [y.numpy() for y in outputs])


def in_torch(
    function: Callable[..., Any], problem: Problem, compiled: bool = False
) -> Repeated:
    """A function of tensors that answers a tuple of tensors, without gradients."""
    import torch

    if compiled:
        function = torch.compile(function)
    inputs = [[torch.from_numpy(a) for a in arrays] for arrays in problem.all_arrays()]
    call = torch.no_grad()(function)
    return Repeated(call, inputs, lambda outputs: [y.numpy() for y in outputs])


def forward_and_backward_in_torch(
    function: Callable[..., Any], problem: Problem, compiled: bool = False
) -> Repeated:
    """The function's value and its gradients, by ``backward`` from the last input."""
    import torch

    if compiled:
        function = torch.compile(function)
    sets = [[torch.from_numpy(a) for a in arrays] for arrays in problem.all_arrays()]
    for *inputs, _ in sets:
        for each in inputs:
            each.requires_grad_()

    def call(*arrays: Any) -> Any:
        *inputs, cotangent = arrays
        value = function(*inputs)
        value.backward(cotangent)
        gradients = [each.grad for each in inputs]
        for each in inputs:
            each.grad = None
        return value.detach(), *gradients

    return Repeated(call, sets, lambda outputs: [y.numpy() for y in outputs])


def in_jax(function: Callable[..., Any], problem: Problem) -> Repeated:
    """A jitted function of arrays that answers a tuple of arrays."""
    import jax

    compiled = jax.jit(function)
    inputs = [[jax.numpy.array(a) for a in arrays] for arrays in problem.all_arrays()]

    def call(*arrays: Any) -> Any:
        return jax.block_until_ready(compiled(*arrays))

    return Repeated(call, inputs, list)
