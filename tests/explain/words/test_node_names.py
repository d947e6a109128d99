"""What nodes are called: the user's words, found in the user's lines."""

from __future__ import annotations

import linecache
from typing import Any

import pytest

import chainrule as cr

PROGRAMS: list[tuple[str, str, set[str]]] = [
    ("an assignment", "x = cr.tensor(1.0)\ns = x + 2.0\nL = s * s", {"x", "s", "L"}),
    (
        "several targets",
        "x, y = cr.tensor(1.0), cr.tensor(2.0)\nL = x * y",
        {"x", "y", "L"},
    ),
    (
        "two statements on a line",
        "x = cr.tensor(1.0); y = cr.tensor(2.0)\nL = x * y",
        {"x", "y", "L"},
    ),
    ("an annotation", "x: object = cr.tensor(1.0)\nL = x * 2", {"x", "L"}),
    (
        "an attribute",
        "import types\no = types.SimpleNamespace()\no.h = cr.tensor(1.0)\nL = o.h * 2",
        {"h", "L"},
    ),
    (
        "a statement of several lines",
        "x = cr.tensor(1.0)\nL = (\n    x\n    * 3.0\n)",
        {"x", "L"},
    ),
    (
        "a loop",
        "h = cr.tensor(0.5)\nfor _ in range(3):\n    h = cr.tanh(h * 2.0)\nL = h + 1.0",
        {"h", "h₂", "h₃", "h₄", "L", "h · 2", "h₂ · 2", "h₃ · 2"},
    ),
    (
        "an expression inside a statement",
        "x = cr.tensor(1.0)\nL = cr.exp(x) * cr.exp(-x)",
        {"x", "L", "exp(x)", "exp(−x)", "−x"},
    ),
    (
        "a function made of primitives",
        "x = cr.tensor([1.0, 2.0])\ny = cr.softmax(x)\nL = y[0]",
        {"x", "y", "L"},
    ),
    ("a list", "xs = [cr.tensor(1.0), cr.tensor(2.0)]\nL = xs[0] * xs[1]", {"L"}),
    ("a name of its own", "a = cr.tensor(1.0, name='b')\nL = a * 2", {"b", "L"}),
    ("no name for the loss", "x = cr.tensor(1.0)\nkeep(x * 3.0)", {"x", "L"}),
]


@pytest.mark.parametrize(
    ("program", "names"), [p[1:] for p in PROGRAMS], ids=[p[0] for p in PROGRAMS]
)
def test_nodes_are_called_as_the_user_calls_them(program: str, names: set[str]) -> None:
    found = set(cr.explain(run(program)).names)
    assert names <= found, found
    invented = {name for name in found if name[0] in "cv" and len(name) == 2}
    if "softmax" not in program and "[cr" not in program:
        assert found - invented == names


def run(program: str) -> Any:
    """The tensor L of a program whose source Python can find, as in a notebook."""
    name = f"<program {hash(program)}>"
    linecache.cache[name] = (len(program), None, program.splitlines(True), name)
    kept: list[Any] = []
    variables: dict[str, Any] = {"cr": cr, "keep": kept.append}
    exec(compile(program, name, "exec"), variables)
    return kept[0] if kept else variables["L"]


def test_a_program_without_source_still_has_distinct_names() -> None:
    variables: dict[str, Any] = {"cr": cr}
    program = "x = cr.tensor(1.0)\ny = cr.tensor(2.0)\nL = x * y + x"
    exec(compile(program, "<nowhere>", "exec"), variables)
    found = cr.explain(variables["L"])
    assert list(found.names) == ["c₁", "c₂", "c₁ · c₂", "L"]


def test_equal_names_are_told_apart_and_found_as_they_are_typed() -> None:
    a, b = cr.tensor(1.0, name="W"), cr.tensor(2.0, name="W")
    found = cr.explain(a * b)
    assert {"W", "W₂"} <= set(found.names)
    assert found.node("W2") is b
    assert found.node("W*W2") is found.root if "W · W₂" in found.names else True
