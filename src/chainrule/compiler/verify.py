"""The grammar of graphs, executable: what every pass may rely on and must keep.

Run after each pass when ``config.debug`` is set, and by the tests.
"""

from __future__ import annotations

from ..errors import ChainruleError
from ..graph import Graph, Node
from ..ops.primitive import REGISTRY, Primitive


class InvalidGraph(ChainruleError, AssertionError):
    """A graph that breaks the grammar: a mistake in a compiler pass, not in a user's
    program.

    Smallest example: a pass that replaces a node by one of another shape.
    Cure: report it, with the graph that the message shows.
    """


def verify(graph: Graph) -> None:
    """Checks every rule of the grammar.

    1. Every operation is a registered primitive, and older nodes are its inputs.
    2. Declared shape and dtype are what the primitive's rule says.
    3. A leaf is an input, a variable's value or a constant with a value of its type.
    4. An update has the type of its variable, and no variable is updated twice.
    5. The body of a loop obeys these rules, and reads nothing but its inputs.

    Raises:
        InvalidGraph: naming the node and the rule it breaks.
    """
    given = set(graph.inputs)
    for node in graph.nodes:
        if node in given:
            continue
        if node.is_leaf:
            _verify_leaf(node)
        else:
            _verify_operation(node)
    leaves = [leaf for leaf, _ in graph.updates]
    if len(set(leaves)) != len(leaves):
        raise InvalidGraph("verify: a variable is updated twice")
    for leaf, new in graph.updates:
        if (leaf.shape, leaf.dtype) != (new.shape, new.dtype):
            raise InvalidGraph(
                f"verify: update {leaf.describe()} {leaf.dtype} ← {new.describe()} "
                f"{new.dtype}"
            )


def _verify_leaf(node: Node) -> None:
    if node.owner is not None:
        return
    if node.value is None:
        raise InvalidGraph(
            f"verify: leaf {node.describe()} is neither input nor constant"
        )
    if (node.value.shape, node.value.dtype) != (node.shape, node.dtype):
        raise InvalidGraph(
            f"verify: constant {node.describe()} {node.dtype} holds {node.value.shape} "
            f"{node.value.dtype}"
        )


def _verify_operation(node: Node) -> None:
    op, body = node.op, node.params.get("body")
    if isinstance(body, Graph):
        verify(body)
        if body.variables:
            shown = ", ".join(each.describe() for each in body.variables)
            raise InvalidGraph(f"verify: the body of a loop reads {shown} by itself")
    if not isinstance(op, Primitive) or REGISTRY.get(op.name) is not op:
        raise InvalidGraph(f"verify: {op!r} is not a registered primitive")
    if any(each.age >= node.age for each in node.inputs):
        raise InvalidGraph(f"verify: {op.name} is older than one of its inputs")
    declared = (node.shape, node.dtype)
    ruled = op.infer(*node.inputs, **node.params)
    if declared != ruled:
        raise InvalidGraph(
            f"verify: {op.name} declares {declared}, its rule says {ruled}"
        )
