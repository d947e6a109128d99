"""The page that shows each optimizer: formulas are whole, and the code is there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from chainrule import optim


@pytest.mark.parametrize("name", optim.ALGORITHMS)
def test_every_algorithm_has_a_whole_formula_and_its_code(
    name: str, repository: Path
) -> None:
    kind = optim.ALGORITHMS[name]
    page = (repository / "docs/optimizers-line-by-line.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"\n### {kind.__name__}\n(.*?)(?=\n##|\Z)", page, re.S)
    said, _, code = section.partition("\n```py\n")
    assert "\nFormula" in said
    if not code:
        assert re.search(r"\nThe code is that of `\w+`\.\n", said)
        return
    before = re.sub(r"\n```$", "", said.rstrip()).rstrip()
    assert not before.endswith((" and", ",", ":"))  # a sentence that goes on
    for method in ("rule", "direction", "go", "learned"):
        if method in vars(kind):
            body = inspect.getsource(getattr(kind, method)).rstrip().splitlines()[-1]
            assert body.strip() in code
