"""Nested containers as leaves: the order of keys."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule import tree


def test_names_and_numbers_are_in_the_order_of_their_texts() -> None:
    leaves, structure = tree.flatten({"b": 1, "a": 2, 10: 3, 9: 4})
    assert leaves == [3, 4, 2, 1]
    assert tree.flatten({9: 4, "a": 2, "b": 1, 10: 3}) == (leaves, structure)


def test_parameters_as_keys_keep_their_order_whatever_their_values() -> None:
    a, b = cr.parameter(1.0), cr.parameter(2.0)
    before = tree.flatten({a: "a", b: "b"})
    assert before[0] == ["a", "b"]
    a.assign(3.0)
    assert tree.flatten({a: "a", b: "b"}) == before


def test_a_program_that_returns_something_for_each_parameter_is_made_once() -> None:
    a, b = cr.parameter(1.0), cr.parameter(2.0)

    def doubled(values: Any) -> Any:
        return {w: 2 * each for w, each in values.items()}

    compiled = cr.compile(doubled)
    for value in (1.0, 3.0, -5.0):
        a.assign(value)
        found = compiled({a: np.array(4.0), b: np.array(6.0)})
        assert {w: each.item() for w, each in found.items()} == {a: 8.0, b: 12.0}
    assert len(compiled.reports) == 1
