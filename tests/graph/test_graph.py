"""Graphs: order, equality, parts, and chains far longer than Python's stack."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.compiler.registry import engine_named
from chainrule.compiler.verify import verify
from chainrule.graph import Graph, in_order

LONG = 100_000


def chain(x: Any, length: int = LONG) -> Any:
    """x, through a chain of operations of several kinds."""
    for _ in range(length // 4):
        x = cr.sin(x) * 1.5
        x = x.T + 0.25
    return x


@pytest.fixture(autouse=True)
def usual_recursion_limit() -> None:
    """Nothing here may rely on a raised limit."""
    assert sys.getrecursionlimit() <= 3000


def test_an_eager_chain_of_100_000_nodes_is_differentiated_and_freed() -> None:
    x = cr.tensor([[0.5]], "float64")
    y = chain(x)
    grads = cr.backprop(y.sum())
    assert np.isfinite(grads[x].item())
    watch = [weakref.ref(node) for node in (y, y.inputs[0], grads[x])]
    del y, grads
    gc.collect()
    assert [each() for each in watch] == [None, None, None]


def test_a_traced_chain_of_100_000_nodes_is_printed_compared_compiled_and_freed() -> (
    None
):
    example = np.array([[0.5]])
    graph = cr.trace(chain, example)
    assert len(graph.operations) == LONG
    assert str(graph).count("\n") == LONG + 1
    same, shorter = (
        cr.trace(chain, example),
        Graph(graph.inputs, graph.operations[-2:-1]),
    )
    assert graph == same
    assert hash(graph) == hash(same)
    assert graph != shorter
    program = plan(run_passes(graph))
    verify(program.graph)
    (result,) = engine_named("numpy").prepare(program)([example])
    wanted = example
    for _ in range(LONG // 4):
        wanted = np.sin(wanted) * 1.5 + 0.25
    np.testing.assert_array_equal(result, wanted)
    watch = weakref.ref(graph.operations[LONG // 2])
    del graph, same, shorter, program
    gc.collect()
    assert watch() is None


def test_the_gradient_of_a_long_chain_compiles() -> None:
    gradient = cr.grad(lambda x: chain(x, 20_000).sum())
    x = cr.tensor([[0.5]], "float64")
    np.testing.assert_allclose(cr.compile(gradient)(x).numpy(), gradient(x).numpy())


def test_a_graph_with_many_shared_nodes_is_walked_once() -> None:
    """2⁶⁰ paths lead through sixty doublings."""
    x = y = cr.tensor(1.0, "float64")
    for _ in range(60):
        y = y + y
    assert len(in_order([y])) == 61
    assert cr.backprop(y)[x].item() == 2.0**60
    graph = cr.trace(lambda x: [x := x + x for _ in range(60)][-1], 1.0)
    assert len(graph.nodes) == 61
    assert hash(graph) == hash(graph)


# Equality. ----------------------------------------------------------------------------

X = np.ones((2, 3))


@pytest.mark.parametrize(
    ("f", "g"),
    [
        (lambda x: x * 2, lambda other_name: other_name * 2),
        (
            lambda x: cr.exp(x) + cr.sin(x),
            lambda x: (lambda s: cr.exp(x) + s)(cr.sin(x)),
        ),
        (lambda x: x.sum(0), lambda x: cr.sum(x, axis=-2)),
        (lambda x: x[0], lambda x: x[-2, :]),
        (lambda x: (x, x + 1), lambda x: [x, 1 + x - 0 * 0][:0] or (x, x + 1)),
    ],
)
def test_graphs_of_the_same_structure_are_equal(f: Any, g: Any) -> None:
    one, other = cr.trace(f, X), cr.trace(g, X)
    assert one == other
    assert hash(one) == hash(other)
    assert {one: 1}[other] == 1


@pytest.mark.parametrize(
    ("f", "g"),
    [
        (lambda x: x - 1, lambda x: 1 - x),
        (lambda x: x * 2, lambda x: x * 3),
        (lambda x: x * 0.0, lambda x: x * -0.0),
        (lambda x: x.sum(0), lambda x: x.sum(1)),
        (lambda x: x + x, lambda x: x + x * 1),
        (lambda x: (x, x * 2), lambda x: (x * 2, x)),
        (lambda x: cr.exp(x), lambda x: cr.sin(x)),
        (lambda x: cr.pad(x, [(0, 0), (0, 1)], value=0.0),
         lambda x: cr.pad(x, [(0, 0), (0, 1)], value=-0.0)),
        (lambda x: cr.scan(lambda c, r: (c + r, None), x[0], x)[0],
         lambda x: cr.scan(lambda c, r: (c - r, None), x[0], x)[0]),
    ],
)  # fmt: skip
def test_graphs_of_another_structure_are_not(f: Any, g: Any) -> None:
    assert cr.trace(f, X) != cr.trace(g, X)


def test_shapes_dtypes_and_updates_are_part_of_a_graph() -> None:
    w = cr.Variable(np.ones((2, 3)))

    def update(x: Any, sign: int) -> Any:
        w.assign(w + sign * x)
        return x

    assert cr.trace(cr.exp, X) != cr.trace(cr.exp, X[:1])
    assert cr.trace(cr.exp, X) != cr.trace(cr.exp, X.astype(np.float32))
    assert cr.trace(update, X, 1) != cr.trace(update, X, -1)
    assert cr.trace(update, X, 1) == cr.trace(update, X, 1)
    assert cr.trace(cr.exp, X) != "a graph"


def test_padding_with_nan_is_equal_to_itself() -> None:
    def f(x: Any) -> Any:
        return cr.pad(x, [(0, 0), (0, 1)], value=float("nan"))

    assert cr.trace(f, X) == cr.trace(f, X)


# Parts. --------------------------------------------------------------


def layer(x: Any, w: Any) -> Any:
    """A small graph with everything in it: a variable, a constant, an update."""
    y = cr.tanh(x @ w.T) * 2.0
    w.assign(w * 0.5)
    return y


def test_a_graph_knows_its_parts() -> None:
    w = cr.parameter(np.ones((4, 3)), name="w")
    graph = cr.trace(layer, X, w)
    assert [node.name for node in graph.inputs] == ["x"]
    assert [node.name for node in graph.variables] == ["w"]
    assert [leaf.owner for leaf, _ in graph.updates] == [w]
    assert len(graph.constants) == 2
    names = [node.op.name for node in graph.operations]
    assert names == ["transpose", "matmul", "tanh", "multiply", "multiply"]
    order = graph.nodes
    position = {node: i for i, node in enumerate(order)}
    assert all(position[i] < position[n] for n in order for i in n.inputs)
    assert repr(graph) == "<Graph layer: 1 inputs, 5 operations, 1 outputs, 1 updates>"


def test_names_of_inputs_follow_the_arguments() -> None:
    def f(batch: Any, *rest: Any, scale: Any, **more: Any) -> Any:
        return batch["x"] + batch["y"] + rest[0] + rest[1][0] + scale + more["z"]

    graph = cr.trace(f, {"x": 1.0, "y": 2.0}, 3.0, [4.0, 5.0], scale=6.0, z=7.0)
    names = [node.name for node in graph.inputs]
    assert names[:2] == ["batch.0", "batch.1"]
    assert names[2:] == ["rest.0", "rest.1.0", "rest.1.1", "scale", "z"]


def test_a_graph_can_be_made_from_eager_nodes() -> None:
    x = cr.tensor([1.0, 2.0], name="x")
    loss = (x * x).sum()
    graph = Graph([x], [loss], name="loss")
    assert [node.op.name for node in graph.operations] == ["multiply", "sum"]
    assert "return" in str(graph)
