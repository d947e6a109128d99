"""Each pass: a graph goes in, the graph that is expected comes out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import pipeline
from chainrule.compiler.passes.common_subexpressions import (
    share_common_subexpressions,
)
from chainrule.compiler.passes.constant_folding import LARGEST_FOLDED, fold_constants
from chainrule.compiler.passes.simplification import simplify
from chainrule.compiler.program import plan
from chainrule.compiler.verify import InvalidGraph, verify
from chainrule.graph import Graph, Node

X = np.ones((2, 3))
W = cr.parameter(np.ones((2, 3)), name="w")
C = cr.tensor(np.arange(6.0).reshape(2, 3))

Case = tuple[Callable[..., Any], Callable[..., Any]]


def check(run: Callable[[Graph], Graph], before: Any, after: Any, *args: Any) -> None:
    """The pass turns the graph of one function into that of the other."""
    graph, wanted = cr.trace(before, *args), cr.trace(after, *args)
    verify(graph)
    found = run(graph)
    verify(found)
    assert found == wanted, f"\n{found}\nis not\n{wanted}"
    assert run(found) == found


ROW = cr.tensor(C.numpy()[0])
EXP, TOTAL = cr.tensor(np.exp(C.numpy())), cr.tensor((C.numpy() @ C.numpy().T).sum())
ONES = cr.tensor(np.ones(3))

FOLDED: list[Case] = [
    (lambda x: x + cr.exp(C), lambda x: x + EXP),
    (lambda x: x * (C @ C.T).sum(), lambda x: x * TOTAL),
    (lambda x: cr.exp(cr.zeros(3)) + x, lambda x: ONES + x),
    (lambda x: cr.exp(x) + cr.exp(W), lambda x: cr.exp(x) + cr.exp(W)),
    (lambda x: (x, cr.exp(C)), lambda x: (x, EXP)),
    (
        lambda x: x + cr.broadcast_to(C[0], (2, 3)),
        lambda x: x + cr.broadcast_to(ROW, (2, 3)),
    ),
    (
        lambda x: cr.scan(lambda c, r: (c + r, None), C[0], C)[0],
        lambda x: cr.scan(lambda c, r: (c + r, None), ROW, C)[0],
    ),
]


@pytest.mark.parametrize(("before", "after"), FOLDED)
def test_operations_on_constants_are_computed_once(before: Any, after: Any) -> None:
    check(fold_constants, before, after, X)


def test_a_large_constant_is_not_stored_when_it_can_be_computed() -> None:
    row = np.zeros(LARGEST_FOLDED // 2 + 1)

    def f(x: Any) -> Any:
        return x + cr.outer(cr.tensor(np.ones(2)), cr.tensor(row)).sum()

    found = fold_constants(cr.trace(f, 1.0))
    assert "matmul" in {node.op.name for node in found.operations}


SIMPLIFIED: list[Case] = [
    (lambda x: x * 1, lambda x: x),
    (lambda x: 1.0 * x, lambda x: x),
    (lambda x: x / 1, lambda x: x),
    (lambda x: x - 0.0, lambda x: x),
    (lambda x: x + -0.0, lambda x: x),
    (lambda x: cr.negative(-x), lambda x: x),
    (lambda x: cr.negative(cr.negative(-x)), lambda x: -x),
    (lambda x: cr.stop_gradient(x) + 2, lambda x: x + 2),
    (lambda x: x.T.T, lambda x: x),
    (lambda x: cr.exp(x).T.T.T, lambda x: cr.exp(x).T),
    (
        lambda x: x[None].transpose(1, 2, 0).transpose(2, 0, 1),
        lambda x: x[None],
    ),
]  # fmt: skip

KEPT: list[Callable[..., Any]] = [
    lambda x: x * 0,  # NaN · 0 is NaN
    lambda x: x - x,  # ∞ − ∞ is NaN
    lambda x: x + 0.0,  # −0 + 0 is +0
    lambda x: x - -0.0,
    lambda x: x / x,
    lambda x: cr.tensor(np.ones((5, 2, 3))) * x,  # the ones broadcast x
    lambda x: x * cr.tensor(np.ones((2, 3))),
    lambda x: 1 / x,
    lambda x: 0 - x,
    lambda x: x[None].transpose(1, 2, 0).transpose(1, 2, 0),  # not the inverse
]


@pytest.mark.parametrize(("before", "after"), SIMPLIFIED)
def test_what_changes_nothing_is_dropped(before: Any, after: Any) -> None:
    check(simplify, before, after, X)


@pytest.mark.parametrize("f", KEPT)
def test_what_may_change_something_is_kept(f: Any) -> None:
    check(simplify, f, f, X)


def test_dropping_an_operation_never_changes_a_dtype() -> None:
    i = np.arange(3)
    check(simplify, lambda i: i * 1, lambda i: i, i)
    check(simplify, lambda i: i + 0, lambda i: i, i)
    check(simplify, lambda i: i * 1.0, lambda i: i.astype("float32"), i)
    check(simplify, lambda b: b + False, lambda b: b, i > 0)


SHARED: list[Case] = [
    (lambda x: cr.exp(x) + cr.exp(x), lambda x: (lambda e: e + e)(cr.exp(x))),
    (lambda x: (x + 1) * (x + 1), lambda x: (lambda s: s * s)(x + 1)),
    (lambda x: (x @ x.T, cr.sin(x @ x.T)),
     lambda x: (lambda p: (p, cr.sin(p)))(x @ x.T)),
    (lambda x: x.sum(0) + x.sum(1)[0], lambda x: x.sum(0) + x.sum(1)[0]),
    (lambda x: x - (x * 1 - x), lambda x: x - (x * 1 - x)),
    (lambda x: cr.scan(lambda c, r: (c + r, None), x[0], x)[0]
     * cr.scan(lambda a, b: (a + b, None), x[0], x)[0],
     lambda x: (lambda s: s * s)(cr.scan(lambda c, r: (c + r, None), x[0], x)[0])),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), SHARED)
def test_equal_operations_are_computed_once(before: Any, after: Any) -> None:
    check(share_common_subexpressions, before, after, X)


def test_constants_that_differ_in_sign_or_dtype_are_not_shared() -> None:
    def f(x: Any, i: Any) -> Any:
        return x * 0.0, x * -0.0, i * 0, cr.pad(i, [(1, 0)], value=0.0)

    graph = share_common_subexpressions(cr.trace(f, X, np.arange(2)))
    values = {(str(n.dtype), n.value.tobytes()) for n in graph.constants}
    assert len(graph.constants) == len(values) == 3


def test_two_draws_of_random_numbers_are_not_shared() -> None:
    rng = cr.random.Generator(0)
    run = cr.compile(lambda: (rng.uniform(3), rng.uniform(3)))
    one, other = run()
    assert one.tolist() != other.tolist()


def test_updates_are_rewritten_with_the_outputs() -> None:
    v = cr.Variable(np.ones((2, 3)))

    def before(x: Any) -> Any:
        v.assign(cr.exp(x) * 1)
        return cr.exp(x)

    def after(x: Any) -> Any:
        e = cr.exp(x)
        v.assign(e)
        return e

    check(pipeline.run_passes, before, after, X)


def test_passes_keep_names_and_lines() -> None:
    def f(x: Any) -> Any:
        return cr.exp(x * 1.0)

    (node,) = pipeline.run_passes(cr.trace(f, X)).operations
    assert node.line is not None
    assert node.line.line == f.__code__.co_firstlineno + 1


def test_the_order_of_the_passes_is_one_list() -> None:
    names = [each.__name__ for each in pipeline.PASSES]
    before = ["fold_constants", "simplify", "share_common_subexpressions"]
    again = [*before[:2], "flatten_products", "fold_transposes_into_products"]
    assert names == [
        "close_bodies_of_loops",
        "drop_unused_results_of_loops",
        *before,
        "keep_values_for_backward_loops",
        "share_sums_of_multiples",
        "flatten_products",
        "fold_transposes_into_products",
        "join_padded_parts",
        "share_common_subexpressions",
        "move_fixed_values_out_of_loops",
        "move_products_after_loops",
        "move_products_before_loops",
        "drop_unused_results_of_loops",
        *again,
        "share_common_subexpressions",
    ]


def test_what_no_result_needs_is_not_in_a_program() -> None:
    def f(x: Any) -> Any:
        cr.exp(x)
        return x * 2

    program = plan(pipeline.run_passes(cr.trace(f, X)))
    assert [each.op.name for each in program.instructions] == ["multiply"]


def test_every_slot_is_freed_after_its_last_use_and_results_never() -> None:
    def f(x: Any) -> Any:
        a = cr.exp(x)
        b = a + a
        return b, cr.sin(b) * 2

    program = plan(cr.trace(f, X))
    freed = [slot for each in program.instructions for slot in each.last_uses]
    assert len(freed) == len(set(freed))
    assert not set(freed) & set(program.outputs)
    everything = set(range(program.num_slots))
    assert set(freed) | set(program.outputs) == everything


# The grammar. -------------------------------------------------------------------------


def broken(**changes: Any) -> Graph:
    """The graph of x + 2 with one thing about its node changed."""
    graph = cr.trace(lambda x: x + 2, X)
    for name, value in changes.items():
        setattr(graph.outputs[0], name, value)
    return graph


class Unregistered:
    """An operation that is none."""

    name = "add"


def leaf(value: Any, shape: tuple[int, ...] = (), dtype: str = "float64") -> Node:
    return Node.kind(None, (), {}, shape, np.dtype(dtype), value)


def updated_twice() -> Graph:
    v = cr.Variable(1.0)
    graph = cr.trace(lambda: v.assign(v + 1))
    return Graph((), (), graph.updates * 2)


def updated_with_another_shape() -> Graph:
    v = cr.Variable(1.0)
    graph = cr.trace(lambda: v.assign(v + 1))
    return Graph((), (), [(graph.updates[0][0], cr.zeros(3))])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: broken(shape=(3, 2)), r"add declares \(\(3, 2\), .* its rule says"),
        (lambda: broken(dtype=np.dtype("float32")), "add declares .*float32"),
        (lambda: broken(op=Unregistered()), "is not a registered primitive"),
        (lambda: broken(age=0), "add is older than one of its inputs"),
        (lambda: Graph([], [leaf(None)]), "is neither input nor constant"),
        (lambda: Graph([], [leaf(np.zeros(2))]), r"constant .* holds \(2,\)"),
        (lambda: Graph([], [leaf(np.zeros((), "f4"))]), "float64 holds .* float32"),
        (updated_twice, "a variable is updated twice"),
        (updated_with_another_shape, "verify: update"),
    ],
)
def test_a_graph_that_breaks_the_grammar_is_rejected(make: Any, message: str) -> None:
    with pytest.raises(InvalidGraph, match=message):
        verify(make())


def test_when_debugging_a_broken_pass_is_found() -> None:
    def drop_everything(graph: Graph) -> Graph:
        return Graph(graph.inputs, [leaf(None)])

    passes = (drop_everything,)
    pipeline.run_passes(cr.trace(cr.exp, X), passes)
    cr.config.debug = True
    with pytest.raises(InvalidGraph):
        pipeline.run_passes(cr.trace(cr.exp, X), passes)


def test_the_environment_turns_debugging_on() -> None:
    code = (
        "import chainrule as cr\n"
        "assert cr.config.debug\n"
        "assert cr.compile(lambda x: x * 1 + 2)(3.0).item() == 5.0\n"
    )
    source = os.path.dirname(os.path.dirname(cr.__file__))
    environment = {**os.environ, "CHAINRULE_DEBUG": "1", "PYTHONPATH": source}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
