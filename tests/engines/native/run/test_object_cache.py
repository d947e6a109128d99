"""Compiled code on disk: found again, never trusted, never required."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chainrule.config import config
from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.run import object_cache
from chainrule.engines.native.run.object_cache import OUTSIDE, cached
from chainrule.recompilation.entries import folder


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path) -> Iterator[None]:
    """An empty cache."""
    before = config.cache_folder
    config.cache_folder = tmp_path
    yield
    config.cache_folder = before


def never() -> bytes:
    """A compiler that must not be asked."""
    raise AssertionError("it was compiled again")


def test_what_was_compiled_is_found_again() -> None:
    assert cached("program", lambda: b"code") == (b"code", False)
    assert cached("program", never) == (b"code", True)


def test_another_program_is_another_entry() -> None:
    cached("program", lambda: b"code")
    assert cached("another", lambda: b"other") == (b"other", False)


#: What the rooms that write code import from outside of the engine, and why it need not
#: be in the key: types, and what reaches the code through the description alone.
IN_THE_DESCRIPTION = {"config", "errors", "dtypes", "shapes", "compiler.program"}
#: The record that figures are written into, for ``explain``.
FOR_EXPLAIN = {"compiler.engine"}


def names(statement: ast.ImportFrom) -> list[str]:
    """The modules of ``from ... import a, b``."""
    return [each.name for each in statement.names]


def test_all_that_code_is_made_with_is_in_the_key(repository: Path) -> None:
    """The schedule is in the key, so what counts are the rooms that come after it."""
    native = repository / "src/chainrule/engines/native"
    found: set[str] = set()
    for room in ("choose", "abi", "write"):
        for path in (native / room).rglob("*.py"):
            depth = len(path.relative_to(native).parts)  # dots that lead to the engine
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.level > depth + 1:
                    found.update([node.module] if node.module else names(node))
    outside = {file.removesuffix(".py").replace("/", ".") for file in OUTSIDE}
    found.add("ops.elementwise")  # what is costly: they read it as plan.calls.COSTLY
    assert found == outside | IN_THE_DESCRIPTION | FOR_EXPLAIN


@pytest.mark.parametrize("what", ["DATA_OFFSET", "source_digest", "host", "llvm"])
def test_code_of_another_python_version_or_processor_is_another_entry(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached("program", lambda: b"code")
    others: dict[str, Any] = {
        "DATA_OFFSET": 32,
        "source_digest": lambda: "other",
        "host": lambda: replace(host(), features="other"),
        "llvm": SimpleNamespace(llvm_version_info=(1, 0, 0)),
    }
    monkeypatch.setattr(object_cache, what, others[what])
    assert cached("program", lambda: b"other") == (b"other", False)
    monkeypatch.undo()
    assert cached("program", never) == (b"code", True)


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data[:40] + b"?" + data[41:], lambda _: b""],
    ids=["cut", "changed", "empty"],
)
def test_a_damaged_entry_is_compiled_again(damage: object) -> None:
    cached("program", lambda: b"code" * 10)
    (entry,) = folder().glob("*.o")
    assert callable(damage)
    entry.write_bytes(damage(entry.read_bytes()))
    assert cached("program", lambda: b"new") == (b"new", False)
    assert cached("program", never) == (b"new", True)


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    config.cache_folder = blocked
    assert cached("program", lambda: b"code") == (b"code", False)
