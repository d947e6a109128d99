"""Windows of 3 × 3 that overlap, over (32, 56, 56, 64), channels last: their largest
elements and their means, forward, and forward and backward.

At best, x is read and y written; with the backward pass, x and ∂L/∂y are read, and y
and ∂L/∂x written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .operations import (
    Problem,
    Repeated,
    forward_and_backward_in_torch,
    in_chainrule,
    in_torch,
)

SUMMARY = "pooling of (32, 56, 56, 64) by windows of 3 × 3, padded by 1"
MEASURE = "step"
IMAGES, SIZE, CHANNELS = 32, 56, 64
CASES = tuple(
    f"{kind}, stride {stride}{back}"
    for kind, stride in (("max", 2), ("max", 1), ("mean", 2))
    for back in ("", ", and backward")
)


@dataclass(frozen=True)
class Pooling(Problem):
    """x, for the backward pass ∂L/∂y, and what is to be done with them."""

    kind: str = "max"
    stride: int = 2


def problem(case: str) -> Pooling:
    """What a case pools."""
    kind, moves, *back = case.split(", ")
    stride = int(moves.removeprefix("stride "))
    x, y = ((IMAGES, n, n, CHANNELS) for n in (SIZE, SIZE // stride))
    numbers, results = (IMAGES * n * n * CHANNELS for n in (SIZE, SIZE // stride))
    return Pooling(
        (x, y) if back else (x,),
        numbers_read=numbers + len(back) * results,
        numbers_written=results + len(back) * numbers,
        sets=2,
        kind=kind,
        stride=stride,
    )


def chainrule(problem: Pooling) -> Repeated:
    """chainrule, compiled; forward and backward are one function."""
    import chainrule as cr
    from chainrule import nn

    kind = nn.MaxPool2d if problem.kind == "max" else nn.AvgPool2d
    layer = kind(3, stride=problem.stride, padding=1)

    def both(x: Any, cotangent: Any) -> Any:
        y, back = cr.vjp(layer, x)
        return y, *back(cotangent)

    if len(problem.shapes) == 1:
        return in_chainrule(lambda x: (layer(x),), problem)
    return in_chainrule(both, problem)


def torch_eager(problem: Pooling, compiled: bool = False) -> Repeated:
    """PyTorch: its channels come second, and in memory last."""
    import torch

    kind = torch.nn.MaxPool2d if problem.kind == "max" else torch.nn.AvgPool2d
    layer = kind(3, stride=problem.stride, padding=1)

    def pooled(x: Any) -> Any:
        return layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    if len(problem.shapes) == 1:
        return in_torch(lambda x: (pooled(x),), problem, compiled)
    return forward_and_backward_in_torch(pooled, problem, compiled)


def torch_compile(problem: Pooling) -> Repeated:
    """PyTorch, compiled by Inductor."""
    return torch_eager(problem, compiled=True)


BUILDERS = {
    "chainrule": chainrule,
    "torch-eager": torch_eager,
    "torch-compile": torch_compile,
}
