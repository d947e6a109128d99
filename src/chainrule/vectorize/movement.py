"""Elementwise operations, movements and reductions of all examples at once: the same
operation, with its axes moved by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph import Node
from ..ops.elementwise import multiply
from ..ops.movement import transpose
from ..shapes import Shape
from .application import Application


def elementwise(a: Application) -> Any:
    """Operands broadcast from their last axes on, so only ranks must agree."""
    rank = len(a.node.shape)
    return a.apply(*(a.wide(i, rank) for i in range(len(a.given))))


def to_shape(a: Application) -> Any:
    """``reshape``."""
    return a.apply(a.raw(0), shape=(a.size, *a.params["shape"]))


def broadcast(a: Application) -> Any:
    """``broadcast_to``: new axes stand behind the batch's."""
    shape = a.params["shape"]
    return a.apply(a.wide(0, len(shape)), shape=(a.size, *shape))


def transposed(a: Application) -> Any:
    """``transpose``. That of a column times a row, which is what a weight's gradient is
    for one example, is a product again, and never in memory the other way round.
    """
    x, axes = a.raw(0), (0, *(axis + 1 for axis in a.params["axes"]))
    if x.op is multiply and all(map(_is_spread(x.shape), x.inputs)):
        return multiply(*(a.apply(each, axes=axes) for each in x.inputs))
    return a.apply(x, axes=axes)


def _is_spread(shape: Shape) -> Callable[[Node], bool]:
    """Whether a node of as many axes is repeated along some of them."""
    return lambda x: len(x.shape) == len(shape) and x.shape != shape


def sliced(a: Application) -> Any:
    """``slice``: all of the batch axis."""
    first = {"start": 0, "stop": a.size, "step": 1}
    return a.apply(a.raw(0), **{k: (n, *a.params[k]) for k, n in first.items()})


def padded(a: Application) -> Any:
    """``pad``: nothing along the batch axis."""
    return a.apply(a.raw(0), widths=((0, 0, 0), *a.params["widths"]))


def along_axis(a: Application) -> Any:
    """Whatever works along ``axis``, and of all operands alike."""
    operands = (a.full(i) for i in range(len(a.given)))
    return a.apply(*operands, axis=a.params["axis"] + 1)


def along_axes(a: Application) -> Any:
    """A reduction over several axes."""
    return a.apply(a.raw(0), axis=tuple(i + 1 for i in a.params["axis"]))


def flipped(a: Application) -> Any:
    """``flip``."""
    return a.apply(a.raw(0), axes=tuple(i + 1 for i in a.params["axes"]))


def unchanged(a: Application) -> Any:
    """Whatever takes leading axes by itself, as matrices of a batch do."""
    return a.apply(*(a.full(i) for i in range(len(a.given))))


def of_matrices(a: Application) -> Any:
    """Two operands of matrices, whose batch axes broadcast."""
    rank = max(len(a.own(0)), len(a.own(1)))
    return a.apply(a.wide(0, rank), a.wide(1, rank))


def drawn(a: Application) -> Any:
    """Random numbers of one state: words for all examples, none of them twice."""
    return a.apply(a.raw(0), shape=(a.size, *a.params["shape"]))


def first(x: Any, axis: int) -> Any:
    """``x`` with an axis moved to the front."""
    rest = (i for i in range(len(x.shape)) if i != axis)
    return transpose(x, (axis, *rest))


def forward(x: Any, count: int, behind: int) -> Any:
    """(N, …) with ``count`` axes, which stand behind ``behind`` others, moved to the
    batch axis.
    """
    moved = range(1 + behind, 1 + behind + count)
    rest = range(1 + behind + count, len(x.shape))
    return transpose(x, (0, *moved, *range(1, 1 + behind), *rest))


def backward(x: Any, count: int, behind: int) -> Any:
    """The inverse of ``forward``."""
    others = range(1 + count, 1 + count + behind)
    rest = range(1 + count + behind, len(x.shape))
    return transpose(x, (0, *others, *range(1, 1 + count), *rest))
