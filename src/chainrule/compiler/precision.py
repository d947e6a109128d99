"""Products in bfloat16: mixed precision, as a change of the graph.

Place on the road: between the trace and the passes; unlike these it changes what is
computed. Factors of a product of matrices or of a convolution are rounded to bfloat16
(the range of float32, 8 bits of precision), and the products are added up in float32.
That holds for the gradients' products too. All else stays as it is: weights and what
optimizers keep, normalisations, softmax, losses, sums are float32.

With more products the result has more bits. A factor is the sum of a few bfloat16,

    x = x₀ + x₁ + x₂ + …,    x₀ = bf16(x), x₁ = bf16(x − x₀), x₂ = bf16(x − x₀ − x₁),

each at most 2⁻⁹ of the one before, and of the products of all parts those are left out
that are smallest. What is left out of x · y is at most 2⁻¹⁶ |x| |y| for three products
and 2⁻²⁴ |x| |y|, float32's own rounding, for six.

Sources: Kalamkar et al., A study of bfloat16 for deep learning training (2019); Henry,
Tang & Heinecke, Leveraging the bfloat16 artificial intelligence datatype for
higher-precision computations (2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import dtypes
from ..graph import Graph, Node
from ..ops.flops import flops
from ..ops.primitive import Kind, Primitive
from .passes.loops.closed import close_bodies_of_loops
from .passes.loops.loop import within_loops
from .rewrite import applied, remade, rewrite

#: A precision → which parts of the two factors are multiplied, the least products
#: first: their sum is rounded least.
PRODUCTS = {
    "bfloat16": [(0, 0)],
    "bfloat16x3": [(1, 0), (0, 1), (0, 0)],
    "bfloat16x6": [(2, 0), (1, 1), (0, 2), (1, 0), (0, 1), (0, 0)],
}

#: A contraction → the axes of its two factors that it sums over, and could be longer.
SUMMED = {
    "matmul": (-1, -2),
    "convolution": (-1, -1),
    "convolution_transposed": (-1, 0),
    "convolution_kernel": (0, 0),
}
#: The operations of a product that is worth more than one in bfloat16.
WORTH_PARTS = 1 << 22


def with_precision(graph: Graph, precision: str) -> Graph:
    """The graph with its float32 products computed in this precision."""
    if precision == "float32":
        return graph
    products = PRODUCTS[precision]
    rounded = within_loops(lambda each: _rounded(each, products))
    return rounded(close_bodies_of_loops(graph))  # a body's factors are its own nodes


def _rounded(graph: Graph, products: Sequence[tuple[int, int]]) -> Graph:
    known: dict[tuple[Node, int], Node] = {}

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        op = node.op
        if not isinstance(op, Primitive) or op.kind is not Kind.CONTRACTION:
            return None
        if node.dtype != dtypes.float32 or 0 in node.shape:
            return None
        if len(products) > 1 and not _worth_parts(node, inputs):
            return None
        factors = [
            _joined([_part(x, pair[side], known) for pair in products], axis)
            for side, (x, axis) in enumerate(zip(inputs, SUMMED[op.name], strict=True))
        ]
        return remade(node, factors)

    return rewrite(graph, rule)


def _worth_parts(node: Node, factors: tuple[Node, ...]) -> bool:
    """Whether several products take less time than one in float32: a large one, of
    float32, without groups.
    """
    whole = all(each.dtype == dtypes.float32 for each in factors)
    alone = node.params.get("groups", 1) == 1
    return whole and alone and flops(node) >= WORTH_PARTS


def _joined(parts: list[Node], axis: int) -> Node:
    """Parts one behind the other: the sum over all of them is the sum of products."""
    if len(parts) == 1:
        return parts[0]
    axis %= len(parts[0].shape)
    return applied("concatenate", parts, parts[0], axis=axis)


def _part(x: Node, number: int, known: dict[tuple[Node, int], Node]) -> Node:
    """Part ``number`` of x, in bfloat16. What only moves elements is applied to parts,
    so that a matrix and its transpose are rounded once.
    """
    if x.dtype != dtypes.float32:
        return x
    if (x, number) not in known:
        op = x.op
        if isinstance(op, Primitive) and op.is_view and len(x.inputs) == 1:
            part = _part(x.inputs[0], number, known)
            known[x, number] = applied(op.name, [part], x, **x.params)
        else:
            rest = _rest(x, number, known)
            known[x, number] = applied("cast", [rest], x, dtype=dtypes.bfloat16())
    return known[x, number]


def _rest(x: Node, number: int, known: dict[tuple[Node, int], Node]) -> Node:
    """x without its first parts; 0 where the first one is infinite."""
    if number == 0:
        return x
    before = _part(x, number - 1, known)
    wide = applied("cast", [before], x, dtype=dtypes.float32)
    rest = applied("subtract", [_rest(x, number - 1, known), wide], x)
    if number > 1:
        return rest
    zero = Node.kind(None, (), {}, (), x.dtype, np.zeros((), x.dtype), "", like=x)
    finite = applied("isfinite", [wide], x)
    return applied("where", [finite, rest, zero], x)
