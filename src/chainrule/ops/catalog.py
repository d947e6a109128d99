"""The package's own primitives: the registry before users have declared theirs.

Place on the road: above all files that declare primitives. Engines ask here which
primitives they must know; ``REGISTRY`` also holds what users have added, of which an
engine knows no more than the declaration.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import (
    control,
    convolution,
    elementwise,
    indexing,
    matmul,
    movement,
    philox,
    reduction,
    windows,
)
from .primitive import Kind, Primitive

#: The files that declare primitives.
FILES = (
    control, convolution, elementwise, indexing, matmul, movement, philox, reduction,
    windows,
)  # fmt: skip

#: Name → primitive, of all that these files declare.
PRIMITIVES: dict[str, Primitive] = {
    op.name: op
    for file in FILES
    for op in vars(file).values()
    if isinstance(op, Primitive)
}


def of_kind(*kinds: Kind) -> Iterator[Primitive]:
    """The package's primitives of these kinds."""
    return (op for op in PRIMITIVES.values() if op.kind in kinds)
