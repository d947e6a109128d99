"""What a call costs where there is nothing to do: one addition to eight numbers.

NumPy and eager PyTorch show what the operation itself costs from Python.
"""

from __future__ import annotations

from typing import Any

from .operations import Problem, Repeated, in_chainrule

SUMMARY = "a compiled function of one addition, on 8 numbers"
MEASURE = "step"


def problem() -> Problem:
    """Eight numbers."""
    return Problem(((8,),))


def chainrule(problem: Problem) -> Repeated:
    """chainrule, compiled."""
    compiled = in_chainrule(lambda x: x + 1.0, problem)
    return Repeated(compiled.call, compiled.inputs, lambda y: [y.numpy()])


def numpy(problem: Problem) -> Repeated:
    """NumPy: not compiled, for comparison."""
    return Repeated(lambda x: x + 1.0, [problem.arrays()], lambda y: [y])


def torch_eager(problem: Problem, compiled: bool = False) -> Repeated:
    """PyTorch: not compiled, for comparison."""
    import torch

    inputs = [torch.from_numpy(a) for a in problem.arrays()]

    def add(x: Any) -> Any:
        return x + 1.0

    if compiled:
        add = torch.compile(add)
    return Repeated(add, [inputs], lambda y: [y.numpy()])


def torch_compile(problem: Problem) -> Repeated:
    """PyTorch, compiled by Inductor."""
    return torch_eager(problem, compiled=True)


def jax_jit(problem: Problem) -> Repeated:
    """JAX, compiled; results are not waited for."""
    import jax

    add = jax.jit(lambda x: x + 1.0)
    inputs = [jax.numpy.array(a) for a in problem.arrays()]
    return Repeated(add, [inputs], lambda y: [y])


BUILDERS = {
    "chainrule": chainrule,
    "numpy": numpy,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
}
