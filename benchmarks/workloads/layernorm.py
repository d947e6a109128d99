"""Layer normalisation over the rows of (8192, 1024): forward, and forward and backward.

y = γ (x − μ) / √(σ² + ε) + β (Ba, Kiros and Hinton 2016). The backward pass answers the
gradients of x, γ and β. At best a pass reads and writes what softmax does.
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

SUMMARY = "layer normalisation over the rows of (8192, 1024)"
MEASURE = "step"
SHAPE = (8192, 1024)
NUMBERS = 8192 * 1024
EPSILON = 1e-5
CASES = ("forward", "and backward")


def problem(case: str) -> Problem:
    """x, γ and β; for the backward pass, ∂L/∂y as well."""
    arrays = 1 + CASES.index(case)
    return Problem(
        (SHAPE, (1024,), (1024,), SHAPE)[: 2 + arrays],
        numbers_read=arrays * NUMBERS,
        numbers_written=arrays * NUMBERS,
        sets=4,
    )


def chainrule(problem: Problem) -> Repeated:
    """chainrule, compiled; forward and backward are one function."""
    import chainrule as cr

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred * centred).mean(-1, keepdims=True)
        return weight * (centred * (variance + EPSILON) ** -0.5) + bias

    def both(x: Any, weight: Any, bias: Any, cotangent: Any) -> Any:
        y, back = cr.vjp(layer_norm, x, weight, bias)
        return y, *back(cotangent)

    if len(problem.shapes) == 3:
        return in_chainrule(lambda *inputs: (layer_norm(*inputs),), problem)
    return in_chainrule(both, problem)


def torch_eager(problem: Problem, compiled: bool = False) -> Repeated:
    """PyTorch: layer normalisation is one operation of it, its derivative another."""
    from torch.nn.functional import layer_norm

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        return layer_norm(x, (1024,), weight, bias, EPSILON)

    if len(problem.shapes) == 3:
        return in_torch(lambda *inputs: (forward(*inputs),), problem, compiled)
    return forward_and_backward_in_torch(forward, problem, compiled)


def torch_compile(problem: Problem) -> Repeated:
    """PyTorch, compiled by Inductor."""
    return torch_eager(problem, compiled=True)


def jax_jit(problem: Problem) -> Repeated:
    """JAX, compiled; forward and backward are one function."""
    import jax

    def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        variance = (centred * centred).mean(-1, keepdims=True)
        return weight * (centred * jax.lax.rsqrt(variance + EPSILON)) + bias

    def both(x: Any, weight: Any, bias: Any, cotangent: Any) -> Any:
        y, back = jax.vjp(layer_norm, x, weight, bias)
        return y, *back(cotangent)

    if len(problem.shapes) == 3:
        return in_jax(lambda *inputs: (layer_norm(*inputs),), problem)
    return in_jax(both, problem)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
    "jax": jax_jit,
}
