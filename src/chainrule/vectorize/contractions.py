"""Products of matrices and convolutions of all examples at once.

Where all examples share one operand, the examples are more rows of the other, or more
samples: one large product. Where both differ, each example has a product of its own.
"""

from __future__ import annotations

import math
from typing import Any

from ..graph import Node, current_trace
from ..ops.elementwise import multiply
from ..ops.matmul import swap
from ..ops.movement import pad, reshape, transpose
from ..ops.primitive import REGISTRY
from ..ops.windows import windows
from .application import Application
from .movement import along_axes

MATMUL = REGISTRY["matmul"]

# Products. ----------------------------------------------------------------------------


def product(a: Application) -> Any:
    """``matmul``. A product of a column and a row has no sums: it is written as the
    elementwise product, which is fused with whatever is done with it; but not in a
    loop, after which the compiler makes one product of those of all steps.
    """
    x, w = a.raw(0), a.raw(1)
    k, m = a.own(1)[-2:]
    rank = max(len(a.own(0)), len(a.own(1)))
    trace = current_trace()
    if k == 1 and (trace is None or not trace.body):
        return multiply(a.wide(0, rank), a.wide(1, rank))
    if not a.batched(1) and len(a.own(1)) == 2:
        rows = reshape(x, (math.prod(x.shape[:-1]), k))
        return reshape(a.apply(rows, w), (a.size, *a.node.shape))
    if not a.batched(0) and len(a.own(0)) == 2 and m == 1:
        rows = reshape(w, (math.prod(w.shape[:-2]), k))
        return reshape(a.apply(rows, swap(x)), (a.size, *a.node.shape))
    return a.apply(a.wide(0, rank), a.wide(1, rank))


def summed(a: Application) -> Any:
    """``sum``. That of the products of a stack of matrices is one product, whose inner
    axis runs through all of them: Σₛ Aₛ Bₛ = [A₁ A₂ …] [B₁; B₂; …]. An elementwise
    product is one of matrices where it is that of a column and a row.
    """
    x, rank = a.raw(0), len(a.own(0))
    stack = a.params["axis"] == tuple(range(rank - 2)) and not a.params["keepdims"]
    if rank > 2 and stack and x.dtype.kind == "f" and x.op in (multiply, MATMUL):
        lead, (left, right) = a.own(0)[:-2], x.inputs
        column_row = left.shape[-1:] == right.shape[-2:-1] == (1,)
        of_matrices = x.op is MATMUL or column_row
        if of_matrices and all(n.shape[-rank:-2] == lead for n in (left, right)):
            return MATMUL(_rows(left, rank), swap(_rows(swap(right), rank)))
    return along_axes(a)


def _rows(x: Node, rank: int) -> Any:
    """(…, *S, n, k) with the axes S of a stack beside k: (…, n, S·k)."""
    first = len(x.shape) - rank
    *outer, n, k = range(len(x.shape))
    moved = transpose(x, (*outer[:first], n, *outer[first:], k))
    return reshape(
        moved, (*moved.shape[: first + 1], math.prod(moved.shape[first + 1 :]))
    )


# Convolutions. ------------------------------------------------------------------------


def of_samples(a: Application) -> Any:
    """An operation on samples: those of all examples, one after the other."""
    x = a.raw(0)
    operands = [_merged(x), *(a.raw(i) for i in range(1, len(a.given)))]
    return _split(a, a.apply(*operands))


def _merged(x: Node) -> Any:
    return reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


def _split(a: Application, x: Any) -> Any:
    return reshape(x, (a.size, x.shape[0] // a.size, *x.shape[1:]))


def convolved(a: Application) -> Any:
    """``convolution`` and ``convolution_transposed``: kernels of an example's own are
    groups of channels.
    """
    if not a.batched(1):
        return of_samples(a)
    w = _merged(a.raw(1))
    result = a.apply(_as_channels(a.full(0)), w, groups=a.params["groups"] * a.size)
    return _from_channels(a, result)


def _as_channels(x: Node) -> Any:
    """(N, n, *S, C) → (n, *S, N·C)."""
    rank = len(x.shape)
    moved = transpose(x, (*range(1, rank - 1), 0, rank - 1))
    return reshape(moved, (*moved.shape[:-2], moved.shape[-2] * moved.shape[-1]))


def _from_channels(a: Application, x: Any) -> Any:
    """(n, *S, N·C) → (N, n, *S, C)."""
    rank = len(x.shape)
    split = reshape(x, (*x.shape[:-1], a.size, x.shape[-1] // a.size))
    return transpose(split, (rank - 1, *range(rank - 1), rank))


def kernels(a: Application) -> Any:
    """``convolution_kernel``: for every example the product of what the kernel saw and
    z; for groups of channels, groups of all examples.
    """
    x, z, params = a.full(0), a.full(1), a.params
    if params["groups"] > 1:
        groups = params["groups"] * a.size
        w = a.apply(_as_channels(x), _as_channels(z), groups=groups)
        return reshape(w, (a.size, *a.node.shape))
    image = pad(_merged(x), [(0, 0), *params["padding"], (0, 0)])
    seen = windows(image, params["kernel"], params["stride"], params["dilation"])
    places = math.prod(z.shape[1:-1])
    matrix = reshape(seen, (a.size, places, math.prod(a.node.shape[1:])))
    of_z = reshape(z, (a.size, places, z.shape[-1]))
    return reshape(swap(of_z) @ matrix, (a.size, *a.node.shape))
