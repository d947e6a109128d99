"""THE ordered list of passes. Each is a function from graph to graph that keeps its
meaning.

Order matters: what is known is computed first, then what is trivial is dropped, then
what is equal is shared. Nodes that no result needs vanish by themselves: a graph holds
only what its outputs and updates depend on.
"""

from __future__ import annotations

from collections.abc import Callable

from ..config import config
from ..graph import Graph
from .passes.common_subexpressions import share_common_subexpressions
from .passes.constant_folding import fold_constants
from .passes.simplification import simplify
from .passes.transposed_products import fold_transposes_into_products
from .verify import verify

Pass = Callable[[Graph], Graph]

PASSES: tuple[Pass, ...] = (
    fold_constants,
    simplify,
    fold_transposes_into_products,
    share_common_subexpressions,
)


def run_passes(graph: Graph, stages: list[tuple[str, int]] | None = None) -> Graph:
    """The graph after every pass; checked against the grammar in between when
    debugging.

    To ``stages`` are added the name of each pass and the operations that it leaves.
    """
    if config.debug:
        verify(graph)
    for each in PASSES:
        graph = each(graph)
        if stages is not None:
            name = each.__name__.replace("_", " ")
            stages.append((name, len(graph.operations)))
        if config.debug:
            verify(graph)
    return graph
