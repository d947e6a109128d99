"""THE ordered list of passes. Each is a function from graph to graph that keeps its
meaning.

Place on the road: between a traced graph and its program. The list is made of groups,
and each says why it stands where it stands. Nodes that no result needs vanish by
themselves: a graph holds only what its outputs and updates depend on.

The bodies of loops are graphs, so most passes run within them too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..config import config
from ..graph import Graph
from .passes.common_subexpressions import share_common_subexpressions
from .passes.constant_folding import fold_constants
from .passes.loops.after import move_products_after_loops
from .passes.loops.before import move_products_before_loops
from .passes.loops.closed import close_bodies_of_loops
from .passes.loops.invariants import move_fixed_values_out_of_loops
from .passes.loops.loop import where_loops_are, within_loops
from .passes.loops.saved import keep_values_for_backward_loops
from .passes.loops.unused import drop_unused_results_of_loops
from .passes.products.flat import flatten_products
from .passes.products.multiples import share_sums_of_multiples
from .passes.products.pads import join_padded_parts
from .passes.products.transposed import fold_transposes_into_products
from .passes.simplification import simplify
from .verify import verify

Pass = Callable[[Graph], Graph]

#: First of all, so that whatever looks at the body of a loop sees nothing outside, nor
#: gradients that are not wanted.
BODIES: tuple[Pass, ...] = (close_bodies_of_loops, drop_unused_results_of_loops)

#: Fewer operations. What is known is computed before what is trivial is looked for (a
#: folded value may be a 0 or 1), and what is equal is seen after both.
TIDY: tuple[Pass, ...] = (
    within_loops(fold_constants),
    within_loops(simplify),
    within_loops(share_common_subexpressions),
)

#: A backward loop is compared with its forward loop while their bodies still say the
#: same in the same words: the passes below change a body depending on how often a
#: value is used in it, which differs between the two.
SAVED: tuple[Pass, ...] = (keep_values_for_backward_loops,)

#: Fewer and larger products. Sums are shared before a sum of products becomes one
#: product; a flattened product is a transposed one often, and then its transposes go.
#: What has become equal is shared again.
PRODUCTS: tuple[Pass, ...] = (
    within_loops(share_sums_of_multiples),
    flatten_products,
    within_loops(fold_transposes_into_products),
    within_loops(join_padded_parts),
    within_loops(share_common_subexpressions),
)

#: Work moves out of loops: first what is the same in every step, so that a product that
#: uses it can follow; then products, those first of which only a sum over the steps is
#: wanted. What a loop need not hand on is known at the end.
LOOPS: tuple[Pass, ...] = (
    move_fixed_values_out_of_loops,
    move_products_after_loops,
    move_products_before_loops,
    drop_unused_results_of_loops,
)

#: What has moved out of loops is tidied like the rest; a graph without loops has been.
MOVED: tuple[Pass, ...] = (
    where_loops_are(fold_constants),
    where_loops_are(simplify),
    where_loops_are(flatten_products),
    where_loops_are(fold_transposes_into_products),
    where_loops_are(share_common_subexpressions),
)

PASSES: tuple[Pass, ...] = (*BODIES, *TIDY, *SAVED, *PRODUCTS, *LOOPS, *MOVED)


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
