"""THE ordered list of passes. Each is a function from graph to graph that keeps its
meaning.

Order matters: what is known is computed first, then what is trivial is dropped, then
what is equal is shared. Nodes that no result needs vanish by themselves: a graph holds
only what its outputs and updates depend on.

The bodies of loops are graphs, so most passes run within them too. A backward loop is
compared with its forward loop before anything that depends on how often a value is used
changes their bodies. What moves out of loops is tidied up once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..config import config
from ..graph import Graph
from .loops import where_loops_are, within_loops
from .passes.closed_bodies import close_bodies_of_loops
from .passes.common_subexpressions import share_common_subexpressions
from .passes.constant_folding import fold_constants
from .passes.flat_products import flatten_products
from .passes.loop_invariants import move_fixed_values_out_of_loops
from .passes.loop_results import drop_unused_results_of_loops
from .passes.products_before_loops import move_products_before_loops
from .passes.products_behind_loops import move_products_behind_loops
from .passes.saved_values import keep_values_for_backward_loops
from .passes.simplification import simplify
from .passes.sums_of_multiples import share_sums_of_multiples
from .passes.sums_of_pads import join_padded_parts
from .passes.transposed_products import fold_transposes_into_products
from .verify import verify

Pass = Callable[[Graph], Graph]

#: What is done to a graph, and to the bodies of its loops.
EVERYWHERE: tuple[Pass, ...] = tuple(
    within_loops(each)
    for each in (
        fold_constants,
        simplify,
        share_common_subexpressions,
    )
)

PASSES: tuple[Pass, ...] = (
    close_bodies_of_loops,
    *EVERYWHERE,
    keep_values_for_backward_loops,
    within_loops(share_sums_of_multiples),
    flatten_products,
    within_loops(fold_transposes_into_products),
    join_padded_parts,
    within_loops(share_common_subexpressions),
    move_fixed_values_out_of_loops,
    move_products_before_loops,
    move_products_behind_loops,
    drop_unused_results_of_loops,
    where_loops_are(fold_constants),
    where_loops_are(simplify),
    where_loops_are(flatten_products),
    where_loops_are(fold_transposes_into_products),
    where_loops_are(share_common_subexpressions),
)


def run_passes(
    graph: Graph,
    passes: Sequence[Pass] = PASSES,
    stages: list[tuple[str, int]] | None = None,
) -> Graph:
    """The graph after every pass; checked against the grammar in between when
    debugging.

    To ``stages`` are added the name of each pass and the operations that it leaves.
    """
    if config.debug:
        verify(graph)
    for each in passes:
        graph = each(graph)
        if stages is not None:
            name = each.__name__.replace("_", " ")
            stages.append((name, len(graph.operations)))
        if config.debug:
            verify(graph)
    return graph
