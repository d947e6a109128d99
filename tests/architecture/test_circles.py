"""No circle of imports, whether for type checkers only or inside functions included.

Two files that need each other, even to name a type, are one file cut in two, or miss a
third that both could stand on. ``python -m tests imports`` cannot see that: it reads
the layers, and only imports that are carried out at once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source_tree import SOURCE, SourceFile, source_files

#: (file, file that it imports) → why this import has to close a circle.
ALLOWED: dict[tuple[str, str], str] = {}

Graph = dict[str, set[str]]


def module_name(file: SourceFile) -> str:
    """``nn.linear`` of ``nn/linear.py``, ``nn`` of ``nn/__init__.py``."""
    parts = file.path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(file: SourceFile, modules: set[str]) -> Iterator[str]:
    """The modules of the package that a file imports, wherever the statement stands."""
    package = list(file.path.relative_to(SOURCE).parent.parts)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("chainrule."):
                    yield alias.name.removeprefix("chainrule.")
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = package[: len(package) - node.level + 1]
        elif (node.module or "").split(".")[0] == "chainrule":
            base = []
        else:
            continue
        path = (node.module or "").removeprefix("chainrule").strip(".")
        base = [*base, *filter(None, path.split("."))]
        for alias in node.names:
            inner = ".".join([*base, alias.name])
            yield inner if inner in modules else ".".join(base)


def import_graph() -> Graph:
    """Every module of the package → the modules that it imports."""
    modules = {module_name(file) for file in source_files()}
    return {
        module_name(file): set(imported_modules(file, modules)) - {module_name(file)}
        for file in source_files()
    }


def on_circles(graph: Graph) -> list[list[str]]:
    """The groups of modules that reach each other: strongly connected components.

    By Tarjan's algorithm (1972), with a stack of its own instead of recursion.
    """
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []
    groups = []
    for root in sorted(graph):
        work = [] if root in number else [(root, iter(sorted(graph[root])))]
        while work:
            module, others = work[-1]
            if module not in number:
                number[module] = lowest[module] = len(number)
                open_.append(module)
            for other in others:
                if other not in number:
                    work.append((other, iter(sorted(graph[other]))))
                    break
                if other in open_:
                    lowest[module] = min(lowest[module], number[other])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    lowest[above] = min(lowest[above], lowest[module])
                if lowest[module] == number[module]:
                    at = open_.index(module)
                    groups.append(sorted(open_[at:]))
                    del open_[at:]
    return [group for group in groups if len(group) > 1]


def without(graph: Graph, edges: set[tuple[str, str]]) -> Graph:
    """The graph without some of its imports."""
    return {
        module: {other for other in others if (module, other) not in edges}
        for module, others in graph.items()
    }


def test_no_files_import_each_other_in_a_circle() -> None:
    assert on_circles(without(import_graph(), set(ALLOWED))) == []


def test_every_exception_is_needed_and_has_a_reason() -> None:
    graph = import_graph()
    for edge, reason in ALLOWED.items():
        assert reason
        importer, imported = edge
        assert imported in graph.get(importer, ()), f"{edge} is no import any more"
        groups = on_circles(without(graph, set(ALLOWED) - {edge}))
        assert any({*edge} <= set(group) for group in groups), f"{edge} is not needed"


def test_a_circle_is_found_wherever_its_imports_stand() -> None:
    graph = {
        "a": {"b"},
        "b": {"c"},
        "c": {"a", "d"},
        "d": set(),
        "e": {"f"},
        "f": {"e"},
    }
    assert on_circles(graph) == [["a", "b", "c"], ["e", "f"]]
    assert on_circles(without(graph, {("c", "a"), ("f", "e")})) == []
    seen = import_graph()
    assert "chainrule.models" not in seen and "models" in seen
    assert "models" in seen["loading"]  # at the top
    assert "explain.layers" in seen["explain.entrance"]  # for types, in a function
