"""Rules that every file of the package keeps, read off its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

import pytest

from tests.architecture.source_tree import (
    FunctionNode,
    SourceFile,
    lines_of,
    source_files,
)

LONGEST_FILE = 600
LONGEST_FUNCTION = 60
DRAWERS = {"common", "core", "helpers", "misc", "util", "utils"}

#: Whoever may print: commands talk to the terminal, nothing else does.
PRINTERS = ("cli/", "studio/")


@pytest.fixture(params=source_files(), ids=lambda file: file.name)
def file(request: pytest.FixtureRequest) -> SourceFile:
    """Each module of the package in turn."""
    return request.param


def test_a_file_has_at_most_600_lines(file: SourceFile) -> None:
    assert file.text.count("\n") <= LONGEST_FILE


def test_a_function_has_at_most_60_lines(file: SourceFile) -> None:
    long = {
        f"{file.at(function)} {function.name}": lines_of(function)
        for function in file.functions()
        if lines_of(function) > LONGEST_FUNCTION
    }
    assert not long


def test_no_file_is_a_drawer(file: SourceFile) -> None:
    parts = file.name.removesuffix(".py").split("/")
    assert not DRAWERS.intersection(parts)


def test_the_library_does_not_print(file: SourceFile) -> None:
    if file.name.startswith(PRINTERS):
        pytest.skip("a command may print")
    assert not [file.at(call) for call in file.calls_of("print")]


def test_no_text_becomes_code(file: SourceFile) -> None:
    assert not [
        file.at(call)
        for call in file.calls_of("eval", "exec", "compile")
        if not (call.func.id == "compile" and defines_compile(file))
    ]


def defines_compile(file: SourceFile) -> bool:
    """Whether ``compile`` is this package's own name in the file, not the builtin."""
    for node in ast.walk(file.tree):
        if isinstance(node, FunctionNode) and node.name == "compile":
            return True
        if isinstance(node, ast.ImportFrom):
            if any((alias.asname or alias.name) == "compile" for alias in node.names):
                return True
    return False


def test_nothing_is_unpickled(file: SourceFile) -> None:
    picklers = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
    found = [
        file.at(node)
        for node, module in file.imported()
        if module.split(".")[0] in picklers
    ]
    found += [
        file.at(node)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.keyword)
        and node.arg == "allow_pickle"
        and not (isinstance(node.value, ast.Constant) and node.value.value is False)
    ]
    assert not found


def test_only_config_reads_the_environment(file: SourceFile) -> None:
    if file.name == "config.py":
        pytest.skip("the one reader")
    names = {"environ", "environb", "getenv", "getenvb"}
    found = []
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and node.attr in names:
            found.append(file.at(node))
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            found += [file.at(node) for alias in node.names if alias.name in names]
    assert not found


def test_an_error_always_says_something(file: SourceFile) -> None:
    """``raise ShapeError`` and ``raise ShapeError()`` tell the user nothing."""
    silent = []
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Raise) or node.exc is None:
            continue
        raised = node.exc
        if isinstance(raised, ast.Call):
            nameless = not raised.args and not raised.keywords
            named = raised.func
        else:
            nameless, named = True, raised
        name = named.attr if isinstance(named, ast.Attribute) else ast.unparse(named)
        silences = ("StopIteration", "NotImplementedError", "KeyboardInterrupt")
        if nameless and name[:1].isupper() and name not in silences:
            silent.append(f"{file.at(node)} {name}")
    assert not silent


def test_users_are_never_told_by_an_assertion(file: SourceFile) -> None:
    """An assertion vanishes under ``python -O``; a user's mistake is an error class.

    ``assert isinstance(...)`` and ``assert x is not None`` are for the type checker.
    """
    found = []
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.Assert):
            continue
        test = node.test
        narrows = isinstance(test, ast.Compare) and isinstance(
            test.ops[0], ast.IsNot | ast.Is
        )
        checks_type = isinstance(test, ast.Call) and (
            ast.unparse(test.func) in ("isinstance", "callable")
        )
        if not (narrows or checks_type):
            found.append(file.at(node))
    assert not found


def test_every_module_says_what_it_is(file: SourceFile) -> None:
    assert not file.tree.body or ast.get_docstring(file.tree)


def public_definitions(file: SourceFile) -> Iterator[tuple[str, ast.AST, str | None]]:
    """Public functions, classes and methods: (name, node, the class around it)."""
    for node in file.tree.body:
        if not isinstance(node, FunctionNode | ast.ClassDef):
            continue
        if node.name.startswith("_") or is_overload(node):
            continue
        yield node.name, node, None
        if isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, FunctionNode) and not is_overload(member):
                    if not member.name.startswith("_"):
                        yield member.name, member, node.name


def is_overload(node: FunctionNode | ast.ClassDef) -> bool:
    """Overloads and setters: their documentation stands at the first definition."""
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(
        name.endswith(("overload", ".setter", ".deleter", ".register"))
        for name in decorators
    )


@cache
def classes() -> dict[str, list[ast.ClassDef]]:
    """The classes of the package, by name."""
    found: dict[str, list[ast.ClassDef]] = {}
    for file in source_files():
        for node in file.tree.body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def documented_by_a_base(class_name: str, method: str, seen: set[str]) -> bool:
    """Whether some ancestor, found by name in the package, documents this method."""
    if class_name in seen:
        return False
    seen.add(class_name)
    for node in classes().get(class_name, []):
        for member in node.body:
            if isinstance(member, FunctionNode) and member.name == method:
                if ast.get_docstring(member):
                    return True
        bases = [ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases]
        if any(documented_by_a_base(base, method, seen) for base in bases):
            return True
    return False


def test_every_public_name_is_documented(file: SourceFile) -> None:
    missing = []
    for name, node, owner in public_definitions(file):
        if ast.get_docstring(node):  # type: ignore[arg-type]
            continue
        if owner is None or not documented_by_a_base(owner, name, set()):
            missing.append(f"{file.at(node)} {f'{owner}.' if owner else ''}{name}")
    assert not missing


def test_no_function_takes_or_hands_out_mutable_defaults(file: SourceFile) -> None:
    """A list or dictionary as a default is shared by all calls."""
    shared = []
    for function in file.functions():
        defaults = [*function.args.defaults, *function.args.kw_defaults]
        if any(isinstance(d, ast.List | ast.Dict | ast.Set) for d in defaults):
            shared.append(f"{file.at(function)} {function.name}")
    assert not shared
