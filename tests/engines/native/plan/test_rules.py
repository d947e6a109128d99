"""Every primitive of the package has a rule by which it enters the native plan."""

from __future__ import annotations

import pytest

from chainrule.engines.native.plan.planner import Planner
from chainrule.engines.native.plan.rules import DEFAULTS, RULES, rule_of
from chainrule.ops.catalog import PRIMITIVES


@pytest.mark.parametrize("name", PRIMITIVES)
def test_no_primitive_runs_in_python(name: str) -> None:
    assert rule_of(name) is not Planner.callback


def test_what_no_rule_knows_runs_in_python() -> None:
    assert rule_of("a primitive that a user declares") is Planner.callback


def test_rules_are_for_primitives() -> None:
    assert RULES.keys() <= PRIMITIVES.keys()


def test_no_operation_has_two_defaults() -> None:
    names = [name for group, _ in DEFAULTS for name in group]
    assert len(names) == len(set(names))
