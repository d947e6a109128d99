"""Softmax over the rows of (8192, 1024): forward, and forward and backward.

At best, x is read and y written; with the backward pass, x and ∂L/∂y are read, and y
and ∂L/∂x written: a row stays in the cache between its passes.
"""

from __future__ import annotations

from typing import Any

from .operations import (
    Problem,
    Repeated,
    forward_and_backward_in_torch,
    in_chainrule,
    in_jax,
    in_torch,
)

SUMMARY = "softmax over the rows of (8192, 1024)"
MEASURE = "step"
SHAPE = (8192, 1024)
NUMBERS = 8192 * 1024
CASES = ("forward", "and backward")


def problem(case: str) -> Problem:
    """x; for the backward pass, ∂L/∂y as well."""
    arrays = 1 + CASES.index(case)
    return Problem(
        (SHAPE,) * arrays,
        numbers_read=arrays * NUMBERS,
        numbers_written=arrays * NUMBERS,
        sets=4,
    )


def chainrule(problem: Problem) -> Repeated:
    """chainrule, compiled; forward and backward are one function."""
    import chainrule as cr

    def forward(x: Any) -> Any:
        return (cr.softmax(x, axis=-1),)

    def both(x: Any, cotangent: Any) -> Any:
        y, back = cr.vjp(lambda x: cr.softmax(x, axis=-1), x)
        return y, *back(cotangent)

    return in_chainrule(forward if len(problem.shapes) == 1 else both, problem)


def torch_eager(problem: Problem, compiled: bool = False) -> Repeated:
    """PyTorch: softmax is one operation of it, its derivative another."""
    import torch

    if len(problem.shapes) == 1:
        return in_torch(lambda x: (torch.softmax(x, -1),), problem, compiled)
    return forward_and_backward_in_torch(
        lambda x: torch.softmax(x, -1), problem, compiled
    )


def torch_compile(problem: Problem) -> Repeated:
    """PyTorch, compiled by Inductor."""
    return torch_eager(problem, compiled=True)


def jax_jit(problem: Problem) -> Repeated:
    """JAX, compiled; forward and backward are one function."""
    import jax

    def both(x: Any, cotangent: Any) -> Any:
        y, back = jax.vjp(jax.nn.softmax, x)
        return y, *back(cotangent)

    if len(problem.shapes) == 1:
        return in_jax(lambda x: (jax.nn.softmax(x),), problem)
    return in_jax(both, problem)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
}
