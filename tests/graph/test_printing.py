"""The printed form of graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

X = np.ones((2, 3))


def layer(x: Any, w: Any) -> Any:
    """A small graph with everything in it: a variable, a constant, an update."""
    y = cr.tanh(x @ w.T) * 2.0
    w.assign(w * 0.5)
    return y


def test_a_printed_graph_has_one_node_a_line_with_the_users_line() -> None:
    w = cr.parameter(np.ones((4, 3), np.float32), name="w")
    lines = str(cr.trace(layer, X.astype(np.float32), w)).splitlines()
    assert lines[0] == "layer(x: float32[2, 3])"
    columns = [line.split("  #")[0].split() for line in lines[1:]]
    assert [" ".join(each) for each in columns] == [
        "w = variable float32[4, 3]",
        "%0 = transpose(w, axes=(1, 0)) float32[3, 4]",
        "%1 = matmul(x, %0) float32[2, 4]",
        "%2 = tanh(%1) float32[2, 4]",
        "%3 = multiply(%2, 2) float32[2, 4]",
        "%4 = multiply(w, 0.5) float32[4, 3]",
        "return %3",
        "update w ← %4",
    ]
    source = layer.__code__.co_firstlineno + 2
    assert f"# test_printing.py:{source}  y = cr.tanh(x @ w.T) * 2.0" in lines[2]


def test_backward_nodes_carry_the_line_of_their_forward_node() -> None:
    def f(x: Any) -> Any:
        y = cr.tanh(x)
        return y.sum()

    text = str(cr.trace(cr.grad(f), X))
    line = f.__code__.co_firstlineno + 1
    assert f"# backward of test_printing.py:{line}  y = cr.tanh(x)" in text


def test_equal_names_are_told_apart_in_print() -> None:
    a, b = cr.Variable(1.0, name="w"), cr.Variable(2.0, name="w")
    text = str(cr.trace(lambda: a + b))
    assert "w = variable" in text
    assert "add(w, w%0)" in text


def test_a_loop_is_printed_as_one_node() -> None:
    graph = cr.trace(lambda xs: cr.scan(lambda c, x: (c + x, c), 0.0, xs), X[:, 0])
    assert "body=<body>" in str(graph)
