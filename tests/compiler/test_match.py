"""Patterns: what fits, what is named, and what a rule may put in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.match import (
    Match,
    Named,
    Rule,
    number,
    op,
    rewrite_by,
    through,
)
from chainrule.compiler.passes.simplification import RULES

X = np.ones((2, 3), np.float32)
A, B = Named("a"), Named("b")


def result(f: Any, *examples: Any) -> Any:
    """The node that a function returns."""
    return cr.trace(f, *examples).outputs[0]


def test_a_pattern_names_what_it_fits() -> None:
    node = result(lambda x, y: cr.exp(x * y), X, X)
    match: Match = {}
    assert op("exp", op("multiply", A, B, name="product"))(node, match)
    (product,) = node.inputs
    assert match == {"a": product.inputs[0], "b": product.inputs[1], "product": product}
    assert not op("exp", op("add", A, B))(node, {})
    assert not op("log", A)(node, {})


def test_a_name_that_stands_twice_is_one_node() -> None:
    square = op("multiply", A, A)
    assert square(result(lambda x: x * x, X), {})
    assert not square(result(lambda x, y: x * y, X, X), {})


@pytest.mark.parametrize(
    ("value", "wanted", "fits"),
    [
        (0.0, 0.0, True), (-0.0, 0.0, False), (0.0, -0.0, False), (-0.0, -0.0, True),
        (1.0, 1.0, True), (2.0, 1.0, False), (float("nan"), 1.0, False),
    ],
)  # fmt: skip
def test_a_number_is_told_by_value_and_sign(
    value: float, wanted: float, fits: bool
) -> None:
    node = result(lambda x: x + np.float32(value), X).inputs[1]
    assert number(wanted)(node, {}) == fits


def test_an_integer_has_no_sign_of_zero_and_an_array_is_no_number() -> None:
    whole = result(lambda n: n + 0, np.arange(3)).inputs[1]
    assert number(-0.0)(whole, {})
    array = result(lambda x: x + cr.zeros((2, 3)), X).inputs[1]
    assert not number(0.0)(array, {})


def test_through_looks_through_primitives_of_some_names() -> None:
    shaped = through(["reshape", "transpose"], op("exp", A))
    assert shaped(result(lambda x: cr.exp(x), X), {})
    assert shaped(result(lambda x: cr.exp(x).T.reshape(6), X), {})
    assert not shaped(result(lambda x: cr.exp(x)[::-1], X), {})


def test_a_rule_replaces_by_what_has_the_same_shape_and_dtype() -> None:
    rules = (Rule(op("add", A, number(-0.0)), A, because="x + −0 = x"),)
    graph = cr.trace(lambda x: x + np.float32(-0.0), X)
    assert not rewrite_by(graph, rules).operations
    wider = cr.trace(lambda x: x + np.float64(-0.0), X.astype(np.float32))
    assert rewrite_by(wider, rules).outputs[0].dtype == wider.outputs[0].dtype


def test_a_rule_may_have_a_further_condition() -> None:
    def is_small(node: Any, match: Match) -> bool:
        return match["a"].shape == (2, 3)

    rules = (Rule(op("negative", A), A, because="for the test", when=is_small),)
    assert not rewrite_by(cr.trace(lambda x: -x, X), rules).operations
    assert rewrite_by(cr.trace(lambda x: -x, X[0]), rules).operations


def test_a_rule_sees_what_the_rules_before_it_have_made() -> None:
    graph = cr.trace(lambda x: cr.negative(-(x * 1.0)), X)
    assert not rewrite_by(graph, RULES).operations


def test_every_rule_of_the_table_says_why() -> None:
    assert all(rule.because for rule in RULES)
