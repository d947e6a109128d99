"""Matrix products, (m, k) @ (k, n): square, tall, wide, deep, flat, and odd.

NumPy and PyTorch write into an array that is there already; the others have no such
argument.
"""

from __future__ import annotations

from typing import Any

from .operations import Problem, Repeated, in_chainrule, in_jax

SUMMARY = "(m, k) @ (k, n) in float32"
MEASURE = "step"
SIZES = [(size, size, size) for size in (64, 128, 256, 512, 1024, 2048, 4096)]
SIZES += [(128, 784, 1000), (8192, 64, 64), (64, 64, 8192), (64, 8192, 64)]
SIZES += [(2048, 32, 2048), (1, 4096, 4096), (4096, 4096, 1), (501, 333, 127)]
CASES = tuple("×".join(map(str, size)) for size in SIZES)


def problem(case: str) -> Problem:
    """The two matrices of a case, named m×k×n."""
    m, k, n = map(int, case.split("×"))
    read, written = m * k + k * n, m * n
    return Problem(((m, k), (k, n)), 2 * m * k * n, read, written)


def chainrule(problem: Problem) -> Repeated:
    """chainrule, compiled."""
    return in_chainrule(lambda a, b: (a @ b,), problem)


def numpy(problem: Problem) -> Repeated:
    """NumPy and the BLAS it carries."""
    import numpy as np

    a, b = problem.arrays()
    product = a @ b
    inputs = [(a, b, product)]
    return Repeated(np.matmul, inputs, lambda c: [c])


def torch_eager(problem: Problem) -> Repeated:
    """PyTorch and its BLAS."""
    import torch

    a, b = map(torch.from_numpy, problem.arrays())
    product = a @ b

    def call(a: Any, b: Any) -> Any:
        return torch.mm(a, b, out=product)

    return Repeated(call, [(a, b)], lambda c: [c.numpy()])


def jax_jit(problem: Problem) -> Repeated:
    """JAX, compiled."""
    return in_jax(lambda a, b: (a @ b,), problem)


BUILDERS = {
    "chainrule": chainrule,
    "numpy": numpy,
    "torch-eager": torch_eager,
    "jax": jax_jit,
}
