"""The page of primitives: complete, up to date, and printed from the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

import chainrule as cr
from chainrule.errors import OptionError
from chainrule.explain import primitives
from chainrule.ops.primitive import REGISTRY


def test_the_page_in_the_documentation_is_up_to_date(repository: Path) -> None:
    page = repository / "docs" / "primitives.md"
    assert page.read_text(encoding="utf-8") == primitives.markdown(), (
        "run: python docs/generate.py"
    )


def test_every_primitive_has_a_row_with_its_definition() -> None:
    text = primitives.markdown()
    for name, op in REGISTRY.items():
        assert f"| `{name}` | {op.summary.replace('|', chr(92) + '|')} |" in text


@pytest.mark.parametrize("name", REGISTRY)
def test_a_rule_is_printed_exactly_where_there_is_one(name: str) -> None:
    entry = primitives.entry(name)
    has_rule = REGISTRY[name].backward is not None
    assert bool(entry.rules) == has_rule
    assert any(formula for _, formula in entry.rules) == has_rule


RULES = {
    "add": [("a", "g"), ("b", "g")],
    "multiply": [("a", "g · b"), ("b", "g · a")],
    "matmul": [("a", "g @ bᵀ"), ("b", "aᵀ @ g")],
    "tanh": [("x", "g · (1 − y · y)")],
    "sigmoid": [("x", "g · y · (1 − y)")],
    "relu": [("x", "where(x > 0, g, 0)")],
    "where": [("c", ""), ("a", "where(c, g, 0)"), ("b", "where(c, 0, g)")],
    "concatenate": [("x₁", "g[:2, :]"), ("x₂", "g[2:, :]")],
}


@pytest.mark.parametrize(("name", "rules"), RULES.items(), ids=list(RULES))
def test_a_printed_rule_is_the_textbooks(
    name: str, rules: list[tuple[str, str]]
) -> None:
    assert primitives.entry(name).rules == rules


def test_the_page_follows_the_rule_and_is_no_copy_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(REGISTRY["exp"], "backward", lambda g, y, x: (g * cr.exp(x),))
    assert primitives.entry("exp").rules == [("x", "g · exp(x)")]


def test_an_unknown_primitive_is_answered_with_the_nearest() -> None:
    with pytest.raises(OptionError) as caught:
        primitives.entry("mutliply")
    assert caught.value.fix == "did you mean 'multiply'?"
