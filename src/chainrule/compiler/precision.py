"""Products in bfloat16: mixed precision, as a change of the graph.

Place on the road: between the trace and the passes; unlike these it changes what is
computed. Each factor of a product of matrices or of a convolution is rounded to
bfloat16 (the range of float32, 8 bits of precision), and the products are added up in
float32. That holds for the gradients' products too. All else stays as it is: weights
and what optimizers keep, normalisations, softmax, losses, sums are float32.

Source: Kalamkar et al., A study of bfloat16 for deep learning training (2019).
"""

from __future__ import annotations

from .. import dtypes
from ..graph import Graph, Node
from ..ops.primitive import Kind, Primitive
from .passes.loops.closed import close_bodies_of_loops
from .passes.loops.loop import within_loops
from .rewrite import applied, remade, rewrite


def with_precision(graph: Graph, precision: str) -> Graph:
    """The graph with the factors of its float32 products rounded to this precision."""
    if precision == "float32":
        return graph
    return _rounded(close_bodies_of_loops(graph))  # a body's factors are its own nodes


@within_loops
def _rounded(graph: Graph) -> Graph:
    known: dict[Node, Node] = {}

    def rule(node: Node, inputs: tuple[Node, ...]) -> Node | None:
        op = node.op
        contracts = isinstance(op, Primitive) and op.kind is Kind.CONTRACTION
        if not contracts or node.dtype != dtypes.float32 or 0 in node.shape:
            return None
        return remade(node, [_factor(each, known) for each in inputs])

    return rewrite(graph, rule)


def _factor(x: Node, known: dict[Node, Node]) -> Node:
    """x in bfloat16. What only moves elements is applied to them once rounded, so that
    a matrix and its transpose are rounded once.
    """
    if x.dtype != dtypes.float32:
        return x
    if x not in known:
        op = x.op
        if isinstance(op, Primitive) and op.is_view and len(x.inputs) == 1:
            (source,) = x.inputs
            known[x] = applied(op.name, [_factor(source, known)], x, **x.params)
        else:
            known[x] = applied("cast", [x], x, dtype=dtypes.bfloat16())
    return known[x]
