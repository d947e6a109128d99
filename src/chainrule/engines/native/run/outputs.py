"""Memory for the results of a run; that of large results is used again.

Place on the road: beside the executable. Large new memory is slow, for the system
clears it page by page, so what nobody holds any more serves a later run.
"""

from __future__ import annotations

import sys

import numpy as np

from ....dtypes import DType
from ....graph import Array, Node
from ....shapes import Shape, size

#: Outputs of at least this many bytes are used again.
LARGE = 1 << 16
#: How many are kept for each output: a caller often holds one and asks for the next.
MOST_SPARES = 2

#: Shape and dtype of an output, and for a large one the memory that may be used again.
Output = tuple[Shape, DType, list[Array] | None]


def output_of(node: Node) -> Output:
    """How the memory for a result is made."""
    large = size(node.shape) * node.dtype.itemsize >= LARGE
    return node.shape, node.dtype, [] if large else None


def spare(spares: list[Array], shape: Shape, dtype: DType) -> Array:
    """Memory for a large output: that of an earlier run that nobody holds, or new."""
    for array in spares:
        if sys.getrefcount(array) == UNUSED:
            return array
    new: Array = np.empty(shape, dtype)
    spares[:] = [new, *spares[: MOST_SPARES - 1]]
    return new


def _references_when_unused() -> int:
    """What ``sys.getrefcount`` says of an array that only a list holds."""
    for array in [np.empty(0)]:
        return sys.getrefcount(array)
    return 0


UNUSED = _references_when_unused()
