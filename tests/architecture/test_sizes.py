"""How large the rooms are: lines of code, without blanks, comments and docstrings."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest

from tests.architecture.source_tree import SourceFile, source_files

#: What everything else stands on: tensors, the chain rule, and the compiler.
CORE = {
    "backprop", "checks", "collector", "compiler", "config", "derivatives", "dtypes",
    "errors", "gradients", "graph", "ops", "random_numbers", "shapes", "tensor", "tree",
    "variable",
}  # fmt: skip
#: The aim is 7000; a hundred more are the calls of ``compiler/repetition.py``, and a
#: hundred mixed precision.
MOST_OF_THE_CORE = 7320
#: The aim is 8400: about a thousand lines are import statements of its 100 files, and
#: 1400 are a second kind of processor, its unit for matrices and its caches, 250
#: windows that reach beyond the edge, without copies, 440 LLVM's assembly language,
#: 90 blocks of rows, 130 wide tiles, and panels that all parts read, and 40 what is
#: asked for ahead, and panels that crowd a cache.
MOST_OF_THE_NATIVE_ENGINE = 12325

#: Tokens that are no code by themselves.
LAYOUT = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


def code_lines(text: str) -> int:
    """Lines with code on them.

    Example:
        >>> code_lines('"A docstring."' + chr(10) * 2 + "x = 1  # a comment")
        1
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                first = node.body[0]
                assert first.end_lineno is not None
                lines -= set(range(first.lineno, first.end_lineno + 1))
    return len(lines)


def total(files: list[SourceFile]) -> int:
    """The code lines of some files."""
    return sum(code_lines(file.text) for file in files)


def room(file: SourceFile) -> str:
    """The first part of a file's path, without an ending."""
    return file.name.split("/")[0].removesuffix(".py")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ('"""Says what it is."""\n', 0),
        ("# why\n\nx = 1\n", 1),
        ("x = (\n    1,\n\n    # why\n    2,\n)\n", 4),
        ('def f():\n    """Docs.\n\n    More."""\n    return "a"\n', 2),
        ('x = """a\n\nb"""\n', 3),
    ],
)
def test_blanks_comments_and_docstrings_are_not_counted(text: str, count: int) -> None:
    assert code_lines(text) == count


def test_the_core_is_small() -> None:
    files = [file for file in source_files() if room(file) in CORE]
    assert {room(file) for file in files} == CORE
    assert total(files) <= MOST_OF_THE_CORE


def test_the_native_engine_is_small() -> None:
    native = "engines/native/"
    files = [file for file in source_files() if file.name.startswith(native)]
    assert 0 < total(files) <= MOST_OF_THE_NATIVE_ENGINE
