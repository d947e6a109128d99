"""How many floating-point operations a node is: one count for every table of them.

Place on the road: above the primitives. Reports of compiled functions and summaries of
networks count with it; an engine that fuses operations counts its kernels itself.
"""

from __future__ import annotations

import math

from ..dtypes import is_float
from ..graph import Graph, Node
from .convolution import CONVOLUTIONS, multiplications
from .primitive import Kind, Primitive


def flops(node: Node) -> int:
    """The floating-point operations of a node.

    2·n·k·m for a product of matrices, two for each element of a kernel in each window
    of a convolution, one for each element that a reduction reads, and one for each
    element of any other result: a function such as ``exp`` counts as one. Comparing,
    moving, choosing and converting elements counts as nothing, and so do operations on
    integers. A loop has the operations of its body for every step.

    Example:
        >>> import chainrule as cr
        >>> flops(cr.zeros((2, 3)) @ cr.zeros((3, 4)))
        48
    """
    op, first = node.op, node.inputs[0] if node.inputs else node
    bodies = [value for value in node.params.values() if isinstance(value, Graph)]
    if bodies:
        steps = int(node.params.get("length", 1))
        return steps * sum(flops(inner) for body in bodies for inner in body.operations)
    if not isinstance(op, Primitive) or not op.arithmetic:
        return 0
    if node.several or first.several or not is_float(first.dtype):
        return 0
    if op.name == "matmul":
        return 2 * math.prod(node.shape) * first.shape[-1]
    if op.name in CONVOLUTIONS:
        return 2 * multiplications(node)
    if op.kind in (Kind.REDUCTION, Kind.SCATTER):
        return math.prod(first.shape)
    return math.prod(node.shape) * is_float(node.dtype)
