"""A chain of elementwise functions, and a sum: Σ tanh(eˣ)·x over ten million floats.

At best each number is read once, and nothing is written. The exponentials cost more
than that on processors with few cores; the share of the bandwidth shows how much more.
"""

from __future__ import annotations

from typing import Any

from .operations import Problem, Repeated, in_chainrule, in_jax, in_torch

SUMMARY = "sum of tanh(exp(x))·x over 10 million floats"
MEASURE = "step"
NUMBERS = 10_000_000


def problem() -> Problem:
    """Ten million numbers."""
    return Problem(((NUMBERS,),), numbers_read=NUMBERS, sets=4)


def chainrule(problem: Problem) -> Repeated:
    """chainrule, compiled."""
    import chainrule as cr

    return in_chainrule(lambda x: ((cr.tanh(cr.exp(x)) * x).sum(),), problem)


def torch_eager(problem: Problem, compiled: bool = False) -> Repeated:
    """PyTorch: an array in memory after each function."""
    import torch

    def chain(x: Any) -> Any:
        return ((torch.tanh(torch.exp(x)) * x).sum(),)

    return in_torch(chain, problem, compiled)


def torch_compile(problem: Problem) -> Repeated:
    """PyTorch, fused by Inductor."""
    return torch_eager(problem, compiled=True)


def jax_jit(problem: Problem) -> Repeated:
    """JAX, fused by XLA."""
    import jax.numpy as jnp

    return in_jax(lambda x: ((jnp.tanh(jnp.exp(x)) * x).sum(),), problem)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
}
