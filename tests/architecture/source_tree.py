"""The source of the package as syntax trees, for the tests beside this file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "chainrule"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class SourceFile:
    """One module of the package: where it is, its text and its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path below ``src/chainrule``, with forward slashes."""
        return self.path.relative_to(SOURCE).as_posix()

    def at(self, node: ast.AST) -> str:
        """``ops/matmul.py:41``"""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"

    def functions(self) -> Iterator[FunctionNode]:
        """Every function of the file, methods and inner functions among them."""
        for node in ast.walk(self.tree):
            if isinstance(node, FunctionNode):
                yield node

    def calls_of(self, *names: str) -> Iterator[ast.Call]:
        """Calls of these plain names: ``print(...)``, not ``graph.print(...)``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in names:
                    yield node

    def imported(self) -> Iterator[tuple[ast.AST, str]]:
        """The absolute modules this file imports, wherever the statement stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node, alias.name
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield node, node.module or ""


@cache
def source_files() -> tuple[SourceFile, ...]:
    """Every module of the package, in the order of their paths."""
    files = []
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        files.append(SourceFile(path, text, ast.parse(text, str(path))))
    return tuple(files)


def lines_of(function: FunctionNode) -> int:
    """How many lines of code a function has: its docstring is not counted."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total
