"""What every primitive declares of its work, and what passes and engines ask of it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import Node, Trace
from chainrule.ops.catalog import PRIMITIVES, of_kind
from chainrule.ops.primitive import REGISTRY, Cost, Kind, Primitive, same_shape


def names(holds: Any) -> set[str]:
    """The names of the primitives of which something holds."""
    return {name for name, op in PRIMITIVES.items() if holds(op)}


def words(text: str) -> set[str]:
    return set(text.split())


def test_the_catalog_is_the_registry_of_a_fresh_package() -> None:
    declared = {
        name
        for name, op in REGISTRY.items()
        if op.infer.__module__.startswith("chainrule.ops.")
    }
    assert declared == set(PRIMITIVES)


def test_what_a_user_declares_is_registered_and_not_in_the_catalog() -> None:
    """Engines have code for what the catalog names, whatever kind another is of."""
    same = Primitive("same", "x", same_shape, lambda x: x, kind=Kind.ELEMENTWISE)
    try:
        assert REGISTRY["same"] is same
        assert same not in of_kind(Kind.ELEMENTWISE)
    finally:
        del REGISTRY["same"]


def test_kinds_part_the_primitives() -> None:
    assert {
        kind: {name for name, op in PRIMITIVES.items() if op.kind is kind}
        for kind in Kind
        if kind is not Kind.ELEMENTWISE
    } == {
        Kind.MOVEMENT: words(
            "reshape transpose broadcast_to slice flip windows pad concatenate"
        ),
        Kind.REDUCTION: words("sum prod max min argmax argmin"),
        Kind.CONTRACTION: words(
            "matmul convolution convolution_transposed convolution_kernel"
        ),
        Kind.ORDERED: words("cumsum argsort"),
        Kind.INDEXING: words("normal_index take take_along_axis put"),
        Kind.SCATTER: words("scatter_add scatter_along_axis overlap_add"),
        Kind.RANDOM: words("random_bits random_uniform next_state"),
        Kind.CONTROL: words("scan project"),
        Kind.FACTORIZATION: set(),  # of ``linalg``, which is declared as a user's is
    }


# What lists of names said before there were kinds; where the lists disagreed with each
# other, decision 0090 says what holds now.

VIEWS = words(
    "reshape transpose broadcast_to slice flip windows alias stop_gradient"
)  # fmt: skip
CHEAP = words(
    "add subtract multiply negative abs sign maximum minimum relu floor ceil round "
    "equal not_equal less less_equal greater greater_equal logical_and logical_or "
    "logical_xor logical_not isnan isfinite where cast"
)
COSTLY_FUNCTIONS = words(
    "divide remainder floor_divide power arctan2 sqrt exp expm1 log log1p sin cos "
    "tanh erf gelu sigmoid softplus"
)


def test_views_are_what_computes_and_copies_nothing() -> None:
    assert names(lambda op: op.is_view) == VIEWS
    assert names(lambda op: op.cost is Cost.FREE) == VIEWS | {"project"}


def test_cheap_is_what_is_better_computed_again_than_kept() -> None:
    assert names(lambda op: op.is_cheap) == CHEAP | VIEWS
    assert names(lambda op: op.cost is Cost.CHEAP) == CHEAP


def test_elementwise_is_what_looks_at_one_element_of_each_operand() -> None:
    elementwise = names(lambda op: op.kind is Kind.ELEMENTWISE)
    assert elementwise == CHEAP | COSTLY_FUNCTIONS | {"alias", "stop_gradient"}


def test_arithmetic_is_what_does_not_only_move_choose_or_convert() -> None:
    assert names(lambda op: not op.arithmetic) == VIEWS | words(
        "pad concatenate take take_along_axis put normal_index where cast scan project"
    )


def test_reductions_that_are_combined_from_parts() -> None:
    assert names(lambda op: op.associative) == words("sum prod max min")


#: Arguments with which an operation of one operand is applied to a (1, 4, 2) tensor.
PARAMS: dict[str, dict[str, Any]] = {
    "reshape": {"shape": (4, 2)},
    "transpose": {"axes": (2, 0, 1)},
    "broadcast_to": {"shape": (3, 1, 4, 2)},
    "slice": {"start": (0, 1, 0), "stop": (1, 4, 2), "step": (1, 2, 1)},
    "flip": {"axes": (1,)},
    "windows": {"kernel": (3,), "stride": (1,), "dilation": (1,)},
    "sum": {"axis": (1,), "keepdims": False},
    "cumsum": {"axis": 1},
    "pad": {"widths": ((0, 0, 0), (1, 1, 0), (0, 0, 0)), "value": 0.0},
}


@pytest.mark.parametrize("name", sorted(names(lambda op: op.linear)))
def test_a_linear_operation_is_one(name: str) -> None:
    """f(a·x + y) = a·f(x) + f(y), with numbers of which no digit is lost."""
    op = PRIMITIVES[name]
    rng = np.random.default_rng(0)
    shape, params = (1, 4, 2), PARAMS.get(name, {})
    if name == "overlap_add":
        shape = (1, 2, 3, 2)
        params = {"size": (4,), "stride": (1,), "dilation": (1,)}
    x, y = rng.integers(-9, 9, (2, *shape)).astype(np.float64)
    whole = op(4.0 * x + y, **params).numpy()
    np.testing.assert_array_equal(
        whole, 4.0 * op(x, **params).numpy() + op(y, **params).numpy()
    )


def test_views_show_every_element_of_their_operand_in_memory() -> None:
    for name in sorted(VIEWS):
        x = np.arange(8.0).reshape(1, 4, 2)
        value = PRIMITIVES[name].run([x], PARAMS.get(name, {}))
        assert np.shares_memory(value, x), name


# The contract of backward rules. ------------------------------------------------------


def test_a_rule_that_pulls_back_is_given_the_chain_rule() -> None:
    received = []

    def rule(g: Any, y: Node, x: Node, pullback: Any) -> list[Any]:
        received.append(pullback)
        return [g]

    op = Primitive(
        "pulls back in a test",
        "x",
        lambda x: (x.shape, x.dtype),
        lambda x: x,
        rule,
        kind=Kind.ELEMENTWISE,
        pulls_back=True,
    )
    try:
        x = cr.tensor([1.0, 2.0])
        assert cr.backprop(op(x).sum())[x].tolist() == [1.0, 1.0]
    finally:
        del REGISTRY[op.name]
    assert received == [inspect.unwrap(cr.backprop).__globals__["pullback"]]


def test_the_gradient_of_several_arrays_is_a_list_with_an_entry_for_each() -> None:
    """One result of a loop hands its gradient to its own place, none to the others."""
    project = PRIMITIVES["project"]
    with Trace(purpose="a test"):
        c, xs = cr.tensor(0.0), cr.tensor([1.0, 2.0])
        last, _ = cr.scan(lambda c, x: (c + x, c * x), c, xs)
        g = cr.tensor(1.0)
        (parts,) = project.gradients(g, last, lambda *_: [])
    assert parts == [g, *[None] * (len(last.inputs[0].types) - 1)]
