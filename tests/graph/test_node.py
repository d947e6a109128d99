"""Nodes: their source lines, their types, and those that compiled calls make."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.graph import NO_PARAMS, Node, computed_leaves, on_behalf_of


def test_a_node_has_the_line_at_which_it_was_made_though_it_is_found_later() -> None:
    x = cr.tensor([1.0])
    made = [
        x * 2.0,
        (lambda: x + 1.0)(),
        *(x - each for each in (1.0,)),
    ]
    lines = [each.line for each in made if each.line]
    assert [each.text.rstrip(",") for each in lines] == [
        "x * 2.0",
        "(lambda: x + 1.0)()",
        "*(x - each for each in (1.0,))",
    ]
    assert lines[1].line == lines[0].line + 1
    assert [each.function for each in lines][1] == "<lambda>"
    gradient = cr.backprop(made[0].sum())[x]
    assert gradient.line in (lines[0], gradient.origin.line)


def slots(node: Any) -> dict[str, Any]:
    """Everything that a node holds; ages are relative, positions compared by line."""
    names = [*Node.__slots__, *type(node).__slots__]
    kept = {name: getattr(node, name) for name in names if name != "__weakref__"}
    del kept["age"], kept["position"]
    return kept | {"line": node.line}


def test_computed_leaves_are_the_nodes_that_the_class_makes() -> None:
    """Every slot, so that a new one cannot be forgotten where nodes are made fast."""
    arrays = [np.ones((2, 3)), np.zeros(4, np.int64)]
    types = [(each.shape, each.dtype) for each in arrays]

    def both() -> tuple[list[Any], list[Any]]:
        plain = [
            Node.kind(None, (), NO_PARAMS, shape, dtype, array)
            for (shape, dtype), array in zip(types, arrays, strict=True)
        ]
        return computed_leaves(types, arrays), plain

    fast, plain = both()
    assert [type(node) for node in fast] == [cr.Tensor, cr.Tensor]
    for one, other in zip(fast, plain, strict=True):
        assert one.line.text == "return computed_leaves(types, arrays), plain"
        assert slots(one) | {"line": None} == slots(other) | {"line": None}
    ages = [node.age for node in (*plain, *fast)]
    assert ages == sorted(set(ages))
    with on_behalf_of(plain[0]):
        fast, plain = both()
    assert list(map(slots, fast)) == list(map(slots, plain))


def test_a_node_has_a_type_for_every_array_of_its_value() -> None:
    x = cr.ones((2, 3))
    assert x.types == (((2, 3), np.dtype("float32")),)
    total, _ = cr.scan(lambda c, row: (c + row, c[0] > 1), cr.zeros(3), x)
    loop = total.inputs[0]
    assert loop.several
    assert [(shape, str(dtype)) for shape, dtype in loop.types] == [
        ((3,), "float32"),
        ((2,), "bool"),
        ((2, 3), "float32"),
    ]
